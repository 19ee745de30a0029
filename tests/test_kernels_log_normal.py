"""Are log-normal spend's formulas what their integrals and the multivariate normal say?"""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from lifecast.grouping import SpendHistory, group_spend
from lifecast.kernels.log_normal import (
    expected_spend,
    level,
    log_likelihood,
    log_likelihood_draws,
    log_likelihood_value,
    log_mean_moments,
)

THETAS = [(27.0, 0.5, 0.6), (0.02, 1.8, 0.1), (4000.0, 0.05, 1.5)]


def logs_of(amounts: list[list[float]]) -> SpendHistory:
    logs = [np.log(one) for one in amounts]
    return SpendHistory(
        np.array([len(one) for one in amounts]),
        np.array([np.mean(one) for one in amounts]),
        np.array([one.mean() for one in logs]),
        np.array([one.std() for one in logs]),
    )


def multivariate(amounts: list[float], theta: tuple[float, float, float]) -> float:
    """The density of the logs as one vector of equally correlated normals, times that of amounts by logs."""
    median, tau, sigma = theta
    logs = np.log(amounts)
    covariance = tau**2 * np.ones((logs.size, logs.size)) + sigma**2 * np.eye(logs.size)
    density = stats.multivariate_normal(np.full(logs.size, np.log(median)), covariance)
    return float(density.logpdf(logs) - logs.sum())


@pytest.mark.parametrize("theta", THETAS)
def test_is_the_likelihood_that_of_equally_correlated_normal_logs(theta: tuple[float, float, float]) -> None:
    customers = [[12.0], [30.0], [25.0, 25.0], [8.0, 90.0, 31.0], [3.0, 4.0, 5.0], [1.0, 2.0, 3.0, 700.0]]
    sums = group_spend(logs_of(customers)).log_sums
    expected = sum(multivariate(one, theta) for one in customers)
    value, gradient = log_likelihood(*sums, *theta)
    assert value == pytest.approx(expected, rel=1e-9)
    assert value == log_likelihood_value(*sums, *theta)
    assert log_likelihood_draws(*sums, np.array([theta, theta])).tolist() == [value, value]
    for place in range(3):
        step = 1e-6 * theta[place]
        up, down = ([*theta[:place], theta[place] + d, *theta[place + 1 :]] for d in (step, -step))
        slope = (log_likelihood_value(*sums, *up) - log_likelihood_value(*sums, *down)) / (2 * step)
        assert gradient[place] == pytest.approx(slope, rel=1e-5, abs=1e-5)


def test_is_a_million_equal_customers_a_million_times_one() -> None:
    one = group_spend(logs_of([[8.0, 90.0, 31.0]]))
    n, weight, mean, between, within = one.log_sums
    million = log_likelihood_value(n, 1e6 * weight, mean, 1e6 * between, 1e6 * within, *THETAS[0])
    assert million == pytest.approx(1e6 * log_likelihood_value(*one.log_sums, *THETAS[0]), rel=1e-12)


@pytest.mark.parametrize("n", [0, 1, 7, 10_000])
@pytest.mark.parametrize("theta", THETAS)
def test_is_the_level_what_bayes_says(n: int, theta: tuple[float, float, float]) -> None:
    median, tau, sigma = theta
    seen = math.log(median) + 0.7 * tau
    precision = 1.0 / tau**2 + n / sigma**2
    mean, variance = level(n, seen, *theta)
    expected = (math.log(median) / tau**2 + n * seen / sigma**2) / precision
    assert mean == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert variance == pytest.approx(1.0 / precision, rel=1e-9)


@pytest.mark.parametrize("theta", THETAS)
def test_is_the_expected_spend_the_mean_over_the_posterior_of_the_level(
    theta: tuple[float, float, float],
) -> None:
    median, tau, sigma = theta
    n, l = np.array([0, 3, 3, 3, 40]), math.log(median) + tau * np.array([0.0, 0.3, 0.3, -1.0, 2.0])  # noqa: E741
    l[0] = 0.0
    found = expected_spend(n, l, np.array([theta, THETAS[0]]))
    for i in range(n.size):
        mean, variance = level(int(n[i]), float(l[i]), *theta)
        own = stats.lognorm(s=math.sqrt(variance), scale=math.exp(mean + 0.5 * sigma**2))
        assert found[i, 0] == pytest.approx(own.mean(), rel=1e-12)
    alone = expected_spend(n[3:4], l[3:4], np.array([THETAS[0]]))
    assert found[3, 1] == alone[0, 0]


def test_does_the_company_of_others_change_what_a_customer_is_expected_to_spend() -> None:
    n, l = np.array([0, 2, 2, 2, 3, 3, 3]), np.array([0.0, 1.0, 2.0, 1.0, 1.0, 1.0, 2.0])  # noqa: E741
    together = expected_spend(n, l, np.array(THETAS))
    for i in range(n.size):
        np.testing.assert_array_equal(
            together[i], expected_spend(n[i : i + 1], l[i : i + 1], np.array(THETAS))[0]
        )


@pytest.mark.parametrize("sigma", [0.02, 0.5, 1.5, 3.0])
def test_are_the_moments_of_one_amounts_log_those_of_a_normal(sigma: float) -> None:
    mean, variance = log_mean_moments(np.array([1]), sigma)
    assert mean[0] == pytest.approx(-0.5 * sigma**2, rel=1e-9, abs=1e-10)
    assert variance[0] == pytest.approx(sigma**2, rel=1e-9, abs=1e-10)


@pytest.mark.parametrize("sigma", [0.1, 0.6, 1.5])
def test_are_the_moments_of_two_amounts_those_of_their_integral(sigma: float) -> None:
    # the log of the mean of two is the mean of their logs and log cosh of half their distance, independent
    half = sigma / math.sqrt(2.0)
    found = log_mean_moments(np.array([1, 2]), sigma)

    def moment(power: int) -> float:
        def weighted(d: float) -> float:
            return math.log(math.cosh(d)) ** power * stats.norm.pdf(d, scale=half)

        return float(integrate.quad(weighted, -12 * half, 12 * half, epsabs=1e-13, limit=200)[0])

    mean, square = moment(1), moment(2)
    assert found[0][1] == pytest.approx(mean - 0.5 * sigma**2, abs=1e-9)
    assert found[1][1] == pytest.approx(half**2 + square - mean**2, abs=1e-9)


def test_does_the_mean_of_many_amounts_approach_its_expectation() -> None:
    n = np.array([1, 10, 100, 10_000])
    mean, variance = log_mean_moments(n, 0.6)
    relative = np.expm1(0.36) / n
    assert np.all(np.diff(variance) < 0) and np.all(np.diff(mean) > 0)
    assert variance[2:] == pytest.approx(relative[2:], rel=0.01)
    assert mean[2:] == pytest.approx(-0.5 * relative[2:], rel=0.01)
