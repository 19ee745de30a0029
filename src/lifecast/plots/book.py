"""Every figure, one function each: matplotlib axes in and out."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.errors import SettingsError
from lifecast.families.contract import DiscreteTime
from lifecast.forecast import Forecast
from lifecast.model import CLTV
from lifecast.planning.channels import as_horizon
from lifecast.rfm import RFM

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lifecast.backtesting import Backtest
    from lifecast.planning.budget import Allocation
    from lifecast.planning.channels import Channels

# Blue on white, and black: apart for every kind of colour vision, and in print.
_LINE, _BAND, _MARK = "#0072B2", "#9FCBE8", "#B3480F"
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
    lengths = np.diff(forecast.simulation.periods)
    if lengths[-1] < 0.99 * lengths[0]:
        table, happened = table.iloc[:-1], happened[: len(table) - 1]
    ax = _axes(ax)
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
    _plain(ax, grid="y")
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
    ax = _axes(ax)
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


# Cells of the map of customers: purchases at most, and steps of time.
_MOST_FREQUENT, _STEPS = 30, 24


def plot_customer_map(model: CLTV, rfm: RFM, horizon: Any = None, ax: "Axes | None" = None) -> "Axes":
    """Draw what the model thinks of customers by how often, and how lately, they bought.

    Of customers as old as the middle one of the RFM; where the model has groups or covariates, of the largest
    group, with the middle or most common value of each covariate.

    Parameters
    ----------
    model : CLTV
    rfm : RFM
        Whose ages, frequencies and attributes are usual.
    horizon : float, str or date, optional
        Draw the expected purchases within it; by default the probability of still being a customer.
    ax : matplotlib Axes, optional
        Where to draw; a new figure's by default.

    Returns
    -------
    matplotlib Axes
        With a mesh over time since the last purchase (across) and repeat purchases (up), darker for more,
        and a few labelled contours.

    Raises
    ------
    SettingsError
        The model counts opportunities; time since the last purchase is no continuum then.

    Examples
    --------
    >>> import lifecast as lc
    >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    >>> model = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
    >>> plot_customer_map(model, rfm).get_xlabel()
    'weeks since the last purchase'
    """
    import pandas as pd
    from matplotlib.ticker import MaxNLocator

    if isinstance(model.purchases, DiscreteTime):
        raise SettingsError(
            f"{model.purchases.name} counts opportunities. This figure needs a family that buys at any time."
        )
    age = float(np.median(rfm.T))
    most = int(np.clip(np.quantile(rfm.frequency, 0.995), 5, _MOST_FREQUENT))
    frequency = np.arange(1, most + 1)
    idle = age * (np.arange(_STEPS) + 0.5) / _STEPS
    cells = pd.DataFrame(
        {
            "customer_id": np.arange(frequency.size * idle.size),
            "frequency": np.repeat(frequency, idle.size),
            "recency": age - np.tile(idle, frequency.size),
            "T": age,
        }
    ).assign(**_usual_customer(model, rfm))
    customers = RFM.from_frame(cells, rfm.time_unit, rfm.observation_end)
    alive = horizon is None
    found = model.probability_alive(customers) if alive else model.expected_purchases(customers, horizon)
    values = found.to_numpy().reshape(frequency.size, idle.size)
    ax = _axes(ax)
    mesh = ax.pcolormesh(
        np.linspace(0.0, age, _STEPS + 1),
        np.arange(0.5, most + 1),
        values,
        cmap="Blues",
        vmin=0.0,
        vmax=1.0 if alive else None,
        edgecolors="face",
        linewidth=0.3,
    )
    lines = ax.contour(
        idle, frequency, values, levels=[0.1, 0.5, 0.9] if alive else 4, colors="black", linewidths=0.8
    )
    for label in ax.clabel(lines, fmt=lambda level: f"{level:.0%}" if alive else f"{level:g}"):
        label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.5})
    ax.figure.colorbar(mesh, ax=ax, format="{x:.0%}" if alive else "{x:g}")
    unit = rfm.time_unit.name
    ax.set_title("Probability of still being a customer" if alive else "Expected purchases to the horizon")
    ax.set_xlabel(f"{unit}s since the last purchase")
    ax.set_ylabel(f"repeat purchases in {age:,.0f} {unit}s")
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    return ax


def plot_concentration(forecast: Forecast, ax: "Axes | None" = None) -> "Axes":
    """Draw how much of all value the best customers are expected to bring: a Lorenz curve, the best first.

    Parameters
    ----------
    forecast : Forecast
    ax : matplotlib Axes, optional
        Where to draw; a new figure's by default.

    Returns
    -------
    matplotlib Axes
        With the share of the expected value (of purchases where the model has no spend) over the share of
        customers, the line of equality, and a point at the best tenth.

    Raises
    ------
    SettingsError
        Nothing is expected of anybody, or without end.

    Notes
    -----
    Lorenz (1905), "Methods of measuring the concentration of wealth", doi:10.2307/2276207. What customers
    will really bring is more concentrated than its expectation, by luck.

    Examples
    --------
    >>> import lifecast as lc
    >>> model = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
    >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    >>> plot_concentration(model.forecast(rfm, horizon=39, worlds=10)).get_title()
    'The best 10% of customers are expected to bring 52% of purchases'
    """
    words, expected = _expected(forecast)
    share, brought = lorenz(expected)
    best = float(np.interp(0.1, share, brought))
    shown = np.unique(
        np.linspace(0, share.size - 1, 500).round().astype(np.int64)
    )  # a file of lines, not a book
    ax = _axes(ax)
    ax.plot([0, 1], [0, 1], color="0.5", linestyle="--", linewidth=1, label="all customers alike")
    ax.plot(share[shown], brought[shown], color=_LINE, linewidth=2, label="expected")
    ax.plot([0.1], [best], "o", color="black", label=f"the best 10% bring {best:.0%}")
    ax.set_title(f"The best 10% of customers are expected to bring {best:.0%} of {words}")
    ax.set_xlabel("share of customers, the best first")
    ax.set_ylabel(f"share of {words}")
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1.02)
    ax.xaxis.set_major_formatter("{x:.0%}")
    ax.yaxis.set_major_formatter("{x:.0%}")
    _plain(ax, grid="both")
    ax.legend(frameon=False, loc="lower right")
    return ax


def plot_customer_values(forecast: Forecast, ax: "Axes | None" = None) -> "Axes":
    """Draw how many customers are expected to bring how much: a histogram over a logarithmic scale.

    Parameters
    ----------
    forecast : Forecast
    ax : matplotlib Axes, optional
        Where to draw; a new figure's by default.

    Returns
    -------
    matplotlib Axes
        With customers per class of expected value (of purchases where the model has no spend), the lowest
        class open below, and lines at the median and the mean.

    Raises
    ------
    SettingsError
        Nothing is expected of anybody, or without end.

    Examples
    --------
    >>> import lifecast as lc
    >>> model = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
    >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    >>> plot_customer_values(model.forecast(rfm, horizon=39, worlds=10)).get_ylabel()
    'customers'
    """
    words, expected = _expected(forecast)
    top = float(np.max(expected))
    low = max(float(np.quantile(expected, 0.01)), 1e-4 * top)
    edges = np.geomspace(0.999 * low, 1.001 * top, 41)
    counts = np.histogram(np.maximum(expected, low), edges)[0]
    median, mean = float(np.median(expected)), float(expected.mean())
    ax = _axes(ax)
    ax.bar(edges[:-1], counts, np.diff(edges), align="edge", color=_BAND, edgecolor="white", linewidth=0.5)
    ax.axvline(
        max(median, low), color="black", linestyle="--", linewidth=1.5, label=f"median {_short(median)}"
    )
    ax.axvline(mean, color=_LINE, linewidth=2, label=f"mean {_short(mean)}")
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(lambda x, _: _short(x))
    what = words if words == "purchases" else "a value"
    ax.set_title(f"Half of the customers are expected to bring {what} of less than {_short(median)}")
    ax.set_xlabel(f"a customer's expected {words.removeprefix('the ')}, on a logarithmic scale")
    ax.set_ylabel("customers")
    ax.yaxis.set_major_formatter("{x:,.0f}")
    _plain(ax, grid="y")
    ax.legend(frameon=False)
    return ax


def plot_channels(channels: "Channels", ax: "Axes | None" = None) -> "Axes":
    """Draw what a new customer of each channel is worth, how sure that is, and what it costs.

    Parameters
    ----------
    channels : Channels
        From `lifecast.channels`.
    ax : matplotlib Axes, optional
        Where to draw; a new figure's by default.

    Returns
    -------
    matplotlib Axes
        With a point and its interval per channel, the most valuable on top, and a diamond at its cost.

    Examples
    --------
    >>> import lifecast as lc
    >>> shop = lc.datasets.simulate_shop(customers=2000, random_seed=1)
    >>> rfm = lc.rfm_summary(shop.log, attributes=["channel"], observation_end=shop.end)
    >>> model = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(groups="channel"), market=None)
    >>> found = lc.channels(model.fit(rfm), shop.costs, margin=0.4, worlds=100)
    >>> plot_channels(found).get_xlabel()
    'expected value of a new customer for life, and its cost'
    """
    table = channels.table.sort_values("value")
    at = np.arange(len(table))
    ax = _axes(ax)
    ax.errorbar(
        table["value"],
        at,
        xerr=[table["value"] - table["value_lower"], table["value_upper"] - table["value"]],
        fmt="o",
        color=_LINE,
        capsize=3,
        label="value, and how sure it is",
    )
    ax.plot(table["cac"], at, "D", color=_MARK, markerfacecolor="white", markersize=7, label="cost")
    ax.set_yticks(at, [str(name) for name in table.index], parse_math=False)
    pays = int((table["probability_pays"] >= 0.9).sum())
    ax.set_title(f"{pays} of {len(table)} channels' customers are worth what they cost, with 90% or more")
    ax.set_xlabel(f"expected value of a new customer {until(channels)}, and its cost")
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.set_xlim(left=0)
    ax.margins(y=0.08)
    _plain(ax, grid="x")
    ax.legend(frameon=False)
    return ax


def plot_budget(allocation: "Allocation", ax: "Axes | None" = None) -> "Axes":
    """Draw a budget by channel beside the value that it is expected to bring.

    Parameters
    ----------
    allocation : Allocation
        From `lifecast.allocate`.
    ax : matplotlib Axes, optional
        Where to draw; a new figure's by default.

    Returns
    -------
    matplotlib Axes
        With two bars per channel, the largest budget on top; the value's has its interval.

    Examples
    --------
    >>> import lifecast as lc
    >>> shop = lc.datasets.simulate_shop(customers=2000, random_seed=1)
    >>> rfm = lc.rfm_summary(shop.log, attributes=["channel"], observation_end=shop.end)
    >>> model = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(groups="channel"), market=None)
    >>> found = lc.channels(model.fit(rfm), shop.costs, margin=0.4, worlds=100)
    >>> len(plot_budget(lc.allocate(found, 20_000, shop.costs)).containers)
    3
    """
    table, total = allocation.table.sort_values("budget"), allocation.total
    at, height = np.arange(len(table)), 0.38
    ax = _axes(ax)
    ax.barh(at + height / 2, table["budget"], height, color=_LINE, label="budget")
    ax.barh(
        at - height / 2,
        table["value"],
        height,
        xerr=[table["value"] - table["value_lower"], table["value_upper"] - table["value"]],
        color=_BAND,
        error_kw={"capsize": 3, "linewidth": 1.2},
        label="value of the customers it brings, and how sure it is",
    )
    ax.set_yticks(at, [str(name) for name in table.index], parse_math=False)
    ax.set_title(
        f"A budget of {total['budget']:,.0f} is expected to return a profit of {total['profit']:,.0f} "
        f"({total['profit_lower']:,.0f} to {total['profit_upper']:,.0f})"
    )
    ax.xaxis.set_major_formatter("{x:,.0f}")
    _plain(ax, grid="x")
    handles, labels = ax.get_legend_handles_labels()
    bars = [(handle, label) for handle, label in zip(handles, labels, strict=True) if label]
    ax.legend(*zip(*bars, strict=True), frameon=False, loc="lower right")
    return ax


def plot_past_forecasts(
    backtest: "Backtest", measure: str = "purchases", horizon: float | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw what forecasts from earlier days said, and what came.

    Parameters
    ----------
    backtest : Backtest
        From `lifecast.backtest`.
    measure : "purchases" or "value"
    horizon : float, optional
        In time units, one of the backtest's; by default its shortest, which most forecasts reach.
    ax : matplotlib Axes, optional
        Where to draw; a new figure's by default.

    Returns
    -------
    matplotlib Axes
        With a mean and its interval for each day that was forecast from, and a point of what came.

    Raises
    ------
    SettingsError
        The backtest has no such measure or horizon.

    Examples
    --------
    >>> import lifecast as lc
    >>> log = lc.datasets.load_cdnow(sample=True)
    >>> result = lc.backtest(log, origins=["1997-09-30"], horizons=[13], worlds=100)
    >>> plot_past_forecasts(result).get_title()
    '1 of 1 forecasts of purchases in 13 weeks held'
    """
    table = backtest.portfolio
    horizon = float(table["horizon"].min()) if horizon is None else horizon
    rows = table[(table["measure"] == measure) & (table["horizon"] == horizon)].sort_values("origin")
    if not len(rows):
        raise SettingsError(
            f"measure={measure!r}, horizon={horizon:g}: this backtest has "
            f"{', '.join(table['measure'].unique())}, within "
            f"{', '.join(f'{each:g}' for each in sorted(table['horizon'].unique()))} "
            f"{backtest.time_unit.name}s."
        )
    at = np.arange(len(rows))
    held = rows["actual"].between(rows["lower"], rows["upper"])
    ax = _axes(ax)
    ax.vlines(
        at, rows["lower"], rows["upper"], color=_BAND, linewidth=9, label=f"{backtest.interval:.0%} interval"
    )
    ax.plot(
        at, rows["mean"], "_", color=_LINE, markersize=14, markeredgewidth=2.5, label="mean of the forecast"
    )
    ax.plot(at, rows["actual"], "o", color="black", markersize=5, label="what really happened")
    ax.set_xticks(at, [f"{day:%Y-%m-%d}" for day in rows["origin"]], rotation=30, ha="right")
    unit = backtest.time_unit.name
    ax.set_title(f"{held.sum()} of {len(rows)} forecasts of {measure} in {horizon:.3g} {unit}s held")
    ax.set_xlabel("forecast from")
    ax.set_ylabel(f"{measure} in {horizon:.3g} {unit}s")
    ax.set_ylim(bottom=0)
    ax.margins(x=0.15)
    ax.yaxis.set_major_formatter("{x:,.0f}")
    _plain(ax, grid="y")
    ax.legend(frameon=False)
    return ax


