"""How well forecasts from earlier days held."""

from typing import TYPE_CHECKING

import numpy as np

from lifecast.errors import SettingsError
from lifecast.evaluation import pit_band
from lifecast.plots.drawing import (
    BAND,
    CAME,
    INNER,
    LINE,
    MARK,
    WORDS,
    axes_of,
    finish,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from lifecast.backtesting import Backtest

_LEVEL_DATES = 4  # more are written askew


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
    rows, horizon = _of_backtest(backtest, backtest.portfolio, measure, horizon)
    rows = rows.sort_values("origin")
    at = np.arange(len(rows))
    held = rows["actual"].between(rows["lower"], rows["upper"])
    ax = axes_of(ax)
    ax.vlines(
        at, rows["lower"], rows["upper"], color=BAND, linewidth=9, label=f"{backtest.interval:.0%} interval"
    )
    ax.plot(
        at, rows["mean"], "_", color=LINE, markersize=14, markeredgewidth=2.5, label="mean of the forecast"
    )
    ax.plot(at, rows["actual"], "o", color=CAME, markersize=5, label="what really happened")
    days = [f"{day:%Y-%m-%d}" for day in rows["origin"]]
    crowded = len(days) > _LEVEL_DATES
    ax.set_xticks(at, days, rotation=30 if crowded else 0, ha="right" if crowded else "center")
    unit = backtest.time_unit.name
    ax.set_xlabel("forecast from")
    ax.set_ylabel(f"{measure} in {horizon:.3g} {unit}s")
    ax.set_ylim(bottom=0)
    ax.margins(x=0.15)
    ax.yaxis.set_major_formatter("{x:,.0f}")
    finish(ax, f"{held.sum()} of {len(rows)} forecasts of {measure} in {horizon:.3g} {unit}s held")
    return ax


def plot_coverage(backtest: "Backtest", measure: str = "purchases", ax: "Axes | None" = None) -> "Axes":
    """Draw how much the intervals of past forecasts held, beside what they promised.

    Parameters
    ----------
    backtest : Backtest
        From `lifecast.backtest`; all its origins and horizons together.
    measure : "purchases" or "value"
    ax : matplotlib Axes, optional
        Where to draw; a new figure's by default.

    Returns
    -------
    matplotlib Axes
        With the share that intervals of 50, 80, 90 and 95% held, of single customers and of the sums over
        all of them, over the share that they should hold. Right forecasts lie on the diagonal; below it
        intervals are too narrow.

    Raises
    ------
    SettingsError
        The backtest has no such measure.

    Notes
    -----
    Customers buy whole numbers of times, and most of them none, so that an interval of 90% promises to hold
    more: its points lie as far to the right as that. Sums over all customers are few, and those from days
    close together miss together.

    Examples
    --------
    >>> import lifecast as lc
    >>> log = lc.datasets.load_cdnow(sample=True)
    >>> result = lc.backtest(log, origins=["1997-06-30", "1997-09-30"], horizons=[13], worlds=100)
    >>> plot_coverage(result).get_ylabel()
    'share that they held'
    """
    sums, _ = _of_backtest(backtest, backtest.portfolio, measure, None, every_horizon=True)
    whose = backtest.customers
    one = whose[(whose["who"] == "all") & (whose["forecast"] == "model") & (whose["measure"] == measure)]
    names = sorted(
        (name.removeprefix("lower_") for name in map(str, sums) if name.startswith("lower_")), key=float
    )
    weight = one["customers"].to_numpy(np.float64)
    promised, held = (
        np.array([np.average(one[f"{kind}_{name}"], weights=weight) for name in names])
        for kind in ("expected_coverage", "coverage")
    )
    level = np.array([float(name) / 100.0 for name in names])
    inside = np.array([sums["actual"].between(sums[f"lower_{n}"], sums[f"upper_{n}"]).mean() for n in names])
    ax = axes_of(ax)
    low = float(max(0.0, min(level.min(), held.min(), inside.min()) - 0.08))
    ax.plot([low, 1.0], [low, 1.0], color="0.5", linestyle="--", linewidth=1, label="as promised")
    ax.plot(promised, held, "o-", color=LINE, markersize=8, label="single customers, at the same levels")
    ax.plot(
        level, inside, "D--", color=MARK, markerfacecolor="white", markersize=7,
        label=f"all customers together ({len(sums)} sums)",
    )  # fmt: skip
    for name, across, up in zip(names, level, inside, strict=True):
        ax.annotate(
            f"{name}%", (across, up), (0, 8), textcoords="offset points", fontsize="small", ha="center"
        )
    ax.set_xlim(low, 1.02)
    ax.set_ylim(low, 1.09)
    ax.xaxis.set_major_formatter("{x:.0%}")
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.set_xlabel(f"share of {WORDS[measure]} that intervals should hold")
    ax.set_ylabel("share that they held")
    k = int(np.argmin(np.abs(level - backtest.interval)))
    finish(
        ax,
        f"Intervals of {level[k]:.0%} held {inside[k]:.0%} of {len(sums)} sums and {held[k]:.0%} of single "
        f"customers' {WORDS[measure]}, where {promised[k]:.0%} was due",
        "both",
    )
    return ax


def plot_pit(
    backtest: "Backtest", measure: str = "purchases", horizon: float | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw where in their forecasts single customers came to lie: flat where forecasts are right.

    Parameters
    ----------
    backtest : Backtest
        From `lifecast.backtest`; all its origins together.
    measure : "purchases" or "value"
    horizon : float, optional
        In time units, one of the backtest's; by default its shortest.
    ax : matplotlib Axes, optional
        Where to draw; a new figure's by default.

    Returns
    -------
    matplotlib Axes
        With a histogram of the randomised probability integral transform, and the band in which all its
        bars lie with 99% probability where the forecasts are right and customers independent. A hump says
        that intervals are too wide, a bowl too narrow, a slope that forecasts are too high or too low.

    Raises
    ------
    SettingsError
        The backtest has no such measure or horizon.

    Notes
    -----
    Czado, Gneiting & Held (2009), "Predictive model assessment for count data", Biometrics 65(4).

    Examples
    --------
    >>> import lifecast as lc
    >>> log = lc.datasets.load_cdnow(sample=True)
    >>> result = lc.backtest(log, origins=["1997-09-30"], horizons=[13], worlds=100)
    >>> plot_pit(result).get_xlabel()
    'share of the forecast that lies below what came'
    """
    rows, horizon = _of_backtest(backtest, backtest.pit, measure, horizon)
    rows = rows[rows["who"] == "all"]
    counts = rows[[name for name in rows if str(name).startswith("bin_")]].sum().to_numpy(np.float64)
    customers, bins = float(counts.sum()), counts.size
    share = counts / customers
    lower, upper = pit_band(customers, bins)
    edges = np.linspace(0.0, 1.0, bins + 1)
    ax = axes_of(ax)
    ax.bar(edges[:-1], share, 1.0 / bins, align="edge", color=INNER, edgecolor="white", label="what came")
    ax.axhspan(lower, upper, color="0.25", alpha=0.25, linewidth=0, label="right forecasts: 99% of the time")
    ax.axhline(1.0 / bins, color=CAME, linewidth=1, linestyle="--")
    ax.set_xlim(0.0, 1.0)
    ax.set_ylim(0.0, 1.15 * max(float(share.max()), upper))
    ax.xaxis.set_major_formatter("{x:.0%}")
    ax.yaxis.set_major_formatter("{x:.1%}")
    ax.set_xlabel("share of the forecast that lies below what came")
    ax.set_ylabel("share of customers")
    out = int(np.sum((share < lower) | (share > upper)))
    top = float(counts[edges[1:] > 0.5 + 1e-9].sum() / customers)
    finish(
        ax,
        f"{top:.0%} of {customers:,.0f} forecasts of {measure} in {horizon:.3g} {backtest.time_unit.name}s "
        f"lay below what came, 50% should; {out} of {bins} bars lie outside of chance",
        None,
    )
    return ax


def _of_backtest(
    backtest: "Backtest",
    table: "pd.DataFrame",
    measure: str,
    horizon: float | None,
    every_horizon: bool = False,
) -> tuple["pd.DataFrame", float]:
    """Rows of a measure and a horizon, and the horizon."""
    horizon = float(table["horizon"].min()) if horizon is None else horizon
    rows = table[table["measure"] == measure]
    rows = rows if every_horizon else rows[rows["horizon"] == horizon]
    if not len(rows):
        raise SettingsError(
            f"measure={measure!r}, horizon={horizon:g}: this backtest has "
            f"{', '.join(table['measure'].unique())}, within "
            f"{', '.join(f'{each:g}' for each in sorted(table['horizon'].unique()))} "
            f"{backtest.time_unit.name}s."
        )
    return rows, horizon
