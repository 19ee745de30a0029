"""BG/NBD's story [Fader, Hardie & Lee 2005], told without the package's kernels."""

from typing import Any

import numpy as np

import lifecast as lc
from family_cases import PurchaseCase, beta_nodes, gamma_nodes, log_mean, poisson_times, shocked_gamma
from lifecast.arrays import Floats, Integers


def born(rng: np.random.Generator, theta: Any, customers: int) -> tuple[Floats, np.ndarray]:
    r, alpha, a, b = theta
    traits = np.stack([rng.gamma(r, 1.0 / alpha, customers), rng.beta(a, b, customers)], axis=1)
    return traits, np.ones(customers, bool)


def live(
    rng: np.random.Generator, traits: Floats, alive: np.ndarray, span: Floats
) -> tuple[Floats, np.ndarray]:
    rate, dropout = traits.T
    return poisson_times(rng, rate, alive, span, lambda who: rng.random(who.size) < dropout[who])


def log_density(x: int, t_x: float, T: float, theta: Any) -> tuple[float, float]:
    r, alpha, a, b = theta
    rate, of_rate = gamma_nodes(r, alpha)
    log_p, log_rest, of_p = beta_nodes(a, b)
    alive = log_mean(x * np.log(rate) - rate * T, of_rate) + log_mean(x * log_rest, of_p)
    if x == 0:
        return alive, alive
    dead = log_mean(x * np.log(rate) - rate * t_x, of_rate) + log_mean(log_p + (x - 1) * log_rest, of_p)
    return float(np.logaddexp(alive, dead)), alive


def shock(
    rng: np.random.Generator, traits: Floats, x: Integers, T: Floats, theta: Any, variance: float
) -> Floats:
    return np.stack([shocked_gamma(rng, traits[:, 0], theta[0] + x, variance), traits[:, 1]], axis=1)


CASE = PurchaseCase(
    family=lc.BGNBD(),
    thetas=((0.243, 4.414, 0.793, 2.426), (2.0, 9.0, 3.0, 4.5), (0.8, 30.0, 0.4, 5.0)),
    watched=39.0,
    tight={
        "log_r": (0.0, 0.4),
        "log_rate": (1.2, 0.4),
        "logit_dropout": (-1.0, 0.5),
        "log_dropout_concentration": (1.0, 0.4),
    },
    born=born,
    live=live,
    log_density=log_density,
    shock=shock,
)
