"""All customers together: what they will do period by period, where its variance comes from, cash flow."""

from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.errors import SettingsError
from lifecast.forecast import Forecast
from lifecast.plots.drawing import (
    BAND,
    CAME,
    INNER,
    INNER_LEVEL,
    LINE,
    WORDS,
    axes_of,
    check_measure,
    finish,
    in_dates,
    period_name,
    short,
    span,
    time_in_words,
)
from lifecast.settings import central, tails

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from lifecast.planning.portfolio import CashFlow

# From the bottom up; told apart by lightness alone, too.
_SOURCES = {
    "market": "#002A45",
    "parameters": "#3F8FC0",
    "drift": "#9C3F0D",
    "timing": "#E8A33C",
    "spend": "#F3D9A4",
}
_SOURCE_WORDS = {"drift": "personal drift", "timing": "purchase timing"}


def plot_portfolio(
    forecast: Forecast,
    measure: str = "purchases",
    ax: "Axes | None" = None,
    actual: Any = None,
    *,
    cumulative: bool = False,
) -> "Axes":
    """Draw what all customers together will do, period by period, as a fan.

    Where the horizon is not a whole number of periods the last one is shorter, so lower; it is left out.

    Parameters
    ----------
    forecast : Forecast
    measure : "purchases", "value" or "discounted_value"
        Per period, in the data's currency.
    ax : matplotlib Axes, optional
        Where to draw; a new figure's by default.
    actual : array (period,), optional
        What really happened, from the first period on; may be shorter than the forecast.
    cumulative : bool, default False
        Draw the sums so far instead. Their bands are those of the sums, not sums of bands.

    Returns
    -------
    matplotlib Axes
        With the line of the medians, the bands of the central intervals (the forecast's, and half of it all),
        and points of what happened.

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
    check_measure(forecast, measure)
    table, draws = forecast.portfolio, forecast.draws[measure]
    happened = np.asarray([] if actual is None else actual, np.float64)
    if len(happened) > len(table):
        raise SettingsError(
            f"actual has {len(happened):,} periods, the forecast {len(table):,}. Pass those of the forecast."
        )
    table = whole_periods(table)
    happened, draws = happened[: len(table)], draws[:, : len(table)]
    if cumulative:
        happened, draws = np.cumsum(happened), np.cumsum(draws, axis=1)
    ax, end = axes_of(ax), table["end"]
    bands = fan(ax, end, draws, forecast.interval)
    if happened.size:
        ax.plot(
            end[: len(happened)], happened, "o", color=CAME, markersize=4, markeredgecolor="white",
            markeredgewidth=0.4, label="what really happened",
        )  # fmt: skip
    words, period = WORDS[measure], period_name(forecast)
    ax.set_ylabel(f"{words} so far" if cumulative else f"{words} per {period}")
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.margins(x=0.02)
    if forecast.observation_end is None:
        ax.set_xlabel(f"{forecast.time_unit.name}s from now")
    else:
        in_dates(ax)
    finish(ax, _portfolio_says(forecast, measure, happened, bands, cumulative))
    return ax


def whole_periods(table: "pd.DataFrame") -> "pd.DataFrame":
    """Without a period at either end that is a part of one, so lower than the others."""
    if "month" in table:  # whole ones differ in length
        whole = table["start"].dt.is_month_end & table["end"].dt.is_month_end
    else:
        lengths = table["end"] - table["start"]
        whole = lengths >= 0.99 * lengths.iloc[0]
    return (table[whole] if whole.any() else table).reset_index(drop=True)


def fan(
    ax: "Axes", at: Any, draws: Floats, interval: float, middle: str = "median of the forecast"
) -> tuple[Floats, Floats, Floats]:
    """Draw the median and two bands of draws (world, time); the outer band's bounds and the median."""
    lower, median, upper = np.quantile(draws, central(interval), axis=0)
    inner = np.quantile(draws, tails(INNER_LEVEL), axis=0)
    ax.fill_between(at, lower, upper, color=BAND, linewidth=0, label=f"{interval:.0%} interval")
    if interval > INNER_LEVEL:
        ax.fill_between(at, *inner, color=INNER, linewidth=0, label=f"{INNER_LEVEL:.0%} interval")
    ax.plot(at, median, color=LINE, linewidth=2, label=middle)
    return lower, median, upper


