"""BG/NBD [Fader, Hardie & Lee 2005, Marketing Science 24(2)] in the paper's symbols.

While alive, a customer buys in a Poisson process of rate lambda ~ Gamma(r, rate alpha); after every repeat
purchase the customer leaves for good with probability p ~ Beta(a, b). The data of a customer are x repeat
purchases, the last at t_x, watched until T; all times in one unit. Nothing here checks its arguments.

A customer alive at T is one with lambda ~ Gamma(k, rate A) and p ~ Beta(a, B), where k = r + x, A = alpha +
T and B = b + x. What is asked of the future is a closed form in lambda, averaged over p by quadrature.
"""

import math

import numpy as np
from numba import njit, prange

from lifecast.arrays import Floats, Integers
from lifecast.kernels.special import incomplete_beta, log_gamma_ratio

_LEGENDRE_POINTS, _LEGENDRE_WEIGHTS = np.polynomial.legendre.leggauss(16)


@njit(cache=True, nogil=True)
def log_odds_dead(x: int, t_x: float, T: float, r: float, alpha: float, a: float, b: float) -> float:
    """Log odds of having left, for x >= 1 [Fader, Hardie & Lee 2008, note 021, eq. 5]."""
    return math.log(a) - math.log(b + (x - 1)) + (r + x) * math.log1p((T - t_x) / (alpha + t_x))


@njit(cache=True, nogil=True)
def probability_alive(x: int, t_x: float, T: float, r: float, alpha: float, a: float, b: float) -> float:
    """P(alive at T | x, t_x, T); 1 for x = 0, who by assumption cannot have left yet.

    Examples
    --------
    >>> round(probability_alive(26, 30.857143, 31.0, 0.243, 4.414, 0.793, 2.426), 4)
    0.9689
    """
    if x == 0:
        return 1.0
    log_odds = log_odds_dead(x, t_x, T, r, alpha, a, b)
    if log_odds > 0.0:
        odds_alive = math.exp(-log_odds)
        return odds_alive / (1.0 + odds_alive)
    return 1.0 / (1.0 + math.exp(log_odds))


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


