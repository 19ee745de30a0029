"""Integrals of a product of two powers, all of whose terms are positive."""

import math

import numpy as np
from numba import njit

from lifecast.kernels.gauss_legendre import gauss_legendre

MOST_POINTS = 64
POINTS, WEIGHTS = np.zeros((2, MOST_POINTS + 1, MOST_POINTS))  # of Gauss-Legendre on (0, 1), by their number
for _n in range(2, MOST_POINTS + 1):
    POINTS[_n, :_n], WEIGHTS[_n, :_n] = gauss_legendre(_n)
NEGLIGIBLE = 42.0


@njit(cache=True, nogil=True, inline="always")
def panels_and_points(reach: float, drop: float) -> tuple[int, int]:
    """Panels, and points in each, to integrate over a reach in which the log of the integrand drops so far.

    Measured: twelve digits for log-concave integrands without a singularity within pi of the real line.
    """
    panels = max(1, math.ceil(reach / 12.0))
    reach /= panels
    return panels, min(MOST_POINTS, math.ceil(3.0 + math.sqrt(6.5 * max(drop, 0.0) + 12.0 * reach * reach)))


@njit(cache=True, nogil=True, inline="always")
def within_reach(p: float, q: float, kappa: float, reach: float, drop: float) -> tuple[float, float]:
    """Cut a reach where nothing is left: Newton's method, monotone since the integrand is log-concave."""
    while drop > NEGLIGIBLE + 3.0:
        grown = kappa * math.expm1(reach)
        reach -= (drop - NEGLIGIBLE) / (p - 1.0 + q * (kappa + grown) / (1.0 + grown))
        drop = (p - 1.0) * reach + q * math.log1p(kappa * math.expm1(reach))
    return reach, drop


@njit(cache=True, nogil=True, inline="always")
def log_one_plus(z: float) -> float:
    """ln(1 + z), z >= 0, at a third of the cost of log1p: what the sum rounds off is scaled back [Kahan]."""
    one_plus = 1.0 + z
    return z if one_plus == 1.0 else math.log(one_plus) * (z / (one_plus - 1.0))


@njit(cache=True, nogil=True)
def power_integral(p: float, q: float, a: float, b: float, log_a: float, log_b: float) -> float:
    """The integral of (1 + v/a)^-p (1 + v/b)^-q over v from 0 to D.

    Gauss-Legendre in ln(1 + v/c), where c is the smaller of a and b: in it the integrand is log-concave, and
    its nearest singularity is pi or more away from the real line.

    Parameters
    ----------
    p, q, a, b
        All positive.
    log_a, log_b
        ln(1 + D/a) and ln(1 + D/b), rather than D: callers have them from tables.

    Examples
    --------
    >>> round(power_integral(3.0, 2.0, 5.0, 5.0, math.log(2.0), math.log(2.0)), 12)  # 5/4 (1 - 2^-4)
    1.171875
    """
    if a > b:
        p, q, a, b, log_a, log_b = q, p, b, a, log_b, log_a
    kappa = a / b
    reach, drop = within_reach(p, q, kappa, log_a, (p - 1.0) * log_a + q * log_b)
    panels, n = panels_and_points(reach, drop)
    width = reach / panels
    total = 0.0
    for panel in range(panels):
        for i in range(n):
            y = width * (panel + POINTS[n, i])
            log_over_b = log_one_plus(kappa * (math.exp(y) - 1.0))
            total += WEIGHTS[n, i] * math.exp((1.0 - p) * y - q * log_over_b)
    return a * width * total
