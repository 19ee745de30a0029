"""One file per family, named after it, with its CASE: what test_families_battery.py needs to know of it.

A case tells the model's story a second time, in plain numpy and without the package's kernels.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import gammaln, log_expit, logsumexp

from lifecast.arrays import Floats, Integers
from lifecast.families.contract import PurchaseFamily, SpendFamily


@dataclass(frozen=True)
class PurchaseCase:
    """A family of purchases.

    Attributes
    ----------
    family
        With weak priors.
    thetas
        Typical parameter vectors in the data's units; each also serves as a world beside the others.
    watched
        A typical longest age and horizon, in the same units.
    tight
        A prior (mean, sd) for every coordinate, so narrow that a few hundred customers say something.
    born
        (rng, theta, customers) to the latent traits (customer, trait) of new customers, and whether each is
        alive (customer,) right after the first purchase.
    live
        (rng, traits, alive, span) to the times of each customer's purchases within its span (customer,),
        ascending and filled up with infinity, (customer, most); and who is alive at the end (customer,).
        Called again for what comes later, so it may not depend on age.
    log_density
        (x, t_x, T, theta) to the log density of one history, and of that history with the customer alive at
        T: by quadrature over the traits.
    shock
        (rng, traits, x, T, theta, variance) to the traits of living customers after the market's drift; None
        where drift changes nothing.
    other_settings
        The family with other settings, whose gradients are to be checked too.
    whole_times
        Whether purchases happen at whole times only, so that ages and horizons are whole.
    possible
        (x, t_x, T) to whether there can be such a history.
    """

    family: PurchaseFamily
    thetas: tuple[tuple[float, ...], ...]
    watched: float
    tight: Mapping[str, tuple[float, float]]
    born: Callable[[np.random.Generator, Any, int], tuple[Floats, np.ndarray]]
    live: Callable[[np.random.Generator, Floats, np.ndarray, Floats], tuple[Floats, np.ndarray]]
    log_density: Callable[[int, float, float, Any], tuple[float, float]]
    shock: Callable[[np.random.Generator, Floats, Integers, Floats, Any, float], Floats] | None
    other_settings: tuple[PurchaseFamily, ...] = ()
    whole_times: bool = False
    possible: Callable[[int, float, float], bool] = lambda x, t_x, T: True

    def ages(self, rng: np.random.Generator, customers: int) -> Floats:
        """Ages between half and all of the time watched."""
        ages = rng.uniform(0.5 * self.watched, self.watched, customers)
        return np.ceil(ages) if self.whole_times else ages


@dataclass(frozen=True)
class SpendCase:
    """A family of spend.

    Attributes
    ----------
    family
        With weak priors.
    thetas, tight, other_settings
        As in `PurchaseCase`.
    born
        (rng, theta, customers) to the latent traits (customer, trait).
    amounts
        (rng, theta, traits, count) to every customer's count (customer,) amounts, filled up with nan:
        (customer, most).
    log_density
        (amounts, theta) to the log density of one customer's amounts, by quadrature over the traits.
    mean
        (theta, traits) to the mean amount (customer,) of customers with these traits.
    """

    family: SpendFamily
    thetas: tuple[tuple[float, ...], ...]
    tight: Mapping[str, tuple[float, float]]
    born: Callable[[np.random.Generator, Any, int], Floats]
    amounts: Callable[[np.random.Generator, Any, Floats, Integers], Floats]
    log_density: Callable[[Floats, Any], float]
    mean: Callable[[Any, Floats], Floats]
    other_settings: tuple[SpendFamily, ...] = ()


def case_of(family: str) -> Any:
    """The case of a family, by its name in the registry."""
    return importlib.import_module(f"family_cases.{family.replace('-', '_')}").CASE


def gamma_nodes(shape: float, rate: float, size: int = 3000) -> tuple[Floats, Floats]:
    """Values and log weights that average over a gamma variate: the trapezoidal rule in its logarithm."""
    log_values = np.linspace(-45.0 / min(shape, 1.0), np.log(shape + 60.0 + 12.0 * np.sqrt(shape)), size)
    log_weights = shape * log_values - np.exp(log_values) - gammaln(shape) + np.log(np.diff(log_values)[0])
    return np.exp(log_values) / rate, log_weights


def beta_nodes(a: float, b: float, size: int = 3000) -> tuple[Floats, Floats, Floats]:
    """Logs of p and of 1 - p, and log weights, that average over a beta variate p: the same in its logit."""
    logits = np.linspace(-45.0 / min(a, 1.0) - 10.0, 45.0 / min(b, 1.0) + 10.0, size)
    log_p, log_rest = log_expit(logits), log_expit(-logits)
    log_weights = a * log_p + b * log_rest + gammaln(a + b) - gammaln(a) - gammaln(b)
    return log_p, log_rest, log_weights + np.log(np.diff(logits)[0])


def log_mean(log_values: Floats, log_weights: Floats) -> float:
    """Log of the average over nodes of what is given by its log."""
    return float(logsumexp(log_values + log_weights))


def shocked_gamma(rng: np.random.Generator, rate: Floats, shape: Floats, variance: float) -> Floats:
    """Gamma rates of these shapes after the gamma-beta shock of mean one and that variance.

    [Lewis, McKenzie & Hugus 1989]: Gamma(k) times Beta(k', k - k') k / k' is Gamma(k') with the same mean.
    """
    weaker = shape / (1.0 + variance * (shape + 1.0))
    return rate * rng.beta(weaker, shape - weaker) * shape / weaker


def poisson_times(
    rng: np.random.Generator,
    rate: Floats,
    alive: np.ndarray,
    span: Floats,
    leaves: Callable[[np.ndarray], np.ndarray],
) -> tuple[Floats, np.ndarray]:
    """Purchases at a rate of one's own, after each of which some leave: ``leaves`` of (who,) says who."""
    alive, now = alive.copy(), np.zeros(rate.size)
    columns = []
    who = np.flatnonzero(alive)
    while who.size:
        now[who] += rng.exponential(1.0, who.size) / rate[who]
        who = who[now[who] <= span[who]]
        columns.append(np.full(rate.size, np.inf))
        columns[-1][who] = now[who]
        gone = leaves(who)
        alive[who[gone]] = False
        who = who[~gone]
    return np.stack(columns, axis=1) if columns else np.empty((rate.size, 0)), alive
