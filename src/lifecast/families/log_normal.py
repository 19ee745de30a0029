"""Log-normal spend: the logs of a customer's amounts are normal around a level; levels are normal too."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lifecast.arrays import Floats, Integers, Keys
from lifecast.families.settings import FamilySettings
from lifecast.grouping import SpendHistory, SpendRows
from lifecast.kernels import log_normal
from lifecast.kernels.log_normal_simulation import simulate_amounts


@dataclass(frozen=True)
class LogNormal(FamilySettings):
    """Spend per purchase whose logs are normal, independent of how often a customer buys.

    [The one-way random-effects model of Searle, Casella & McCulloch 1992, "Variance Components", of logs.]

    The log of each amount of a customer is normal with standard deviation sigma about the customer's level;
    levels are normal with standard deviation tau about the log of the median across customers. For logs whose
    amounts Gamma-Gamma does not fit: beside it, a customer's amounts are less often far below the usual ones
    and more often far above, and fewer customers have an extreme level.

    Parameters
    ----------
    priors, groups, covariates
        See `lifecast.families.settings.FamilySettings`. The coordinates are ``log_tau``, ``log_sigma``, and
        ``log_mean_spend`` relative to the mean of the amounts seen, which is what covariates shift.

    Examples
    --------
    >>> from lifecast import LogNormal
    >>> LogNormal().parameters
    ('median', 'tau', 'sigma')
    """

    name: ClassVar[str] = "log-normal"
    parameters: ClassVar[tuple[str, ...]] = ("median", "tau", "sigma")
    weak_priors: ClassVar[Mapping[str, tuple[float, float]]] = {
        "log_tau": (-0.7, 0.8),
        "log_sigma": (-0.7, 0.8),
        "log_mean_spend": (0.0, 1.0),
    }
    covariate_coordinates: ClassVar[tuple[str, ...]] = ("log_mean_spend",)

    zero_amounts: ClassVar[bool] = False
    likelihood_needs: ClassVar[tuple[str, ...]] = ("monetary_log_mean", "monetary_log_sd")
    forecast_needs: ClassVar[tuple[str, ...]] = ("monetary_log_mean",)

    def start(self, rows: SpendRows) -> Floats:
        return np.array([np.log(0.5), np.log(0.5), 0.0])

    def constrain(self, points: Floats) -> Floats:
        tau, sigma = np.exp(points[..., 0]), np.exp(points[..., 1])
        median = np.exp(points[..., 2] - 0.5 * (tau**2 + sigma**2))
        return np.stack([median, tau, sigma], axis=-1)

    def unconstrain(self, theta: Floats) -> Floats:
        median, tau, sigma = np.moveaxis(theta, -1, 0)
        mean = np.log(median) + 0.5 * (tau**2 + sigma**2)
        return np.stack([np.log(tau), np.log(sigma), mean], axis=-1)

    def jacobian(self, point: Floats) -> Floats:
        median, tau, sigma = self.constrain(point)
        return np.array(
            [[-(tau**2) * median, -(sigma**2) * median, median], [tau, 0.0, 0.0], [0.0, sigma, 0.0]]
        )

    def rescale(self, theta: Floats, scale: float) -> Floats:
        rescaled: Floats = theta * np.array([scale, 1.0, 1.0])
        return rescaled

    def log_likelihood(self, rows: SpendRows, theta: Floats) -> tuple[float, Floats]:
        value, gradient = log_normal.log_likelihood(*rows.log_sums, *theta)
        return value, gradient

    def log_likelihood_draws(self, rows: SpendRows, theta: Floats) -> Floats:
        draws: Floats = log_normal.log_likelihood_draws(*rows.log_sums, theta)
        return draws

    def expected_spend(self, history: SpendHistory, theta: Floats) -> Floats:
        amounts: Floats = log_normal.expected_spend(history.n, history.l, theta)
        return amounts

    def credibility_spend(self, n: Integers, m: Floats, theta: Floats) -> Floats:
        median, tau, sigma = theta.T
        mean = median * np.exp(0.5 * (tau**2 + sigma**2))
        between, within = np.expm1(tau**2), np.exp(tau**2) * np.expm1(sigma**2)
        weight = n[:, None] * between / (n[:, None] * between + within)
        amounts: Floats = mean + weight * (m[:, None] - mean)
        return amounts

    def simulate_amounts(
        self,
        history: SpendHistory,
        keys: Keys,
        first: Integers,
        world: Any,
        theta: Floats,
        drift: Floats,
    ) -> Floats:
        amounts: Floats = simulate_amounts(history.n, history.l, keys, first, world, theta, drift)
        return amounts

    def relative_variance(self, theta: Floats) -> Floats:
        variance: Floats = np.expm1(theta[:, 1] ** 2 + theta[:, 2] ** 2)
        return variance

    def mean_variance(self, n: Integers, theta: Floats) -> Floats:
        tau, sigma = theta[0, 1:] ** 2
        variance: Floats = np.expm1(tau * sigma / (sigma + n * tau))
        return variance

    def log_mean_moments(self, n: Integers, theta: Floats) -> tuple[Floats, Floats]:
        return log_normal.log_mean_moments(n, float(theta[0, 2]))
