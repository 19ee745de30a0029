"""BG/BB [Fader, Hardie & Shang 2010, Marketing Science 29(6)] in the paper's symbols.

There is one opportunity to buy per time unit. Before each, a customer leaves for good with probability
theta ~ Beta(gamma, delta); one who stays buys with probability p ~ Beta(alpha, beta). The data of a customer
are x repeat purchases, the last at t_x, out of n opportunities, here called T. Nothing here checks its
arguments.

With g(j) the probability of a history whose customer leaves right before opportunity j + 1, the likelihood is
the sum of g(j) over t_x <= j < T, and the probability to be alive at T, which is g(T) over gamma / (gamma +
delta + T), the mean chance to leave before T + 1. g depends on x and j alone, so that one table per x serves
every t_x and T.

A customer alive at T has p ~ Beta(alpha + x, beta + T - x) and theta ~ Beta(gamma, delta + T).
"""

import math

import numpy as np
from numba import njit, prange

from lifecast.arrays import Floats, Integers
from lifecast.kernels.shifted_beta_geometric import expected_renewals, whole


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def add(total: float, lost: float, term: float) -> tuple[float, float]:
    """A running sum, and what rounding has taken from it so far [Neumaier 1974]."""
    added = total + term
    if abs(total) >= abs(term):
        return added, lost + ((total - added) + term)
    return added, lost + ((term - added) + total)


@njit(cache=True, nogil=True, error_model="numpy")
def log_probability_table(most: int, alpha: float, beta: float, gamma: float, delta: float) -> Floats:
    """Log probability to buy at each of the first x opportunities, being alive: for x = 0, ..., most."""
    table = np.zeros(most + 1)
    for i in range(most):
        table[i + 1] = table[i] + math.log(
            (alpha + i) / (alpha + beta + i) * ((delta + i) / (gamma + delta + i))
        )
    return table


@njit(cache=True, nogil=True, error_model="numpy")
def leaving_table(
    x: int, last: int, log_start: float, alpha: float, beta: float, gamma: float, delta: float
) -> tuple[Floats, Floats]:
    """For j = x, ..., last: ln g(j), and the sum of g(i) over j <= i < last relative to g(j).

    ``log_start`` is the entry of `log_probability_table` at x. All logs, and all terms, have one sign.
    """
    size = last - x + 1
    log_g = np.empty(size)
    tail = np.zeros(size)
    ratio = np.empty(size)
    total, lost = log_start, 0.0
    term = math.log(gamma / (gamma + delta + x))
    for i in range(size):
        total, lost = add(total, lost, term)
        log_g[i] = total + lost
        j = x + i
        ratio[i] = (beta + i) / (alpha + beta + j) * ((delta + j) / (gamma + delta + j + 1.0))
        term = math.log(ratio[i])
    for i in range(size - 2, -1, -1):
        tail[i] = 1.0 + ratio[i] * tail[i + 1]
    return log_g, tail


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def relative_to_leaving(
    at_t_x: int, at_T: int, T: int, log_g: Floats, tail: Floats, gamma: float, delta: float
) -> tuple[float, float]:
    """Probabilities of the history, and of it with the customer alive at T, over g(t_x).

    ``at_t_x`` and ``at_T`` are places in the tables. The tail beyond T that is taken off is less than the
    chance to be alive, of which it is a part, so that no digits are lost.
    """
    from_t_x_to_T = math.exp(log_g[at_T] - log_g[at_t_x])
    alive = from_t_x_to_T * (gamma + delta + T) / gamma
    return tail[at_t_x] - from_t_x_to_T * tail[at_T] + alive, alive


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood_customer(
    x: int, t_x: int, T: int, alpha: float, beta: float, gamma: float, delta: float
) -> float:
    """Log-likelihood of one customer [Fader, Hardie & Shang 2010, eq. 5].

    Examples
    --------
    >>> round(log_likelihood_customer(3, 4, 6, 1.204, 0.750, 0.657, 2.783), 4)
    -5.0593
    """
    log_start = log_probability_table(x, alpha, beta, gamma, delta)[x]
    log_g, tail = leaving_table(x, T, log_start, alpha, beta, gamma, delta)
    history, _ = relative_to_leaving(t_x - x, T - x, T, log_g, tail, gamma, delta)
    value: float = log_g[t_x - x] + math.log(history)
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def probability_alive(
    x: int, t_x: int, T: int, alpha: float, beta: float, gamma: float, delta: float
) -> float:
    """P(alive at T | x, t_x, T), right after opportunity T.

    The paper's P(alive at T + 1) is this times (delta + T) / (gamma + delta + T), the chance to stay for it.

    Examples
    --------
    >>> alive = probability_alive(2, 4, 6, 1.204, 0.750, 0.657, 2.783)
    >>> round(alive * (2.783 + 6) / (0.657 + 2.783 + 6), 2)
    0.59
    """
    log_start = log_probability_table(x, alpha, beta, gamma, delta)[x]
    log_g, tail = leaving_table(x, T, log_start, alpha, beta, gamma, delta)
    history, alive = relative_to_leaving(t_x - x, T - x, T, log_g, tail, gamma, delta)
    return alive / history


