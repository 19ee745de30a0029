"""What each customer's simulated futures say of what really came: one pass over a chunk's purchases.

The draws of a customer are mostly zeros, so only those of buying worlds are ever held; nothing of the size
(customer, world) is made.
"""

import math

import numpy as np
from numba import njit

from lifecast.arrays import Floats, Integers


@njit(cache=True, nogil=True)
def order_statistic(positive: Floats, zeros: int, place: int) -> float:
    """The draw at a place in order, of ``zeros`` zeros followed by sorted ``positive`` ones."""
    return positive[place - zeros] if place >= zeros else 0.0


@njit(cache=True, nogil=True)
def quantile_of_sorted(positive: Floats, zeros: int, probability: float) -> float:
    """Linear between order statistics [Hyndman & Fan 1996, type 7; numpy's default]."""
    position = probability * (zeros + positive.size - 1)
    below = math.floor(position)
    low = order_statistic(positive, zeros, below)
    if position == below:
        return low
    return low + (position - below) * (order_statistic(positive, zeros, below + 1) - low)


@njit(cache=True, nogil=True)
def score_draws(positive: Floats, zeros: int, actual: float, levels: Floats, out: Floats) -> None:
    """Score the empirical distribution of one customer's draws against what came.

    Parameters
    ----------
    positive : sorted draws, none negative; ``zeros`` more are zero
    actual : float
    levels : (level,)
        Probabilities of central intervals.
    out : (4 + 3 * level,)
        The draws' mean; the ranks P(Y < actual) and P(Y <= actual), counting the actual as one more draw, as
        ranks want it [Hamill 2001]; the CRPS [Gneiting & Raftery 2007, eq. 21], fair to few draws [Ferro
        2014]; then for every level whether the interval holds the actual, for every level the share of draws
        that it holds, and for every level the interval score [Gneiting & Raftery 2007, eq. 43].
    """
    S, L = zeros + positive.size, levels.size
    below = zeros if actual > 0.0 else 0
    equal = zeros if actual == 0.0 else 0
    total = distance = spread = 0.0
    for i in range(positive.size):
        draw = positive[i]
        below += draw < actual
        equal += draw == actual
        total += draw
        distance += abs(draw - actual)
        spread += (2 * (zeros + i + 1) - S - 1) * draw
    distance += zeros * abs(actual)
    out[0] = total / S
    out[1] = below / (S + 1)
    out[2] = (below + equal + 1) / (S + 1)
    out[3] = distance / S - spread / S / (S - 1)
    for j in range(L):
        tail = (1.0 - levels[j]) / 2
        lower = quantile_of_sorted(positive, zeros, tail)
        upper = quantile_of_sorted(positive, zeros, 1.0 - tail)
        inside = float(np.searchsorted(positive, upper, "right") - np.searchsorted(positive, lower, "left"))
        if lower <= 0.0:
            inside += zeros
        miss = max(lower - actual, actual - upper, 0.0)
        out[4 + j] = 1.0 if miss == 0.0 else 0.0
        out[4 + L + j] = inside / S
        out[4 + 2 * L + j] = upper - lower + miss / tail


@njit(cache=True, nogil=True)
def sort_counts(counts: Floats) -> None:
    """Sort small whole numbers in place by tallying them, several times faster than by comparing."""
    largest = 0.0
    for count in counts:
        largest = max(largest, count)
    if largest > 4 * counts.size:
        counts.sort()
        return
    tally = np.zeros(int(largest) + 1, np.int64)
    for count in counts:
        tally[int(count)] += 1
    place = 0
    for count in range(tally.size):
        for _ in range(tally[count]):
            counts[place] = count
            place += 1


@njit(cache=True, nogil=True)
def score_customers(
    first: Integers,
    world: np.ndarray,
    time: Floats,
    amount: Floats,
    horizons: Floats,
    actual: Floats,
    group: Integers,
    levels: Floats,
    totals: Floats,
) -> Floats:
    """Add purchases up per group, and score every customer's draws up to every horizon.

    Parameters
    ----------
    first, world, time, amount
        Purchases as the simulation made them: ``first`` (customer + 1,), the others (purchase,).
    horizons : (horizon,)
        Ascending; a purchase at a horizon is within it.
    actual : (customer, horizon, measure)
        What came: the number of purchases and, where there are two measures, their amount.
    group : (customer,)
    levels : (level,)
        Probabilities of central intervals.
    totals : (measure, group, horizon, world)
        Sums over customers, added to in place.

    Returns
    -------
    scores : (customer, horizon, measure, 4 + 3 * level)
        As `score_draws` has them.
    """
    customers, H, M = actual.shape
    S = totals.shape[3]
    scores = np.empty((customers, H, M, 4 + 3 * levels.size))
    draws = np.empty((M, H, S))
    for i in range(customers):
        buying = 0
        current = -1
        for e in range(first[i], first[i + 1]):
            s = world[e]
            if s != current:
                current = s
                draws[:, :, buying] = 0.0
                buying += 1
            for h in range(H - 1, -1, -1):
                if time[e] > horizons[h]:
                    break
                draws[0, h, buying - 1] += 1.0
                totals[0, group[i], h, s] += 1.0
                if M > 1:
                    draws[1, h, buying - 1] += amount[e]
                    totals[1, group[i], h, s] += amount[e]
        for h in range(H):
            for m in range(M):
                positive = draws[m, h, :buying]
                if m == 0:
                    sort_counts(positive)
                else:
                    positive.sort()
                score_draws(positive, S - buying, actual[i, h, m], levels, scores[i, h, m])
    return scores
