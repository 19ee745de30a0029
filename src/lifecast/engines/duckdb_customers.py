"""One row per customer of a checked log, beside it in DuckDB; and the counts of the report."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lifecast.engines.duckdb import damage_told
from lifecast.engines.duckdb_purchases import purchases
from lifecast.engines.duckdb_query import UNITS, Ask, SummaryQuery
from lifecast.engines.duckdb_sums import TOTAL, sum_up

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

# Small counts are kept in few bytes, and read as BIGINT.
_BARE = """
    customer_id, CAST(frequency AS BIGINT) AS frequency, first_day,
    CAST(recency_days AS BIGINT) AS recency_days"""
_WITH_MONEY = f"""
    {_BARE}, repeat_amount, CAST(positive_repeats AS BIGINT) AS positive_repeats, repeat_logarithms,
    repeat_log_squares, CAST({TOTAL[0]} AS HUGEINT) * 4294967296 + {TOTAL[1]} AS all_money,
    CAST(zero_purchases AS BIGINT) AS zero_purchases"""
# Lines are sorted in parts of about so many: what a part needs fits into memory.
LINES_OF_A_PART = 5_000_000
MOST_PARTS = 16


@dataclass(frozen=True)
class CustomerTables:
    """What is to leave DuckDB: one row per customer, and the counts of the report; and the way back.

    `periods` has period (from 0), purchases (and value) of the holdout, without empty periods. `ask` knows
    the table `customers` (customer_id, frequency, first_day, ...), for more questions; `net` is whether
    purchases up to the end are net of returns. `_kept` are the customers, of whom `_select` tells what they
    lack; or none, and it tells everything.
    """

    periods: "pa.Table | None"
    counts: Mapping[str, Any]
    ask: Ask
    net: bool
    _whole: Ask
    _select: str
    _kept: "list[pa.RecordBatch]"

    def customers(self, rows: int) -> "Iterator[pa.RecordBatch]":
        """The customers, about so many at a time, in the order of their ids: once, and then they are gone.

        They have customer_id, frequency, first_day, recency_days; with amounts also repeat_amount,
        positive_repeats, repeat_logarithms, repeat_log_squares (the sum of the logarithms' squared distances
        from their mean, times their number); with a holdout held_frequency (and held_value); each attribute,
        and whether it changed.
        """
        if not self._kept:
            with damage_told():
                yield from self._whole.reader(self._select, rows)
            return
        more = self._whole.table(self._select) if self._select else None
        self._whole.connection.unregister("kept_customers")
        done = 0
        while self._kept:
            batch = self._kept.pop(0)  # so that its memory is free once it is read
            yield batch if more is None else _beside(batch, more.slice(done, batch.num_rows))
            done += batch.num_rows


def summarise(connection: "DuckDBPyConnection", query: SummaryQuery, spill: bool = False) -> CustomerTables:
    """Reduce checked lines to one row per customer; with `spill`, never all of them in Python's memory."""
    whole = Ask(connection, query)
    counts = whole.row(_count_lines(whole))
    # Up to the end money has a scale of its own: no digit of it may depend on what came later.
    ask = Ask(connection, replace(query, largest_amount=counts.pop("largest_amount", None)))
    net = query.returns == "net" and counts["returned_lines"] > 0
    net_held = query.returns == "net" and counts["held_returned_lines"] > 0
    kept = keep_customers(ask, net, min(1 + counts["lines_used"] // LINES_OF_A_PART, MOST_PARTS), spill)
    counts |= ask.row(_count_purchases(ask))

    own = "customers.* EXCLUDE (all_money, zero_purchases)" if ask.money else "customers.*"
    more: list[str] = []
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
        more.append("coalesce(later.purchases, 0) AS held_frequency")
        more += ["coalesce(later.value, 0.0) AS held_value"] if ask.money else []
    if query.attributes:
        joins += " LEFT JOIN traits USING (customer_id)"
        more += [f"traits.{name}, traits.{name}_changed" for name in query.attributes]
    wanted = more if kept else [own, *more]
    order = "ORDER BY customer_id" if joins else ""  # in which they are kept, and which joins lose
    select = f"SELECT {', '.join(wanted)} FROM customers{joins} {order}" if wanted else ""
    return CustomerTables(periods, counts, ask, net, whole, select, kept)


def keep_customers(ask: Ask, net: bool, parts: int = 1, spill: bool = False) -> "list[pa.RecordBatch]":
    """Make the table `customers` of the `lines`, one row each, and `traits` of their attributes.

    Returns the customers in the order of their ids; none with `spill`, where they are DuckDB's alone, which
    writes to disk what its memory cannot hold. Lines are sorted in so many parts.
    """
    import pyarrow as pa

    connection, kept = ask.connection, []
    if spill:
        make = "CREATE TABLE kept_customers AS"
        with damage_told(), connection.cursor() as keeper:  # the connection itself is being read
            for batch in sum_up(ask, net, parts):
                keeper.register("summed", pa.Table.from_batches([batch]))
                keeper.execute(f"{make} SELECT * FROM summed")
                make = "INSERT INTO kept_customers"
    else:
        kept = list(sum_up(ask, net, parts))
        connection.register("kept_customers", pa.Table.from_batches(kept))
    ask.run(f"CREATE TEMP VIEW customers AS SELECT {_WITH_MONEY if ask.money else _BARE} FROM kept_customers")
    if ask.query.attributes:
        ask.run(f"CREATE TEMP TABLE traits AS {_traits(ask.query.attributes)}")
    return kept


def _beside(batch: "pa.RecordBatch", more: "pa.Table") -> "pa.RecordBatch":
    """The same customers with more columns."""
    import pyarrow as pa

    known = dict(zip(batch.schema.names, batch.columns, strict=True))
    return pa.record_batch(known | {name: more[name].combine_chunks() for name in more.column_names})


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
            coalesce(-sum({UNITS}) FILTER ({returned}), 0) / $scale AS returned_amount,
            coalesce(sum({UNITS}) FILTER (day <= $end), 0) / $scale AS net_amount"""
    else:
        counts += ", 0 AS returned_lines, 0 AS held_returned_lines"
    return f"SELECT {counts} FROM lines"


def _count_purchases(ask: Ask) -> str:
    """Count what was bought, and the customers who are left out: who bought later only, or only returned."""
    buys = "day > $end" + (" AND amount >= 0" if ask.money else "")
    others = "SELECT * FROM lines ANTI JOIN customers USING (customer_id)"
    money = """, (SELECT count(*) FROM (SELECT DISTINCT customer_id FROM others WHERE amount < 0)
            ANTI JOIN late USING (customer_id)) AS returning_customers,
        CAST(sum(zero_purchases) AS BIGINT) AS zero_purchases,
        sum(all_money) / $scale AS purchased_amount"""
    return f"""
        WITH others AS ({others}), late AS (SELECT DISTINCT customer_id FROM others WHERE {buys})
        SELECT CAST(sum(frequency + 1) AS BIGINT) AS purchases,
        (SELECT count(*) FROM late) AS late_customers{money if ask.money else ""} FROM customers"""


def _traits(attributes: tuple[str, ...]) -> str:
    """The first known value of each attribute up to the end, the smallest of them on the first day."""
    values = "".join(
        f""", min({{'day': day, 'value': {name}}}) FILTER ({name} IS NOT NULL).value AS {name},
        min({name}) IS DISTINCT FROM max({name}) AS {name}_changed"""
        for name in attributes
    )
    return f"SELECT customer_id{values} FROM lines WHERE day <= $end GROUP BY customer_id"
