"""How the values of a log's columns read in SQL: customers, days, amounts, attributes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lifecast.errors import DataError, SettingsError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}

# Numbers that are not written plainly, yet can mean but one thing: what all of a column look like, what at
# least one has to look like, and the number in SQL. 1,234 alone may be either.
_WRITTEN = (
    (r"-?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?", r",\d{1,2}$|\.\d{3},\d", "replace(replace({}, '.', ''), ',', '.')"),
    (r"-?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?", r",\d{3}\.\d", "replace({}, ',', '')"),
)


def first_value(connection: "DuckDBPyConnection", read: str, column: str, condition: str) -> str:
    """A column's value in the first line of which the condition holds, to be shown."""
    # By FILTER: for WHERE, DuckDB trusts a Parquet file's bounds, which are silent on NaN.
    found = connection.execute(f"SELECT first({column}) FILTER ({condition}) FROM {read}").fetchall()[0][0]
    return "missing" if found is None else repr(found)


def customer_known(kind: str) -> str:
    """Whether a line of `source` names its customer, in SQL."""
    if kind in {"FLOAT", "DOUBLE"}:
        # Not by isnan(): for WHERE, DuckDB trusts a Parquet file's bounds, which are silent on NaN.
        return "(TRY_CAST(customer_id AS BIGINT) IS NOT NULL)"
    if kind in _WHOLE:
        return "(customer_id IS NOT NULL)"
    return "coalesce(trim(CAST(customer_id AS VARCHAR)) <> '', false)"


def called_nobody(kind: str, names: Sequence[str]) -> str:
    """Whether a line's customer has one of these names, in small letters, in SQL."""
    if kind != "VARCHAR" and not kind.startswith("ENUM"):
        return "false"
    listed = ", ".join(f"'{name}'" for name in names)
    return f"(lower(trim(CAST(customer_id AS VARCHAR))) IN ({listed}))"


def customer_column(connection: "DuckDBPyConnection", kind: str, name: str, typed: bool) -> str:
    """The customer id as a whole number or text. Whole numbers with gaps often come as floats."""
    if kind in {"FLOAT", "DOUBLE"}:
        odd = "NOT isnan(customer_id) AND (customer_id <> trunc(customer_id) OR abs(customer_id) > 9e15)"
        if connection.execute(f"SELECT count(*) FILTER ({odd}) FROM source").fetchall()[0][0]:
            raise DataError(
                f"Customer ids in {name!r} are not whole numbers (first: "
                f"{first_value(connection, 'source', 'customer_id', odd)}). Pass whole numbers or text."
            )
        return "TRY_CAST(customer_id AS BIGINT)"
    if kind in _WHOLE:
        return "CAST(customer_id AS BIGINT)"
    if not typed:
        return recognised(connection, "customer_id", ("BIGINT",))
    return "customer_id" if kind == "VARCHAR" else "CAST(customer_id AS VARCHAR)"


def recognised(connection: "DuckDBPyConnection", column: str, kinds: tuple[str, ...]) -> str:
    """A column of text as the first of the kinds that loses nothing: 007 is not written as 7, so it stays."""
    for kind in kinds:
        parsed = f"TRY_CAST({column} AS {kind})"
        lost = (
            f"CAST({parsed} AS VARCHAR) IS DISTINCT FROM {column}"
            if kind == "BIGINT"
            else f"{parsed} IS NULL"
        )
        sql = f"SELECT count(*) FROM source WHERE {column} IS NOT NULL AND trim({column}) <> '' AND {lost}"
        if not connection.execute(sql).fetchall()[0][0]:
            return parsed
    return column


def written_number(connection: "DuckDBPyConnection", column: str) -> str | None:
    """A column of text as numbers that are not written plainly, in SQL; None where there is doubt."""
    text = f"trim({column})"
    for every, some, plain in _WRITTEN:
        others, telling = connection.execute(
            f"""SELECT count(*) FILTER (NOT regexp_full_match({text}, $every)),
                count(*) FILTER (regexp_matches({text}, $some)) FROM source WHERE {text} <> ''""",
            {"every": every, "some": some},
        ).fetchall()[0]
        if telling and not others:
            return f"TRY_CAST({plain.format(text)} AS DOUBLE)"
    return None


def attribute_value(connection: "DuckDBPyConnection", column: str, kind: str, typed: bool) -> str:
    """An attribute as what it holds: numbers, or text."""
    if kind.startswith("ENUM"):  # whose order is that of its codes
        return f"CAST({column} AS VARCHAR) AS {column}"
    return column if typed else f"{recognised(connection, column, ('BIGINT', 'DOUBLE'))} AS {column}"


def day_of(kind: str, name: str, date_format: str | None) -> str:
    """The day of a date, a time, or a text that is one."""
    if kind == "DATE":
        return "date"
    if kind.startswith("TIMESTAMP"):
        return "CAST(date AS DATE)"
    if date_format is not None and (kind == "VARCHAR" or kind in _WHOLE):
        pattern = date_format.replace("'", "''")
        return f"CAST(try_strptime(CAST(date AS VARCHAR), '{pattern}') AS DATE)"
    if kind == "VARCHAR":
        return "CAST(TRY_CAST(date AS TIMESTAMP) AS DATE)"
    hint = " or pass date_format='%Y%m%d'" if kind in _WHOLE else ""
    raise SettingsError(f"date={name!r} is a column of {kind}, not of dates. Choose another column{hint}.")


def money_of(kind: str, name: str) -> str:
    """The amount as a number."""
    if kind == "VARCHAR":
        return "TRY_CAST(amount AS DOUBLE)"
    if kind in _WHOLE | {"UBIGINT", "HUGEINT", "UHUGEINT", "FLOAT", "DOUBLE"} or kind.startswith("DECIMAL"):
        return "CAST(amount AS DOUBLE)"
    raise SettingsError(f"amount={name!r} is a column of {kind}, not of numbers. Choose another column.")
