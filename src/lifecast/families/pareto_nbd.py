"""Pareto/NBD: customers buy at a rate of their own and leave for good after a lifetime of their own."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from lifecast.arrays import Floats, Integers, Keys
from lifecast.families.room import with_room
from lifecast.families.settings import FamilySettings
from lifecast.families.threads import over_worlds
from lifecast.grouping import PurchaseRows
from lifecast.kernels import pareto_nbd, pareto_nbd_worlds
from lifecast.kernels.pareto_nbd_simulation import simulate_purchases


@dataclass(frozen=True)
class ParetoNBD(FamilySettings):
    """Purchases until a lifetime ends without notice [Schmittlein, Morrison & Colombo 1987].

    While alive a customer buys as a Poisson process of rate lambda, Gamma(r, rate alpha) over customers, and
    leaves for good at rate mu, Gamma(s, rate beta) over customers, whether it buys or not.

    Parameters
    ----------
    priors, groups, covariates
        See `lifecast.families.settings.FamilySettings`. The coordinates are ``log_r``; ``log_rate``, the mean
        number of purchases (r / alpha) in the mean observed age T; ``log_s``; ``log_dropout_rate``, the mean
        rate of leaving (s / beta) in the same time. Covariates shift ``log_rate`` and ``log_dropout_rate``.

    Examples
    --------
    >>> from lifecast import ParetoNBD
    >>> ParetoNBD(priors={"log_s": (0.0, 1.0)}).parameters
    ('r', 'alpha', 's', 'beta')
    """

    name: ClassVar[str] = "pareto-nbd"
    parameters: ClassVar[tuple[str, ...]] = ("r", "alpha", "s", "beta")
    weak_priors: ClassVar[Mapping[str, tuple[float, float]]] = {
        "log_r": (-0.5, 1.5),
        "log_rate": (0.0, 2.0),
        "log_s": (-0.5, 1.5),
        "log_dropout_rate": (0.0, 2.0),
    }
    covariate_coordinates: ClassVar[tuple[str, ...]] = ("log_rate", "log_dropout_rate")

    def start(self, rows: PurchaseRows) -> Floats:
        repeats = float(rows.weight @ rows.x) + 0.5
        return np.array([0.0, np.log(repeats / float(rows.weight @ rows.T)), 0.0, -0.5])

    def constrain(self, points: Floats) -> Floats:
        log_r, log_rate, log_s, log_dropout_rate = np.moveaxis(points, -1, 0)
        logs = np.stack([log_r, log_r - log_rate, log_s, log_s - log_dropout_rate], axis=-1)
        theta: Floats = np.exp(logs)
        return theta

    def unconstrain(self, theta: Floats) -> Floats:
        log_r, log_alpha, log_s, log_beta = np.moveaxis(np.log(theta), -1, 0)
        return np.stack([log_r, log_r - log_alpha, log_s, log_s - log_beta], axis=-1)

    def jacobian(self, point: Floats) -> Floats:
        r, alpha, s, beta = self.constrain(point)
        return np.array(
            [[r, 0.0, 0.0, 0.0], [alpha, -alpha, 0.0, 0.0], [0.0, 0.0, s, 0.0], [0.0, 0.0, beta, -beta]]
        )

    def rescale(self, theta: Floats, scale: float) -> Floats:
        rescaled: Floats = theta * np.array([1.0, scale, 1.0, scale])
        return rescaled

    def log_likelihood(self, rows: PurchaseRows, theta: Floats) -> tuple[float, Floats]:
        if not computable(theta):
            return -math.inf, np.zeros(4)
        value, gradient = pareto_nbd.log_likelihood(*rows.coded, *theta)
        return value, gradient

    def log_likelihood_draws(self, rows: PurchaseRows, theta: Floats) -> Floats:
        draws = np.full(theta.shape[0], -np.inf)
        possible = computable(theta)
        draws[possible] = pareto_nbd.log_likelihood_draws(*rows.coded, theta[possible])
        return draws

    def probability_alive(self, x: Integers, t_x: Floats, T: Floats, theta: Floats) -> Floats:
        probabilities: Floats = pareto_nbd_worlds.probability_alive_table(x, t_x, T, theta)
        return probabilities

    def probability_of_purchase(
        self, x: Integers, T: Floats, theta: Floats, drift: Floats, end: Floats
    ) -> Floats:
        probabilities: Floats = pareto_nbd_worlds.probability_of_purchase_table(x, T, theta, drift, end)
        return probabilities

    def time_scale(self, x: Integers, T: Floats, theta: Floats, drift: Floats) -> float:
        _, _, s, beta = theta.T
        return float(np.min((beta + np.min(T)) / np.maximum(1.0, s)))

    def expected_purchases(
        self, x: Integers, T: Floats, theta: Floats, drift: Floats, times: Floats, weights: Floats
    ) -> Callable[[Integers, Floats], Floats]:
        scale, youngest, oldest = float(np.min(theta[:, 3])), float(np.min(T)), float(np.max(T))
        ages = math.log((scale + oldest) / (scale + youngest))
        series = np.zeros((weights.shape[2], 10 + math.ceil(6 * ages), theta.shape[0]))
        over_worlds(
            partial(
                pareto_nbd_worlds.lifetimes_by_age, scale, youngest, oldest, theta, times, weights, series
            ),
            theta.shape[0],
        )

        def of_rows(x: Integers, T: Floats) -> Floats:
            sums: Floats = pareto_nbd_worlds.expectations_of_rows(
                x, T, scale, youngest, oldest, theta, series
            )
            return sums

        return of_rows

    def simulate_purchases(
        self,
        x: Integers,
        T: Floats,
        p_alive: Floats,
        p_buys: Floats,
        row: Integers,
        keys: Keys,
        theta: Floats,
        drift: Floats,
        clock: Floats,
        edges: Floats,
        expected: float,
    ) -> tuple[Integers, Any, Any, Floats]:
        return with_room(
            lambda capacity: simulate_purchases(
                x, T, p_buys, row, keys, theta, drift, clock, edges, capacity
            ),
            row.size * theta.shape[0] * expected,
        )

    def log_probability_of_count(
        self,
        x: Integers,
        t_x: Floats,
        T: Floats,
        n: Integers,
        t: float,
        theta: Floats,
        drift: float,
    ) -> Floats:
        log_probabilities: Floats = pareto_nbd_worlds.log_probability_of_count(x, t_x, T, n, t, theta, drift)
        return log_probabilities


def computable(theta: Floats) -> np.ndarray:
    """Whether ratios and powers of the parameters (..., 4) are still numbers; beyond, none is likely."""
    within: np.ndarray = np.all((theta > 1e-50) & (theta < 1e50), axis=-1)
    return within
