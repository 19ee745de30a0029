"""A whole log tracked: repeat purchases period by period, what the model makes of them, and the forecast."""

import math
from dataclasses import dataclass
from datetime import date as Date
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.engines.duckdb_purchases import purchases
from lifecast.engines.duckdb_query import Ask, SummaryQuery
from lifecast.errors import DataError, SettingsError
from lifecast.expectations import times_or_zero
from lifecast.families.contract import DiscreteTime
from lifecast.forecast import Forecast
from lifecast.from_log import days_to_merge
from lifecast.settings import central
from lifecast.simulation import Simulation
from lifecast.timeunit import TimeUnit
from lifecast.transactions import read_transactions

if TYPE_CHECKING:
    import pandas as pd

WORLDS = 100  # the mean over more differs by less than a line is wide
AGES = 120


@dataclass(frozen=True, eq=False)
class Tracking:
    """Repeat purchases of the customers known at the observation end, before it and after it.

    Attributes
    ----------
    table : DataFrame
        One row per time unit, whole ones counted from the observation end in both directions: ``start`` and
        ``end``; ``whole``, False where the log or the horizon cuts it short; ``forecast``, True after the
        observation end; ``actual``, NaN where the log has ended; ``mean``, what the model expects of
        customers of these ages before the observation end, and forecasts after it; ``lower, median, upper``
        of the forecast; and all of these summed up so far, as ``total_actual`` and so on. The sums of the
        forecast begin with what had come by the observation end.
    interval : float
    observation_end : date
    time_unit : TimeUnit
    """

    table: "pd.DataFrame"
    interval: float
    observation_end: Date
    time_unit: TimeUnit


def track(
    forecast: Forecast,
    log: Any,
    *,
    customer_id: str | None = None,
    date: str | None = None,
    amount: str | None = None,
    merge_within: str | int = "day",
    date_format: str | None = None,
) -> Tracking:
    """Track repeat purchases through a log, beside what the model makes of them and what it forecasts.

    Parameters
    ----------
    forecast : Forecast
        To a finite horizon.
    log, customer_id, date, amount, merge_within, date_format
        The log that was forecast from, by now perhaps longer, as `rfm_summary` took it.

    Returns
    -------
    Tracking

    Raises
    ------
    SettingsError
        The forecast knows no dates, has no end, or its family counts opportunities.
    DataError
        The log has other customers or purchases up to the observation end than the forecast.

    Notes
    -----
    Before the observation end the mean is that of the textbook model, the expected repeat purchases of new
    customers summed over all by their age then, as in Fader, Hardie & Lee (2005), "Counting your customers
    the easy way". It has seen these purchases, and knows nothing of the market's pace: it shows whether the
    model bends as the log does.

    Examples
    --------
    >>> import lifecast as lc
    >>> log = lc.datasets.load_cdnow(sample=True)
    >>> rfm = lc.rfm_summary(log, observation_end="1997-09-30")
    >>> forecast = lc.CLTV().fit(rfm).forecast(rfm, 39, worlds=100)
    >>> table = lc.track(forecast, log).table
    >>> int(table.loc[table["forecast"], "actual"].sum())  # in 39 weeks
    1882
    """
    simulation, unit, end = forecast.simulation, forecast.time_unit, forecast.observation_end
    if end is None or math.isinf(forecast.horizon):
        raise SettingsError(
            "This forecast has no dates or no end. Needed: one made from a log, to a finite horizon."
        )
    if isinstance(simulation.purchase_family, DiscreteTime):
        raise SettingsError(
            f"{simulation.purchase_family.name} counts opportunities, and a log has days. Track a family "
            "that buys at any time."
        )
    days, counts, last = repeat_purchases(
        log, end, unit, customer_id, date, amount, merge_within, date_format
    )
    seen = int(counts[days <= 0].sum())
    if seen != int(simulation.rfm.frequency.sum()):
        raise DataError(
            f"Up to {end} the log has {seen:,} repeat purchases, the forecast's customers "
            f"{int(simulation.rfm.frequency.sum()):,}. Pass the log that was forecast from, and "
            "merge_within= as its RFM was made."
        )
    before = before_the_end(simulation, days, counts, unit)
    after = after_the_end(forecast, days, counts, (last - end).days, float(seen))
    return Tracking(joined(before, after, end, unit), forecast.interval, end, unit)


def repeat_purchases(
    log: Any,
    end: Date,
    unit: TimeUnit,
    customer_id: str | None,
    date: str | None,
    amount: str | None,
    merge_within: str | int,
    date_format: str | None,
) -> tuple[Any, Any, Date]:
    """Days after the observation end (day,) with repeat purchases, their number, and the log's last day.

    Of the customers who had bought by the observation end.
    """
    ask, last = open_log(log, end, unit.days, customer_id, date, amount, merge_within, date_format)
    found = ask.table(
        """
        WITH repeats AS (
            SELECT day FROM bought_before
            QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY day) > 1
            UNION ALL
            SELECT day FROM bought_after SEMI JOIN bought_before USING (customer_id))
        SELECT day, count(*) AS purchases FROM repeats GROUP BY day ORDER BY day"""
    )
    return days_after(found["day"], end), found["purchases"].to_numpy(), last


def purchase_days(
    log: Any,
    customer: Any,
    end: Date,
    customer_id: str | None,
    date: str | None,
    amount: str | None,
    merge_within: str | int,
    date_format: str | None,
) -> Integers:
    """Days after the observation end (purchase,) on which one customer bought, ascending."""
    ask, _ = open_log(log, end, 1.0, customer_id, date, amount, merge_within, date_format)
    found = ask.table(
        """
        SELECT day FROM (FROM bought_before UNION ALL FROM bought_after)
        WHERE CAST(customer_id AS VARCHAR) = $customer ORDER BY day""",
        customer=str(customer),
    )
    return days_after(found["day"], end)


