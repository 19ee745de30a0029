"""BG/BB over many histories and many worlds at once: tables of P(alive) and P(purchase)."""

import numpy as np
from numba import njit

from lifecast.arrays import Floats, Integers
from lifecast.kernels.bg_bb import (
    leaving_table,
    log_probability_table,
    log_purchase_pmf,
    probability_alive,
    probability_of_purchase,
    relative_to_leaving,
)


@njit(cache=True, nogil=True, error_model="numpy")
def probability_alive_table(x: Integers, t_x: Floats, T: Floats, theta: Floats) -> Floats:
    """`probability_alive` of every row in every world, shape (row, world).

    Rows come sorted by x and T, so that a table of the chances to leave serves all that have both.
    """
    table = np.empty((x.size, theta.shape[0]))
    for s in range(theta.shape[0]):
        alpha, beta, gamma, delta = theta[s]
        buying = log_probability_table(int(np.max(x)) if x.size else 0, alpha, beta, gamma, delta)
        log_g, tail = buying, buying
        for i in range(x.size):
            n = x[i]
            if i == 0 or n != x[i - 1] or T[i] != T[i - 1]:
                # Up to this T alone: a table that reached on would give other last digits in other company.
                log_g, tail = leaving_table(n, int(T[i]), buying[n], alpha, beta, gamma, delta)
            at_t_x, at_T = int(t_x[i]) - n, int(T[i]) - n
            history, alive = relative_to_leaving(at_t_x, at_T, int(T[i]), log_g, tail, gamma, delta)
            table[i, s] = alive / history
    return table


@njit(cache=True, nogil=True, error_model="numpy")
def probability_of_purchase_table(x: Integers, T: Floats, theta: Floats, end: Floats) -> Floats:
    """P(at least one purchase by ``end`` (world,) | alive), shape (row, world).

    Rows come sorted by x and T, so that equal ones are worked out once.
    """
    table = np.empty((x.size, theta.shape[0]))
    for i in range(x.size):
        if i > 0 and x[i] == x[i - 1] and T[i] == T[i - 1]:
            table[i] = table[i - 1]
            continue
        for s in range(theta.shape[0]):
            table[i, s] = probability_of_purchase(
                x[i], T[i], end[s], theta[s, 0], theta[s, 1], theta[s, 2], theta[s, 3]
            )
    return table


@njit(cache=True, nogil=True, error_model="numpy")
def log_probability_of_count(
    x: Integers, t_x: Floats, T: Floats, n: Integers, t: float, theta: Floats
) -> Floats:
    """Log probability that customers with these histories make n purchases within t, shape (row,).

    Given life, the traits of a known customer are distributed as a new one's, only with other shapes.
    """
    alpha, beta, gamma, delta = theta
    result = np.empty(x.size)
    for i in range(x.size):
        alive = probability_alive(x[i], int(t_x[i]), int(T[i]), alpha, beta, gamma, delta)
        log_probability = log_purchase_pmf(n[i], t, alpha + x[i], beta + T[i] - x[i], gamma, delta + T[i])
        if n[i] == 0:
            result[i] = np.log1p(-alive * -np.expm1(log_probability))
        else:
            result[i] = np.log(alive) + log_probability
    return result
