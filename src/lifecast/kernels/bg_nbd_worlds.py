"""BG/NBD over many histories and many worlds at once: tables of P(alive), P(purchase) and expected purchases.

Given that a customer lives, expected purchases depend on its past through x and w = t / (alpha + T) only. So one smooth function of
w per distinct x and world, kept as Chebyshev coefficients, serves every age and every time [Trefethen 2019, ch. 3].
"""

import math

import numpy as np
from numba import njit

from lifecast.arrays import Floats, Integers
from lifecast.kernels.bg_nbd import (
    expected_purchases_at_nodes,
    expected_purchases_if_alive,
    probability_alive,
    quadrature_nodes,
)


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
def probability_of_purchase_table(x: Integers, T: Floats, theta: Floats, end: Floats) -> Floats:
    """P(at least one purchase by ``end`` (world,) | alive), shape (row, world): one minus a Lomax tail."""
    table = np.empty((x.size, theta.shape[0]))
    for i in range(x.size):
        for s in range(theta.shape[0]):
            table[i, s] = -math.expm1(-(theta[s, 0] + x[i]) * math.log1p(end[s] / (theta[s, 1] + T[i])))
    return table


@njit(cache=True, nogil=True)
def chebyshev_coefficients(
    x: Integers, youngest: Floats, theta: Floats, end: Floats, size: int
) -> tuple[Floats, Floats]:
    """Expected purchases per unit of w as a Chebyshev series in log(1 + w).

    Parameters
    ----------
    x, youngest : (distinct x,)
        The frequencies, and the smallest T that each occurs with.
    theta : (world, 4)
    end : (world,)
        Latest operational time that will be asked for.
    size : int
        Number of coefficients.

    Returns
    -------
    coefficients : (distinct x, world, size)
    reach : (distinct x, world)
        The series holds for log(1 + w) from 0 to reach.
    """
    S = theta.shape[0]
    coefficients = np.empty((x.size, S, size))
    reach = np.empty((x.size, S))
    values = np.empty(size)
    angles = math.pi * (np.arange(size) + 0.5) / size
    cosines = np.cos(angles)
    transform = np.empty((size, size))
    for c in range(size):
        for m in range(size):
            transform[c, m] = (1.0 if c == 0 else 2.0) / size * math.cos(c * angles[m])
    for i in range(x.size):
        for s in range(S):
            k = theta[s, 0] + x[i]
            p, weight = quadrature_nodes(theta[s, 2], theta[s, 3] + x[i])
            reach[i, s] = math.log1p(end[s] / (theta[s, 1] + youngest[i]))
            for m in range(size):
                w = math.expm1(0.5 * reach[i, s] * (1.0 + cosines[m]))
                values[m] = expected_purchases_at_nodes(k, w, p, weight) / w if w > 0.0 else k
            for c in range(size):
                total = 0.0
                for m in range(size):
                    total += transform[c, m] * values[m]
                coefficients[i, s, c] = total
    return coefficients, reach


@njit(cache=True, nogil=True)
def expected_purchases_table(
    x: Integers,
    x_code: Integers,
    T: Floats,
    theta: Floats,
    coefficients: Floats,
    reach: Floats,
    times: Floats,
    weights: Floats,
) -> Floats:
    """Weighted sums over times of the expected purchases of living customers, shape (row, world, sum).

    Parameters
    ----------
    x, x_code, T : (row,)
        Frequency, its place among the distinct ones of `chebyshev_coefficients`, and age.
    times : (world, time)
        Operational times; infinite ones are taken in the limit.
    weights : (time, sum)
    """
    S, J, M = theta.shape[0], weights.shape[0], weights.shape[1]
    size = coefficients.shape[2]
    table = np.zeros((x.size, S, M))
    for i in range(x.size):
        for s in range(S):
            A = theta[s, 1] + T[i]
            series = coefficients[x_code[i], s]
            for j in range(J):
                t = times[s, j]
                if math.isinf(t):
                    expected = expected_purchases_if_alive(
                        x[i], T[i], t, theta[s, 0], theta[s, 1], theta[s, 2], theta[s, 3]
                    )
                elif t == 0.0:
                    expected = 0.0
                else:
                    w = t / A
                    y = 2.0 * math.log1p(w) / reach[x_code[i], s] - 1.0
                    ahead, further = 0.0, 0.0
                    for c in range(size - 1, 0, -1):  # Clenshaw's recurrence
                        ahead, further = series[c] + 2.0 * y * ahead - further, ahead
                    expected = w * (series[0] + y * ahead - further)
                for m in range(M):
                    if weights[j, m] != 0.0:
                        table[i, s, m] += weights[j, m] * expected
    return table
