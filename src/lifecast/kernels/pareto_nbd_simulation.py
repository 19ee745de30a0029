"""Exact conditional simulation of a customer's future purchases under Pareto/NBD.

Latent traits are drawn late or never. One uniform decides whether the customer is alive and buys at all. The
gap to its first purchase and the lifetime left are independent Lomax variates, mixtures of exponentials; a
buyer's are drawn until the gap ends first. Since only buyers are drawn for, that takes less than one pair per
customer and world on average. Only a buyer gets a rate, from its posterior given the gap.
"""

import math

import numpy as np
from numba import njit

from lifecast.arrays import Floats, Integers, Keys
from lifecast.kernels.clock import calendar_time, stretch_at
from lifecast.kernels.drift import drifted
from lifecast.kernels.stream import TIMING, first_bits, mix64, next_gamma, next_uniform, to_uniform


@njit(cache=True, nogil=True)
def simulate_purchases(
    x: Integers,
    T: Floats,
    p_buys: Floats,
    row: Integers,
    keys: Keys,
    theta: Floats,
    drift: Floats,
    clock: Floats,
    edges: Floats,
    capacity: int,
) -> tuple[Integers, np.ndarray, np.ndarray, Floats]:
    """Purchases of every customer in every world.

    Parameters
    ----------
    x, T : (row,)
        Frequency and age of the distinct histories.
    p_buys : (row, world)
        Their probabilities of being alive and buying at least once.
    row, keys : (customer,)
        Each customer's history and random key.
    theta : (world, 4)
        r, alpha, s, beta.
    drift : (world,)
        Variance of the shock that a customer's own rate takes.
    clock : (world, stretch + 1)
        Operational time passed at each edge, from 0; purchases and leaving happen in operational time.
    edges : (stretch + 1,)
        Calendar time of the edges, from 0; between two the clock runs evenly.
    capacity : int
        Room for purchases. Those beyond it are counted but not kept: call again with room for ``first[-1]``.

    Returns
    -------
    first : (customer + 1,)
        Customer i's purchases are ``first[i]:first[i + 1]``, by world, then by time.
    world, stretch : (purchase,)
    time : (purchase,)
        Calendar time from the start of the forecast.
    """
    n, S, K = row.size, theta.shape[0], edges.size - 1
    first = np.empty(n + 1, np.int64)
    world = np.empty(capacity, np.int32)
    stretch = np.empty(capacity, np.int32)
    time = np.empty(capacity, np.float64)
    buyers = np.empty(S, np.int64)
    bits = np.empty(S, np.uint64)
    count = 0
    for i in range(n):
        first[i] = count
        j = row[i]
        buying = 0
        for w in range(S):  # without a branch, since nobody can predict who buys
            drawn = first_bits(keys[i], w)
            buyers[buying] = w
            bits[buying] = drawn
            buying += to_uniform(drawn) < p_buys[j, w]
        for c in range(buying):
            w = buyers[c]
            state = mix64(bits[c] ^ TIMING)
            k, A = drifted(theta[w, 0] + x[j], theta[w, 1] + T[j], drift[w])
            s, B = theta[w, 2], theta[w, 3] + T[j]
            end = clock[w, K]
            within = -math.expm1(-k * math.log1p(end / A))  # the gap is one that ends in time
            while True:
                state, u = next_uniform(state)
                state, v = next_uniform(state)
                passed = min(A * math.expm1(-math.log1p(-u * within) / k), end)
                if s * math.log1p(passed / B) < -math.log(v):
                    break
            last = min(B * math.expm1(-math.log(v) / s), end)
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
