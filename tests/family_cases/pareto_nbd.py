"""Pareto/NBD's story [Schmittlein, Morrison & Colombo 1987], told without the package's kernels."""

from typing import Any

import numpy as np

import lifecast as lc
from family_cases import PurchaseCase, gamma_nodes, log_mean, shocked_gamma
from lifecast.arrays import Floats, Integers


def born(rng: np.random.Generator, theta: Any, customers: int) -> tuple[Floats, np.ndarray]:
    r, alpha, s, beta = theta
    traits = np.stack([rng.gamma(r, 1.0 / alpha, customers), rng.gamma(s, 1.0 / beta, customers)], axis=1)
    return traits, np.ones(customers, bool)


def live(
    rng: np.random.Generator, traits: Floats, alive: np.ndarray, span: Floats
) -> tuple[Floats, np.ndarray]:
    rate, leaving = traits.T
    lifetime = np.where(alive, rng.exponential(1.0, rate.size) / leaving, 0.0)
    active = np.minimum(lifetime, span)
    count = rng.poisson(rate * active)
    # given their number, purchases lie anywhere
    times = rng.random((rate.size, max(1, int(count.max())))) * active[:, None]
    times[np.arange(times.shape[1]) >= count[:, None]] = np.inf
    return np.sort(times, axis=1), lifetime > span


def log_density(x: int, t_x: float, T: float, theta: Any) -> tuple[float, float]:
    r, alpha, s, beta = theta
    rate, of_rate = gamma_nodes(r, alpha)
    leaving, of_leaving = gamma_nodes(s, beta)
    alive = log_mean(x * np.log(rate) - rate * T, of_rate) + log_mean(-leaving * T, of_leaving)
    if t_x == T:
        return alive, alive
    points, weights = np.polynomial.legendre.leggauss(50)
    at = t_x + 0.5 * (T - t_x) * (1.0 + points)  # where it left
    left = [
        log_mean(x * np.log(rate) - rate * u, of_rate) + log_mean(np.log(leaving) - leaving * u, of_leaving)
        for u in at
    ]
    dead = log_mean(np.array(left), np.log(0.5 * (T - t_x) * weights))
    return float(np.logaddexp(alive, dead)), alive


def shock(
    rng: np.random.Generator, traits: Floats, x: Integers, T: Floats, theta: Any, variance: float
) -> Floats:
    return np.stack([shocked_gamma(rng, traits[:, 0], theta[0] + x, variance), traits[:, 1]], axis=1)


CASE = PurchaseCase(
    family=lc.ParetoNBD(),
    thetas=((0.553, 10.578, 0.606, 11.669), (2.0, 9.0, 3.0, 90.0), (0.8, 30.0, 1.0, 15.0)),
    watched=39.0,
    tight={
        "log_r": (0.0, 0.4),
        "log_rate": (1.2, 0.4),
        "log_s": (0.0, 0.4),
        "log_dropout_rate": (-0.5, 0.4),
    },
    born=born,
    live=live,
    log_density=log_density,
    shock=shock,
)
