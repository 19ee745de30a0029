"""BG/NBD over many histories and many worlds at once: tables of P(alive), P(purchase) and expected purchases.

Given that a customer lives, expected purchases depend on its past through x and w = t / (alpha + T) only, and
smoothly so. A Chebyshev series per distinct x and world [Trefethen 2019, ch. 3] therefore serves every age.
"""

import math

import numpy as np
from numba import njit, prange

from lifecast.arrays import Floats, Integers
from lifecast.kernels.bg_nbd import (
    expected_purchases_at_nodes,
    expected_purchases_if_alive,
    probability_alive,
    purchase_pmf,
    quadrature_nodes,
)
from lifecast.kernels.chebyshev import chebyshev_points, clenshaw
from lifecast.kernels.drift import drifted


@njit(cache=True, nogil=True)
def probability_alive_table(x: Integers, t_x: Floats, T: Floats, theta: Floats) -> Floats:
    """`probability_alive` of every row in every world, shape (row, world)."""
    table = np.empty((x.size, theta.shape[0]))
    for i in range(x.size):
        for s in range(theta.shape[0]):
            table[i, s] = probability_alive(
                x[i], t_x[i], T[i], theta[s, 0], theta[s, 1], theta[s, 2], theta[s, 3]
            )
    return table


@njit(cache=True, nogil=True)
def probability_of_purchase_table(
    x: Integers, T: Floats, theta: Floats, drift: Floats, end: Floats
) -> Floats:
    """P(at least one purchase by ``end`` (world,) | alive), shape (row, world): one minus a Lomax tail.

    Rows come sorted by x and T, so that equal ones are worked out once.
    """
    table = np.empty((x.size, theta.shape[0]))
    for i in range(x.size):
        if i > 0 and x[i] == x[i - 1] and T[i] == T[i - 1]:
            table[i] = table[i - 1]
            continue
        for s in range(theta.shape[0]):
            k, A = drifted(theta[s, 0] + x[i], theta[s, 1] + T[i], drift[s])
            table[i, s] = -math.expm1(-k * math.log1p(end[s] / A))
    return table


@njit(cache=True, nogil=True)
def size_in_time(reach: float) -> int:
    """Points that a series in time needs for ten digits over that many e-folds, in steps of four."""
    return 4 * math.ceil(2.5 + 1.75 * reach)


