"""A forecast against a holdout: by kinds of customers, and through time."""

from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.errors import SettingsError
from lifecast.forecast import Forecast
from lifecast.plots.drawing import (
    BAND,
    CAME,
    LINE,
    WORDS,
    axes_of,
    check_measure,
    finish,
    in_dates,
    short,
    span,
)
from lifecast.settings import tails

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from lifecast.tracking import Tracking

_MOST_FREQUENT = 7


def plot_calibration_by_frequency(
    forecast: Forecast, measure: str = "purchases", ax: "Axes | None" = None
) -> "Axes":
    """Draw what customers were expected to do in the holdout beside what they did, by how often they bought.

    Parameters
    ----------
    forecast : Forecast
        As far as the holdout of its RFM, which was made with ``holdout_end=``.
    measure : "purchases" or "value"
        Of one customer, on average.
    ax : matplotlib Axes, optional
        Where to draw; a new figure's by default.

    Returns
    -------
    matplotlib Axes
        With the forecast mean and its interval for customers of 0, 1, ..., 6, 7 and more repeat purchases,
        and what they did on average.

    Raises
    ------
    SettingsError
        There is no holdout, or the forecast reaches less or more far.

    Notes
    -----
    The conditional expectations of Fader, Hardie & Lee (2005), "Counting your customers the easy way",
    figure 4, with intervals: of the average of so many customers, market included.

    Examples
    --------
    >>> import lifecast as lc
    >>> log = lc.datasets.load_cdnow(sample=True)
    >>> rfm = lc.rfm_summary(log, observation_end="1997-09-30", holdout_end="1998-06-30")
    >>> forecast = lc.CLTV().fit(rfm).forecast(rfm, rfm.holdout.duration, worlds=100)
    >>> plot_calibration_by_frequency(forecast).get_xlabel()
    'repeat purchases before'
    """
    classes = np.minimum(forecast.simulation.rfm.frequency, _MOST_FREQUENT)
    names = [*map(str, range(_MOST_FREQUENT)), f"{_MOST_FREQUENT}+"]
    shown = [names[number] for number in np.unique(classes)]
    return _calibration(forecast, measure, ax, classes, shown, "repeat purchases before")


def plot_calibration_by_decile(
    forecast: Forecast, measure: str = "purchases", ax: "Axes | None" = None
) -> "Axes":
    """Draw what customers were expected to do in the holdout beside what they did, by tenths of the expected.

    Parameters
    ----------
    forecast : Forecast
        As far as the holdout of its RFM, which was made with ``holdout_end=``.
    measure : "purchases" or "value"
        Of one customer, on average.
    ax : matplotlib Axes, optional
        Where to draw; a new figure's by default.

    Returns
    -------
    matplotlib Axes
        With the forecast mean and its interval for each tenth of the customers, from the least expected of
        up, and what they did on average.

    Raises
    ------
    SettingsError
        There is no holdout, or the forecast reaches less or more far.

    Examples
    --------
    >>> import lifecast as lc
    >>> log = lc.datasets.load_cdnow(sample=True)
    >>> rfm = lc.rfm_summary(log, observation_end="1997-09-30", holdout_end="1998-06-30")
    >>> forecast = lc.CLTV().fit(rfm).forecast(rfm, rfm.holdout.duration, worlds=100)
    >>> plot_calibration_by_decile(forecast).get_xlabel()
    'tenths of customers, the least expected of first'
    """
    column = "cltv" if measure == "value" and "cltv" in forecast.customers else "purchases"
    order = np.argsort(forecast.customers[column].to_numpy(), kind="stable")
    classes = np.empty(order.size, np.int64)
    classes[order] = np.arange(order.size) * 10 // order.size
    shown = [str(number + 1) for number in np.unique(classes)]
    label = "tenths of customers, the least expected of first"
    return _calibration(forecast, measure, ax, classes, shown, label)


def _calibration(
    forecast: Forecast, measure: str, ax: "Axes | None", classes: Any, names: list[str], label: str
) -> "Axes":
    came = _held_out(forecast, measure)
    grouped = forecast.by(classes)
    size = np.asarray(grouped.customers, np.float64)
    draws = grouped.draws[measure].sum(axis=2) / size[:, None]
    mean = draws.mean(axis=1)
    lower, upper = np.quantile(draws, tails(forecast.interval), axis=1)
    actual = np.bincount(np.unique(classes, return_inverse=True)[1], came) / size
    at = np.arange(len(names))
    ax = axes_of(ax)
    ax.bar(at, mean, 0.7, color=BAND, edgecolor=LINE, linewidth=0.8, label="expected")
    ax.errorbar(
        at, mean, [mean - np.minimum(lower, mean), np.maximum(upper, mean) - mean], fmt="none", color=LINE,
        capsize=5, linewidth=1.5, label=f"{forecast.interval:.0%} interval",
    )  # fmt: skip
    ax.plot(at, actual, "o", color=CAME, markersize=6, label="what really happened")
    ax.set_xticks(at, names)
    ax.set_xlabel(label)
    ax.set_ylabel(f"{WORDS[measure]} of a customer")
    ax.set_ylim(bottom=0)
    held = int(np.sum((lower <= actual) & (actual <= upper)))
    finish(
        ax,
        f"What came lies in the {forecast.interval:.0%} interval of {held} of {len(names)} classes; in the "
        f"last it was {short(actual[-1])}, where {short(mean[-1])} was expected",
    )
    return ax


