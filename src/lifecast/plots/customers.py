"""How customers differ: by history, by what they are expected to bring, and how much the best of them do."""

from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.errors import SettingsError
from lifecast.families.contract import DiscreteTime
from lifecast.forecast import Forecast
from lifecast.model import CLTV
from lifecast.plots.drawing import BAND, LINE, axes_of, finish, short
from lifecast.rfm import RFM
from lifecast.timeunit import parse_horizon

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
    ax = axes_of(ax)
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
    ax.get_figure(root=True).colorbar(mesh, ax=ax, format="{x:.0%}" if alive else "{x:g}")  # type: ignore[union-attr]
    unit = rfm.time_unit.name
    ax.set_xlabel(f"{unit}s since the last purchase")
    ax.set_ylabel(f"repeat purchases in {age:,.0f} {unit}s")
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    if alive:
        says = _silence_says(values, idle, unit)
    else:
        length = parse_horizon(horizon, rfm.time_unit, rfm.observation_end)
        within = f"within {length:.3g} {unit}s" if np.isfinite(length) else "for as long as they stay"
        half = _STEPS // 2
        says = (
            f"After {most} repeat purchases {short(values[-1, 0])} more are expected {within}; after "
            f"{idle[half]:.0f} silent {unit}s {short(values[-1, half])}"
        )
    finish(ax, says, None)
    return ax


def _silence_says(alive: Floats, idle: Floats, unit: str) -> str:
    """How long a silence halves the odds, for who bought seldom and for who bought often."""
    told = []
    for frequency in (2, len(alive) // 2, len(alive)):
        row = alive[frequency - 1]
        if row[0] > 0.5 > row[-1]:
            silent = float(np.interp(0.5, row[::-1], idle[::-1]))
            told.append(f"{silent:.0f} {unit}s after {frequency}")
    if not told:
        return f"Still customers: {alive.min():.0%} to {alive.max():.0%} of customers with such histories"
    ends = dict.fromkeys((told[0], told[-1]))
    return f"Even odds that a customer has left: silent for {' repeat purchases, or '.join(ends)}"


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
    # A file of lines, not a book.
    shown = np.unique(np.linspace(0, share.size - 1, 500).round().astype(np.int64))
    ax = axes_of(ax)
    ax.plot([0, 1], [0, 1], color="0.5", linestyle="--", linewidth=1, label="all customers alike")
    ax.plot(share[shown], brought[shown], color=LINE, linewidth=2, label="expected")
    ax.plot([0.1], [best], "o", color="black", label=f"the best 10% bring {best:.0%}")
    ax.set_xlabel("share of customers, the best first")
    ax.set_ylabel(f"share of {words}")
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1.02)
    ax.xaxis.set_major_formatter("{x:.0%}")
    ax.yaxis.set_major_formatter("{x:.0%}")
    finish(ax, f"The best 10% of customers are expected to bring {best:.0%} of {words}", "both")
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
    ax = axes_of(ax)
    ax.bar(edges[:-1], counts, np.diff(edges), align="edge", color=BAND, edgecolor="0.6", linewidth=0.5)
    ax.axvline(
        max(median, low), color="black", linestyle="--", linewidth=1.5, label=f"median {short(median)}"
    )
    ax.axvline(mean, color=LINE, linewidth=2, label=f"mean {short(mean)}")
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(lambda x, _: short(x))
    ax.xaxis.set_minor_formatter(lambda x, _: "")
    what = words if words == "purchases" else "a value"
    ax.set_xlabel(f"a customer's expected {words.removeprefix('the ')}, on a logarithmic scale")
    ax.set_ylabel("customers")
    ax.yaxis.set_major_formatter("{x:,.0f}")
    finish(ax, f"Half of the customers are expected to bring {what} of less than {short(median)}")
    return ax


def lorenz(expected: Floats) -> tuple[Floats, Floats]:
    """Shares of the customers, the best first, and of the whole that these bring: each (customer + 1,)."""
    brought: Floats = np.append(0.0, np.cumsum(np.sort(expected)[::-1]))
    return np.linspace(0.0, 1.0, brought.size), brought / brought[-1]


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
