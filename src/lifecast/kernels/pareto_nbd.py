"""Pareto/NBD [Schmittlein, Morrison & Colombo 1987, Management Science 33(1)] in the papers' symbols.

While alive, a customer buys in a Poisson process of rate lambda ~ Gamma(r, rate alpha) and leaves for good
after a lifetime of its own, exponential of rate mu ~ Gamma(s, rate beta). The data of a customer are x repeat
purchases, the last at t_x, watched until T; all times in one unit. Nothing here checks its arguments.

The papers solve the integral over the moment of leaving into differences of hypergeometric functions, which
overflow and cancel [Fader & Hardie 2005, "A note on deriving the Pareto/NBD model and related expressions",
brucehardie.com note 009]. Here it stays an integral, with positive terms only: `power_integral`.

A customer alive at T is one with lambda ~ Gamma(k, rate A) and mu ~ Gamma(s, rate B), independent, where
k = r + x, A = alpha + T and B = beta + T.
"""

import math

import numpy as np
from numba import njit, prange

from lifecast.arrays import Floats, Integers
from lifecast.kernels.never_again import (
    MOST_PURCHASES,
    fill_series,
    log_chance,
    log_never_again,
    never_again_figures,
    place_in_series,
    series_size,
)
from lifecast.kernels.power_integral import NEGLIGIBLE, POINTS, WEIGHTS, panels_and_points, power_integral
from lifecast.kernels.special import log_gamma_ratio


@njit(cache=True, nogil=True, inline="always")
def softplus(z: float) -> float:
    """ln(1 + e^z)."""
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


@njit(cache=True, nogil=True, inline="always")
def alive(log_silent: float, never: float) -> float:
    """P(alive at T) of a customer silent since t_x.

    Who has left by T never buys again after t_x, and so does who lives at T but never buys again after T. In
    units of P(alive at T and silent since t_x), never to buy again after t_x has a chance of e^log_silent,
    the latter one of ``never``: 1 / P(alive) = 1 + e^log_silent - never. Nothing cancels that matters.
    """
    silent = math.exp(-abs(log_silent))
    if log_silent > 0.0:
        return silent / (1.0 + (1.0 - never) * silent)
    return 1.0 / (1.0 + max(silent - never, 0.0))


@njit(cache=True, nogil=True, inline="always")
def minus_log_alive(log_silent: float, never: float) -> float:
    """The same as -ln P(alive at T), which may be large."""
    silent = math.exp(-abs(log_silent))
    if log_silent > 0.0:
        return log_silent + math.log1p((1.0 - never) * silent)
    return math.log1p(max(silent - never, 0.0))


@njit(cache=True, nogil=True)
def minus_log_alive_customer(
    x: int, t_x: float, T: float, r: float, alpha: float, s: float, beta: float
) -> float:
    """-ln P(alive at T | x, t_x, T) of one customer."""
    k = r + x
    log_silent = k * math.log1p((T - t_x) / (alpha + t_x)) + s * math.log1p((T - t_x) / (beta + t_x))
    log_silent += log_chance(k, s, alpha + t_x, beta + t_x)
    value: float = minus_log_alive(log_silent, math.exp(log_chance(k, s, alpha + T, beta + T)))
    return value


@njit(cache=True, nogil=True)
def probability_alive(x: int, t_x: float, T: float, r: float, alpha: float, s: float, beta: float) -> float:
    """P(alive at T | x, t_x, T) [Schmittlein, Morrison & Colombo 1987].

    Examples
    --------
    >>> round(probability_alive(26, 30.857143, 31.0, 0.5534, 10.5802, 0.6061, 11.6562), 5)
    0.99787
    """
    return math.exp(-minus_log_alive_customer(x, t_x, T, r, alpha, s, beta))


@njit(cache=True, nogil=True)
def log_likelihood_customer(
    x: int, t_x: float, T: float, r: float, alpha: float, s: float, beta: float
) -> float:
    """Log-likelihood of one customer.

    Examples
    --------
    >>> round(log_likelihood_customer(2, 30.43, 38.86, 0.553, 10.578, 0.606, 11.669), 3)
    -9.554
    """
    value: float = log_gamma_ratio(r, float(x)) - x * math.log(alpha) - (r + x) * math.log1p(T / alpha)
    return value - s * math.log1p(T / beta) + minus_log_alive_customer(x, t_x, T, r, alpha, s, beta)


