"""Do sums of purchases, quantiles of draws and random variates equal a loop that does as the papers say?"""

import math

import numpy as np
import pytest

from lifecast.arrays import Floats
from lifecast.kernels import stream
from lifecast.kernels.reduction import (
    add_up,
    add_up_by_group,
    at_prices,
    expected_values,
    quantiles_with_zeros,
    select,
)
from lifecast.kernels.scores import (
    order_statistic,
    quantile_of_sorted,
    score_customers,
    score_draws,
    sort_amounts,
    sort_counts,
)

RNG = np.random.default_rng
PROBABILITIES = np.array([0.05, 0.5, 0.95])
ANCHORS = (
    1.5
    * 2.0**52
    * np.array([[2.0**-9, 2.0**-31, 2.0**-11, 2.0**-33], [2.0**-9, 2.0**-31, 2.0**-12, 2.0**-34]])
)


# -- reduction -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 10, 57])
def test_is_the_value_at_a_place_that_of_sorting(size: int) -> None:
    for draws in (
        RNG(size).normal(size=size),
        RNG(size).integers(0, 3, size).astype(float),
        np.full(size, 2.0),
    ):
        for begin in {0, size // 3}:
            for place in range(begin, size):
                values = draws.copy()
                found = select(values, begin, place)
                ordered = np.sort(draws[begin:])
                assert found == values[place] == ordered[place - begin]
                np.testing.assert_array_equal(values[:begin], draws[:begin])
                np.testing.assert_array_equal(np.sort(values[begin:]), ordered)
                assert np.all(values[begin:place] <= found) and np.all(values[place:] >= found)


def test_does_a_draw_that_is_no_number_end_the_search() -> None:
    select(np.array([1.0, math.nan, 3.0, math.nan]), 0, 2)


@pytest.mark.parametrize("zeros", [0, 1, 3, 19, 20])
@pytest.mark.parametrize("size", [20, 21])
def test_are_quantiles_of_mostly_zeros_those_of_numpy(zeros: int, size: int) -> None:
    positive = RNG(zeros).gamma(1.0, 5.0, size - zeros)
    for probabilities in (PROBABILITIES, np.linspace(0.0, 1.0, 9), np.array([0.0, 1.0]), np.arange(20) / 19):
        found = np.empty(probabilities.size)
        quantiles_with_zeros(positive.copy(), size, probabilities, found)
        expected = np.quantile(np.append(positive, np.zeros(zeros)), probabilities)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_do_amounts_have_the_prices_of_their_time() -> None:
    amount, price = np.array([1.0, 2.0, 3.0]), np.array([[1.0, 10.0], [100.0, 1000.0]])
    at_prices(amount, np.array([0, 1, 1]), np.array([1, 0, 1]), price)
    assert amount.tolist() == [10.0, 200.0, 3000.0]


def purchases(seed: int) -> tuple[np.ndarray, np.ndarray, Floats, Floats]:
    """Of three customers, the second of whom buys nothing, in four worlds: by customer, then by world."""
    rng = RNG(seed)
    first = np.array([0, 12, 12, 21])
    world = np.concatenate([np.sort(rng.integers(0, 4, 12)), [0, 0, 0, 1, 1, 3, 3, 3, 3]])
    return first, world, rng.uniform(0.01, 4.0, 21), rng.gamma(2.0, 10.0, 21)


def rounded(value: float, anchor: float) -> float:
    quantum = anchor / 1.5 / 2.0**52
    return float(np.round(value / quantum) * quantum)  # half to even, as floats are added


def halves(value: float, coarse: float, fine: float) -> tuple[float, float]:
    above = rounded(value, coarse)
    return above, rounded(value - above, fine)


def test_are_purchases_added_up_by_world_and_period() -> None:
    first, world, time, amount = purchases(1)
    # a period's end belongs to it, even where rounding puts a time beyond; the last takes all that is left
    time[[0, 3, 14]], time[[1, 4]], time[15] = 2.0, 2.0 + 1e-12, 4.0 + 1e-12
    time[[2, 16]] = 1e-12
    margin, rate = np.array([0.5, 1.0, -0.3]), 0.2
    cells, by_group = np.zeros((4, 2, 5)), np.zeros((2, 4, 2, 5))
    quantiles = add_up(first, world, time, amount, margin, rate, 2.0, PROBABILITIES, ANCHORS, cells)
    group = np.array([1, 0, 0])
    add_up_by_group(first, group, world, time, amount, margin, rate, 2.0, ANCHORS, by_group)
    expected, value = np.zeros((3, 4, 2, 5)), np.zeros((3, 4))
    for i in range(3):
        for e in range(first[i], first[i + 1]):
            k = 0 if time[e] <= 2.0 + 1e-10 else 1
            worth, present = margin[i] * amount[e], margin[i] * (amount[e] * math.exp(-rate * time[e]))
            value[i, world[e]] += present
            parts = 1.0, *halves(worth, *ANCHORS[k, :2]), *halves(present, *ANCHORS[k, 2:])
            expected[i, world[e], k] += parts
    np.testing.assert_array_equal(cells, expected.sum(axis=0))
    np.testing.assert_array_equal(by_group, [expected[1] + expected[2], expected[0]])
    np.testing.assert_allclose(quantiles, np.quantile(value, PROBABILITIES, axis=1).T, rtol=1e-12, atol=1e-12)


def test_are_expected_values_means_and_quantiles_over_worlds() -> None:
    rng = RNG(2)
    bought, spend = rng.gamma(1.0, 2.0, (3, 40)), rng.gamma(2.0, 10.0, (2, 40))
    bought[2, :30] = 0.0
    row, spend_row = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 0, 0, 1, 1, 1])
    margin = np.array([1.0, 0.5, -0.25, 0.0, 1.0, -1.0])
    mean, quantiles = expected_values(row, spend_row, bought, spend, margin, PROBABILITIES)
    value = margin[:, None] * bought[row] * spend[spend_row]
    np.testing.assert_allclose(mean, value.mean(axis=1), rtol=1e-13)
    np.testing.assert_allclose(quantiles, np.quantile(value, PROBABILITIES, axis=1).T, rtol=1e-12, atol=1e-12)


