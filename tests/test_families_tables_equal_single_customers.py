"""Are tables over histories and worlds those of each customer alone, and are futures what they promise?"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

import lifecast as lc
from lifecast.arrays import Floats, Integers
from lifecast.families.changed import ChangedBGNBD, changed
from lifecast.kernels import bg_bb, bg_nbd, mbg_nbd, pareto_nbd
from lifecast.kernels import shifted_beta_geometric as sbg
from lifecast.kernels.drift import drifted

RNG = np.random.default_rng
# Histories sorted by x and T, two of them alike but for when they bought last.
X = np.array([0, 0, 1, 1, 1, 5, 5])
T_X = np.array([0.0, 0.0, 2.0, 3.0, 4.0, 6.0, 6.0])
T = np.array([4.0, 9.0, 5.0, 5.0, 9.0, 6.0, 30.0])
RENEWED = np.array([4.0, 4.0, 6.0, 6.0, 9.0, 30.0, 30.0])
THETAS = {
    "bg-nbd": [(0.243, 4.414, 0.793, 2.426), (2.0, 9.0, 1.5, 1.5), (0.5, 30.0, 2.5, 7.0)],
    "mbg-nbd": [(0.525, 6.183, 0.891, 1.614), (2.0, 9.0, 1.5, 1.5), (0.5, 30.0, 2.5, 7.0)],
    "pareto-nbd": [(0.553, 10.578, 0.606, 11.669), (2.0, 9.0, 1.5, 4.0), (0.5, 3.0, 2.5, 3.0)],
    "nbd": [(0.4, 6.0), (2.0, 9.0), (0.5, 30.0)],
    "bg-bb": [(1.204, 0.75, 0.657, 2.783), (0.5, 2.0, 1.5, 4.0), (3.0, 1.0, 2.5, 9.0)],
    "sbg": [(0.668, 3.806), (1.5, 2.0), (2.5, 9.0)],
}
FAMILIES: dict[str, Any] = {
    "bg-nbd": lc.BGNBD(), "mbg-nbd": lc.MBGNBD(), "pareto-nbd": lc.ParetoNBD(), "nbd": lc.NBD(),
    "bg-bb": lc.BGBB(), "sbg": lc.ShiftedBetaGeometric(),
}  # fmt: skip
CONTINUOUS = [name for name in FAMILIES if name not in ("bg-bb", "sbg")]


def nbd_expected(x: int, T: float, t: float, r: float, alpha: float) -> float:
    return (r + x) / (alpha + T) * t


def sbg_expected(x: int, T: float, t: float, alpha: float, beta: float) -> float:
    return float(sbg.expected_renewals(T, t, alpha, beta))


def mbg_expected(x: int, T: float, t: float, r: float, alpha: float, a: float, b: float) -> float:
    return float(bg_nbd.expected_purchases_if_alive(x, T, t, r, alpha, a, b + 1.0))


EXPECTED: dict[str, Callable[..., float]] = {
    "bg-nbd": bg_nbd.expected_purchases_if_alive,
    "mbg-nbd": mbg_expected,
    "pareto-nbd": pareto_nbd.expected_purchases_if_alive,
    "nbd": nbd_expected,
    "bg-bb": bg_bb.expected_purchases_if_alive,
    "sbg": sbg_expected,
}
ALIVE: dict[str, Callable[..., float]] = {
    "bg-nbd": bg_nbd.probability_alive,
    "mbg-nbd": mbg_nbd.probability_alive,
    "pareto-nbd": pareto_nbd.probability_alive,
    "bg-bb": lambda x, t_x, T, *theta: bg_bb.probability_alive(x, int(t_x), int(T), *theta),
    "nbd": lambda *every: 1.0,
}


def theta_of(name: str) -> Floats:
    return np.array(THETAS[name])


def ages_of(name: str) -> Floats:
    return RENEWED if name == "sbg" else T


@pytest.mark.parametrize("name", ALIVE)
def test_is_the_chance_to_be_alive_that_of_each_customer(name: str) -> None:
    theta = theta_of(name)
    table = FAMILIES[name].probability_alive(X, T_X, T, theta)
    for i, w in np.ndindex(X.size, 3):
        assert table[i, w] == pytest.approx(ALIVE[name](X[i], T_X[i], T[i], *theta[w]), rel=1e-10)


@pytest.mark.parametrize("drift", [0.0, 0.3])
@pytest.mark.parametrize("name", FAMILIES)
def test_are_expectations_those_of_each_customer(name: str, drift: float) -> None:
    theta, ages = theta_of(name), ages_of(name)
    if drift and name in ("bg-bb", "sbg"):
        drift = 0.0  # nobody drifts there
    finite = np.array([[0.0, 1.0, 7.0, 60.0], [0.0, 2.0, 5.0, 400.0], [0.0, 3.0, 4.0, 20.0]])
    times = np.append(finite, np.full((3, 1), math.inf), axis=1)
    weights = RNG(1).normal(size=(3, 5, 2))
    weights[:, 4, 1] = 0.0  # only the first sum asks for all time to come
    weights[1, 2, 0] = 0.0
    if name == "nbd":
        weights[:, 4, 0] = 0.0
    with np.errstate(invalid="ignore"):
        prepared = FAMILIES[name].expected_purchases(X, ages, theta, np.full(3, drift), times, weights)
        table = prepared(X, ages)
    assert table.shape == (2, X.size, 3)
    for i, w in np.ndindex(X.size, 3):
        x, age = float(X[i]), float(ages[i])
        at = theta[w]
        if drift:  # the past counts for less: another shape and rate do the same
            k, A = drifted(at[0] + x, at[1] + age, drift)
            at = np.array([k - x, A - age, *at[2:]])
        alone = np.array([EXPECTED[name](int(X[i]), age, t, *at) if t else 0.0 for t in times[w]])
        for m in range(2):
            asked = weights[w, :, m] != 0.0
            expected = weights[w, asked, m] @ alone[asked]
            assert table[m, i, w] == pytest.approx(expected, rel=1e-8), (i, w, m)
    some = [1, 4, 6]
    np.testing.assert_allclose(prepared(X[some], ages[some]), table[:, some], rtol=1e-12)


@pytest.mark.parametrize("drift", [0.0, 0.3])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_do_chances_of_counts_add_up_to_one_and_to_what_is_expected(name: str, drift: float) -> None:
    family, t = FAMILIES[name], 3.0
    counts = np.arange(150)
    for theta in theta_of(name):
        for i in (0, 3, 6):
            x, t_x, age = (np.repeat(values[i : i + 1], 150) for values in (X, T_X, T))
            chance = np.exp(family.log_probability_of_count(x, t_x, age, counts, t, theta, drift))
            one = x[:1], age[:1], theta[None], np.full(1, drift)
            alive = family.probability_alive(x[:1], t_x[:1], age[:1], theta[None])[0, 0]
            once = family.probability_of_purchase(*one, np.array([t]))[0, 0]
            mean = family.expected_purchases(*one, np.array([[t]]), np.ones((1, 1, 1)))(x[:1], age[:1])[
                0, 0, 0
            ]
            assert chance.sum() == pytest.approx(1.0, rel=1e-8)
            assert chance[0] == pytest.approx(1.0 - alive * once, rel=1e-8)
            assert chance @ counts == pytest.approx(alive * mean, rel=1e-6)


@pytest.mark.parametrize("name", FAMILIES)
def test_are_neighbours_in_a_table_alike_only_where_they_are(name: str) -> None:
    theta, ages, family = theta_of(name), ages_of(name), FAMILIES[name]
    drift, end = np.zeros(3), np.array([3.0, 8.0, 40.0])
    table = family.probability_of_purchase(X, ages, theta, drift, end)
    for i, w in np.ndindex(X.size, 3):
        one = X[i : i + 1], ages[i : i + 1], theta[w : w + 1], drift[:1], end[w : w + 1]
        assert table[i, w] == pytest.approx(family.probability_of_purchase(*one)[0, 0], rel=1e-12)
        assert 0.0 < table[i, w] < 1.0


def simulated(
    family: Any,
    theta: Floats,
    x: Integers,
    ages: Floats,
    copies: int,
    clock: Floats,
    edges: Floats,
    room: float,
) -> tuple[Any, ...]:
    """Purchases of so many customers with each history, and what was asked."""
    S, n = theta.shape[0], x.size
    drift, row = np.zeros(S), np.repeat(np.arange(n), copies)
    alive = np.full((n, S), 0.9)
    buys = alive * family.probability_of_purchase(x, ages, theta, drift, clock[:, -1])
    keys = RNG(2).integers(0, 2**64, row.size, np.uint64)
    made = family.simulate_purchases(x, ages, alive, buys, row, keys, theta, drift, clock, edges, room)
    return made, alive, row


@pytest.mark.parametrize("name", FAMILIES)
def test_are_futures_in_order_in_their_stretch_and_as_many_as_expected(name: str) -> None:
    family, theta = FAMILIES[name], theta_of(name)
    some = np.array([1, 4, 6])
    x, ages = X[some], ages_of(name)[some]
    # a horizon that rounding alone keeps from its last opportunity
    edges = np.array([0.0, 2.0, 5.0, 12.0 - 1e-12])
    clock = np.tile(edges, (3, 1))
    if name in CONTINUOUS:
        clock = clock * np.array([[1.0], [2.0], [0.5]])
    (first, world, stretch, time), alive, row = simulated(family, theta, x, ages, 130, clock, edges, 50.0)
    (again, *rest), _, _ = simulated(family, theta, x, ages, 130, clock, edges, 1e-9)
    np.testing.assert_array_equal(again, first)  # however little room there was
    for values, others in zip((world, stretch, time), rest, strict=True):
        np.testing.assert_array_equal(values, others)
    customer = np.repeat(np.arange(row.size), np.diff(first))
    assert first[-1] == time.size == world.size
    np.testing.assert_array_equal(np.lexsort([time, world, customer]), np.arange(time.size))
    assert time.min() > 0.0 and time.max() <= 12.0
    np.testing.assert_array_equal(stretch, np.minimum(np.searchsorted(edges, time) - 1, 2))
    operational = clock[:, -1:]
    prepared = family.expected_purchases(x, ages, theta, np.zeros(3), operational, np.ones((3, 1, 1)))
    mean = alive * prepared(x, ages)[0]
    bought = np.zeros((row.size, 3))
    np.add.at(bought, (customer, world), 1.0)
    for i, w in np.ndindex(3, 3):
        own = bought[row == i, w]
        assert abs(own.mean() - mean[i, w]) < 4.5 * max(own.std(), 0.1) / math.sqrt(own.size), (i, w)


@pytest.mark.parametrize("dropout", [0.4, 1.7])
def test_does_leaving_more_readily_take_the_later_purchases_alone(dropout: float) -> None:
    theta, x, ages = theta_of("bg-nbd"), np.array([0, 5]), np.array([9.0, 9.0])
    edges = np.array([0.0, 20.0, 60.0])
    clock = np.tile(edges, (3, 1))
    plain, alive, row = simulated(ChangedBGNBD(), theta, x, ages, 200, clock, edges, 9.0)
    other, _, _ = simulated(ChangedBGNBD(dropout_factor=dropout), theta, x, ages, 200, clock, edges, 9.0)
    fewer, more = (other, plain) if dropout > 1.0 else (plain, other)
    shorter = 0
    bought = np.zeros((row.size, 3))
    np.add.at(bought, (np.repeat(np.arange(row.size), np.diff(other[0])), other[1]), 1.0)
    for i in range(row.size):
        own, all_of = (slice(made[0][i], made[0][i + 1]) for made in (fewer, more))
        for w in range(3):
            left, every = fewer[3][own][fewer[1][own] == w], more[3][all_of][more[1][all_of] == w]
            np.testing.assert_array_equal(left, every[: left.size])
            shorter += left.size < every.size
            assert dropout > 1.0 or every.size == 0 or left.size > 0  # tosses are made when they buy
    assert shorter > 20
    # given rate and chance to leave, (1 - exp(-d lambda p t)) / (d p): averaged over the rate in closed form
    for i, w in np.ndindex(2, 3):
        r, alpha, a, b = theta[w]
        p, weight = np.polynomial.legendre.leggauss(400)
        p = stats.beta(a, b + x[i]).ppf(0.5 * (p + 1.0))
        held = dropout * np.maximum(p, 1e-300)
        purchases = -np.expm1(-(r + x[i]) * np.log1p(held * 60.0 / (alpha + 9.0))) / held
        mean = alive[i, w] * 0.5 * float(weight @ purchases)
        own = bought[row == i, w]
        assert abs(own.mean() - mean) < 4.5 * own.std() / math.sqrt(own.size), (i, w)


@pytest.mark.parametrize("rate, dropout", [(1.5, 0.5), (0.8, 1.6)])
def test_do_changed_pareto_customers_buy_as_often_as_expected(rate: float, dropout: float) -> None:
    theta, x, ages = theta_of("pareto-nbd"), np.array([0, 5]), np.array([9.0, 9.0])
    family = changed(lc.ParetoNBD(), rate_factor=rate, dropout_factor=dropout)
    edges = np.array([0.0, 20.0, 60.0])
    clock = np.tile(edges, (3, 1))
    (first, world, _, time), alive, row = simulated(family, theta, x, ages, 200, clock, edges, 9.0)
    assert time.min() > 0.0 and time.max() <= 60.0
    prepared = family.expected_purchases(x, ages, theta, np.zeros(3), clock[:, -1:], np.ones((3, 1, 1)))
    bought = np.zeros((row.size, 3))
    np.add.at(bought, (np.repeat(np.arange(row.size), np.diff(first)), world), 1.0)
    for i, w in np.ndindex(2, 3):
        own = bought[row == i, w]
        mean = alive[i, w] * prepared(x, ages)[0, i, w]
        assert abs(own.mean() - mean) < 4.5 * own.std() / math.sqrt(own.size), (i, w)


@pytest.mark.parametrize("family", [lc.GammaGamma(), lc.LogNormal()], ids=["gamma-gamma", "log-normal"])
@pytest.mark.parametrize("shock", [0.0, 0.2])
def test_do_amounts_have_the_mean_that_is_expected_and_customers_a_level(family: Any, shock: float) -> None:
    gamma = isinstance(family, lc.GammaGamma)
    theta = np.array([[6.0, 4.0, 30.0], [0.8, 9.0, 200.0]] if gamma else [[20.0, 0.6, 0.5], [5.0, 0.7, 0.3]])
    n, m = np.repeat([0, 3], 400), np.repeat([0.0, 12.0], 400)
    history = history_of(n, m, np.where(n > 0, math.log(11.0), 0.0))
    expected = family.expected_spend(history, theta)
    each = 3  # purchases of a customer in a world
    first = np.arange(801) * 2 * each
    world = np.tile(np.repeat([0, 1], each), 800).astype(np.int32)
    keys = RNG(3).integers(0, 2**64, 800, np.uint64)
    amount = family.simulate_amounts(history, keys, first, world, theta, np.full(2, shock))
    by = amount.reshape(800, 2, each)
    for begin in (0, 400):
        for w in range(2):
            means = by[begin : begin + 400, w].mean(axis=1)
            assert abs(means.mean() - expected[begin, w]) < 4.5 * means.std() / 20.0
    one, other = np.log(by[:400, 0, :2]).T
    assert np.corrcoef(one, other)[0, 1] > 0.3  # of one level
    alone = family.simulate_amounts(
        history.of(slice(7, 8)),
        keys[7:8],
        np.array([0, each]),
        np.ones(each, np.int32),
        theta,
        np.full(2, shock),
    )
    np.testing.assert_array_equal(alone, by[7, 1])  # whatever happens in other worlds


def history_of(n: Integers, m: Floats, logs: Floats) -> Any:
    from lifecast.grouping import SpendHistory

    return SpendHistory(n, m, logs, np.zeros(n.size))


@pytest.mark.parametrize("name", ["bg-nbd", "mbg-nbd", "nbd"])
@pytest.mark.parametrize("drift", [0.0, 0.3])
def test_has_the_chance_to_buy_all_its_digits(name: str, drift: float) -> None:
    rng, worlds = RNG(8), 1000
    theta = np.exp(rng.uniform(-4.0, 4.0, (worlds, 4)))
    x, ages = np.array([0, 0, 3, 3, 900]), np.array([0.0, 7.0, 0.1, 60.0, 700.0])
    end = np.exp(rng.uniform(-30.0, 30.0, worlds))
    end[:2] = 0.0, 1e-300
    drifts = np.full(worlds, drift)
    theta = theta[:, :2] if name == "nbd" else theta
    table = FAMILIES[name].probability_of_purchase(x, ages, theta, drifts, end)
    for i, w in np.ndindex(x.size, worlds):
        k, A = drifted(theta[w, 0] + x[i], theta[w, 1] + ages[i], drift)
        exact = -math.expm1(-k * math.log1p(end[w] / A))
        assert abs(table[i, w] - exact) <= 4 * math.ulp(exact), (i, w)
