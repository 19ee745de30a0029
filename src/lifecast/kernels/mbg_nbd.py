"""MBG/NBD [Batislam, Denizel & Filiztekin 2007, IJRM 24(3); Hoppe & Wagner 2007, Marketing JRM 29(2)].

BG/NBD's customers, who may leave right after their first purchase too. In the papers' symbols, which are
BG/NBD's: rate lambda ~ Gamma(r, rate alpha), probability of leaving p ~ Beta(a, b), x repeat purchases, the
last at t_x (0 for x = 0), watched until T. Nothing here checks its arguments.

Who stays after the first purchase has p ~ Beta(a, b + 1) and is a customer of BG/NBD from then on. So
everything here is BG/NBD at b + 1, and what that first toss adds.
"""

import math

import numpy as np
from numba import njit, prange

from lifecast.arrays import Floats, Integers
from lifecast.kernels import bg_nbd, bg_nbd_likelihood


@njit(cache=True, nogil=True)
def log_likelihood_value(
    x_values: Integers,
    x_code: Integers,
    t_x_values: Floats,
    t_x_code: Integers,
    T_values: Floats,
    T_code: Integers,
    weight: Floats,
    r: float,
    alpha: float,
    a: float,
    b: float,
) -> float:
    """The value alone of `log_likelihood`."""
    total: float = bg_nbd_likelihood.log_likelihood_value(
        x_values, x_code, t_x_values, t_x_code, T_values, T_code, weight, r, alpha, a, b + 1.0
    )
    log_stayed = -math.log1p(a / b)
    for i in range(x_code.size):
        row = log_stayed
        if x_values[x_code[i]] == 0:
            log_odds = bg_nbd.log_odds_dead(0, 0.0, T_values[T_code[i]], r, alpha, a, b + 1.0)
            row += max(log_odds, 0.0) + math.log1p(math.exp(-abs(log_odds)))
        total += weight[i] * row
    return total


@njit(cache=True, nogil=True)
def log_likelihood(
    x_values: Integers,
    x_code: Integers,
    t_x_values: Floats,
    t_x_code: Integers,
    T_values: Floats,
    T_code: Integers,
    weight: Floats,
    r: float,
    alpha: float,
    a: float,
    b: float,
) -> tuple[float, Floats]:
    """Log-likelihood of weighted rows and its gradient [Batislam, Denizel & Filiztekin 2007].

    Parameters
    ----------
    x_values, t_x_values, T_values
        The distinct values that occur.
    x_code, t_x_code, T_code
        For each row, where its value stands in the array of distinct values.
    weight
        How many customers each row stands for.
    r, alpha, a, b
        The parameters, all positive.

    Returns
    -------
    value, gradient
        The total, and its derivatives in (r, alpha, a, b), shape (4,).

    Examples
    --------
    >>> zero = np.zeros(1, dtype=np.int64)
    >>> value, gradient = log_likelihood(
    ...     np.array([0]), zero, np.zeros(1), zero, np.array([40.0]), zero, np.ones(1), 0.25, 4.0, 0.8, 2.5)
    >>> round(value, 8)
    -0.41792826
    """
    total, gradient = bg_nbd_likelihood.log_likelihood(
        x_values, x_code, t_x_values, t_x_code, T_values, T_code, weight, r, alpha, a, b + 1.0
    )
    log_stayed = -math.log1p(a / b)
    for i in range(x_code.size):
        w = weight[i]
        total += w * log_stayed
        gradient[2] -= w / (a + b)
        gradient[3] += w * a / b / (a + b)
        if x_values[x_code[i]] == 0:
            T = T_values[T_code[i]]
            log_odds = bg_nbd.log_odds_dead(0, 0.0, T, r, alpha, a, b + 1.0)
            odds = math.exp(-abs(log_odds))
            dead = (1.0 if log_odds > 0.0 else odds) / (1.0 + odds)
            total += w * (max(log_odds, 0.0) + math.log1p(odds))
            gradient[0] += w * dead * math.log1p(T / alpha)
            gradient[1] -= w * dead * r * T / (alpha * (alpha + T))
            gradient[2] += w * dead / a
            gradient[3] -= w * dead / b
    return total, gradient


@njit(cache=True, nogil=True, parallel=True)
def log_likelihood_draws(
    x_values: Integers,
    x_code: Integers,
    t_x_values: Floats,
    t_x_code: Integers,
    T_values: Floats,
    T_code: Integers,
    weight: Floats,
    theta: Floats,
) -> Floats:
    """`log_likelihood_value` at each row (r, alpha, a, b) of theta, shape (draws, 4) -> (draws,).

    Draws run in parallel, each draw's rows are added in order: the answer does not depend on the threads.
    """
    values = np.empty(theta.shape[0])
    for s in prange(theta.shape[0]):
        values[s] = log_likelihood_value(
            x_values, x_code, t_x_values, t_x_code, T_values, T_code, weight,
            theta[s, 0], theta[s, 1], theta[s, 2], theta[s, 3],
        )  # fmt: skip
    return values


@njit(cache=True, nogil=True)
def probability_alive(x: int, t_x: float, T: float, r: float, alpha: float, a: float, b: float) -> float:
    """P(alive at T | x, t_x, T) [Batislam, Denizel & Filiztekin 2007]; b / (a + b) of a new customer.

    Examples
    --------
    >>> round(probability_alive(0, 0.0, 0.0, 0.525, 6.183, 0.891, 1.614), 4)
    0.6443
    """
    log_odds = bg_nbd.log_odds_dead(x, t_x, T, r, alpha, a, b + 1.0)
    if log_odds > 0.0:
        odds_alive = math.exp(-log_odds)
        return odds_alive / (1.0 + odds_alive)
    return 1.0 / (1.0 + math.exp(log_odds))


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
