"""Exact conditional simulation of a customer's future purchases under BG/NBD [Fader, Hardie & Lee 2005].

Latent traits are drawn late or never. One uniform decides whether the customer is alive, buys at all, and
when first: given the past, the gap is Lomax, the gamma mixture of exponentials. Only a customer who buys and
stays gets a rate, from its posterior given that first gap. The chance of leaving is never drawn: it follows
Polya's urn, the beta mixture of coin tosses.

An action may multiply the hazard of leaving, lambda p. Below one, a toss that says leave holds only that
often. Above one, more tosses fall between purchases, so many times as often as the factor exceeds one; tosses
of one urn are exchangeable, so these can come after all the others. On the same random numbers a smaller
factor therefore never makes a life shorter.
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
    p_alive: Floats,
    p_buys: Floats,
    row: Integers,
    keys: Keys,
    theta: Floats,
    drift: Floats,
    clock: Floats,
    edges: Floats,
    dropout_factor: Floats,
    capacity: int,
) -> tuple[Integers, np.ndarray, np.ndarray, Floats]:
    """Purchases of every customer in every world.

    Parameters
    ----------
    x, T : (row,)
        Frequency and age of the distinct histories.
    p_alive, p_buys : (row, world)
        Their probabilities of being alive, and of being alive and buying at least once.
    row, keys : (customer,)
        Each customer's history and random key.
    theta : (world, 4)
        r, alpha, a, b.
    drift : (world,)
        Variance of the shock that a customer's own rate takes.
    clock : (world, stretch + 1)
        Operational time passed at each edge, from 0; purchases happen in operational time.
    edges : (stretch + 1,)
        Calendar time of the edges, from 0; between two the clock runs evenly.
    dropout_factor : (world,)
        What an action multiplies every hazard of leaving by; one for none.
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
        for s in range(S):  # without a branch, since nobody can predict who buys
            drawn = first_bits(keys[i], s)
            buyers[buying] = s
            bits[buying] = drawn
            buying += to_uniform(drawn) < p_buys[j, s]
        for c in range(buying):
            s = buyers[c]
            u = to_uniform(bits[c])
            state = mix64(bits[c] ^ TIMING)
            k, A = drifted(theta[s, 0] + x[j], theta[s, 1] + T[j], drift[s])
            a, tosses = theta[s, 2], theta[s, 2] + theta[s, 3] + x[j]
            passed = A * math.expm1(-math.log1p(-u / p_alive[j, s]) / k)
            end = clock[s, K]
            stretches_per_time = K / end
            holds = min(dropout_factor[s], 1.0)
            start, last, rate = count, 0.0, 0.0
            while passed <= end:
                if count < capacity:
                    slot = stretch_at(passed, clock, s, stretches_per_time)
                    world[count] = s
                    stretch[count] = slot
                    time[count] = calendar_time(passed, clock, s, edges, slot)
                count += 1
                last = passed
                state, u = next_uniform(state)
                leave = a / tosses
                tosses += 1.0
                if u < leave:
                    a += 1.0
                    if u < leave * holds:
                        break
                    u = (u / leave - holds) / (1.0 - holds)  # what is left of u is uniform again
                else:
                    u = (u - leave) / (1.0 - leave)
                if rate == 0.0:
                    state, rate = next_gamma(state, k + 1.0)
                    rate /= A + passed
                passed -= math.log(u) / rate
            if dropout_factor[s] > 1.0 and start < count <= capacity:
                if rate == 0.0:
                    state, rate = next_gamma(state, k + 1.0)
                    rate /= A + last
                passed = leaves_between(state, rate * (dropout_factor[s] - 1.0), last, a, tosses)
                while count > start and passed <= last:
                    slot = stretch_at(passed, clock, s, stretches_per_time)
                    if time[count - 1] <= calendar_time(passed, clock, s, edges, slot):
                        break
                    count -= 1
    first[n] = count
    kept = min(count, capacity)
    return first, world[:kept], stretch[:kept], time[:kept]


@njit(cache=True, nogil=True)
def leaves_between(state: np.uint64, rate: float, last: float, leavers: float, tosses: float) -> float:
    """When the first of the tosses between purchases says leave; infinite if none does by the last one."""
    passed = 0.0
    while True:
        state, u = next_uniform(state)
        passed -= math.log(u) / rate
        if passed > last:
            return math.inf
        state, u = next_uniform(state)
        if u < leavers / tosses:
            return passed
        tosses += 1.0
