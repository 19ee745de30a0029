"""What a log says of itself, in DuckDB: cohorts, waits for the second purchase, sums over customers.

It comes after `summarise`, on the same connection, from the same purchases: merged, and net of returns.
"""

from datetime import date
from typing import TYPE_CHECKING

from lifecast.engines.duckdb_purchases import purchases
from lifecast.engines.duckdb_query import Ask

if TYPE_CHECKING:
    import pyarrow as pa

_BOUGHT = """
    SELECT bought.*, first_day, {group} AS grouped
    FROM ({bought}) AS bought JOIN customers USING (customer_id) {traits}"""

_MEMBERS = """
    SELECT grouped, date_trunc('{period}', first_day) AS cohort, count(*) AS customers
    FROM bought WHERE day = first_day GROUP BY ALL ORDER BY ALL"""

_CELLS = """
    SELECT grouped, date_trunc('{period}', first_day) AS cohort,
        datediff('{period}', cohort, date_trunc('{period}', day)) AS period,
        count(DISTINCT customer_id) AS active, count(*) AS purchases{revenue}
    FROM bought GROUP BY ALL ORDER BY ALL"""
_REVENUE = ", CAST(sum(money) AS DOUBLE) / $scale AS revenue"

# Purchases of one day are one, so that the second lies after the first day.
_WAITS = """
    SELECT grouped, cohort, coalesce(second_day, $end) - first_day AS days,
        second_day IS NOT NULL AS bought, count(*) AS customers
    FROM (
        SELECT grouped, date_trunc('{period}', first_day) AS cohort, first_day,
            min(day) FILTER (day > first_day) AS second_day
        FROM bought GROUP BY grouped, customer_id, first_day)
    GROUP BY ALL ORDER BY ALL"""

# Which block a customer is in, its digest says: the same one whatever the order of rows.
_BLOCK_SUMS = """
    SELECT grouped, block, count(*) AS customers, {sums}
    FROM (
        SELECT grouped, md5_number_lower(CAST(customer_id AS VARCHAR)) % {blocks} AS block,
            count(*) AS purchases, max(day) - min(day) AS lifespan_days, count(*) > 1 AS repeaters,
            count(*) FILTER (day > $now) AS recent_purchases, recent_purchases > 0 AS active,
            bool_or(day > $before AND day <= $now) AS active_before,
            active AND active_before AS retained{revenue}
        FROM bought GROUP BY grouped, customer_id)
    GROUP BY grouped, block ORDER BY grouped, block"""
_COUNTS = (
    *("purchases", "lifespan_days", "repeaters", "recent_purchases"),
    *("active", "active_before", "retained"),
)
_MONEY = ", sum(money) AS revenue, sum(money) FILTER (day > $now) AS recent_revenue"


def keep_bought(ask: Ask, net: bool, grouped: bool) -> None:
    """Keep every purchase, with its customer's first day and the attribute that groups customers."""
    sql = _BOUGHT.format(
        bought=purchases(ask, net),
        group="attribute_0" if grouped else "NULL",
        traits="LEFT JOIN traits USING (customer_id)" if grouped else "",
    )
    ask.run(f"CREATE TEMP TABLE bought AS {sql}", after=date.min, until=ask.query.end)


def cohort_cells(ask: Ask, period: str) -> "tuple[pa.Table, pa.Table]":
    """Customers per group and cohort; and per period since, where it has purchases, what was bought."""
    revenue = _REVENUE if ask.money else ""
    return (
        ask.table(_MEMBERS.format(period=period)),
        ask.table(_CELLS.format(period=period, revenue=revenue)),
    )


def waits_for_second(ask: Ask, period: str) -> "pa.Table":
    """How many customers of each group and cohort waited so many days, until they bought or the log ended."""
    return ask.table(_WAITS.format(period=period))


def block_sums(ask: Ask, blocks: int, now: date, before: date) -> "pa.Table":
    """Sums over blocks of customers of a group: of all they did, and of two periods, to `now` and after it.

    The first of the two begins after the day `before`. Blocks without customers are left out.
    """
    sums = [f"CAST(sum({name}) AS DOUBLE) AS {name}" for name in _COUNTS]
    if ask.money:
        money = ("revenue", "recent_revenue")
        sums += [f"CAST(coalesce(sum({name}), 0) AS DOUBLE) / $scale AS {name}" for name in money]
    sql = _BLOCK_SUMS.format(sums=", ".join(sums), blocks=blocks, revenue=_MONEY if ask.money else "")
    return ask.table(sql, now=now, before=before)
