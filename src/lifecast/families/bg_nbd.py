"""BG/NBD: customers buy at a rate of their own and may leave for good after any purchase."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from scipy.special import expit

from lifecast.arrays import Floats, Integers, Keys
from lifecast.families.room import with_room
from lifecast.families.settings import FamilySettings
from lifecast.families.threads import over_worlds
from lifecast.grouping import PurchaseRows, ages_by_frequency
from lifecast.kernels import bg_nbd_likelihood, bg_nbd_worlds
from lifecast.kernels.bg_nbd_expectations import expectations_by_age, expectations_of_rows, sizes
from lifecast.kernels.bg_nbd_simulation import simulate_purchases


@dataclass(frozen=True)
class BGNBD(FamilySettings):
    """Purchases that end without notice [Fader, Hardie & Lee 2005, "Counting your customers the easy way"].

    While alive a customer buys as a Poisson process of rate lambda, Gamma(r, rate alpha) over customers;
    after each repeat purchase it leaves for good with probability p, Beta(a, b) over customers.

    Parameters
    ----------
    priors, groups, covariates
        See `lifecast.families.settings.FamilySettings`. The coordinates are ``log_r``; ``log_rate``, the mean
        number of purchases (r / alpha) in the mean observed age T; ``logit_dropout`` of the mean a / (a + b);
        ``log_dropout_concentration`` of a + b. Covariates shift ``log_rate`` and ``logit_dropout``.

    Examples
    --------
    >>> from lifecast import BGNBD
    >>> BGNBD(priors={"log_r": (0.0, 1.0)}).parameters
    ('r', 'alpha', 'a', 'b')
    """

    name: ClassVar[str] = "bg-nbd"
    parameters: ClassVar[tuple[str, ...]] = ("r", "alpha", "a", "b")
    weak_priors: ClassVar[Mapping[str, tuple[float, float]]] = {
        "log_r": (-0.5, 1.5),
        "log_rate": (0.0, 2.0),
        "logit_dropout": (-1.5, 1.5),
        "log_dropout_concentration": (1.0, 1.5),
    }
    covariate_coordinates: ClassVar[tuple[str, ...]] = ("log_rate", "logit_dropout")

    def start(self, rows: PurchaseRows) -> Floats:
        repeats = float(rows.weight @ rows.x) + 0.5
        return np.array([0.0, np.log(repeats / float(rows.weight @ rows.T)), -1.0, 1.0])

    def constrain(self, points: Floats) -> Floats:
        r = np.exp(points[..., 0])
        alpha = np.exp(points[..., 0] - points[..., 1])
        concentration = np.exp(points[..., 3])
        return np.stack(
            [r, alpha, expit(points[..., 2]) * concentration, expit(-points[..., 2]) * concentration], axis=-1
        )

    def unconstrain(self, theta: Floats) -> Floats:
        r, alpha, a, b = np.moveaxis(theta, -1, 0)
        return np.stack([np.log(r), np.log(r / alpha), np.log(a / b), np.log(a + b)], axis=-1)

    def jacobian(self, point: Floats) -> Floats:
        r, alpha, a, b = self.constrain(point)
        swap = a * b / (a + b)
        return np.array(
            [[r, 0.0, 0.0, 0.0], [alpha, -alpha, 0.0, 0.0], [0.0, 0.0, swap, a], [0.0, 0.0, -swap, b]]
        )

    def rescale(self, theta: Floats, scale: float) -> Floats:
        rescaled: Floats = theta * np.array([1.0, scale, 1.0, 1.0])
        return rescaled

    def log_likelihood(self, rows: PurchaseRows, theta: Floats) -> tuple[float, Floats]:
        value, gradient = bg_nbd_likelihood.log_likelihood(*rows.coded, *theta)
        return value, gradient

    def log_likelihood_draws(self, rows: PurchaseRows, theta: Floats) -> Floats:
        draws: Floats = bg_nbd_likelihood.log_likelihood_draws(*rows.coded, theta)
        return draws

    def probability_alive(self, x: Integers, t_x: Floats, T: Floats, theta: Floats) -> Floats:
        probabilities: Floats = bg_nbd_worlds.probability_alive_table(x, t_x, T, theta)
        return probabilities

    def probability_of_purchase(
        self, x: Integers, T: Floats, theta: Floats, drift: Floats, end: Floats
    ) -> Floats:
        probabilities: Floats = bg_nbd_worlds.probability_of_purchase_table(x, T, theta, drift, end)
        return probabilities

    def time_scale(self, x: Integers, T: Floats, theta: Floats, drift: Floats) -> float:
        x_values, youngest, _ = ages_by_frequency(x, T)
        r, alpha, a, b = theta.T
        k = r + x_values[:, None]
        bends = np.maximum(1.0 + drift * (k + 1.0), k * a / (a + b + x_values[:, None]))
        return float(np.min((alpha + youngest[:, None]) / bends))

    def expected_purchases(
        self, x: Integers, T: Floats, theta: Floats, drift: Floats, times: Floats, weights: Floats
    ) -> Callable[[Integers, Floats], Floats]:
        x_values, youngest, oldest = ages_by_frequency(x, T)
        histories = x_values, youngest, oldest, theta, drift
        latest = np.where(np.isinf(times), 0.0, times).max(axis=1)
        in_time, in_age = sizes(*histories, latest)
        middle, half = np.empty((2, x_values.size, theta.shape[0]))
        series = np.zeros((*middle.shape, weights.shape[2], in_age))
        over_worlds(
            partial(expectations_by_age, *histories, times, weights, latest, in_time, series, middle, half),
            theta.shape[0],
        )

        def of_rows(x: Integers, T: Floats) -> Floats:
            sums: Floats = expectations_of_rows(np.searchsorted(x_values, x), T, theta, series, middle, half)
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
        own_clock, leaving = self.own_clock(clock), self.leaving(theta.shape[0])
        return with_room(
            lambda capacity: simulate_purchases(
                x, T, p_alive, p_buys, row, keys, theta, drift, own_clock, edges, leaving, capacity
            ),
            row.size * theta.shape[0] * expected,
        )

    def own_clock(self, clock: Floats) -> Floats:
        """The clock (world, stretch + 1) by which the living buy: faster or slower after a change."""
        return clock

    def leaving(self, worlds: int) -> Floats:
        """What the hazard of leaving is multiplied by in each world: not one after a change."""
        return np.ones(worlds)

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
        alive = self.probability_alive(x, t_x, T, theta[None, :])[:, 0]
        log_probabilities: Floats = bg_nbd_worlds.log_probability_of_count(alive, x, T, n, t, theta, drift)
        return log_probabilities
