"""A Gaussian process on the log errors of a log's own past forecasts, and of the forecast that comes next.

An error is the log ratio of what came to what was forecast, for one block of time after one origin. It is
the log of the market's pace in that block, less what the forecast took for usual: the mean of the pace over
the time before its origin, lately more than long ago. So an origin's errors have a common part, and it is
known how origins share it. The pace is a sum of shocks that fade, shocks of one block, a season, and the
effects of what a calendar knows. Beside the pace there is misfit, a level and a growth with extrapolation,
log(1 + lead / age), alike for origins of like age. Each part has a size learned from the past. What sampling
explains is known, and left to the simulation of customers. Conditioning the next forecast's errors on the
past ones gives bias, spread and the present state of the shocks in one step [Rasmussen & Williams 2006,
ch. 2].
"""

from dataclasses import dataclass, fields

import numpy as np
from scipy import linalg, special

from lifecast.arrays import Floats, Integers
from lifecast.calendar import Calendar
from lifecast.timeunit import DAYS_PER_YEAR

SEASON_SHARPNESS = 0.5
MISFIT_MEMORY = 0.5
ROUND, ROUNDS, ENOUGH_DRAWS = 200, 4, 50
MANY = 4_000
LEAST_NOISE = 0.01
# Sampling's own covariance is an estimate. Forecasts from neighbouring origins err nearly alike, so that a
# little too much trust in how far their errors may differ would make a market of any difference.
NOISE_DOUBT = 0.04

# Log-normal priors: median, and sd of the log. Sizes from next to nothing to some tens of percent; shocks of
# weeks to a year; a forecast's idea of what is usual reaches back about half of the log's age. Chosen on
# simulated shops, by the interval score (benchmarks/simulated_markets.py).
PRIORS = {
    "level": (0.04, 1.8),
    "extrapolation": (0.08, 1.8),
    "shock": (0.09, 1.8),
    "shock_days": (120.0, 1.2),
    "block_shock": (0.06, 1.8),
    "season": (0.08, 1.8),
    "memory": (0.5, 0.6),
}
EFFECT_SD = 0.5  # normal prior of the log of what a calendar's largest value multiplies the pace by
# A market whose pace is off by e^0.3 is a wild one already. With a log-normal's own upper tail, a log without
# a past would forecast anything at all.
HEIGHTS = [list(PRIORS).index(name) for name in ("level", "extrapolation", "shock", "block_shock", "season")]
WILD = 0.3
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
    """Draws of the sizes of the process's parts, each (draw,); of a calendar's effects, (draw, column)."""

    level: Floats
    extrapolation: Floats
    shock: Floats
    shock_days: Floats
    block_shock: Floats
    season: Floats
    memory: Floats
    effects: Floats

    def __len__(self) -> int:
        return self.level.size

    def __getitem__(self, chosen: np.ndarray) -> "Sizes":
        return Sizes(*(getattr(self, field.name)[chosen] for field in fields(self)))

    @classmethod
    def at(cls, points: Floats) -> "Sizes":
        """The sizes whose logs are given, and effects after them: points (draw, size + column)."""
        named = dict(zip(PRIORS, np.exp(points[:, : CENTRE.size]).T, strict=True))
        return cls(**named, effects=points[:, CENTRE.size :])


@dataclass(frozen=True)
class Layout:
    """Where errors lie in calendar time, in days from the log's beginning.

    Attributes
    ----------
    middle : (block,)
        Middles of blocks: those of the log, and of those to come.
    origins : (origin,)
        Distinct ages of the origins.
    block, origin : (error,)
        Which of them an error is of.
    lead : (error,)
    """

    middle: Floats
    origins: Floats
    block: Integers
    origin: Integers
    lead: Floats

    @classmethod
    def of(cls, past: Floats, age: Floats, lead: Floats) -> "Layout":
        """Lay out errors, given the middles of the log's own blocks."""
        origins, origin = np.unique(age, return_inverse=True)
        at = age + lead
        middle = np.concatenate([past, np.unique(np.round(at[at > past[-1] + 0.25], 6))])
        block = np.argmin(np.abs(at[:, None] - middle), axis=1)
        return cls(middle, origins, block, origin, lead)

    def windows(self, sizes: Sizes) -> Floats:
        """Weights that the blocks have in what each origin took for usual, shape (draw, origin, block)."""
        back = self.origins[:, None] - self.middle
        seen = back > 0.0
        seen[np.arange(seen.shape[0]), np.argmin(self.middle)] |= ~seen.any(axis=1)
        reach = sizes.memory[:, None, None] * self.origins[:, None]
        weight = seen * np.exp(-np.maximum(back, 0.0) / reach)
        normalised: Floats = weight / weight.sum(axis=2, keepdims=True)
        return normalised


