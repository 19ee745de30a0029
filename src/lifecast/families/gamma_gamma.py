"""Gamma-Gamma: a customer's amounts are gamma with a rate of its own; the rates are gamma over customers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from scipy.special import polygamma, psi

from lifecast.arrays import Floats, Integers, Keys
from lifecast.errors import SettingsError
from lifecast.families.settings import FamilySettings
from lifecast.grouping import SpendHistory, SpendRows
from lifecast.kernels import gamma_gamma
from lifecast.kernels.gamma_gamma_simulation import simulate_amounts


@dataclass(frozen=True)
class GammaGamma(FamilySettings):
    """Spend per purchase, independent of how often a customer buys.

    [Fader & Hardie 2013, "The gamma-gamma model of monetary value"; after Colombo & Jiang 1999.]

    A customer's amounts are Gamma(p, rate nu), and nu is Gamma(q, rate v) over customers; q > 1, so the mean
    spend of the population, p v / (q - 1), is finite.

    Parameters
    ----------
    priors, groups, covariates
        See `lifecast.families.settings.FamilySettings`. The coordinates are ``log_p``, ``log_q_minus_1``, and
        ``log_mean_spend`` relative to the mean of the amounts seen, which is what covariates shift.
    fit_to : "amounts" or "means"
        "amounts" (default) uses every repeat amount, through their mean and the mean of their logs; "means"
        is the papers' likelihood of each customer's mean amount, which says less about how much one
        customer's amounts vary.

    Examples
    --------
    >>> from lifecast import GammaGamma
    >>> GammaGamma(fit_to="means").parameters
    ('p', 'q', 'v')
    """

    fit_to: Literal["amounts", "means"] = "amounts"

    name: ClassVar[str] = "gamma-gamma"
    parameters: ClassVar[tuple[str, ...]] = ("p", "q", "v")
    weak_priors: ClassVar[Mapping[str, tuple[float, float]]] = {
        "log_p": (1.0, 1.5),
        "log_q_minus_1": (1.0, 1.5),
        "log_mean_spend": (0.0, 1.0),
    }
    covariate_coordinates: ClassVar[tuple[str, ...]] = ("log_mean_spend",)

    def __post_init__(self) -> None:
        if self.fit_to not in ("amounts", "means"):
            raise SettingsError(f'fit_to={self.fit_to!r}: needed "amounts" or "means".')
        super().__post_init__()

    @property
    def zero_amounts(self) -> bool:
        """The papers average amounts of zero in; a likelihood of every amount cannot."""
        return self.fit_to == "means"

    @property
    def likelihood_needs(self) -> tuple[str, ...]:
        return () if self.fit_to == "means" else ("monetary_log_mean",)

    @property
    def forecast_needs(self) -> tuple[str, ...]:
        return ()

    def start(self, rows: SpendRows) -> Floats:
        return np.array([np.log(2.0), np.log(2.0), 0.0])

    def constrain(self, points: Floats) -> Floats:
        p = np.exp(points[..., 0])
        beyond_one = np.exp(points[..., 1])
        return np.stack([p, 1.0 + beyond_one, np.exp(points[..., 2]) * beyond_one / p], axis=-1)

    def unconstrain(self, theta: Floats) -> Floats:
        p, q, v = np.moveaxis(theta, -1, 0)
        return np.stack([np.log(p), np.log(q - 1.0), np.log(p * v / (q - 1.0))], axis=-1)

    def jacobian(self, point: Floats) -> Floats:
        p, q, v = self.constrain(point)
        return np.array([[p, 0.0, 0.0], [0.0, q - 1.0, 0.0], [-v, v, v]])

    def rescale(self, theta: Floats, scale: float) -> Floats:
        rescaled: Floats = theta * np.array([1.0, 1.0, scale])
        return rescaled

    def log_likelihood(self, rows: SpendRows, theta: Floats) -> tuple[float, Floats]:
        n_values, n_code, m, l, weight = rows.nodes  # noqa: E741
        if self.fit_to == "amounts":
            value, gradient = gamma_gamma.log_likelihood_amounts(n_values, n_code, m, l, weight, *theta)
        else:
            value, gradient = gamma_gamma.log_likelihood_means(n_values, n_code, m, weight, *theta)
        return value, gradient

    def log_likelihood_draws(self, rows: SpendRows, theta: Floats) -> Floats:
        n_values, n_code, m, l, weight = rows.nodes  # noqa: E741
        draws: Floats
        if self.fit_to == "amounts":
            draws = gamma_gamma.log_likelihood_amounts_draws(n_values, n_code, m, l, weight, theta)
        else:
            draws = gamma_gamma.log_likelihood_means_draws(n_values, n_code, m, weight, theta)
        return draws

    def expected_spend(self, history: SpendHistory, theta: Floats) -> Floats:
        return self.credibility_spend(history.n, history.m, theta)

    def credibility_spend(self, n: Integers, m: Floats, theta: Floats) -> Floats:
        amounts: Floats = gamma_gamma.expected_spend(n, m, theta)
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
        amounts: Floats = simulate_amounts(history.n, history.m, keys, first, world, theta, drift)
        return amounts

    def relative_variance(self, theta: Floats) -> Floats:
        p, q, _ = theta.T
        variance: Floats = (1.0 + 1.0 / p) * (q - 1.0) / np.maximum(q - 2.0, 0.5) - 1.0
        return variance

    def mean_variance(self, n: Integers, theta: Floats) -> Floats:
        variance: Floats = 1.0 / np.maximum(theta[0, 0] * n + theta[0, 1] - 2.0, 0.5)
        return variance

    def log_mean_moments(self, n: Integers, theta: Floats) -> tuple[Floats, Floats]:
        shape = theta[0, 0] * n
        return psi(shape) - np.log(shape), polygamma(1, shape)
