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
