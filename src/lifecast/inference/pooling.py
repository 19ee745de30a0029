"""Partial pooling: groups with coordinates of their own, drawn from normals that all groups share.

Given what they share, groups are independent. So each group gets a bank of points drawn around its own
posterior, whose likelihood is worked out once; the groups' coordinates are then integrated out over their
banks, and what is left to infer, the typical group and the spread between groups, has a smooth density of a
few dimensions, for which any method serves. The groups follow from it: each draw of what is shared chooses
one point of every bank.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from lifecast.arrays import Floats
from lifecast.families.density import LogDensity, with_prior
from lifecast.families.priors import log_prior, log_prior_gradient
from lifecast.inference.laplace import DEGREES_OF_FREEDOM, bounded_covariance, pareto_smoothed
from lifecast.inference.mode import find_mode
from lifecast.kernels.pooling import choose_from_banks, log_marginal_draws, log_marginal_gradient

FIRST_BANK, BANK = 400, 1_000
FIRST_SPREAD = 0.5  # between groups, before anything is known of it
WIDER = 1.2


@dataclass(frozen=True)
class Banks:
    """Points of every group with their log weights, and what was shared when they were drawn.

    Attributes
    ----------
    points : (group, point, d)
    log_weights : (group, point)
        Log likelihood less log density of the proposal.
    """

    points: Floats
    log_weights: Floats

    def density(self, table: Floats, start: Floats) -> LogDensity:
        """Log posterior of (typical, log spread), given its prior's mean and precision (2 d, 2)."""
        d = self.points.shape[2]

        def value_and_gradient(point: Floats) -> tuple[float, Floats]:
            value, gradient = log_marginal_gradient(self.points, self.log_weights, point[:d], point[d:])
            return value + float(log_prior(point, table)), gradient + log_prior_gradient(point, table)

        def values(points: Floats) -> Floats:
            marginal: Floats = log_marginal_draws(self.points, self.log_weights, points)
            return marginal + log_prior(points, table)

        return LogDensity(value_and_gradient, values, start)

    def draw(self, shared: Floats, rng: np.random.Generator) -> Floats:
        """Coordinates of every group for each draw (draw, 2 d) of what is shared: (draw, group, d)."""
        chosen: Floats = choose_from_banks(
            self.points, self.log_weights, shared, rng.uniform(size=(shared.shape[0], self.points.shape[0]))
        )
        return chosen

    def k_hats(self, shared: Floats) -> Floats:
        """Tail shape of every group's weights at one value (2 d,) of what is shared, shape (group,)."""
        d = self.points.shape[2]
        precision = np.exp(-2.0 * shared[d:])
        logs = self.log_weights - 0.5 * np.sum((self.points - shared[:d]) ** 2 * precision, axis=2)
        return np.array([pareto_smoothed(each)[1] for each in logs])


def first_banks(
    groups: Sequence[LogDensity], typical: Floats, rng: np.random.Generator, spread: float = FIRST_SPREAD
) -> Banks:
    """Banks around each group's mode, pulled towards what is typical as if the spread were known."""
    table = np.column_stack([typical, np.full(typical.size, spread**-2)])
    banks = []
    for group in groups:
        density = with_prior(LogDensity(group.value_and_gradient, group.values, typical), table)
        mode = find_mode(density)
        covariance = bounded_covariance(mode.precision)
        apart = np.full(typical.size, spread)
        banks.append(bank(group, mode.location, covariance, typical, apart, FIRST_BANK, rng))
    return Banks(np.stack([points for points, _ in banks]), np.stack([weights for _, weights in banks]))


def better_banks(
    groups: Sequence[LogDensity],
    drawn: Floats,
    shared: Floats,
    rng: np.random.Generator,
    size: int = BANK,
    wider: float = WIDER,
) -> Banks:
    """Banks around earlier draws (draw, group, d) of the groups and (draw, 2 d) of what they share.

    Of so many points, this much wider than those draws.
    """
    d = drawn.shape[2]
    typical, spread = shared[:, :d].mean(axis=0), np.exp(shared[:, d:]).mean(axis=0)
    banks = []
    for place, group in enumerate(groups):
        center = drawn[:, place].mean(axis=0)
        away = drawn[:, place] - center
        covariance = away.T @ away / len(away) + 1e-10 * np.eye(d)
        banks.append(bank(group, center, covariance, typical, spread, size, rng, wider))
    return Banks(np.stack([points for points, _ in banks]), np.stack([weights for _, weights in banks]))


def bank(
    group: LogDensity,
    center: Floats,
    covariance: Floats,
    typical: Floats,
    spread: Floats,
    size: int,
    rng: np.random.Generator,
    wider: float = WIDER,
) -> tuple[Floats, Floats]:
    """Points and their log weights: ts around the group's posterior, and around what is typical, mixed.

    Those around what is typical are for draws of the shared with other spreads than the usual.
    """
    parts = [
        (0.6, center, wider**2 * covariance),
        (0.2, typical, np.diag((WIDER * spread) ** 2)),
        (0.2, typical, np.diag((0.5 * spread) ** 2)),
    ]
    points = np.concatenate([student(at, scale, round(share * size), rng) for share, at, scale in parts])
    log_proposal = special.logsumexp(
        [np.log(share) + log_student(points, at, scale) for share, at, scale in parts], axis=0
    )
    return points, group.values(points) - log_proposal


def student(center: Floats, scale: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Draws of a multivariate t, shape (count, d)."""
    normals = rng.standard_normal((count, center.size)) @ np.linalg.cholesky(scale).T
    mixing = rng.chisquare(DEGREES_OF_FREEDOM, count) / DEGREES_OF_FREEDOM
    points: Floats = center + normals / np.sqrt(mixing)[:, None]
    return points


def log_student(points: Floats, center: Floats, scale: Floats) -> Floats:
    """Its log density at points (n, d), up to a constant of the dimension alone."""
    root = np.linalg.cholesky(scale)
    standard = np.linalg.solve(root, (points - center).T)
    logs: Floats = -0.5 * (DEGREES_OF_FREEDOM + center.size) * np.log1p(
        np.sum(standard**2, axis=0) / DEGREES_OF_FREEDOM
    ) - np.sum(np.log(np.diag(root)))
    return logs
