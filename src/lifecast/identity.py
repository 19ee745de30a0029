"""Accounts that share a key belong to one person: joined before an RFM counts each as a customer."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Integers
from lifecast.engines.duckdb_identity import AccountKeys, read_keys
from lifecast.engines.duckdb_source import open_source
from lifecast.engines.duckdb_values import customer_column, customer_known
from lifecast.errors import DataError, SettingsError
from lifecast.transactions import existing_column

if TYPE_CHECKING:
    import pandas as pd

_KINDS = ("email", "phone", "text")
_LOOKS_LIKE = {
    "email": re.compile("mail", re.I),
    "phone": re.compile("phone|mobile|tel|cell|fax|handy", re.I),
}


@dataclass(frozen=True)
class Identities:
    """Which accounts belong to the same customer, and what speaks against it.

    Attributes
    ----------
    accounts : DataFrame
        One row per account, sorted: ``account``, ``customer_id`` (the smallest account of the same customer).
    keys : DataFrame
        One row per key: ``key``, ``kind``, ``accounts`` (that have one), ``values`` (different ones),
        ``shared`` (values of several accounts, which join them), ``too_widely`` (values of more accounts than
        `max_sharing`, which join nobody).
    clusters : DataFrame
        One row per customer with several accounts, the largest first: ``customer_id``, ``accounts``, and for
        each key how many different values they have.
    shared_too_widely : DataFrame
        The values that join nobody: ``key``, ``value`` (as compared), ``accounts``; the most shared first.
    max_sharing : int
    """

    accounts: "pd.DataFrame"
    keys: "pd.DataFrame"
    clusters: "pd.DataFrame"
    shared_too_widely: "pd.DataFrame"
    max_sharing: int

    @property
    def conflicts(self) -> "pd.DataFrame":
        """The clusters whose accounts have different values of some key: second addresses, or two people."""
        return self.clusters[(self.clusters[list(self.keys["key"])] > 1).any(axis=1)]

    @property
    def giants(self) -> "pd.DataFrame":
        """The clusters of more accounts than any one value may join: chains, which deserve a look."""
        return self.clusters[self.clusters["accounts"] > self.max_sharing]

    def customer_of(self, account: Any) -> "pd.Series":
        """The customer of each account of a column, (row,); an account that is not known is its own.

        Examples
        --------
        >>> import pandas as pd
        >>> table = pd.DataFrame({"account": [7, 3], "email": ["a@b.example", "A@b.example "]})
        >>> join_identities(table, keys=["email"]).customer_of([7, 3, 5]).tolist()
        [3, 3, 5]
        """
        import pandas as pd

        given = pd.Series(account)
        if isinstance(given.dtype, pd.CategoricalDtype):
            given = given.astype(given.cat.categories.dtype)
        place = pd.Index(self.accounts["account"]).get_indexer(pd.Index(given))
        customer = self.accounts["customer_id"].to_numpy()[place]  # of the last one where there is none
        return given.mask(place >= 0, customer).rename("customer_id")

    def __str__(self) -> str:
        customers = self.accounts["customer_id"].nunique()
        several = int(self.clusters["accounts"].sum())
        lines = [
            f"{len(self.accounts):>12,}  accounts",
            f"{customers:>12,}  customers",
            f"{len(self.clusters):>12,}  of them with several accounts, {several:,} in all",
            f"{len(self.conflicts):>12,}  of them with different values of a key",
            f"{len(self.giants):>12,}  of them with more than {self.max_sharing} accounts",
            f"{len(self.shared_too_widely):>12,}  values shared by more than {self.max_sharing} accounts: "
            "these join nobody",
        ]
        worst = self.shared_too_widely.head(3)
        shown = zip(worst["key"], worst["value"], worst["accounts"], strict=True)
        lines += [f"{count:>12,}  {key} {value!r}" for key, value, count in shown]
        return "\n".join(lines)


def join_identities(
    table: Any, *, keys: Sequence[str] | Mapping[str, str], account: str = "account", max_sharing: int = 10
) -> Identities:
    """Find the accounts that belong to one customer: those linked by shared keys, over any number of steps.

    Parameters
    ----------
    table : DataFrame, Arrow table, DuckDB relation, or path
        As in `rfm_summary`: one row per account, or per line of a log; an account may have several rows.
    keys : sequence of str, or mapping of str to kind
        Columns that tell who it is. Kinds: "email" (case and blanks do not matter), "phone" (only digits
        matter, and a leading 00 is a plus sign), "text" (blanks at the ends do not matter); by default, as
        the column's name suggests. Missing values, blanks, and words such as "null" or "n/a" are no keys.
    account : str, default "account"
        The column of accounts. An order without an account can stand under its own number.
    max_sharing : int, default 10
        A value of more accounts than that, such as unknown@shop.example, joins nobody, and is reported. Where
        accounts are single orders of guests, who may make many, pass more.

    Returns
    -------
    Identities
        The same whatever the order of rows.

    Raises
    ------
    DataError
        Where rows have no account, or the table is empty.
    SettingsError
        Where an argument names no column or no kind of key.

    Examples
    --------
    >>> from lifecast.datasets import simulate_shop
    >>> shop = simulate_shop(customers=1000, random_seed=1)
    >>> people = join_identities(shop.identities, keys=["email", "phone", "loyalty_card"])
    >>> log = shop.log.assign(customer_id=people.customer_of(shop.log["account"]))
    >>> shop.log["account"].nunique() > log["customer_id"].nunique() >= 950
    True

    Notes
    -----
    Connected components of the graph of accounts and values, by breadth-first search; linear in the rows.
    A shared value is evidence, not proof: a family may share a phone. Look at `conflicts`.
    """
    import duckdb

    kinds = _kinds(keys)
    if max_sharing < 2:
        raise SettingsError(f"max_sharing={max_sharing}: needed at least 2, or no value would join anybody.")
    source = open_source(table)
    names = {"customer_id": existing_column(source.columns, account, "account")}
    names |= {f"key_{i}": existing_column(source.columns, key, "keys") for i, key in enumerate(kinds)}
    try:
        source.attach(names)
        types = {
            name: str(kind) for name, kind, *_ in source.connection.execute("DESCRIBE source").fetchall()
        }
        _check_accounts(source.connection, types["customer_id"], account)
        column = customer_column(source.connection, types["customer_id"], account, source.typed)
        found = read_keys(source.connection, column, types, tuple(kinds.values()), max_sharing)
    except duckdb.Error as error:
        raise DataError(f"The table cannot be read. DuckDB says: {str(error).splitlines()[0]}") from error
    return _identities(found, kinds, max_sharing)


def _kinds(keys: Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    if isinstance(keys, str) or not len(keys):
        raise SettingsError(f"keys={keys!r}: needed a list of columns, such as ['email', 'phone'].")
    if not isinstance(keys, Mapping):
        keys = {
            key: next((kind for kind, pattern in _LOOKS_LIKE.items() if pattern.search(str(key))), "text")
            for key in keys
        }
    for key, kind in keys.items():
        if kind not in _KINDS:
            raise SettingsError(
                f"keys: {key!r} is said to be a {kind!r}. Needed: 'email', 'phone' or 'text'."
            )
    return dict(keys)


def _check_accounts(connection: Any, kind: str, name: str) -> None:
    rows, known = connection.execute(
        f"SELECT count(*), count(*) FILTER ({customer_known(kind)}) FROM source"
    ).fetchall()[0]
    if rows == 0:
        raise DataError("The table has no rows. Pass one row per account.")
    if known < rows:
        raise DataError(
            f"{rows - known:,} of {rows:,} rows have no account in {name!r}. Give each a name of its own: "
            "the number of the order, say."
        )


def _identities(found: AccountKeys, kinds: dict[str, str], max_sharing: int) -> Identities:
    import pandas as pd

    first = _first_of_component(found.accounts.num_rows, *found.links)
    accounts = found.accounts.to_pandas()
    accounts["customer_id"] = accounts["account"].to_numpy()[first]
    counts = found.keys.to_pandas()
    report = pd.DataFrame({"key": list(kinds), "kind": list(kinds.values())}).join(counts)
    clusters = (
        found.clusters(first).to_pandas().rename(columns={f"key_{i}": key for i, key in enumerate(kinds)})
    )
    clusters.insert(0, "customer_id", accounts["account"].to_numpy()[clusters.pop("person")])
    widely = found.shared_too_widely.to_pandas()
    widely["key"] = np.array(list(kinds), dtype=object)[widely["key"].to_numpy()]
    return Identities(accounts, report, clusters, widely, max_sharing)


def _first_of_component(count: int, one: Integers, other: Integers) -> Integers:
    """For each of so many nodes, the smallest node that links, in any number of steps, connect it to."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(one.size, np.int8), (one, other)), shape=(count, count))
    components, label = connected_components(graph, directed=False)
    first = np.empty(components, np.int64)
    first[label[::-1]] = np.arange(count - 1, -1, -1)  # of equal places the last assigned stays: the smallest
    smallest: Integers = first[label]
    return smallest
