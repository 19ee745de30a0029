"""Do the BG/NBD kernels say what the model says: published numbers, slow twins, extremes?"""

import math

import mpmath
import numpy as np
import pytest
from likelihoods import assert_draws_are_single_values, grouped
from published_numbers import Published, published
from scipy import integrate, stats

from lifecast.kernels.beta_average import quadrature_nodes
from lifecast.kernels.bg_nbd import (
    expected_discounted_purchases_if_alive,
    expected_purchases_at_nodes,
    expected_purchases_if_alive,
    probability_alive,
    purchase_pmf,
)
from lifecast.kernels.bg_nbd_likelihood import (
    log_likelihood,
    log_likelihood_customer,
    log_likelihood_draws,
    log_likelihood_value,
)
from lifecast.kernels.gamma_gamma import expected_spend

CDNOW = (0.243, 4.414, 0.793, 2.426)
FORMULAS = [row for row in published("bg-nbd") if row.is_formula]
WEEKS_PER_MONTH = 30.4375 / 7


def customers(n, seed):
    """Histories like CDNOW's, by the model's own story."""
    rng = np.random.default_rng(seed)
    r, alpha, a, b = CDNOW
    x, t_x = np.zeros(n, np.int64), np.zeros(n)
    T = rng.integers(180, 273, n) / 7
    for i in range(n):
        rate, dropout = rng.gamma(r) / alpha, rng.beta(a, b)
        now = rng.exponential(1 / rate)
        while now <= T[i]:
            x[i], t_x[i] = x[i] + 1, now
            if rng.random() < dropout:
                break
            now += rng.exponential(1 / rate)
    return x, t_x, T


def answer(row: Published) -> float:
    given = row.inputs
    theta = tuple(given[name] for name in ("r", "alpha", "a", "b"))
    x, t_x, T, t = int(given.get("x", 0)), given.get("t_x", 0.0), given.get("T", 0.0), given.get("t", 0.0)
    if row.quantity == "P(X(t)=n)":
        return purchase_pmf(int(given["n"]), t, *theta)
    if row.quantity == "P(alive)":
        return probability_alive(x, t_x, T, *theta)
    if row.quantity == "log-likelihood of a customer":
        return log_likelihood_customer(x, t_x, T, *theta)
    if row.quantity in ("E[X(t)]", "E[X(T,T+t)]"):
        return probability_alive(x, t_x, T, *theta) * expected_purchases_if_alive(x, T, t, *theta)
    assert row.quantity == "E[discounted value], 12 months"
    rate = math.log(1.01) / WEEKS_PER_MONTH
    purchases = expected_discounted_purchases_if_alive(x, T, 0.0, 12 * WEEKS_PER_MONTH, rate, *theta)
    of_amounts = np.array([[given["p"], given["q"], given["v"]]])
    spend = expected_spend(np.array([x]), np.array([given["m"]]), of_amounts).item()
    return probability_alive(x, t_x, T, *theta) * purchases * spend


@pytest.mark.parametrize("row", FORMULAS, ids=lambda row: row.id)
def test_does_each_published_formula_come_out(row):
    assert answer(row) == pytest.approx(row.value, abs=row.tolerance, rel=0)


def test_does_the_card_hold_the_published_formulas():
    assert len(FORMULAS) >= 19


@pytest.mark.parametrize(
    ("x", "t_x", "T"), [(0, 0.0, 38.86), (1, 1.71, 38.86), (7, 29.43, 38.86), (26, 30.86, 31.0)]
)
@pytest.mark.parametrize("theta", [CDNOW, (2.0, 9.0, 3.0, 1.5)])
def test_is_the_likelihood_the_integral_over_rate_and_dropout(x, t_x, T, theta):
    r, alpha, a, b = theta

    def alive(rate):  # purchases at the given times, then none until T
        return stats.gamma.pdf(rate, r, scale=1 / alpha) * rate**x * math.exp(-rate * T)

    def dead(rate):  # ... then gone at t_x
        return stats.gamma.pdf(rate, r, scale=1 / alpha) * rate**x * math.exp(-rate * t_x)

    def over(density):
        # rate = e^u: the density of the rate has a pole at 0 for r < 1
        return integrate.quad(lambda u: density(math.exp(u)) * math.exp(u), -60 / r, 5, epsabs=0, limit=500)[
            0
        ]

    p = stats.beta(a, b)
    likelihood = over(alive) * p.expect(lambda p: (1 - p) ** x)
    if x > 0:
        likelihood += over(dead) * p.expect(lambda p: p * (1 - p) ** (x - 1))
    assert log_likelihood_customer(x, t_x, T, *theta) == pytest.approx(math.log(likelihood), rel=1e-7)


