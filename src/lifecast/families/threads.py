"""Worlds shared out among threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

SLICES_PER_THREAD = 4


def over_worlds(work: Callable[[int, int], None], worlds: int) -> None:
    """Have compiled work done on worlds from a first up to a last, by as many threads as numba may use.

    They wait for each other asleep. Those of numba's parallel loops go on looking for work for some
    milliseconds after each loop, which costs several times the work where loops are short and other
    processes want the cores.
    """
    threads = min(numba.get_num_threads(), worlds)
    if threads == 1:
        work(0, worlds)
        return
    edges = np.linspace(0, worlds, SLICES_PER_THREAD * threads + 1).astype(int)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, edges[:-1], edges[1:]))