@njit(cache=True, nogil=True)
def quadrature_nodes(a: float, B: float, reach: float) -> tuple[Floats, Floats]:
    """Nodes and weights that average over p ~ Beta(a, B) the functions of p in this module.

    The trapezoidal rule in ln(p / (1-p)), where the density and 1 + w p have no singularity nearer than pi
    to the real line, so that it converges exponentially [Trefethen & Weideman 2014, SIAM Review 56(3)].
    Beyond the first and last node the terms are geometric: each tail is summed in closed form and stands as
    one node at its mean. The weights add up to one by division by their sum, which spares lnBeta(a, B) and
    its rounding.

    Parameters
    ----------
    a, B
        Shapes of the beta distribution, both positive.
    reach
        The largest (k + 1) w that will be asked, w = t / A: how far towards p = 0 the integrand still bends.

    Returns
    -------
    p, weight
        About 30 to 130 of each. Good to about 1e-12 relative.

    Examples
    --------
    >>> p, weight = quadrature_nodes(0.8, 4.4, 10.0)
    >>> round(float(np.sum(weight * p)), 12)  # a / (a + B)
    0.153846153846
    """
    s = a + B
    mean = a / s
    bend = max(1.0, reach, s)
    # The first bound is the strip of analyticity, the second the width 1/sqrt(1/a + 1/B) of a narrow density.
    h = 1.0 / math.sqrt(1.0 / 0.35**2 + B * mean / 0.7**2)
    size = 256 + int(6.0 * (math.log(bend) + abs(math.log(a / B))))  # twice what is ever used
    p = np.empty(size)
    weight = np.empty(size)
    n = 1  # place 0 is for the left tail
    mass = 0.0
    bound = 0.0
    for j in range(size // 2):
        odds = a / B * math.exp(-j * h)
        density = _relative_density(-j * h, a, mean, s)
        p[n] = odds / (1.0 + odds)
        weight[n] = density
        mass += density
        # no integrand here grows faster towards p = 0 than 1 / (p + 1 / bend)
        term = density / (p[n] + 1.0 / bend)
        bound += term
        n += 1
        if term * min(1.0, (p[n - 1] * bend) ** 2) < 1e-16 * bound:
            break
    p[0], weight[0] = geometric_tail(p[n - 1] / (1.0 - p[n - 1]), weight[n - 1], h, a, s)
    odds = a / B
    for j in range(1, size // 2 - 2):
        odds = a / B * math.exp(j * h)
        away = 1.0 / (1.0 + odds)
        p[n] = 1.0 - away
        weight[n] = _relative_density(j * h, a, mean, s)
        mass += weight[n]
        n += 1
        if weight[n - 1] * min(1.0, (away * (s + 1.0)) ** 2) < 1e-16 * mass:
            break
    away, weight[n] = geometric_tail(1.0 / odds, weight[n - 1], h, B, s)
    p[n] = 1.0 - away
    n += 1
    p = p[:n].copy()
    weight = weight[:n].copy()
    total = 0.0
    for i in range(n):
        total += weight[i]
    for i in range(n):
        weight[i] /= total
    return p, weight


@njit(cache=True, nogil=True)
def _relative_density(y: float, a: float, mean: float, s: float) -> float:
    """Beta density in ln(p / (1-p)), over its mode, y above it; s = a + B, mean = a / s."""
    return math.exp(a * y - s * math.log1p(mean * math.expm1(y)))


@njit(cache=True, nogil=True)
def geometric_tail(odds: float, density: float, h: float, shape: float, s: float) -> tuple[float, float]:
    """Mean p and weight of the nodes beyond the one at `odds`, where density ~ odds^shape (1 - s odds)."""
    if s * odds > 0.05:
        return 0.5, 0.0  # the sum stopped because nothing was left
    scale = density * math.exp(s * math.log1p(odds))
    first = 1.0 / math.expm1((shape + 1.0) * h)
    weight = scale * (1.0 / math.expm1(shape * h) - s * odds * first)
    mean = scale * odds * (first - (s + 1.0) * odds / math.expm1((shape + 2.0) * h)) / weight
    return mean, weight


@njit(cache=True, nogil=True)
def expected_purchases_at_nodes(k: float, w: float, p: Floats, weight: Floats) -> float:
    """E[(1 - (1 + p w)^-k) / p]: purchases until t = w A of an alive customer, over given nodes.

    Parameters
    ----------
    k
        r + x.
    w
        t / (alpha + T), finite.
    p, weight
        From `quadrature_nodes(a, b + x, reach)` with reach >= (k + 1) w.
    """
    total = 0.0
    for i in range(p.size):
        total -= weight[i] * math.expm1(-k * math.log1p(p[i] * w)) / p[i]
    return total


@njit(cache=True, nogil=True)
def expected_purchases_if_alive(
    x: int, T: float, t: float, r: float, alpha: float, a: float, b: float
) -> float:
    """Expected purchases in (T, T + t] of a customer alive at T.

    Times `probability_alive` it is E[X(T, T + t) | x, t_x, T] [Fader, Hardie & Lee 2005, eq. 10]; at x = 0,
    T = 0 it is E[X(t)] of a new customer [eq. 9]. Both papers' hypergeometric forms overflow at large x;
    this does not.

    Parameters
    ----------
    x, T
        Repeat purchases so far, and time since the first purchase.
    t
        Horizon from T; may be 0 or infinite. For infinite t the answer is infinite where a <= 1.
    r, alpha, a, b
        The parameters, all positive.

    Examples
    --------
    >>> round(expected_purchases_if_alive(0, 0.0, 1.0, 0.243, 4.414, 0.793, 2.426), 12)
    0.053267891172
    """
    B = b + x
    if t == math.inf:
        return (a + B - 1.0) / (a - 1.0) if a > 1.0 else math.inf
    k = r + x
    w = t / (alpha + T)
    p, weight = quadrature_nodes(a, B, (k + 1.0) * w)
    expected: float = expected_purchases_at_nodes(k, w, p, weight)
    return expected


@njit(cache=True, nogil=True)
def expected_discounted_purchases_if_alive(
    x: int, T: float, t1: float, t2: float, delta: float, r: float, alpha: float, a: float, b: float
) -> float:
    """Expected purchases in (T + t1, T + t2] of a customer alive at T, discounted at rate delta from T on.

    The integral over s from t1 to t2 of exp(-delta s) (k/A) E[(1 + p s/A)^(-k-1)], by Gauss-Legendre panels
    in ln(1 + s/A). Times `probability_alive`, and times mean spend and margin, it is the customer's
    discounted value.

    Parameters
    ----------
    x, T
        Repeat purchases so far, and time since the first purchase.
    t1, t2
        The window, from T on: 0 <= t1 <= t2; t2 may be infinite.
    delta
        Continuous discount rate per time unit, >= 0. At 0, the answer for infinite t2 may be infinite.
    r, alpha, a, b
        The parameters, all positive.

    Examples
    --------
    >>> month = 30.4375 / 7
    >>> value = expected_discounted_purchases_if_alive(
    ...     0, 38.86, 0.0, 12 * month, math.log(1.01) / month, 0.243, 4.414, 0.793, 2.426)
    >>> round(value, 4)
    0.239
    """
    B = b + x
    k = r + x
    A = alpha + T
    if delta == 0.0:
        until_t1: float = expected_purchases_if_alive(x, T, t1, r, alpha, a, b)
        until_t2: float = expected_purchases_if_alive(x, T, t2, r, alpha, a, b)
        return until_t2 - until_t1 if t1 < t2 else 0.0
    # later than 40 / delta after t1 a discounted purchase is worth less than rounding
    end = min(t2, t1 + 40.0 / delta)
    p, weight = quadrature_nodes(a, B, (k + 1.0) * end / A)
    y1 = math.log1p(t1 / A)
    y2 = math.log1p(end / A)
    width = 2.0 / math.sqrt(1.0 + (k + 1.0) * a / (a + B) / 6.0)
    panels = max(1, math.ceil((y2 - y1) / width))
    half = 0.5 * (y2 - y1) / panels
    total = 0.0
    for i in range(panels):
        for j in range(_LEGENDRE_POINTS.size):
            y = y1 + half * (2 * i + 1 + _LEGENDRE_POINTS[j])
            s_per_A = math.expm1(y)
            rate = 0.0
            for m in range(p.size):
                rate += weight[m] * math.exp((-k - 1.0) * math.log1p(p[m] * s_per_A))
            total += half * _LEGENDRE_WEIGHTS[j] * rate * math.exp(y - delta * A * s_per_A)
    return k * total


@njit(cache=True, nogil=True)
def purchase_pmf(n: int, t: float, r: float, alpha: float, a: float, b: float) -> float:
    """P(X(t) = n) of a new customer [Fader, Hardie & Lee 2005, eq. 8].

    The bracket in the paper's second term, one minus a sum, is a tail of the negative binomial distribution:
    as an incomplete beta function it keeps its digits when it is small.

    Parameters
    ----------
    n
        Number of repeat purchases, >= 0.
    t
        Time since the first purchase, finite.
    r, alpha, a, b
        The parameters, all positive.

    Examples
    --------
    >>> round(purchase_pmf(0, 39.0, 0.243, 4.414, 0.793, 2.426), 7)
    0.5737864
    """
    if t == 0.0:
        return 1.0 if n == 0 else 0.0
    still_alive = math.exp(log_gamma_ratio(b, a) - log_gamma_ratio(b + n, a))
    log_count = (
        log_gamma_ratio(n + 1.0, r) - math.lgamma(r) - r * math.log1p(t / alpha) - n * math.log1p(alpha / t)
    )
    pmf: float = math.exp(log_count) / (r + n)
    if n > 0:
        pmf += a / (b + (n - 1)) * incomplete_beta(t / alpha, float(n), r)
    return still_alive * pmf
