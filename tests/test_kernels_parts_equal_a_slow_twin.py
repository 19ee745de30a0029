"""Does each small part of the kernels equal its definition, at 30 digits or by a loop that takes its time?"""

import math

import mpmath
import numpy as np
import pytest

from lifecast.arrays import Floats
from lifecast.kernels import bg_nbd_expectations, bg_nbd_rates, never_again, pareto_nbd
from lifecast.kernels.beta_average import geometric_tail, quadrature_nodes
from lifecast.kernels.bg_bb import (
    add,
    buying_slopes,
    last_opportunities,
    leaving_slopes,
    leaving_table,
    log_probability_table,
    probability_of_purchase,
)
from lifecast.kernels.bg_nbd import one_minus_expit
from lifecast.kernels.chebyshev import chebyshev_points, clenshaw
from lifecast.kernels.clock import calendar_time, stretch_at
from lifecast.kernels.drift import drifted
from lifecast.kernels.interpolation import add_node_weights
from lifecast.kernels.pooling import (
    bank_logs,
    choose_from_banks,
    log_marginal,
    log_marginal_draws,
    log_marginal_gradient,
)
from lifecast.kernels.power_integral import log_one_plus, panels_and_points, power_integral
from lifecast.kernels.shifted_beta_geometric import renewals_pmf, survive
from lifecast.kernels.special import _stirling_remainder, digamma, incomplete_beta, log_gamma_ratio

mp = mpmath.mp
RNG = np.random.default_rng


@pytest.fixture(autouse=True)
def thirty_digits() -> object:
    with mpmath.workdps(30):
        yield


def near(found: float, exact: object, rel: float = 1e-14) -> None:
    """Held at 30 digits: a double's own rounding is all that is forgiven, times a few."""
    if abs(mp.mpf(exact)) < mp.mpf("1e-290") and abs(found) < 1e-290:
        return  # below what a double holds
    assert abs(mp.mpf(float(found)) - exact) <= rel * abs(mp.mpf(exact)), (found, exact)


# -- special functions -----------------------------------------------------------------------------------


def test_are_special_functions_those_of_mpmath() -> None:
    for z in [*RNG(1).uniform(0.01, 30.0, 40), 9.999, 10.0, 10.001, 1e-3, 1e4, 1e8]:
        assert abs(digamma(z) - mp.digamma(z)) < 3e-15 * max(1.0, abs(digamma(z)))
        for step in (1e-9, 0.3, 1.0, 4.7, 1000.0):
            exact = mp.loggamma(mp.mpf(z) + step) - mp.loggamma(z)
            assert abs(log_gamma_ratio(z, step) - exact) < 1e-14 * max(1.0, abs(exact), step)
        assert log_gamma_ratio(z, 0.0) == 0.0
    for z in RNG(2).uniform(10.0, 60.0, 40):
        at = mp.mpf(z)
        exact = mp.loggamma(at) - (at - 0.5) * mp.log(at) + at - mp.log(2 * mp.pi) / 2
        near(_stirling_remainder(z), exact, 1e-14)


@pytest.mark.parametrize(
    "c, d", [(1.0, 0.2), (3.0, 0.25), (26.0, 0.243), (2.0, 7.5), (300.0, 2.0), (0.4, 30.0)]
)
def test_is_the_incomplete_beta_function_that_of_mpmath(c: float, d: float) -> None:
    for odds in (1e-12, 1e-3, 0.2, 1.0, 5.0, 40.0, 1e6):
        z = mp.mpf(odds) / (1 + mp.mpf(odds))
        near(incomplete_beta(odds, c, d), mp.betainc(c, d, 0, z, regularized=True), 1e-12)
    assert incomplete_beta(0.0, c, d) == 0.0


