"""Logs that DuckDB can scan: open one, check every line, and reduce it to one row per customer in SQL.

Lines stay in DuckDB; only counts and the per-customer table leave it. The names in the SQL are ours: the
log's own columns, however they are called, are renamed when the log is opened.

Money is added up in whole numbers, so that sums do not depend on the order of rows or on threads: an amount
is counted in units of 2^-61 of the largest one (rounded up to a power of two), where doubles of ordinary
logs are exact, and sums are HUGEINT. The same holds for logarithms of amounts, in units of 2^-50. For their
spread within a customer they are rounded to units of 2^-25, whose squares are whole numbers too: large sums
may cancel.
"""

import glob
import math
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from lifecast.errors import DataError, SettingsError

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

_PARQUET = (".parquet", ".pq")
_CSV = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".csv.zst", ".tsv.zst")
_LOG_UNITS = 2.0**50
_COARSE_UNITS = 2.0**25

_PARAMETER = re.compile(r"\$(\w+)")
_UNITS = "CAST(amount * $scale AS BIGINT)"
# The days of a block are counted from Monday 1970-01-05, so that blocks of 7 days are calendar weeks.
_BLOCK = "CAST(floor((day - DATE '1970-01-05') / $merge_days) AS BIGINT)"

# A return undoes the customer's latest purchases that are not yet undone, as on a stack. The height of the
# stack after a block is the running sum, pushed up wherever it would fall below zero (returns of things
# bought before the log). Of a block's purchase remains what no later block digs into: the lowest height from
# there on, less the height below it. Only customers with a return take these windows. Sums of decimals that
# cancel leave dust, which is swept away.
_NET_PURCHASES = f"""
    WITH blocks AS MATERIALIZED (
        SELECT customer_id, {_BLOCK} AS block, min(day) FILTER (amount >= 0) AS day,
            sum({_UNITS}) AS money, sum({_UNITS}) FILTER (amount >= 0) AS gross,
            bool_or(amount < 0) AS returned
        FROM {{lines}} GROUP BY customer_id, {_BLOCK}),
    returners AS (SELECT DISTINCT customer_id FROM blocks WHERE returned),
    sums AS (
        SELECT *, sum(money) OVER (PARTITION BY customer_id ORDER BY block) AS total
        FROM blocks SEMI JOIN returners USING (customer_id)),
    heights AS (
        SELECT *, total - least(0, min(total) OVER (PARTITION BY customer_id ORDER BY block)) AS height
        FROM sums),
    remains AS (
        SELECT *, min(height) OVER (PARTITION BY customer_id ORDER BY block DESC)
            - coalesce(lag(height) OVER (PARTITION BY customer_id ORDER BY block), 0) AS remain FROM heights)
    SELECT customer_id, day, CASE WHEN remain > gross * 1e-9 THEN remain ELSE 0 END AS money
    FROM remains WHERE day IS NOT NULL
    UNION ALL
    SELECT customer_id, day, money FROM blocks ANTI JOIN returners USING (customer_id)"""

_CUSTOMERS = """
    SELECT customer_id, count(*) - 1 AS frequency, min(day) AS first_day, max(day) - min(day) AS recency_days
    FROM ({bought}) GROUP BY customer_id"""
# A repeat purchase is any but the first: the sums over all purchases, less the first one's share.
_LOGARITHM = "CASE WHEN {money} > 0 THEN CAST(ln({money} / $scale) * $log_units AS BIGINT) ELSE 0 END"
_COARSE = "CASE WHEN {money} > 0 THEN CAST(ln({money}) * $coarse_units AS BIGINT) ELSE 0 END"
_CUSTOMERS_WITH_MONEY = f"""
    SELECT customer_id, purchases - 1 AS frequency, first_day, last_day - first_day AS recency_days,
        (all_money - first_money) / $scale AS repeat_amount,
        positive - CAST(first_money > 0 AS BIGINT) AS positive_repeats,
        (logarithms - {_LOGARITHM.format(money="first_money")}) / $log_units AS repeat_logarithms,
        (positive_repeats * (squares - first_coarse * first_coarse)
            - (coarse_sum - first_coarse) * (coarse_sum - first_coarse))
            / ($coarse_units * $coarse_units) AS repeat_log_squares,
        all_money, purchases - positive AS zero_purchases
    FROM (
        SELECT *, {_COARSE.format(money="first_money")} AS first_coarse
        FROM (
            SELECT customer_id, count(*) AS purchases, min(day) AS first_day, max(day) AS last_day,
                sum(money) AS all_money, arg_min(money, day) AS first_money,
                count(*) FILTER (money > 0) AS positive, sum(logarithm) AS logarithms,
                sum(coarse) AS coarse_sum, sum(coarse * coarse) AS squares
            FROM (
                SELECT *, {_LOGARITHM.format(money="money")} AS logarithm,
                    {_COARSE.format(money="money")} AS coarse
                FROM ({{bought}}))
            GROUP BY customer_id))"""
