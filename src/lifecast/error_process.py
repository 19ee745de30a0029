"""A Gaussian process on the log errors of a log's own past forecasts, and of the forecast that comes next.

An error is the log ratio of what came to what was forecast, for one block of time after one origin. Its
parts, each with a size learned from the past: a level of the origin and a growth with extrapolation log(1 +
lead / age), both alike for origins of like age; shocks of calendar time that fade; shocks of one block;
and, in a log that has seen more than a year, a season. What sampling alone explains is known and is left to
the simulation of customers. Conditioning the next forecast's errors on the past ones gives bias, spread and
the present state of the shocks in one step [Rasmussen & Williams 2006, ch. 2]. What comes is drawn with a
Student-t's tails, for the market does now and then what it has not done before.
"""

from dataclasses import dataclass, fields

import numpy as np
from scipy import linalg, special

from lifecast.arrays import Floats
from lifecast.timeunit import DAYS_PER_YEAR

SEASON_SHOWS_AFTER = 1.5 * DAYS_PER_YEAR
SEASON_SHARPNESS = 0.5
ROUND, ROUNDS, ENOUGH_DRAWS = 200, 4, 50
LEAST_NOISE = 0.01
DEGREES_OF_FREEDOM = 6.0

# Log-normal priors: median, and sd of the log. Sizes of a percent to some tens of percent, shocks of weeks to
# months: a log without shocks pays little for them, a short one is not taken for a steady one.
PRIORS = {
    "level": (0.09, 1.2),
    "extrapolation": (0.18, 1.2),
    "shock": (0.09, 1.2),
    "shock_days": (70.0, 0.8),
    "block_shock": (0.06, 1.2),
    "season": (0.15, 1.2),
    "memory": (0.5, 0.6),
}
CENTRE = np.log([median for median, _ in PRIORS.values()])
SPREAD = np.array([sd for _, sd in PRIORS.values()])


@dataclass(frozen=True)
class Errors:
    """Log errors of past forecasts, one per origin and block.

    Attributes
    ----------
    age : (error,)
        Days from the log's beginning to the origin.
    lead : (error,)
        Days from the origin to the block's middle.
    log_ratio : (error,)
        Log of what came over what was forecast.
    noise : (error, error)
        Covariance that sampling alone would give them.
    """

    age: Floats
    lead: Floats
    log_ratio: Floats
    noise: Floats

    def __len__(self) -> int:
        return self.age.size

    @classmethod
    def none(cls) -> "Errors":
        """No past to learn from."""
        return cls(np.empty(0), np.empty(0), np.empty(0), np.empty((0, 0)))


@dataclass(frozen=True)
class Sizes:
    """Draws of the sizes of the process's parts, each (draw,)."""

    level: Floats
    extrapolation: Floats
    shock: Floats
    shock_days: Floats
    block_shock: Floats
    season: Floats
    memory: Floats

    def __len__(self) -> int:
        return self.level.size

    def __getitem__(self, chosen: np.ndarray) -> "Sizes":
        return Sizes(*(getattr(self, field.name)[chosen] for field in fields(self)))


def log_prior(points: Floats) -> Floats:
    """Log density of the logs of the sizes (count, size), shape (count,), up to a constant."""
    density: Floats = -0.5 * np.sum(((points - CENTRE) / SPREAD) ** 2, axis=1)
    return density


def sizes_at(points: Floats, span_days: float) -> Sizes:
    """The sizes whose logs are given; without a season where the log is too short to show one."""
    named = dict(zip(PRIORS, np.exp(points).T, strict=True))
    if span_days < SEASON_SHOWS_AFTER:
        named["season"] = np.zeros(points.shape[0])
    return Sizes(**named)


def covariance(sizes: Sizes, age: Floats, lead: Floats, other_age: Floats, other_lead: Floats) -> Floats:
    """Covariance of errors at (age, lead) with others, shape (draw, error, other)."""
    at, other_at = age + lead, other_age + other_lead
    apart = np.abs(at[:, None] - other_at)
    between_origins = np.abs(np.log(age)[:, None] - np.log(other_age))
    growth = np.log1p(lead / age)[:, None] * np.log1p(other_lead / other_age)

    def each(values: Floats) -> Floats:
        return values[:, None, None]

    total: Floats = (each(sizes.level) ** 2 + each(sizes.extrapolation) ** 2 * growth) * np.exp(
        -between_origins / each(sizes.memory)
    )
    total = total + each(sizes.shock) ** 2 * np.exp(-apart / each(sizes.shock_days))
    total = total + each(sizes.block_shock) ** 2 * same_block(at, other_at)
    if np.any(sizes.season > 0.0):
        turn = np.sin(np.pi * apart / DAYS_PER_YEAR) / SEASON_SHARPNESS
        total = total + each(sizes.season) ** 2 * np.exp(-2.0 * turn**2)
    return total


def same_block(at: Floats, other_at: Floats) -> Floats:
    """One where two errors are of the same block of calendar time, else zero."""
    return (np.abs(at[:, None] - other_at) < 0.25).astype(np.float64)


