"""From simulated purchases to sums per world and, last of all, to what each customer's draws say."""

import math

import numpy as np
from numba import njit

from lifecast.arrays import Floats, Integers

CELL = 5  # numbers: purchases; value, coarse and fine; discounted value, coarse and fine


@njit(cache=True, nogil=True)
def select(values: Floats, begin: int, place: int) -> float:
    """The value that sorting ``values[begin:]`` would put at ``place`` [Hoare 1961].

    Leaves smaller ones before it and larger ones after. Partitions [Lomuto's, without a branch, since nobody
    can predict which values are smaller].
    """
    left, right = begin, values.size - 1
    while left < right:
        one, other, pivot = values[left], values[right], values[(left + right) // 2]
        pivot = max(min(one, other), min(max(one, other), pivot))
        smaller = left
        for i in range(left, right + 1):
            value = values[i]
            values[i] = values[smaller]
            values[smaller] = value
            smaller += value < pivot
        if place < smaller:
            right = smaller - 1
            continue
        equal = smaller
        for i in range(smaller, right + 1):
            value = values[i]
            values[i] = values[equal]
            values[equal] = value
            equal += value <= pivot
        if place < equal or equal == left:  # the latter if the pivot is no number
            break
        left = equal
    return values[place]  # type: ignore[no-any-return]


@njit(cache=True, nogil=True)
def quantiles_with_zeros(positive: Floats, size: int, probabilities: Floats, out: Floats) -> None:
    """Quantiles, at ascending probabilities, of draws most of which are zero.

    There are ``size`` draws, none negative, and all but the given ``positive`` ones are zero. Linear between
    order statistics [Hyndman & Fan 1996, type 7; numpy's default]. Reorders ``positive``.
    """
    zeros = size - positive.size
    begin = 0
    for j in range(probabilities.size):
        position = probabilities[j] * (size - 1)
        below = math.floor(position)
        low = high = 0.0
        if below >= zeros:
            low = select(positive, begin, below - zeros)
            begin = below - zeros
        if below + 1 < size and below + 1 >= zeros and position > below:
            high = positive[below + 1 - zeros]
            for i in range(below + 1 - zeros, positive.size):
                high = min(high, positive[i])
        out[j] = low + (position - below) * (high - low)


@njit(cache=True, nogil=True)
def at_prices(amount: Floats, world: np.ndarray, stretch: np.ndarray, price: Floats) -> None:
    """Multiply the amounts (purchase,) by the prices (world, stretch) of their worlds and times, in place."""
    for e in range(amount.size):
        amount[e] *= price[world[e], stretch[e]]


@njit(cache=True, nogil=True, inline="always")
def period_of(time: float, per_period: float, periods: int) -> int:
    """The period that a time is in; its end belongs to it, its beginning to the one before."""
    return min(max(math.ceil(time * per_period - 1e-9) - 1, 0), periods - 1)


@njit(cache=True, nogil=True, inline="always")
def deposit(cell: Floats, value: float, present: float, anchor: Floats) -> None:
    """Add a purchase, its value and its discounted value to a cell of exact sums; see `lifecast.sums`."""
    coarse = (value + anchor[0]) - anchor[0]
    fine = ((value - coarse) + anchor[1]) - anchor[1]
    cell[0] += 1.0
    cell[1] += coarse
    cell[2] += fine
    coarse = (present + anchor[2]) - anchor[2]
    fine = ((present - coarse) + anchor[3]) - anchor[3]
    cell[3] += coarse
    cell[4] += fine


@njit(cache=True, nogil=True)
def add_up(
    first: Integers,
    world: np.ndarray,
    time: Floats,
    amount: Floats,
    margin: Floats,
    discount_rate: float,
    period: float,
    probabilities: Floats,
    anchors: Floats,
    cells: Floats,
) -> Floats:
    """Add every purchase to its world and period; return the quantiles of each customer's discounted value.

    Parameters
    ----------
    first, world, time, amount
        Purchases as the simulation made them: ``first`` (customer + 1,), the others (purchase,).
    margin : (customer,)
        Share of an amount that is value.
    discount_rate : float
        Continuous, per time unit.
    period : float
        Length of a period.
    probabilities : (quantile,)
        Symmetric about one half, so that a negative margin turns them round.
    anchors : (period, 4)
    cells : (world, period, 5)
        Sums over customers, added to in place.

    Returns
    -------
    quantiles : (customer, quantile)
    """
    S, periods = cells.shape[:2]
    per_period = 1.0 / period
    customers = first.size - 1
    quantiles = np.empty((customers, probabilities.size))
    draws, present = np.empty(S), np.empty(amount.size)
    for i in range(customers):
        for e in range(first[i], first[i + 1]):
            k = period_of(time[e], per_period, periods)
            present[e] = amount[e] * math.exp(-discount_rate * time[e])
            deposit(cells[world[e], k], margin[i] * amount[e], margin[i] * present[e], anchors[k])
        place, current, total = -1, -1, 0.0
        for e in range(first[i], first[i + 1]):  # without a branch: nobody can predict where a world ends
            another = world[e] != current
            current = world[e]
            place += another
            total = present[e] + (0.0 if another else total)
            draws[place] = total
        quantiles_with_zeros(draws[: place + 1], S, probabilities, quantiles[i])
        if margin[i] >= 0.0:
            quantiles[i] *= margin[i]
        else:
            quantiles[i] = margin[i] * quantiles[i][::-1].copy()
    return quantiles


@njit(cache=True, nogil=True)
def add_up_by_group(
    first: Integers,
    group: Integers,
    world: np.ndarray,
    time: Floats,
    amount: Floats,
    margin: Floats,
    discount_rate: float,
    period: float,
    anchors: Floats,
    cells: Floats,
) -> None:
    """`add_up` to cells (group, world, period, 5), given each customer's group; without quantiles."""
    periods, per_period = cells.shape[2], 1.0 / period
    for i in range(first.size - 1):
        for e in range(first[i], first[i + 1]):
            k = period_of(time[e], per_period, periods)
            present = amount[e] * math.exp(-discount_rate * time[e])
            deposit(cells[group[i], world[e], k], margin[i] * amount[e], margin[i] * present, anchors[k])


@njit(cache=True, nogil=True)
def expected_values(
    row: Integers,
    spend_row: Integers,
    purchases: Floats,
    spend: Floats,
    margin: Floats,
    probabilities: Floats,
) -> tuple[Floats, Floats]:
    """Mean over worlds of each customer's expected value, and its quantiles.

    Parameters
    ----------
    row, spend_row, margin : (customer,)
        The first two say whose purchases and whose spend are a customer's. Customers next to each other with
        equal ones are served together.
    purchases : (row, world)
        Expected discounted purchases given the world.
    spend : (spend row, world)
        Expected amount of a purchase given the world.
    """
    customers, S = row.size, spend.shape[1]
    mean = np.empty(customers)
    quantiles = np.empty((customers, probabilities.size))
    draws = np.empty(S)
    value = 0.0
    at = np.empty(probabilities.size)
    for i in range(customers):
        if i == 0 or row[i] != row[i - 1] or spend_row[i] != spend_row[i - 1]:
            for s in range(S):
                draws[s] = purchases[row[i], s] * spend[spend_row[i], s]
            value = draws.mean()
            quantiles_with_zeros(draws, S, probabilities, at)
        mean[i] = margin[i] * value
        if margin[i] >= 0.0:
            quantiles[i] = margin[i] * at
        else:
            quantiles[i] = margin[i] * at[::-1]
    return mean, quantiles
