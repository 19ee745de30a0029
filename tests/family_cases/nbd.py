"""NBD's story [Ehrenberg 1959], told without the package's kernels."""

from typing import Any

import numpy as np

import lifecast as lc
from family_cases import PurchaseCase, gamma_nodes, log_mean, poisson_times, shocked_gamma
from lifecast.arrays import Floats, Integers


def born(rng: np.random.Generator, theta: Any, customers: int) -> tuple[Floats, np.ndarray]:
    r, alpha = theta
    return rng.gamma(r, 1.0 / alpha, (customers, 1)), np.ones(customers, bool)


def live(
    rng: np.random.Generator, traits: Floats, alive: np.ndarray, span: Floats
) -> tuple[Floats, np.ndarray]:
    return poisson_times(rng, traits[:, 0], alive, span, lambda who: np.zeros(who.size, bool))


def log_density(x: int, t_x: float, T: float, theta: Any) -> tuple[float, float]:
    r, alpha = theta
    rate, of_rate = gamma_nodes(r, alpha)
    alive = log_mean(x * np.log(rate) - rate * T, of_rate)
    return alive, alive


def shock(
    rng: np.random.Generator, traits: Floats, x: Integers, T: Floats, theta: Any, variance: float
) -> Floats:
    return shocked_gamma(rng, traits[:, 0], theta[0] + x, variance)[:, None]


CASE = PurchaseCase(
    family=lc.NBD(),
    thetas=((0.385, 12.07), (2.0, 9.0), (0.8, 30.0)),
    watched=39.0,
    tight={"log_r": (0.0, 0.4), "log_rate": (1.0, 0.4)},
    born=born,
    live=live,
    log_density=log_density,
    shock=shock,
)
