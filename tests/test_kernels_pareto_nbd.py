"""Do the Pareto/NBD kernels say what the papers say, and keep digits where the papers' formulas do not?"""

import math

import mpmath
import numpy as np
import pandas as pd
import pytest
from likelihoods import assert_draws_are_single_values, grouped
from published_numbers import Published, published
from scipy import stats

import lifecast as lc
from lifecast.kernels.chebyshev import clenshaw
from lifecast.kernels.never_again import fill_series, log_chance, never_again, place_in_series, series_size
from lifecast.kernels.pareto_nbd import (
    expected_lifetime,
    expected_purchases_if_alive,
    log_likelihood,
    log_likelihood_customer,
    log_likelihood_draws,
    log_likelihood_value,
    log_purchase_pmf,
    probability_alive,
    probability_of_purchase,
)

CDNOW = (0.553, 10.578, 0.606, 11.669)
FORMULAS = [row for row in published("pareto-nbd") if row.is_formula]


def histories(n, seed):
    rng = np.random.default_rng(seed)
    x, T = rng.geometric(0.3, n) - 1, rng.integers(180, 273, n) / 7
    return x, np.where(x > 0, np.ceil(T * rng.beta(2.0, 1.0, n) * 7) / 7, 0.0).clip(max=T), T


def log_uniform(rng, low, high):
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def wide_grid(n, seed):
    """(x, t_x, T, theta) over far more than any log holds, with alpha near beta and far from it."""
    rng = np.random.default_rng(seed)
    for i in range(n):
        x = int(rng.choice([0, 0, 1, 2, 7, 26, 100, 1000, 10_000]))
        T = log_uniform(rng, 0.1, 1000)
        t_x = T * (rng.random() if i % 5 else 1.0 - log_uniform(rng, 1e-12, 1e-3)) if x else 0.0
        alpha, s = log_uniform(rng, 0.01, 500), log_uniform(rng, 1e-6, 100)
        near = log_uniform(rng, 1e-13, 0.1)
        beta = alpha * (1.0 + near) if i % 3 == 0 else log_uniform(rng, 0.01, 500)
        yield x, t_x, T, (log_uniform(rng, 0.02, 20), alpha, s, beta)
    yield 3, 5.0, 5.0, CDNOW
    yield 3, 2.0, 5.0, (0.5, 7.0, 0.6, 7.0)
    yield 0, 0.0, 0.0, CDNOW
    yield 3, 2.0, 5.0, (0.5, 1e-4, 0.6, 1e4)
    yield 3, 2.0, 5.0, (0.5, 1e4, 0.6, 1e-4)
    yield 3, 2.0, 5.0, (0.5, 7.0, 1e6, 1e8)  # all leave at nearly one rate


def papers_likelihood(x, t_x, T, theta):
    """Logs of the likelihood and of its living part, by hypergeometric functions [Fader & Hardie 2005]."""
    r, alpha, s, beta = map(mpmath.mpf, theta)
    t_x, T = mpmath.mpf(t_x), mpmath.mpf(T)
    larger, second = (alpha, s + 1) if alpha >= beta else (beta, r + x)

    def one(t):
        z = abs(alpha - beta) / (larger + t)
        power = (larger + t) ** -(r + s + x)
        return mpmath.hyp2f1(r + s + x, second, r + s + x + 1, z) * power

    alive = (alpha + T) ** -(r + x) * (beta + T) ** -s
    common = mpmath.loggamma(r + x) - mpmath.loggamma(r) + r * mpmath.log(alpha) + s * mpmath.log(beta)
    total = alive + s / (r + s + x) * (one(t_x) - one(T))
    return common + mpmath.log(total), common + mpmath.log(alive)


@pytest.mark.parametrize("row", FORMULAS, ids=lambda row: row.id)
def test_does_each_published_formula_come_out(row: Published):
    given = row.inputs
    theta = tuple(given[name] for name in ("r", "alpha", "s", "beta"))
    x, t_x, T = int(given.get("x", 0)), given.get("t_x", 0.0), given.get("T", 0.0)
    value = probability_alive(x, t_x, T, *theta) * expected_purchases_if_alive(x, T, given["t"], *theta)
    assert value == pytest.approx(row.value, abs=row.tolerance, rel=0)


def test_does_the_card_hold_the_published_formulas():
    assert len(FORMULAS) >= 2


