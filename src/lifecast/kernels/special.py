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
    if z < 10.0:
        return math.lgamma(z + step) - math.lgamma(z)
    return (
        (z + step - 0.5) * math.log1p(step / z)
        + step * (math.log(z) - 1.0)
        + _stirling_remainder(z + step)
        - _stirling_remainder(z)
    )
