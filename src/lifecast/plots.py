"""Every figure, one function each: matplotlib axes in and out."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.errors import SettingsError
from lifecast.forecast import Forecast

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Blue on white, and black: apart for every kind of colour vision, and in print.
_LINE, _BAND = "#0072B2", "#9FCBE8"
# From the bottom up; told apart by lightness alone, too.
_SOURCES = {
    "market": "#00416A",
    "parameters": "#4FA3D1",
    "drift": "#B3480F",
    "timing": "#F2B45A",
    "spend": "#FBE8C8",
}
_SOURCE_WORDS = {"drift": "personal drift", "timing": "purchase timing"}
_WORDS = {"purchases": "Purchases", "value": "Value", "discounted_value": "Discounted value"}


def plot_portfolio(
    forecast: Forecast, measure: str = "purchases", ax: "Axes | None" = None, actual: Any = None
) -> "Axes":
    """Draw what all customers together will do, period by period.

    The last period may be shorter than the others, where the horizon is not a whole number of them; then it
    is lower too.

    Parameters
    ----------
    forecast : Forecast
    measure : "purchases", "value" or "discounted_value"
        Per period, in the data's currency.
    ax : matplotlib Axes, optional
        Where to draw; a new figure's by default.
    actual : array (period,), optional
        What really happened, from the first period on; may be shorter than the forecast.

    Returns
    -------
    matplotlib Axes
        With the line of the medians, the band of the central intervals, and points of what happened.

    Raises
    ------
    SettingsError
        A measure that the forecast does not have, or more actual periods than it has.

    Examples
    --------
    >>> import lifecast as lc
    >>> model = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
    >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    >>> plot_portfolio(model.forecast(rfm, horizon=39, worlds=10)).get_ylabel()
    'purchases per week'
    """
    if measure not in forecast.draws:
        raise SettingsError(f"measure={measure!r}: this forecast has {', '.join(forecast.draws)}.")
    table = forecast.portfolio
    happened = np.asarray([] if actual is None else actual, np.float64)
    if len(happened) > len(table):
        raise SettingsError(
            f"actual has {len(happened):,} periods, the forecast {len(table):,}. Pass those of the forecast."
        )
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=(8, 4.5), layout="constrained")[1]
    end = table["end"]
    ax.fill_between(
        end,
        table[f"{measure}_lower"],
        table[f"{measure}_upper"],
        color=_BAND,
        linewidth=0,
        label=f"{forecast.interval:.0%} interval",
    )
    ax.plot(end, table[f"{measure}_median"], color=_LINE, linewidth=2, label="median of the forecast")
    if happened.size:
        ax.plot(
            end[: len(happened)], happened, "o", color="black", markersize=4, label="what really happened"
        )
    period = "year" if math.isinf(forecast.horizon) else forecast.time_unit.name
    words = _WORDS[measure]
    against = " against what really happened" if happened.size else ""
    ax.set_title(f"{words} of {len(forecast.customers):,} customers{against}")
    ax.set_ylabel(f"{words.lower()} per {period}")
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.margins(x=0.02)
    if forecast.observation_end is None:
        ax.set_xlabel(f"{forecast.time_unit.name}s from now")
    else:
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator()  # type: ignore[no-untyped-call]
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color="0.9")
    ax.set_axisbelow(True)
    ax.legend(frameon=False)
    return ax


def plot_uncertainty(
    forecast: Forecast, measure: str = "purchases", ax: "Axes | None" = None, table: Any = None
) -> "Axes":
    """Draw where a total's variance comes from: stacked shares of each period and of the whole horizon.

    What customers share stands below, what each has of its own above.

    Parameters
    ----------
    forecast : Forecast
    measure : "purchases", "value" or "discounted_value"
    ax : matplotlib Axes, optional
        Where to draw; a new figure's by default.
    table : DataFrame, optional
        What ``forecast.uncertainty()`` returned, or one group's rows of it; without it, that is computed.

    Returns
    -------
    matplotlib Axes
        With a bar per period, and one of the whole horizon, whose shares the legend tells. Parts below zero,
        by the noise of simulation, are drawn as none.

    Raises
    ------
    SettingsError
        A measure that the forecast does not have, or a table of several groups.

    Examples
    --------
    >>> import lifecast as lc
    >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    >>> forecast = lc.CLTV().fit(rfm).forecast(rfm, horizon=13, worlds=50)
    >>> plot_uncertainty(forecast).get_ylabel()
    'share of the variance'
    """
    if measure not in forecast.draws:
        raise SettingsError(f"measure={measure!r}: this forecast has {', '.join(forecast.draws)}.")
    table = forecast.uncertainty() if table is None else table
    rows = table[table["measure"] == measure]
    if len(rows) != len(forecast.portfolio) + 1:
        raise SettingsError(
            f"table has {len(rows):,} rows of {measure}: needed one per period and one of the whole horizon, "
            f"{len(forecast.portfolio) + 1:,}. Pass the rows of one group."
        )
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=(8, 4.5), layout="constrained")[1]
    parts = rows[list(_SOURCES)].to_numpy(np.float64).clip(min=0.0)
    shares = parts / np.maximum(parts.sum(axis=1, keepdims=True), 1e-300)
    periods = len(rows) - 1
    gap, width = 0.02 * periods + 0.5, max(1.0, 0.06 * periods)  # the whole horizon stands apart, and is wide
    at = np.append(np.arange(1.0, periods + 1), periods + 0.5 + gap + width / 2)
    bottom = np.zeros(periods + 1)
    for (part, colour), share in zip(_SOURCES.items(), shares.T, strict=True):
        ax.bar(
            at,
            share,
            width=np.append(np.full(periods, 1.0), width),
            bottom=bottom,
            color=colour,
            edgecolor="white",
            linewidth=0.4 if periods <= 60 else 0.0,
            label=f"{_SOURCE_WORDS.get(part, part)} {share[-1]:.0%}",
        )
        bottom = bottom + share
    period = "year" if math.isinf(forecast.horizon) else forecast.time_unit.name
    ticks = [tick for tick in ax.get_xticks() if tick == round(tick) and 1 <= tick <= periods]
    ax.set_xticks([*ticks, at[-1]], [*(f"{tick:.0f}" for tick in ticks), "all"])
    ax.set_title(f"Where the uncertainty of {_WORDS[measure].lower()} comes from")
    ax.set_xlabel(f"{period} of the forecast, and all of them together")
    ax.set_ylabel("share of the variance")
    ax.set_ylim(0, 1)
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.margins(x=0.02)
    ax.spines[["top", "right", "bottom"]].set_visible(False)
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(
        handles[::-1],
        labels[::-1],
        frameon=False,
        title="share over all",
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
    )
    return ax