def test_do_likelihood_and_probability_alive_keep_their_digits_over_a_wide_grid():
    with mpmath.workdps(60):
        for x, t_x, T, theta in wide_grid(150, 1):
            log_total, log_alive = papers_likelihood(x, t_x, T, theta)
            for value in (
                log_likelihood_customer(x, t_x, T, *theta),
                log_likelihood_value(*grouped([x], [t_x], [T]), *theta),
            ):
                assert value == pytest.approx(float(log_total), rel=1e-12, abs=2e-11)
            probability = float(mpmath.exp(log_alive - log_total))
            table = lc.ParetoNBD().probability_alive(
                np.array([x]), np.array([t_x]), np.array([T]), np.array([theta])
            )
            for value in (probability_alive(x, t_x, T, *theta), table[0, 0]):
                assert value == pytest.approx(probability, rel=2e-11, abs=1e-300)


def test_is_the_chance_of_never_buying_again_its_hypergeometric_function():
    rng = np.random.default_rng(3)
    with mpmath.workdps(50):
        for i in range(150):
            k = log_uniform(rng, 0.01, 20) + float(rng.choice([0, 0, 1, 7, 100, 10_000]))
            s, A, B = log_uniform(rng, 1e-6, 100), log_uniform(rng, 1e-3, 1e3), log_uniform(rng, 1e-3, 1e3)
            if i % 4 == 0:
                B = A * (1.0 + log_uniform(rng, 1e-14, 0.1))
            larger, second = (A, s + 1) if A > B else (B, k)
            smaller_power = (mpmath.mpf(B) / A) ** s if A > B else (mpmath.mpf(A) / B) ** k
            z = abs(mpmath.mpf(A) - mpmath.mpf(B)) / larger
            exact = mpmath.log(s / (k + s) * smaller_power * mpmath.hyp2f1(second, k + s, k + s + 1, z))
            for value in (never_again(k, s, A, B)[0], log_chance(k, s, A, B)):
                assert value == pytest.approx(float(exact), rel=2e-12, abs=2e-12)


def test_does_the_series_serve_every_age():
    rng = np.random.default_rng(4)
    for i in range(400):
        k = log_uniform(rng, 0.01, 20) + float(rng.choice([0, 0, 1, 7, 100, 10_000]))
        s, alpha = log_uniform(rng, 1e-6, 100), log_uniform(rng, 1e-2, 1e3)
        beta = alpha * (log_uniform(rng, 1e-3, 1e3) if i % 2 else log_uniform(rng, 0.5, 2.0))
        series = np.empty((4, series_size(alpha, beta)))
        fill_series(k, s, alpha, beta, series)
        for T in (0.0, log_uniform(rng, 1e-3, 1e3), 1e9):
            place = place_in_series(math.log(alpha + T), math.log(beta + T), math.log(alpha / beta))
            scale = np.array([1.0, k, s, 1.0])
            exact = np.array(never_again(k, s, alpha + T, beta + T)) * scale
            value = np.array([clenshaw(figure, place) for figure in series]) * scale
            np.testing.assert_allclose(value, exact, rtol=2e-11, atol=2e-11)


def test_is_the_total_the_weighted_sum_of_the_customers():
    x, t_x, T = histories(400, 7)
    weight = np.random.default_rng(8).integers(1, 9, x.size)
    one_by_one = sum(
        w * log_likelihood_customer(int(i), s, t, *CDNOW)
        for i, s, t, w in zip(x, t_x, T, weight, strict=True)
    )
    rows = grouped(x, t_x, T, weight)
    assert log_likelihood_value(*rows, *CDNOW) == pytest.approx(one_by_one, rel=1e-12)
    assert log_likelihood(*rows, *CDNOW)[0] == pytest.approx(log_likelihood_value(*rows, *CDNOW), rel=1e-14)


@pytest.mark.parametrize(
    "theta", [CDNOW, (5.0, 60.0, 0.05, 0.8), (0.1, 0.5, 30.0, 200.0), (2.0, 9.0, 1e-4, 9.0)]
)
def test_is_the_gradient_the_slope_of_the_value(theta):
    x, t_x, T = histories(200, 3)
    x[:4], t_x[:4], T[:4] = [5000, 40, 1, 0], [30.0, 0.5, 1e-6, 0.0], [31.0, 39.0, 39.0, 0.0]
    rows = grouped(x, t_x, T)
    gradient = log_likelihood(*rows, *theta)[1]
    for i, parameter in enumerate(theta):
        step = np.zeros(4)
        step[i] = 1e-4 * parameter
        f = [log_likelihood_value(*rows, *(np.asarray(theta) + m * step)) for m in (-2, -1, 1, 2)]
        slope = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * step[i])
        assert gradient[i] == pytest.approx(slope, rel=1e-7, abs=1e-9 * abs(f[1]) / parameter)


