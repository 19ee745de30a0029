"""Log-normal spend: a one-way random-effects model of the logs of amounts [Searle, Casella & McCulloch 1992].

The log of each amount of a customer is normal with standard deviation sigma about the customer's own level;
across customers the levels are normal with standard deviation tau about mu, the log of the median amount. The
data of a customer are n positive amounts, the mean l of their logs and the sum of squares of the logs about
l, which together are sufficient. Nothing here checks its arguments: callers do.
"""

import math

import numpy as np
from numba import njit

from lifecast.arrays import Floats, Integers

LOG_2_PI = math.log(2.0 * math.pi)
EULER = 0.5772156649015329
NEGLIGIBLE = 45.0  # powers of e


@njit(cache=True, nogil=True)
def log_likelihood_value(
    n: Integers,
    weight: Floats,
    l: Floats,
    between: Floats,
    within: Floats,
    median: float,
    tau: float,
    sigma: float,
) -> float:
    """The value alone of `log_likelihood`."""
    mu = math.log(median)
    total = 0.0
    for j in range(n.size):
        variance = sigma * sigma + n[j] * tau * tau
        squares = between[j] + weight[j] * (l[j] - mu) ** 2
        logs = (n[j] - 1) * 2.0 * math.log(sigma) + math.log(variance)
        total -= weight[j] * n[j] * (l[j] + 0.5 * LOG_2_PI)
        total -= 0.5 * (weight[j] * logs + within[j] / (sigma * sigma) + n[j] * squares / variance)
    return total


@njit(cache=True, nogil=True)
def log_likelihood(
    n: Integers,
    weight: Floats,
    l: Floats,
    between: Floats,
    within: Floats,
    median: float,
    tau: float,
    sigma: float,
) -> tuple[float, Floats]:
    """Log-likelihood of every single amount, and its gradient, from sums over customers with equal n.

    Per customer -n l - (n ln 2 pi + (n-1) ln sigma^2 + ln V + S / sigma^2 + n (l-mu)^2 / V) / 2, with
    V = sigma^2 + n tau^2 and S the sum of squares of the logs about l: the density of n equally correlated
    normal logs [Searle, Casella & McCulloch 1992, ch. 3], times the derivatives of the logs.

    Parameters
    ----------
    n
        The distinct numbers of amounts, all positive.
    weight
        How many customers have so many.
    l
        Mean of their l.
    between
        Sum over customers of the squared distance of l from that mean.
    within
        Sum over customers of S.
    median, tau, sigma
        The parameters, all positive; the median in the currency of the amounts.

    Returns
    -------
    value, gradient
        The total, and its derivatives in (median, tau, sigma), shape (3,).

    Examples
    --------
    >>> value, gradient = log_likelihood(
    ...     np.array([2]), np.ones(1), np.array([3.1]), np.zeros(1), np.array([0.4]), 27.0, 0.5, 0.6)
    >>> gradient.shape
    (3,)
    """
    mu = math.log(median)
    d_mu = 0.0
    d_tau = 0.0
    d_sigma = 0.0
    for j in range(n.size):
        variance = sigma * sigma + n[j] * tau * tau
        squares = between[j] + weight[j] * (l[j] - mu) ** 2
        d_variance = 0.5 * (n[j] * squares / variance - weight[j]) / variance
        d_mu += weight[j] * n[j] * (l[j] - mu) / variance
        d_tau += 2.0 * n[j] * tau * d_variance
        d_sigma += 2.0 * sigma * d_variance - weight[j] * (n[j] - 1) / sigma + within[j] / sigma**3
    value = log_likelihood_value(n, weight, l, between, within, median, tau, sigma)
    return value, np.array([d_mu / median, d_tau, d_sigma])