def log_prior(points: Floats) -> Floats:
    """Log density of the logs of the sizes and of the effects, shape (draw,), up to a constant."""
    density: Floats = log_normal(points) + tameness(points)
    return density


def log_normal(points: Floats) -> Floats:
    """That part of the prior that draws come from."""
    sizes = (points[:, : CENTRE.size] - CENTRE) / SPREAD
    effects = points[:, CENTRE.size :] / EFFECT_SD
    density: Floats = -0.5 * (np.sum(sizes**2, axis=1) + np.sum(effects**2, axis=1))
    return density


def tameness(points: Floats) -> Floats:
    """That part of the prior that weighs them: half-normal in the heights of the process's parts."""
    density: Floats = -0.5 * np.sum(np.exp(2.0 * points[:, HEIGHTS]), axis=1) / WILD**2
    return density


def covariance(sizes: Sizes, layout: Layout) -> Floats:
    """Covariance of the errors, sampling apart, shape (draw, error, error)."""

    def each(values: Floats) -> Floats:
        return values[:, None, None]

    apart = np.abs(layout.middle[:, None] - layout.middle)
    turn = np.sin(np.pi * apart / DAYS_PER_YEAR) / SEASON_SHARPNESS
    pace = each(sizes.shock) ** 2 * np.exp(-apart / each(sizes.shock_days))
    pace += each(sizes.block_shock) ** 2 * np.eye(layout.middle.size)
    pace += each(sizes.season) ** 2 * np.exp(-2.0 * turn**2)
    of_block = np.eye(layout.middle.size)[layout.block]
    unusual = of_block - layout.windows(sizes)[:, layout.origin]
    total: Floats = unusual @ pace @ np.swapaxes(unusual, 1, 2)
    age = layout.origins[layout.origin]
    growth = np.log1p(layout.lead / age)
    log_age = np.log(age)
    alike = np.exp(-np.abs(log_age[:, None] - log_age) / MISFIT_MEMORY)
    misfit = each(sizes.level) ** 2 + each(sizes.extrapolation) ** 2 * growth[:, None] * growth
    total += misfit * alike
    return total


