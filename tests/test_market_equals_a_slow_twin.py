"""Are the market's covariance, likelihood and conditional draws those of loops that say the same?"""

from math import exp, inf, log, pi, sin

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from lifecast.error_process import (
    ENOUGH_DRAWS,
    LEAST_NOISE,
    MISFIT_MEMORY,
    NOISE_DOUBT,
    SEASON_SHARPNESS,
    ErrorProcess,
    Errors,
    Layout,
    Sizes,
    covariance,
    tempered,
)
from lifecast.market import Pace

BLOCK, BLOCKS = 30.0, 14
EDGES = BLOCK * np.arange(BLOCKS + 1.0)
MIDDLES = EDGES[1:] - BLOCK / 2
SIZES = Sizes(
    level=np.array([0.1, 0.02]),
    extrapolation=np.array([0.2, 0.1]),
    shock=np.array([0.15, 0.3]),
    shock_days=np.array([60.0, 200.0]),
    block_shock=np.array([0.08, 0.01]),
    season=np.array([0.3, 0.1]),
    memory=np.array([0.5, 0.2]),
    effects=np.empty((2, 0)),
)
AGES = (150.0, 240.0, 390.0)
AHEAD = np.array([15.0, 45.0, 100.0])


def past(seed: int = 1) -> Errors:
    pairs = [(age, lead) for age in AGES for lead in np.arange(15.0, 420.0 - age, 30.0)]
    age, lead = np.array(pairs).T
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(len(pairs), len(pairs))) * 0.02
    return Errors(age, lead, 0.2 * rng.normal(size=len(pairs)), root @ root.T)


def pace(draw: int, one: float, other: float) -> float:
    """Covariance of the log pace at two days."""
    apart = abs(one - other)
    result = SIZES.shock[draw] ** 2 * exp(-apart / SIZES.shock_days[draw])
    result += SIZES.block_shock[draw] ** 2 * (apart < 0.25)
    turn = sin(pi * apart / 365.25) / SEASON_SHARPNESS
    return float(result + SIZES.season[draw] ** 2 * exp(-2 * turn**2))


def usual(draw: int, age: float) -> list[tuple[float, float]]:
    """Middles of the blocks before an origin and their weights in what it took for usual."""
    weights = [(m, exp(-(age - m) / (SIZES.memory[draw] * age))) for m in MIDDLES if m < age]
    total = sum(weight for _, weight in weights)
    return [(m, weight / total) for m, weight in weights]


def twin(draw: int, errors: list[tuple[float, float]]) -> np.ndarray:
    """Covariance of errors (age, lead): each is one block's pace less the usual one, and misfit."""
    parts = [[(age + lead, 1.0)] + [(m, -w) for m, w in usual(draw, age)] for age, lead in errors]
    result = np.empty((len(errors), len(errors)))
    for i, (age, lead) in enumerate(errors):
        for j, (other_age, other_lead) in enumerate(errors):
            result[i, j] = sum(v * w * pace(draw, s, t) for s, v in parts[i] for t, w in parts[j])
            growth = log(1 + lead / age) * log(1 + other_lead / other_age)
            alike = exp(-abs(log(age / other_age)) / MISFIT_MEMORY)
            result[i, j] += alike * (SIZES.level[draw] ** 2 + SIZES.extrapolation[draw] ** 2 * growth)
    return result


def test_is_the_covariance_that_of_pace_less_usual_pace() -> None:
    errors = past()
    fast = covariance(SIZES, Layout.of(MIDDLES, errors.age, errors.lead))
    pairs = list(zip(errors.age, errors.lead, strict=True))
    for draw in range(2):
        assert fast[draw] == pytest.approx(twin(draw, pairs), rel=1e-9)


def test_is_the_likelihood_a_normal_one() -> None:
    errors = past()
    found = ErrorProcess(errors, SIZES, EDGES, None).log_likelihood()
    noise = errors.noise + np.diag(LEAST_NOISE**2 + NOISE_DOUBT * np.diagonal(errors.noise))
    pairs = list(zip(errors.age, errors.lead, strict=True))
    slow = [multivariate_normal.logpdf(errors.log_ratio, cov=twin(draw, pairs) + noise) for draw in range(2)]
    assert found[0] - found[1] == pytest.approx(slow[0] - slow[1], abs=1e-6)


def test_do_draws_have_the_conditional_mean_and_spread() -> None:
    errors = past()
    one = ErrorProcess(errors, SIZES[np.array([0])], EDGES, None)
    drawn, effects = one.draw(AHEAD, 40_000, np.random.default_rng(2))
    assert effects.shape == (40_000, 0)
    pairs = list(zip(errors.age, errors.lead, strict=True)) + [(420.0, lead) for lead in AHEAD]
    joint, seen = twin(0, pairs), len(errors)
    noise = errors.noise + np.diag(LEAST_NOISE**2 + NOISE_DOUBT * np.diagonal(errors.noise))
    weights = joint[seen:, :seen] @ np.linalg.inv(joint[:seen, :seen] + noise)
    spread = joint[seen:, seen:] - weights @ joint[:seen, seen:]
    mean = weights @ errors.log_ratio - np.diagonal(spread) / 2
    assert drawn.mean(axis=0) == pytest.approx(mean, abs=5 * np.sqrt(spread.max() / 40_000))
    assert np.cov(drawn.T) == pytest.approx(spread, abs=0.05 * spread.max())


def test_are_weights_flattened_just_as_far_as_needed() -> None:
    even = np.zeros(100)
    np.testing.assert_allclose(tempered(even), 0.01)
    log_weight = -np.abs(np.arange(400.0) - 150.0)  # some two draws have nearly all
    powers = np.geomspace(1.0, 0.01, 12)
    shares = [np.exp(power * log_weight) / np.exp(power * log_weight).sum() for power in powers]
    worth = np.array([1.0 / np.sum(share**2) for share in shares])
    np.testing.assert_allclose(tempered(log_weight), shares[int(np.argmax(worth >= ENOUGH_DRAWS))])
    hopeless = tempered(np.array([0.0, -1e9, -1e9]))  # no power makes these worth fifty
    np.testing.assert_allclose(hopeless, [1.0, 0.0, 0.0])


@pytest.mark.parametrize("edges", [[0.0, 0.0], [0.0, 7.0], [0.0, 4.0, 8.0, 10.5], [0.0, 4.0, 4.25]], ids=str)
def test_is_operational_time_that_of_a_clock_steady_in_each_stretch(edges: list[float]) -> None:
    speed = np.random.default_rng(3).uniform(0.5, 2.0, (5, len(edges)))
    speed[0] = 0.0  # a shop that is closed
    clock = np.cumsum(speed * np.append(0.0, np.diff(edges)), axis=1)
    pace = Pace(np.array(edges), clock, np.ones((5, len(edges) - 1)), np.zeros(5), np.zeros(5))
    times = np.array([0.0, *edges, 3.3, 4.2, edges[-1] * (1 - 1e-16), 11.0, inf])
    found = pace.operational(times)
    assert found.flags.c_contiguous
    for world in range(5):
        exact = [np.interp(t, edges, clock[world]) if t < inf else inf for t in times]
        np.testing.assert_array_equal(found[world], exact)
