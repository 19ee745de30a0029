"""BG/BB: customers may buy once at every opportunity, and may leave for good before any."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lifecast.arrays import Floats, Integers, Keys
from lifecast.families.beta_shapes import beta_coordinates, beta_jacobian, beta_shapes
from lifecast.families.discrete_time import expected_opportunities, refuse, survival_scale
from lifecast.families.room import with_room
from lifecast.families.settings import FamilySettings
from lifecast.grouping import PurchaseRows
from lifecast.kernels import bg_bb, bg_bb_worlds
from lifecast.kernels.bg_bb_simulation import simulate_purchases


@dataclass(frozen=True)
class BGBB(FamilySettings):
    """Purchases at fixed opportunities.

    [Fader, Hardie & Shang 2010, "Customer-base analysis in a discrete-time noncontractual setting"]

    There is one opportunity per time unit after the first purchase: an appeal for donations, a conference, a
    season. Before each a customer leaves for good with probability theta, Beta(gamma, delta) over customers;
    who stays buys with probability p, Beta(alpha, beta) over customers. The RFM's frequency counts the
    opportunities used, its recency is the number of the last one of these, T the number of opportunities so
    far.

    Parameters
    ----------
    priors, groups, covariates
        See `lifecast.families.settings.FamilySettings`. The coordinates are ``logit_purchase`` of the mean
        alpha / (alpha + beta) and ``log_purchase_concentration`` of alpha + beta; ``logit_dropout`` of the
        mean gamma / (gamma + delta) and ``log_dropout_concentration`` of gamma + delta. Covariates shift
        ``logit_purchase`` and ``logit_dropout``.

    Notes
    -----
    Opportunities come at fixed dates, so that no market makes the clock run fast or slow: ``market="auto"``
    is the textbook model, and the diagnostics say so.

    Examples
    --------
    From a log, with calendar months as the opportunities:

    >>> import lifecast as lc
    >>> log = lc.datasets.load_cdnow(sample=True)
    >>> month = 12 * log["date"].dt.year + log["date"].dt.month
    >>> seen = month.groupby(log["customer_id"]).agg(["min", "max", "nunique"])
    >>> histories = seen[["nunique"]].rename(columns={"nunique": "frequency"}) - 1
    >>> histories["recency"], histories["T"] = seen["max"] - seen["min"], month.max() - seen["min"]
    >>> rfm = lc.RFM.from_frame(histories, time_unit="month")
    >>> model = lc.CLTV(lc.BGBB(), spend=None, market=None).fit(rfm)
    >>> model.parameters.index.tolist()
    ['alpha', 'beta', 'gamma', 'delta']
    """

    name: ClassVar[str] = "bg-bb"
    parameters: ClassVar[tuple[str, ...]] = ("alpha", "beta", "gamma", "delta")
    weak_priors: ClassVar[Mapping[str, tuple[float, float]]] = {
        "logit_purchase": (-1.0, 1.75),
        "log_purchase_concentration": (1.0, 1.5),
        "logit_dropout": (-2.0, 1.5),
        "log_dropout_concentration": (1.0, 1.5),
    }
    covariate_coordinates: ClassVar[tuple[str, ...]] = ("logit_purchase", "logit_dropout")

    def check_histories(self, x: Integers, t_x: Floats, T: Floats) -> None:
        refuse(
            self.name,
            (np.floor(T) != T) | (np.floor(t_x) != t_x),
            (x, t_x, T),
            "a recency or T that is not a whole number of opportunities",
            "T counts the opportunities to buy since the first purchase, one per time unit, and recency is "
            "the number of the last one used. Count them, and use RFM.from_frame; or use a family whose "
            "purchases happen at any time, such as BGNBD.",
        )
        refuse(
            self.name,
            x > t_x,
            (x, t_x, T),
            "more purchases than opportunities by the last one",
            "At most one purchase counts at an opportunity: count the opportunities used, or choose a "
            "shorter time unit.",
        )

    def start(self, rows: PurchaseRows) -> Floats:
        bought, seen = float(rows.weight @ rows.x), float(rows.weight @ rows.T)
        return np.array([np.log((bought + 0.5) / (seen - bought + 0.5)), 1.0, -2.0, 1.0])

    def constrain(self, points: Floats) -> Floats:
        return np.concatenate([beta_shapes(points[..., :2]), beta_shapes(points[..., 2:])], axis=-1)

    def unconstrain(self, theta: Floats) -> Floats:
        return np.concatenate([beta_coordinates(theta[..., :2]), beta_coordinates(theta[..., 2:])], axis=-1)

    def jacobian(self, point: Floats) -> Floats:
        nothing = np.zeros((2, 2))
        return np.block([[beta_jacobian(point[:2]), nothing], [nothing, beta_jacobian(point[2:])]])

    def rescale(self, theta: Floats, scale: float) -> Floats:
        return theta

    def log_likelihood(self, rows: PurchaseRows, theta: Floats) -> tuple[float, Floats]:
        value, gradient = bg_bb.log_likelihood(rows.x, rows.t_x, rows.T, rows.weight, *theta)
        return value, gradient

    def log_likelihood_draws(self, rows: PurchaseRows, theta: Floats) -> Floats:
        draws: Floats = bg_bb.log_likelihood_draws(rows.x, rows.t_x, rows.T, rows.weight, theta)
        return draws

    def probability_alive(self, x: Integers, t_x: Floats, T: Floats, theta: Floats) -> Floats:
        probabilities: Floats = bg_bb_worlds.probability_alive_table(x, t_x, T, theta)
        return probabilities

    def probability_of_purchase(
        self, x: Integers, T: Floats, theta: Floats, drift: Floats, end: Floats
    ) -> Floats:
        probabilities: Floats = bg_bb_worlds.probability_of_purchase_table(x, T, theta, end)
        return probabilities

    def time_scale(self, x: Integers, T: Floats, theta: Floats, drift: Floats) -> float:
        return survival_scale(T, theta[:, 2:])

    def expected_purchases(
        self, x: Integers, T: Floats, theta: Floats, drift: Floats, times: Floats, weights: Floats
    ) -> Callable[[Integers, Floats], Floats]:
        opportunities = expected_opportunities(T, theta[:, 2:], times, weights)
        alpha, beta = theta[:, 0], theta[:, 1]

        def of_rows(x: Integers, T: Floats) -> Floats:
            buys = (alpha + x[:, None]) / (alpha + beta + T[:, None])
            return buys * opportunities(T)

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
            lambda room: simulate_purchases(x, T, p_alive, p_buys, row, keys, theta, edges, room),
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
        log_probabilities: Floats = bg_bb_worlds.log_probability_of_count(x, t_x, T, n, t, theta)
        return log_probabilities