def test_is_the_total_the_weighted_sum_of_the_customers():
    x, t_x, T = customers(400, 7)
    weight = np.random.default_rng(8).integers(1, 9, x.size)
    one_by_one = sum(
        w * log_likelihood_customer(int(i), s, t, *CDNOW)
        for i, s, t, w in zip(x, t_x, T, weight, strict=True)
    )
    rows = grouped(x, t_x, T, weight)
    assert log_likelihood_value(*rows, *CDNOW) == pytest.approx(one_by_one, rel=1e-13)
    assert log_likelihood(*rows, *CDNOW)[0] == log_likelihood_value(*rows, *CDNOW)


@pytest.mark.parametrize("theta", [CDNOW, (5.0, 60.0, 0.05, 8.0), (0.1, 0.5, 30.0, 200.0)])
def test_is_the_gradient_the_slope_of_the_value(theta):
    x, t_x, T = customers(200, 3)
    x[:3], t_x[:3], T[:3] = [5000, 40, 1], [30.0, 0.5, 1e-6], [31.0, 39.0, 39.0]
    rows = grouped(x, t_x, T)
    gradient = log_likelihood(*rows, *theta)[1]
    for i, parameter in enumerate(theta):
        step = np.zeros(4)
        step[i] = 1e-5 * parameter
        f = [log_likelihood_value(*rows, *(np.asarray(theta) + m * step)) for m in (-2, -1, 1, 2)]
        slope = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * step[i])
        assert gradient[i] == pytest.approx(slope, rel=1e-6, abs=1e-6 * abs(f[1]) / parameter)


def test_do_draws_in_parallel_equal_single_values_on_any_number_of_threads():
    rows = grouped(*customers(300, 5))
    theta = np.exp(np.random.default_rng(6).normal(0, 0.2, (37, 4))) * CDNOW
    assert_draws_are_single_values(log_likelihood_draws, log_likelihood_value, rows, theta)


def wide_grid(n, seed):
    """(x, T, t, theta) over far more than any log holds."""
    rng = np.random.default_rng(seed)

    def log_uniform(low, high):
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    for _ in range(n):
        x = int(rng.choice([0, 0, 1, 2, 7, 26, 100, 1000, 10_000]))
        T = log_uniform(0.1, 1000) if x else 0.0
        theta = (log_uniform(0.05, 20), log_uniform(0.1, 200), log_uniform(0.01, 50), log_uniform(0.05, 300))
        yield x, T, log_uniform(1e-6, 1e6), theta


def exact_likelihood_terms(x, t_x, T, theta):
    """Logs of the alive and the dead term of the likelihood, as the paper has them."""
    r, alpha, a, b = map(mpmath.mpf, theta)
    common = (
        mpmath.loggamma(r + x) - mpmath.loggamma(r) + r * mpmath.log(alpha) - mpmath.log(mpmath.beta(a, b))
    )
    alive = common + mpmath.log(mpmath.beta(a, b + x)) - (r + x) * mpmath.log(alpha + mpmath.mpf(T))
    if x == 0:
        return alive, None
    dead = common + mpmath.log(mpmath.beta(a + 1, b + x - 1)) - (r + x) * mpmath.log(alpha + mpmath.mpf(t_x))
    return alive, dead