# Small counts are kept in few bytes, and read as BIGINT.
_SMALL = ("frequency", "recency_days", "positive_repeats", "zero_purchases")
# Customers are summed up in parts of about so many lines: what a part needs fits into caches and memory.
LINES_OF_A_PART = 1_000_000
MOST_PARTS = 16  # each reads the log once


@dataclass(frozen=True)
class Source:
    """An opened log: its column names, and how to show some of them to DuckDB under our own names.

    `attach({"customer_id": "Kunde"})` makes `source`, a view or table with the column `customer_id`. `typed`
    is False where the file holds nothing but text (CSV), so that numbers have yet to be recognised.
    """

    connection: "DuckDBPyConnection"
    columns: tuple[str, ...]
    attach: Callable[[Mapping[str, str]], None]
    typed: bool


@dataclass(frozen=True)
class CustomerTables:
    """What is to leave DuckDB: one row per customer, and the counts of the report; and the way back.

    `periods` has period (from 0), purchases (and value) of the holdout, without empty periods. `ask` knows
    the table `customers` (customer_id, frequency, first_day, ...), for more questions; `net` is whether
    purchases up to the end are net of returns.
    """

    periods: "pa.Table | None"
    counts: Mapping[str, Any]
    ask: "Ask"
    net: bool
    _whole: "Ask"
    _select: str

    def customers(self, rows: int, in_order: bool = False) -> "Iterator[pa.RecordBatch]":
        """The customers, so many at a time, in no order or in that of their ids.

        They have customer_id, frequency, first_day, recency_days; with amounts also repeat_amount,
        positive_repeats, repeat_logarithms, repeat_log_squares (the sum of the logarithms' squared distances
        from their mean, times their number); with a holdout held_frequency (and held_value); each attribute,
        and whether it changed.
        """
        order = " ORDER BY customer_id" if in_order else ""
        yield from self._whole.reader(f"{self._select}{order}", rows)


def quote(identifier: str) -> str:
    """Quote a name for SQL, whatever is in it."""
    return '"' + identifier.replace('"', '""') + '"'


def open_source(log: Any) -> Source:
    """Open a log of any kind that DuckDB can scan, without reading its lines yet.

    Raises
    ------
    DataError
        Where a file is missing or unreadable.
    SettingsError
        Where the log is of no known kind.
    """
    import duckdb
    import pyarrow as pa

    if isinstance(log, str | os.PathLike):
        return _open_files(os.fspath(log))
    if isinstance(log, duckdb.DuckDBPyRelation):
        # A projection runs in the user's own connection and leaves nothing there, unlike a named view.
        return _open_arrow(log.columns, lambda names: log.project(", ".join(map(quote, _originals(names)))))
    kind = type(log).__module__.partition(".")[0]
    if kind == "pandas" and hasattr(log, "columns"):
        return _open_arrow(log.columns, lambda names: _from_pandas(log, names))
    if kind == "polars" and hasattr(log, "lazy"):
        frame = log.lazy()
        columns = frame.collect_schema().names()
        return _open_arrow(columns, lambda names: frame.select(_originals(names)).collect().to_arrow())
    if isinstance(log, pa.Table):
        return _open_arrow(log.column_names, lambda names: log)
    if hasattr(log, "__arrow_c_stream__"):
        reader = pa.RecordBatchReader.from_stream(log)
        return _open_arrow(reader.schema.names, lambda names: reader)
    raise SettingsError(
        f"A log of type {kind}.{type(log).__qualname__} cannot be read. Pass a pandas or polars "
        "DataFrame, an Arrow table, a DuckDB relation, or the path of a Parquet or CSV file (or a glob)."
    )