def test_are_logistic_functions_right_without_overflow() -> None:
    for z in (-800.0, -30.0, -1.0, 0.0, 1e-9, 2.5, 30.0, 800.0):
        near(one_minus_expit(z), 1 / (1 + mp.exp(z)))
        near(pareto_nbd.softplus(z), mp.log(1 + mp.exp(z)))
    for y in (0.0, 1e-12, 1e-3, 0.04, 0.0499, 0.05, 0.0501, 0.3, 5.0, 60.0):
        near(bg_nbd_rates.one_minus_exp(y), -mp.expm1(-mp.mpf(y)), 3e-14)
        near(log_one_plus(y), mp.log1p(mp.mpf(y)), 1e-15)


# -- series, clocks, shocks ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_are_chebyshev_series_those_of_numpy(size: int) -> None:
    series = RNG(size).normal(size=size)
    for y in (-1.0, -0.3, 0.0, 0.7, 1.0):
        assert clenshaw(series, y) == pytest.approx(np.polynomial.chebyshev.chebval(y, series), abs=1e-14)
    points, to_series = chebyshev_points(size)
    np.testing.assert_allclose(np.sort(points), np.polynomial.chebyshev.chebpts1(size), atol=1e-15)
    values = np.polynomial.chebyshev.chebval(points, series)
    np.testing.assert_allclose(to_series @ values, series, atol=1e-14)


def test_is_a_time_in_the_stretch_that_it_ends_or_lies_in() -> None:
    edges = np.array([0.0, 2.0, 3.0, 7.0, 8.0])
    clock = np.array([[0.0, 2.0, 3.0, 7.0, 8.0], [0.0, 0.5, 4.0, 5.0, 12.0], [0.0, 6.0, 6.5, 6.6, 7.0]])
    for s, own in enumerate(clock):
        for passed in [*RNG(s).uniform(0.0, own[-1], 50), *own[1:], 1e-9]:
            stretch = stretch_at(passed, clock, s)
            assert own[stretch] < passed <= own[stretch + 1]
            time = calendar_time(passed, clock, s, edges, stretch)
            assert time == pytest.approx(np.interp(passed, own, edges), rel=1e-14)
        assert stretch_at(0.0, clock, s) == 0
        assert stretch_at(1.01 * own[-1], clock, s) == 3  # beyond the end by rounding


def test_does_a_shock_keep_the_mean_and_add_its_variance() -> None:
    for k, A, variance in [(0.3, 4.0, 0.5), (12.0, 40.0, 0.01), (2.0, 1.0, 0.0)]:
        weaker, slower = drifted(k, A, variance)
        assert weaker / slower == pytest.approx(k / A, rel=1e-14)
        # relative variances of independent factors: those of gamma variates are 1 / shape
        assert 1 + 1 / weaker == pytest.approx((1 + variance) * (1 + 1 / k), rel=1e-14)


def test_are_node_weights_lagranges_polynomials_added_up() -> None:
    rng, k = RNG(3), 5
    points = np.cos((2 * np.arange(k) + 1) * np.pi / (2 * k))
    cell, u = rng.integers(0, 3, 20), np.append(rng.uniform(-1.0, 1.0, 18), points[[1, 4]])
    weight = rng.uniform(0.5, 2.0, 20)
    found = add_node_weights(cell, u, weight, points, 3)
    for power in range(k):
        expected = np.bincount(cell, weight * u**power, 3)
        np.testing.assert_allclose(found @ points**power, expected, atol=1e-13)
    hit = add_node_weights(np.array([0]), points[[3]], np.array([7.0]), points, 1)
    np.testing.assert_array_equal(hit, [[0, 0, 0, 7.0, 0]])


# -- averages over the chance to leave -------------------------------------------------------------------


