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
from lifecast.kernels.power_integral import (
    NEGLIGIBLE,
    POINTS,
    WEIGHTS,
    panels_and_points,
    power_integral,
    power_moments,
)
from lifecast.kernels.special import log_gamma_ratio


@njit(cache=True, nogil=True)
def log_odds_dead(x: int, t_x: float, T: float, r: float, alpha: float, s: float, beta: float) -> float:
    """Log odds of having left by T; -inf where there was no time to.

    To leave at u in (t_x, T), silent since t_x, has density s (beta + u)^-(s+1) (alpha + u)^-k; to live on in
    silence (beta + T)^-s (alpha + T)^-k.
    """
    k = r + x
    a, b = alpha + t_x, beta + t_x
    log_a, log_b = math.log1p((T - t_x) / a), math.log1p((T - t_x) / b)
    if log_a == 0.0:
        return -math.inf
    integral: float = power_integral(k, s + 1.0, a, b, log_a, log_b)
    return math.log(s * integral / b) + k * log_a + s * log_b


@njit(cache=True, nogil=True, inline="always")
def softplus(z: float) -> float:
    """ln(1 + e^z)."""
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


@njit(cache=True, nogil=True)
def probability_alive(x: int, t_x: float, T: float, r: float, alpha: float, s: float, beta: float) -> float:
    """P(alive at T | x, t_x, T) [Schmittlein, Morrison & Colombo 1987].

    Examples
    --------
    >>> round(probability_alive(26, 30.857143, 31.0, 0.5534, 10.5802, 0.6061, 11.6562), 6)
    0.997874
    """
    return math.exp(-softplus(log_odds_dead(x, t_x, T, r, alpha, s, beta)))


@njit(cache=True, nogil=True)
def _free_of_time(x_values: Integers, r: float, alpha: float) -> Floats:
    """Logs of [Gamma(r+x) / (Gamma(r) alpha^x)] at each distinct x, by its recurrence."""
    running = np.zeros(np.max(x_values) + 1)
    for i in range(running.size - 1):
        running[i + 1] = running[i] + math.log((r + i) / alpha)
    return running[x_values]