def test_does_a_search_without_an_end_end():
    table = {"customer_id": range(60), "frequency": 0, "recency": 0.0, "T": np.linspace(1.0, 50.0, 60)}
    nobody_came_back = lc.RFM.from_frame(pd.DataFrame(table), time_unit="week")
    flat = lc.CLTV(lc.ParetoNBD(priors="flat"), spend=None, market=None)
    with pytest.warns(lc.LifecastWarning) as warned:
        flat.fit(nobody_came_back, method="map")
    assert any("mode found 0" in str(warning.message) for warning in warned)
    assert np.all(np.isfinite(flat.parameters["mean"]))


def test_do_draws_in_parallel_equal_single_values_on_any_number_of_threads():
    rows = grouped(*histories(300, 5))
    theta = np.exp(np.random.default_rng(6).normal(0, 0.2, (37, 4))) * CDNOW
    assert_draws_are_single_values(log_likelihood_draws, log_likelihood_value, rows, theta)


def test_do_neighbours_in_a_table_leave_a_customer_alone():
    x, t_x, T = histories(60, 9)
    order = np.lexsort((t_x, T, x))
    x, t_x, T = x[order], t_x[order], T[order]
    theta = np.exp(np.random.default_rng(6).normal(0, 0.5, (5, 4))) * CDNOW
    family, drift, end = lc.ParetoNBD(), np.array([0.0, 0.1, 0.5, 0.0, 1.0]), np.full(5, 52.0)
    alive = family.probability_alive(x, t_x, T, theta)
    buys = family.probability_of_purchase(x, T, theta, drift, end)
    for i in range(x.size):
        one = slice(i, i + 1)
        assert np.array_equal(family.probability_alive(x[one], t_x[one], T[one], theta)[0], alive[i])
        assert np.array_equal(family.probability_of_purchase(x[one], T[one], theta, drift, end)[0], buys[i])


def test_is_the_chance_to_buy_the_integral_over_the_first_purchase():
    rng = np.random.default_rng(10)
    with mpmath.workdps(25):
        for x, _, T, theta in wide_grid(25, 11):
            r, alpha, s, beta = theta
            k, A, B, t = r + x, alpha + T, beta + T, log_uniform(rng, 1e-6, 1e4)

            def density(y, k=k, A=A, s=s, B=B):  # of ln(u / A), u the time of the first purchase
                v = mpmath.exp(y)
                return k * v * (1 + v) ** -(k + 1) * (1 + v * A / B) ** -s

            end = mpmath.log(mpmath.mpf(t) / A)
            exact = mpmath.quad(density, mpmath.linspace(min(end, -mpmath.log(k + 1)) - 60, end, 8))
            assert probability_of_purchase(k, A, s, B, t) == pytest.approx(float(exact), rel=1e-11)


def papers_moment(n, u, k, A):
    """Chance of n purchases in u, of a customer who lives: negative binomial."""
    coefficient = mpmath.gamma(k + n) / mpmath.gamma(k) / mpmath.factorial(n)
    return coefficient * (A / (A + u)) ** k * (u / (A + u)) ** n


def test_is_the_chance_of_a_count_the_average_over_the_moment_of_leaving():
    rng = np.random.default_rng(12)
    with mpmath.workdps(30):
        for i in range(25):
            n = int(rng.choice([0, 1, 2, 7, 26, 300]))
            k = mpmath.mpf(log_uniform(rng, 0.05, 20) + float(rng.choice([0, 1, 50, 1000])))
            A, B, t = (mpmath.mpf(log_uniform(rng, 0.1, 1000)) for _ in range(3))
            s = mpmath.mpf(log_uniform(rng, 1e-4, 50))

            def left(y, n=n, k=k, A=A, s=s, B=B, t=t):
                u = t * mpmath.exp(-y)
                return papers_moment(n, u, k, A) * s / B * (1 + u / B) ** -(s + 1) * u

            exact = papers_moment(n, t, k, A) * (B / (B + t)) ** s
            exact += mpmath.quad(left, [0, 0.05, 0.2, 0.5, 1, 2, 3, 4, 6, 8, 12, 20, 40, 80])
            value = log_purchase_pmf(n, float(t), float(k), float(A), float(s), float(B))
            assert value == pytest.approx(float(mpmath.log(exact)), rel=1e-11, abs=2e-11), i


