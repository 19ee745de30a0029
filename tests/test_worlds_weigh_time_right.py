"""Do the weights of times, the edges of periods and the draws of worlds come out as a slow twin has them?"""

import math
from collections import Counter
from itertools import pairwise, product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import beta

import lifecast as lc
from lifecast.arrays import Floats
from lifecast.encoding import Encoding
from lifecast.market import Pace, steady_pace
from lifecast.population import Population
from lifecast.timeunit import TimeUnit
from lifecast.worlds import (
    FEW_STEPS,
    NEGLIGIBLE_DISCOUNT,
    NODES,
    Shared,
    Worlds,
    discounting,
    discounting_steps,
    draw_worlds,
    period_edges,
    purchases_and_value,
    shares,
    spread,
    whole,
)

RNG = np.random.default_rng


def lagrange(values: Floats, nodes: Floats) -> Floats:
    """The polynomials as their definition has them, (value, node)."""
    found = np.ones((values.size, nodes.size))
    for j in range(nodes.size):
        for m in range(nodes.size):
            if m != j:
                found[:, j] *= (values - nodes[m]) / (nodes[j] - nodes[m])
    return found


def steps_by_definition(first: int, last: int, rate: float, grown: Floats) -> float:
    """Discounted purchases at first + 1, ..., last, given expected cumulative ones at first, ..., last."""
    return math.fsum(math.exp(-rate * t) * (grown[t - first] - grown[t - first - 1])
                     for t in range(first + 1, last + 1))  # fmt: skip


def test_are_shares_lagranges_polynomials() -> None:
    nodes = np.sort(RNG(1).uniform(-2.0, 3.0, 7))
    values = np.append(RNG(2).uniform(-2.0, 3.0, 20), nodes)
    found = shares(values, nodes)
    np.testing.assert_allclose(found, lagrange(values, nodes), atol=1e-12)
    np.testing.assert_array_equal(found[-7:], np.eye(7))
    np.testing.assert_allclose(shares(values / 3, nodes / 3), found, atol=1e-12)
    np.testing.assert_array_equal(shares(np.array([2.0]), np.array([1.0, 4.0])), [[2 / 3, 1 / 3]])


def test_do_shares_of_nodes_that_lie_close_together_keep_their_digits() -> None:
    nodes = 1e-4 * np.arange(64.0)
    values = 1e-4 * (np.arange(28.0, 35.0) + 0.5)
    np.testing.assert_allclose(shares(values, nodes) @ nodes**2, values**2, rtol=1e-12)


@pytest.mark.parametrize("size", [65, 200, 5000])
def test_are_values_chosen_that_are_nearest_to_chebyshevs_points(size: int) -> None:
    values = np.sort(RNG(size).uniform(3.0, 11.0, size))
    low, high = values[0], values[-1]
    points = [low + (high - low) * (1 - math.cos(math.pi * i / (NODES - 1))) / 2 for i in range(NODES)]
    nearest = sorted({int(np.argmin(np.abs(values - point))) for point in points})
    np.testing.assert_array_equal(spread(values), nearest)
    assert spread(values)[[0, -1]].tolist() == [0, size - 1]


@pytest.mark.parametrize("time, units", [(2.0, 2), (2.0 - 1e-12, 2), (1.999, 1), (0.0, 0), (7.5, 7)])
def test_does_a_time_that_rounding_alone_keeps_from_its_end_count(time: float, units: int) -> None:
    assert whole(time) == units


@pytest.mark.parametrize("first, last", [(0, 1), (0, 2), (3, 4), (5, 40), (7, 7 + FEW_STEPS - 1)])
def test_are_few_opportunities_weighed_one_by_one(first: int, last: int) -> None:
    times, weights = discounting_steps(first, last, 0.03, 2.0)
    np.testing.assert_array_equal(times, np.arange(first, last + 1))
    grown = np.cumsum(RNG(3).uniform(0.0, 1.0, times.size))
    assert weights @ grown == pytest.approx(steps_by_definition(first, last, 0.03, grown), rel=1e-13)