@njit(cache=True, nogil=True)
def _log1p_ratio(values: Floats, scale: float) -> Floats:
    return np.log1p(values / scale)


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
    free_of_time = _free_of_time(x_values, r, alpha)
    log_a_t_x, log_b_t_x = _log1p_ratio(t_x_values, alpha), _log1p_ratio(t_x_values, beta)
    log_a_T, log_b_T = _log1p_ratio(T_values, alpha), _log1p_ratio(T_values, beta)
    total = 0.0
    integral = 0.0
    x_later, t_x_later, T_later = -1, -1, -1
    for i in range(x_code.size - 1, -1, -1):
        j, h, g = x_code[i], t_x_code[i], T_code[i]
        k = r + x_values[j]
        log_a, log_b = log_a_T[g] - log_a_t_x[h], log_b_T[g] - log_b_t_x[h]
        to_a, to_b = log_a, log_b
        if j == x_later and g == T_later and t_x_values[h] <= t_x_values[t_x_later]:
            to_a, to_b = log_a_t_x[t_x_later] - log_a_t_x[h], log_b_t_x[t_x_later] - log_b_t_x[h]
            integral *= math.exp(-k * to_a - (s + 1.0) * to_b)
        else:
            integral = 0.0
        b = beta + t_x_values[h]
        integral += power_integral(k, s + 1.0, alpha + t_x_values[h], b, to_a, to_b)
        row = free_of_time[j] - k * log_a_T[g] - s * log_b_T[g]
        if integral > 0.0:
            row += softplus(math.log(s * integral / b) + k * log_a + s * log_b)
        total += weight[i] * row
        x_later, t_x_later, T_later = j, h, g
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
    """Log-likelihood of weighted rows and its gradient [Fader & Hardie 2005, unsolved].

    Where rows of equal x and T stand together, sorted by t_x, a row's integral goes on from the next one's,
    and what is left is the short way between their t_x. Any other order is as right, only slower.

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
    -9.46
    """
    free_of_time = _free_of_time(x_values, r, alpha)
    slope_r = np.zeros(np.max(x_values) + 1)
    for i in range(slope_r.size - 1):
        slope_r[i + 1] = slope_r[i] + 1.0 / (r + i)
    log_a_t_x, log_b_t_x = _log1p_ratio(t_x_values, alpha), _log1p_ratio(t_x_values, beta)
    log_a_T, log_b_T = _log1p_ratio(T_values, alpha), _log1p_ratio(T_values, beta)
    total = 0.0
    d_r = d_alpha = d_s = d_beta = 0.0
    integral = in_log_a = per_a = in_log_b = per_b = 0.0
    x_later, t_x_later, T_later = -1, -1, -1
    for i in range(x_code.size - 1, -1, -1):
        j, h, g = x_code[i], t_x_code[i], T_code[i]
        x, T = x_values[j], T_values[g]
        k = r + x
        w = weight[i]
        log_a, log_b = log_a_T[g] - log_a_t_x[h], log_b_T[g] - log_b_t_x[h]
        to_a, to_b = log_a, log_b
        if j == x_later and g == T_later and t_x_values[h] <= t_x_values[t_x_later]:
            to_a, to_b = log_a_t_x[t_x_later] - log_a_t_x[h], log_b_t_x[t_x_later] - log_b_t_x[h]
            fading = math.exp(-k * to_a - (s + 1.0) * to_b)
            # the logs count from this row's t_x now
            in_log_a = fading * (in_log_a + to_a * integral)
            in_log_b = fading * (in_log_b + to_b * integral)
            per_a *= fading
            per_b *= fading
            integral *= fading
        else:
            integral = in_log_a = per_a = in_log_b = per_b = 0.0
        a, b = alpha + t_x_values[h], beta + t_x_values[h]
        of_way = power_moments(k, s + 1.0, a, b, to_a, to_b)
        integral += of_way[0]
        in_log_a += of_way[1]
        per_a += of_way[2]
        in_log_b += of_way[3]
        per_b += of_way[4]
        row = free_of_time[j] - k * log_a_T[g] - s * log_b_T[g]
        row_r = slope_r[x] - log_a_T[g]
        row_alpha = (r * T / alpha - x) / (alpha + T)
        row_s = -log_b_T[g]
        row_beta = s * T / beta / (beta + T)
        if integral > 0.0:
            log_odds = math.log(s * integral / b) + k * log_a + s * log_b
            odds = math.exp(-abs(log_odds))
            row += max(log_odds, 0.0) + math.log1p(odds)
            dead = (1.0 if log_odds > 0.0 else odds) / (1.0 + odds)
            row_r += dead * (log_a - in_log_a / integral)
            row_alpha += dead * k * (1.0 / (alpha + T) - per_a / integral)
            row_s += dead * (1.0 / s + log_b - in_log_b / integral)
            row_beta += dead * (s / (beta + T) - (s + 1.0) * per_b / integral)
        total += w * row
        d_r += w * row_r
        d_alpha += w * row_alpha
        d_s += w * row_s
        d_beta += w * row_beta
        x_later, t_x_later, T_later = j, h, g
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
def log_likelihood_customer(
    x: int, t_x: float, T: float, r: float, alpha: float, s: float, beta: float
) -> float:
    """Log-likelihood of one customer.

    Examples
    --------
    >>> round(log_likelihood_customer(10_000, 3650.0, 3650.0, 0.553, 10.578, 0.606, 11.669), 3)
    0.0
    """
    value: float = log_gamma_ratio(r, float(x)) - x * math.log(alpha) - (r + x) * math.log1p(T / alpha)
    return value - s * math.log1p(T / beta) + softplus(log_odds_dead(x, t_x, T, r, alpha, s, beta))


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
    0.5879
    """
    log_a, log_b = math.log1p(t / A), math.log1p(t / B)
    if log_a == 0.0:
        return 0.0 if n == 0 else -math.inf
    if n == 0:
        integral: float = power_integral(k, s + 1.0, A, B, log_a, log_b)
        none: float = np.logaddexp(-k * log_a - s * log_b, math.log(s * integral / B))
        return none
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