@dataclass(frozen=True)
class ErrorProcess:
    """What past errors say of the errors to come.

    Attributes
    ----------
    errors : Errors
    sizes : Sizes
        Equally weighted draws given the errors.
    """

    errors: Errors
    sizes: Sizes

    @classmethod
    def learn(cls, errors: Errors, span_days: float, rng: np.random.Generator) -> "ErrorProcess":
        """Draw the sizes given the errors by adaptive importance sampling [Cornuet et al. 2012].

        Each round draws from a normal fitted to the weighted draws of the rounds before, the first from the
        prior; all draws are weighted by the mixture that made them.
        """
        points = CENTRE + SPREAD * rng.standard_normal((ROUND, CENTRE.size))
        if len(errors) == 0:
            return cls(errors, sizes_at(points, span_days))
        proposals: list[tuple[Floats, Floats]] = []
        target = log_prior(points) + log_likelihood(errors, sizes_at(points, span_days))
        log_weight = target - log_prior(points)
        for _ in range(ROUNDS):
            share = tempered(log_weight)
            centre = share @ points
            spread = (points - centre).T @ (share[:, None] * (points - centre)) + 0.01 * np.eye(centre.size)
            proposals.append((centre, spread))
            fresh = rng.multivariate_normal(centre, spread, ROUND)
            points = np.concatenate([points, fresh])
            target = np.concatenate(
                [target, log_prior(fresh) + log_likelihood(errors, sizes_at(fresh, span_days))]
            )
            log_weight = target - log_mixture(points, proposals)
        weight = np.exp(log_weight - np.max(log_weight))
        chosen = rng.choice(weight.size, ROUND, p=weight / weight.sum())
        return cls(errors, sizes_at(points[chosen], span_days))

    def draw(self, age: float, lead: Floats, count: int, rng: np.random.Generator) -> Floats:
        """Log errors of the next forecast at the given leads, in days, shape (count, lead).

        Half of their variance is taken off, so that the mean of the exponentials is that of the centre:
        ignorance widens a forecast and does not raise it.
        """
        chosen = rng.integers(0, len(self.sizes), count)
        used, back = np.unique(chosen, return_inverse=True)
        sizes = self.sizes[used]
        ages = np.full(lead.size, age)
        spread = covariance(sizes, ages, lead, ages, lead)
        centre = np.zeros((used.size, lead.size))
        if len(self.errors):
            past = self.errors
            cross = covariance(sizes, past.age, past.lead, ages, lead)
            wanted = np.concatenate(
                [np.broadcast_to(past.log_ratio[:, None], (used.size, len(past), 1)), cross], axis=2
            )
            solved = np.linalg.solve(explained(past, sizes), wanted)
            transposed = np.swapaxes(cross, 1, 2)
            centre = (transposed @ solved[:, :, :1])[:, :, 0]
            spread = spread - transposed @ solved[:, :, 1:]
        variance = np.diagonal(spread, axis1=1, axis2=2)
        root = np.linalg.cholesky(spread + 1e-8 * np.eye(lead.size))
        tails = np.sqrt(DEGREES_OF_FREEDOM / rng.chisquare(DEGREES_OF_FREEDOM, count))
        normal = rng.standard_normal((lead.size, count)).T  # a longer forecast begins like a shorter one
        drawn: Floats = np.einsum("sij,sj->si", root[back], normal) * tails[:, None]
        return (centre - 0.5 * variance)[back] + drawn


def explained(errors: Errors, sizes: Sizes) -> Floats:
    """Covariance of the past errors, sampling included, shape (draw, error, error)."""
    between = covariance(sizes, errors.age, errors.lead, errors.age, errors.lead)
    return between + errors.noise + LEAST_NOISE**2 * np.eye(len(errors))


def log_likelihood(errors: Errors, sizes: Sizes) -> Floats:
    """Log density of the past errors under each draw of the sizes, shape (draw,)."""
    result = np.empty(len(sizes))
    for i, matrix in enumerate(explained(errors, sizes)):
        root = linalg.cholesky(matrix, lower=True, check_finite=False)
        standard = linalg.solve_triangular(root, errors.log_ratio, lower=True, check_finite=False)
        result[i] = -0.5 * standard @ standard - np.sum(np.log(np.diagonal(root)))
    return result


def tempered(log_weight: Floats) -> Floats:
    """Normalised weights, flattened until they are worth enough draws to fit a normal to."""
    for power in np.geomspace(1.0, 0.01, 12):
        share = np.exp(power * (log_weight - np.max(log_weight)))
        share /= share.sum()
        if 1.0 / np.sum(share**2) >= ENOUGH_DRAWS:
            break
    normalised: Floats = share
    return normalised


def log_mixture(points: Floats, proposals: list[tuple[Floats, Floats]]) -> Floats:
    """Log density of the equal mixture of the prior and of normals (mean, covariance), up to a constant."""
    densities = [log_prior(points) - np.sum(np.log(SPREAD))]
    for centre, spread in proposals:
        root = linalg.cholesky(spread, lower=True)
        standard = linalg.solve_triangular(root, (points - centre).T, lower=True)
        densities.append(-0.5 * np.sum(standard**2, axis=0) - np.sum(np.log(np.diagonal(root))))
    mixture: Floats = special.logsumexp(np.array(densities), axis=0)
    return mixture