@pytest.mark.parametrize(
    "a, B", [(0.8, 4.4), (0.05, 0.1), (0.06, 300.0), (20.0, 0.2), (3.0, 3.0), (50.0, 200.0)]
)
def test_do_nodes_average_over_the_beta_distribution(a: float, B: float) -> None:
    for reach in (0.1, 30.0, 1e4):
        p, weight = quadrature_nodes(a, B, reach)
        assert math.fsum(weight) == pytest.approx(1.0, abs=1e-14)
        near(float(np.sum(weight * p)), mp.mpf(a) / (a + B), 1e-11)
        near(float(np.sum(weight * p * p)), mp.mpf(a) * (a + 1) / (a + B) / (a + B + 1), 1e-9)
        near(float(np.sum(weight / (1 + p * reach))), mp.hyp2f1(1, a, a + B, -mp.mpf(reach)), 1e-11)
        assert p.size < 260
    inverse = mp.mpf(a + B - 1) / (a - 1) if a > 2 else None
    if inverse:
        near(float(np.sum(weight / p)), inverse, 1e-8)


@pytest.mark.parametrize(
    "shape, s, odds, h", [(0.1, 0.4, 1e-3, 0.3), (0.8, 5.0, 1e-4, 0.25), (2.0, 9.0, 1e-5, 0.3)]
)
def test_is_a_tail_the_sum_of_the_nodes_beyond(shape: float, s: float, odds: float, h: float) -> None:
    def density(at: object) -> object:  # of Beta(shape, s - shape) in ln(p / (1 - p)), but for a factor
        return mp.mpf(at) ** shape / (1 + mp.mpf(at)) ** s

    mean, weight = geometric_tail(odds, float(density(odds)), h, shape, s)
    beyond = [mp.mpf(odds) * mp.exp(-j * mp.mpf(h)) for j in range(1, int(70 / h / min(shape, 1.0)))]
    exact = mp.fsum(density(at) for at in beyond)
    near(weight, exact, 30 * (s * odds) ** 2)
    near(mean, mp.fsum(density(at) * at / (1 + at) for at in beyond) / exact, 30 * (s * odds) ** 2)
    assert geometric_tail(0.06 / s, 1.0, h, shape, s) == (0.5, 0.0)
    assert geometric_tail(0.04 / s, 1.0, h, shape, s)[1] > 0.0


@pytest.mark.parametrize(
    "k, a, B", [(0.3, 0.8, 2.5), (5.0, 0.05, 0.1), (1.0, 0.1, 30.0), (30.0, 8.0, 40.0), (2.0, 3.0, 0.15)]
)
def test_are_rates_the_average_over_the_chance_to_leave(k: float, a: float, B: float) -> None:
    w = np.array([1e-3, 0.3, 4.0, 60.0])
    step, log_p, log_q = bg_nbd_rates.nodes_in_p(a, B, B, (k + 1) * w[-1])
    np.testing.assert_allclose(np.exp(log_p) + np.exp(log_q), 1.0, rtol=1e-14)
    np.testing.assert_allclose(np.diff(log_p - log_q), step, rtol=1e-10)
    logs, found = bg_nbd_rates.logs_at(log_p, w), np.empty(4)
    np.testing.assert_allclose(logs, np.log1p(np.exp(log_p)[:, None] * w), rtol=1e-14)
    bg_nbd_rates.rates_at(k, a, B, w, step, log_p, log_q, logs, found)
    y = np.arange(-900.0, 900.0, 0.02)  # of ln(p / (1 - p)): the trapezoidal rule, without any economy
    log_p, log_q = -np.logaddexp(0.0, -y), -np.logaddexp(0.0, y)
    weight = np.exp(a * log_p + B * log_q - (a * log_p + B * log_q).max())
    p = np.exp(np.maximum(log_p, -600.0))
    for at, rate in zip(w, found, strict=True):
        exact = weight @ (-np.expm1(-k * np.log1p(p * at)) / (p * at)) / weight.sum()
        assert rate == pytest.approx(exact, rel=1e-10)