def test_do_likelihood_and_probability_alive_keep_their_digits_over_a_wide_grid():
    rng = np.random.default_rng(2)
    with mpmath.workdps(40):
        for x, T, _, theta in wide_grid(300, 1):
            t_x = T * rng.random() if x else 0.0
            alive, dead = exact_likelihood_terms(x, t_x, T, theta)
            odds_dead = mpmath.exp(dead - alive) if x else mpmath.mpf(0)
            total = alive + mpmath.log1p(odds_dead)
            for value in (
                log_likelihood_customer(x, t_x, T, *theta),
                log_likelihood_value(*grouped([x], [t_x], [T]), *theta),
            ):
                assert value == pytest.approx(float(total), rel=1e-12, abs=1e-12)
            if odds_dead < 1e290:
                exact = float(1 / (1 + odds_dead))
                assert probability_alive(x, t_x, T, *theta) == pytest.approx(exact, rel=1e-12)


def exact_expectation(k, w, a, B):
    """E[(1 - (1 + p w)^-k) / p], p ~ Beta(a, B), by the hypergeometric function in its tame (Pfaff) form."""
    k, w, a, B = map(mpmath.mpf, (k, w, a, B))
    return float((a + B - 1) / (a - 1) * (1 - mpmath.hyp2f1(k, a - 1, a + B - 1, -w)))


def test_do_expected_purchases_keep_their_digits_over_a_wide_grid():
    with mpmath.workdps(50):
        for x, T, t, theta in wide_grid(150, 4):
            r, alpha, a, b = theta
            if x > 1000:  # minutes in mpmath: the series below takes these
                continue
            exact = exact_expectation(r + x, t / (alpha + T), a, b + x)
            assert expected_purchases_if_alive(x, T, t, *theta) == pytest.approx(exact, rel=2e-12)


def positive_series(k, w, a, B):
    """The same by N ~ NB(k, w), the purchases had nobody left: the sum of P(N > n) E[(1-p)^n]."""
    last = int(stats.nbinom.isf(1e-18, k, 1 / (1 + w))) + 10
    n = np.arange(last)
    # (1-p)^j averaged over p: (B)_j / (a+B)_j
    still = np.concatenate([[1.0], np.cumprod((B + n[:-1]) / (a + B + n[:-1]))])
    return float(np.sum(stats.nbinom.sf(n, k, 1 / (1 + w)) * still))


@pytest.mark.parametrize("x", [0, 3, 200, 10_000])
@pytest.mark.parametrize("a", [0.01, 0.5, 1.0, 1.0000001, 4.0, 50.0])
@pytest.mark.parametrize("w", [1e-4, 0.5, 6.0])
def test_do_expected_purchases_equal_their_all_positive_series(x, a, w):
    alpha, T, r, b = 4.0, 30.0, 0.3, 2.5
    value = expected_purchases_if_alive(x, T, w * (alpha + T), r, alpha, a, b)
    assert value == pytest.approx(positive_series(r + x, w, a, b + x), rel=5e-11)


def test_do_nodes_made_for_a_far_horizon_serve_every_nearer_one():
    for x, T, t, theta in wide_grid(200, 9):
        r, alpha, a, b = theta
        p, weight = quadrature_nodes(a, b + x, 1e4 * (r + x + 1) * t / (alpha + T))
        reused = expected_purchases_at_nodes(r + x, t / (alpha + T), p, weight)
        assert reused == pytest.approx(expected_purchases_if_alive(x, T, t, *theta), rel=2e-12)


def test_does_the_infinite_horizon_close_the_finite_ones():
    r, alpha, _, b = CDNOW
    for a in (1.5, 4.0):
        forever = expected_purchases_if_alive(3, 20.0, math.inf, r, alpha, a, b)
        assert forever == pytest.approx((a + b + 2) / (a - 1))
        assert expected_purchases_if_alive(3, 20.0, 1e30, r, alpha, a, b) == pytest.approx(forever, rel=1e-10)
    assert expected_purchases_if_alive(3, 20.0, math.inf, *CDNOW) == math.inf
    assert expected_purchases_if_alive(3, 20.0, 0.0, *CDNOW) == 0.0


