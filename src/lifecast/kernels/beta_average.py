"""Averages over p ~ Beta(a, B) of what a customer does who leaves with probability p after each purchase."""

import math

import numpy as np
from numba import njit

from lifecast.arrays import Floats


@njit(cache=True, nogil=True)
def quadrature_nodes(a: float, B: float, reach: float) -> tuple[Floats, Floats]:
    """Nodes and weights that average over p ~ Beta(a, B) the functions of p in the BG/NBD's formulas.

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