@dataclass(frozen=True)
class ErrorProcess:
    """What past errors say of the errors to come.

    Attributes
    ----------
    errors : Errors
    sizes : Sizes
        Equally weighted draws given the errors.
    edges : (block + 1,)
        Edges of the log's own blocks, in days from its beginning; the last one is the observation end.
    calendar : Calendar or None
        Of the log's days, its first one beginning with the first block.
    """

    errors: Errors
    sizes: Sizes
    edges: Floats
    calendar: Calendar | None

    @classmethod
    def learn(
        cls, errors: Errors, edges: Floats, calendar: Calendar | None, rng: np.random.Generator
    ) -> "ErrorProcess":
        """Draw the sizes and effects given the errors by adaptive importance sampling [Cornuet et al. 2012].

        Each round draws from a normal fitted to the weighted draws of the rounds before, the first from the
        prior; all draws are weighted by the mixture that made them.
        """
        effects = 0 if calendar is None else len(calendar.names)
        mean = np.append(CENTRE, np.zeros(effects))
        sd = np.append(SPREAD, np.full(effects, EFFECT_SD))
        points = mean + sd * rng.standard_normal((MANY, mean.size))
        if len(errors) == 0:
            weight = np.exp(tameness(points))
            alone = points[rng.choice(MANY, ROUND, p=weight / weight.sum())]
            return cls(errors, Sizes.at(alone), edges, calendar)
        points = points[:ROUND]

        def log_target(points: Floats) -> Floats:
            process = cls(errors, Sizes.at(points), edges, calendar)
            return log_prior(points) + process.log_likelihood()

        proposals: list[tuple[Floats, Floats]] = []
        target = log_target(points)
        log_weight = target - log_normal(points)
        for _ in range(ROUNDS):
            share = tempered(log_weight)
            centre = share @ points
            spread = (points - centre).T @ (share[:, None] * (points - centre)) + 0.01 * np.eye(centre.size)
            proposals.append((centre, spread))
            fresh = rng.multivariate_normal(centre, spread, ROUND)
            points = np.concatenate([points, fresh])
            target = np.concatenate([target, log_target(fresh)])
            log_weight = target - log_mixture(points, proposals)
        weight = np.exp(log_weight - np.max(log_weight))
        chosen = rng.choice(weight.size, ROUND, p=weight / weight.sum())
        return cls(errors, Sizes.at(points[chosen]), edges, calendar)

    def log_likelihood(self) -> Floats:
        """Log density of the past errors under each draw of the sizes and effects, shape (draw,)."""
        past = self.errors
        layout = Layout.of(self._middles(), past.age, past.lead)
        noise = past.noise + np.diag(LEAST_NOISE**2 + NOISE_DOUBT * np.diagonal(past.noise))
        unexplained = past.log_ratio - self._known(layout)
        result = np.empty(len(self.sizes))
        for i, matrix in enumerate(covariance(self.sizes, layout) + noise):
            root = linalg.cholesky(matrix, lower=True, check_finite=False)
            standard = linalg.solve_triangular(root, unexplained[i], lower=True, check_finite=False)
            result[i] = -0.5 * standard @ standard - np.sum(np.log(np.diagonal(root)))
        return result

    def draw(self, lead: Floats, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Log errors of the next forecast at the given leads, in days, and a calendar's effects.

        Half of their variance is taken off, so that the mean of the exponentials is that of the centre:
        ignorance widens a forecast and does not raise it.

        Returns
        -------
        log_errors : (count, lead)
            Without what the calendar does at those leads, but relative to what it did before.
        effects : (count, column)
        """
        chosen = rng.integers(0, len(self.sizes), count)
        used, back = np.unique(chosen, return_inverse=True)
        process = ErrorProcess(self.errors, self.sizes[used], self.edges, self.calendar)
        past, seen = self.errors, len(self.errors)
        now = np.full(lead.size, self.edges[-1])
        layout = Layout.of(self._middles(), np.append(past.age, now), np.append(past.lead, lead))
        joint = covariance(process.sizes, layout)
        known = process._known(layout, ahead=lead.size)
        noise = past.noise + np.diag(LEAST_NOISE**2 + NOISE_DOUBT * np.diagonal(past.noise))
        cross, spread = joint[:, :seen, seen:], joint[:, seen:, seen:]
        centre = known[:, seen:]
        if seen:
            unexplained = (past.log_ratio - known[:, :seen])[:, :, None]
            solved = np.linalg.solve(
                joint[:, :seen, :seen] + noise, np.concatenate([unexplained, cross], axis=2)
            )
            transposed = np.swapaxes(cross, 1, 2)
            centre = centre + (transposed @ solved[:, :, :1])[:, :, 0]
            spread = spread - transposed @ solved[:, :, 1:]
        variance = np.diagonal(spread, axis1=1, axis2=2)
        root = np.linalg.cholesky(spread + 1e-8 * np.eye(lead.size))
        normal = rng.standard_normal((lead.size, count)).T  # a longer forecast begins like a shorter one
        drawn: Floats = np.einsum("sij,sj->si", root[back], normal)
        return (centre - 0.5 * variance)[back] + drawn, process.sizes.effects[back]

    def _middles(self) -> Floats:
        middles: Floats = (self.edges[1:] + self.edges[:-1]) / 2
        return middles

    def _known(self, layout: Layout, ahead: int = 0) -> Floats:
        """What the calendar says of errors; of the last ones, `ahead`, only what it was like before them."""
        if self.calendar is None:
            return np.zeros((len(self.sizes), layout.block.size))
        pace = self.calendar.pace(self.sizes.effects, self.edges)
        blocks = pace.shape[1]
        usual = np.log((layout.windows(self.sizes)[:, :, :blocks] @ pace[:, :, None])[:, :, 0])
        result: Floats = -usual[:, layout.origin]
        past = layout.block.size - ahead
        result[:, :past] += np.log(pace)[:, layout.block[:past]]
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
    """Log density of an equal mixture of the log-normal and normals (mean, covariance), up to a constant."""
    effects = points.shape[1] - CENTRE.size
    densities = [log_normal(points) - np.sum(np.log(SPREAD)) - effects * np.log(EFFECT_SD)]
    for centre, spread in proposals:
        root = linalg.cholesky(spread, lower=True)
        standard = linalg.solve_triangular(root, (points - centre).T, lower=True)
        densities.append(-0.5 * np.sum(standard**2, axis=0) - np.sum(np.log(np.diagonal(root))))
    mixture: Floats = special.logsumexp(np.array(densities), axis=0)
    return mixture