@pytest.mark.parametrize("t", [0.01, 5.0, 39.0, 200.0])
@pytest.mark.parametrize("theta", [CDNOW, (2.0, 9.0, 3.0, 1.5)])
def test_does_the_pmf_add_up_to_one_and_to_the_expectation(t, theta):
    pmf = np.array([purchase_pmf(n, t, *theta) for n in range(4000)])
    assert pmf.sum() == pytest.approx(1.0, abs=1e-10)
    assert (pmf * np.arange(4000)).sum() == pytest.approx(
        expected_purchases_if_alive(0, 0.0, t, *theta), rel=1e-8
    )


def test_does_the_pmf_keep_its_digits_to_a_thousand_purchases():
    with mpmath.workdps(60):
        for (_, _, t, theta), n in zip(wide_grid(120, 12), [0, 1, 2, 20, 100, 1000] * 20, strict=True):
            r, alpha, a, b = map(mpmath.mpf, theta)
            z = mpmath.mpf(t) / (alpha + mpmath.mpf(t))
            exact = mpmath.rf(r, n) / mpmath.factorial(n) * (1 - z) ** r * z**n
            if n > 0:
                exact += a / (b + n - 1) * mpmath.betainc(n, r, 0, z, regularized=True)
            exact *= mpmath.rf(b, n) / mpmath.rf(a + b, n)
            if exact > 1e-290:
                assert purchase_pmf(n, t, *theta) == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize(("t1", "t2"), [(0.0, 52.0), (10.0, 39.0), (0.0, math.inf), (26.0, math.inf)])
@pytest.mark.parametrize(
    ("x", "T", "theta"),
    [(0, 38.86, CDNOW), (26, 31.0, CDNOW), (0, 0.0, (20.0, 5.0, 50.0, 0.05))],
)
def test_is_the_discounted_expectation_the_integral_of_the_purchase_rate(x, T, theta, t1, t2):
    r, alpha, a, b = theta
    delta = 0.0018
    k, A, B = r + x, alpha + T, b + x

    def discounted_rate(y):  # at time A e^y - A after T
        s = A * mpmath.expm1(y)
        return k * mpmath.hyp2f1(k + 1, a, a + B, -s / A) * mpmath.exp(y - delta * s)

    with mpmath.workdps(20):
        ends = [mpmath.log1p(s / A) for s in (t1, t1 + 45 / delta if t2 == math.inf else t2)]
        exact = float(mpmath.quad(discounted_rate, mpmath.linspace(*ends, 6), maxdegree=4))
    value = expected_discounted_purchases_if_alive(x, T, t1, t2, delta, *theta)
    # a late window of a customer who has left by then keeps the digits of the whole, not its own
    whole = expected_purchases_if_alive(x, T, t1 + 100.0, *theta)
    assert value == pytest.approx(exact, rel=1e-11, abs=1e-13 * whole)


def test_does_a_vanishing_discount_rate_join_on_to_none():
    for x, T in ((0, 38.86), (26, 31.0)):
        none = expected_discounted_purchases_if_alive(x, T, 4.0, 39.0, 0.0, *CDNOW)
        until = [expected_purchases_if_alive(x, T, t, *CDNOW) for t in (4.0, 39.0)]
        assert none == until[1] - until[0]
        assert expected_discounted_purchases_if_alive(x, T, 4.0, 39.0, 1e-12, *CDNOW) == pytest.approx(
            none, rel=1e-9
        )
    assert expected_discounted_purchases_if_alive(0, 38.86, 4.0, 4.0, 0.01, *CDNOW) == 0.0
    assert expected_discounted_purchases_if_alive(0, 38.86, 4.0, math.inf, 0.0, *CDNOW) == math.inf


def test_do_the_published_parameters_agree_with_customers_who_live_by_them():
    x, _, T = customers(20_000, 21)
    ages, buyers = np.unique(T, return_counts=True)
    expected = [expected_purchases_if_alive(0, 0.0, age, *CDNOW) for age in ages]
    assert abs(x.mean() - np.average(expected, weights=buyers)) < 4 * x.std() / math.sqrt(x.size)