@njit(cache=True, nogil=True)
def log_likelihood_draws(
    n: Integers, weight: Floats, l: Floats, between: Floats, within: Floats, theta: Floats
) -> Floats:
    """`log_likelihood_value` at each row (median, tau, sigma) of theta, shape (draws, 3) -> (draws,)."""
    values = np.empty(theta.shape[0])
    for s in range(theta.shape[0]):
        values[s] = log_likelihood_value(n, weight, l, between, within, theta[s, 0], theta[s, 1], theta[s, 2])
    return values


@njit(cache=True, nogil=True, inline="always")
def level(n: int, l: float, median: float, tau: float, sigma: float) -> tuple[float, float]:
    """Mean and variance of a customer's level, the mean of its logs, given n amounts whose logs have mean l.

    The level is normal then: a random effect, shrunk [Searle, Casella & McCulloch 1992, ch. 7].

    Examples
    --------
    >>> mean, variance = level(0, 0.0, 20.0, 0.5, 0.6)
    >>> round(mean, 4), variance
    (2.9957, 0.25)
    """
    known = n * tau * tau / (sigma * sigma + n * tau * tau)
    mu = math.log(median)
    return mu + known * (l - mu), tau * tau * (1.0 - known)


@njit(cache=True, nogil=True)
def expected_spend(n: Integers, l: Floats, theta: Floats) -> Floats:
    """E[amount | n amounts whose logs have mean l], of each customer in each world: (customer, world).

    exp(mean + (variance + sigma^2) / 2) of the level's mean and variance: the mean of a log-normal.

    Parameters
    ----------
    n, l : (customer,)
    theta : (world, 3)
        median, tau, sigma.

    Examples
    --------
    >>> expected_spend(np.array([0]), np.zeros(1), np.array([[20.0, 0.5, 0.6]])).round(2)
    array([[27.13]])
    """
    worlds = theta.shape[0]
    spend = np.empty((n.size, worlds))
    constant, slope = np.empty(worlds), np.empty(worlds)
    for i in range(n.size):
        if i == 0 or n[i] != n[i - 1]:
            for s in range(worlds):
                median, tau, sigma = theta[s, 0], theta[s, 1], theta[s, 2]
                mean, variance = level(n[i], 0.0, median, tau, sigma)
                constant[s] = mean + 0.5 * (variance + sigma * sigma)
                slope[s] = level(n[i], 1.0, median, tau, sigma)[0] - mean
        elif l[i] == l[i - 1]:
            spend[i] = spend[i - 1]
            continue
        for s in range(worlds):
            spend[i, s] = math.exp(constant[s] + slope[s] * l[i])
    return spend


def log_mean_moments(n: Integers, sigma: float) -> tuple[Floats, Floats]:
    """Mean and variance of the log of the mean of n log-normal amounts over its expectation, shapes of n.

    A sum X of log-normals has no density in closed form, but E / X has, E being exponential of rate one:
    P(E / X > t) is the Laplace transform of X at t, that of one amount to the power n. The moments of log E
    are known, and those of log E - log X come by the trapezoidal rule, which here loses no digits.
    """
    step = min(0.5, 0.25 / sigma)
    z = np.arange(-10.0, 10.0 + step, step)
    weight = np.exp(-0.5 * z * z)
    weight /= weight.sum()
    u = np.arange(-NEGLIGIBLE - math.log(np.max(n)) - 10.0 * sigma, 10.0 * sigma + 5.0, 0.2)
    y = np.exp(u[:, None] + sigma * z)
    log_transform = np.log1p(np.maximum(np.expm1(-y) @ weight, -1.0 + 1e-16))
    slope = (y * np.exp(-y)) @ weight
    density = n[:, None] * np.exp((n[:, None] - 1) * log_transform) * slope
    density /= density.sum(axis=1, keepdims=True)
    mean = density @ u
    variance = (density * (u - mean[:, None]) ** 2).sum(axis=1)
    return -EULER - mean - np.log(n) - 0.5 * sigma * sigma, variance - math.pi**2 / 6.0