def connect(**config: Any) -> "DuckDBPyConnection":
    """Open a private database in memory, with these settings of DuckDB's besides ours."""
    import duckdb

    # Out of memory, DuckDB spills to disk: beside the system's other temporary files, not into the working
    # folder.
    connection = duckdb.connect(
        config={"temp_directory": os.path.join(tempfile.gettempdir(), "lifecast-duckdb")} | config
    )
    connection.execute("SET TimeZone = 'UTC'")
    # In Jupyter without ipywidgets the bar is off, and DuckDB refuses to be told so.
    if connection.execute("SELECT current_setting('enable_progress_bar')").fetchall() == [(True,)]:
        connection.execute("SET enable_progress_bar = false")
    return connection


def limit_memory(connection: "DuckDBPyConnection", memory_limit: str | None) -> None:
    """Let a database use no more memory than this; beyond, it spills to disk.

    Raises
    ------
    SettingsError
        The limit cannot be understood.
    """
    import duckdb

    if memory_limit is None:
        return
    try:
        connection.execute("SET memory_limit = $limit", {"limit": memory_limit})
    except duckdb.Error as error:
        raise SettingsError(
            f"memory_limit={memory_limit!r} is no amount of memory ({str(error).splitlines()[0]}). Pass a "
            "text such as '4GB'."
        ) from error


def _projection(names: Mapping[str, str]) -> str:
    return ", ".join(f"{quote(original)} AS {quote(name)}" for name, original in names.items())


def _originals(names: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys(names.values()))


def _open_files(path: str) -> Source:
    import duckdb

    connection = connect()
    # A file whose name holds a bracket or a star is that file, not a pattern.
    pattern = glob.escape(path) if os.path.isfile(path) else path
    try:
        if path.lower().endswith(_PARQUET):
            files = connection.read_parquet(pattern, union_by_name=True)
        elif path.lower().endswith(_CSV):
            # As text: DuckDB would guess 01/02/2003 to be some date, and read the customer 007 as 7. Told
            # what quotes are: those that begin after the lines that it looks at would be part of the values.
            files = connection.read_csv(
                pattern, header=True, all_varchar=True, union_by_name=True, quotechar='"'
            )
        else:
            raise SettingsError(
                f"{path!r} is not named like a Parquet or CSV file ({', '.join(_PARQUET + _CSV)}). Rename "
                "the file, or pass a glob such as 'folder/*.parquet'."
            )
        columns = tuple(files.columns)
    except (duckdb.Error, RuntimeError, UnicodeError) as error:  # the latter: names that are no text
        raise DataError(f"{path!r} cannot be read as a log: {error}") from error

    def attach(names: Mapping[str, str]) -> None:
        files.project(_projection(names)).create_view("source")

    return Source(connection, columns, attach, typed=path.lower().endswith(_PARQUET))


def _open_arrow(columns: Any, select: Callable[[Mapping[str, str]], Any]) -> Source:
    """Open something that hands out Arrow data: `select(names)` gives it, still under its own names."""
    import pyarrow as pa

    connection = connect()

    def attach(names: Mapping[str, str]) -> None:
        data = select(names)
        if isinstance(data, pa.Table):  # renamed here: DuckDB does not tell "Date" from "date"
            data = pa.table([data.column(original) for original in names.values()], names=list(names))
            connection.register("source", data)
            return
        reader = pa.RecordBatchReader.from_stream(data)  # can be read once only
        connection.register("stream", reader)
        connection.execute(f"CREATE TEMP TABLE source AS SELECT {_projection(names)} FROM stream")
        connection.unregister("stream")

    return Source(connection, tuple(columns), attach, typed=True)


def _from_pandas(frame: Any, names: Mapping[str, str]) -> "pa.Table":
    import pyarrow as pa

    try:
        return pa.Table.from_pandas(frame[_originals(names)], preserve_index=False)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError) as error:
        raise DataError(
            "A column of the DataFrame mixes kinds of values, or holds some that a table cannot keep: "
            f"{error}. Convert it first, to text say."
        ) from error


@dataclass(frozen=True)
class SummaryQuery:
    """One question to a log whose checked `lines` are customer_id, day[, amount][, attributes].

    Lines to `end` count, and those to `held_end` for the holdout; lines of one block of `merge_days` days
    merge. `unit_days` is the length of the holdout's periods, `largest_amount` the scale of money (None: no
    amounts).
    """

    end: date
    held_end: date | None
    merge_days: int
    unit_days: float
    returns: str
    largest_amount: float | None
    attributes: tuple[str, ...]

    @property
    def money_scale(self) -> float:
        """Whole units of money per unit of the log's currency."""
        _, exponent = math.frexp(self.largest_amount or 0.0)
        return 2.0 ** min(61 - exponent, 1000)


