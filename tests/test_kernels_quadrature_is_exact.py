"""Are the points and weights of quadrature right to the last digits, whoever's LAPACK is installed?"""

import mpmath as mp
import numpy as np
import pytest

from lifecast.kernels.gauss_legendre import gauss_legendre
from lifecast.kernels.power_integral import MOST_POINTS, POINTS, WEIGHTS


@pytest.mark.parametrize("size", [2, 3, 16, 64])
def test_are_points_and_weights_those_at_forty_digits(size: int) -> None:
    points, weights = gauss_legendre(size)
    assert np.all(np.diff(points) > 0) and points.shape == weights.shape == (size,)
    with mp.workdps(40):
        for point, weight in list(zip(points, weights, strict=True))[: (size + 1) // 2]:
            x = mp.findroot(lambda x: mp.legendre(size, x), 2 * mp.mpf(point) - 1)
            slope = size * (x * mp.legendre(size, x) - mp.legendre(size - 1, x)) / (x * x - 1)
            assert float(abs(point / ((1 + x) / 2) - 1)) < 1e-15
            assert float(abs(weight * (1 - x * x) * slope**2 - 1)) < 1e-14


@pytest.mark.parametrize("size", [5, 16, 64, 301])
def test_are_polynomials_integrated_exactly(size: int) -> None:
    points, weights = gauss_legendre(size)
    for power in {0, 1, size, 2 * size - 1}:
        assert weights @ points**power == pytest.approx(1 / (power + 1), rel=1e-13)


def test_do_kernels_hold_these() -> None:
    for size in range(2, MOST_POINTS + 1):
        points, weights = gauss_legendre(size)
        np.testing.assert_array_equal(POINTS[size, :size], points)
        np.testing.assert_array_equal(WEIGHTS[size, :size], weights)
