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
from lifecast.kernels.stream import (
    TIMING,
    first_bits,
    gamma_constants,
    mix64,
    next_exponential,
    next_gamma_given,
    next_uniform,
    to_uniform,
)


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
    buys = np.empty(S, np.bool_)
    per_k, weaker, d, c = np.empty(S), np.empty(S), np.empty(S), np.empty(S)
    count = 0
    for i in range(n):
        first[i] = count
        j = row[i]
        if i == 0 or x[j] != x[row[i - 1]]:
            for s in range(S):
                k, weaker[s] = drifted(theta[s, 0] + x[j], 1.0, drift[s])
                per_k[s] = 1.0 / k
                d[s], c[s] = gamma_constants(k + 1.0)
        key, chance, chance_alive = keys[i], p_buys[j], p_alive[j]
        for s in range(S):
            bits[s] = first_bits(key, s)
            buys[s] = to_uniform(bits[s]) < chance[s]
        buying = 0
        for s in range(S):  # without a branch, since nobody can predict who buys
            buyers[buying] = s
            buying += buys[s]
        for place in range(buying):
            s = buyers[place]
            end = clock[s, K]
            stretches_per_time = K / end
            A = (theta[s, 1] + T[j]) * weaker[s]
            u = to_uniform(bits[s]) / chance_alive[s]
            passed = min(A * (math.exp(-math.log(1.0 - u) * per_k[s]) - 1.0), end)
            state = mix64(bits[s] ^ TIMING)
            a, tosses = theta[s, 2], theta[s, 2] + theta[s, 3] + x[j]
            holds = dropout_factor[s]
            start, last, gap = count, 0.0, 0.0
            while passed <= end:
                if count < capacity:
                    slot = stretch_at(passed, clock, s, stretches_per_time)
                    world[count] = s
                    stretch[count] = slot
                    time[count] = calendar_time(passed, clock, s, edges, slot)
                count += 1
                last = passed
                state, u = next_uniform(state)
                u *= tosses
                tosses += 1.0
                if u < a:
                    leaves = u < a * holds
                    a += 1.0
                    if leaves:
                        break
                if gap == 0.0:
                    state, rate = next_gamma_given(state, d[s], c[s])
                    gap = (A + passed) / rate
                state, wait = next_exponential(state)
                passed += wait * gap
            if holds > 1.0 and start < count <= capacity:
                if gap == 0.0:
                    state, rate = next_gamma_given(state, d[s], c[s])
                    gap = (A + last) / rate
                passed = leaves_between(state, gap / (holds - 1.0), last, a, tosses)
                while count > start and passed <= last:
                    slot = stretch_at(passed, clock, s, stretches_per_time)
                    if time[count - 1] <= calendar_time(passed, clock, s, edges, slot):
                        break
                    count -= 1
    first[n] = count
    kept = min(count, capacity)
    return first, world[:kept], stretch[:kept], time[:kept]


@njit(cache=True, nogil=True)
def leaves_between(state: np.uint64, gap: float, last: float, leavers: float, tosses: float) -> float:
    """When the first of the tosses between purchases says leave; infinite if none does by the last one."""
    passed = 0.0
    while True:
        state, wait = next_exponential(state)
        passed += wait * gap
        if passed > last:
            return math.inf
        state, u = next_uniform(state)
        if u * tosses < leavers:
            return passed
        tosses += 1.0
