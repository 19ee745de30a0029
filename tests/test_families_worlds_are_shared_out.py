"""Is every world worked on once, and does it not matter by how many threads?"""

from collections.abc import Iterator
from threading import get_ident

import numba
import numpy as np
import pytest

import lifecast as lc
from lifecast.families.threads import over_worlds


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = numba.get_num_threads()
    if request.param > before:
        pytest.skip("numba has one core to use here, and two threads want two")
    numba.set_num_threads(request.param)
    yield request.param
    numba.set_num_threads(before)


@pytest.mark.parametrize("worlds", [1, 2, 3, 7, 8, 9, 1000])
def test_is_each_world_worked_on_once(threads: int, worlds: int) -> None:
    worked = np.zeros(worlds, int)
    by = set()

    def work(first: int, last: int) -> None:
        worked[first:last] += 1
        by.add(get_ident())

    over_worlds(work, worlds)
    assert worked.tolist() == [1] * worlds
    assert len(by) <= threads


def test_does_a_failure_in_a_thread_reach_the_caller(threads: int) -> None:
    def work(first: int, last: int) -> None:
        raise ValueError(f"{first} to {last}")

    with pytest.raises(ValueError, match="0 to"):
        over_worlds(work, 100)


def test_are_expectations_the_same_bits_by_any_number_of_threads() -> None:
    rng = np.random.default_rng(1)
    x = np.sort(rng.integers(0, 40, 200))
    T = rng.uniform(1.0, 50.0, 200)
    theta = np.array([0.24, 4.4, 0.8, 2.4]) * rng.uniform(0.5, 2.0, (13, 4))
    times = np.tile([52.0, 20.0, 0.0, np.inf], (13, 1))
    weights = rng.uniform(size=(13, 4, 2))
    found = []
    before = numba.get_num_threads()
    for threads in range(1, before + 1):
        numba.set_num_threads(threads)
        found.append(lc.BGNBD().expected_purchases(x, T, theta, np.full(13, 0.1), times, weights)(x, T))
    numba.set_num_threads(before)
    for one in found:
        np.testing.assert_array_equal(one, found[0])
