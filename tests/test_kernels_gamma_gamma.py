"""Do the Gamma-Gamma kernels say what the model says: published numbers, slow twins, extremes?"""

import math

import mpmath
import numpy as np
import pytest
from published_numbers import published
from scipy import integrate, stats

from lifecast.kernels.gamma_gamma import (
    expected_spend,
    log_likelihood_amounts,
    log_likelihood_amounts_draws,
    log_likelihood_amounts_value,
    log_likelihood_means,
    log_likelihood_means_draws,
    log_likelihood_means_value,
)
from lifecast.kernels.special import digamma, incomplete_beta, log_gamma_ratio

CDNOW = (6.25, 3.74, 15.44)
FORMULAS = [row for row in published("gamma-gamma") if row.is_formula]


def spend(n, m, p, q, v):
    """Of one customer in one world."""
    ((amount,),) = expected_spend(np.array([n]), np.array([m]), np.array([[p, q, v]]))
    return amount


def customers(n, seed):
    """Numbers of amounts, their mean and the mean of their logs, by the model's own story; some with none."""
    rng = np.random.default_rng(seed)
    p, q, v = CDNOW
    count = rng.geometric(0.4, n) - 1
    m, log_mean = np.zeros(n), np.zeros(n)
    for i in np.flatnonzero(count):
        amounts = rng.gamma(p, size=count[i]) / (rng.gamma(q) / v)
        m[i], log_mean[i] = amounts.mean(), np.log(amounts).mean()
    return count.astype(np.int64), m, log_mean


def grouped(count, *columns, weight=None):
    """Rows as the likelihoods take them: distinct n, codes, the columns, weights."""
    distinct, code = np.unique(np.asarray(count, np.int64), return_inverse=True)
    weight = np.ones(len(count)) if weight is None else np.asarray(weight, float)
    return (distinct, code.astype(np.int64), *(np.asarray(c, float) for c in columns), weight)


@pytest.mark.parametrize("row", FORMULAS, ids=lambda row: row.id)
def test_does_each_published_formula_come_out(row):
    assert row.quantity == "E[M]"
    given = row.inputs
    value = spend(int(given["n"]), given["m"], given["p"], given["q"], given["v"])
    assert value == pytest.approx(row.value, abs=row.tolerance, rel=0)


def test_does_the_card_hold_the_published_formulas():
    assert len(FORMULAS) >= 4


def test_is_the_likelihood_of_amounts_their_density_averaged_over_the_rate():
    amounts = np.array([12.0, 30.5, 8.25])
    p, q, v = CDNOW

    def density(rate):
        return stats.gamma.pdf(rate, q, scale=1 / v) * np.prod(stats.gamma.pdf(amounts, p, scale=1 / rate))

    exact = math.log(integrate.quad(density, 0, 10, epsabs=0, limit=200)[0])
    rows = grouped([3], [amounts.mean()], [np.log(amounts).mean()])
    assert log_likelihood_amounts_value(*rows, *CDNOW) == pytest.approx(exact, rel=1e-9)


def test_is_the_likelihood_of_the_mean_its_density_averaged_over_the_rate():
    p, q, v = CDNOW

    def density(rate):  # the mean of 3 amounts is gamma with shape 3 p and rate 3 nu
        return stats.gamma.pdf(rate, q, scale=1 / v) * stats.gamma.pdf(17.0, 3 * p, scale=1 / (3 * rate))

    exact = math.log(integrate.quad(density, 0, 10, epsabs=0, limit=200)[0])
    assert log_likelihood_means_value(*grouped([3], [17.0]), *CDNOW) == pytest.approx(exact, rel=1e-9)


def test_do_both_likelihoods_agree_on_a_single_amount():
    amounts = np.array([3.5, 20.0, 700.0])
    on_amounts = log_likelihood_amounts_value(*grouped([1, 1, 1], amounts, np.log(amounts)), *CDNOW)
    assert on_amounts == pytest.approx(log_likelihood_means_value(*grouped([1, 1, 1], amounts), *CDNOW))


def test_do_customers_without_an_amount_add_nothing():
    rows = grouped([0, 0, 2], [0, 0, 20.0], [0, 0, 2.9])
    alone = grouped([2], [20.0], [2.9])
    assert log_likelihood_amounts_value(*rows, *CDNOW) == log_likelihood_amounts_value(*alone, *CDNOW)
    without_logs = (rows[0], rows[1], rows[2], rows[4])
    alone_without = (alone[0], alone[1], alone[2], alone[4])
    assert log_likelihood_means_value(*without_logs, *CDNOW) == log_likelihood_means_value(
        *alone_without, *CDNOW
    )
    assert log_likelihood_means(*grouped([0], [0.0]), *CDNOW)[1].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("theta", [CDNOW, (0.3, 1.2, 900.0), (40.0, 80.0, 0.5)])
