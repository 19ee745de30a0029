"""From operational time, in which customers live, to calendar time, as the market's clock has it."""

from numba import njit

from lifecast.arrays import Floats


@njit(cache=True, nogil=True, inline="always")
def stretch_at(passed: float, clock: Floats, s: int) -> int:
    """The stretch of ``clock[s]`` in which an operational time lies; an edge belongs to the one before it.

    Counts the edges before, by vector instructions: a search that nobody can predict takes longer.
    """
    stretch = 0
    for edge in range(1, clock.shape[1] - 1):
        stretch += passed > clock[s, edge]
    return stretch


@njit(cache=True, nogil=True, inline="always")
def calendar_time(passed: float, clock: Floats, s: int, edges: Floats, stretch: int) -> float:
    """Calendar time of an operational time in that stretch, within which the clock runs evenly."""
    span = clock[s, stretch + 1] - clock[s, stretch]
    share = (passed - clock[s, stretch]) / span
    return edges[stretch] + share * (edges[stretch + 1] - edges[stretch])  # type: ignore[no-any-return]