@njit(cache=True, nogil=True, parallel=True)
def expectations_by_age(
    x: Integers,
    youngest: Floats,
    oldest: Floats,
    theta: Floats,
    drift: Floats,
    times: Floats,
    weights: Floats,
    size_in_age: int,
) -> Floats:
    """Weighted sums over times of expected purchases if alive, as Chebyshev series in log(alpha + T).

    Expected purchases over w = t / (alpha + T) are a series in log(1 + bend w) first, so that the quadrature
    runs once per point of w and not once per age and time. They bend where w reaches 1, or sooner where a
    customer who buys often will have left by then: there k E[p] w reaches 1.

    Parameters
    ----------
    x, youngest, oldest : (distinct x,)
        Frequencies, and the range of T that each occurs with.
    theta : (world, 4)
    drift : (world,)
        Variance of the shock that a customer's own rate takes.
    times : (world, time)
        Operational times; an infinite one stands for the limit.
    weights : (world, time, sum)

    Returns
    -------
    series : (distinct x, world, sum, size_in_age)
    """
    S, J, M = weights.shape
    series = np.zeros((x.size, S, M, size_in_age))
    points_in_age, to_age_series = chebyshev_points(size_in_age)
    reaches, bends = np.empty((S, x.size)), np.empty((S, x.size))
    for s in range(S):
        latest = 0.0
        for j in range(J):
            if times[s, j] > latest and not math.isinf(times[s, j]):
                latest = times[s, j]
        for i in range(x.size):
            k, slower = drifted(theta[s, 0] + x[i], 1.0, drift[s])
            bends[s, i] = max(1.0, k * theta[s, 2] / (theta[s, 2] + theta[s, 3] + x[i]))
            reaches[s, i] = math.log1p(bends[s, i] * latest / (slower * (theta[s, 1] + youngest[i])))
    largest = size_in_time(np.max(reaches))
    points_in_time = np.empty((largest + 1, largest))
    to_time_series = np.empty((largest + 1, largest * largest))
    for size in range(size_in_time(np.min(reaches)), largest + 1, 4):
        points, transform = chebyshev_points(size)
        points_in_time[size, :size] = points
        to_time_series[size, : size * size] = transform.ravel()
    for s in prange(S):
        r, alpha, a, b = theta[s]
        rates = np.empty(largest)
        values = np.empty((size_in_age, M))
        for i in range(x.size):
            k, slower = drifted(r + x[i], 1.0, drift[s])
            low, high = math.log(alpha + youngest[i]), math.log(alpha + oldest[i])
            bend, reach = bends[s, i], reaches[s, i]
            size = size_in_time(reach)
            p, weight = quadrature_nodes(a, b + x[i], (k + 1.0) * math.expm1(reach) / bend)
            for m in range(size):
                w = math.expm1(0.5 * reach * (1.0 + points_in_time[size, m])) / bend
                rates[m] = expected_purchases_at_nodes(k, w, p, weight) / w if w > 0.0 else k
            in_time = to_time_series[size, : size * size].reshape((size, size)) @ rates[:size]
            values[:] = 0.0
            ever = expected_purchases_if_alive(x[i], youngest[i], math.inf, r, alpha, a, b)
            for n in range(size_in_age):
                A = math.exp(low + 0.5 * (high - low) * (1.0 + points_in_age[n]))
                for j in range(J):
                    w = times[s, j] / (slower * A)
                    expected = ever
                    if w == 0.0:
                        expected = 0.0
                    elif not math.isinf(w):
                        expected = w * clenshaw(in_time, 2.0 * math.log1p(bend * w) / reach - 1.0)
                    for m in range(M):
                        if weights[s, j, m] != 0.0:
                            values[n, m] += weights[s, j, m] * expected
            for m in range(M):
                if math.isinf(values[0, m]):
                    series[i, s, m, 0] = math.inf
                else:
                    series[i, s, m] = to_age_series @ np.ascontiguousarray(values[:, m])
    return series


@njit(cache=True, nogil=True)
def expectations_of_rows(
    x_code: Integers, T: Floats, youngest: Floats, oldest: Floats, theta: Floats, series: Floats
) -> Floats:
    """The sums of `expectations_by_age` at given histories, shape (sum, row, world).

    ``x_code`` (row,) says which distinct frequency, T (row,) the age. Rows come sorted by both, so that equal
    ones are worked out once.
    """
    S, M = theta.shape[0], series.shape[2]
    table = np.empty((M, x_code.size, S))
    for i in range(x_code.size):
        j = x_code[i]
        if i > 0 and j == x_code[i - 1] and T[i] == T[i - 1]:
            table[:, i] = table[:, i - 1]
            continue
        for s in range(S):
            low, high = math.log(theta[s, 1] + youngest[j]), math.log(theta[s, 1] + oldest[j])
            y = 0.0
            if high > low:
                y = 2.0 * (math.log(theta[s, 1] + T[i]) - low) / (high - low) - 1.0
            for m in range(M):
                table[m, i, s] = clenshaw(series[j, s, m], y)
    return table


@njit(cache=True, nogil=True)
def log_probability_of_count(
    p_alive: Floats, x: Integers, T: Floats, n: Integers, t: float, theta: Floats, drift: float
) -> Floats:
    """Log probability that customers make n purchases within t, shape (row,), given P(alive) of each.

    Given life, the traits of a known customer are distributed as a new one's, only with other shapes and
    rates.
    """
    r, alpha, a, b = theta
    result = np.empty(x.size)
    for i in range(x.size):
        k, A = drifted(r + x[i], alpha + T[i], drift)
        probability = p_alive[i] * purchase_pmf(n[i], t, k, A, a, b + x[i])
        if n[i] == 0:
            probability += 1.0 - p_alive[i]
        result[i] = math.log(max(probability, 1e-300))
    return result