def until(channels: "Channels") -> str:
    """How long a customer's value counts, in words."""
    last = channels.horizons[-1]
    return f"in {last}" if as_horizon(last) == last else "for life"


def _usual_customer(model: CLTV, rfm: RFM) -> dict[str, Any]:
    """A value of each attribute that the model needs: the middle one of numbers, else the most common one."""
    families = [family for family in (model.purchases, model.spend) if family is not None]
    found: dict[str, Any] = {}
    for name in {name for family in families for name in family.covariates}:
        values = rfm.attributes[name].to_pandas()
        numbers = values.dtype.kind in "iuf"
        found[name] = values.median() if numbers else values.mode()[0]
    for name in {family.groups for family in families if family.groups is not None}:
        found[name] = rfm.attributes[name].to_pandas().mode()[0]
    return found


def lorenz(expected: Floats) -> tuple[Floats, Floats]:
    """Shares of the customers, the best first, and of the whole that these bring: each (customer + 1,)."""
    brought: Floats = np.append(0.0, np.cumsum(np.sort(expected)[::-1]))
    return np.linspace(0.0, 1.0, brought.size), brought / brought[-1]


def _axes(ax: "Axes | None") -> "Axes":
    """Those given, or a new figure's."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    made: Axes = plt.subplots(figsize=(8, 4.5), layout="constrained")[1]
    return made


def _plain(ax: "Axes", grid: Any) -> None:
    """No box around, and a faint grid behind."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis=grid, color="0.9")
    ax.set_axisbelow(True)


def _short(value: float) -> str:
    """A number of at least three digits: 0.0123, 1.23, 12.3, 1,230."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _expected(forecast: Forecast) -> tuple[str, Floats]:
    """What is expected of each customer, in words and numbers."""
    name = "cltv" if "cltv" in forecast.customers else "purchases"
    words = "the value" if name == "cltv" else "purchases"
    values = forecast.customers[name].to_numpy(np.float64)
    if not (np.isfinite(values).all() and values.sum() > 0.0):
        raise SettingsError(
            f"The expected {words} of all customers come to {values.sum():g}: nothing to draw."
        )
    return words, values
