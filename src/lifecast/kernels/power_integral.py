"""One integral with positive terms only, of which Pareto/NBD's probabilities are made; and its moments."""

import math

import numpy as np
from numba import njit

MOST_POINTS = 64
POINTS, WEIGHTS = np.zeros((2, MOST_POINTS + 1, MOST_POINTS))  # of Gauss-Legendre on (0, 1), by their number
for _n in range(2, MOST_POINTS + 1):
    _points, _weights = np.polynomial.legendre.leggauss(_n)
    POINTS[_n, :_n], WEIGHTS[_n, :_n] = 0.5 * (1.0 + _points), 0.5 * _weights
NEGLIGIBLE = 42.0


@njit(cache=True, nogil=True, inline="always")
def panels_and_points(reach: float, drop: float) -> tuple[int, int]:
    """Panels, and points in each, to integrate over a reach in which the log of the integrand drops so far.

    Measured: twelve digits for log-concave integrands without a singularity within pi of the real line.
    """
    panels = max(1, math.ceil(reach / 12.0))
    reach /= panels
    return panels, min(MOST_POINTS, math.ceil(3.0 + math.sqrt(6.0 * max(drop, 0.0) + 12.0 * reach * reach)))


@njit(cache=True, nogil=True, inline="always")
def _within_reach(p: float, q: float, kappa: float, reach: float, drop: float) -> tuple[float, float]:
    """Cut a reach where nothing is left: Newton's method, monotone since the integrand is log-concave."""
    while drop > NEGLIGIBLE + 3.0:
        grown = kappa * math.exp(reach)
        reach -= (drop - NEGLIGIBLE) / (p - 1.0 + q * grown / (1.0 - kappa + grown))
        drop = (p - 1.0) * reach + q * math.log(1.0 - kappa + kappa * math.exp(reach))
    return reach, drop


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
    reach, drop = _within_reach(p, q, kappa, log_a, (p - 1.0) * log_a + q * log_b)
    panels, n = panels_and_points(reach, drop)
    width = reach / panels
    total = 0.0
    for panel in range(panels):
        for i in range(n):
            y = width * (panel + POINTS[n, i])
            log_over_b = math.log(1.0 - kappa + kappa * math.exp(y))
            total += WEIGHTS[n, i] * math.exp((1.0 - p) * y - q * log_over_b)
    return a * width * total


@njit(cache=True, nogil=True)
def power_moments(
    p: float, q: float, a: float, b: float, log_a: float, log_b: float
) -> tuple[float, float, float, float, float]:
    """`power_integral`, and those with a factor ln(1 + v/a), 1/(a + v), ln(1 + v/b), 1/(b + v) besides."""
    swapped = a > b
    if swapped:
        p, q, a, b, log_a, log_b = q, p, b, a, log_b, log_a
    kappa = a / b
    reach, drop = _within_reach(p, q, kappa, log_a, (p - 1.0) * log_a + q * log_b)
    panels, n = panels_and_points(reach, drop)
    width = reach / panels
    total = in_log_a = per_a = in_log_b = per_b = 0.0
    for panel in range(panels):
        for i in range(n):
            y = width * (panel + POINTS[n, i])
            over_a = math.exp(y)
            over_b = 1.0 - kappa + kappa * over_a
            log_over_b = math.log(over_b)
            term = WEIGHTS[n, i] * math.exp((1.0 - p) * y - q * log_over_b)
            total += term
            in_log_a += term * y
            per_a += term / over_a
            in_log_b += term * log_over_b
            per_b += term / over_b
    scale = a * width
    if swapped:
        return scale * total, scale * in_log_b, scale * per_b / b, scale * in_log_a, scale * per_a / a
    return scale * total, scale * in_log_a, scale * per_a / a, scale * in_log_b, scale * per_b / b
