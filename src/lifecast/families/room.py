"""Room for simulated purchases, whose number nobody knows before they are made."""

from collections.abc import Callable
from typing import Any

from lifecast.arrays import Floats, Integers

Purchases = tuple[Integers, Any, Any, Floats]


def with_room(simulate: Callable[[int], Purchases], expected: float) -> Purchases:
    """All the purchases of a simulation that keeps as many as it is given room for and counts them all.

    Room is made for the ``expected`` number and a little more. Where that is not enough, the simulation runs
    again with room for all: it makes the same purchases.
    """
    room = int(1.1 * expected) + 1_000
    while True:
        purchases = simulate(room)
        if purchases[0][-1] <= room:
            return purchases
        room = int(purchases[0][-1])
