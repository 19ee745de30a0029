"""Gamma-Gamma spend [Fader & Hardie 2013, note 025; Colombo & Jiang 1999] in the note's symbols.

Each amount of a customer is Gamma(shape p, rate nu), with nu ~ Gamma(shape q, rate v) across customers (v is
the note's gamma). The data of a customer are n positive amounts, their mean m and the mean l of their logs,
which together are sufficient; all amounts in one currency. Nothing here checks its arguments: callers do.
"""

import math

import numpy as np
from numba import njit, prange

from lifecast.arrays import Floats, Integers
from lifecast.kernels.special import digamma, log_gamma_ratio


@njit(cache=True, nogil=True)
def _amounts_table(n_values: Integers, p: float, q: float, v: float) -> Floats:
    """Of each distinct n: the terms in n alone of the likelihood of every amount."""
    table = np.empty(n_values.size)
    for i in range(n_values.size):
        n = n_values[i]
        table[i] = log_gamma_ratio(q, p * n) - n * (math.lgamma(p) + p * math.log(v))
    return table


@njit(cache=True, nogil=True)
def _amounts_gradient_table(n_values: Integers, p: float, q: float, v: float) -> Floats:
    """Derivatives in p and q of `_amounts_table`: shape (distinct n, 2)."""
    table = np.empty((n_values.size, 2))
    for i in range(n_values.size):
        n = n_values[i]
        psi = digamma(p * n + q)
        table[i, 0] = n * (psi - digamma(p) - math.log(v))
        table[i, 1] = psi - digamma(q)
    return table


@njit(cache=True, nogil=True)
def log_likelihood_amounts_value(
    n_values: Integers, n_code: Integers, m: Floats, l: Floats, weight: Floats, p: float, q: float, v: float
) -> float:
    """The value alone of `log_likelihood_amounts`."""
    in_n = _amounts_table(n_values, p, q, v)
    total = 0.0
    for i in range(n_code.size):
        j = n_code[i]
        n = n_values[j]
        if n > 0:
            row = in_n[j] + (p - 1.0) * n * l[i] - (p * n + q) * math.log1p(n * m[i] / v)
            total += weight[i] * row
    return total


@njit(cache=True, nogil=True)
def log_likelihood_amounts(
    n_values: Integers, n_code: Integers, m: Floats, l: Floats, weight: Floats, p: float, q: float, v: float
) -> tuple[float, Floats]:
    """Log-likelihood of every single amount, of weighted rows, and its gradient.

    Per customer (p-1) n l - n lnGamma(p) + lnGamma(pn+q) - lnGamma(q) + q ln v - (pn+q) ln(v + n m): the
    density of the n amounts given nu, with nu integrated out.

    Parameters
    ----------
    n_values
        The distinct numbers of amounts; rows with none add nothing.
    n_code
        For each row, where its n stands in `n_values`.
    m, l
        Mean of the amounts and mean of their logs, per row.
    weight
        How many customers each row stands for.
    p, q, v
        The parameters, all positive; v in the currency of m.

    Returns
    -------
    value, gradient
        The total, and its derivatives in (p, q, v), shape (3,).

    Examples
    --------
    >>> value, gradient = log_likelihood_amounts(
    ...     np.array([2]), np.zeros(1, dtype=np.int64), np.array([22.35]), np.array([3.1]), np.ones(1),
    ...     6.25, 3.74, 15.44)
    >>> gradient.shape
    (3,)
    """
    in_n = _amounts_table(n_values, p, q, v)
    slope_n = _amounts_gradient_table(n_values, p, q, v)
    total = 0.0
    d_p = 0.0
    d_q = 0.0
    d_v = 0.0
    for i in range(n_code.size):
        j = n_code[i]
        n = n_values[j]
        if n > 0:
            w = weight[i]
            spent = n * m[i]
            log_spent = math.log1p(spent / v)
            total += w * (in_n[j] + (p - 1.0) * n * l[i] - (p * n + q) * log_spent)
            d_p += w * (slope_n[j, 0] + n * (l[i] - log_spent))
            d_q += w * (slope_n[j, 1] - log_spent)
            d_v += w * (q * spent / v - p * n) / (v + spent)
    return total, np.array([d_p, d_q, d_v])


@njit(cache=True, nogil=True, parallel=True)
def log_likelihood_amounts_draws(
    n_values: Integers, n_code: Integers, m: Floats, l: Floats, weight: Floats, theta: Floats
) -> Floats:
    """`log_likelihood_amounts_value` at each row (p, q, v) of theta, shape (draws, 3) -> (draws,).

    Draws run in parallel, each draw's rows are added in order: the answer does not depend on the threads.
    """
    values = np.empty(theta.shape[0])
    for s in prange(theta.shape[0]):
        values[s] = log_likelihood_amounts_value(
            n_values, n_code, m, l, weight, theta[s, 0], theta[s, 1], theta[s, 2]
        )
    return values


