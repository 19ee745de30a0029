"""Shifted beta-geometric [Fader & Hardie 2007, J. Interactive Marketing 21(1)] in the paper's symbols.

At every opportunity to renew a customer leaves for good with probability theta ~ Beta(alpha, beta), or
renews. The data of a customer are x renewals out of T opportunities: one with x = T is still a customer, one
with x < T left at opportunity x + 1. Nothing here checks its arguments.

A customer who has renewed T times is a new one with beta + T in the place of beta.
"""

import math

import numpy as np
from numba import njit, prange

from lifecast.arrays import Floats, Integers, Keys
from lifecast.kernels.special import digamma, log_gamma_ratio
from lifecast.kernels.stream import first_bits, to_uniform

FEW_STEPS = 64


@njit(cache=True, nogil=True, error_model="numpy")
def whole(t: float) -> int:
    """Opportunities until t; one that it misses by rounding alone counts. At most 2^62."""
    return math.floor(min(t, 4.6e18) + 1e-9)


@njit(cache=True, nogil=True, error_model="numpy")
def survive(n: int, alpha: float, beta: float) -> tuple[float, float]:
    """S(n), the probability to survive n opportunities, and S(1) + ... + S(n).

    S(n) = B(alpha, beta + n) / B(alpha, beta). Few are multiplied and added up. The sum of many is a
    difference of S at its ends, beta / (alpha - 1) (1 - S'), which keeps its digits where alpha is near one.

    Examples
    --------
    >>> probability, renewals = survive(2, 1.0, 1.0)  # 1/3, and 1/2 + 1/3
    >>> round(probability, 4), round(renewals, 4)
    (0.3333, 0.8333)
    """
    survival = 1.0
    total = 0.0
    if n <= FEW_STEPS:
        for i in range(n):
            survival *= (beta + i) / (alpha + beta + i)
            total += survival
        return survival, total
    survival = math.exp(log_gamma_ratio(beta, alpha) - log_gamma_ratio(beta + n, alpha))
    # ln S' = -[lnGamma(u + n + c) - lnGamma(u + n)] + [lnGamma(u + c) - lnGamma(u)]
    c, u = alpha - 1.0, beta + 1.0
    if abs(c) < 1e-6:
        slope = digamma(u + 0.5 * c) - digamma(u + n + 0.5 * c)
        return survival, -beta * math.expm1(c * slope) / c if c != 0.0 else -beta * slope
    if c > 0.0:
        log_rest = log_gamma_ratio(u, c) - log_gamma_ratio(u + n, c)
    else:
        log_rest = log_gamma_ratio(u + n + c, -c) - log_gamma_ratio(u + c, -c)
    return survival, -beta * math.expm1(log_rest) / c


@njit(cache=True, nogil=True, error_model="numpy")
def expected_renewals(T: float, t: float, alpha: float, beta: float) -> float:
    """Expected renewals in (T, T + t] of a customer who has renewed T times: the sum of S(T + n) / S(T).

    At infinite t it is (beta + T) / (alpha - 1), infinite where alpha <= 1.

    Examples
    --------
    >>> round(expected_renewals(0.0, 12.0, 0.668, 3.806), 3)
    6.534
    """
    if t == math.inf:
        return (beta + T) / (alpha - 1.0) if alpha > 1.0 else math.inf
    renewals: float = survive(whole(t), alpha, beta + T)[1]
    return renewals


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood_customer(x: int, T: float, alpha: float, beta: float) -> float:
    """Log of S(T) for x = T; for x < T of P(x + 1) = S(x) alpha / (alpha + beta + x), to leave at x + 1.

    Examples
    --------
    >>> round(math.exp(log_likelihood_customer(0, 7.0, 0.668, 3.806)), 4)  # leaves at the first opportunity
    0.1493
    """
    value = 0.0
    for i in range(x):
        value += math.log((beta + i) / (alpha + beta + i))
    if x < T:
        value += math.log(alpha / (alpha + beta + x))
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood_value(x: Integers, T: Floats, weight: Floats, alpha: float, beta: float) -> float:
    """The value alone of `log_likelihood`."""
    most = int(np.max(x)) if x.size else 0
    log_survival = np.zeros(most + 1)
    for i in range(most):
        log_survival[i + 1] = log_survival[i] + math.log((beta + i) / (alpha + beta + i))
    total = 0.0
    for i in range(x.size):
        row = log_survival[x[i]]
        if x[i] < T[i]:
            row += math.log(alpha / (alpha + beta + x[i]))
        total += weight[i] * row
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood(x: Integers, T: Floats, weight: Floats, alpha: float, beta: float) -> tuple[float, Floats]:
    """Log-likelihood of weighted rows and its gradient [Fader & Hardie 2007, appendix A].

    Parameters
    ----------
    x, T, weight : (row,)
        Renewals, opportunities, and how many customers have these.
    alpha, beta
        The parameters, both positive.

    Returns
    -------
    value, gradient
        The total, and its derivatives in (alpha, beta), shape (2,).
    """
    most = int(np.max(x)) if x.size else 0
    slope = np.zeros((most + 1, 2))  # of ln S
    for i in range(most):
        both = 1.0 / (alpha + beta + i)
        slope[i + 1, 0] = slope[i, 0] - both
        slope[i + 1, 1] = slope[i, 1] + alpha * both / (beta + i)
    gradient = np.zeros(2)
    for i in range(x.size):
        by_alpha, by_beta = slope[x[i]]
        if x[i] < T[i]:
            both = 1.0 / (alpha + beta + x[i])
            by_alpha += (beta + x[i]) * both / alpha
            by_beta -= both
        gradient[0] += weight[i] * by_alpha
        gradient[1] += weight[i] * by_beta
    return log_likelihood_value(x, T, weight, alpha, beta), gradient


@njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def log_likelihood_draws(x: Integers, T: Floats, weight: Floats, theta: Floats) -> Floats:
    """`log_likelihood_value` at each row (alpha, beta) of theta, shape (draw, 2) -> (draw,)."""
    values = np.empty(theta.shape[0])
    for s in prange(theta.shape[0]):
        values[s] = log_likelihood_value(x, T, weight, theta[s, 0], theta[s, 1])
    return values


@njit(cache=True, nogil=True, error_model="numpy")
def renewals_pmf(n: int, t: float, alpha: float, beta: float) -> float:
    """P(n renewals in t of a new customer): P(n + 1), to leave after them; or S(t), to renew every time.

    Examples
    --------
    >>> round(renewals_pmf(1, 7.0, 0.668, 3.806), 4)
    0.1038
    """
    most = whole(t)
    if n > most:
        return 0.0
    survival: float = survive(n, alpha, beta)[0]
    return survival if n == most else survival * alpha / (alpha + beta + n)


@njit(cache=True, nogil=True, error_model="numpy")
def sums_of_renewals(
    T: Floats,
    times: Floats,
    weights: Floats,
    order: Integers,
    alpha: Floats,
    beta: Floats,
    sums: Floats,
    first_world: int,
    last_world: int,
) -> None:
    """Weighted sums over times of expected renewals of customers who have renewed T times.

    Parameters
    ----------
    T : (age,)
    times : (world, time)
        An infinite one stands for the limit.
    weights : (world, time, sum)
    order : (world, time)
        Places of the times from the earliest to the latest.
    alpha, beta : (world,)
    sums : (sum, age, world)
        Zero; what is worked out, of worlds from the first up to the last.
    """
    _, J, M = weights.shape
    for s in range(first_world, last_world):
        for i in range(T.size):
            passed = 0
            survival, renewals = 1.0, 0.0
            for place in range(J):
                j = order[s, place]
                if math.isinf(times[s, j]):
                    renewals = expected_renewals(T[i], math.inf, alpha[s], beta[s])
                else:
                    end = whole(times[s, j])
                    further, more = survive(end - passed, alpha[s], beta[s] + T[i] + passed)
                    renewals += survival * more
                    survival *= further
                    passed = end
                for m in range(M):
                    if weights[s, j, m] != 0.0:
                        sums[m, i, s] += weights[s, j, m] * renewals


@njit(cache=True, nogil=True, error_model="numpy")
def simulate_renewals(
    T: Floats,
    p_buys: Floats,
    row: Integers,
    keys: Keys,
    theta: Floats,
    edges: Floats,
    capacity: int,
) -> tuple[Integers, np.ndarray, np.ndarray, Floats]:
    """Renewals of every customer in every world: one uniform u decides on all, since n follow where u < S(n).

    Parameters
    ----------
    T : (row,)
        Opportunities so far of the distinct histories.
    p_buys : (row, world)
        Their probabilities of being a customer still, which is 0 or 1, and of renewing at least once.
    row, keys : (customer,)
        Each customer's history and random key.
    theta : (world, 2)
        alpha, beta.
    edges : (stretch + 1,)
        Calendar times from 0; a renewal counts in the stretch that it ends or lies in.
    capacity : int
        Room for renewals. Those beyond it are counted but not kept: call again with room for ``first[-1]``.

    Returns
    -------
    first : (customer + 1,)
        Customer i's renewals are ``first[i]:first[i + 1]``, by world, then by time.
    world, stretch : (renewal,)
    time : (renewal,)
        Whole time units from the start of the forecast.
    """
    n, S, K = row.size, theta.shape[0], edges.size - 1
    first = np.empty(n + 1, np.int64)
    world = np.empty(capacity, np.int32)
    stretch = np.empty(capacity, np.int32)
    time = np.empty(capacity, np.float64)
    end = whole(edges[K])
    count = 0
    for i in range(n):
        first[i] = count
        j = row[i]
        for s in range(S):
            u = to_uniform(first_bits(keys[i], s))
            alpha, beta = theta[s, 0], theta[s, 1] + T[j]
            survival = p_buys[j, s]
            step, slot = 1, 0
            while u < survival and step <= end:
                while slot < K - 1 and step > edges[slot + 1]:
                    slot += 1
                if count < capacity:
                    world[count] = s
                    stretch[count] = slot
                    time[count] = step
                count += 1
                survival *= (beta + step) / (alpha + beta + step)
                step += 1
    first[n] = count
    kept = min(count, capacity)
    return first, world[:kept], stretch[:kept], time[:kept]


@njit(cache=True, nogil=True, error_model="numpy")
def log_probability_of_count(x: Integers, T: Floats, n: Integers, t: float, theta: Floats) -> Floats:
    """Log probability that customers with these histories renew n times within t, shape (row,)."""
    alpha, beta = theta
    result = np.empty(x.size)
    for i in range(x.size):
        probability = 1.0 if n[i] == 0 else 0.0  # of who has left
        if x[i] == T[i]:
            probability = renewals_pmf(n[i], t, alpha, beta + T[i])
        result[i] = math.log(probability) if probability > 0.0 else -math.inf
    return result