# -- scores ----------------------------------------------------------------------------------------------


def test_are_order_statistics_those_of_sorting() -> None:
    positive = np.sort(RNG(3).gamma(1.0, 4.0, 7))
    for zeros in (0, 1, 5):
        everything = np.append(np.zeros(zeros), positive)
        assert [
            order_statistic(positive, zeros, place) for place in range(everything.size)
        ] == everything.tolist()
        for probability in (0.0, 0.1, 0.3, 0.5, 0.77, 1.0):
            expected = np.quantile(everything, probability)
            assert quantile_of_sorted(positive, zeros, probability) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("largest", [1, 3, 40, 41, 42, 1000])
def test_are_counts_sorted(largest: int) -> None:
    counts = np.append(RNG(largest).integers(1, largest + 1, 9), largest).astype(float)
    ordered = np.sort(counts)
    sort_counts(counts)
    assert counts.tolist() == ordered.tolist()
    sort_counts(np.empty(0))


def test_are_amounts_sorted_in_the_room_they_are_given() -> None:
    for size in (1, 2, 3, 33, 34, 90):
        for amounts in (RNG(size).gamma(2.0, 5.0, size), np.full(size, 3.0), np.arange(size, 0.0, -1.0)):
            room, ends = np.full(size + 2, -1.0), np.full(size + 3, 77)
            found = amounts.copy()
            sort_amounts(found, room, ends)
            assert found.tolist() == sorted(amounts)
            assert room[size:].tolist() == [-1.0, -1.0] and ends[size + 1 :].tolist() == [77, 77]


@pytest.mark.parametrize("measures", [1, 2])
def test_are_customers_scored_on_what_they_bought_up_to_each_horizon(measures: int) -> None:
    rng, worlds, horizons = RNG(4), 6, np.array([1.0, 2.5])
    first = np.array([0, 14, 14, 22])
    world = np.concatenate([np.sort(rng.integers(0, 6, 14)), np.sort(rng.integers(2, 6, 8))]).astype(np.int32)
    time = np.empty(22)
    for begin, end in ((0, 14), (14, 22)):
        for s in range(6):  # by world, then by time
            own = np.flatnonzero(world[begin:end] == s) + begin
            time[own] = np.sort(rng.integers(1, 8, own.size) / 2)  # some at a horizon
    amount = rng.gamma(2.0, 10.0, 22)
    actual = rng.integers(0, 3, (3, 2, measures)).astype(float)
    levels, group = np.array([0.5, 0.9]), np.array([1, 1, 0])
    totals = np.ones((measures, 2, 2, worlds))
    scores = score_customers(first, world, time, amount, horizons, actual, group, levels, totals)
    added = np.ones_like(totals)
    for i in range(3):
        for h in range(2):
            draws = np.zeros((2, worlds))
            for e in range(first[i], first[i + 1]):
                if time[e] <= horizons[h]:
                    draws[0, world[e]] += 1
                    draws[1, world[e]] += amount[e]
            for m in range(measures):
                added[m, group[i], h] += draws[m]
                positive, expected = np.sort(draws[m][draws[m] > 0]), np.empty(10)
                score_draws(positive, worlds - positive.size, actual[i, h, m], levels, expected)
                np.testing.assert_allclose(scores[i, h, m], expected, rtol=1e-12, atol=1e-12)
                assert expected[0] == pytest.approx(draws[m].mean())
    np.testing.assert_allclose(totals, added, rtol=1e-12)