@njit(cache=True, nogil=True, error_model="numpy")
def last_opportunities(x: Integers, T: Floats, first: int) -> int:
    """The largest T of the rows from ``first`` on that have its x."""
    last = 0
    i = first
    while i < x.size and x[i] == x[first]:
        last = max(last, int(T[i]))
        i += 1
    return last


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood_value(
    x: Integers,
    t_x: Floats,
    T: Floats,
    weight: Floats,
    alpha: float,
    beta: float,
    gamma: float,
    delta: float,
) -> float:
    """The value alone of `log_likelihood`."""
    buying = log_probability_table(int(np.max(x)) if x.size else 0, alpha, beta, gamma, delta)
    log_g, tail = buying, buying
    total = 0.0
    for i in range(x.size):
        n = x[i]
        if i == 0 or n != x[i - 1]:
            log_g, tail = leaving_table(n, last_opportunities(x, T, i), buying[n], alpha, beta, gamma, delta)
        at_t_x, at_T = int(t_x[i]) - n, int(T[i]) - n
        history, _ = relative_to_leaving(at_t_x, at_T, int(T[i]), log_g, tail, gamma, delta)
        total += weight[i] * (log_g[at_t_x] + math.log(history))
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def buying_slopes(most: int, alpha: float, beta: float, gamma: float, delta: float) -> Floats:
    """Derivatives of `log_probability_table` in the four parameters, shape (most + 1, 4)."""
    slopes = np.zeros((most + 1, 4))
    for i in range(most):
        to_buy, to_stay = 1.0 / (alpha + beta + i), 1.0 / (gamma + delta + i)
        slopes[i + 1, 0] = slopes[i, 0] + beta * to_buy / (alpha + i)
        slopes[i + 1, 1] = slopes[i, 1] - to_buy
        slopes[i + 1, 2] = slopes[i, 2] - to_stay
        slopes[i + 1, 3] = slopes[i, 3] + gamma * to_stay / (delta + i)
    return slopes


@njit(cache=True, nogil=True, error_model="numpy")
def leaving_slopes(
    x: int, last: int, start: Floats, alpha: float, beta: float, gamma: float, delta: float
) -> tuple[Floats, Floats]:
    """Derivatives of ln g(j), j = x, ..., last, and of the tail times g(j), over g(j): (last - x + 1, 4)."""
    size = last - x + 1
    slopes = np.empty((size, 4))
    tails = np.zeros((size, 4))
    ratio = np.empty(size)
    not_left = start.copy()  # of the probability to be alive at j
    for i in range(size):
        j = x + i
        to_buy, to_stay = 1.0 / (alpha + beta + j), 1.0 / (gamma + delta + j)
        slopes[i] = not_left
        slopes[i, 2] += (delta + j) * to_stay / gamma
        slopes[i, 3] -= to_stay
        not_left[0] -= to_buy
        not_left[1] += (alpha + x) * to_buy / (beta + i)
        not_left[2] -= to_stay
        not_left[3] += gamma * to_stay / (delta + j)
        ratio[i] = (beta + i) * to_buy * ((delta + j) / (gamma + delta + j + 1.0))
    for i in range(size - 2, -1, -1):
        for m in range(4):
            tails[i, m] = slopes[i, m] + ratio[i] * tails[i + 1, m]
    return slopes, tails


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood(
    x: Integers,
    t_x: Floats,
    T: Floats,
    weight: Floats,
    alpha: float,
    beta: float,
    gamma: float,
    delta: float,
) -> tuple[float, Floats]:
    """Log-likelihood of weighted rows and its gradient [Fader, Hardie & Shang 2010, eq. 5].

    Parameters
    ----------
    x, t_x, T, weight : (row,)
        Whole numbers, x <= t_x <= T, and how many customers have these. Rows with equal x stand together.
    alpha, beta, gamma, delta
        The parameters, all positive.

    Returns
    -------
    value, gradient
        The total, and its derivatives in (alpha, beta, gamma, delta), shape (4,).

    Examples
    --------
    >>> value, gradient = log_likelihood(
    ...     np.array([3]), np.array([4.0]), np.array([6.0]), np.ones(1), 1.204, 0.750, 0.657, 2.783)
    >>> round(value, 4)
    -5.0593
    """
    most = int(np.max(x)) if x.size else 0
    buying = log_probability_table(most, alpha, beta, gamma, delta)
    starts = buying_slopes(most, alpha, beta, gamma, delta)
    log_g, tail = buying, buying
    slopes, tails = starts, starts
    total = 0.0
    gradient = np.zeros(4)
    for i in range(x.size):
        n = x[i]
        if i == 0 or n != x[i - 1]:
            last = last_opportunities(x, T, i)
            log_g, tail = leaving_table(n, last, buying[n], alpha, beta, gamma, delta)
            slopes, tails = leaving_slopes(n, last, starts[n], alpha, beta, gamma, delta)
        at_t_x, at_T = int(t_x[i]) - n, int(T[i]) - n
        history, alive = relative_to_leaving(at_t_x, at_T, int(T[i]), log_g, tail, gamma, delta)
        total += weight[i] * (log_g[at_t_x] + math.log(history))
        from_t_x_to_T = math.exp(log_g[at_T] - log_g[at_t_x])
        for m in range(4):
            of_alive = slopes[at_T, m]  # of g(T) / q(T): without the chance to leave
            if m == 2:
                of_alive -= (delta + T[i]) / ((gamma + delta + T[i]) * gamma)
            elif m == 3:
                of_alive += 1.0 / (gamma + delta + T[i])
            dead = tails[at_t_x, m] - from_t_x_to_T * tails[at_T, m]
            gradient[m] += weight[i] * (dead + alive * of_alive) / history
    return total, gradient


