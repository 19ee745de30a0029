"""From simulated purchases to sums per world and, last of all, to what each customer's draws say."""

import math

import numpy as np
from numba import njit

from lifecast.arrays import Floats, Integers


@njit(cache=True, nogil=True)
def select(values: Floats, begin: int, place: int) -> float:
    """The value that sorting ``values[begin:]`` would put at ``place`` [Hoare 1961].

    Leaves smaller ones before it and larger ones after.
    """
    left, right = begin, values.size - 1
    while left < right:
        pivot = values[(left + right) // 2]
        i, j = left, right
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if place <= j:
            right = j
        elif place >= i:
            left = i
        else:
            break
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
            high = select(positive, begin, below + 1 - zeros)
            begin = max(begin, below - zeros)
        out[j] = low + (position - below) * (high - low)


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
    purchases: Floats,
    value: Floats,
    discounted: Floats,
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
        Length of a period; its end belongs to it, its beginning to the one before.
    probabilities : (quantile,)
        Symmetric about one half, so that a negative margin turns them round.
    purchases, value, discounted : (world, period)
        Sums over customers, added to in place.

    Returns
    -------
    quantiles : (customer, quantile)
    """
    S, periods = purchases.shape
    customers = first.size - 1
    quantiles = np.empty((customers, probabilities.size))
    draws = np.empty(S)
    for i in range(customers):
        buying_worlds = 0
        current = -1
        for e in range(first[i], first[i + 1]):
            s, k = world[e], min(max(math.ceil(time[e] / period - 1e-9) - 1, 0), periods - 1)
            if s != current:
                current = s
                draws[buying_worlds] = 0.0
                buying_worlds += 1
            present = amount[e] * math.exp(-discount_rate * time[e])
            draws[buying_worlds - 1] += present
            purchases[s, k] += 1.0
            value[s, k] += margin[i] * amount[e]
            discounted[s, k] += margin[i] * present
        quantiles_with_zeros(draws[:buying_worlds], S, probabilities, quantiles[i])
        if margin[i] >= 0.0:
            quantiles[i] *= margin[i]
        else:
            quantiles[i] = margin[i] * quantiles[i][::-1].copy()
    return quantiles


@njit(cache=True, nogil=True)
def expected_values(
    row: Integers,
    n: Integers,
    m: Floats,
    l: Floats,
    purchases: Floats,
    spend: Floats,
    margin: Floats,
    probabilities: Floats,
) -> tuple[Floats, Floats]:
    """Mean over worlds of each customer's expected value, and its quantiles.

    Parameters
    ----------
    row, n, m, l, margin : (customer,)
        Customers next to each other with equal row, n, m and l have the same expectations, and are served
        together.
    purchases : (row, world)
        Expected discounted purchases given the world.
    spend : (customer, world)
        Expected amount of a purchase given the world.
    """
    customers, S = spend.shape
    mean = np.empty(customers)
    quantiles = np.empty((customers, probabilities.size))
    draws = np.empty(S)
    value = 0.0
    at = np.empty(probabilities.size)
    for i in range(customers):
        if i == 0 or row[i] != row[i - 1] or n[i] != n[i - 1] or m[i] != m[i - 1] or l[i] != l[i - 1]:
            for s in range(S):
                draws[s] = purchases[row[i], s] * spend[i, s]
            value = draws.mean()
            quantiles_with_zeros(draws, S, probabilities, at)
        mean[i] = margin[i] * value
        if margin[i] >= 0.0:
            quantiles[i] = margin[i] * at
        else:
            quantiles[i] = margin[i] * at[::-1]
    return mean, quantiles