def open_log(
    log: Any,
    end: Date,
    unit_days: float,
    customer_id: str | None,
    date: str | None,
    amount: str | None,
    merge_within: str | int,
    date_format: str | None,
) -> tuple[Ask, Date]:
    """The log's purchases as tables `bought_before` and `bought_after` of the end, and its last day.

    Apart, as an RFM and its holdout are summed up. Returns make no difference: a purchase that is returned
    remains one.
    """
    read = read_transactions(log, customer_id=customer_id, date=date, amount=amount, date_format=date_format)
    query = SummaryQuery(
        end=read.last,
        held_end=None,
        merge_days=days_to_merge(merge_within),
        unit_days=unit_days,
        returns="drop",
        largest_amount=read.largest_amount,
        attributes=(),
    )
    ask = Ask(read.connection, query)
    bought = f"SELECT customer_id, day FROM ({purchases(ask, net=False)})"
    ask.run("CREATE TEMP TABLE bought_before AS " + bought, after=Date.min, until=end)
    ask.run("CREATE TEMP TABLE bought_after AS " + bought, after=end, until=read.last)
    return ask, read.last


def days_after(days: Any, end: Date) -> Integers:
    """Dates as numbers of days after the observation end."""
    numbers: Integers = (days.to_numpy().astype("datetime64[D]") - np.datetime64(end)).astype(np.int64)
    return numbers


def before_the_end(simulation: Simulation, days: Any, counts: Any, unit: TimeUnit) -> dict[str, Any]:
    """Columns (period,) up to the observation end: sums so far, actual and expected."""
    oldest = float(np.max(simulation.rfm.T))
    edges = -np.arange(math.ceil(oldest - 1e-9), -1.0, -1.0)  # in time units
    edges[0] = -oldest
    came = np.array([counts[days <= edge * unit.days + 1e-9].sum() for edge in edges[1:]], np.float64)
    return {"edges": edges, "actual": came, "mean": expected_so_far(simulation, edges[1:])}


def expected_so_far(simulation: Simulation, times: Floats) -> Floats:
    """Repeat purchases (time,) to be expected of all customers by times before the observation end (<= 0).

    Of customers of whom nothing but their first purchase is known.
    """
    rfm = simulation.rfm
    nobody, oldest = (np.zeros(1, np.int64), np.zeros(1)), float(np.max(rfm.T))
    ages = oldest * np.linspace(0.0, 1.0, AGES) ** 2  # closer where the curve bends
    chosen = np.unique(np.linspace(0, len(simulation.worlds) - 1, WORLDS).round().astype(np.int64))
    each_age = np.tile(np.eye(AGES), (chosen.size, 1, 1))
    total = np.zeros(times.size)
    for members, shared in simulation.worlds.by_kind(rfm):
        theta = shared.purchases[chosen]
        expected = simulation.purchase_family.expected_purchases(
            *nobody, theta, np.zeros(chosen.size), np.tile(ages, (chosen.size, 1)), each_age
        )
        alive = simulation.purchase_family.probability_alive(nobody[0], nobody[1], nobody[1], theta)
        curve = times_or_zero(alive, expected(*nobody))[:, 0].mean(axis=1)
        age, customers = np.unique(rfm.T[members], return_counts=True)
        total += customers @ np.interp(np.maximum(age[:, None] + times, 0.0), ages, curve)
    return total


def after_the_end(forecast: Forecast, days: Any, counts: Any, known: int, seen: float) -> dict[str, Any]:
    """Columns (period,) after the observation end, of each period and, as ``total_...``, so far."""
    draws, edges, unit = forecast.draws["purchases"], forecast.simulation.periods, forecast.time_unit
    columns: dict[str, Any] = {"edges": edges}
    after = days > 0
    came = np.array([counts[after & (days <= edge * unit.days + 1e-9)].sum() for edge in edges], np.float64)
    came[edges * unit.days > known + 1e-9] = np.nan
    columns["actual"], columns["total_actual"] = np.diff(came), seen + came[1:]
    for prefix, values in (("", draws), ("total_", seen + np.cumsum(draws, axis=1))):
        columns[f"{prefix}mean"] = values.mean(axis=0)
        bounds = np.quantile(values, central(forecast.interval), axis=0)
        columns |= {
            f"{prefix}{name}": row for name, row in zip(("lower", "median", "upper"), bounds, strict=True)
        }
    return columns


def joined(before: dict[str, Any], after: dict[str, Any], end: Date, unit: TimeUnit) -> "pd.DataFrame":
    """Both sides of the observation end as one table."""
    import pandas as pd

    parts = []
    for columns, forecast in ((before, False), (after, True)):
        edges = columns.pop("edges")
        if not forecast:
            columns = {
                "actual": np.diff(columns["actual"], prepend=0.0),
                "mean": np.diff(columns["mean"], prepend=0.0),
                **{f"total_{name}": values for name, values in columns.items()},
            }
        moments = [pd.Timestamp(end) + timedelta(days=float(edge) * unit.days) for edge in edges]
        frame = pd.DataFrame({"start": moments[:-1], "end": moments[1:]})
        parts.append(frame.assign(whole=np.diff(edges) > 1.0 - 1e-9, forecast=forecast, **columns))
    return pd.concat(parts, ignore_index=True)
