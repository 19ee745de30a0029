"""From a log's lines to purchases, in SQL: lines of one day or block merged, returns netted."""

from lifecast.engines.duckdb_query import UNITS, Ask

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
            sum({UNITS}) AS money, sum({UNITS}) FILTER (amount >= 0) AS gross,
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


def purchases(ask: Ask, net: bool, whose: str | None = None) -> str:
    """One row per customer and block with a purchase in it: customer_id, day, and money if there is any.

    Of the customers in the table `whose`, where given; after the day $after, up to $until.
    """
    lines = _lines(ask, net, "lines" if whose is None else f"lines SEMI JOIN {whose} USING (customer_id)")
    money = f", sum({UNITS}) AS money" if ask.money else ""
    if net:
        return _NET_PURCHASES.format(lines=lines)
    if ask.query.merge_days == 1:
        return f"SELECT customer_id, day{money} FROM {lines} GROUP BY customer_id, day"
    return f"SELECT customer_id, min(day) AS day{money} FROM {lines} GROUP BY customer_id, {_BLOCK}"


def purchases_in_order(ask: Ask, net: bool, only: str) -> str:
    """What `purchases` are the sums of, by customer and day: customer_id, day, money as high * 2**32 + low.

    Of the customers that a condition holds for.
    """
    lines, units = _lines(ask, net, "lines", only), UNITS if ask.money else "CAST(0 AS BIGINT)"
    bought = (
        _NET_PURCHASES.format(lines=lines)
        if net
        else f"SELECT customer_id, day, {units} AS money FROM {lines}"
    )
    return f"""SELECT customer_id, day, CAST(money >> 32 AS BIGINT) AS high,
        CAST(money & 4294967295 AS BIGINT) AS low FROM ({bought}) ORDER BY customer_id, day"""


def _lines(ask: Ask, net: bool, source: str, only: str = "true") -> str:
    sold = "true" if net or not ask.money else "amount >= 0"
    return f"{source} WHERE day > $after AND day <= $until AND {sold} AND {only}"
