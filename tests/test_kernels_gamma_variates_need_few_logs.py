"""Do gamma variates that are accepted without a log come out as the logs would have them?"""

import math

import numpy as np
import pytest
from numba import njit

from lifecast.kernels.stream import gamma_constants, next_gamma_given, next_normal, next_uniform


@njit
def by_logs(state: np.uint64, d: float, c: float) -> tuple[np.uint64, float]:
    """The method of Marsaglia & Tsang (2000) without any squeeze."""
    while True:
        state, z = next_normal(state)
        cube = (1.0 + c * z) ** 3
        if cube > 0.0:
            state, u = next_uniform(state)
            if math.log(u) < 0.5 * z * z + d * (1.0 - cube + math.log(cube)):
                return state, d * cube


@njit
def differing(draws: int, d: float, c: float) -> tuple[int, float]:
    """How many of so many variates have another stream position after them, and the largest difference."""
    state = twin = np.uint64(11)
    moved, largest = 0, 0.0
    for _ in range(draws):
        state, variate = next_gamma_given(state, d, c)
        twin, expected = by_logs(twin, d, c)
        moved += state != twin
        largest = max(largest, abs(variate / expected - 1.0))
    return moved, largest


@pytest.mark.parametrize("shape", [1.0, 1.2, 3.6, 50.0, 1e4, 1e8])
def test_are_variates_those_that_the_logs_accept(shape: float) -> None:
    moved, largest = differing(100_000, *gamma_constants(shape))
    assert moved == 0
    assert largest < 1e-14


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # of NumPy, where uncompiled
@pytest.mark.parametrize("d", [math.inf, math.nan])
def test_does_a_shape_that_is_no_number_end(d: float) -> None:
    assert not math.isfinite(next_gamma_given(np.uint64(1), d, 0.0)[1])