def test_is_nothing_worth_anything_between_a_time_and_itself() -> None:
    for times, weights in (discounting_steps(4, 4, 0.1, 1.0), discounting(4.0, 4.0, 0.1, 1.0)):
        np.testing.assert_array_equal(times, [4.0])
        np.testing.assert_array_equal(weights, [0.0])


@pytest.mark.parametrize(
    "first, last, rate, scale",
    [(0, 129, 0.02, 1.0), (0, 3000, 0.001, 0.7), (12, 3000, 0.001, 30.0), (100, 20_000, 2e-4, 5.0)],
)
def test_are_many_opportunities_weighed_by_nodes_of_e_folds(
    first: int, last: int, rate: float, scale: float
) -> None:
    times, weights = discounting_steps(first, last, rate, scale)
    every = np.arange(first, last + 1)
    grown = 3.0 * (1.0 - (1.0 + every / scale) ** -0.6)
    exact = steps_by_definition(first, last, rate, grown)
    assert weights @ grown[times.astype(int) - first] == pytest.approx(exact, rel=1e-10)
    chosen = {first, last}
    inner = every[1:-1]
    fold = np.floor(np.log((scale + inner) / (scale + first + 1)) + 1e-13)
    for each in np.unique(fold):
        panel = inner[fold == each]
        if panel.size > 4 * NODES:
            panel = panel[spread(np.log1p(panel / scale))]
        chosen |= set(panel.tolist())
    assert sorted(times) == sorted(chosen)


@pytest.mark.parametrize(
    "start, end", [(0.0, 3.0), (0.0, 400.0), (5.0, 9.0), (90.0, 5000.0), (0.0, math.inf)]
)
@pytest.mark.parametrize("rate, scale", [(0.002, 4.0), (0.05, 0.3), (0.034, 500.0)])
def test_are_discounted_purchases_the_integral(start: float, end: float, rate: float, scale: float) -> None:
    def grown(t: Any) -> Any:
        return 2.0 * ((1.0 + t / scale) ** 0.4 - 1.0)

    def density(place: float) -> float:  # in log(1 + t / scale)
        t = scale * math.expm1(place)
        return math.exp(-rate * t) * 0.8 * math.exp(0.4 * place)

    begin = math.log1p(start / scale)
    # a thousandth of what is left to rounding is left out of the integral here
    over = math.log1p(min(end, start + 40.0 / rate) / scale)
    edges = np.linspace(begin, over, 9)
    exact = math.fsum(quad(density, *pair, epsabs=0.0, epsrel=1e-13)[0]
                      for pair in pairwise(edges))  # fmt: skip
    times, weights = discounting(start, end, rate, scale)
    # purchases discounted by less than that are left out
    left_out = 2 * NEGLIGIBLE_DISCOUNT * grown(min(end, start + 25.0 / rate)) * math.exp(-rate * start)
    assert abs(weights @ grown(times) - exact) < 1e-9 * abs(exact) + left_out
    assert weights.sum() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("scale", [0.3, 4.0, 44.0, 500.0, 5000.0])
