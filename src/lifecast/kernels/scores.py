"""What each customer's simulated futures say of what really came: one pass over a chunk's purchases.

The draws of a customer are mostly zeros, so only those of buying worlds are ever held; nothing of the size
(customer, world) is made.
"""

import math

import numpy as np
from numba import njit

from lifecast.arrays import Floats, Integers

MOST_IN_A_BUCKET = 32


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
def sort_amounts(amounts: Floats, room: Floats, ends: Integers) -> None:
    """Sort positive numbers in place, several times faster than by comparing: by their leading bits first.

    The bits of positive doubles, read as whole numbers, ascend as they do. So many buckets of equal width in
    bits as there are numbers hold about one each; where many crowd into one, comparing is quicker after all.

    Parameters
    ----------
    amounts : (n,)
    room : at least (n,)
    ends : at least (n + 1,)
        Both overwritten.
    """
    n = amounts.size
    if n < 2:
        return
    bits = amounts.view(np.int64)
    smallest, largest = bits[0], bits[0]
    for i in range(1, n):
        smallest, largest = min(smallest, bits[i]), max(largest, bits[i])
    shift = 0
    while (largest - smallest) >> shift >= n:
        shift += 1
    ends[: n + 1] = 0
    for i in range(n):
        ends[((bits[i] - smallest) >> shift) + 1] += 1
    for k in range(n):
        if ends[k + 1] > MOST_IN_A_BUCKET:
            amounts.sort()
            return
        ends[k + 1] += ends[k]
    for i in range(n):
        k = (bits[i] - smallest) >> shift
        room[ends[k]] = amounts[i]
        ends[k] += 1
    for i in range(n):  # what is left to do is within buckets
        amount, place = room[i], i
        while place > 0 and amounts[place - 1] > amount:
            amounts[place] = amounts[place - 1]
            place -= 1
        amounts[place] = amount


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
    draws = np.empty((M, H, S))  # the positive ones
    positive = np.empty((M, H), np.int64)
    so_far = np.empty(M)
    room, ends = np.empty(S), np.empty(S + 1, np.int64)
    for i in range(customers):
        positive[:] = 0
        e = first[i]
        while e < first[i + 1]:
            s = world[e]
            so_far[:] = 0.0
            for h in range(H):
                while e < first[i + 1] and world[e] == s and time[e] <= horizons[h]:
                    so_far[0] += 1.0
                    if M > 1:
                        so_far[1] += amount[e]
                    e += 1
                for m in range(M):
                    if so_far[m] > 0.0:
                        draws[m, h, positive[m, h]] = so_far[m]
                        positive[m, h] += 1
                        totals[m, group[i], h, s] += so_far[m]
            while e < first[i + 1] and world[e] == s:  # beyond the last horizon
                e += 1
        for h in range(H):
            for m in range(M):
                of_buyers = draws[m, h, : positive[m, h]]
                if m == 0:
                    sort_counts(of_buyers)
                else:
                    sort_amounts(of_buyers, room, ends)
                score_draws(of_buyers, S - of_buyers.size, actual[i, h, m], levels, scores[i, h, m])
    return scores
