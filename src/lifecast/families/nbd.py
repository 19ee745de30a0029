"""NBD: customers buy at a rate of their own and never leave. The baseline that the others have to beat."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lifecast.arrays import Floats, Integers, Keys
from lifecast.families.room import with_room
from lifecast.families.settings import FamilySettings
from lifecast.grouping import PurchaseRows
from lifecast.kernels import nbd
from lifecast.kernels.bg_nbd_worlds import probability_of_purchase_table


@dataclass(frozen=True)
class NBD(FamilySettings):
    """Purchases without end [Ehrenberg 1959, "The pattern of consumer purchases"].

    A customer buys as a Poisson process of rate lambda, Gamma(r, rate alpha) over customers, for ever: the
    number of purchases is negative binomial.

    Parameters
    ----------
    priors, groups, covariates
        See `lifecast.families.settings.FamilySettings`. The coordinates are ``log_r`` and ``log_rate``, the
        mean number of purchases (r / alpha) in the mean observed age T. Covariates shift ``log_rate``.

    Examples
    --------
    >>> import lifecast as lc
    >>> model = lc.CLTV.from_parameters({"r": 0.4, "alpha": 8.0}, families=("nbd",))
    >>> round(model.expected_purchases_new_customer(52), 4)
    2.6
    """

    name: ClassVar[str] = "nbd"
    parameters: ClassVar[tuple[str, ...]] = ("r", "alpha")
    weak_priors: ClassVar[Mapping[str, tuple[float, float]]] = {
        "log_r": (-0.5, 1.5),
        "log_rate": (0.0, 2.0),
    }
    covariate_coordinates: ClassVar[tuple[str, ...]] = ("log_rate",)

    def start(self, rows: PurchaseRows) -> Floats:
        repeats = float(rows.weight @ rows.x) + 0.5
        return np.array([0.0, np.log(repeats / float(rows.weight @ rows.T))])

    def constrain(self, points: Floats) -> Floats:
        return np.stack([np.exp(points[..., 0]), np.exp(points[..., 0] - points[..., 1])], axis=-1)

    def unconstrain(self, theta: Floats) -> Floats:
        r, alpha = np.moveaxis(theta, -1, 0)
        return np.stack([np.log(r), np.log(r / alpha)], axis=-1)

    def jacobian(self, point: Floats) -> Floats:
        r, alpha = self.constrain(point)
        return np.array([[r, 0.0], [alpha, -alpha]])

    def rescale(self, theta: Floats, scale: float) -> Floats:
        rescaled: Floats = theta * np.array([1.0, scale])
        return rescaled

    def log_likelihood(self, rows: PurchaseRows, theta: Floats) -> tuple[float, Floats]:
        x_values, x_code, _, _, T_values, T_code, weight = rows.coded
        value, gradient = nbd.log_likelihood(x_values, x_code, T_values, T_code, weight, *theta)
        return value, gradient

    def log_likelihood_draws(self, rows: PurchaseRows, theta: Floats) -> Floats:
        x_values, x_code, _, _, T_values, T_code, weight = rows.coded
        draws: Floats = nbd.log_likelihood_draws(x_values, x_code, T_values, T_code, weight, theta)
        return draws

    def probability_alive(self, x: Integers, t_x: Floats, T: Floats, theta: Floats) -> Floats:
        return np.ones((x.size, theta.shape[0]))

    def probability_of_purchase(
        self, x: Integers, T: Floats, theta: Floats, drift: Floats, end: Floats
    ) -> Floats:
        probabilities: Floats = probability_of_purchase_table(x, T, theta, drift, end)
        return probabilities

    def time_scale(self, x: Integers, T: Floats, theta: Floats, drift: Floats) -> float:
        return float(np.min(theta[:, 1]) + np.min(T))

    def expected_purchases(
        self, x: Integers, T: Floats, theta: Floats, drift: Floats, times: Floats, weights: Floats
    ) -> Callable[[Integers, Floats], Floats]:
        r, alpha = theta.T
        # a time may be infinite, and count for nothing in a sum
        weighted = np.multiply(weights, times[:, :, None], out=np.zeros_like(weights), where=weights != 0.0)
        time = weighted.sum(axis=1).T  # (sum, world)

        def of_rows(x: Integers, T: Floats) -> Floats:
            rate = (r + x[:, None]) / (alpha + T[:, None])  # (row, world); a shock leaves its mean
            expected: Floats = time[:, None, :] * rate
            return expected

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
        own_clock = self.own_clock(clock)
        return with_room(
            lambda capacity: nbd.simulate_purchases(
                x, T, p_buys, row, keys, theta, drift, own_clock, edges, capacity
            ),
            row.size * theta.shape[0] * expected,
        )

    def own_clock(self, clock: Floats) -> Floats:
        """The clock (world, stretch + 1) by which customers buy: faster or slower after a change."""
        return clock

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
        log_probabilities: Floats = nbd.log_probability_of_count(x, T, n, t, theta, drift)
        return log_probabilities