@pytest.mark.parametrize("drift", [0.0, 0.2])
def test_are_frequencies_of_a_class_that_bend_alike(drift: float) -> None:
    x = np.array([0, 1, 2, 3, 7, 8, 20, 100, 3000])
    youngest, oldest = np.arange(9.0), 30.0 - np.arange(9.0)
    theta = np.array([0.4, 6.0, 3.0, 2.0])
    first, bend, low, high = bg_nbd_expectations.classes(x, youngest, oldest, theta, drift)
    bends, scaled = [], []
    for n in x:
        k, slower = drifted(0.4 + n, 1.0, drift)
        bends.append(next(2.0**m for m in range(40) if 2.0**m >= k * 3.0 / (5.0 + n)))
        scaled.append(slower)
    runs = [i for i in range(9) if i == 0 or bends[i] != bends[i - 1]]
    assert drift > 0.0 or len(runs) > 1
    assert first.tolist() == [*runs, 9]
    assert bend.tolist() == [bends[i] for i in runs]
    for c, (begin, end) in enumerate(zip(runs, [*runs[1:], 9], strict=True)):
        members = range(begin, end)
        assert low[c] == min(scaled[i] * (6.0 + youngest[i]) for i in members)
        assert high[c] == max(scaled[i] * (6.0 + oldest[i]) for i in members)


def test_are_moments_what_times_make_of_each_term() -> None:
    times = np.array([0.0, 0.5, 3.0, math.inf, 9.0])
    weights = np.array([[1.0, 2.0], [0.5, 0.0], [2.0, 1.0], [4.0, 4.0], [0.0, -3.0]])
    A, bend = np.array([2.0, 5.0, 31.0]), 4.0
    reach = math.log(1 + bend * 9.0 / 2.0)
    expected = np.zeros((2, 6, 3))
    for j in (1, 2, 4):
        w = times[j] / A
        y = 2 * np.log(1 + bend * w) / reach - 1
        for m in range(2):
            for c in range(6):
                expected[m, c] += weights[j, m] * w * np.cos(c * np.arccos(np.clip(y, -1.0, 1.0)))
    found = bg_nbd_expectations.moments_of_times(A, bend, reach, 6, times, weights)
    np.testing.assert_allclose(found, expected, atol=1e-7)  # a cosine near its top


@pytest.mark.parametrize("ever", [7.0, math.inf])
def test_is_a_series_in_age_that_through_the_values_at_its_points(ever: float) -> None:
    rng, time, ages = RNG(5), 4, 3
    rates, to_time, to_age = rng.normal(size=time), rng.normal(size=(6, 6)), rng.normal(size=(ages, ages))
    moments, limit = rng.normal(size=(2, time, ages)), np.array([0.0, 2.0])
    series = np.zeros((2, ages))
    bg_nbd_expectations.fill_series(rates, ever, to_time, moments, limit, to_age, series)
    terms = rates @ to_time[:time, :time]
    for m in range(2):
        if limit[m] and math.isinf(ever):
            assert series[m].tolist() == [math.inf, 0.0, 0.0]
        else:
            values = terms @ moments[m] + (limit[m] * ever if limit[m] else 0.0)
            np.testing.assert_allclose(series[m], values @ to_age, rtol=1e-12)


# -- Pareto/NBD ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p, q, a, b", [(2.5, 0.6, 5.0, 40.0), (1.4, 3.0, 9.0, 0.7), (40.0, 0.01, 1.0, 1.0)])
def test_is_the_integral_of_two_powers_right(p: float, q: float, a: float, b: float) -> None:
    for end in (1e-6, 0.5, 30.0, 1e5):
        found = power_integral(p, q, a, b, math.log1p(end / a), math.log1p(end / b))

        def integrand(y: object) -> object:
            v = mp.expm1(y)
            return (1 + v / a) ** -p * (1 + v / b) ** -q * (1 + v)

        reach = mp.log1p(mp.mpf(end))
        near(found, mp.quad(integrand, mp.linspace(0, reach, 9)), 1e-12)


