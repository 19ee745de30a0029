"""What was learned of the population: parameters, the rates that follow, and the counts they imply."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.diagnostics import frequency_counts
from lifecast.errors import SettingsError
from lifecast.histories import Histories, as_histories
from lifecast.model import CLTV
from lifecast.plots.drawing import BAND, CAME, INNER, LINE, axes_of, finish, short, span
from lifecast.rfm import RFM
from lifecast.settings import tails
from lifecast.timeunit import DAYS_PER_YEAR

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INTERVAL = 0.9
_POINTS = 200


@dataclass(frozen=True)
class Trait:
    """What customers of a family differ in: on the axis, in a sentence, and its distribution over customers.

    ``distribution`` takes the family's parameters, and is SciPy's.
    """

    words: str
    says: str
    distribution: Callable[..., Any]

    @property
    def is_chance(self) -> bool:
        """Whether it lies between 0 and 1."""
        return self.words.startswith("chance")


def _gamma(shape: Floats, rate: Floats) -> Any:
    from scipy.stats import gamma

    return gamma(shape, scale=1.0 / rate)


def _beta(a: Floats, b: Floats) -> Any:
    from scipy.stats import beta

    return beta(a, b)


def _mean_amount_gamma(p: Floats, q: Floats, v: Floats) -> Any:
    """Of p / nu, where nu is Gamma(q, v)."""
    from scipy.stats import invgamma

    return invgamma(q, scale=p * v)


def _mean_amount_normal(median: Floats, tau: Floats, sigma: Floats) -> Any:
    from scipy.stats import lognorm

    return lognorm(tau, scale=median * np.exp(0.5 * sigma**2))


_BUYS = "Half of the customers buy {half} times a year or more while they stay, a tenth {tenth} or more"
_LEAVES = "After a purchase half of the customers leave with a chance of {half} or more, a tenth with {tenth}"
_PAYS = "Half of the customers pay {half} or more each time on average, a tenth {tenth} or more"

_TRAITS: dict[str, dict[str, Trait]] = {
    "bg-nbd": {
        "rate": Trait("purchases a year, while a customer", _BUYS, lambda r, alpha, a, b: _gamma(r, alpha)),
        "dropout": Trait("chance of leaving after a purchase", _LEAVES, lambda r, alpha, a, b: _beta(a, b)),
    },
    "pareto-nbd": {
        "rate": Trait(
            "purchases a year, while a customer", _BUYS, lambda r, alpha, s, beta: _gamma(r, alpha)
        ),
        "dropout": Trait(
            "rate of leaving a year",
            "Half of the customers leave at a rate of {half} a year or more, a tenth at {tenth}",
            lambda r, alpha, s, beta: _gamma(s, beta),
        ),
    },
    "nbd": {"rate": Trait("purchases a year", _BUYS.replace(" while they stay", ""), _gamma)},
    "bg-bb": {
        "rate": Trait(
            "chance of buying at an opportunity",
            "Half of the customers use {half} or more of their chances while they stay, a tenth {tenth}",
            lambda alpha, beta, gamma, delta: _beta(alpha, beta),
        ),
        "dropout": Trait(
            "chance of leaving at an opportunity",
            _LEAVES.replace("After a purchase", "At an opportunity"),
            lambda alpha, beta, gamma, delta: _beta(gamma, delta),
        ),
    },
    "sbg": {
        "dropout": Trait(
            "chance of leaving at a renewal", _LEAVES.replace("After a purchase", "At a renewal"), _beta
        )
    },
    "gamma-gamma": {"spend": Trait("mean amount of a purchase", _PAYS, _mean_amount_gamma)},
    "log-normal": {"spend": Trait("mean amount of a purchase", _PAYS, _mean_amount_normal)},
}
_TRAITS["mbg-nbd"] = _TRAITS["bg-nbd"]


def plot_posterior(model: CLTV, ax: "Axes | None" = None) -> "Axes":
    """Draw how well each parameter is known: its posterior, relative to its mean.

    Parameters
    ----------
    model : CLTV
        Fitted. With groups these are a typical group's parameters; `CLTV.group_parameters` has each one's.
    ax : matplotlib Axes, optional
        Where to draw; a new figure's by default.

    Returns
    -------
    matplotlib Axes
        With a density per parameter, its 90% interval of highest density as a bar, and its figures on the
        left. Densities and intervals are ArviZ's (`arviz_stats`).

    Raises
    ------
    SettingsError
        The model has a single draw of its parameters, which has no width.

    Examples
    --------
    >>> import lifecast as lc
    >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    >>> len(plot_posterior(lc.CLTV(market=None).fit(rfm)).get_yticks())
    7
    """
    from arviz_stats.base import array_stats

    found = model.posterior["posterior"].dataset
    names = [str(name) for name in found.data_vars if set(found[name].dims) == {"chain", "draw"}]
    draws = np.stack([found[name].to_numpy().ravel() for name in names])
    if draws.shape[1] < 2 or np.all(np.ptp(draws, axis=1) == 0.0):
        raise SettingsError(
            "The model has a single draw of its parameters, which has no width. Fit it with "
            'method="laplace" or "nuts".'
        )
    means = draws.mean(axis=1)
    relative = draws / means[:, None] - 1.0
    bounds = np.stack([array_stats.hdi(values, _INTERVAL) for values in relative])
    reach = 1.3 * float(np.abs(np.quantile(relative, [0.005, 0.995], axis=1)).max())
    ax = axes_of(ax)
    at = np.arange(len(names))[::-1]
    for base, values, (lower, upper) in zip(at, relative, bounds, strict=True):
        grid, density, _ = array_stats.kde(values)
        height = base + 0.75 * density / density.max()
        ax.fill_between(grid, base, height, color=BAND, linewidth=0)
        ax.plot(grid, height, color=LINE, linewidth=1)
        ax.plot([lower, upper], [base, base], color=CAME, linewidth=3, solid_capstyle="butt")
    ax.lines[-1].set_label(f"{_INTERVAL:.0%} interval of highest density")
    ax.axvline(0.0, color="0.5", linewidth=1, linestyle=(0, (1, 2)))
    told = [
        f"{name}: {mean:.3g}  ({mean * (1 + lower):.3g} to {mean * (1 + upper):.3g})"
        for name, mean, (lower, upper) in zip(names, means, bounds, strict=True)
    ]
    ax.set_yticks(at, told)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-0.3, len(names) - 0.1)
    ax.set_xlim(-reach, reach)
    ax.xaxis.set_major_formatter(lambda x, _: f"{x:+.0%}" if abs(x) > 1e-9 else "mean")
    ax.set_xlabel("draw of the posterior, relative to its mean")
    ax.spines["left"].set_visible(False)
    loosest = int(np.argmax(bounds[:, 1] - bounds[:, 0]))
    lower, upper = bounds[loosest]
    finish(
        ax,
        f"Least is known of {names[loosest]}: {_INTERVAL:.0%} of its posterior lies {lower:+.0%} to "
        f"{upper:+.0%} about the mean",
        "x",
    )
    return ax


def plot_population(model: CLTV, trait: str = "rate", ax: "Axes | None" = None) -> "Axes":
    """Draw how customers differ: which share of them has a rate, or a mean amount, of at least so much.

    Parameters
    ----------
    model : CLTV
        With groups or covariates, this is the typical group, with covariates at their mean.
    trait : "rate", "dropout" or "spend"
        How often customers buy while they stay; how readily they leave; what they pay each time.
    ax : matplotlib Axes, optional
        Where to draw; a new figure's by default.

    Returns
    -------
    matplotlib Axes
        With the share of customers over the trait, the mean of the posterior draws and ArviZ's interval of
        highest density (90%, at each point) of them.

    Raises
    ------
    SettingsError
        The model's families have no such trait.

    Examples
    --------
    >>> import lifecast as lc
    >>> model = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
    >>> plot_population(model).get_xlabel()
    'purchases a year, while a customer'
    """
    from arviz_stats.base import array_stats

    known = {
        name: (population, trait)
        for population in model.learned.populations
        for name, trait in _TRAITS[population.family.name].items()
    }
    if trait not in known:
        raise SettingsError(f"trait={trait!r}: this model has {', '.join(known)}.")
    population, what = known[trait]
    customers = what.distribution(*population.theta.T[:, :, None])  # (draw, 1), to broadcast over points
    x = _points(customers, what)
    share = customers.sf(x)  # (draw, point)
    x = x * (DAYS_PER_YEAR / model.time_unit.days if "a year" in what.words else 1.0)
    ax = axes_of(ax)
    if len(share) > 1:
        bounds = array_stats.hdi(share, _INTERVAL, axis=0)
        ax.fill_between(x, *bounds.T, color=INNER, linewidth=0, label=f"{_INTERVAL:.0%} of the posterior")
    ax.plot(x, share.mean(axis=0), color=LINE, linewidth=1.5, label="its mean")
    half, tenth = (float(np.interp(-p, -share.mean(axis=0), x)) for p in (0.5, 0.1))
    ax.plot([half, tenth], [0.5, 0.1], "o", color=CAME, markersize=5)
    said = [f"{value:.0%}" if what.is_chance else short(value) for value in (half, tenth)]
    for value, p, text in zip((half, tenth), (0.5, 0.1), said, strict=True):
        ax.annotate(text, (value, p), (7, 5), textcoords="offset points")
    if what.is_chance:
        ax.xaxis.set_major_formatter("{x:.0%}")
    else:
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(lambda value, _: short(value))
        ax.xaxis.set_minor_formatter(lambda value, _: "")
    ax.set_ylim(0.0, 1.02)
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.set_xlabel(what.words)
    ax.set_ylabel("share of customers with at least that")
    finish(ax, what.says.format(half=said[0], tenth=said[1]), "both")
    return ax


def _points(customers: Any, what: Trait) -> Floats:
    """Where to work the distribution out: evenly for a chance, else by factors, without the last few."""
    if what.is_chance:
        return np.linspace(0.0, 1.0, _POINTS)
    top = float(np.median(customers.ppf(0.995)))
    return np.geomspace(max(float(np.median(customers.ppf(0.005))), 1e-3 * top), top, _POINTS)


def plot_frequency_distribution(model: CLTV, rfm: RFM | Histories, ax: "Axes | None" = None) -> "Axes":
    """Draw how many customers made none, one, ..., seven and more repeat purchases, beside the model's.

    Parameters
    ----------
    model : CLTV
    rfm : RFM or Histories
        The customers that it was fitted to; of very many, a sample.
    ax : matplotlib Axes, optional
        Where to draw; a new figure's by default.

    Returns
    -------
    matplotlib Axes
        With bars of what the model expects of customers of these ages, the interval that 90% of data sets
        replicated from the posterior lie in, and points of what was observed.

    Raises
    ------
    SettingsError
        Nobody has been a customer for any time.

    Notes
    -----
    A posterior predictive check [Gelman, Meng & Stern 1996, Statistica Sinica 6]; the figure of actual and
    predicted frequencies of Fader, Hardie & Lee (2005), "Counting your customers the easy way".

    Examples
    --------
    >>> import lifecast as lc
    >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    >>> plot_frequency_distribution(lc.CLTV(market=None).fit(rfm), rfm).get_ylabel()
    'customers'
    """
    histories = as_histories(rfm, set(model.attributes_needed))
    counts = frequency_counts(histories, model.learned.purchases, np.random.default_rng(0))
    if counts is None:
        raise SettingsError("Nobody has been a customer for any time: pass an RFM with T > 0.")
    observed, predicted = counts.observed, counts.predicted
    lower, upper = np.quantile(counts.replicated, tails(_INTERVAL), axis=0)
    at = np.arange(observed.size)
    ax = axes_of(ax)
    ax.bar(at, predicted, 0.7, color=BAND, edgecolor=LINE, linewidth=0.8, label="the model")
    ax.errorbar(
        at, predicted, [np.maximum(predicted - lower, 0.0), np.maximum(upper - predicted, 0.0)], fmt="none",
        color=LINE, capsize=5, linewidth=1.5, label=f"{_INTERVAL:.0%} interval of replicated data",
    )  # fmt: skip
    ax.plot(at, observed, "o", color=CAME, markersize=6, label="observed")
    ax.set_xticks(at, [*map(str, at[:-1]), f"{at[-1]}+"])
    ax.set_xlabel("repeat purchases")
    ax.set_ylabel("customers")
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_formatter("{x:,.0f}")
    misplaced = 0.5 * float(np.abs(observed - predicted).sum() / observed.sum())
    worst = int(np.argmax(np.abs(observed - predicted)))
    held = lower[worst] <= observed[worst] <= upper[worst]
    finish(
        ax,
        f"The model puts {1 - misplaced:.1%} of customers where they are; furthest off at "
        f"{worst}{' or more' if worst == at[-1] else ''} repeat purchases: {observed[worst]:,.0f}, "
        f"{'within' if held else 'not'} {span(lower[worst], upper[worst])}",
    )
    return ax
