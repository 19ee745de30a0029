"""Where customers come from: value against cost, payback, how to split a budget and what caution costs."""

from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.planning.channels import as_horizon
from lifecast.plots.drawing import (
    BAND,
    DASHES,
    LINE,
    MARK,
    SHADES,
    amounts_on_x,
    axes_of,
    finish,
    names_on_y,
    short,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lifecast.planning.budget import Allocation
    from lifecast.planning.channels import Channels

_SURE = 0.9
_DAYS = (1.0, 7.0, 30.0, 90.0, 365.0, 1095.0, 3650.0)
_DAY_WORDS = ("1 day", "1 week", "30 days", "90 days", "1 year", "3 years", "10 years")


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
    ax = axes_of(ax)
    ax.errorbar(
        table["value"],
        at,
        xerr=[table["value"] - table["value_lower"], table["value_upper"] - table["value"]],
        fmt="o",
        color=LINE,
        capsize=3,
        label="value, and how sure it is",
    )
    ax.plot(table["cac"], at, "D", color=MARK, markerfacecolor="white", markersize=7, label="cost")
    names_on_y(ax, at, table.index)
    ax.set_xlabel(f"expected value of a new customer {until(channels)}, and its cost")
    amounts_on_x(ax)
    ax.set_xlim(left=0)
    ax.margins(y=0.08)
    pays = int((table["probability_pays"] >= _SURE).sum())
    finish(
        ax,
        f"{pays} of {len(table)} channels' customers are worth what they cost, with {_SURE:.0%} or more",
        "x",
    )
    return ax


def plot_payback(channels: "Channels", ax: "Axes | None" = None) -> "Axes":
    """Draw how sure it is that a channel's new customers have earned back their cost, as time goes by.

    Parameters
    ----------
    channels : Channels
        From `lifecast.channels`.
    ax : matplotlib Axes, optional
        Where to draw; a new figure's by default.

    Returns
    -------
    matplotlib Axes
        With a curve per channel, over days since the first purchase on a logarithmic scale: the share of
        worlds in which the average customer has earned its cost by then. The legend is in the order in which
        channels get there.

    Notes
    -----
    A cost that is not earned back in ten years counts as never.

    Examples
    --------
    >>> import lifecast as lc
    >>> shop = lc.datasets.simulate_shop(customers=2000, random_seed=1)
    >>> rfm = lc.rfm_summary(shop.log, attributes=["channel"], observation_end=shop.end)
    >>> model = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(groups="channel"), market=None)
    >>> found = lc.channels(model.fit(rfm), shop.costs, margin=0.4, worlds=100)
    >>> plot_payback(found).get_ylabel()
    'probability of being earned back'
    """
    days = np.sort(np.maximum(channels.payback_days, _DAYS[0]), axis=0)
    worlds = days.shape[0]
    half = days[(worlds - 1) // 2]
    paid = np.isfinite(days)
    last = float(max(days[paid].max() if paid.any() else 0.0, 400.0))
    ax = axes_of(ax)
    ax.axhline(_SURE, color="0.5", linewidth=1, linestyle=(0, (1, 2)))
    order = np.lexsort((-paid.sum(axis=0), half))
    for number, place in enumerate(order):
        earned = days[paid[:, place], place]
        when = f"{half[place]:,.0f} days" if np.isfinite(half[place]) else "not by half"
        ax.step(
            np.concatenate([earned[:1], earned, [1.15 * last]]),
            np.concatenate([np.arange(earned[:1].size + earned.size), [earned.size]]) / worlds,
            where="post",
            color=SHADES[number % len(SHADES)],
            linestyle=DASHES[number % len(DASHES)],
            linewidth=2,
            label=f"{channels.names[place]} ({when if half[place] > _DAYS[0] else 'at once'})",
        )
    ax.set_xscale("log")
    shown = [(day, words) for day, words in zip(_DAYS, _DAY_WORDS, strict=True) if day <= 1.05 * last]
    ax.set_xticks([day for day, _ in shown], [words for _, words in shown])
    ax.minorticks_off()
    ax.set_xlim(0.8, 1.15 * last)
    ax.set_ylim(-0.02, 1.04)
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.set_xlabel("since the first purchase, on a logarithmic scale")
    ax.set_ylabel("probability of being earned back")
    within = np.mean(channels.payback_days <= 365.0, axis=0)
    finish(
        ax,
        f"{int((within >= _SURE).sum())} of {within.size} channels' customers have earned back their cost "
        f"within a year, with {_SURE:.0%} or more",
        "both",
    )
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
    ax = axes_of(ax)
    ax.barh(at + height / 2, table["budget"], height, color=LINE, label="budget")
    ax.barh(
        at - height / 2,
        table["value"],
        height,
        xerr=[table["value"] - table["value_lower"], table["value_upper"] - table["value"]],
        color=BAND,
        error_kw={"capsize": 3, "linewidth": 1.2},
        label="value of the customers it brings, and how sure it is",
    )
    names_on_y(ax, at, table.index)
    amounts_on_x(ax)
    finish(
        ax,
        f"A budget of {total['budget']:,.0f} is expected to return a profit of {total['profit']:,.0f} "
        f"({total['profit_lower']:,.0f} to {total['profit_upper']:,.0f})",
        "x",
    )
    return ax


def plot_frontier(allocation: "Allocation", ax: "Axes | None" = None) -> "Axes":
    """Draw what caution costs: the expected profit of ways to split a budget over what they bring at worst.

    Parameters
    ----------
    allocation : Allocation
        From `lifecast.allocate`.
    ax : matplotlib Axes, optional
        Where to draw; a new figure's by default.

    Returns
    -------
    matplotlib Axes
        With a point per way to split it, labelled with the share of the worst worlds that it is made for:
        all of them is the highest expected profit, 5% the most cautious way.

    Examples
    --------
    >>> import lifecast as lc
    >>> shop = lc.datasets.simulate_shop(customers=2000, random_seed=1)
    >>> rfm = lc.rfm_summary(shop.log, attributes=["channel"], observation_end=shop.end)
    >>> model = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(groups="channel"), market=None)
    >>> found = lc.channels(model.fit(rfm), shop.costs, margin=0.4, worlds=100)
    >>> plot_frontier(lc.allocate(found, 20_000, shop.costs)).get_ylabel()
    'expected profit'
    """
    table = allocation.frontier.sort_values("worlds", ascending=False)
    at_worst, profit = (table[name].to_numpy(np.float64) for name in ("profit_lower", "profit"))
    ax = axes_of(ax)
    ax.plot(
        at_worst,
        profit,
        "o-",
        color=LINE,
        markersize=7,
        linewidth=1.5,
        label="splits made for the worst 100%, ..., 5% of worlds",
    )
    _label_apart(ax, at_worst, profit, [f"{share:.0%}" for share in table["worlds"]])
    total = allocation.total
    ax.plot(
        [total["profit_lower"]], [total["profit"]], "D", color=MARK, markerfacecolor="none", markersize=13,
        markeredgewidth=1.5, label="as proposed",
    )  # fmt: skip
    amounts_on_x(ax)
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.margins(0.15)
    ax.set_xlabel("profit at worst: the lower bound of its interval")
    ax.set_ylabel("expected profit")
    gain, loss = at_worst.max() - at_worst[0], profit[0] - profit[int(np.argmax(at_worst))]
    if gain <= 0.005 * abs(at_worst[0]):
        says = (
            "Caution has nothing to gain: the most profitable split also brings the most at worst, "
            f"{short(at_worst[0])}"
        )
    else:
        says = (
            f"Caution raises the profit at worst by {short(gain)}, for {short(loss)} of the expected profit"
        )
    finish(ax, says, "both")
    return ax


def _label_apart(ax: "Axes", x: Floats, y: Floats, words: list[str]) -> None:
    """Write beside each point, and once for all points that would be written over each other."""
    close = 0.1 * np.array([np.ptp(x) or 1.0, np.ptp(y) or 1.0])
    groups: list[tuple[float, float, list[str]]] = []
    for across, up, word in zip(x, y, words, strict=True):
        for at_x, at_y, told in groups:
            if abs(at_x - across) < close[0] and abs(at_y - up) < close[1]:
                told.append(word)
                break
        else:
            groups.append((float(across), float(up), [word]))
    for at_x, at_y, told in groups:
        ax.annotate(", ".join(told), (at_x, at_y), (9, 7), textcoords="offset points")


def until(channels: "Channels") -> str:
    """How long a customer's value counts, in words."""
    last: Any = channels.horizons[-1]
    return f"in {last}" if as_horizon(last) == last else "for life"
