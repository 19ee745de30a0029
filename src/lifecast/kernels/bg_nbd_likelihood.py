"""The likelihood of BG/NBD [Fader, Hardie & Lee 2005, eq. 6], in the notation of `lifecast.kernels.bg_nbd`.

Rows of equal histories count by weight. What hangs on x or on one time alone is worked out once per value.
"""

import math

import numpy as np
from numba import njit, prange

from lifecast.arrays import Floats, Integers
from lifecast.kernels.bg_nbd import log_odds_dead
from lifecast.kernels.special import log_gamma_ratio


@njit(cache=True, nogil=True)
def _x_table(x_values: Integers, r: float, alpha: float, a: float, b: float) -> tuple[Floats, Floats]:
    """What the likelihood needs of each distinct x: the part free of times, and ln a - ln(b + x - 1)."""
    n = x_values.size
    last = 0
    for i in range(n):
        last = max(last, x_values[i])
    # ln [Gamma(r+x) / (Gamma(r) alpha^x)  B(a, b+x) / B(a, b)], by its recurrence in x
    running = np.zeros(last + 1)
    for i in range(last):
        running[i + 1] = running[i] + math.log((r + i) / alpha * ((b + i) / (a + b + i)))
    free_of_time = np.empty(n)
    log_hazard = np.zeros(n)
    log_a = math.log(a)
    for i in range(n):
        x = x_values[i]
        free_of_time[i] = running[x]
        if x > 0:
            log_hazard[i] = log_a - math.log(b + (x - 1))
    return free_of_time, log_hazard


@njit(cache=True, nogil=True)
def _x_gradient_table(x_values: Integers, r: float, a: float, b: float) -> Floats:
    """Derivatives in r, a and b of the first table of `_x_table`: shape (distinct x, 3)."""
    n = x_values.size
    last = 0
    for i in range(n):
        last = max(last, x_values[i])
    running = np.zeros((last + 1, 3))
    for i in range(last):
        both = 1.0 / (a + b + i)
        running[i + 1, 0] = running[i, 0] + 1.0 / (r + i)
        running[i + 1, 1] = running[i, 1] - both
        running[i + 1, 2] = running[i, 2] + a * both / (b + i)
    table = np.empty((n, 3))
    for i in range(n):
        table[i] = running[x_values[i]]
    return table


@njit(cache=True, nogil=True)
def _log1p_ratio(values: Floats, alpha: float) -> Floats:
    table = np.empty(values.size)
    for i in range(values.size):
        table[i] = math.log1p(values[i] / alpha)
    return table


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
    free_of_time, log_hazard = _x_table(x_values, r, alpha, a, b)
    log_t_x = _log1p_ratio(t_x_values, alpha)
    log_T = _log1p_ratio(T_values, alpha)
    total = 0.0
    for i in range(x_code.size):
        j = x_code[i]
        k = r + x_values[j]
        to_T = log_T[T_code[i]]
        row = free_of_time[j] - k * to_T
        if x_values[j] > 0:
            log_odds = log_hazard[j] + k * (to_T - log_t_x[t_x_code[i]])
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
    """Log-likelihood of weighted rows and its gradient [Fader, Hardie & Lee 2005, eq. 6].

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
    ...     np.array([2]), zero, np.array([30.43]), zero, np.array([38.86]), zero, np.ones(1),
    ...     0.243, 4.414, 0.793, 2.426)
    >>> round(value, 3)
    -9.459
    """
    free_of_time, log_hazard = _x_table(x_values, r, alpha, a, b)
    slope_x = _x_gradient_table(x_values, r, a, b)
    log_t_x = _log1p_ratio(t_x_values, alpha)
    log_T = _log1p_ratio(T_values, alpha)
    total = 0.0
    d_r = 0.0
    d_alpha = 0.0
    d_a = 0.0
    d_b = 0.0
    for i in range(x_code.size):
        j = x_code[i]
        x = x_values[j]
        k = r + x
        w = weight[i]
        T = T_values[T_code[i]]
        to_T = log_T[T_code[i]]
        per_alpha_T = 1.0 / (alpha + T)
        row = free_of_time[j] - k * to_T
        row_r = slope_x[j, 0] - to_T
        row_alpha = (r * T / alpha - x) * per_alpha_T
        row_a = slope_x[j, 1]
        row_b = slope_x[j, 2]
        if x > 0:
            t_x = t_x_values[t_x_code[i]]
            gap = to_T - log_t_x[t_x_code[i]]
            log_odds = log_hazard[j] + k * gap
            odds = math.exp(-abs(log_odds))
            row += max(log_odds, 0.0) + math.log1p(odds)
            dead = (1.0 if log_odds > 0.0 else odds) / (1.0 + odds)
            row_r += dead * gap
            row_alpha -= dead * k * (T - t_x) * per_alpha_T / (alpha + t_x)
            row_a += dead / a
            row_b -= dead / (b + (x - 1))
        total += w * row
        d_r += w * row_r
        d_alpha += w * row_alpha
        d_a += w * row_a
        d_b += w * row_b
    return total, np.array([d_r, d_alpha, d_a, d_b])


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
def log_likelihood_customer(
    x: int, t_x: float, T: float, r: float, alpha: float, a: float, b: float
) -> float:
    """Log-likelihood of one customer [Fader, Hardie & Lee 2005, eq. 6].

    Examples
    --------
    >>> round(log_likelihood_customer(200, 38.0, 40.0, 0.25, 4.0, 0.8, 2.5), 4)
    100.7957
    """
    value: float = log_gamma_ratio(r, float(x)) - x * math.log(alpha) - (r + x) * math.log1p(T / alpha)
    value += log_gamma_ratio(b, a) - log_gamma_ratio(b + x, a)
    if x > 0:
        log_odds = log_odds_dead(x, t_x, T, r, alpha, a, b)
        value += max(log_odds, 0.0) + math.log1p(math.exp(-abs(log_odds)))
    return value
