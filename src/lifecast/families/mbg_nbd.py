"""MBG/NBD: BG/NBD's customers, who may leave for good right after their first purchase too."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lifecast.arrays import Floats, Integers, Keys
from lifecast.families.bg_nbd import BGNBD
from lifecast.grouping import PurchaseRows
from lifecast.kernels import bg_nbd_worlds, mbg_nbd


@dataclass(frozen=True)
class MBGNBD(BGNBD):
    """Purchases that end without notice, perhaps with the first.

    [Batislam, Denizel & Filiztekin 2007; Hoppe & Wagner 2007.]

    While alive a customer buys as a Poisson process of rate lambda, Gamma(r, rate alpha) over customers;
    after each purchase, the first included, it leaves for good with probability p, Beta(a, b) over
    customers. Who is alive has a future as in BG/NBD with b + 1.

    Parameters
    ----------
    priors, groups, covariates
        See `lifecast.families.settings.FamilySettings`; coordinates are those of `BGNBD`.

    Examples
    --------
    >>> import lifecast as lc
    >>> known = {"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614}
    >>> model = lc.CLTV.from_parameters(known, families=("mbg-nbd",))
    >>> round(model.expected_purchases_new_customer(6), 4)
    0.2814
    """

    name: ClassVar[str] = "mbg-nbd"

    def log_likelihood(self, rows: PurchaseRows, theta: Floats) -> tuple[float, Floats]:
        value, gradient = mbg_nbd.log_likelihood(*rows.coded, *theta)
        return value, gradient

    def log_likelihood_draws(self, rows: PurchaseRows, theta: Floats) -> Floats:
        draws: Floats = mbg_nbd.log_likelihood_draws(*rows.coded, theta)
        return draws

    def probability_alive(self, x: Integers, t_x: Floats, T: Floats, theta: Floats) -> Floats:
        probabilities: Floats = mbg_nbd.probability_alive_table(x, t_x, T, theta)
        return probabilities

    def time_scale(self, x: Integers, T: Floats, theta: Floats, drift: Floats) -> float:
        return super().time_scale(x, T, after_first(theta), drift)

    def expected_purchases(
        self, x: Integers, T: Floats, theta: Floats, drift: Floats, times: Floats, weights: Floats
    ) -> Callable[[Integers, Floats], Floats]:
        return super().expected_purchases(x, T, after_first(theta), drift, times, weights)

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
        return super().simulate_purchases(
            x, T, p_alive, p_buys, row, keys, after_first(theta), drift, clock, edges, expected
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
        alive = self.probability_alive(x, t_x, T, theta[None, :])[:, 0]
        log_probabilities: Floats = bg_nbd_worlds.log_probability_of_count(
            alive, x, T, n, t, after_first(theta), drift
        )
        return log_probabilities


def after_first(theta: Floats) -> Floats:
    """The parameters (..., 4) that BG/NBD has for who stays after the first purchase."""
    shifted: Floats = theta + np.array([0.0, 0.0, 0.0, 1.0])
    return shifted
