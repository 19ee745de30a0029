"""What tests of likelihood kernels share."""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np


def grouped(x: Any, t_x: Any, T: Any, weight: Any = None) -> tuple[Any, ...]:
    """Rows as the likelihood takes them: distinct values and codes."""
    columns = []
    for values in (np.asarray(x, np.int64), np.asarray(t_x, float), np.asarray(T, float)):
        distinct, code = np.unique(values, return_inverse=True)
        columns += [distinct, code.astype(np.int64)]
    return (*columns, np.ones(len(x)) if weight is None else np.asarray(weight, float))


def assert_draws_are_single_values(
    draws: Callable[..., Any], value: Callable[..., float], rows: tuple[Any, ...], theta: Any
) -> None:
    """To the last bit, and on one thread too."""
    together = draws(*rows, theta).tolist()
    assert together == [value(*rows, *row) for row in theta]
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        assert draws(*rows, theta).tolist() == together
    finally:
        numba.set_num_threads(threads)
