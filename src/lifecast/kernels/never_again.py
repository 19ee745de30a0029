"""The chance that a customer who is alive never buys again, under Pareto/NBD.

With lambda ~ Gamma(k, rate A) and mu ~ Gamma(s, rate B), to leave at u before any purchase has density
s / B (1 + u/A)^-k (1 + u/B)^-(s+1), so that the chance depends on the past through k and A / B alone. As a
customer ages, A / B moves from alpha / beta towards 1, and the chance follows smoothly: a short Chebyshev
series for each k [Trefethen 2019, ch. 3] serves every age.
"""

import math

from numba import njit

from lifecast.arrays import Floats
from lifecast.kernels.chebyshev import clenshaw
from lifecast.kernels.power_integral import (
    POINTS,
    WEIGHTS,
    log_one_plus,
    panels_and_points,
    within_reach,
)

FAR = 37.0  # e-folds beyond which 1 + u/A is u/A to the last digit
LONG = 0.8  # a geometric series of this ratio takes as long as the integral
MOST_TERMS = 64
MOST_PURCHASES = 64  # of those who buy more often, hardly two are alike: a series would not pay


@njit(cache=True, nogil=True)
def never_again(k: float, s: float, A: float, B: float) -> tuple[float, float, float, float]:
    """Log of the chance, and its derivatives by k, s and log(A / B).

    The integral over u, like `lifecast.kernels.power_integral.power_integral` but without an end.

    Examples
    --------
    >>> log_chance, _, _, _ = never_again(2.0, 3.0, 10.0, 10.0)  # s / (k + s) where A = B
    >>> round(math.exp(log_chance), 12)
    0.6
    """
    p, q, kappa = (s + 1.0, k, B / A) if A > B else (k, s + 1.0, A / B)
    log_kappa = math.log(kappa)
    far = FAR - log_kappa
    reach, drop = within_reach(p, q, kappa, far, (p - 1.0) * far + q * FAR)
    panels, n = panels_and_points(reach, drop)
    width = reach / panels
    # means, later, of ln(1 + u/c) and u / (c + u), where c is the smaller of A and B, d the larger
    total = log_c = share_c = log_d = share_d = 0.0
    for panel in range(panels):
        for i in range(n):
            y = width * (panel + POINTS[n, i])
            u_per_c = math.exp(y) - 1.0
            u_per_d = kappa * u_per_c
            log_over_d = log_one_plus(u_per_d)
            term = width * WEIGHTS[n, i] * math.exp((1.0 - p) * y - q * log_over_d)
            total += term
            log_c += term * y
            share_c += term * u_per_c / (1.0 + u_per_c)
            log_d += term * log_over_d
            share_d += term * u_per_d / (1.0 + u_per_d)
    if reach == far:  # a power is left
        rest = math.exp((1.0 - p) * far - q * FAR) / (k + s)
        total += rest
        log_c += rest * (far + 1.0 / (k + s))
        share_c += rest
        log_d += rest * (FAR + 1.0 / (k + s))
        share_d += rest
    log_total = math.log(s * total)
    if A > B:
        return log_total, -log_d / total, 1.0 / s - log_c / total, k * share_d / total
    return log_total + log_kappa, -log_c / total, 1.0 / s - log_d / total, k * share_c / total


@njit(cache=True, nogil=True)
def log_chance(k: float, s: float, A: float, B: float) -> float:
    """The log of the chance alone, sooner: by its hypergeometric series where that is short.

    Of the two forms that Pfaff's transformation gives [DLMF 15.8.1], the one with positive terms only.
    """
    p, z, front = (k, 1.0 - B / A, 1.0) if A > B else (s + 1.0, 1.0 - A / B, A / B)
    if z > LONG:
        return never_again(k, s, A, B)[0]
    total = term = 1.0
    n = 0
    while term > 1e-17 * total:
        term *= (p + n) / (k + s + 1.0 + n) * z
        total += term
        n += 1
    return math.log(front * s / (k + s) * total)


@njit(cache=True, nogil=True)
def series_size(alpha: float, beta: float) -> int:
    """Terms that a series between alpha / beta and 1 needs for twelve digits; 0 where it does not pay."""
    size = 6 + math.ceil(5.0 * abs(math.log(alpha / beta)))
    return size if size <= MOST_TERMS else 0


@njit(cache=True, nogil=True)
def fill_series(k: float, s: float, alpha: float, beta: float, series: Floats) -> None:
    """Make Chebyshev series (figure, term), in `place_in_series`, of the first figures of `never_again`."""
    figures, size = series.shape
    whole = math.log(alpha / beta)
    series[:] = 0.0
    for i in range(size):
        point = math.cos(math.pi * (i + 0.5) / size)
        ratio = math.exp(0.5 * whole * (1.0 + point))
        if figures == 1:
            found = log_chance(k, s, ratio, 1.0), 0.0, 0.0, 0.0
        else:
            found = never_again(k, s, ratio, 1.0)
        before, term = point, 1.0  # Chebyshev polynomials by their recurrence
        for c in range(size):
            share = (1.0 if c == 0 else 2.0) / size * term
            for f in range(figures):
                series[f, c] += share * found[f]
            before, term = term, 2.0 * point * term - before


@njit(cache=True, nogil=True, inline="always")
def place_in_series(log_A: float, log_B: float, whole: float) -> float:
    """Where in [-1, 1] a series has A / B: alpha / beta, whose log is ``whole``, at 1, and A = B at -1."""
    if whole == 0.0:
        return 1.0
    return min(max(2.0 * (log_A - log_B) / whole - 1.0, -1.0), 1.0)


@njit(cache=True, nogil=True, inline="always")
def log_never_again(series: Floats, place: float, x: int, r: float, s: float, A: float, B: float) -> float:
    """The log of the chance alone, from the series of this x where there is one."""
    if x <= MOST_PURCHASES and series.size > 0:
        return clenshaw(series, place)
    return log_chance(r + x, s, A, B)


@njit(cache=True, nogil=True, inline="always")
def never_again_figures(
    series: Floats, place: float, x: int, r: float, s: float, A: float, B: float
) -> tuple[float, float, float, float]:
    """What `never_again` gives, from the series (4, term) of this x where there are any."""
    if x <= MOST_PURCHASES and series.size > 0:
        return (
            clenshaw(series[0], place),
            clenshaw(series[1], place),
            clenshaw(series[2], place),
            clenshaw(series[3], place),
        )
    return never_again(r + x, s, A, B)
