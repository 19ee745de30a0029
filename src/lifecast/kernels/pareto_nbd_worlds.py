"""Pareto/NBD over many histories and worlds at once: tables of P(alive), P(purchase) and expected purchases.

A living customer's expected purchases are its expected rate times what it is expected to live of the time to
come, and the latter depends on its past through its age alone. A Chebyshev series in the log of the age, one
per world [Trefethen 2019, ch. 3], therefore serves every history.
"""

import math

import numpy as np
from numba import njit, prange

from lifecast.arrays import Floats, Integers
from lifecast.kernels.bg_nbd_worlds import chebyshev_points
from lifecast.kernels.drift import drifted
from lifecast.kernels.pareto_nbd import (
    expected_lifetime,
    log_odds_dead,
    log_purchase_pmf,
    probability_of_purchase,
    softplus,
)
from lifecast.kernels.power_integral import power_integral


@njit(cache=True, nogil=True)
def probability_alive_table(x: Integers, t_x: Floats, T: Floats, theta: Floats) -> Floats:
    """`probability_alive` of every row in every world, shape (row, world).

    Rows come sorted by x, T and t_x, so that a row's integral goes on from the next one's.
    """
    S = theta.shape[0]
    table = np.empty((x.size, S))
    integral, log_a_later, log_b_later = np.zeros(S), np.zeros(S), np.zeros(S)
    log_a_T, log_b_T = np.zeros(S), np.zeros(S)
    for i in range(x.size - 1, -1, -1):
        goes_on = i + 1 < x.size and x[i] == x[i + 1] and T[i] == T[i + 1] and t_x[i] <= t_x[i + 1]
        if goes_on and t_x[i] == t_x[i + 1]:
            table[i] = table[i + 1]
            continue
        for w in range(S):
            r, alpha, s, beta = theta[w]
            k, a, b = r + x[i], alpha + t_x[i], beta + t_x[i]
            log_a, log_b = math.log(a), math.log(b)
            if not goes_on:
                integral[w] = 0.0
                log_a_T[w] = log_a_later[w] = math.log(alpha + T[i])
                log_b_T[w] = log_b_later[w] = math.log(beta + T[i])
            to_a, to_b = log_a_later[w] - log_a, log_b_later[w] - log_b
            if to_a > 0.0:
                integral[w] *= math.exp(-k * to_a - (s + 1.0) * to_b)
                integral[w] += power_integral(k, s + 1.0, a, b, to_a, to_b)
            log_a_later[w], log_b_later[w] = log_a, log_b
            table[i, w] = 1.0
            if integral[w] > 0.0:
                log_odds = math.log(s * integral[w] / b) + k * (log_a_T[w] - log_a) + s * (log_b_T[w] - log_b)
                table[i, w] = math.exp(-softplus(log_odds))
    return table


@njit(cache=True, nogil=True)
def probability_of_purchase_table(
    x: Integers, T: Floats, theta: Floats, drift: Floats, end: Floats
) -> Floats:
    """P(at least one purchase by ``end`` (world,) | alive), shape (row, world).

    Rows come sorted by x and T, so that equal ones are worked out once.
    """
    table = np.empty((x.size, theta.shape[0]))
    for i in range(x.size):
        if i > 0 and x[i] == x[i - 1] and T[i] == T[i - 1]:
            table[i] = table[i - 1]
            continue
        for w in range(theta.shape[0]):
            k, A = drifted(theta[w, 0] + x[i], theta[w, 1] + T[i], drift[w])
            table[i, w] = probability_of_purchase(k, A, theta[w, 2], theta[w, 3] + T[i], end[w])
    return table


@njit(cache=True, nogil=True, parallel=True)
def lifetimes_by_age(
    scale: float,
    youngest: float,
    oldest: float,
    theta: Floats,
    times: Floats,
    weights: Floats,
    size: int,
) -> Floats:
    """Weighted sums over times of expected lifetimes, as Chebyshev series in log(scale + T).

    Parameters
    ----------
    scale
        Of all worlds the smallest beta.
    youngest, oldest
        The range of T.
    theta : (world, 4)
    times : (world, time)
        Operational times; an infinite one stands for the limit.
    weights : (world, time, sum)
    size
        Number of terms.

    Returns
    -------
    series : (sum, term, world)
    """
    S, J, M = weights.shape
    series = np.zeros((M, size, S))
    points, to_series = chebyshev_points(size)
    low, high = math.log(scale + youngest), math.log(scale + oldest)
    for w in prange(S):
        s, beta = theta[w, 2], theta[w, 3]
        values = np.zeros((size, M))
        for n in range(size):
            T = math.exp(low + 0.5 * (high - low) * (1.0 + points[n])) - scale
            for j in range(J):
                lifetime = expected_lifetime(s, beta + T, times[w, j])
                for m in range(M):
                    if weights[w, j, m] != 0.0:
                        values[n, m] += weights[w, j, m] * lifetime
        for m in range(M):
            if math.isinf(values[0, m]):
                series[m, 0, w] = math.inf
            else:
                series[m, :, w] = to_series @ np.ascontiguousarray(values[:, m])
    return series


@njit(cache=True, nogil=True)
def expectations_of_rows(
    x: Integers, T: Floats, scale: float, youngest: float, oldest: float, theta: Floats, series: Floats
) -> Floats:
    """Expected rate times the sums of `lifetimes_by_age` at given histories, shape (sum, row, world).

    Rows come sorted by x and T, so that equal ones are worked out once.
    """
    M, size, S = series.shape
    table = np.empty((M, x.size, S))
    low, high = math.log(scale + youngest), math.log(scale + oldest)
    for i in range(x.size):
        if i > 0 and x[i] == x[i - 1] and T[i] == T[i - 1]:
            table[:, i] = table[:, i - 1]
            continue
        y = 2.0 * (math.log(scale + T[i]) - low) / (high - low) - 1.0 if high > low else 0.0
        for m in range(M):
            lifetime = table[m, i]
            lifetime[:] = series[m, 0]
            before, term = 1.0, y  # Chebyshev polynomials by their recurrence
            for c in range(1, size):
                for w in range(S):
                    lifetime[w] += term * series[m, c, w]
                before, term = term, 2.0 * y * term - before
            for w in range(S):
                lifetime[w] *= (theta[w, 0] + x[i]) / (theta[w, 1] + T[i])
    return table


@njit(cache=True, nogil=True)
def log_probability_of_count(
    x: Integers, t_x: Floats, T: Floats, n: Integers, t: float, theta: Floats, drift: float
) -> Floats:
    """Log probability that customers with these histories make n purchases within t, shape (row,)."""
    r, alpha, s, beta = theta
    result = np.empty(x.size)
    for i in range(x.size):
        log_odds = log_odds_dead(x[i], t_x[i], T[i], r, alpha, s, beta)
        k, A = drifted(r + x[i], alpha + T[i], drift)
        result[i] = log_purchase_pmf(n[i], t, k, A, s, beta + T[i]) - softplus(log_odds)
        if n[i] == 0:
            result[i] = np.logaddexp(result[i], log_odds - softplus(log_odds))
    return result