@njit(cache=True, nogil=True)
def _means_table(n_values: Integers, p: float, q: float, v: float) -> Floats:
    """Of each distinct n: the terms in n alone of the likelihood of the mean."""
    table = np.zeros(n_values.size)
    for i in range(n_values.size):
        n = n_values[i]
        if n > 0:
            shape = p * n
            # lnGamma(pn+q) - lnGamma(q) - lnGamma(pn), from the smaller of the two to keep the digits
            ratio = log_gamma_ratio(max(q, shape), min(q, shape)) - math.lgamma(min(q, shape))
            table[i] = ratio + shape * math.log(n / v)
    return table


@njit(cache=True, nogil=True)
def _means_gradient_table(n_values: Integers, p: float, q: float, v: float) -> Floats:
    """Derivatives in p and q of `_means_table`: shape (distinct n, 2)."""
    table = np.zeros((n_values.size, 2))
    for i in range(n_values.size):
        n = n_values[i]
        if n > 0:
            psi = digamma(p * n + q)
            table[i, 0] = n * (psi - digamma(p * n) + math.log(n / v))
            table[i, 1] = psi - digamma(q)
    return table


@njit(cache=True, nogil=True)
def log_likelihood_means_value(
    n_values: Integers, n_code: Integers, m: Floats, weight: Floats, p: float, q: float, v: float
) -> float:
    """The value alone of `log_likelihood_means`."""
    in_n = _means_table(n_values, p, q, v)
    total = 0.0
    for i in range(n_code.size):
        j = n_code[i]
        n = n_values[j]
        if n > 0:
            row = in_n[j] + (p * n - 1.0) * math.log(m[i]) - (p * n + q) * math.log1p(n * m[i] / v)
            total += weight[i] * row
    return total


@njit(cache=True, nogil=True)
def log_likelihood_means(
    n_values: Integers, n_code: Integers, m: Floats, weight: Floats, p: float, q: float, v: float
) -> tuple[float, Floats]:
    """Log-likelihood of the mean amounts, of weighted rows, and its gradient [Fader & Hardie 2013, eq. 1a].

    Parameters and returns as in `log_likelihood_amounts`, which uses more of the data.

    Examples
    --------
    >>> value, gradient = log_likelihood_means(
    ...     np.array([2]), np.zeros(1, dtype=np.int64), np.array([22.35]), np.ones(1), 6.25, 3.74, 15.44)
    >>> gradient.shape
    (3,)
    """
    in_n = _means_table(n_values, p, q, v)
    slope_n = _means_gradient_table(n_values, p, q, v)
    total = 0.0
    d_p = 0.0
    d_q = 0.0
    d_v = 0.0
    for i in range(n_code.size):
        j = n_code[i]
        n = n_values[j]
        if n > 0:
            w = weight[i]
            spent = n * m[i]
            log_m = math.log(m[i])
            log_spent = math.log1p(spent / v)
            total += w * (in_n[j] + (p * n - 1.0) * log_m - (p * n + q) * log_spent)
            d_p += w * (slope_n[j, 0] + n * (log_m - log_spent))
            d_q += w * (slope_n[j, 1] - log_spent)
            d_v += w * (q * spent / v - p * n) / (v + spent)
    return total, np.array([d_p, d_q, d_v])


@njit(cache=True, nogil=True, parallel=True)
def log_likelihood_means_draws(
    n_values: Integers, n_code: Integers, m: Floats, weight: Floats, theta: Floats
) -> Floats:
    """`log_likelihood_means_value` at each row (p, q, v) of theta, shape (draws, 3) -> (draws,).

    Draws run in parallel, each draw's rows are added in order: the answer does not depend on the threads.
    """
    values = np.empty(theta.shape[0])
    for s in prange(theta.shape[0]):
        values[s] = log_likelihood_means_value(
            n_values, n_code, m, weight, theta[s, 0], theta[s, 1], theta[s, 2]
        )
    return values


@njit(cache=True, nogil=True, error_model="numpy")
def expected_spend(n: Integers, m: Floats, theta: Floats) -> Floats:
    """E[mean spend per purchase | n amounts of mean m] [Fader & Hardie 2013, eq. 5]: (customer, world).

    Infinite where pn + q <= 1: the posterior of nu then reaches zero too often for a mean to exist.

    Parameters
    ----------
    n, m : (customer,)
    theta : (world, 3)
        p, q, v.

    Examples
    --------
    >>> expected_spend(np.array([2]), np.array([22.35]), np.array([[6.25, 3.74, 15.44]])).round(2)
    array([[24.66]])
    """
    p, q, v = theta[:, 0].copy(), theta[:, 1].copy(), theta[:, 2].copy()
    spend = np.empty((n.size, p.size))
    for i in range(n.size):
        total = n[i] * m[i]
        for s in range(p.size):
            degrees = p[s] * n[i] + q[s] - 1.0
            spend[i, s] = p[s] * (v[s] + total) / degrees if degrees > 0.0 else math.inf
    return spend
