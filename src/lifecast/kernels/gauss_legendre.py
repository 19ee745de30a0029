"""Gauss-Legendre quadrature to the last digits, alike with whatever libraries."""

import numpy as np

from lifecast.arrays import Floats


def gauss_legendre(size: int) -> tuple[Floats, Floats]:
    """Points of Gauss-Legendre quadrature in (0, 1), ascending, and their weights, whose sum is 1.

    Newton's method on P_n(cos theta) in theta [Hale & Townsend 2013, SIAM Journal on Scientific Computing
    35(2)]: there the last digit of a point matters to its weight no more than elsewhere. NumPy's `leggauss`
    takes cosines from LAPACK, and its weights near the ends are known to eleven digits, other ones with each
    version.

    Examples
    --------
    >>> points, weights = gauss_legendre(8)
    >>> round(float(weights @ points**15), 15)  # the integral of v^15 over (0, 1): 1/16
    0.0625
    """
    theta = np.pi * (np.arange(1, (size + 1) // 2 + 1) - 0.25) / (size + 0.5)
    for _ in range(4):  # quadratic from three digits on
        apart = 2.0 * np.sin(theta / 2) ** 2  # 1 - cos theta
        before, value, change = np.zeros_like(theta), np.ones_like(theta), np.zeros_like(theta)
        for n in range(size):  # P_n by its steps [Clenshaw & Reinsch], for what is near 1
            change = (n * change - (2 * n + 1) * apart * value) / (n + 1)
            before, value = value, value + change
        slope = size * (np.cos(theta) * value - before) / np.sin(theta)
        theta = theta - value / slope
    points, weights = np.sin(theta / 2) ** 2, 1.0 / slope**2
    half = size // 2
    return (
        np.concatenate([points, 1.0 - points[:half][::-1]]),
        np.concatenate([weights, weights[:half][::-1]]),
    )