@pytest.mark.parametrize("fit_to", ["amounts", "means"])
def test_is_the_gradient_the_slope_of_the_value(theta, fit_to):
    count, m, log_mean = customers(200, 3)
    weight = np.random.default_rng(4).integers(1, 5, count.size)
    if fit_to == "amounts":
        rows = grouped(count, m, log_mean, weight=weight)
        value, both = log_likelihood_amounts_value, log_likelihood_amounts
    else:
        rows = grouped(count, m, weight=weight)
        value, both = log_likelihood_means_value, log_likelihood_means
    total, gradient = both(*rows, *theta)
    assert total == value(*rows, *theta)
    for i, parameter in enumerate(theta):
        step = np.zeros(3)
        step[i] = 1e-5 * parameter
        f = [value(*rows, *(np.asarray(theta) + k * step)) for k in (-2, -1, 1, 2)]
        slope = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * step[i])
        assert gradient[i] == pytest.approx(slope, rel=1e-6, abs=1e-7 * abs(total) / parameter)


def test_do_draws_in_parallel_equal_single_values():
    count, m, log_mean = customers(300, 5)
    theta = np.exp(np.random.default_rng(6).normal(0, 0.2, (23, 3))) * CDNOW
    rows = grouped(count, m, log_mean)
    values = [log_likelihood_amounts_value(*rows, *row) for row in theta]
    assert log_likelihood_amounts_draws(*rows, theta).tolist() == values
    rows = grouped(count, m)
    values = [log_likelihood_means_value(*rows, *row) for row in theta]
    assert log_likelihood_means_draws(*rows, theta).tolist() == values


def test_do_the_likelihoods_keep_their_digits_over_a_wide_grid():
    rng = np.random.default_rng(7)
    ln, lg = mpmath.log, mpmath.loggamma
    with mpmath.workdps(40):
        for n in [1, 2, 5, 30, 1000] * 40:
            theta = np.exp(rng.uniform(np.log([0.05, 0.05, 0.01]), np.log([50, 50, 1e4])))
            mean = float(np.exp(rng.uniform(-4, 9)))
            log_mean = math.log(mean) - 0.2
            p, q, v, m, logs = map(mpmath.mpf, (*theta, mean, log_mean))
            shared = lg(p * n + q) - lg(q) + q * ln(v) - (p * n + q) * ln(v + n * m)
            on_amounts = float(shared + (p - 1) * n * logs - n * lg(p))
            on_means = float(shared - lg(p * n) + (p * n - 1) * ln(m) + p * n * ln(n))
            # terms of size n p cancel: their rounding is the least that can be had
            rounding = 1e-14 * (1 + 10 * n * theta[0])
            value = log_likelihood_amounts_value(*grouped([n], [mean], [log_mean]), *theta)
            assert value == pytest.approx(on_amounts, rel=1e-13, abs=rounding)
            value = log_likelihood_means_value(*grouped([n], [mean]), *theta)
            assert value == pytest.approx(on_means, rel=1e-13, abs=rounding)


def test_is_the_expected_spend_infinite_where_it_has_no_mean():
    assert spend(0, 0.0, 2.0, 1.0, 15.0) == math.inf
    assert spend(0, 0.0, 2.0, 0.5, 15.0) == math.inf
    assert spend(1, 10.0, 2.0, 0.5, 15.0) == pytest.approx(2.0 * 25.0 / 1.5)


def test_is_the_expected_spend_the_mean_over_the_posterior_of_the_rate():
    p, q, v = CDNOW
    posterior = stats.gamma(q + 4 * p, scale=1 / (v + 4 * 22.0))
    assert spend(4, 22.0, *CDNOW) == pytest.approx(posterior.expect(lambda rate: p / rate), rel=1e-8)


def test_do_the_special_functions_keep_their_digits():
    with mpmath.workdps(50):
        for z in (1e-3, 0.05, 0.7, 1.4616, 5.0, 9.99, 10.0, 300.0, 1e9):
            assert digamma(z) == pytest.approx(float(mpmath.digamma(z)), rel=1e-14, abs=1e-14)
            for step in (0.0, 1e-6, 0.5, 7.3, 1e4):
                exact = mpmath.loggamma(mpmath.mpf(z) + mpmath.mpf(step)) - mpmath.loggamma(mpmath.mpf(z))
                assert log_gamma_ratio(z, step) == pytest.approx(float(exact), rel=1e-14, abs=2e-15)
        for odds in (1e-5, 0.3, 4.0, 1e6):
            for c, d in ((1.0, 0.05), (3.0, 0.243), (40.0, 20.0), (1000.0, 2.0)):
                z = mpmath.mpf(odds) / (1 + mpmath.mpf(odds))
                exact = mpmath.betainc(c, d, 0, z, regularized=True)
                if exact > 1e-290:
                    assert incomplete_beta(odds, c, d) == pytest.approx(float(exact), rel=1e-12)
    assert incomplete_beta(0.0, 3.0, 0.2) == 0.0