def test_are_counts_told_from_none_at_no_time():
    assert log_purchase_pmf(0, 0.0, *CDNOW) == 0.0
    assert log_purchase_pmf(1, 0.0, *CDNOW) == -math.inf
    assert probability_of_purchase(*CDNOW, 0.0) == 0.0


@pytest.mark.parametrize("B", [0.5, 20.0])
@pytest.mark.parametrize("t", [0.0, 1e-9, 3.0, 1e5])
def test_does_the_expected_lifetime_pass_s_of_one_smoothly(B, t):
    at_one = B * math.log1p(t / B)
    assert expected_lifetime(1.0, B, t) == pytest.approx(at_one, rel=1e-15)
    for s in (1.0 - 1e-13, 1.0 + 1e-13):
        assert expected_lifetime(s, B, t) == pytest.approx(at_one, rel=1e-11)
    with mpmath.workdps(30):
        for s in (1e-6, 0.3, 0.999, 1.001, 4.0, 200.0):
            exact = mpmath.mpf(B) / (mpmath.mpf(s) - 1) * (1 - (1 + mpmath.mpf(t) / B) ** (1 - mpmath.mpf(s)))
            assert expected_lifetime(s, B, t) == pytest.approx(float(exact), rel=1e-13)


def test_is_the_expected_lifetime_for_ever_finite_for_s_above_one_only():
    assert expected_lifetime(1.0, 3.0, math.inf) == expected_lifetime(0.4, 3.0, math.inf) == math.inf
    assert expected_lifetime(2.5, 3.0, math.inf) == 2.0


def test_do_expectations_of_all_ages_at_once_equal_single_ones():
    rng = np.random.default_rng(14)
    S, n = 40, 200
    theta = np.exp(rng.uniform(np.log([0.05, 0.1, 1e-3, 0.1]), np.log([5.0, 200.0, 60.0, 200.0]), (S, 4)))
    x, T = np.sort(rng.integers(0, 40, n)), np.concatenate([[0.0], rng.uniform(0.0, 300.0, n - 1)])
    times = np.exp(rng.uniform(np.log(1e-3), np.log(1e4), (S, 6)))
    together = lc.ParetoNBD().expected_purchases(
        x, T, theta, np.zeros(S), times, np.tile(np.eye(6), (S, 1, 1))
    )
    table = together(x, T)
    for j, i, w in np.ndindex(6, n, S):
        alone = expected_purchases_if_alive(x[i], T[i], times[w, j], *theta[w])
        assert table[j, i, w] == pytest.approx(alone, rel=1e-8)


@pytest.mark.parametrize(
    ("theta", "end"),
    [
        (CDNOW, 52.0),
        ((1.5, 50.0, 40.0, 30.0), 400.0),  # most leave before they could buy: gaps are drawn again and again
        ((0.1, 0.2, 0.3, 500.0), 52.0),
    ],
)
@pytest.mark.parametrize("drift", [0.0, 0.5])
def test_do_simulated_first_purchases_come_when_they_should(theta, end, drift):
    family, n = lc.ParetoNBD(), 40_000
    x, T, parameters = np.array([4]), np.array([20.0]), np.array([theta])
    shock, clock = np.array([drift]), np.array([[0.0, end]])
    certain = np.ones((1, 1))
    p_buys = family.probability_of_purchase(x, T, parameters, shock, clock[:, -1])
    keys = np.random.default_rng(15).integers(0, 2**64, n, np.uint64)
    first, _, _, time = family.simulate_purchases(
        x, T, certain, p_buys, np.zeros(n, np.int64), keys, parameters, shock, clock, clock[0], 1.0
    )
    bought = np.diff(first) > 0
    earliest = time[first[:-1][bought]]
    k = theta[0] + 4.0
    weaker = k / (1.0 + drift * (k + 1.0))
    shapes = weaker, (theta[1] + 20.0) * weaker / k, theta[2], theta[3] + 20.0
    for t in end * np.array([0.05, 0.2, 0.5, 1.0]):
        chance = probability_of_purchase(*shapes, t)
        seen = int(np.sum(earliest <= t))
        assert stats.binomtest(seen, n, chance).pvalue > 1e-6
