"""The shifted beta-geometric's story [Fader & Hardie 2007], told without the package's kernels."""

from typing import Any

import numpy as np

import lifecast as lc
from family_cases import PurchaseCase, beta_nodes, log_mean
from lifecast.arrays import Floats


def born(rng: np.random.Generator, theta: Any, customers: int) -> tuple[Floats, np.ndarray]:
    return rng.beta(*theta, (customers, 1)), np.ones(customers, bool)


def live(
    rng: np.random.Generator, traits: Floats, alive: np.ndarray, span: Floats
) -> tuple[Floats, np.ndarray]:
    """Everybody renews or leaves at every whole time, one after another."""
    alive = alive.copy()
    times = np.full((alive.size, int(span.max(initial=0.0))), np.inf)
    for j in range(times.shape[1]):
        there = alive & (j + 1 <= span)
        alive[there & (rng.random(alive.size) < traits[:, 0])] = False
        times[there & alive, j] = j + 1
    return times, alive


def log_density(x: int, t_x: float, T: float, theta: Any) -> tuple[float, float]:
    log_leave, log_stay, weights = beta_nodes(*theta)
    if x < T:
        return log_mean(x * log_stay + log_leave, weights), -np.inf
    alive = log_mean(x * log_stay, weights)
    return alive, alive


CASE = PurchaseCase(
    family=lc.ShiftedBetaGeometric(),
    thetas=((0.668, 3.806), (2.5, 12.0), (0.3, 6.0)),
    watched=12.0,
    tight={"logit_dropout": (-1.5, 0.5), "log_dropout_concentration": (1.2, 0.4)},
    born=born,
    live=live,
    log_density=log_density,
    shock=None,
    whole_times=True,
    possible=lambda x, t_x, T: x == t_x,
)
