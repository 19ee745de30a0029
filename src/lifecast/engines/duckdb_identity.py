"""Keys of accounts in DuckDB: written in one way, counted, and turned into links between accounts."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lifecast.arrays import Integers

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

_FORMS = {
    "email": "lower(regexp_replace({text}, '\\s', '', 'g'))",
    "phone": "regexp_replace(regexp_replace({text}, '\\D', '', 'g'), '^00([1-9])', '\\1')",
    "text": "trim({text})",
}
# What programs write where nothing is known.
_BLANK = "('', 'nan', 'none', 'null', 'n/a', 'na', '-')"

_HELD = """
    CREATE TEMP TABLE held AS
    SELECT DISTINCT code, key, value
    FROM ({parts}) JOIN accounts USING (account) WHERE lower(value) NOT IN {blank}"""

_SHARING = """
    CREATE TEMP TABLE sharing AS
    SELECT key, value, count(*) AS accounts, min(code) AS first FROM held GROUP BY key, value"""

_KEYS = """
    SELECT coalesce(CAST(sum(accounts) AS BIGINT), 0) AS accounts, count(value) AS values,
        count(*) FILTER (accounts BETWEEN 2 AND $most) AS shared,
        count(*) FILTER (accounts > $most) AS too_widely
    FROM range({keys}) AS every(key) LEFT JOIN sharing USING (key) GROUP BY key ORDER BY key"""

# Each account that has a value is linked to the first that has it: as good as to all of them.
_LINKS = """
    SELECT code, first FROM held JOIN sharing USING (key, value)
    WHERE accounts <= $most AND code <> first"""

_TOO_WIDELY = """
    SELECT key, value, accounts FROM sharing WHERE accounts > $most ORDER BY accounts DESC, key, value"""

_CLUSTERS = """
    WITH members AS (SELECT code, person, count(*) OVER (PARTITION BY person) AS accounts FROM persons),
    several AS (SELECT * FROM members WHERE accounts > 1)
    SELECT person, accounts{counts}
    FROM (SELECT DISTINCT person, accounts FROM several)
    LEFT JOIN (
        SELECT person, key, count(DISTINCT value) AS n
        FROM held JOIN several USING (code) JOIN sharing USING (key, value)
        WHERE sharing.accounts <= $most GROUP BY person, key
    ) USING (person)
    GROUP BY person, accounts ORDER BY accounts DESC, person"""


@dataclass(frozen=True)
class AccountKeys:
    """What leaves DuckDB of a table of accounts and their keys.

    `accounts` has account, sorted: a row's number is its code. `keys` has, per key in order, accounts,
    values, shared, too_widely. `links` are two arrays of codes, (link,). `shared_too_widely` has key (its
    number), value, accounts. `most` is how many accounts may share a value that links them.
    """

    connection: "DuckDBPyConnection"
    accounts: "pa.Table"
    keys: "pa.Table"
    links: tuple[Integers, Integers]
    shared_too_widely: "pa.Table"
    most: int

    def clusters(self, person: Integers) -> "pa.Table":
        """Persons with several accounts, given each account's person: person, accounts, key_0, key_1, ...

        Persons are codes; of each key, how many different values their accounts have, but for those that too
        many share.
        """
        import pyarrow as pa

        codes = np.arange(person.size)
        self.connection.register("persons", pa.table({"code": codes, "person": person}))
        counts = "".join(
            f", CAST(coalesce(max(n) FILTER (key = {i}), 0) AS BIGINT) AS key_{i}"
            for i in range(self.keys.num_rows)
        )
        sql = _CLUSTERS.format(counts=counts)
        return self.connection.sql(sql, params={"most": self.most}).to_arrow_table()


def read_keys(
    connection: "DuckDBPyConnection", account: str, types: dict[str, str], kinds: tuple[str, ...], most: int
) -> AccountKeys:
    """Read `source`, whose columns are customer_id and key_0, key_1, ...

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
    account : str
        The column customer_id as whole numbers or text, in SQL.
    types : dict of column to DuckDB type
    kinds : tuple of str
        "email", "phone" or "text" for each key.
    most : int
        How many accounts may share a value that links them.
    """
    connection.execute(
        f"""CREATE TEMP TABLE accounts AS
            SELECT account, row_number() OVER (ORDER BY account) - 1 AS code
            FROM (SELECT DISTINCT {account} AS account FROM source)"""
    )
    selected = [
        f"SELECT {account} AS account, {i} AS key, {_form(f'key_{i}', types[f'key_{i}'], kind)} AS value"
        for i, kind in enumerate(kinds)
    ]
    parts = " UNION ALL ".join(f"{part} FROM source" for part in selected)
    connection.execute(_HELD.format(parts=parts, blank=_BLANK))
    connection.execute(_SHARING)
    links = connection.execute(_LINKS, {"most": most}).fetchnumpy()
    return AccountKeys(
        connection,
        connection.sql("SELECT account FROM accounts ORDER BY code").to_arrow_table(),
        connection.sql(_KEYS.format(keys=len(kinds)), params={"most": most}).to_arrow_table(),
        (np.asarray(links["code"]), np.asarray(links["first"])),
        connection.sql(_TOO_WIDELY, params={"most": most}).to_arrow_table(),
        most,
    )


def _form(column: str, type_name: str, kind: str) -> str:
    # Numbers with gaps often come as floats: 4930123.0 has a digit too many.
    text = f"CAST({column} AS VARCHAR)"
    if type_name in {"FLOAT", "DOUBLE"}:
        text = f"CASE WHEN isfinite({column}) THEN CAST(CAST({column} AS HUGEINT) AS VARCHAR) END"
    return _FORMS[kind].format(text=text)