def test_do_panels_grow_with_the_reach_and_points_with_the_drop() -> None:
    assert [panels_and_points(reach, 0.0)[0] for reach in (0.0, 1.0, 12.0, 12.1, 24.0, 60.5)] == [
        1,
        1,
        1,
        2,
        2,
        6,
    ]
    for reach, drop in [(3.0, 40.0), (12.0, 45.0), (0.1, 0.5), (60.0, 10.0), (5.0, -3.0)]:
        panels, points = panels_and_points(reach, drop)
        width = reach / panels
        assert points == min(64, math.ceil(3 + math.sqrt(6.5 * max(drop, 0.0) + 12 * width * width)))


@pytest.mark.parametrize(
    "k, s, ratio", [(0.5, 0.6, 1.0), (3.0, 2.0, 0.3), (0.2, 7.0, 40.0), (0.02, 0.03, 0.2), (0.03, 0.02, 5.0)]
)
def test_is_the_chance_never_to_buy_again_hypergeometric(k: float, s: float, ratio: float) -> None:
    A, B = 10.0 * ratio, 10.0

    def exact(k: object, s: object, log_ratio: object) -> object:
        # s / B times the integral of (1 + u/A)^-k (1 + u/B)^-(s+1)
        integral = mp.quad(
            lambda y: mp.exp(y) * (1 + mp.expm1(y) * mp.exp(-log_ratio)) ** -k * mp.exp(-(s + 1) * y),
            [0, 1, 5, 20, 100, 1000, 30000],
        )
        return mp.log(s * integral)

    at = (mp.mpf(k), mp.mpf(s), mp.log(mp.mpf(ratio)))
    found = never_again.never_again(k, s, A, B)
    near(found[0], exact(*at), 1e-11)
    near(never_again.log_chance(k, s, A, B), exact(*at), 1e-11)
    step = mp.mpf(10) ** -8
    for place in range(3):
        up, down = list(at), list(at)
        up[place] += step
        down[place] -= step
        slope = (exact(*up) - exact(*down)) / (2 * step)
        assert abs(found[1 + place] - slope) < 1e-9 * max(1, abs(slope))


def test_has_a_series_the_place_of_every_age() -> None:
    for alpha, beta in [(10.0, 12.0), (0.5, 90.0), (300.0, 2.0)]:
        whole = math.log(alpha / beta)
        for T in (0.0, 3.0, 1e3, 1e12):
            place = never_again.place_in_series(math.log(alpha + T), math.log(beta + T), whole)
            exact = 2 * (math.log(alpha + T) - math.log(beta + T)) / whole - 1
            assert place == pytest.approx(min(max(exact, -1.0), 1.0), abs=1e-12)
            assert -1.0 <= place <= 1.0
    assert -1.0 <= never_again.place_in_series(3.0, 3.0, 0.0) <= 1.0


def test_are_series_made_where_they_pay() -> None:
    assert never_again.series_size(7.0, 7.0) == 6
    assert never_again.series_size(math.e, 1.0) == 11
    assert never_again.series_size(1.0, math.e**11.6) == 64
    assert never_again.series_size(1.0, math.e**11.61) == 0