@njit(cache=True, nogil=True)
def _free_of_time(x_values: Integers, r: float, alpha: float) -> tuple[Floats, Floats]:
    """Log of Gamma(r+x) / (Gamma(r) alpha^x) at each distinct x, and its derivative by r: by recurrence."""
    running = np.zeros((2, int(np.max(x_values)) + 1))
    for i in range(running.shape[1] - 1):
        running[0, i + 1] = running[0, i] + math.log((r + i) / alpha)
        running[1, i + 1] = running[1, i] + 1.0 / (r + i)
    return running[0][x_values], running[1][x_values]


@njit(cache=True, nogil=True)
def _time_table(values: Floats, alpha: float, beta: float) -> Floats:
    """Of each distinct time: ln(1 + t/alpha), ln(1 + t/beta) and the place in the series, shape (time, 3)."""
    table = np.empty((values.size, 3))
    whole = math.log(alpha / beta)
    for i in range(values.size):
        table[i, 0] = math.log1p(values[i] / alpha)
        table[i, 1] = math.log1p(values[i] / beta)
        table[i, 2] = place_in_series(whole + table[i, 0], table[i, 1], whole)
    return table


@njit(cache=True, nogil=True)
def _series(figures: int, x_values: Integers, r: float, alpha: float, s: float, beta: float) -> Floats:
    """Series of `never_again`'s first figures, (distinct x, figure, term), made for the x that use them."""
    series = np.empty((x_values.size, figures, series_size(alpha, beta)))
    for j in range(x_values.size):
        if x_values[j] <= MOST_PURCHASES:
            fill_series(r + x_values[j], s, alpha, beta, series[j])
    return series


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
    s: float,
    beta: float,
) -> float:
    """The value alone of `log_likelihood`."""
    free_of_time, _ = _free_of_time(x_values, r, alpha)
    at_t_x, at_T = _time_table(t_x_values, alpha, beta), _time_table(T_values, alpha, beta)
    series = _series(1, x_values, r, alpha, s, beta)
    total = 0.0
    for i in range(x_code.size):
        j = x_code[i]
        x, t_x, T = x_values[j], t_x_values[t_x_code[i]], T_values[T_code[i]]
        k = r + x
        early, late = at_t_x[t_x_code[i]], at_T[T_code[i]]
        log_silent = k * (late[0] - early[0]) + s * (late[1] - early[1])
        log_silent += log_never_again(series[j, 0], early[2], x, r, s, alpha + t_x, beta + t_x)
        never = math.exp(log_never_again(series[j, 0], late[2], x, r, s, alpha + T, beta + T))
        silence = minus_log_alive(log_silent, never)
        total += weight[i] * (free_of_time[j] - k * late[0] - s * late[1] + silence)
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
    s: float,
    beta: float,
) -> tuple[float, Floats]:
    """Log-likelihood of weighted rows and its gradient.

    Parameters
    ----------
    x_values, t_x_values, T_values
        The distinct values that occur.
    x_code, t_x_code, T_code
        For each row, where its value stands in the array of distinct values.
    weight
        How many customers each row stands for.
    r, alpha, s, beta
        The parameters, all positive.

    Returns
    -------
    value, gradient
        The total, and its derivatives in (r, alpha, s, beta), shape (4,).

    Examples
    --------
    >>> zero = np.zeros(1, dtype=np.int64)
    >>> value, gradient = log_likelihood(
    ...     np.array([2]), zero, np.array([30.43]), zero, np.array([38.86]), zero, np.ones(1),
    ...     0.553, 10.578, 0.606, 11.669)
    >>> round(value, 3)
    -9.554
    """
    free_of_time, slope_r = _free_of_time(x_values, r, alpha)
    at_t_x, at_T = _time_table(t_x_values, alpha, beta), _time_table(T_values, alpha, beta)
    series = _series(4, x_values, r, alpha, s, beta)
    total = d_r = d_alpha = d_s = d_beta = 0.0
    for i in range(x_code.size):
        j = x_code[i]
        x, t_x, T = x_values[j], t_x_values[t_x_code[i]], T_values[T_code[i]]
        k, w = r + x, weight[i]
        early, late = at_t_x[t_x_code[i]], at_T[T_code[i]]
        log_a, log_b = late[0] - early[0], late[1] - early[1]
        log_silent, silent_k, silent_s, silent_ratio = never_again_figures(
            series[j], early[2], x, r, s, alpha + t_x, beta + t_x
        )
        log_never, never_k, never_s, never_ratio = never_again_figures(
            series[j], late[2], x, r, s, alpha + T, beta + T
        )
        log_silent += k * log_a + s * log_b
        silence = minus_log_alive(log_silent, math.exp(log_never))
        silent, never = math.exp(log_silent - silence), math.exp(log_never - silence)
        total += w * (free_of_time[j] - k * late[0] - s * late[1] + silence)
        d_r += w * (slope_r[j] - late[0] + silent * (log_a + silent_k) - never * never_k)
        d_s += w * (-late[1] + silent * (log_b + silent_s) - never * never_s)
        d_alpha += w * (
            (r * T / alpha - x + silent * k - never * never_ratio) / (alpha + T)
            + silent * (silent_ratio - k) / (alpha + t_x)
        )
        d_beta += w * (
            (s * T / beta + silent * s + never * never_ratio) / (beta + T)
            - silent * (silent_ratio + s) / (beta + t_x)
        )
    return total, np.array([d_r, d_alpha, d_s, d_beta])


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
    """`log_likelihood_value` at each row (r, alpha, s, beta) of theta, shape (draws, 4) -> (draws,).

    Draws run in parallel, each draw's rows are added in order: the answer does not depend on the threads.
    """
    values = np.empty(theta.shape[0])
    for d in prange(theta.shape[0]):
        values[d] = log_likelihood_value(
            x_values, x_code, t_x_values, t_x_code, T_values, T_code, weight,
            theta[d, 0], theta[d, 1], theta[d, 2], theta[d, 3],
        )  # fmt: skip
    return values


