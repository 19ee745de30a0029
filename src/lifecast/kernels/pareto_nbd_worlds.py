"""Pareto/NBD over many histories and worlds at once: tables of P(alive), P(purchase) and expected purchases.

A living customer's expected purchases are its expected rate times what it is expected to live of the time to
come, and the latter depends on its past through its age alone. A Chebyshev series in the log of the age, one
per world [Trefethen 2019, ch. 3], therefore serves every history.
"""

import math

import numpy as np
from numba import njit

from lifecast.arrays import Floats, Integers
from lifecast.kernels.chebyshev import chebyshev_points
from lifecast.kernels.drift import drifted
from lifecast.kernels.never_again import (
    MOST_PURCHASES,
    fill_series,
    log_never_again,
    place_in_series,
    series_size,
)
from lifecast.kernels.pareto_nbd import (
    alive,
    expected_lifetime,
    log_purchase_pmf,
    minus_log_alive_customer,
    probability_of_purchase,
)
from lifecast.kernels.power_integral import log_one_plus


@njit(cache=True, nogil=True)
def probability_alive_table(x: Integers, t_x: Floats, T: Floats, theta: Floats) -> Floats:
    """`probability_alive` of every row in every world, shape (row, world).

    Rows come sorted by x and T, so that what they have in common is worked out once.
    """
    S = theta.shape[0]
    table = np.empty((x.size, S))
    sizes = np.empty(S, np.int64)
    whole = np.empty(S)
    for w in range(S):
        sizes[w] = series_size(theta[w, 1], theta[w, 3])
        whole[w] = math.log(theta[w, 1] / theta[w, 3])
    of_worlds = np.empty((S, 1, np.max(sizes)))
    log_a_T, log_b_T, never = np.empty(S), np.empty(S), np.empty(S)
    for i in range(x.size):
        same_x = i > 0 and x[i] == x[i - 1]
        same_T = same_x and T[i] == T[i - 1]
        for w in range(S):
            r, alpha, s, beta = theta[w]
            k, series = r + x[i], of_worlds[w, :, : sizes[w]]
            if not same_x and x[i] <= MOST_PURCHASES:
                fill_series(k, s, alpha, beta, series)
            if not same_T:
                log_a_T[w], log_b_T[w] = math.log1p(T[i] / alpha), math.log1p(T[i] / beta)
                place = place_in_series(whole[w] + log_a_T[w], log_b_T[w], whole[w])
                log_never = log_never_again(series[0], place, x[i], r, s, alpha + T[i], beta + T[i])
                never[w] = math.exp(log_never)
            log_a, log_b = log_one_plus(t_x[i] / alpha), log_one_plus(t_x[i] / beta)
            place = place_in_series(whole[w] + log_a, log_b, whole[w])
            log_silent = log_never_again(series[0], place, x[i], r, s, alpha + t_x[i], beta + t_x[i])
            log_silent += k * (log_a_T[w] - log_a) + s * (log_b_T[w] - log_b)
            table[i, w] = alive(log_silent, never[w])
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


@njit(cache=True, nogil=True)
def lifetimes_by_age(
    scale: float,
    youngest: float,
    oldest: float,
    theta: Floats,
    times: Floats,
    weights: Floats,
    series: Floats,
    first_world: int,
    last_world: int,
) -> None:
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
    series : (sum, term, world)
        Zero; what is worked out, of worlds from the first up to the last.
    """
    sums, size, _ = series.shape
    points, to_series = chebyshev_points(size)
    low, high = math.log(scale + youngest), math.log(scale + oldest)
    for w in range(first_world, last_world):
        s, beta = theta[w, 2], theta[w, 3]
        values = np.zeros((size, sums))
        for n in range(size):
            T = math.exp(low + 0.5 * (high - low) * (1.0 + points[n])) - scale
            for j in range(times.shape[1]):
                lifetime = expected_lifetime(s, beta + T, times[w, j])
                for m in range(sums):
                    if weights[w, j, m] != 0.0:
                        values[n, m] += weights[w, j, m] * lifetime
        for m in range(sums):
            if math.isinf(values[0, m]):
                series[m, 0, w] = math.inf
            else:
                series[m, :, w] = to_series @ np.ascontiguousarray(values[:, m])


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
        log_alive = -minus_log_alive_customer(x[i], t_x[i], T[i], r, alpha, s, beta)
        k, A = drifted(r + x[i], alpha + T[i], drift)
        result[i] = log_alive + log_purchase_pmf(n[i], t, k, A, s, beta + T[i])
        if n[i] == 0:
            result[i] = math.log(math.exp(result[i]) - math.expm1(log_alive))
    return result
