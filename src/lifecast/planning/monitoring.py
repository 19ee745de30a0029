"""A forecast under watch: period by period against what comes, with an alarm when it is out too often."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.errors import DataError, SettingsError
from lifecast.forecast import Forecast
from lifecast.from_log import rfm_summary
from lifecast.rfm import RFM
from lifecast.saved_forecast import Members, SavedForecast
from lifecast.settings import central
from lifecast.transactions import read_transactions

if TYPE_CHECKING:
    import pandas as pd

COUNTED_ALIKE = 0.01  # share by which late lines of a log may move the purchases known before


@dataclass(frozen=True, eq=False)
class Monitor:
    """What came beside its forecast.

    Attributes
    ----------
    table : DataFrame
        One row per period that is over: ``period, start, end``; ``actual`` and the forecast's ``mean, lower,
        median, upper``; ``outside`` (1 above the interval, -1 below, 0 within); summed up so far,
        ``total_actual, total_mean, total_lower, total_upper``; ``misses``, how often it was outside so far,
        and ``expected_misses``; ``p_value``, the forecast's probability of that many misses or more; and
        ``alarm``.
    alarm : bool
        Whether reality has been outside more often than the forecast allows for.
    since : int or None
        The period at whose end the alarm went off.
    false_alarms : float
        Probability that it would if the forecast were right, at any time within the horizon: at most this.
    p_alarm : float
        The p-value at or below which it goes off; what no world has shown always does.
    """

    table: "pd.DataFrame"
    alarm: bool
    since: int | None
    false_alarms: float
    p_alarm: float


def monitor(
    forecast: Forecast | SavedForecast,
    actual: Any,
    *,
    measure: str = "purchases",
    every: int = 1,
    false_alarms: float = 0.05,
    customer_id: str | None = None,
    date: str | None = None,
    amount: str | None = None,
    returns: str | None = None,
    merge_within: str | int = "day",
    date_format: str | None = None,
) -> Monitor:
    """Hold a forecast against what has come since, and say when it no longer holds.

    Parameters
    ----------
    forecast : Forecast or SavedForecast
        A saved one (`Forecast.save`, `lifecast.load_forecast`) will do.
    actual : log, RFM or sequence
        What came: the log, by now longer; or an RFM of it with the forecast's observation end and a
        ``holdout_end``; or the sums (period,) of the measure over the forecast's customers in each of its
        periods that is over.
    measure : str, default "purchases"
        Or "value".
    every : int, default 1
        How many of the forecast's periods make one here: 4 weeks of a forecast in weeks.
    false_alarms : float, default 0.05
        With which probability a forecast that is right may be called wrong, once within its horizon.
    customer_id, date, amount, merge_within, date_format
        How to read a log, as `rfm_summary` takes them: as the forecast's was read.
    returns : "net", "drop" or "refuse", optional
        Likewise; by default as the forecast's log was read.

    Returns
    -------
    Monitor

    Raises
    ------
    SettingsError
        The forecast has no such measure, or an argument is out of range.
    DataError
        No period is over, or the log's customers, or their purchases before the forecast, are not those of
        the forecast.

    Notes
    -----
    Periods are not independent: in a slow year all are slow, and a forecast that is right is then outside
    again and again. So the number of misses is not binomial. What it may be is taken from the worlds: each
    is held against the intervals as if it were what came, and the alarm is set so that it goes off in no more
    than the given share of worlds at any time up to the horizon (the smallest p-value of all looks, as in
    Westfall & Young 1993, "Resampling-based multiple testing").

    Examples
    --------
    >>> import lifecast as lc
    >>> log = lc.datasets.load_cdnow(sample=True)
    >>> rfm = lc.rfm_summary(log, observation_end="1997-09-30")
    >>> forecast = lc.CLTV().fit(rfm).forecast(rfm, horizon=39, worlds=200)
    >>> watched = lc.monitor(forecast, log, every=13)
    >>> watched.alarm, [int(purchases) for purchases in watched.table["actual"]]
    (False, [726, 661, 495])
    """
    import pandas as pd

    if measure not in forecast.draws:
        raise SettingsError(f"measure={measure!r}: this forecast has {', '.join(forecast.draws)}.")
    if not 0.0 < false_alarms < 1.0:
        raise SettingsError(f"false_alarms={false_alarms}: needed a probability, such as 0.05.")
    if every < 1 or every != int(every):
        raise SettingsError(f"every={every}: needed a whole number of periods, at least 1.")
    of_the_log: dict[str, Any] = {
        "customer_id": customer_id, "date": date, "amount": amount, "merge_within": merge_within,
        "returns": returns, "date_format": date_format,
    }  # fmt: skip
    came = sums_of(forecast, actual, measure, of_the_log)
    edges = forecast.periods
    length = edges[1] - edges[0]
    whole = int(np.sum(np.diff(edges) > (1 - 1e-9) * length)) // every  # the last may be cut short
    over = min(came.size // every, whole)
    if over == 0:
        raise DataError(
            f"{came.size} of the forecast's periods are over, and every={every}: none to look at yet. Wait, "
            "or pass a smaller every=."
        )
    draws = forecast.draws[measure][:, : whole * every].reshape(-1, whole, every).sum(axis=2)
    came = came[: over * every].reshape(over, every).sum(axis=1)
    probabilities = central(forecast.interval)
    lower, median, upper = np.quantile(draws, probabilities, axis=0)
    totals = np.quantile(np.cumsum(draws, axis=1), probabilities, axis=0)
    in_worlds = np.cumsum((draws < lower) | (draws > upper), axis=1)  # misses so far, (world, period)
    outside = (came > upper[:over]).astype(np.int64) - (came < lower[:over])
    misses = np.cumsum(outside != 0)
    worlds = len(draws)
    # What came counts as one more world: else it would be held to be rarer than any of them could be.
    p_value = (chance_of_more(in_worlds, misses[None])[0] * worlds + 1.0) / (worlds + 1.0)
    p_alarm = max(highest_p(in_worlds, false_alarms), 1.0 / (worlds + 1.0))
    alarm = np.logical_or.accumulate(p_value <= p_alarm)
    portfolio = forecast.portfolio
    table = pd.DataFrame(
        {
            "period": np.arange(1, over + 1),
            "start": portfolio["start"].to_numpy()[: over * every : every],
            "end": portfolio["end"].to_numpy()[every - 1 : over * every : every],
            "actual": came,
            "mean": draws.mean(axis=0)[:over],
            "lower": lower[:over],
            "median": median[:over],
            "upper": upper[:over],
            "outside": outside,
            "total_actual": np.cumsum(came),
            "total_mean": np.cumsum(draws.mean(axis=0))[:over],
            "total_lower": totals[0, :over],
            "total_upper": totals[2, :over],
            "misses": misses,
            "expected_misses": in_worlds.mean(axis=0)[:over],
            "p_value": p_value,
            "alarm": alarm,
        }
    )
    since = int(np.argmax(alarm)) + 1 if alarm[-1] else None
    return Monitor(table, since is not None, since, false_alarms, p_alarm)


def chance_of_more(in_worlds: Integers, misses: Integers) -> Floats:
    """Share of worlds with at least that many misses by then, for (path, period) misses of any paths."""
    worlds, periods = in_worlds.shape
    chance = np.empty((periods, periods + 2))
    for t in range(periods):
        counts = np.bincount(in_worlds[:, t], minlength=periods + 2)
        chance[t] = np.cumsum(counts[::-1])[::-1] / worlds
    found: Floats = chance[np.arange(misses.shape[1]), misses]
    return found


def highest_p(in_worlds: Integers, false_alarms: float) -> float:
    """The p-value that no more than this share of worlds reach or fall below at any time; 0 for none."""
    lowest = np.sort(chance_of_more(in_worlds, in_worlds).min(axis=1))
    candidates = np.unique(lowest)
    reached = np.searchsorted(lowest, candidates, side="right") / lowest.size
    allowed = candidates[reached <= false_alarms]
    return float(allowed[-1]) if allowed.size else 0.0


def sums_of(
    forecast: Forecast | SavedForecast, actual: Any, measure: str, of_the_log: dict[str, Any]
) -> Floats:
    """What came in each of the forecast's periods that is over, (period,)."""
    import pandas as pd

    if isinstance(actual, Sequence | np.ndarray | pd.Series) and not isinstance(actual, str):
        came = np.asarray(actual, np.float64)
        periods = forecast.periods.size - 1
        if came.ndim != 1 or came.size > periods or not np.all(np.isfinite(came)):
            raise DataError(
                f"actual has {came.size:,} values, the forecast {periods:,} periods. Pass one number for "
                "each period that is over."
            )
        return came
    if math.isinf(forecast.horizon):
        raise SettingsError(
            "The periods of an infinite horizon are years. Forecast to a finite one, or pass the sums of "
            "each year that is over."
        )
    if measure == "discounted_value":
        raise SettingsError(
            "Sums of a log are not discounted. Use measure='value', or pass sums that you have discounted."
        )
    margin = forecast.settings["margin"]
    if measure == "value" and isinstance(margin, str):
        raise SettingsError(
            f"The forecast's margin differs between customers (the attribute {margin!r}). Watch 'purchases', "
            "or pass the sums of the value per period."
        )
    rfm = actual if isinstance(actual, RFM) else held_out(forecast, actual, of_the_log)
    if rfm.holdout is None or rfm.observation_end != forecast.observation_end:
        raise DataError(
            f"The RFM was made to {rfm.observation_end}, "
            f"{'without a holdout' if rfm.holdout is None else 'with a holdout'}; the forecast begins after "
            f"{forecast.observation_end}. Make the RFM to that day, with a holdout_end."
        )
    check_same_past(forecast, rfm)
    complete = int(rfm.holdout.duration + 1e-9)
    if measure == "purchases":
        return rfm.holdout.period_purchases[:complete].astype(np.float64)
    if rfm.holdout.period_value is None:
        raise DataError("The log has no amounts. Watch 'purchases'.")
    return float(margin) * rfm.holdout.period_value[:complete]


