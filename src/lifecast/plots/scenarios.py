"""What would be different: one scenario through time, and several beside each other."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.errors import SettingsError
from lifecast.plots.drawing import (
    CAME,
    LINE,
    WORDS,
    amounts_on_x,
    axes_of,
    finish,
    in_dates,
    names_on_y,
    short,
    span,
)
from lifecast.plots.portfolio import fan
from lifecast.settings import tails

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lifecast.planning.scenarios import Scenario

_INTERVAL = 0.9


def plot_scenario(scenario: "Scenario", measure: str | None = None, ax: "Axes | None" = None) -> "Axes":
    """Draw how much more, or less, a scenario has brought as time goes by.

    Parameters
    ----------
    scenario : Scenario
        From `lifecast.scenario`.
    measure : "purchases", "value" or "discounted_value", optional
        By default the discounted value, or purchases where the model has no spend.
    ax : matplotlib Axes, optional
        Where to draw; a new figure's by default.

    Returns
    -------
    matplotlib Axes
        With the difference to the forecast as it was, summed up so far: its median and the bands that 50 and
        90% of worlds lie in.

    Raises
    ------
    SettingsError
        The scenario has no such measure.

    Examples
    --------
    >>> import lifecast as lc
    >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    >>> forecast = lc.CLTV().fit(rfm).forecast(rfm, horizon=26, worlds=100)
    >>> plot_scenario(lc.scenario(forecast, dropout=0.9), "purchases").get_ylabel()
    'purchases more than without it, so far'
    """
    measure = _measure(scenario, measure)
    difference = np.cumsum(scenario.scenario[measure] - scenario.baseline[measure], axis=1)
    ends = scenario.portfolio.loc[scenario.portfolio["measure"] == measure, "end"]
    ax = axes_of(ax)
    fan(ax, ends, difference, _INTERVAL, "median")
    ax.axhline(0.0, color=CAME, linewidth=1)
    ax.set_ylabel(f"{WORDS[measure]} more than without it, so far")
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.margins(x=0.02)
    if hasattr(ends.iloc[0], "year"):
        in_dates(ax)
    else:
        ax.set_xlabel("time from now")
    total = difference[:, -1]
    lower, upper = np.quantile(total, tails(_INTERVAL))
    what = "purchases" if measure == "purchases" else f"of {WORDS[measure]}"
    more = "more" if total.mean() >= 0 else "less"
    bounds = span(*sorted((abs(lower), abs(upper)))) if lower * upper > 0 else span(lower, upper)
    finish(
        ax,
        f"It would bring {short(abs(total.mean()))} {what} {more}, {bounds} with {_INTERVAL:.0%}, from "
        f"{scenario.customers:,} customers",
    )
    return ax


def plot_scenarios(
    scenarios: "Mapping[str, Scenario]", measure: str | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw what several scenarios would bring, beside each other.

    Parameters
    ----------
    scenarios : mapping of str to Scenario
        By the names that they are to have in the figure; of the same forecast.
    measure : "purchases", "value" or "discounted_value", optional
        By default the discounted value, or purchases where the model has no spend.
    ax : matplotlib Axes, optional
        Where to draw; a new figure's by default.

    Returns
    -------
    matplotlib Axes
        With the mean difference over the whole horizon and its interval for each, the highest on top.

    Raises
    ------
    SettingsError
        There is no scenario, or one has no such measure.

    Examples
    --------
    >>> import lifecast as lc
    >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    >>> forecast = lc.CLTV().fit(rfm).forecast(rfm, horizon=26, worlds=100)
    >>> stay = lc.scenario(forecast, dropout=0.9)
    >>> often = lc.scenario(forecast, purchase_rate=1.1)
    >>> len(plot_scenarios({"10% fewer leave": stay, "10% more often": often}).get_yticks())
    2
    """
    if not scenarios:
        raise SettingsError("scenarios={}: needed at least one, by name.")
    measure = _measure(next(iter(scenarios.values())), measure)
    rows: dict[str, Any] = {name: each.total.loc[_measure(each, measure)] for name, each in scenarios.items()}
    names = sorted(rows, key=lambda name: float(rows[name]["difference"]))
    mean, lower, upper = (
        np.array([float(rows[name][f"difference{end}"]) for name in names])
        for end in ("", "_lower", "_upper")
    )
    at = np.arange(len(names))
    ax = axes_of(ax)
    ax.errorbar(
        mean, at, xerr=[np.maximum(mean - lower, 0.0), np.maximum(upper - mean, 0.0)], fmt="o", color=LINE,
        capsize=4, markersize=7, linewidth=1.8, label="mean, and how sure it is",
    )  # fmt: skip
    ax.axvline(0.0, color=CAME, linewidth=1)
    names_on_y(ax, at, names)
    ax.margins(y=0.12)
    amounts_on_x(ax)
    ax.set_xlabel(f"difference of {WORDS[measure]} within the horizon")
    finish(
        ax,
        f"“{names[-1]}” would bring the most: {short(mean[-1])} of {WORDS[measure]} more, "
        f"{span(lower[-1], upper[-1])}",
        "x",
    )
    return ax


def _measure(scenario: "Scenario", measure: str | None) -> str:
    """The measure asked for, or the usual one."""
    known = list(scenario.baseline)
    chosen = measure or ("discounted_value" if "discounted_value" in known else "purchases")
    if chosen not in known:
        raise SettingsError(f"measure={chosen!r}: this scenario has {', '.join(known)}.")
    return chosen