@pytest.mark.parametrize("k, a, b", [(0.24, 0.8, 2.4), (8.0, 0.8, 9.4), (3.0, 20.0, 40.0), (0.3, 2.0, 0.1)])
def test_are_bg_nbds_purchases_discounted_to_nine_digits_at_any_rate_and_horizon(
    k: float, a: float, b: float, scale: float
) -> None:
    p = beta(a, b).ppf((np.arange(40) + 0.5) / 40)  # of forty customers
    A = scale * max(1.0, k * a / (a + b))  # what makes this the scale

    def grown(t: Any) -> Any:
        return np.mean(-np.expm1(-k * np.log1p(p * np.asarray(t)[..., None] / A)) / p, axis=-1)

    def density(place: float, rate: float) -> float:  # in log(1 + t / scale)
        t = scale * math.expm1(place)
        return float(math.exp(-rate * t) * (scale + t) * k / A * np.mean((1.0 + p * t / A) ** -(k + 1.0)))

    week = 7 / 365.25
    for annual, horizon, start in product(
        (0.0, 0.001, 0.1, 0.3, 1.0), (1.0, 4.0, 52.0, 260.0, 1565.0, math.inf), (0.0, 4.0)
    ):
        rate = math.log1p(annual) * week
        if horizon <= start or (rate == 0.0 and math.isinf(horizon)):
            continue
        over = math.log1p(min(horizon, start + 25.0 / rate if rate else horizon) / scale)
        edges = np.linspace(math.log1p(start / scale), over, 5)
        exact = math.fsum(quad(density, *pair, (rate,), epsabs=0.0, epsrel=1e-12, limit=200)[0]
                          for pair in pairwise(edges))  # fmt: skip
        times, weights = discounting(start, horizon, rate, scale)
        assert weights @ grown(times) == pytest.approx(exact, rel=1e-9), (annual, horizon, start)


def test_is_nothing_discounted_at_no_rate() -> None:
    times, weights = discounting(2.0, 9.0, 0.0, 1.0)
    assert dict(zip(times, weights, strict=True)) == {9.0: 1.0, 2.0: -1.0}


def test_do_opportunities_count_only_when_they_are_past() -> None:
    grown = np.cumsum(RNG(4).uniform(0.0, 1.0, 12))
    times, weights = discounting(2.4, 9.9, 0.1, 1.0, True)
    np.testing.assert_array_equal(times, np.arange(2, 10))
    assert weights @ grown[2:10] == pytest.approx(steps_by_definition(2, 9, 0.1, grown[2:10]), rel=1e-13)


def test_do_periods_have_a_unit_each_and_the_last_what_is_left() -> None:
    week = TimeUnit.parse("week")
    for horizon, edges in [
        (3.0, [0, 1, 2, 3]), (2.5, [0, 1, 2, 2.5]), (0.25, [0, 0.25]), (0.0, [0, 0]),
        (3.0 + 1e-12, [0, 1, 2, 3 + 1e-12]), (1.0, [0, 1]),
    ]:  # fmt: skip
        np.testing.assert_array_equal(period_edges(horizon, week, 0.1), edges)


@pytest.mark.parametrize("unit, days", [("week", 7.0), ("year", 365.25), ("day", 1.0)])
@pytest.mark.parametrize("yearly", [0.02, 0.3, 5.0])
def test_do_years_go_on_while_a_purchase_is_worth_something(unit: str, days: float, yearly: float) -> None:
    rate = yearly * days / 365.25
    edges = period_edges(math.inf, TimeUnit.parse(unit), rate)
    assert edges[0] == 0.0
    np.testing.assert_allclose(np.diff(edges), 365.25 / days)
    assert math.exp(-rate * edges[-1]) <= 1e-9 < math.exp(-rate * edges[-2])


@pytest.mark.parametrize("whole_times", [False, True])
def test_is_value_what_purchases_bring_at_the_prices_of_their_time(whole_times: bool) -> None:
    edges = np.array([0.0, 4.0, 10.0])
    clock = np.array([[0.0, 4.0, 10.0], [0.0, 6.0, 9.0]])
    price = np.array([[1.0, 1.0], [2.0, 0.5]])
    nothing = np.zeros(2)
    shared = Shared(np.ones((2, 4)), np.empty((2, 0)), Pace(edges, clock, price, nothing, nothing))
    rate, horizon = 0.07, 9.0
    times, weights = purchases_and_value(shared, horizon, rate, 3.0, whole_times)
    # a customer who buys once in a unit of operational time
    found = np.einsum("wt,wtm->wm", times, weights)
    speed = np.diff(clock) / np.diff(edges)
    for world in range(2):
        before_edge, after = 4.0 * speed[world, 0], 5.0 * speed[world, 1]
        assert found[world, 0] == pytest.approx(before_edge + after)
        if whole_times:
            parts = [[math.exp(-rate * t) for t in steps] for steps in (range(1, 5), range(5, 10))]
            worth = [math.fsum(part) for part in parts]
        else:
            worth = [(math.exp(-rate * a) - math.exp(-rate * b)) / rate for a, b in ((0, 4), (4, 9))]
        value = sum(price[world] * speed[world] * worth)
        assert found[world, 1] == pytest.approx(value, rel=1e-9)
    assert weights.shape == (*times.shape, 2)