def check_same_past(forecast: Forecast | SavedForecast, rfm: RFM) -> None:
    """Refuse other customers, or purchases that were counted in another way, than those forecast from."""
    then, now = forecast.members, Members.of(rfm)
    if (now.count, now.digest) != (then.count, then.digest):
        raise DataError(
            f"The log has {now.count:,} customers up to {forecast.observation_end}, not the forecast's "
            f"{then.count:,}. Pass the whole log that was forecast from, or the sums per period."
        )
    if abs(now.repeat_purchases - then.repeat_purchases) > COUNTED_ALIKE * then.repeat_purchases:
        raise DataError(
            f"Up to {forecast.observation_end} the log has {now.repeat_purchases:,} repeat purchases; the "
            f"forecast was made from {then.repeat_purchases:,}: they were counted in another way. Pass "
            "merge_within= and returns= as to rfm_summary for the forecast."
        )


def held_out(forecast: Forecast | SavedForecast, log: Any, of_the_log: dict[str, Any]) -> RFM:
    """The log as it was known at the forecast, with all that followed held out."""
    if forecast.observation_end is None:
        raise DataError("The forecast does not know what day it is. Pass the sums per period.")
    columns = {name: of_the_log[name] for name in ("customer_id", "date", "amount", "date_format")}
    last = read_transactions(log, **columns).last
    if last <= forecast.observation_end:
        raise DataError(
            f"The log ends on {last}, and the forecast begins after {forecast.observation_end}: nothing has "
            "come yet. Pass the log with what came since."
        )
    read_then = forecast.report
    returns = of_the_log["returns"] or ("net" if read_then is None else read_then.returns)
    return rfm_summary(
        log,
        time_unit=forecast.time_unit,
        observation_end=forecast.observation_end,
        holdout_end=last,
        past=False,
        **{**of_the_log, "returns": returns},
    )