def _portfolio_says(
    forecast: Forecast, measure: str, happened: Floats, bands: tuple[Floats, ...], cumulative: bool
) -> str:
    lower, median, upper = (bound[: happened.size] for bound in bands)
    interval, period = f"{forecast.interval:.0%}", period_name(forecast)
    words = WORDS[measure]
    if not happened.size:
        total: Any = forecast.total.loc[measure]
        what = f"{short(total['mean'])} purchases"
        if measure != "purchases":
            what = f"{words} of {short(total['mean'])}"
        return (
            f"{len(forecast.customers):,} customers: {what} expected {time_in_words(forecast)}, "
            f"{span(total['lower'], total['upper'])} with {interval}"
        )
    if cumulative:
        return (
            f"{words.capitalize()} came to {short(happened[-1])} after {happened.size} {period}s; the "
            f"forecast said {short(median[-1])}, {span(lower[-1], upper[-1])} with {interval}"
        )
    held = int(np.sum((lower <= happened) & (happened <= upper)))
    return (
        f"What {len(forecast.customers):,} customers really did lay in the {interval} interval in {held} of "
        f"{happened.size} {period}s"
    )


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
    check_measure(forecast, measure)
    table = forecast.uncertainty() if table is None else table
    rows = table[table["measure"] == measure]
    if len(rows) != len(forecast.portfolio) + 1:
        raise SettingsError(
            f"table has {len(rows):,} rows of {measure}: needed one per period and one of the whole horizon, "
            f"{len(forecast.portfolio) + 1:,}. Pass the rows of one group."
        )
    ax = axes_of(ax)
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
    ax.margins(x=0.02)
    ticks = [
        tick for tick in ax.get_xticks() if tick == round(tick) and 1 <= tick <= periods - gap - width / 2
    ]
    ax.set_xticks([*ticks, at[-1]], [*(f"{tick:.0f}" for tick in ticks), "all"])
    ax.set_xlabel(f"{period_name(forecast)} of the forecast, and all of them together")
    ax.set_ylabel("share of the variance")
    ax.set_ylim(0, 1)
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.spines["bottom"].set_visible(False)
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(
        handles[::-1],
        labels[::-1],
        frameon=False,
        title="share over all",
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
    )
    most = max(zip(shares[-1], _SOURCES, strict=True))
    source = _SOURCE_WORDS.get(most[1], f"the {most[1]}")
    finish(
        ax,
        f"Most of the uncertainty of {WORDS[measure]} comes from {source}: {most[0]:.0%} of the variance",
        None,
        legend=False,
    )
    return ax


def plot_cash_flow(flow: "CashFlow", measure: str = "value", ax: "Axes | None" = None) -> "Axes":
    """Draw what customers there and yet to come bring period by period, and how sure their sum is.

    A first or last period that is a part of one, such as the rest of a month, is left out.

    Parameters
    ----------
    flow : CashFlow
        From `lifecast.cash_flow`.
    measure : "value", "discounted_value" or "purchases"
    ax : matplotlib Axes, optional
        Where to draw; a new figure's by default.

    Returns
    -------
    matplotlib Axes
        With what existing customers are expected to bring below, what new ones are above it, and lines at
        the bounds of the sum.

    Raises
    ------
    SettingsError
        The cash flow has no such measure.

    Examples
    --------
    >>> import lifecast as lc
    >>> import pandas as pd
    >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    >>> forecast = lc.CLTV().fit(rfm).forecast(rfm, horizon=26, worlds=50)
    >>> plan = pd.DataFrame({"start": ["1997-10-01"], "new_customers": [300]})
    >>> plot_cash_flow(lc.cash_flow(forecast, new_customers=plan)).get_ylabel()
    'value per period'
    """
    if measure not in flow.draws:
        raise SettingsError(f"measure={measure!r}: this cash flow has {', '.join(flow.draws)}.")
    table = flow.periods[flow.periods["group"] == "all"]
    rows = {kind: whole_periods(part) for kind, part in table.groupby("customers", sort=False)}
    there = rows["existing"]
    whole = rows.get("all", there)
    edges = [*there["start"], there["end"].iloc[-1]]
    ax = axes_of(ax)
    ax.stairs(there[measure], edges, fill=True, color=LINE, label="customers there today")
    if "new" in rows:
        both = there[measure] + rows["new"][measure]
        ax.stairs(
            both, edges, baseline=there[measure], fill=True, facecolor=BAND, edgecolor=LINE, hatch="///",
            linewidth=0.0, label="customers yet to come",
        )  # fmt: skip
    label = "interval of the sum"
    for bound in ("lower", "upper"):
        ax.stairs(
            whole[f"{measure}_{bound}"], edges, baseline=None, color=CAME, linewidth=1.2, linestyle="--",
            label=label,
        )  # fmt: skip
        label = ""
    ax.set_ylabel(f"{WORDS[measure]} per {'month' if 'month' in table else 'period'}")
    ax.set_ylim(bottom=0)
    ax.margins(x=0.02)
    ax.yaxis.set_major_formatter("{x:,.0f}")
    if hasattr(edges[0], "year"):
        in_dates(ax)
    else:
        ax.set_xlabel("time from now")
    total: Any = flow.total.xs(measure, level="measure").loc["all"]
    everybody = total.loc["all" if "new" in rows else "existing"]
    says = f"{WORDS[measure].capitalize()} of {short(everybody['mean'])} is expected"
    if measure == "purchases":
        says = f"{short(everybody['mean'])} purchases are expected"
    says += f" within the horizon, {span(everybody['lower'], everybody['upper'])}"
    if "new" in rows and everybody["mean"] > 0.0:
        says += f"; {total.loc['new', 'mean'] / everybody['mean']:.0%} from customers yet to come"
    finish(ax, says)
    return ax
