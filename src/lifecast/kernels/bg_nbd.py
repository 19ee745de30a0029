"""BG/NBD [Fader, Hardie & Lee 2005, Marketing Science 24(2)] in the paper's symbols.

While alive, a customer buys in a Poisson process of rate lambda ~ Gamma(r, rate alpha); after every repeat
purchase the customer leaves for good with probability p ~ Beta(a, b). The data of a customer are x repeat
purchases, the last at t_x, watched until T; all times in one unit. Nothing here checks its arguments.

A customer alive at T is one with lambda ~ Gamma(k, rate A) and p ~ Beta(a, B), where k = r + x, A = alpha +
T and B = b + x. What is asked of the future is a closed form in lambda, averaged over p by quadrature.
"""

import math

from numba import njit

from lifecast.arrays import Floats
from lifecast.kernels.beta_average import quadrature_nodes
from lifecast.kernels.gauss_legendre import gauss_legendre
from lifecast.kernels.special import incomplete_beta, log_gamma_ratio

_LEGENDRE_POINTS, _LEGENDRE_WEIGHTS = gauss_legendre(16)


@njit(cache=True, nogil=True, inline="always")
def one_minus_expit(log_odds: float) -> float:
    """1 / (1 + exp(log odds)) without overflow, and without a branch."""
    smaller = math.exp(-abs(log_odds))
    return (smaller if log_odds > 0.0 else 1.0) / (1.0 + smaller)


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
    return 1.0 if x == 0 else one_minus_expit(log_odds_dead(x, t_x, T, r, alpha, a, b))


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
    widest = 2.0 / math.sqrt(1.0 + (k + 1.0) * a / (a + B) / 6.0)
    panels = max(1, math.ceil((y2 - y1) / widest))
    width = (y2 - y1) / panels
    total = 0.0
    for i in range(panels):
        for j in range(_LEGENDRE_POINTS.size):
            y = y1 + width * (i + _LEGENDRE_POINTS[j])
            s_per_A = math.expm1(y)
            rate = 0.0
            for m in range(p.size):
                rate += weight[m] * math.exp((-k - 1.0) * math.log1p(p[m] * s_per_A))
            total += width * _LEGENDRE_WEIGHTS[j] * rate * math.exp(y - delta * A * s_per_A)
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
