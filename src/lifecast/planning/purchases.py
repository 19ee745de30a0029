"""From a log to its purchases: merged by day, net of returns, with each customer's first day and group."""

from dataclasses import dataclass
from datetime import date as Date
from typing import Any

from lifecast.engines.duckdb_customers import summarise
from lifecast.engines.duckdb_measures import keep_bought
from lifecast.engines.duckdb_query import Ask, SummaryQuery
from lifecast.errors import SettingsError
from lifecast.timeunit import parse_date
from lifecast.transactions import read_transactions


@dataclass(frozen=True)
class Purchases:
    """The purchases of a log, still in the engine.

    Attributes
    ----------
    ask : Ask
        Knows the table `bought`: customer_id, day, money (where there is any), first_day, grouped.
    first, end : date
        The log's first day, and the last one observed.
    """

    ask: Ask
    first: Date
    end: Date


def read_purchases(
    log: Any,
    *,
    customer_id: str | None,
    date: str | None,
    amount: str | None,
    by: str | None,
    observation_end: Any,
    returns: str,
    date_format: str | None,
) -> Purchases:
    """Read a log as `rfm_summary` does, and keep its purchases in the engine.

    Raises
    ------
    DataError
        Where dates or amounts are missing or unreadable.
    SettingsError
        Where an argument is out of range or names no column, or no purchase is left.
    """
    if returns not in {"net", "drop"}:
        raise SettingsError(f"returns={returns!r} is not a policy here. Use 'net' or 'drop'.")
    end = None if observation_end is None else parse_date(observation_end, "observation_end")
    lines = read_transactions(
        log,
        customer_id=customer_id,
        date=date,
        amount=amount,
        attributes=() if by is None else (by,),
        date_format=date_format,
    )
    query = SummaryQuery(
        end=end or lines.last,
        held_end=None,
        merge_days=1,
        unit_days=1.0,
        returns=returns,
        largest_amount=lines.largest_amount,
        attributes=() if by is None else ("attribute_0",),
    )
    tables = summarise(lines.connection, query)
    if not tables.counts["purchases"]:
        raise SettingsError(
            f"No purchase was made on or before observation_end={query.end}: the log runs from "
            f"{lines.first} to {lines.last}. Pass a later observation_end."
        )
    keep_bought(tables.ask, tables.net, grouped=by is not None)
    return Purchases(tables.ask, lines.first, query.end)
