"""BG/BB's story [Fader, Hardie & Shang 2010], told without the package's kernels."""

from typing import Any

import numpy as np

import lifecast as lc
from family_cases import PurchaseCase, beta_nodes, log_mean
from lifecast.arrays import Floats


def born(rng: np.random.Generator, theta: Any, customers: int) -> tuple[Floats, np.ndarray]:
    alpha, beta, gamma, delta = theta
    traits = np.stack([rng.beta(alpha, beta, customers), rng.beta(gamma, delta, customers)], axis=1)
    return traits, np.ones(customers, bool)


def live(
    rng: np.random.Generator, traits: Floats, alive: np.ndarray, span: Floats
) -> tuple[Floats, np.ndarray]:
    """An opportunity for everybody at every whole time, one after another."""
    buys, leaves = traits.T
    alive = alive.copy()
    times = np.full((alive.size, int(span.max(initial=0.0))), np.inf)
    for j in range(times.shape[1]):
        there = alive & (j + 1 <= span)
        alive[there & (rng.random(alive.size) < leaves)] = False
        times[there & alive & (rng.random(alive.size) < buys), j] = j + 1
    return np.sort(times, axis=1), alive


def log_density(x: int, t_x: float, T: float, theta: Any) -> tuple[float, float]:
    alpha, beta, gamma, delta = theta
    log_p, log_rest, of_p = beta_nodes(alpha, beta)
    log_leave, log_stay, of_leave = beta_nodes(gamma, delta)

    def bought(opportunities: int) -> float:
        return log_mean(x * log_p + (opportunities - x) * log_rest, of_p)

    alive = bought(int(T)) + log_mean(T * log_stay, of_leave)
    gone = [bought(j) + log_mean(log_leave + j * log_stay, of_leave) for j in range(int(t_x), int(T))]
    return float(np.logaddexp.reduce([alive, *gone])), alive


CASE = PurchaseCase(
    family=lc.BGBB(),
    thetas=((1.204, 0.750, 0.657, 2.783), (0.6, 3.0, 2.5, 30.0), (4.0, 9.0, 0.4, 20.0)),
    watched=20.0,
    tight={
        "logit_purchase": (0.0, 0.5),
        "log_purchase_concentration": (0.7, 0.4),
        "logit_dropout": (-2.0, 0.5),
        "log_dropout_concentration": (1.2, 0.4),
    },
    born=born,
    live=live,
    log_density=log_density,
    shock=None,
    whole_times=True,
)