@njit(cache=True, nogil=True)
def probability_of_purchase(k: float, A: float, s: float, B: float, t: float) -> float:
    """P(at least one purchase within t | alive).

    The first purchase at u has density k A^k (A + u)^-(k+1) (B / (B + u))^s.

    Examples
    --------
    >>> round(probability_of_purchase(2.0, 10.0, 1e-9, 5.0, 10.0), 6)  # nobody leaves: 1 - (A/(A+t))^k
    0.75
    """
    integral: float = power_integral(k + 1.0, s, A, B, math.log1p(t / A), math.log1p(t / B))
    return min(k / A * integral, 1.0)


@njit(cache=True, nogil=True)
def expected_lifetime(s: float, B: float, t: float) -> float:
    """How much of the next t a living customer is expected to live; for infinite t, infinite where s <= 1.

    The integral of (B/(B+u))^s over u from 0 to t.
    """
    if math.isinf(t):
        return B / (s - 1.0) if s > 1.0 else math.inf
    reach = math.log1p(t / B)
    return B * reach if s == 1.0 else -B * math.expm1((1.0 - s) * reach) / (s - 1.0)


@njit(cache=True, nogil=True)
def expected_purchases_if_alive(
    x: int, T: float, t: float, r: float, alpha: float, s: float, beta: float
) -> float:
    """Expected purchases in (T, T + t] of a customer alive at T.

    Times `probability_alive` it is E[X(T, T + t) | x, t_x, T]; at x = 0, T = 0 it is E[X(t)] of a new
    customer [Schmittlein, Morrison & Colombo 1987; Fader & Hardie 2005].

    Parameters
    ----------
    x, T
        Repeat purchases so far, and time since the first purchase.
    t
        Horizon from T; may be 0 or infinite.
    r, alpha, s, beta
        The parameters, all positive.

    Examples
    --------
    >>> round(expected_purchases_if_alive(0, 0.0, 1.0, 0.5534, 10.5802, 0.6061, 11.6562), 12)
    0.051004534002
    """
    lifetime: float = expected_lifetime(s, beta + T, t)
    return (r + x) / (alpha + T) * lifetime


