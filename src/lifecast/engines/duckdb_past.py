"""The past of a log in DuckDB: its customers' histories at earlier origins, grouped where they are equal.

It comes after `summarise`, on the same connection, from the same purchases: merged, and net of returns.
"""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from lifecast.engines.duckdb import Ask, purchases

if TYPE_CHECKING:
    import pyarrow as pa

# By what the hash leaves when divided by this, a share of the customers is drawn.
_SHARES = 1 << 20

# Per customer and origin, then per distinct history. `ago` and `first_ago` are days before the end.
_HISTORIES = """
    SELECT back, x, recency_days, T_days, later, count(*) AS customers{total}
    FROM (
        SELECT back, customer, count(*) FILTER (ago >= origin_ago) - 1 AS x,
            any_value(first_ago) - min(ago) FILTER (ago >= origin_ago) AS recency_days,
            any_value(first_ago) - origin_ago AS T_days,
            count(*) FILTER (ago < origin_ago) AS later{money}
        FROM past_purchases JOIN past_origins ON first_ago >= origin_ago
        GROUP BY back, customer, origin_ago)
    GROUP BY ALL ORDER BY back DESC, T_days, x, recency_days, later"""
_MONEY = ", sum(money) FILTER (ago >= origin_ago AND ago < first_ago) AS money"
_TOTAL = ", coalesce(CAST(sum(money) AS DOUBLE), 0.0) / $scale AS amount"

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


def remember_purchases(ask: Ask, net: bool, most: int) -> dict[str, Any]:
    """Keep the purchases of the customers, at most about `most` of them; count what the schedule needs."""
    counts = ask.row(
        """SELECT count(*) AS customers, CAST(sum(frequency) AS BIGINT) AS repeats,
            $end - min(first_day) AS age_days FROM customers"""
    )
    drawn, bought = "", purchases(ask, net)
    if counts["customers"] > most:
        kept = _SHARES * most // counts["customers"]
        drawn = f"WHERE md5_number_lower(CAST(customer_id AS VARCHAR)) % {_SHARES} < {kept}"
    ask.run(
        f"""CREATE TEMP TABLE past_customers AS
            SELECT customer_id, CAST($end - first_day AS INTEGER) AS first_ago FROM customers {drawn}"""
    )
    if drawn:
        bought = purchases(ask, net, whose="past_customers")
    money = ", money" if ask.money else ""
    ask.run(
        f"""CREATE TEMP TABLE past_purchases AS
            SELECT past_customers.rowid AS customer, first_ago, CAST($end - day AS INTEGER) AS ago{money}
            FROM ({bought}) AS bought JOIN past_customers USING (customer_id)""",
        after=date.min,
        until=ask.query.end,
    )
    return counts | ask.row(
        f"""SELECT (SELECT count(*) FROM past_customers) AS sampled,
            count(*) FILTER (4 * ago < {counts["age_days"]}) AS recent FROM past_purchases"""
    )


def past_tables(ask: Ask, block_days: int, back: list[int], middle: int) -> PastTables:
    """Sum up the purchases that `remember_purchases` kept, at origins so many blocks `back`."""
    rows = ", ".join(f"({k}, {k * block_days})" for k in back)
    ask.run(
        f"""CREATE TEMP TABLE past_origins AS
            SELECT CAST(back AS BIGINT) AS back, CAST(origin_ago AS INTEGER) AS origin_ago
            FROM (VALUES {rows}) AS origins (back, origin_ago)"""
    )
    money = ask.money
    histories = _HISTORIES.format(total=_TOTAL if money else "", money=_MONEY if money else "")
    return PastTables(
        ask.table(histories),
        ask.table(_BLOCKS.format(value=_VALUE if money else ""), block_days=block_days),
        ask.table(_STEADINESS, middle_ago=middle * block_days) if money else None,
    )