@pytest.mark.parametrize("alpha, beta", [(10.0, 12.0), (0.5, 90.0), (7.0, 7.0)])
def test_do_series_give_the_figures_between_their_ends(alpha: float, beta: float) -> None:
    k, s, T = 2.3, 0.6, 25.0
    size = never_again.series_size(alpha, beta)
    four, one = np.full((4, size), 9.0), np.full((1, size), 9.0)
    never_again.fill_series(k, s, alpha, beta, four)
    never_again.fill_series(k, s, alpha, beta, one)
    place = never_again.place_in_series(math.log(alpha + T), math.log(beta + T), math.log(alpha / beta))
    expected = never_again.never_again(k, s, alpha + T, beta + T)
    np.testing.assert_allclose([clenshaw(series, place) for series in four], expected, rtol=1e-10)
    np.testing.assert_allclose(one[0], four[0], atol=1e-10)
    log = never_again.log_never_again
    x = never_again.MOST_PURCHASES
    given = (s, alpha + T, beta + T)
    assert log(one[0], place, x, k - x, *given) == clenshaw(one[0], place)
    assert log(one[0], place, x + 1, k, *given) == never_again.log_chance(k + x + 1, *given)
    assert log(one[0][:0], place, 1, k, *given) == never_again.log_chance(k + 1, *given)
    figures = never_again.never_again_figures
    np.testing.assert_allclose(figures(four, place, x, k - x, *given), expected, rtol=1e-10)
    assert figures(four, place, x + 1, k, *given) == never_again.never_again(k + x + 1, *given)
    assert figures(four[:, :0], place, 1, k, *given) == never_again.never_again(k + 1, *given)


def test_is_the_chance_to_live_what_silence_leaves_of_it() -> None:
    for silent, never in [(-3.0, 0.01), (-0.2, 0.5), (0.0, 0.9), (0.4, 0.3), (6.0, 0.99), (700.0, 0.5)]:
        exact = 1 / (1 + mp.exp(silent) - mp.mpf(never))
        near(pareto_nbd.alive(silent, never), exact)
        near(pareto_nbd.minus_log_alive(silent, never), -mp.log(exact))
    assert pareto_nbd.alive(-1.0, math.exp(-1.0) * (1 + 1e-15)) == 1.0  # rounding makes no one immortal
    assert pareto_nbd.minus_log_alive(-1.0, math.exp(-1.0) * (1 + 1e-15)) == 0.0


@pytest.mark.parametrize(
    "n, k, s, log_kappa", [(1, 0.6, 0.6, 0.0), (3, 2.0, 0.1, 3.0), (40, 41.0, 7.0, -2.0)]
)
def test_does_the_density_of_leaving_fall_where_its_slope_is_negative(
    n: int, k: float, s: float, log_kappa: float
) -> None:
    def log_density(y: object) -> object:  # at u = A e^y
        u = mp.exp(y)
        there = (n + 1) * mp.log(u) - (n + k) * mp.log(1 + u)
        return there - (s + 1) * mp.log(1 + u * mp.exp(log_kappa))

    for y in np.linspace(-8.0, 8.0, 33):
        assert abs(pareto_nbd._log_leaving(n, y, k, s, log_kappa) - log_density(mp.mpf(y))) < 1e-12
    top = mp.findroot(lambda y: mp.diff(log_density, y), (-9.0, 9.0), solver="bisect", tol=1e-15)
    for away in (1e-6, 0.1, 3.0):
        assert pareto_nbd._leaving_falls(n, float(top) + away, k, s, log_kappa)
        assert not pareto_nbd._leaving_falls(n, float(top) - away, k, s, log_kappa)
    for end in (float(top) - 4.0, float(top), float(top) + 3.0, 30.0):
        cuts = {end - away for away in (80, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0)}
        cuts |= {float(top) + away for away in (-3.0, -1.0, -0.3, 0.0, 0.3, 1.0, 3.0)}
        exact = mp.log(mp.quad(lambda y: mp.exp(log_density(y)), sorted(cut for cut in cuts if cut <= end)))
        found = pareto_nbd._log_integral_over_leaving(n, end, k, s, log_kappa)
        assert abs(found - exact) < 1e-10 * max(1.0, abs(exact))


# -- opportunities ---------------------------------------------------------------------------------------


def test_does_a_running_sum_keep_what_rounding_takes() -> None:
    total, lost = 0.0, 0.0
    terms = [1e16, 1.0, -1e16, 1e-3, 3.0, -1e9]
    for term in terms:
        total, lost = add(total, lost, term)
    assert total + lost == math.fsum(terms)


