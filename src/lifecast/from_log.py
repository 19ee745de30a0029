"""Transactions to RFM: a log of any size, in memory, in files or in Spark, as one row per customer."""

import os
from collections.abc import Sequence
from typing import Any

from lifecast.engines.duckdb_customers import summarise
from lifecast.engines.duckdb_query import SummaryQuery
from lifecast.engines.spark import is_spark_frame
from lifecast.errors import DataError, SettingsError
from lifecast.export import check_not_read, check_target
from lifecast.parquet_rfm import ParquetRFM
from lifecast.past import remember
from lifecast.rfm import COLUMNS, RFM
from lifecast.rfm_file import save_summed
from lifecast.spark_rfm import summarise_in_spark
from lifecast.summed_log import SummedLog, no_purchases
from lifecast.timeunit import TimeUnit, parse_date
from lifecast.transactions import LinesRead, read_transactions

MOST_PERIODS = 1_000_000  # of a holdout


def rfm_summary(
    log: Any,
    *,
    customer_id: str | None = None,
    date: str | None = None,
    amount: str | None = None,
    time_unit: str | float | TimeUnit = "week",
    observation_end: Any = None,
    holdout_end: Any = None,
    merge_within: str | int = "day",
    returns: str = "net",
    attributes: Sequence[str] = (),
    date_format: str | None = None,
    past: bool = True,
    to: str | os.PathLike[str] | None = None,
    memory_limit: str | None = None,
) -> RFM:
    """Summarise a transaction log of any size as one row per customer.

    Parameters
    ----------
    log : DataFrame, Arrow table, DuckDB relation, or path
        Pandas, polars or Spark; anything that hands out an Arrow stream; a Parquet or CSV file, or a glob of
        them. One line per sale or per item, in any order.
    customer_id, date, amount : str, optional
        Column names; by default the obvious ones. Without an amount the RFM has no money. A date's time of
        day is dropped; instants in a time zone count on their day in UTC, text on the day that is written.
    time_unit : str, float or TimeUnit, default "week"
        The unit of recency and T: "day", "week", "month" (365.25 / 12 days), "year" or a number of days.
    observation_end : str or date, optional
        The last day observed, itself included; by default the log's last day. May lie before or after it.
        Customers first seen later are left out and counted.
    holdout_end : str or date, optional
        With an observation end: also sum up what the customers bought after it, up to and including this day.
    merge_within : "day", "week" or int, default "day"
        Purchases in one calendar period count as one, on its first day of purchase: a day, a week from
        Monday, or blocks of so many days.
    returns : "net", "drop" or "refuse", default "net"
        Negative amounts undo the customer's latest purchases, are ignored, or are an error. A purchase that
        is wholly returned remains a purchase, of amount zero. Returns of things bought before the log are
        dropped and reported.
    attributes : sequence of str, default ()
        Columns to keep, one value per customer: the first known up to the observation end.
    date_format : str, optional
        How dates are written where they are text or whole numbers, such as "%d/%m/%Y"; by default ISO 8601.
    past : bool, default True
        Also sum up the log at a few earlier observation ends, for the fit to learn the market from. Scoring
        customers does without.
    to : path, optional
        A Parquet file for the customers, who then never are in memory together; it is written whole or not at
        all. `RFM.load` and `ParquetRFM.open` read it.
    memory_limit : str, optional
        What DuckDB may use for the log, such as "4GB"; beyond, it spills to disk. By default, four fifths of
        all memory.

    Returns
    -------
    RFM
        Sorted by customer id; its `report` says what was dropped, merged and netted. Of a log in Spark, a
        `lifecast.SparkRFM`, whose customers stay there; with ``to``, a `lifecast.ParquetRFM`.

    Raises
    ------
    DataError
        Where dates or amounts are missing or unreadable, or no purchase is left.
    SettingsError
        Where an argument is out of range or names no column.

    Examples
    --------
    >>> from lifecast.datasets import load_cdnow
    >>> rfm_summary(load_cdnow(sample=True), observation_end="1997-09-30")
    <RFM: 2,357 customers, 946 with repeat purchases, with amounts, in weeks to 1997-09-30>

    Notes
    -----
    Frequency, recency and T as in Fader, Hardie & Lee (2005), "Counting your customers the easy way".
    """
    unit = TimeUnit.parse(time_unit)
    names = (attributes,) if isinstance(attributes, str) else tuple(attributes)
    if clash := [name for name in names if name in COLUMNS]:
        raise SettingsError(
            f"attributes={clash[0]!r} is the name of a column of the RFM itself. Rename it in the log."
        )
    if returns not in {"net", "drop", "refuse"}:
        raise SettingsError(f"returns={returns!r} is not a policy. Use 'net', 'drop' or 'refuse'.")
    end = None if observation_end is None else parse_date(observation_end, "observation_end")
    held_end = None if holdout_end is None else parse_date(holdout_end, "holdout_end")
    if held_end is not None and (end is None or held_end <= end):
        raise SettingsError(
            f"holdout_end={held_end} does not come after observation_end={end}. Pass both, the holdout's end "
            "later."
        )
    if held_end is not None and end is not None and (held_end - end).days / unit.days > MOST_PERIODS:
        raise SettingsError(
            f"The holdout from {end} to {held_end} has more than {MOST_PERIODS:,} periods of {unit}. Use a "
            "longer time unit."
        )
    merge_days = days_to_merge(merge_within)
    columns = {"customer_id": customer_id, "date": date, "amount": amount}

    def query_of(lines: LinesRead) -> SummaryQuery:
        if returns == "refuse" and lines.negative_lines:
            raise DataError(
                f"{lines.negative_lines:,} of {lines.lines:,} lines have a negative amount (a return), and "
                "returns='refuse'. Use returns='net' to net them, or 'drop' to ignore them."
            )
        return SummaryQuery(
            end=end or lines.last,
            held_end=held_end,
            merge_days=merge_days,
            unit_days=unit.days,
            returns=returns,
            largest_amount=lines.largest_amount,
            attributes=tuple(f"attribute_{number}" for number in range(len(names))),
        )

    if is_spark_frame(log):
        if to is not None or memory_limit is not None:
            raise SettingsError(
                "to= and memory_limit= are for logs that DuckDB reads. Of a log in Spark, customers stay in "
                "Spark: write rfm.customers."
            )
        in_spark: Any = summarise_in_spark(log, columns, names, date_format, query_of, unit, past)
        return in_spark  # type: ignore[no-any-return]
    if to is not None:
        check_target(to, (".parquet",))
        if isinstance(log, str | os.PathLike):
            check_not_read(to, os.fspath(log))
    log_lines = read_transactions(
        log, **columns, attributes=names, date_format=date_format, memory_limit=memory_limit
    )
    query = query_of(log_lines)
    tables = summarise(log_lines.connection, query, spill=to is not None)
    if not tables.counts["purchases"]:
        raise no_purchases(log_lines, query)
    summed = SummedLog(
        log_lines, query, unit, tables, remember(tables.ask, tables.net, unit) if past else None
    )
    if to is not None:
        save_summed(summed, to)
        on_disk: Any = ParquetRFM.open(to, memory_limit=memory_limit)
        return on_disk  # type: ignore[no-any-return]
    return summed.collect()


def days_to_merge(merge_within: str | int) -> int:
    """Read `merge_within` as a number of days.

    Raises
    ------
    SettingsError
        Where it is no period.
    """
    named = {"day": 1, "week": 7}.get(merge_within) if isinstance(merge_within, str) else merge_within
    if not isinstance(named, int) or isinstance(named, bool) or named < 1:
        raise SettingsError(
            f"merge_within={merge_within!r} is not a period. Use 'day', 'week' or a number of days."
        )
    return named
