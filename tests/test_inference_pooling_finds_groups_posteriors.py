"""Are the draws of a group its posterior's, where that is far from normal?"""

import numpy as np
import pytest

from lifecast import pooling
from lifecast.arrays import Floats
from lifecast.families.density import LogDensity
from lifecast.inference.pooling import Banks

PAIRS = 3  # of coordinates, each pair bent by itself


def bent(bend: float, narrow: float, width: float, at: float = 0.0) -> LogDensity:
    """A group's likelihood: in each pair the second coordinate is a parabola of the first."""

    def values(points: Floats) -> Floats:
        u, v = points[:, 0::2] - at, points[:, 1::2]
        found: Floats = (-0.5 * (u / width) ** 2 - 0.5 * ((v - bend * u**2) / narrow) ** 2).sum(axis=1)
        return found

    def value_and_gradient(point: Floats) -> tuple[float, Floats]:
        u, v = point[0::2] - at, point[1::2]
        off = (v - bend * u**2) / narrow**2
        gradient = np.stack([-u / width**2 + 2 * bend * u * off, -off], axis=1).ravel()
        return float(values(point[None])[0]), gradient

    return LogDensity(value_and_gradient, values, np.zeros(2 * PAIRS))


def pool(group: LogDensity, others: float, seed: int) -> pooling.Pooled:
    """Four groups: three normal ones of this standard deviation, and this one as the third."""
    groups = [bent(0.0, others, others, at) for at in (0.0, 0.3, -0.3)]
    groups.insert(2, group)
    prior = np.tile([0.0, 1.0], (2 * PAIRS, 1))
    rng = np.random.default_rng(seed)
    return pooling.pool("x", "abcd", groups, np.zeros(2 * PAIRS), prior, "laplace", 1000, rng)


def by_grid(found: pooling.Pooled, bend: float) -> tuple[Floats, Floats]:
    """Mean and sd of the bent group's coordinates: pairs are independent given what groups share."""
    u, v = np.meshgrid(np.linspace(-2.5, 2.5, 201), np.linspace(-2.0, 4.0, 301), indexing="ij")
    likelihood = -0.5 * u**2 - 0.5 * ((v - bend * u**2) / 0.2) ** 2
    moments = np.zeros((2, 2 * PAIRS))
    every = range(0, 1000, 25)
    for draw in every:
        center, sd = found.typical[draw], found.spread[draw]
        for pair in range(0, 2 * PAIRS, 2):
            log = likelihood - 0.5 * ((u - center[pair]) / sd[pair]) ** 2
            log = log - 0.5 * ((v - center[pair + 1]) / sd[pair + 1]) ** 2
            weight = np.exp(log - log.max())
            weight /= weight.sum()
            for place, values in ((pair, u), (pair + 1, v)):
                moments[:, place] += [np.sum(weight * values), np.sum(weight * values**2)]
    mean, square = moments / len(every)
    return mean, np.sqrt(square - mean**2)


def test_are_banks_that_miss_a_groups_posterior_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bend = 1.0
    found = pool(bent(bend, 0.2, 1.0), 0.5, 1)
    assert found.checks[-1].passed
    mean, sd = by_grid(found, bend)
    np.testing.assert_allclose(found.groups[:, 2].mean(axis=0) - mean, 0.0, atol=0.3 * sd.max())
    np.testing.assert_allclose(found.groups[:, 2].std(axis=0) / sd, 1.0, atol=0.15)
    monkeypatch.setattr(pooling, "MOST_ROUNDS", 2)
    missed = pool(bent(bend, 0.2, 1.0), 0.5, 1)
    assert not missed.checks[-1].passed and "is far from its approximation" in missed.checks[-1].remedy
    assert np.min(missed.groups[:, 2].std(axis=0) / by_grid(missed, bend)[1]) < 0.88  # they were too narrow


def test_is_a_group_that_is_easy_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    first = pool(bent(0.0, 0.1, 0.1), 0.1, 1)
    assert first.checks[-1].passed
    monkeypatch.setattr(pooling, "MOST_ROUNDS", 2)
    np.testing.assert_array_equal(first.groups, pool(bent(0.0, 0.1, 0.1), 0.1, 1).groups)


def test_is_the_group_named_whose_posterior_is_farthest_from_its_approximation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pooling, "MOST_ROUNDS", 2)
    monkeypatch.setattr(Banks, "k_hats", lambda *_: np.array([0.1, 0.9, 1.2, 0.3]))
    check = pool(bent(0.0, 0.1, 0.1), 0.1, 1).checks[-1]
    assert check.figure == 1.2 and check.remedy.startswith("The posterior of 'c' is far")
