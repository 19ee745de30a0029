"""What every inference method sees: a log density of a few unconstrained parameters, and no more."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.families.priors import log_prior, log_prior_gradient, prior_table
from lifecast.families.regression import effect_gradient, shifted
from lifecast.grouping import PurchaseRows, SpendRows

Rows = PurchaseRows | SpendRows


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


def log_likelihood(family: Any, kinds: Sequence[tuple[Rows, Floats]], start: Floats) -> LogDensity:
    """Likelihood of the rows of each kind of customer, given its columns of covariates.

    A point holds the family's coordinates, for columns of zero, then the effects; rows are in units of their
    own scale.
    """
    size = len(family.weak_priors)

    def value_and_gradient(point: Floats) -> tuple[float, Floats]:
        total, by_point = 0.0, np.zeros(point.size)
        for rows, columns in kinds:
            coordinates = shifted(family, point[:size], point[size:], columns)
            value, by_theta = family.log_likelihood(rows, family.constrain(coordinates))
            by_coordinate = by_theta @ family.jacobian(coordinates)
            total += value
            by_point[:size] += by_coordinate
            by_point[size:] += effect_gradient(family, by_coordinate, columns)
        return total, by_point

    def values(points: Floats) -> Floats:
        totals = np.zeros(points.shape[0])
        for rows, columns in kinds:
            coordinates = shifted(family, points[:, :size], points[:, size:], columns)
            totals += family.log_likelihood_draws(rows, family.constrain(coordinates))
        return totals

    return LogDensity(value_and_gradient, values, np.asarray(start, np.float64))


def with_prior(likelihood: LogDensity, table: Floats) -> LogDensity:
    """The likelihood times independent normals, given their mean and precision (coordinate, 2)."""

    def value_and_gradient(point: Floats) -> tuple[float, Floats]:
        value, gradient = likelihood.value_and_gradient(point)
        return value + float(log_prior(point, table)), gradient + log_prior_gradient(point, table)

    def values(points: Floats) -> Floats:
        return likelihood.values(points) + log_prior(points, table)

    return LogDensity(value_and_gradient, values, likelihood.start)


def log_posterior(family: Any, rows: Rows, start: Floats) -> LogDensity:
    """The likelihood of customers of one kind, in units of their own scale, times the prior."""
    likelihood = log_likelihood(family, [(rows, np.empty(0))], start)
    return with_prior(likelihood, prior_table(family.priors, family.weak_priors))
