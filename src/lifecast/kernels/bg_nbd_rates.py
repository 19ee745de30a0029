"""How fast a living customer buys under BG/NBD until a time: E[(1 - (1 + p w)^-k) / (p w)], p ~ Beta(a, B).

Purchases until t = w (alpha + T), over w, given k = r + x and B = b + x. Two ways: quadrature over p, always;
and a sum over counts of purchases, sooner where few counts matter.
"""

import math

import numpy as np
from numba import njit

from lifecast.arrays import Floats
from lifecast.kernels.beta_average import geometric_tail
from lifecast.kernels.power_integral import log_one_plus
from lifecast.kernels.vectors import logarithms_of_one_plus, one_minus_exponentials

MOST_COUNTS = 512


@njit(cache=True, nogil=True)
def nodes_in_p(a: float, smallest: float, largest: float, reach: float) -> tuple[float, Floats, Floats]:
    """Equally spaced nodes in ln(p / (1-p)) that serve every Beta(a, B) between two B.

    See `lifecast.kernels.beta_average.quadrature_nodes`, which finds them for one.

    Returns
    -------
    step
    log_p, log_q : (node,)
        Of p, ascending, and of 1 - p.
    """
    step = 1.0 / math.sqrt(1.0 / 0.35**2 + a * largest / (a + largest) / 0.7**2)
    # Towards p = 0 the density falls as p^a, and below 1 / bend nothing bends; towards p = 1 likewise.
    bend = max(1.0, reach, a + largest)
    begin = -math.log(bend) - 36.0 / (a + 2.0) - 2.0
    end = math.log1p(a + smallest) + 36.0 / (smallest + 2.0) + 2.0
    enough = (a + 60.0 + 10.0 * math.sqrt(a)) / smallest  # of p, where there are many tosses
    if enough < 0.5:
        end = min(end, math.log(enough / (1.0 - enough)))
    count = max(2, math.ceil((end - begin) / step) + 1)
    log_p, log_q = np.empty(count), np.empty(count)
    for i in range(count):
        y = begin + i * step
        log_q[i] = -max(y, 0.0) - math.log1p(math.exp(-abs(y)))
        log_p[i] = y + log_q[i]
    return step, log_p, log_q


@njit(cache=True, nogil=True, inline="always")
def one_minus_exp(y: float) -> float:
    """1 - exp(-y), y >= 0, with all its digits."""
    if y > 0.05:
        return 1.0 - math.exp(-y)
    return y * (1.0 - y / 2 * (1.0 - y / 3 * (1.0 - y / 4 * (1.0 - y / 5 * (1.0 - y / 6 * (1.0 - y / 7))))))


@njit(cache=True, nogil=True, error_model="numpy")
def rates_at(
    k: float,
    a: float,
    B: float,
    w: Floats,
    step: float,
    log_p: Floats,
    log_q: Floats,
    logs: Floats,
    out: Floats,
) -> None:
    """E[(1 - (1 + p w)^-k) / (p w)], p ~ Beta(a, B): purchases until t = w A over w, at each of several w.

    Parameters
    ----------
    w : (time,)
        Positive.
    step, log_p, log_q
        From `nodes_in_p`.
    logs : (node, time)
        Of 1 + p w.
    out : (time,)
    """
    nodes, s = log_p.size, a + B
    weight = np.empty(nodes)
    largest = -math.inf
    for i in range(nodes):
        weight[i] = a * log_p[i] + B * log_q[i]
        largest = max(largest, weight[i])
    cut = -45.0 - math.log(k + 1.0)
    begin, end, total = nodes, 0, 0.0
    for i in range(nodes):
        if weight[i] - largest > cut:
            weight[i] = math.exp(weight[i] - largest)
            begin, end = min(begin, i), i + 1
            total += weight[i]
    tail, tail_weight = 0.0, 0.0
    if begin == 0:
        tail, tail_weight = geometric_tail(math.exp(log_p[0] - log_q[0]), weight[0], step, a, s)
    away, away_weight = 0.0, 0.0
    if end == nodes:
        odds = math.exp(log_q[nodes - 1] - log_p[nodes - 1])
        away, away_weight = geometric_tail(odds, weight[nodes - 1], step, B, s)
    total += tail_weight + away_weight
    for i in range(begin, end):
        weight[i] *= math.exp(-log_p[i]) / total
    exponent, term = np.empty((end - begin, w.size)), np.empty((end - begin, w.size))
    for i in range(begin, end):
        for m in range(w.size):
            exponent[i - begin, m] = k * logs[i, m]
    one_minus_exponentials(exponent.ravel(), term.ravel())
    out[:] = 0.0
    for i in range(begin, end):
        for m in range(w.size):
            out[m] += weight[i] * term[i - begin, m]
    for m in range(w.size):
        if tail_weight > 0.0:
            out[m] += tail_weight / total * one_minus_exp(k * log_one_plus(tail * w[m])) / tail
        if away_weight > 0.0:
            p = 1.0 - away
            out[m] += away_weight / total * one_minus_exp(k * log_one_plus(p * w[m])) / p
        out[m] /= w[m]


@njit(cache=True, nogil=True, error_model="numpy")
def rates_by_counts(k: float, a: float, B: float, w: Floats, out: Floats) -> None:
    """The same as `rates_at` in less time, where `few_counts` are enough.

    The sum over j of the NBD's chance that somebody who never leaves buys j times, times the purchases until
    leaving that make up E[1 + q + ... + q^(j-1)] of them, q = 1 - p. Its terms are all positive.
    """
    latest = np.max(w)
    z, share = latest / (1.0 + latest), w / latest * ((1.0 + latest) / (1.0 + w))
    terms = np.zeros(MOST_COUNTS)
    chance, stays, until_leaving = k, 1.0, 1.0  # the first at the latest w, but for what all have in common
    total, size = 0.0, 0
    while size < MOST_COUNTS:
        terms[size] = chance * until_leaving
        total += terms[size]
        size += 1
        if terms[size - 1] < 1e-17 * total:
            break
        chance *= (k + size) / (size + 1.0) * z
        stays *= (B + size - 1.0) / (a + B + size - 1.0)
        until_leaving += stays
    out[:] = 0.0
    for j in range(4 * ((size - 1) // 4), -1, -4):
        last, third, second, first = terms[j + 3], terms[j + 2], terms[j + 1], terms[j]
        for m in range(w.size):
            out[m] = (((out[m] * share[m] + last) * share[m] + third) * share[m] + second) * share[m] + first
    for m in range(w.size):
        out[m] *= math.exp(-(k + 1.0) * math.log1p(w[m]))


@njit(cache=True, nogil=True, inline="always")
def few_counts(k: float, w: float) -> bool:
    """Whether `rates_by_counts` needs less time than `rates_at`, up to w."""
    return w <= 3.0 and k * w <= 40.0


@njit(cache=True, nogil=True)
def logs_at(log_p: Floats, w: Floats) -> Floats:
    """ln(1 + p w), shape (node, time)."""
    p, product = np.exp(log_p), np.empty((log_p.size, w.size))
    for i in range(p.size):
        for m in range(w.size):
            product[i, m] = p[i] * w[m]
    logs = np.empty(product.shape)
    logarithms_of_one_plus(product.ravel(), logs.ravel())
    return logs
