"""One row per customer of a checked log, made in DuckDB and kept there; and the counts of the report."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from lifecast.engines.duckdb_purchases import purchases
from lifecast.engines.duckdb_query import UNITS, Ask, SummaryQuery

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

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
# Customers are summed up in parts of about so many lines: what a part needs fits into memory.
LINES_OF_A_PART = 2_000_000
MOST_PARTS = 16  # each reads the log once


@dataclass(frozen=True)
class CustomerTables:
    """What is to leave DuckDB: one row per customer, and the counts of the report; and the way back.

    `periods` has period (from 0), purchases (and value) of the holdout, without empty periods. `ask` knows
    the table `customers` (customer_id, frequency, first_day, ...), for more questions; `net` is whether
    purchases up to the end are net of returns.
    """

    periods: "pa.Table | None"
    counts: Mapping[str, Any]
    ask: Ask
    net: bool
    _whole: Ask
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
    if ask.money:  # counted, and the widest column of all
        ask.run("ALTER TABLE kept_customers DROP COLUMN all_money")

    columns = "customers.* EXCLUDE (zero_purchases)" if ask.money else "customers.*"
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
