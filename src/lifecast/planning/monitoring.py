"""A forecast under watch: period by period against what comes, with an alarm when it is out too far."""

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
        and ``expected_misses``; ``p_value``, the forecast's probability of misses that add up to as much
        or more; and ``alarm``.
    alarm : bool
        Whether reality has been outside more often, or further, than the forecast allows for.
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

    @property
    def p_value(self) -> float:
        """The one at which the alarm went off; or, if it has not, the last."""
        return float(self.table["p_value"].iloc[(self.since or 0) - 1])


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
    A period within its interval counts nothing; one outside counts one, and its distance from the interval
    besides, as a multiple of the mean distance of the worlds that are outside on that side in that period. So
    a shop that falls silent is seen at once, and small misses add up: a cumulative sum of scores held against
    a limit, the idea of Page (1954), "Continuous inspection schemes", Biometrika 41, 100-115.

    Periods are not independent: in a slow year all are slow, and a forecast that is right is then outside
    again and again. So what that sum may come to is taken from the worlds: each is held against the others as
    if it were what came, and the alarm is set so that it goes off in no more than the given share of worlds
    at any time up to the horizon (the smallest p-value of all looks, as in Westfall & Young 1993,
    "Resampling-based multiple testing").

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
    outside = (came > upper[:over]).astype(np.int64) - (came < lower[:over])
    expected_misses = np.cumsum(((draws < lower) | (draws > upper)).mean(axis=0))
    in_worlds, of_what_came = how_far_out(draws, came, lower, upper)
    worlds = len(draws)
    # What came counts as one more world: else it would be held to be rarer than any of them could be.
    rank = at_least_as_far(in_worlds, of_what_came[None])[0] + 1
    alarm_rank = max(highest_rank(in_worlds, false_alarms), 1)
    alarm = np.logical_or.accumulate(rank <= alarm_rank)
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
            "misses": np.cumsum(outside != 0),
            "expected_misses": expected_misses[:over],
            "p_value": rank / (worlds + 1.0),
            "alarm": alarm,
        }
    )
    since = int(np.argmax(alarm)) + 1 if alarm[-1] else None
    return Monitor(table, since is not None, since, false_alarms, alarm_rank / (worlds + 1.0))


def how_far_out(draws: Floats, came: Floats, lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """Misses so far, weighed by how far out they are: of worlds (world, period) and of what came (period,).

    A world's own distance is left out of the mean that it is a multiple of, or the world would look nearer
    than what came from as far. Where no other world is outside on that side, the multiple is infinite.
    """
    in_worlds, of_what_came = np.zeros(draws.shape), np.zeros(came.size)
    for side, edge in ((-1.0, lower), (1.0, upper)):
        beyond = np.maximum(side * (draws - edge), 0.0)
        total, count = beyond.sum(axis=0), np.sum(beyond > 0.0, axis=0)
        in_worlds += weights(beyond, total - beyond, count - 1)
        known = slice(came.size)
        distance = np.maximum(side * (came - edge[known]), 0.0)
        of_what_came += weights(distance, total[known], count[known])
    return np.cumsum(in_worlds, axis=1), np.cumsum(of_what_came)


def weights(distance: Floats, total: Floats, count: Integers) -> Floats:
    """One for each miss, plus its distance as a multiple of others' mean, given their total and number."""
    multiple = np.where(distance > 0.0, np.inf, 0.0)
    np.divide(distance * count, total, out=multiple, where=(distance > 0.0) & (total > 0.0))
    return multiple + (distance > 0.0)


def at_least_as_far(in_worlds: Floats, scores: Floats) -> Integers:
    """How many worlds have as high a score by then, for (path, period) scores of any paths."""
    ordered = np.sort(in_worlds, axis=0)
    nearer = [np.searchsorted(ordered[:, t], scores[:, t]) for t in range(scores.shape[1])]
    return len(in_worlds) - np.stack(nearer, axis=1)


def highest_rank(in_worlds: Floats, false_alarms: float) -> int:
    """The rank from the top that, with one more, no larger share of worlds ever reach; 0 for none."""
    highest = np.sort(at_least_as_far(in_worlds, in_worlds).min(axis=1))
    candidates = np.unique(highest)
    reached = (np.searchsorted(highest, candidates, side="right") + 1) / (highest.size + 1)
    allowed = candidates[reached <= false_alarms]
    return int(allowed[-1]) if allowed.size else 0


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