@njit(cache=True, nogil=True, error_model="numpy", parallel=True)
def log_likelihood_draws(x: Integers, t_x: Floats, T: Floats, weight: Floats, theta: Floats) -> Floats:
    """`log_likelihood_value` at each row (alpha, beta, gamma, delta) of theta, shape (draw, 4) -> (draw,)."""
    values = np.empty(theta.shape[0])
    for s in prange(theta.shape[0]):
        values[s] = log_likelihood_value(
            x, t_x, T, weight, theta[s, 0], theta[s, 1], theta[s, 2], theta[s, 3]
        )
    return values


@njit(cache=True, nogil=True, error_model="numpy")
def expected_purchases_if_alive(
    x: int, T: float, t: float, alpha: float, beta: float, gamma: float, delta: float
) -> float:
    """Expected purchases in (T, T + t] of a customer alive at T.

    Times `probability_alive` it is E[X(T, T + t) | x, t_x, T] [Fader, Hardie & Shang 2010, eq. 13]; at x = 0,
    T = 0 it is E[X(t)] of a new customer [eq. 7]. For infinite t it is infinite where gamma <= 1.

    Examples
    --------
    >>> round(expected_purchases_if_alive(0, 0.0, 6.0, 1.204, 0.750, 0.657, 2.783), 4)
    2.2196
    """
    buys: float = (alpha + x) / (alpha + beta + T)
    return buys * expected_renewals(T, t, gamma, delta)


@njit(cache=True, nogil=True, error_model="numpy")
def probability_of_purchase(
    x: int, T: float, t: float, alpha: float, beta: float, gamma: float, delta: float
) -> float:
    """P(at least one purchase in (T, T + t]) of a customer alive at T: the sum over when the first one is."""
    steps = whole(t)
    first = (alpha + x) / (alpha + beta + T) * ((delta + T) / (gamma + delta + T))
    total = 0.0
    for i in range(steps):
        total += first
        j = T + i + 1.0
        first *= (beta + j - 1.0 - x) / (alpha + beta + j) * ((delta + j) / (gamma + delta + j))
        if first * (steps - i) < 1e-17 * total:
            break
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def log_purchase_pmf(n: int, t: float, alpha: float, beta: float, gamma: float, delta: float) -> float:
    """Log of P(X(t) = n) of a new customer [Fader, Hardie & Shang 2010, eq. 6].

    n purchases at whichever of j opportunities and then gone, for every j, or at whichever of all of them.
    Minus infinity where there are too few opportunities.

    Examples
    --------
    >>> round(math.exp(log_purchase_pmf(0, 6.0, 1.204, 0.750, 0.657, 2.783)), 4)
    0.3112
    """
    steps = whole(t)
    if n > steps:
        return -math.inf
    log_alive, lost = log_probability_table(n, alpha, beta, gamma, delta)[n], 0.0  # n purchases, alive at j
    largest, total = -math.inf, 0.0  # of exp(term - largest)
    for j in range(n, steps + 1):
        term = log_alive + lost
        if j < steps:
            term += math.log(gamma / (gamma + delta + j))
            one_more = (j + 1.0) / (j + 1.0 - n) * ((beta + j - n) / (alpha + beta + j))
            log_alive, lost = add(log_alive, lost, math.log(one_more * ((delta + j) / (gamma + delta + j))))
        if term > largest:
            total = total * math.exp(largest - term) + 1.0
            largest = term
        else:
            total += math.exp(term - largest)
    return largest + math.log(total)