def _held_out(forecast: Forecast, measure: str) -> Floats:
    """What each customer did in the holdout."""
    check_measure(forecast, measure)
    rfm = forecast.simulation.rfm
    if rfm.holdout is None:
        raise SettingsError(
            "The forecast's RFM has no holdout. Make it with rfm_summary(log, observation_end=..., "
            "holdout_end=...)."
        )
    if abs(rfm.holdout.duration - forecast.horizon) > 1e-6 * rfm.holdout.duration:
        raise SettingsError(
            f"The forecast reaches {forecast.horizon:g} {rfm.time_unit}s, the holdout "
            f"{rfm.holdout.duration:g}. Forecast to rfm.holdout.duration."
        )
    if measure == "purchases":
        return rfm.holdout.frequency.astype(np.float64)
    if rfm.holdout.value is None or measure != "value":
        raise SettingsError(
            f"measure={measure!r}: the holdout knows purchases, and value where there are amounts."
        )
    return rfm.holdout.value * forecast.simulation.margin


def plot_tracking(tracking: "Tracking", *, cumulative: bool = False, ax: "Axes | None" = None) -> "Axes":
    """Draw repeat purchases of the whole log, period by period, beside what the model makes of them.

    Parameters
    ----------
    tracking : Tracking
        From `lifecast.track`.
    cumulative : bool, default False
        Draw the sums so far instead.
    ax : matplotlib Axes, optional
        Where to draw; a new figure's by default.

    Returns
    -------
    matplotlib Axes
        With what came, what the model expects of such customers up to the observation end, the forecast and
        its interval after it, and a line where the holdout begins.

    Notes
    -----
    The tracking plots of Fader, Hardie & Lee (2005), "Counting your customers the easy way", figures 2 and 3.

    Examples
    --------
    >>> import lifecast as lc
    >>> log = lc.datasets.load_cdnow(sample=True)
    >>> rfm = lc.rfm_summary(log, observation_end="1997-09-30")
    >>> forecast = lc.CLTV().fit(rfm).forecast(rfm, 39, worlds=50)
    >>> plot_tracking(lc.track(forecast, log)).get_ylabel()
    'repeat purchases per week'
    """
    table = tracking.table
    prefix = "total_" if cumulative else ""
    before = table[~table["forecast"]]
    after = table[table["forecast"]]
    if not cumulative:
        before = before[before["whole"]]
        after = after[after["whole"]]
    ax = axes_of(ax)
    ax.fill_between(
        after["end"], after[f"{prefix}lower"], after[f"{prefix}upper"], color=BAND, linewidth=0,
        label=f"{tracking.interval:.0%} interval",
    )  # fmt: skip
    ax.plot(
        before["end"],
        before[f"{prefix}mean"],
        color=LINE,
        linewidth=1.5,
        linestyle="--",
        label="what the model makes of the past",
    )
    ax.plot(after["end"], after[f"{prefix}mean"], color=LINE, linewidth=2, label="forecast")
    came = table[table["actual"].notna() & (table["whole"] | cumulative)]
    ax.plot(
        came["end"],
        came[f"{prefix}actual"],
        color=CAME,
        linewidth=1.3,
        marker="o",
        markersize=2.5,
        label="what came",
    )
    today: Any = tracking.observation_end
    ax.axvline(today, color="0.4", linewidth=1, linestyle=(0, (1, 2)))
    ax.set_ylim(bottom=0)
    ax.margins(x=0.02)
    ax.annotate("forecast from here", (today, 0.0), (4, 5), textcoords="offset points", fontsize="small")
    unit = tracking.time_unit.name
    ax.set_ylabel("repeat purchases so far" if cumulative else f"repeat purchases per {unit}")
    ax.yaxis.set_major_formatter("{x:,.0f}")
    in_dates(ax)
    finish(ax, _tracking_says(tracking, after, cumulative))
    return ax


def _tracking_says(tracking: "Tracking", after: "pd.DataFrame", cumulative: bool) -> str:
    interval, unit = f"{tracking.interval:.0%}", tracking.time_unit.name
    known = after[after["actual"].notna()]
    if not len(known):
        past = tracking.table[~tracking.table["forecast"]].iloc[-1]
        return (
            f"{past['total_actual']:,.0f} repeat purchases came up to {tracking.observation_end}; the model "
            f"makes {past['total_mean']:,.0f} of them"
        )
    if not cumulative:
        held = int(known["actual"].between(known["lower"], known["upper"]).sum())
        since = tracking.observation_end
        return f"{held} of {len(known)} {unit}s after {since} lay in their {interval} interval"
    last = known.iloc[-1]
    start = tracking.table[~tracking.table["forecast"]]["total_actual"].iloc[-1]
    came, mean, lower, upper = (
        last[f"total_{name}"] - start for name in ("actual", "mean", "lower", "upper")
    )
    return (
        f"{came:,.0f} repeat purchases came in {len(known)} {unit}s; the forecast said {mean:,.0f}, "
        f"{span(lower, upper)} with {interval}"
    )
