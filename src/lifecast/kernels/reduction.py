"""From simulated purchases to sums per world and, last of all, to what each customer's draws say."""

import math

import numpy as np
from numba import njit

from lifecast.arrays import Floats, Integers
from lifecast.kernels.vectors import exponentials

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
        if 4 * (right - place) < right - left:
            pivot = max(one, other, pivot)
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
        amount[e] *= price[np.uint32(world[e]), np.uint32(stretch[e])]


@njit(cache=True, nogil=True)
def discounted(amount: Floats, time: Floats, discount_rate: float) -> Floats:
    """Present values of the amounts (purchase,) at these times."""
    exponent, present = np.empty(time.size), np.empty(time.size)
    for e in range(time.size):
        exponent[e] = -discount_rate * time[e]
    exponentials(exponent, present)
    for e in range(time.size):
        present[e] *= amount[e]
    return present


@njit(cache=True, nogil=True)
def deposit(
    world: np.ndarray,
    time: Floats,
    amount: Floats,
    present: Floats,
    margin: float,
    period: float,
    anchors: Floats,
    cells: Floats,
    draws: Floats,
) -> int:
    """Add a customer's purchases, their value and present value, to the exact sums; see `lifecast.sums`.

    A time belongs to the period that it is in; a period's end to it, its beginning to the one before. Returns
    in how many worlds there are purchases, and fills ``draws`` (world,) with the present value in each.
    """
    last, per_period = np.int32(cells.shape[1] - 1), 1.0 / period
    at = np.empty(time.size, np.int32)
    for e in range(time.size):
        at[e] = min(max(np.int32(np.ceil(time[e] * per_period - 1e-9)) - np.int32(1), np.int32(0)), last)
    worlds, current, total = 0, -1, 0.0
    to_coarse, to_fine = anchors[0, 0], anchors[0, 1]  # of value the same in every period
    for e in range(time.size):
        another = world[e] != current  # no branch: nobody can predict where a world ends
        current = world[e]
        total = present[e] + (0.0 if another else total)
        worlds += another
        draws[np.uint64(worlds - 1)] = total
        s, k = np.uint64(world[e]), np.uint64(at[e])  # unsigned, since others might count from the end
        value, discounted_value = margin * amount[e], margin * present[e]
        coarse = (value + to_coarse) - to_coarse
        discounted_coarse = (discounted_value + anchors[k, 2]) - anchors[k, 2]
        cells[s, k, 0] += 1.0
        cells[s, k, 1] += coarse
        cells[s, k, 2] += ((value - coarse) + to_fine) - to_fine
        cells[s, k, 3] += discounted_coarse
        cells[s, k, 4] += ((discounted_value - discounted_coarse) + anchors[k, 3]) - anchors[k, 3]
    return worlds


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
    S = cells.shape[0]
    customers = first.size - 1
    quantiles = np.empty((customers, probabilities.size))
    draws = np.empty(S)
    near = np.zeros_like(cells)  # in the cache: what others wrote meanwhile has driven `cells` out of it
    for i in range(customers):
        own = slice(first[i], first[i + 1])
        present = discounted(amount[own], time[own], discount_rate)
        worlds = deposit(world[own], time[own], amount[own], present, margin[i], period, anchors, near, draws)
        quantiles_with_zeros(draws[:worlds], S, probabilities, quantiles[i])
        if margin[i] >= 0.0:
            quantiles[i] *= margin[i]
        else:
            quantiles[i] = margin[i] * quantiles[i][::-1].copy()
    cells += near
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
    draws = np.empty(world.size)
    for i in range(first.size - 1):
        own = slice(first[i], first[i + 1])
        present = discounted(amount[own], time[own], discount_rate)
        deposit(
            world[own], time[own], amount[own], present, margin[i], period, anchors, cells[group[i]], draws
        )


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