@contextmanager
def damage_told() -> Iterator[None]:
    """Turn what DuckDB finds wrong with a log's lines, which it may read at any time, into an error of ours.

    Raises
    ------
    DataError
    """
    import duckdb

    try:
        yield
    except (duckdb.Error, RuntimeError, UnicodeError) as error:  # the latter: names that are no text
        raise DataError(f"The log cannot be read. DuckDB says: {str(error).splitlines()[0]}") from error


class Ask:
    """Runs SQL with the query's settings bound to the names that it mentions."""

    def __init__(self, connection: "DuckDBPyConnection", query: SummaryQuery) -> None:
        self.connection, self.query, self.money = connection, query, query.largest_amount is not None
        units = {"log_units": _LOG_UNITS, "coarse_units": _COARSE_UNITS, "scale": query.money_scale}
        self._values = asdict(query) | units

    def run(self, sql: str, **values: Any) -> None:
        """Run a statement that gives no answer."""
        with damage_told():
            self.connection.execute(sql, self._mentioned(sql, self._values | values))

    def row(self, sql: str, **values: Any) -> dict[str, Any]:
        """The one row of an answer, by column name."""
        return dict(self.table(sql, **values).to_pylist()[0])

    def table(self, sql: str, **values: Any) -> "pa.Table":
        """An answer of any number of rows."""
        with damage_told():
            return self.connection.sql(
                sql, params=self._mentioned(sql, self._values | values)
            ).to_arrow_table()

    def reader(self, sql: str, rows: int) -> "pa.RecordBatchReader":
        """An answer that comes so many rows at a time."""
        return self.connection.sql(sql, params=self._mentioned(sql, self._values)).to_arrow_reader(rows)

    @staticmethod
    def _mentioned(sql: str, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: values[name] for name in set(_PARAMETER.findall(sql))}


