"""Shifted beta-geometric: contracts that are renewed, or not, at every opportunity."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lifecast.arrays import Floats, Integers, Keys
from lifecast.families.beta_shapes import beta_coordinates, beta_jacobian, beta_shapes
from lifecast.families.discrete_time import expected_opportunities, opportunities, refuse, survival_scale
from lifecast.families.room import with_room
from lifecast.families.settings import FamilySettings
from lifecast.grouping import PurchaseRows
from lifecast.kernels import shifted_beta_geometric as sbg


@dataclass(frozen=True)
class ShiftedBetaGeometric(FamilySettings):
    """Contracts [Fader & Hardie 2007, "How to project customer retention"].

    Once per time unit a customer renews, or leaves for good with probability theta, Beta(alpha, beta) over
    customers. The RFM's frequency counts a customer's renewals, and its recency is the same number; T counts
    its opportunities to renew. Who has used all of them is a customer still; who has not left at the one
    after the last. A purchase, in forecasts, is a renewal, so that the increments of expected purchases per
    customer are the curve of retention.

    Parameters
    ----------
    priors, groups, covariates
        See `lifecast.families.settings.FamilySettings`. The coordinates are ``logit_dropout`` of the mean
        alpha / (alpha + beta), which covariates shift, and ``log_dropout_concentration`` of alpha + beta.

    Notes
    -----
    Opportunities come at fixed dates, so that no market makes the clock run fast or slow: ``market="auto"``
    is the textbook model, and the diagnostics say so.

    Examples
    --------
    A thousand contracts seen for three years: how many of the 650 left are expected to renew once more?

    >>> import lifecast as lc
    >>> import pandas as pd
    >>> renewals = [0] * 150 + [1] * 120 + [2] * 80 + [3] * 650
    >>> contracts = pd.DataFrame({"frequency": renewals, "recency": renewals, "T": 3})
    >>> rfm = lc.RFM.from_frame(contracts.rename_axis("customer_id"), time_unit="year")
    >>> model = lc.CLTV(lc.ShiftedBetaGeometric(), spend=None, market=None).fit(rfm)
    >>> round(float(model.expected_purchases(rfm, horizon=1).mean() * 1000 / 650), 1)
    0.9
    """

    name: ClassVar[str] = "sbg"
    parameters: ClassVar[tuple[str, ...]] = ("alpha", "beta")
    weak_priors: ClassVar[Mapping[str, tuple[float, float]]] = {
        "logit_dropout": (-2.0, 1.5),
        "log_dropout_concentration": (1.0, 1.5),
    }
    covariate_coordinates: ClassVar[tuple[str, ...]] = ("logit_dropout",)

    def check_histories(self, x: Integers, t_x: Floats, T: Floats) -> None:
        refuse(
            self.name,
            (np.floor(T) != T) | (t_x != x) | (x > T),
            (x, t_x, T),
            "a T that is not whole, or a recency other than their frequency, or more renewals than "
            "opportunities",
            "T counts a customer's opportunities to renew, one per time unit; frequency, and recency with "
            "it, the renewals up to the end of the contract. Count them, and use RFM.from_frame.",
        )

    def start(self, rows: PurchaseRows) -> Floats:
        renewed = float(rows.weight @ rows.x)
        left = float(rows.weight @ (rows.x < rows.T))
        return np.array([np.log((left + 0.5) / (renewed + 0.5)), 1.0])

    def constrain(self, points: Floats) -> Floats:
        return beta_shapes(points)

    def unconstrain(self, theta: Floats) -> Floats:
        return beta_coordinates(theta)

    def jacobian(self, point: Floats) -> Floats:
        return beta_jacobian(point)

    def rescale(self, theta: Floats, scale: float) -> Floats:
        return theta

    def log_likelihood(self, rows: PurchaseRows, theta: Floats) -> tuple[float, Floats]:
        value, gradient = sbg.log_likelihood(rows.x, rows.T, rows.weight, *theta)
        return value, gradient

    def log_likelihood_draws(self, rows: PurchaseRows, theta: Floats) -> Floats:
        draws: Floats = sbg.log_likelihood_draws(rows.x, rows.T, rows.weight, theta)
        return draws

    def probability_alive(self, x: Integers, t_x: Floats, T: Floats, theta: Floats) -> Floats:
        return np.repeat((x == T)[:, None], theta.shape[0], axis=1).astype(np.float64)

    def probability_of_purchase(
        self, x: Integers, T: Floats, theta: Floats, drift: Floats, end: Floats
    ) -> Floats:
        alpha, beta = theta.T
        renews: Floats = (beta + T[:, None]) / (alpha + beta + T[:, None]) * opportunities(end).astype(bool)
        return renews

    def time_scale(self, x: Integers, T: Floats, theta: Floats, drift: Floats) -> float:
        return survival_scale(T, theta)

    def expected_purchases(
        self, x: Integers, T: Floats, theta: Floats, drift: Floats, times: Floats, weights: Floats
    ) -> Callable[[Integers, Floats], Floats]:
        sums = expected_opportunities(T, theta, times, weights)
        return lambda x, T: sums(T)

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
            lambda room: sbg.simulate_renewals(T, p_buys, row, keys, theta, edges, room),
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
        log_probabilities: Floats = sbg.log_probability_of_count(x, T, n, t, theta)
        return log_probabilities