def test_is_the_last_opportunity_the_latest_of_the_same_frequency() -> None:
    x, T = np.array([0, 0, 0, 3, 3, 7]), np.array([5.0, 9.0, 2.0, 4.0, 11.0, 8.0])
    assert [last_opportunities(x, T, first) for first in (0, 3, 5)] == [9, 11, 8]


BETAS = mpmath.mpf("1.204"), mpmath.mpf("0.75"), mpmath.mpf("0.657"), mpmath.mpf("2.783")


def log_g(x: int, j: int, a: object, b: object, c: object, d: object) -> object:
    """Of a history that ends with x purchases in which the customer leaves right before j + 1."""
    bought = mp.beta(a + x, b + j - x) / mp.beta(a, b)
    return mp.log(bought * mp.beta(c + 1, d + j) / mp.beta(c, d))


def slope(of: object, place: int) -> object:
    def along(value: object) -> object:
        return of(*BETAS[:place], value, *BETAS[place + 1 :])  # type: ignore[operator]

    return mp.diff(along, BETAS[place])


def test_are_tables_of_opportunities_and_their_slopes_those_of_beta_functions() -> None:
    betas = tuple(float(each) for each in BETAS)

    def log_bought(x: int) -> object:
        return lambda a, b, c, d: mp.log(
            mp.beta(a + x, b) / mp.beta(a, b) * mp.beta(c, d + x) / mp.beta(c, d)
        )

    table, slopes = log_probability_table(6, *betas), buying_slopes(6, *betas)
    for x in range(7):
        assert abs(table[x] - log_bought(x)(*BETAS)) < 1e-14  # type: ignore[operator]
        for m in range(4):
            assert abs(slopes[x, m] - slope(log_bought(x), m)) < 1e-12
    x, last = 2, 9
    logs, tail = leaving_table(x, last, table[x], *betas)
    by, tail_by = leaving_slopes(x, last, slopes[x], *betas)
    for i, j in enumerate(range(x, last + 1)):

        def later(*at: object, j: int = j) -> object:
            return mp.fsum(mp.exp(log_g(x, m, *at)) for m in range(j, last))

        assert abs(logs[i] - log_g(x, j, *BETAS)) < 1e-13
        own = mp.exp(log_g(x, j, *BETAS))
        assert abs(tail[i] - later(*BETAS) / own) < 1e-12
        for m in range(4):
            assert abs(by[i, m] - slope(lambda *at, j=j: log_g(x, j, *at), m)) < 1e-12
            assert abs(tail_by[i, m] - slope(later, m) / own) < 1e-11


@pytest.mark.parametrize("x, T", [(0, 0.0), (3, 7.0), (7, 7.0)])
def test_is_the_chance_to_buy_one_less_that_of_never(x: int, T: float) -> None:
    alpha, beta, gamma, delta = BETAS
    a, b, d = alpha + x, beta + T - x, delta + T
    for t in (1, 4, 60):
        # leaves before the j-th opportunity, or stays for all of them, and never buys
        def silent(j: int) -> object:
            return mp.beta(a, b + j) / mp.beta(a, b)

        leaves = [mp.beta(gamma + 1, d + j) / mp.beta(gamma, d) for j in range(t)]
        never = mp.fsum(leaves[j] * silent(j) for j in range(t))
        never += mp.beta(gamma, d + t) / mp.beta(gamma, d) * silent(t)
        found = probability_of_purchase(x, T, float(t), *(float(each) for each in BETAS))
        near(found, 1 - never, 1e-13)
    assert probability_of_purchase(x, T, 0.0, *(float(each) for each in BETAS)) == 0.0