def summarise(connection: "DuckDBPyConnection", query: SummaryQuery) -> CustomerTables:
    """Reduce checked lines to one row per customer."""
    whole = Ask(connection, query)
    counts = whole.row(_count_lines(whole))
    # Up to the end money has a scale of its own: no digit of it may depend on what came later.
    ask = Ask(connection, replace(query, largest_amount=counts.pop("largest_amount", None)))
    net = query.returns == "net" and counts["returned_lines"] > 0
    net_held = query.returns == "net" and counts["held_returned_lines"] > 0
    keep_customers(ask, net, min(1 + counts["lines_used"] // LINES_OF_A_PART, MOST_PARTS))
    counts |= ask.row(_count_purchases(ask))

    columns = "customers.* EXCLUDE (all_money, zero_purchases)" if ask.money else "customers.*"
    joins, periods = "", None
    if query.held_end is not None:
        held = f"SELECT * FROM ({purchases(whole, net_held)}) SEMI JOIN customers USING (customer_id)"
        whole.run(f"CREATE TEMP TABLE held AS {held}", after=query.end, until=query.held_end)
        value = ", CAST(sum(money) AS DOUBLE) / $scale AS value" if ask.money else ""
        period = "CAST(ceil((day - $end) / $unit_days) AS BIGINT) - 1 AS period"
        periods = whole.table(
            f"SELECT {period}, count(*) AS purchases{value} FROM held GROUP BY ALL ORDER BY ALL"
        )
        joins += f"""
            LEFT JOIN (SELECT customer_id, count(*) AS purchases{value} FROM held GROUP BY ALL) AS later
            USING (customer_id)"""
        columns += ", coalesce(later.purchases, 0) AS held_frequency"
        columns += ", coalesce(later.value, 0.0) AS held_value" if ask.money else ""
    if query.attributes:
        joins += " LEFT JOIN traits USING (customer_id)"
        columns += "".join(f", traits.{name}, traits.{name}_changed" for name in query.attributes)
    return CustomerTables(periods, counts, ask, net, whole, f"SELECT {columns} FROM customers{joins}")


def keep_customers(ask: Ask, net: bool, parts: int = 1) -> None:
    """Make the table `customers` of the `lines`, one row each, and `traits` of their attributes.

    In so many parts, so that no more is held in memory at a time than a part takes.
    """
    sums = _CUSTOMERS_WITH_MONEY if ask.money else _CUSTOMERS
    small = _SMALL if ask.money else _SMALL[:2]
    for part in range(parts):
        mine = f"hash(customer_id) % {parts} = {part}" if parts > 1 else None
        customers = sums.format(bought=purchases(ask, net, only=mine))
        narrow = ", ".join(f"CAST({name} AS INTEGER) AS {name}" for name in small)
        make = "CREATE TEMP TABLE kept_customers AS" if part == 0 else "INSERT INTO kept_customers"
        ask.run(f"{make} SELECT * REPLACE ({narrow}) FROM ({customers})", after=date.min, until=ask.query.end)
    wide = ", ".join(f"CAST({name} AS BIGINT) AS {name}" for name in small)
    ask.run(f"CREATE TEMP VIEW customers AS SELECT * REPLACE ({wide}) FROM kept_customers")
    if ask.query.attributes:
        ask.run(f"CREATE TEMP TABLE traits AS {_traits(ask.query.attributes)}")


def _count_lines(ask: Ask) -> str:
    held_end = "$held_end" if ask.query.held_end else "$end"
    counts = f"""count(*) FILTER (day <= $end) AS lines_used,
        count(*) FILTER (day > $end AND day <= {held_end}) AS held_lines,
        count(*) FILTER (day > {held_end}) AS later_lines"""
    returned = "amount < 0 AND day <= $end"
    if ask.money:
        counts += f""", count(*) FILTER ({returned}) AS returned_lines,
            max(abs(amount)) FILTER (day <= $end) AS largest_amount,
            count(*) FILTER (amount < 0 AND day > $end AND day <= {held_end}) AS held_returned_lines,
            coalesce(-sum({_UNITS}) FILTER ({returned}), 0) / $scale AS returned_amount,
            coalesce(sum({_UNITS}) FILTER (day <= $end), 0) / $scale AS net_amount"""
    else:
        counts += ", 0 AS returned_lines, 0 AS held_returned_lines"
    return f"SELECT {counts} FROM lines"


def _count_purchases(ask: Ask) -> str:
    """Count what was bought, and the customers who are left out because they first bought after the end."""
    buys = "day > $end" + (" AND amount >= 0" if ask.money else "")
    late = f"SELECT DISTINCT customer_id FROM lines ANTI JOIN customers USING (customer_id) WHERE {buys}"
    money = """, CAST(sum(zero_purchases) AS BIGINT) AS zero_purchases,
        sum(all_money) / $scale AS purchased_amount"""
    return f"""SELECT CAST(sum(frequency + 1) AS BIGINT) AS purchases,
        (SELECT count(*) FROM ({late})) AS late_customers{money if ask.money else ""} FROM customers"""


def purchases(ask: Ask, net: bool, whose: str | None = None, only: str | None = None) -> str:
    """One row per customer and block with a purchase in it: customer_id, day, and money if there is any.

    Of the customers in the table `whose`, or of `only` those that a condition holds for, where given; after
    the day $after, up to $until.
    """
    lines = "lines" if whose is None else f"lines SEMI JOIN {whose} USING (customer_id)"
    lines += " WHERE day > $after AND day <= $until" + ("" if net or not ask.money else " AND amount >= 0")
    lines += "" if only is None else f" AND {only}"
    money = f", sum({_UNITS}) AS money" if ask.money else ""
    if net:
        return _NET_PURCHASES.format(lines=lines)
    if ask.query.merge_days == 1:
        return f"SELECT customer_id, day{money} FROM {lines} GROUP BY customer_id, day"
    return f"SELECT customer_id, min(day) AS day{money} FROM {lines} GROUP BY customer_id, {_BLOCK}"


def _traits(attributes: tuple[str, ...]) -> str:
    """The first known value of each attribute up to the end, the smallest of them on the first day."""
    values = "".join(
        f""", min({{'day': day, 'value': {name}}}) FILTER ({name} IS NOT NULL).value AS {name},
        min({name}) IS DISTINCT FROM max({name}) AS {name}_changed"""
        for name in attributes
    )
    return f"SELECT customer_id{values} FROM lines WHERE day <= $end GROUP BY customer_id"