def test_is_every_draw_lived_through_once_before_any_is_again() -> None:
    theta = np.arange(7.0)[:, None]
    population = Population.alike(None, theta)
    other = Population.alike(None, 10.0 * theta)
    posterior: Any = SimpleNamespace(draws=7, purchases=population, spend=other)
    worlds = draw_worlds(posterior, steady_pace(1.0, 17), RNG(5))
    lived = worlds.purchases.theta[:, 0]
    assert len(worlds) == lived.size == 17
    for begin in (0, 7):
        assert sorted(lived[begin : begin + 7]) == list(range(7))
    assert set(Counter(lived).values()) == {2, 3}
    assert worlds.spend is not None
    np.testing.assert_array_equal(worlds.spend.theta[:, 0], 10.0 * lived)
    assert list(lived[:7]) != list(lived[7:14])
    alone: Any = SimpleNamespace(draws=7, purchases=population, spend=None)
    assert draw_worlds(alone, steady_pace(1.0, 14), RNG(5)).spend is None
    assert sorted(draw_worlds(alone, steady_pace(1.0, 14), RNG(5)).purchases.theta[:, 0]) == sorted(
        2 * list(range(7))
    )


def by_groups(name: str, groups: tuple[str, ...], seed: int) -> Population:
    """Three draws of a parameter for each group."""
    drawn = RNG(seed).uniform(size=(3, len(groups) + 1, 1))
    none = np.empty((3, 0))
    effects = np.empty((3, len(groups) + 1, 0))
    return Population(None, drawn[:, 0], none, Encoding(name, groups), none, drawn, effects)


@pytest.mark.parametrize("with_spend", [False, True])
def test_does_each_customer_share_what_its_kind_shares(with_spend: bool) -> None:
    rng = RNG(6)
    table = pd.DataFrame({"customer_id": range(60), "frequency": 0, "recency": 0.0, "T": 5.0})
    table["channel"], table["land"] = rng.choice(["shop", "web"], 60), rng.choice(["a", "b", "c"], 60)
    rfm = lc.RFM.from_frame(table, time_unit="week")
    purchases = by_groups("channel", ("shop", "web"), 7)
    spend = by_groups("land", ("a", "b", "c"), 8) if with_spend else None
    seen, kinds = np.zeros(60, int), []
    for members, shared in Worlds(purchases, spend, steady_pace(1.0, 3)).by_kind(rfm):
        seen[members] += 1
        kinds.append(shared.kind)
        assert len(shared) == 3
        for customer in members:
            channel = ("shop", "web").index(table["channel"][customer])
            np.testing.assert_array_equal(shared.purchases, purchases.group_theta[:, channel])
            if spend is None:
                assert shared.spend.shape == (3, 0)
            else:
                land = ("a", "b", "c").index(table["land"][customer])
                np.testing.assert_array_equal(shared.spend, spend.group_theta[:, land])
    assert np.all(seen == 1)
    assert len(set(kinds)) == len(kinds) == (6 if with_spend else 2)


def test_is_a_kind_named_by_its_parameters_alone() -> None:
    pace = steady_pace(1.0, 2)
    one, other = np.ones((2, 4)), np.full((2, 4), 2.0)
    names = {Shared(p, s, pace).kind for p in (one, other) for s in (one, other)}
    assert len(names) == 4
    assert Shared(one.copy(), other, steady_pace(9.0, 2)).kind == Shared(one, other, pace).kind
    assert {len(name) for name in names} == {16}