@pytest.mark.parametrize(
    "alpha, beta", [(0.668, 3.806), (1.0, 2.0), (1.0 + 1e-8, 2.0), (4.0, 0.3), (0.02, 90.0)]
)
def test_are_survival_and_its_sum_right_for_few_steps_and_many(alpha: float, beta: float) -> None:
    at, b = mp.mpf(alpha), mp.mpf(beta)
    for n in (0, 1, 2, 63, 64, 65, 66, 400):
        survival, total = survive(n, alpha, beta)
        each = [mp.beta(at, b + i) / mp.beta(at, b) for i in range(1, n + 1)]
        near(survival, mp.beta(at, b + n) / mp.beta(at, b), 1e-12)
        near(total, mp.fsum(each), 1e-11) if n else None
        if n:
            leaves = mp.beta(at + 1, b + n - 1) / mp.beta(at, b)
            near(renewals_pmf(n - 1, float(n), alpha, beta), leaves, 1e-12)
        near(renewals_pmf(n, float(n), alpha, beta), survival, 1e-12)
        assert renewals_pmf(n + 1, float(n), alpha, beta) == 0.0


# -- groups ----------------------------------------------------------------------------------------------


def banks_of(groups: int, points: int, d: int) -> tuple[Floats, Floats, Floats, Floats]:
    rng = RNG(6)
    banks, l = rng.normal(size=(groups, points, d)), rng.normal(0.0, 3.0, (groups, points))  # noqa: E741
    return banks, l, rng.normal(size=d), rng.normal(0.0, 0.5, d)


def test_is_the_marginal_likelihood_of_groups_a_mean_of_normals() -> None:
    banks, l, mu, log_tau = banks_of(3, 7, 2)  # noqa: E741

    def slow(mu: Floats, log_tau: Floats) -> float:
        total = 0.0
        for g in range(3):
            terms = []
            for m in range(7):
                density = sum(
                    -log_tau[j] - 0.5 * ((banks[g, m, j] - mu[j]) / math.exp(log_tau[j])) ** 2
                    for j in range(2)
                )
                terms.append(math.exp(l[g, m] + density))
            total += math.log(math.fsum(terms) / 7)
        return total

    assert log_marginal(banks, l, mu, log_tau) == pytest.approx(slow(mu, log_tau), rel=1e-13)
    both = np.array([[*mu, *log_tau], [*log_tau, *mu]])
    expected = [slow(mu, log_tau), slow(log_tau, mu)]
    np.testing.assert_allclose(log_marginal_draws(banks, l, both), expected, rtol=1e-12)
    value, gradient = log_marginal_gradient(banks, l, mu, log_tau)
    assert value == pytest.approx(slow(mu, log_tau), rel=1e-13)
    for j in range(2):
        step = 1e-6 * np.eye(2)[j]
        by_mu = (slow(mu + step, log_tau) - slow(mu - step, log_tau)) / 2e-6
        by_tau = (slow(mu, log_tau + step) - slow(mu, log_tau - step)) / 2e-6
        assert gradient[j] == pytest.approx(by_mu, rel=1e-6)
        assert gradient[2 + j] == pytest.approx(by_tau, rel=1e-6)
    logs = np.empty(7)
    assert bank_logs(banks[0], l[0], mu, log_tau, logs) == logs.max()


def test_is_a_point_chosen_where_the_uniform_falls() -> None:
    banks, l, mu, log_tau = banks_of(3, 7, 2)  # noqa: E741
    points = np.tile(np.append(mu, log_tau), (40, 1))
    uniforms = RNG(7).random((40, 3))
    uniforms[0], uniforms[1] = 0.0, 1.0
    chosen = choose_from_banks(banks, l, points, uniforms)
    for g in range(3):
        logs = np.empty(7)
        bank_logs(banks[g], l[g], mu, log_tau, logs)
        upto = np.cumsum(np.exp(logs - logs.max()))
        for s in range(40):
            place = min(int(np.searchsorted(upto, uniforms[s, g] * upto[-1])), 6)
            np.testing.assert_array_equal(chosen[s, g], banks[g, place])
