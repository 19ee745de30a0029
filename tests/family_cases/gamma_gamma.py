"""Gamma-Gamma's story [Fader & Hardie 2013], told without the package's kernels."""

from typing import Any

import numpy as np
from scipy.special import gammaln

import lifecast as lc
from family_cases import SpendCase, gamma_nodes, log_mean
from lifecast.arrays import Floats, Integers


def born(rng: np.random.Generator, theta: Any, customers: int) -> Floats:
    _, q, v = theta
    return rng.gamma(q, 1.0 / v, (customers, 1))


def amounts(rng: np.random.Generator, theta: Any, traits: Floats, count: Integers) -> Floats:
    drawn = rng.gamma(theta[0], 1.0, (count.size, int(count.max()))) / traits
    return np.where(np.arange(drawn.shape[1]) < count[:, None], drawn, np.nan)


def log_density(amounts: Floats, theta: Any) -> float:
    p, q, v = theta
    nu, of_nu = gamma_nodes(q, v)
    each = p * np.log(nu[:, None]) - gammaln(p) + (p - 1.0) * np.log(amounts) - nu[:, None] * amounts
    return log_mean(each.sum(axis=1), of_nu)


def mean(theta: Any, traits: Floats) -> Floats:
    return theta[0] / traits[:, 0]


CASE = SpendCase(
    family=lc.GammaGamma(),
    thetas=((6.25, 3.74, 15.44), (2.0, 6.0, 80.0), (1.2, 12.0, 400.0)),
    tight={"log_p": (1.0, 0.4), "log_q_minus_1": (1.0, 0.3), "log_mean_spend": (0.0, 0.3)},
    born=born,
    amounts=amounts,
    log_density=log_density,
    mean=mean,
    other_settings=(
        lc.GammaGamma(fit_to="means"),
        lc.GammaGamma(priors="flat", fit_to="means"),
        lc.GammaGamma(priors={"log_q_minus_1": (3.0, 0.2)}),
    ),
)
