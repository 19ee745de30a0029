"""Special functions that compiled kernels need and the standard `math` module lacks."""

import math

from numba import njit


@njit(cache=True, nogil=True)
def digamma(z: float) -> float:
    """Derivative of lnGamma at z > 0: recurrence up to 10, then the asymptotic series [DLMF 5.11.2]."""
    shift = 0.0
    while z < 10.0:
        shift += 1.0 / z
        z += 1.0
    s = 1.0 / (z * z)
    tail = 1 / 240 - s * (1 / 132 - s * (691 / 32760 - s / 12))
    series = s * (1 / 12 - s * (1 / 120 - s * (1 / 252 - s * tail)))
    return math.log(z) - 0.5 / z - series - shift


@njit(cache=True, nogil=True)
def _stirling_remainder(z: float) -> float:
    """lnGamma(z) minus (z - 1/2) ln z - z + ln(2 pi)/2, for z >= 10 [DLMF 5.11.1]."""
    s = 1.0 / (z * z)
    tail = 1 / 1680 - s * (1 / 1188 - s * (691 / 360360 - s / 156))
    return (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * tail))) / z


@njit(cache=True, nogil=True)
def log_gamma_ratio(z: float, step: float) -> float:
    """lnGamma(z + step) - lnGamma(z), z > 0, step >= 0, without the cancellation of two large log-gammas."""
    shift = 1.0
    while z < 10.0:
        shift *= 1.0 + step / z
        z += 1.0
    difference: float = _stirling_remainder(z + step) - _stirling_remainder(z)
    difference += (z + step - 0.5) * math.log1p(step / z) + step * (math.log(z) - 1.0)
    return difference - math.log(shift)


@njit(cache=True, nogil=True)
def _beta_fraction(z: float, c: float, d: float) -> float:
    """The continued fraction of the incomplete beta function [DLMF 8.17.22], by Lentz's method."""
    tiny = 1e-300
    f = 1.0
    upper = 1.0
    lower = 0.0
    for i in range(100_000):
        m = i // 2
        if i == 0:
            term = 1.0
        elif i % 2 == 0:
            term = m * (d - m) * z / ((c + 2 * m - 1.0) * (c + 2 * m))
        else:
            term = -(c + m) * (c + d + m) * z / ((c + 2 * m) * (c + 2 * m + 1.0))
        lower = 1.0 + term * lower
        lower = 1.0 / (lower if abs(lower) > tiny else tiny)
        upper = 1.0 + term / upper
        upper = upper if abs(upper) > tiny else tiny
        f *= upper * lower
        if i > 0 and abs(upper * lower - 1.0) < 1e-16:
            break
    return f - 1.0


@njit(cache=True, nogil=True)
def incomplete_beta(odds: float, c: float, d: float) -> float:
    """Regularised incomplete beta I_z(c, d) [DLMF 8.17], z = odds / (1 + odds): odds keep 1 - z exact."""
    if odds == 0.0:
        return 0.0
    z = odds / (1.0 + odds)
    log_z = -math.log1p(1.0 / odds)
    log_rest = -math.log1p(odds)
    small, large = min(c, d), max(c, d)
    # z^c (1-z)^d / B(c, d)
    front = math.exp(c * log_z + d * log_rest + log_gamma_ratio(large, small) - math.lgamma(small))
    if z < (c + 1.0) / (c + d + 2.0):
        below: float = front / c * _beta_fraction(z, c, d)
        return below
    above: float = front / d * _beta_fraction(1.0 / (1.0 + odds), d, c)
    return 1.0 - above