# -- random variates -------------------------------------------------------------------------------------

WHOLE = 2**64 - 1
GOLDEN, TIMING, SPEND = 0x9E3779B97F4A7C15, 0x632BE59BD9B4E019, 0xD1B54A32D192ED03


def mix(z: int) -> int:
    """SplitMix64 [Steele, Lea & Flood 2014] in Python's own whole numbers."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WHOLE
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WHOLE
    return z ^ (z >> 31)


def uniform(bits: int) -> float:
    return ((bits >> 12) + 0.5) / 2**52


class Twin:
    """A stream, and variates by the geometry of their ziggurats: a point under the curve is accepted."""

    def __init__(self, state: int) -> None:
        self.state = state

    def bits(self) -> int:
        self.state = (self.state + GOLDEN) & WHOLE
        return mix(self.state)

    def uniform(self) -> float:
        return uniform(self.bits())

    def normal(self) -> float:
        while True:
            bits = self.bits()
            layer, u = bits & 127, (bits >> 11) / 2**52 - 1.0
            z = u * NORMAL[layer]
            if abs(z) < NORMAL[layer + 1]:
                return z
            if layer == 0:
                while True:
                    beyond = -math.log(self.uniform()) / stream.BASE
                    if -2 * math.log(self.uniform()) >= beyond**2:
                        return math.copysign(stream.BASE + beyond, u)
            low, high = (math.exp(-0.5 * NORMAL[i] ** 2) for i in (layer, layer + 1))
            if high + self.uniform() * (low - high) < math.exp(-0.5 * z * z):
                return z

    def exponential(self) -> float:
        beyond = 0.0
        while True:
            bits = self.bits()
            layer = bits & 255
            z = uniform(bits) * EXPONENTIAL[layer]
            if z < EXPONENTIAL[layer + 1]:
                return beyond + z
            if layer == 0:
                beyond += stream.STEP_BASE
                continue
            low, high = (math.exp(-EXPONENTIAL[i]) for i in (layer, layer + 1))
            if low + self.uniform() * (high - low) < math.exp(-z):
                return beyond + z

    def gamma(self, shape: float) -> float:
        """Marsaglia & Tsang (2000), without their squeeze."""
        own = shape if shape >= 1 else shape + 1
        d = own - 1 / 3
        while True:
            z = self.normal()
            cube = (1 + z / math.sqrt(9 * d)) ** 3
            if cube <= 0:
                continue
            if math.log(self.uniform()) < 0.5 * z * z + d - d * cube + d * math.log(cube):
                break
        return d * cube if shape >= 1 else d * cube * math.exp(-self.exponential() / shape)


def layers(density: str, base: float, area: float, count: int) -> list[float]:
    """Edges of layers of equal area under a falling density: f(next) = f(this) + area / this."""
    inverse = {"normal": lambda y: math.sqrt(-2 * math.log(y)), "exponential": lambda y: -math.log(y)}[
        density
    ]
    of = {"normal": lambda z: math.exp(-0.5 * z * z), "exponential": lambda z: math.exp(-z)}[density]
    edges = [area / of(base), base]
    for _ in range(count - 2):
        edges.append(inverse(of(edges[-1]) + area / edges[-1]))
    return [*edges, 0.0]


NORMAL = layers("normal", stream.BASE, stream.AREA, 128)
EXPONENTIAL = layers("exponential", stream.STEP_BASE, stream.STEP_AREA, 256)


def test_are_layers_of_equal_area_and_the_base_holds_the_tail() -> None:
    tail = math.sqrt(math.pi / 2) * math.erfc(stream.BASE / math.sqrt(2))
    assert stream.BASE * math.exp(-0.5 * stream.BASE**2) + tail == pytest.approx(stream.AREA, rel=1e-10)
    whole = (stream.STEP_BASE + 1) * math.exp(-stream.STEP_BASE)
    assert whole == pytest.approx(stream.STEP_AREA, rel=1e-13)
    for edges, of, area, found, ratio in (
        (NORMAL, lambda z: math.exp(-0.5 * z * z), stream.AREA, stream.EDGE, stream.RATIO),
        (EXPONENTIAL, lambda z: math.exp(-z), stream.STEP_AREA, stream.STEP, stream.STEP_RATIO),
    ):
        np.testing.assert_allclose(found, edges, rtol=1e-9)
        np.testing.assert_allclose(ratio, np.divide(edges[1:], edges[:-1]), rtol=1e-9)
        assert edges[-2] * (1 - of(edges[-2])) == pytest.approx(area, rel=1e-6)  # the top one too
    assert [*map(len, (stream.EDGE, stream.STEP))] == [129, 257]


def test_are_streams_splitmix() -> None:
    rng = RNG(5)
    for key, world in zip(rng.integers(0, WHOLE, 20, np.uint64), rng.integers(0, 10_000, 20), strict=True):
        first = mix((int(key) + GOLDEN * (int(world) + 1)) & WHOLE)
        assert int(stream.mix64(key)) == mix(int(key))
        assert int(stream.first_bits(key, world)) == first
        assert stream.to_uniform(key) == uniform(int(key))
        assert int(stream.stream_start(key, world, stream.SPEND)) == mix(first ^ SPEND)
        state, u = stream.next_uniform(key)
        twin = Twin(int(key))
        assert (u, int(state)) == (twin.uniform(), twin.state)
    assert (int(stream.GOLDEN), int(stream.TIMING), int(stream.SPEND)) == (GOLDEN, TIMING, SPEND)


def test_are_normal_and_exponential_variates_points_under_their_curves() -> None:
    state, twin = np.uint64(17), Twin(17)
    for _ in range(3000):
        state, z = stream.next_normal(np.uint64(state))
        assert z == pytest.approx(twin.normal(), rel=1e-9)
        state, wait = stream.next_exponential(np.uint64(state))
        assert wait == pytest.approx(twin.exponential(), rel=1e-9)
        assert int(state) == twin.state


def test_are_variates_of_many_streams_those_of_each() -> None:
    start = RNG(6).integers(0, WHOLE, 5000, np.uint64)
    shape = np.append(RNG(7).uniform(1.0, 3.0, 4000), RNG(8).uniform(3.0, 1e4, 1000))
    constants = [stream.gamma_constants(own) for own in shape]
    d, c = (np.array(column) for column in zip(*constants, strict=True))
    state, found = start.copy(), np.empty(start.size + 1)
    drawn = []
    for _ in range(3):  # each goes on where the one before has left its stream
        stream.next_uniforms(state, found)
        drawn.append(found[:-1].copy())
        stream.next_exponentials(state, found)
        drawn.append(found[:-1].copy())
        stream.next_gammas_given(state, d, c, found)
        drawn.append(found[:-1].copy())
    for i, own in enumerate(start):
        for k in range(0, 9, 3):
            own, u = stream.next_uniform(np.uint64(own))
            own, wait = stream.next_exponential(np.uint64(own))
            own, variate = stream.next_gamma_given(np.uint64(own), *constants[i])
            assert [u, wait, variate] == [values[i] for values in drawn[k : k + 3]]
        assert int(own) == int(state[i])


def test_is_a_gamma_of_no_shape_no_number_among_many_too() -> None:
    state, nan = np.arange(3, dtype=np.uint64), np.full(3, math.nan)
    stream.next_gammas_given(state, nan, nan, found := np.zeros(3))
    assert np.isnan(found).all()


@pytest.mark.parametrize("side", [-0.3, 0.9])
def test_is_the_tail_of_the_normal_beyond_its_base(side: float) -> None:
    state, twin = np.uint64(5), Twin(5)
    for _ in range(50):
        state, z = stream.normal_tail(np.uint64(state), side)
        while True:
            beyond = -math.log(twin.uniform()) / stream.BASE
            if -2 * math.log(twin.uniform()) >= beyond**2:
                break
        assert z == pytest.approx(math.copysign(stream.BASE + beyond, side), rel=1e-12)
        assert int(state) == twin.state


@pytest.mark.parametrize("shape", [0.05, 0.7, 1.0, 1.3, 6.0, 400.0])
def test_are_gamma_variates_those_of_marsaglia_and_tsang(shape: float) -> None:
    state, twin = np.uint64(23), Twin(23)
    for _ in range(300):
        state, variate = stream.next_gamma(np.uint64(state), shape)
        assert variate == pytest.approx(twin.gamma(shape), rel=1e-9)
        assert int(state) == twin.state
    d, c = stream.gamma_constants(shape + 1)
    assert (d, c) == pytest.approx((shape + 2 / 3, 1 / (3 * math.sqrt(shape + 2 / 3))), rel=1e-14)
