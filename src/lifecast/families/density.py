"""What every inference method sees: a log density of a few unconstrained parameters, and no more."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.families.priors import log_prior, log_prior_gradient, prior_table
from lifecast.grouping import PurchaseRows, SpendRows


@dataclass(frozen=True)
class LogDensity:
    """An unnormalised log density on an unconstrained scale.

    Attributes
    ----------
    value_and_gradient
        Point (d,) to the log density there and its gradient (d,).
    values
        Points (n, d) to their log densities (n,).
    start : (d,)
        Where to begin the search for the mode.
    """

    value_and_gradient: Callable[[Floats], tuple[float, Floats]]
    values: Callable[[Floats], Floats]
    start: Floats


def log_posterior(family: Any, rows: PurchaseRows | SpendRows, start: Floats) -> LogDensity:
    """What inference works on: the likelihood of the rows, in units of their own scale, times the prior."""
    table = prior_table(family.priors, family.weak_priors)

    def value_and_gradient(point: Floats) -> tuple[float, Floats]:
        value, gradient = family.log_likelihood(rows, family.constrain(point))
        return (
            value + float(log_prior(point, table)),
            gradient @ family.jacobian(point) + log_prior_gradient(point, table),
        )

    def values(points: Floats) -> Floats:
        likelihoods: Floats = family.log_likelihood_draws(rows, family.constrain(points))
        return likelihoods + log_prior(points, table)

    return LogDensity(value_and_gradient, values, np.asarray(start, np.float64))
