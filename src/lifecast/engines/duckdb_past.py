"""The past of a log in DuckDB: its customers' histories at earlier origins, grouped where they are equal.

It comes after `summarise`, on the same connection, from the same purchases: merged, and net of returns.
"""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from lifecast.engines.duckdb_purchases import purchases
from lifecast.engines.duckdb_query import Ask

if TYPE_CHECKING:
    import pyarrow as pa

# One row per purchase, days counted back from the end: what was known of its customer from that day until the
# next purchase. x, the purchase's number, counts from 0; `total`, of amounts so far, leaves the first out.
_PURCHASES = """
    SELECT customer, first_ago, ago, first_ago - ago AS recency_days, frequency{money},
        coalesce(lead(ago) OVER purchases_so_far, -1) AS next_ago,
        row_number() OVER purchases_so_far - 1 AS x{total}
    FROM (
        SELECT past_customers.rowid AS customer, first_ago, frequency,
            CAST($end - day AS INTEGER) AS ago{money}
        FROM ({bought}) AS bought JOIN past_customers USING (customer_id))
    WINDOW purchases_so_far AS (PARTITION BY customer ORDER BY ago DESC)"""
_TOTAL = ", coalesce(sum(money) FILTER (ago < first_ago) OVER purchases_so_far, 0) AS total"

# The histories at one origin: the latest purchase on or before it is the one that knows.
_HISTORIES = """
    SELECT CAST({back} AS BIGINT) AS back, x, recency_days, first_ago - {ago} AS T_days,
        frequency - x AS later, count(*) AS customers{amount}
    FROM past_purchases WHERE ago >= {ago} AND next_ago < {ago} GROUP BY ALL"""
_AMOUNT = ", CAST(sum(total) AS DOUBLE) / $scale AS amount"

# Edges of blocks lie whole blocks before the end, so whole numbers tell who is known at one of them.
_BLOCKS = """
    SELECT first_ago // $block_days AS first_back, ago // $block_days AS back, count(*) AS purchases{value}
    FROM past_purchases GROUP BY first_back, back ORDER BY first_back, back"""
_VALUE = ", CAST(sum(money) AS DOUBLE) / $scale AS value"

_STEADINESS = """
    SELECT n_before, n_after, count(*) AS customers,
        CAST(sum(CAST(ratio * $log_units AS BIGINT)) AS DOUBLE) / $log_units AS sum_log_ratio,
        CAST(sum(CAST(ratio * ratio * $log_units AS BIGINT)) AS DOUBLE) / $log_units AS sum_squared_log_ratio
    FROM (
        SELECT n_before, n_after, ln((after / n_after) / (before / n_before)) AS ratio
        FROM (
            SELECT count(*) FILTER (ago >= $middle_ago) AS n_before,
                count(*) FILTER (ago < $middle_ago) AS n_after,
                CAST(sum(money) FILTER (ago >= $middle_ago) AS DOUBLE) AS before,
                CAST(sum(money) FILTER (ago < $middle_ago) AS DOUBLE) AS after
            FROM past_purchases WHERE money > 0 AND ago < first_ago GROUP BY customer)
        WHERE n_before > 0 AND n_after > 0)
    GROUP BY n_before, n_after ORDER BY n_before, n_after"""


@dataclass(frozen=True)
class PastTables:
    """What leaves DuckDB of a log's past.

    `histories` has back (blocks before the end), x, recency_days, T_days, later, customers (and amount), the
    earliest origin first. `blocks` has first_back and back, the block of the customers' first purchase and
    of these, counted back from the end; purchases (and value). `steadiness` is as `SpendSteadiness`.
    """

    histories: "pa.Table"
    blocks: "pa.Table"
    steadiness: "pa.Table | None"


def count_customers(ask: Ask) -> dict[str, Any]:
    """What the schedule needs to know of all customers: customers, repeats, age_days."""
    return ask.row(
        """SELECT count(*) AS customers, CAST(sum(frequency) AS BIGINT) AS repeats,
            $end - min(first_day) AS age_days FROM customers"""
    )


def highest_digest(customers: int, most: int) -> str:
    """What the MD5 digest of a customer's id comes before, for about `most` of them to be drawn.

    The same ones are drawn whatever the order of rows.
    """
    return f"{(most << 32) // customers:08x}"


def remember_purchases(ask: Ask, net: bool, most: int, counts: dict[str, Any]) -> dict[str, Any]:
    """Keep the purchases of all customers, or of about `most` of them; count what the schedule needs.

    `counts` are those of `count_customers`; where there are more than `most`, the tables need not hold
    customers who are not drawn.
    """
    drawn = ""
    if counts["customers"] > most:
        drawn = f"WHERE md5(CAST(customer_id AS VARCHAR)) < '{highest_digest(counts['customers'], most)}'"
    ask.run(
        f"""CREATE TEMP TABLE past_customers AS
            SELECT customer_id, frequency, CAST($end - first_day AS INTEGER) AS first_ago
            FROM customers {drawn}"""
    )
    bought = purchases(ask, net, whose="past_customers" if drawn else None)
    money, total = (", money", _TOTAL) if ask.money else ("", "")
    kept = _PURCHASES.format(bought=bought, money=money, total=total)
    ask.run(f"CREATE TEMP TABLE past_purchases AS {kept}", after=date.min, until=ask.query.end)
    return counts | ask.row(
        f"""SELECT (SELECT count(*) FROM past_customers) AS sampled,
            count(*) FILTER (4 * ago < {counts["age_days"]}) AS recent FROM past_purchases"""
    )


def past_tables(ask: Ask, block_days: int, back: list[int], middle: int) -> PastTables:
    """Sum up the purchases that `remember_purchases` kept, at origins so many blocks `back`."""
    histories = " UNION ALL ".join(
        _HISTORIES.format(back=k, ago=k * block_days, amount=_AMOUNT if ask.money else "") for k in back
    )
    return PastTables(
        ask.table(f"{histories} ORDER BY back DESC, T_days, x, recency_days, later"),
        ask.table(_BLOCKS.format(value=_VALUE if ask.money else ""), block_days=block_days),
        ask.table(_STEADINESS, middle_ago=middle * block_days) if ask.money else None,
    )
