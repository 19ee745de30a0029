"""Pareto/NBD customers whose way to buy or to leave has changed: the same futures but for the change.

Times are operational, in a clock that runs as many times as fast as customers buy more often; in that clock
their lifetimes are divided by the leaving factor e. Whoever would have bought before the change keeps the gap
and the lifetime drawn for it, and buys if the gap still ends first; and some buy who would not have. So a
longer life, or more frequent purchases, never take a purchase away.
"""

import math

import numpy as np
from numba import njit

from lifecast.arrays import Floats, Integers, Keys
from lifecast.kernels.clock import calendar_time, stretch_at
from lifecast.kernels.drift import drifted
from lifecast.kernels.pareto_nbd import probability_of_purchase
from lifecast.kernels.stream import TIMING, first_bits, mix64, next_gamma, next_uniform, to_uniform

MOST_TRIES = 10_000_000  # for a change so small that rounding alone makes buyers of it


@njit(cache=True, nogil=True)
def probability_of_purchase_table(
    x: Integers, T: Floats, theta: Floats, drift: Floats, end: Floats, leaving: Floats
) -> Floats:
    """P(a purchase by ``end`` | alive), with ``leaving`` times the rate of leaving: shape (row, world)."""
    table = np.empty((x.size, theta.shape[0]))
    for i in range(x.size):
        for w in range(theta.shape[0]):
            k, A = drifted(theta[w, 0] + x[i], theta[w, 1] + T[i], drift[w])
            B = (theta[w, 3] + T[i]) / leaving[w]
            table[i, w] = probability_of_purchase(k, A, theta[w, 2], B, end[w])
    return table


@njit(cache=True, nogil=True)
def simulate_purchases(
    x: Integers,
    T: Floats,
    p_before: Floats,
    p_new: Floats,
    row: Integers,
    keys: Keys,
    theta: Floats,
    drift: Floats,
    end_before: Floats,
    clock: Floats,
    edges: Floats,
    leaving: Floats,
    capacity: int,
) -> tuple[Integers, np.ndarray, np.ndarray, Floats]:
    """Purchases of every customer in every world.

    Parameters
    ----------
    x, T, row, keys, theta, drift, edges, capacity
        As `lifecast.kernels.pareto_nbd_simulation.simulate_purchases` takes them; draws keep its order.
    p_before, p_new : (row, world)
        Probabilities of being alive and buying before the change, and of buying after it only.
    end_before : (world,)
        Operational time of the horizon before the change.
    clock : (world, stretch + 1)
        Operational time passed at each edge after the change.
    leaving : (world,)
        What lifetimes are divided by.

    Returns
    -------
    first, world, stretch, time
        As there.
    """
    n, S, K = row.size, theta.shape[0], edges.size - 1
    first = np.empty(n + 1, np.int64)
    world = np.empty(capacity, np.int32)
    stretch = np.empty(capacity, np.int32)
    time = np.empty(capacity, np.float64)
    count = 0
    for i in range(n):
        first[i] = count
        j = row[i]
        for w in range(S):
            bits = first_bits(keys[i], w)
            u = to_uniform(bits)
            if u >= p_before[j, w] + p_new[j, w]:
                continue
            known = u < p_before[j, w]
            state = mix64(bits ^ TIMING)
            k, A = drifted(theta[w, 0] + x[j], theta[w, 1] + T[j], drift[w])
            s, B = theta[w, 2], theta[w, 3] + T[j]
            end, reach = clock[w, K], end_before[w]
            within = -math.expm1(-k * math.log1p((reach if known else end) / A))
            last = -1.0
            for _ in range(MOST_TRIES):
                state, u = next_uniform(state)
                state, v = next_uniform(state)
                passed = min(A * math.expm1(-math.log1p(-u * within) / k), reach if known else end)
                life = B * math.expm1(-math.log(v) / s)
                before = passed <= reach and passed < life
                if before if known else (not before and passed * leaving[w] < life):
                    last = min(life / leaving[w], end)
                    break
            rate = 0.0
            while passed <= last:
                if count < capacity:
                    slot = stretch_at(passed, clock, w)
                    world[count] = w
                    stretch[count] = slot
                    time[count] = calendar_time(passed, clock, w, edges, slot)
                count += 1
                if rate == 0.0:
                    state, rate = next_gamma(state, k + 1.0)
                    rate /= A + passed
                state, u = next_uniform(state)
                passed -= math.log(u) / rate
    first[n] = count
    kept = min(count, capacity)
    return first, world[:kept], stretch[:kept], time[:kept]
