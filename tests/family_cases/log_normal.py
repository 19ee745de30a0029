"""Log-normal spend's story [Searle, Casella & McCulloch 1992], told without the package's kernels."""

from typing import Any

import numpy as np
from scipy import stats

import lifecast as lc
from family_cases import SpendCase, log_mean
from lifecast.arrays import Floats, Integers


def born(rng: np.random.Generator, theta: Any, customers: int) -> Floats:
    median, tau, _ = theta
    return rng.normal(np.log(median), tau, (customers, 1))


def amounts(rng: np.random.Generator, theta: Any, traits: Floats, count: Integers) -> Floats:
    drawn = np.exp(rng.normal(traits, theta[2], (count.size, int(count.max()))))
    return np.where(np.arange(drawn.shape[1]) < count[:, None], drawn, np.nan)


def log_density(amounts: Floats, theta: Any) -> float:
    median, tau, sigma = theta
    standard = np.linspace(-12.0, 12.0, 4001)
    of_level = stats.norm.logpdf(standard) + np.log(standard[1] - standard[0])
    level = np.log(median) + tau * standard
    each = stats.lognorm.logpdf(amounts, s=sigma, scale=np.exp(level[:, None]))
    return log_mean(each.sum(axis=1), of_level)


def mean(theta: Any, traits: Floats) -> Floats:
    return np.exp(traits[:, 0] + 0.5 * theta[2] ** 2)


CASE = SpendCase(
    family=lc.LogNormal(),
    thetas=((27.0, 0.5, 0.6), (200.0, 0.9, 0.3), (5.0, 0.3, 0.8)),
    tight={"log_tau": (-0.7, 0.3), "log_sigma": (-0.7, 0.3), "log_mean_spend": (0.0, 0.3)},
    born=born,
    amounts=amounts,
    log_density=log_density,
    mean=mean,
    other_settings=(lc.LogNormal(priors={"log_sigma": (0.0, 0.2)}),),
)
