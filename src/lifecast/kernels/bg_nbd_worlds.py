"""BG/NBD over many histories and many worlds at once: tables of P(alive) and P(purchase), and counts."""

import math

import numpy as np
from numba import njit

from lifecast.arrays import Floats, Integers
from lifecast.kernels.bg_nbd import purchase_pmf
from lifecast.kernels.drift import drifted
from lifecast.kernels.vectors import (
    exponentials,
    logarithms,
    logarithms_of_one_plus,
    one_minus_exponentials,
)


@njit(cache=True, nogil=True, error_model="numpy")
def probability_alive_table(x: Integers, t_x: Floats, T: Floats, theta: Floats) -> Floats:
    """`probability_alive` of every row in every world, shape (row, world).

    Rows come sorted by x, whose logs are taken once.
    """
    S = theta.shape[0]
    r, alpha, a, b = theta[:, 0].copy(), theta[:, 1].copy(), theta[:, 2].copy(), theta[:, 3].copy()
    table, of_x = np.empty((x.size, S)), np.empty(S)
    longer, log_odds, exponent, smaller = np.empty(S), np.empty(S), np.empty(S), np.empty(S)
    for i in range(x.size):
        if x[i] == 0:
            table[i] = 1.0
            continue
        if i == 0 or x[i] != x[i - 1]:
            for s in range(S):
                of_x[s] = math.log(a[s]) - math.log(b[s] + (x[i] - 1))
        for s in range(S):
            longer[s] = 1.0 + (T[i] - t_x[i]) / (alpha[s] + t_x[i])
        logarithms(longer, log_odds)
        for s in range(S):
            log_odds[s] = of_x[s] + (r[s] + x[i]) * log_odds[s]
            exponent[s] = -abs(log_odds[s])
        exponentials(exponent, smaller)
        for s in range(S):
            table[i, s] = (smaller[s] if log_odds[s] > 0.0 else 1.0) / (1.0 + smaller[s])
    return table


@njit(cache=True, nogil=True, error_model="numpy")
def probability_of_purchase_table(
    x: Integers, T: Floats, theta: Floats, drift: Floats, end: Floats
) -> Floats:
    """P(at least one purchase by ``end`` (world,) | alive), shape (row, world): one minus a Lomax tail.

    ``end`` is finite. Rows come sorted by x and T, so that equal ones are worked out once.
    """
    S = theta.shape[0]
    r, alpha = theta[:, 0].copy(), theta[:, 1].copy()
    table = np.empty((x.size, S))
    k, passed, exponent = np.empty(S), np.empty(S), np.empty(S)
    for i in range(x.size):
        if i > 0 and x[i] == x[i - 1] and T[i] == T[i - 1]:
            table[i] = table[i - 1]
            continue
        for s in range(S):
            k[s], A = drifted(r[s] + x[i], alpha[s] + T[i], drift[s])
            passed[s] = end[s] / A
        logarithms_of_one_plus(passed, exponent)
        for s in range(S):
            exponent[s] *= k[s]
        one_minus_exponentials(exponent, table[i])
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
