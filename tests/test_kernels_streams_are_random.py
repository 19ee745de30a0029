"""Are the customers' random streams uniform, independent of their neighbours, and gamma where they should be?

Seeds are fixed, so each test has one answer; a threshold of 1e-4 would fail one sound generator in 10,000.
"""

import numpy as np
import pyarrow as pa
import pytest
from numba import njit
from scipy import stats

from lifecast.arrays import Floats, Keys
from lifecast.book import customer_keys
from lifecast.kernels.stream import SPEND, first_bits, next_gamma, stream_start, to_uniform

DOUBTFUL = 1e-4
CUSTOMERS, WORLDS = 1000, 400

# Ids as people have them, and the worst keys for a weak hash: 0, 1, 2, ...
KEYS: dict[str, Keys] = {
    "ids 1, 2, 3": customer_keys(pa.array(range(1, CUSTOMERS + 1)), seed=7),
    "ids C0001, C0002": customer_keys(pa.array([f"C{i:04d}" for i in range(CUSTOMERS)]), seed=7),
    "keys 0, 1, 2": np.arange(CUSTOMERS, dtype=np.uint64),
}


@njit
def draw_uniforms(keys: Keys, worlds: int) -> Floats:
    """The first uniform of every customer and world, shape (key, world), for tests of the generator."""
    drawn = np.empty((keys.size, worlds))
    for i in range(keys.size):
        for s in range(worlds):
            drawn[i, s] = to_uniform(first_bits(keys[i], s))
    return drawn


@njit
def draw_gammas(keys: Keys, worlds: int, shape: float) -> Floats:
    """The first gamma variate of every spend stream, shape (key, world), for tests of the generator."""
    drawn = np.empty((keys.size, worlds))
    for i in range(keys.size):
        for s in range(worlds):
            drawn[i, s] = next_gamma(stream_start(keys[i], s, SPEND), shape)[1]
    return drawn


@pytest.fixture(scope="module", params=KEYS)
def uniforms(request: pytest.FixtureRequest) -> Floats:
    """Shape (customer, world)."""
    return draw_uniforms(KEYS[request.param], WORLDS)


def correlation_is_chance(one: Floats, other: Floats) -> bool:
    return abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) * np.sqrt(one.size) < stats.norm.isf(
        DOUBTFUL / 2
    )


def test_are_first_uniforms_uniform(uniforms: Floats) -> None:
    assert uniforms.min() > 0.0 and uniforms.max() < 1.0
    assert stats.kstest(uniforms.ravel(), "uniform").pvalue > DOUBTFUL


@pytest.mark.parametrize("axis", [0, 1], ids=["customers", "worlds"])
def test_is_every_customer_and_every_world_uniform(uniforms: Floats, axis: int) -> None:
    pvalues = stats.kstest(uniforms, "uniform", axis=axis).pvalue
    assert stats.kstest(pvalues, "uniform").pvalue > DOUBTFUL


def test_is_every_bit_a_fair_coin(uniforms: Floats) -> None:
    bits = (uniforms * 2.0**52).astype(np.uint64)
    for place in range(52):
        heads = int(np.sum(bits >> np.uint64(place) & np.uint64(1)))
        assert stats.binomtest(heads, bits.size).pvalue > DOUBTFUL / 52, place


@pytest.mark.parametrize("bits", [0, 2**64 - 1])
def test_do_uniforms_stay_strictly_between_0_and_1(bits: int) -> None:
    assert 0.0 < to_uniform(np.uint64(bits)) < 1.0


@pytest.mark.parametrize("step", [1, 2, 64])
@pytest.mark.parametrize("axis", [0, 1], ids=["customers", "worlds"])
def test_are_neighbours_independent(uniforms: Floats, axis: int, step: int) -> None:
    one, other = np.split(uniforms, [step], axis=axis)[1], np.split(uniforms, [-step], axis=axis)[0]
    assert correlation_is_chance(one, other)
    pairs = np.histogram2d(one.ravel(), other.ravel(), bins=16, range=[[0, 1], [0, 1]])[0]
    assert stats.chisquare(pairs.ravel()).pvalue > DOUBTFUL


def test_do_seeds_give_independent_streams() -> None:
    ids = pa.array(range(CUSTOMERS))
    one, other = (draw_uniforms(customer_keys(ids, seed), WORLDS) for seed in (1, 2))
    assert correlation_is_chance(one, other)
    again = draw_uniforms(customer_keys(ids, 1), WORLDS)
    np.testing.assert_array_equal(one, again)


def test_does_an_id_alone_make_its_key() -> None:
    texts = pa.array(["a", "", "ab", "customer 1"])
    together = customer_keys(texts, seed=3)
    assert len(set(together.tolist())) == 4
    for i in range(len(texts)):
        assert customer_keys(texts.slice(i, 1), seed=3)[0] == together[i]


@pytest.mark.parametrize("shape", [0.05, 0.3, 0.999, 1.0, 1.5, 4.0, 30.0, 300.0])
def test_are_gamma_variates_gamma(shape: float) -> None:
    drawn = draw_gammas(KEYS["ids 1, 2, 3"], WORLDS, shape).ravel()
    assert stats.kstest(drawn, stats.gamma(shape).cdf).pvalue > DOUBTFUL
    # far into both tails, where a Kolmogorov-Smirnov test sees little
    for probability in (1e-4, 1e-3):
        low, high = stats.gamma.ppf(probability, shape), stats.gamma.isf(probability, shape)
        assert stats.binomtest(int(np.sum(drawn < low)), drawn.size, probability).pvalue > DOUBTFUL
        assert stats.binomtest(int(np.sum(drawn > high)), drawn.size, probability).pvalue > DOUBTFUL


def test_is_spend_independent_of_timing() -> None:
    keys = KEYS["ids 1, 2, 3"]
    exponentials = draw_gammas(keys, WORLDS, 1.0)
    assert correlation_is_chance(stats.expon.cdf(exponentials), draw_uniforms(keys, WORLDS))
