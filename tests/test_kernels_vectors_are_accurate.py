"""Are exponentials and logarithms of many numbers at once those that 40 digits give?"""

import math

import mpmath
import numpy as np
import pytest

from lifecast.arrays import Floats
from lifecast.kernels.vectors import (
    exponentials,
    logarithms,
    logarithms_of_one_plus,
    one_minus_exponentials,
)

LAST_DIGIT = 2.0**-52


def found(of: object, x: Floats) -> Floats:
    out = np.empty(x.size)
    of(x, out)  # type: ignore[operator]
    return out


@pytest.mark.parametrize("reach", [1e-12, 0.3, 1.0, 20.0, 708.0])
def test_are_exponentials_accurate(reach: float) -> None:
    x = np.append(np.random.default_rng(1).uniform(-reach, reach, 1999), 0.0)
    with mpmath.workdps(40):
        for one, value in zip(x, found(exponentials, x), strict=True):
            assert abs(mpmath.mpf(value) / mpmath.exp(mpmath.mpf(one)) - 1) < 2 * LAST_DIGIT


def test_do_exponentials_end_in_zero_and_infinity() -> None:
    x = np.array([-math.inf, -1e300, -708.5, 708.5, 1e300, math.inf, math.nan, -0.0])
    np.testing.assert_array_equal(
        found(exponentials, x), [0.0, 0.0, 0.0, math.inf, math.inf, math.inf, math.nan, 1.0]
    )


@pytest.mark.parametrize("reach", [1e-12, 0.3, 1.0, 20.0, 706.0])
def test_are_logarithms_accurate(reach: float) -> None:
    x = np.exp(np.random.default_rng(2).uniform(-reach, reach, 1999))
    with mpmath.workdps(40):
        for one, value in zip(x, found(logarithms, x), strict=True):
            exact = mpmath.log(mpmath.mpf(one))
            assert abs(mpmath.mpf(value) - exact) <= 2 * LAST_DIGIT * abs(exact)


def test_is_the_logarithm_of_one_zero() -> None:
    assert found(logarithms, np.ones(3)).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("reach", [1e-300, 1e-12, 0.05, 0.4, 3.0, 800.0])
def test_keeps_one_minus_an_exponential_all_its_digits(reach: float) -> None:
    x = np.append(np.random.default_rng(3).uniform(0.0, reach, 1999), [0.0, math.inf])
    result = found(one_minus_exponentials, x)
    assert result[-2:].tolist() == [0.0, 1.0]
    with mpmath.workdps(40):
        for one, value in zip(x, result, strict=True):
            exact = -mpmath.expm1(-mpmath.mpf(one))
            assert abs(mpmath.mpf(value) - exact) <= 3 * LAST_DIGIT * exact


@pytest.mark.parametrize("reach", [1e-300, 1e-12, 1e-5, 0.4, 3.0, 1e300])
def test_keeps_the_logarithm_of_one_plus_a_number_all_its_digits(reach: float) -> None:
    x = np.append(np.random.default_rng(4).uniform(0.0, reach, 1999), 0.0)
    with mpmath.workdps(40):
        for one, value in zip(x, found(logarithms_of_one_plus, x), strict=True):
            exact = mpmath.log1p(mpmath.mpf(one))
            assert abs(mpmath.mpf(value) - exact) <= 2 * LAST_DIGIT * exact
