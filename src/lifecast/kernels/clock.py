"""From operational time, in which customers live, to calendar time, as the market's clock has it."""

from numba import njit

from lifecast.arrays import Floats


@njit(cache=True, nogil=True, inline="always")
def stretch_at(passed: float, clock: Floats, s: int, stretches_per_time: float) -> int:
    """The stretch of ``clock[s]`` in which an operational time lies; an edge belongs to the one before it.

    The search begins where a steady clock, with that many stretches in a unit of time, would be.
    """
    last = clock.shape[1] - 2
    stretch = min(int(passed * stretches_per_time), last)
    while stretch > 0 and passed <= clock[s, stretch]:
        stretch -= 1
    while stretch < last and passed > clock[s, stretch + 1]:
        stretch += 1
    return stretch  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, inline="always")
def calendar_time(passed: float, clock: Floats, s: int, edges: Floats, stretch: int) -> float:
    """Calendar time of an operational time in that stretch, within which the clock runs evenly."""
    span = clock[s, stretch + 1] - clock[s, stretch]
    share = (passed - clock[s, stretch]) / span
    return edges[stretch] + share * (edges[stretch + 1] - edges[stretch])  # type: ignore[no-any-return]
