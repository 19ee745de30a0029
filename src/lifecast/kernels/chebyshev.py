"""Chebyshev series: smooth functions known by a few values [Trefethen 2019, ch. 3]."""

import math

import numpy as np
from numba import njit

from lifecast.arrays import Floats


@njit(cache=True, nogil=True, inline="always")
def clenshaw(series: Floats, y: float) -> float:
    """Value of a Chebyshev series at y in [-1, 1]."""
    ahead, further = 0.0, 0.0
    for c in range(series.size - 1, 0, -1):
        ahead, further = series[c] + 2.0 * y * ahead - further, ahead
    return series[0] + y * ahead - further  # type: ignore[no-any-return]


@njit(cache=True, nogil=True)
def chebyshev_points(size: int) -> tuple[Floats, Floats]:
    """Points in (-1, 1) (size,), and the matrix (size, size) from values there to the series through them."""
    angles = math.pi * (np.arange(size) + 0.5) / size
    transform = np.empty((size, size))
    for c in range(size):
        transform[c] = (1.0 if c == 0 else 2.0) / size * np.cos(c * angles)
    return np.cos(angles), transform