@njit(cache=True, nogil=True)
def log_purchase_pmf(n: int, t: float, k: float, A: float, s: float, B: float) -> float:
    """Log probability that a living customer makes n purchases within t; of a new one at (r, alpha, s, beta).

    Counts are negative binomial: over t if alive then, else over the u at which the customer left [Fader &
    Hardie 2006, "Deriving an expression for P(X(t)=x) under the Pareto/NBD model", note 012, unsolved].

    Examples
    --------
    >>> round(math.exp(log_purchase_pmf(0, 39.0, 0.553, 10.578, 0.606, 11.669)), 4)
    0.5936
    """
    log_a, log_b = math.log1p(t / A), math.log1p(t / B)
    if log_a == 0.0:
        return 0.0 if n == 0 else -math.inf
    if n == 0:  # never again, or not yet
        later = math.exp(-k * log_a - s * log_b) * -math.expm1(log_chance(k, s, A + t, B + t))
        return math.log(math.exp(log_chance(k, s, A, B)) + later)
    small, large = min(k, n + 1.0), max(k, n + 1.0)
    log_coefficient = log_gamma_ratio(large, small) - math.lgamma(small) - math.log(k + n)
    lived = -n * math.log1p(A / t) - k * log_a - s * log_b
    left = math.log(s * A / B) + _log_integral_over_leaving(n, math.log(t / A), k, s, math.log(A / B))
    some: float = log_coefficient + np.logaddexp(lived, left)
    return some


@njit(cache=True, nogil=True)
def _log_leaving(n: int, y: float, k: float, s: float, log_kappa: float) -> float:
    """Log of (u/(A+u))^n (1 + u/A)^-k (1 + u/B)^-(s+1) u/A at u = A e^y; kappa = A / B. Concave in y."""
    return (n + 1.0) * y - (n + k) * softplus(y) - (s + 1.0) * softplus(y + log_kappa)


@njit(cache=True, nogil=True)
def _log_integral_over_leaving(n: int, end: float, k: float, s: float, log_kappa: float) -> float:
    """Log of the integral of exp(`_log_leaving`) over y up to the end, in panels on both sides of its top."""
    low, high = end - 1.0, end
    while _leaving_falls(n, low, k, s, log_kappa):
        low, high = low - 2.0 * (end - low), low
    while high - low > 1e-3 and _leaving_falls(n, high, k, s, log_kappa):
        middle = 0.5 * (low + high)
        if _leaving_falls(n, middle, k, s, log_kappa):
            high = middle
        else:
            low = middle
    top = high
    highest = _log_leaving(n, top, k, s, log_kappa)
    total = 0.0
    for side in (-1.0, 1.0):
        step = 0.1 / math.sqrt(n + k + s)
        far, drop = 0.0, 0.0
        while drop < NEGLIGIBLE and (side < 0.0 or far < end - top):
            step *= 1.5
            far = far + step if side < 0.0 else min(far + step, end - top)
            drop = highest - _log_leaving(n, top + side * far, k, s, log_kappa)
        panels, points = panels_and_points(far, drop)
        width = far / panels
        for panel in range(panels):
            for i in range(points):
                y = top + side * width * (panel + POINTS[points, i])
                total += width * WEIGHTS[points, i] * math.exp(_log_leaving(n, y, k, s, log_kappa) - highest)
    return highest + math.log(total)


@njit(cache=True, nogil=True)
def _leaving_falls(n: int, y: float, k: float, s: float, log_kappa: float) -> bool:
    """Whether `_log_leaving` falls at y."""
    falling: bool = (n + k) / (1.0 + math.exp(-y)) + (s + 1.0) / (1.0 + math.exp(-y - log_kappa)) > n + 1.0
    return falling
