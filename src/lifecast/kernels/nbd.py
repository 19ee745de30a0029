"""NBD [Ehrenberg 1959, "The pattern of consumer purchases", Applied Statistics 8(1)].

A customer buys in a Poisson process of rate lambda ~ Gamma(r, rate alpha), for ever. The data of a customer
are x repeat purchases, watched until T; when they were made says nothing. Nothing here checks its arguments.

A customer with x purchases by T has lambda ~ Gamma(k, rate A), where k = r + x and A = alpha + T.
"""

import math

import numpy as np
from numba import njit, prange

from lifecast.arrays import Floats, Integers, Keys
from lifecast.kernels.clock import calendar_time, stretch_at
from lifecast.kernels.drift import drifted
from lifecast.kernels.special import digamma, log_gamma_ratio
from lifecast.kernels.stream import TIMING, first_bits, mix64, next_exponential, next_gamma, to_uniform


@njit(cache=True, nogil=True)
def log_likelihood(
    x_values: Integers,
    x_code: Integers,
    T_values: Floats,
    T_code: Integers,
    weight: Floats,
    r: float,
    alpha: float,
) -> tuple[float, Floats]:
    """Log-likelihood of weighted rows and its gradient.

    Of a customer it is ln Gamma(r+x) - ln Gamma(r) + r ln alpha - (r+x) ln(alpha + T).

    Parameters
    ----------
    x_values, T_values
        The distinct values that occur.
    x_code, T_code
        For each row, where its value stands in the array of distinct values.
    weight
        How many customers each row stands for.
    r, alpha
        The parameters, both positive.

    Returns
    -------
    value, gradient
        The total, and its derivatives in (r, alpha), shape (2,).

    Examples
    --------
    >>> zero = np.zeros(1, dtype=np.int64)
    >>> value, gradient = log_likelihood(np.array([2]), zero, np.array([8.0]), zero, np.ones(1), 1.0, 2.0)
    >>> round(value, 4)  # ln (2 x 2 / 10^3)
    -5.5215
    """
    of_x, slope = np.empty(x_values.size), np.empty(x_values.size)
    for j in range(x_values.size):
        of_x[j] = log_gamma_ratio(r, float(x_values[j])) - x_values[j] * math.log(alpha)
        slope[j] = digamma(r + x_values[j]) - digamma(r)
    of_T = np.log1p(T_values / alpha)
    total = 0.0
    d_r = 0.0
    d_alpha = 0.0
    for i in range(x_code.size):
        w, x, T = weight[i], x_values[x_code[i]], T_values[T_code[i]]
        total += w * (of_x[x_code[i]] - (r + x) * of_T[T_code[i]])
        d_r += w * (slope[x_code[i]] - of_T[T_code[i]])
        d_alpha += w * (r * T / alpha - x) / (alpha + T)
    return total, np.array([d_r, d_alpha])


@njit(cache=True, nogil=True, parallel=True)
def log_likelihood_draws(
    x_values: Integers,
    x_code: Integers,
    T_values: Floats,
    T_code: Integers,
    weight: Floats,
    theta: Floats,
) -> Floats:
    """`log_likelihood` at each row (r, alpha) of theta, shape (draws, 2) -> (draws,).

    Draws run in parallel, each draw's rows are added in order: the answer does not depend on the threads.
    """
    values = np.empty(theta.shape[0])
    for s in prange(theta.shape[0]):
        values[s], _ = log_likelihood(x_values, x_code, T_values, T_code, weight, theta[s, 0], theta[s, 1])
    return values


@njit(cache=True, nogil=True)
def log_probability_of_count(
    x: Integers, T: Floats, n: Integers, t: float, theta: Floats, drift: float
) -> Floats:
    """Log probability that customers make n purchases within t, shape (row,): negative binomial."""
    result = np.empty(x.size)
    for i in range(x.size):
        k, A = drifted(theta[0] + x[i], theta[1] + T[i], drift)
        result[i] = -k * math.log1p(t / A)
        if n[i] > 0:
            result[i] += log_gamma_ratio(n[i] + 1.0, k) - math.lgamma(k) - math.log(k + n[i])
            result[i] -= n[i] * math.log1p(A / t) if t > 0.0 else math.inf
    return result


@njit(cache=True, nogil=True)
def simulate_purchases(
    x: Integers,
    T: Floats,
    p_buys: Floats,
    row: Integers,
    keys: Keys,
    theta: Floats,
    drift: Floats,
    clock: Floats,
    edges: Floats,
    capacity: int,
) -> tuple[Integers, np.ndarray, np.ndarray, Floats]:
    """Purchases of every customer in every world, exactly as the past says.

    One uniform decides whether a customer buys at all, and when first: given the past, the gap is Lomax, the
    gamma mixture of exponentials. Only who buys gets a rate, from its posterior given that gap.

    Parameters and returns as in `lifecast.kernels.bg_nbd_simulation.simulate_purchases`; everybody is alive.
    """
    n, S, K = row.size, theta.shape[0], edges.size - 1
    first = np.empty(n + 1, np.int64)
    world = np.empty(capacity, np.int32)
    stretch = np.empty(capacity, np.int32)
    time = np.empty(capacity, np.float64)
    count = 0
    for i in range(n):
        first[i] = count
        j = row[i]
        for s in range(S):
            bits = first_bits(keys[i], s)
            u = to_uniform(bits)
            if u >= p_buys[j, s]:
                continue
            k, A = drifted(theta[s, 0] + x[j], theta[s, 1] + T[j], drift[s])
            passed = A * (math.exp(-math.log(1.0 - u) / k) - 1.0)
            state, rate = next_gamma(mix64(bits ^ TIMING), k + 1.0)
            gap = (A + passed) / rate
            end = clock[s, K]
            while passed <= end:
                if count < capacity:
                    slot = stretch_at(passed, clock, s)
                    world[count] = s
                    stretch[count] = slot
                    time[count] = calendar_time(passed, clock, s, edges, slot)
                count += 1
                state, wait = next_exponential(state)
                passed += wait * gap
    first[n] = count
    kept = min(count, capacity)
    return first, world[:kept], stretch[:kept], time[:kept]
