"""Exact conditional simulation of a customer's future purchases under BG/BB [Fader, Hardie & Shang 2010].

One uniform decides whether the customer is alive, buys at all, and at which opportunity first. Only one who
buys, and may buy again, gets traits, from their posterior given that first purchase.
"""

import math

import numpy as np
from numba import njit

from lifecast.arrays import Floats, Integers, Keys
from lifecast.kernels.shifted_beta_geometric import whole
from lifecast.kernels.stream import TIMING, first_bits, mix64, next_gamma, next_uniform, to_uniform


@njit(cache=True, nogil=True, error_model="numpy")
def next_beta(state: np.uint64, a: float, b: float) -> tuple[np.uint64, float, float]:
    """A beta variate, and one minus it, which keeps its digits where it is small."""
    state, one = next_gamma(state, a)
    state, other = next_gamma(state, b)
    return state, one / (one + other), other / (one + other)


@njit(cache=True, nogil=True, error_model="numpy")
def simulate_purchases(
    x: Integers,
    T: Floats,
    p_alive: Floats,
    p_buys: Floats,
    row: Integers,
    keys: Keys,
    theta: Floats,
    edges: Floats,
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
        alpha, beta, gamma, delta.
    edges : (stretch + 1,)
        Calendar times from 0; a purchase counts in the stretch that it ends or lies in.
    capacity : int
        Room for purchases. Those beyond it are counted but not kept: call again with room for ``first[-1]``.

    Returns
    -------
    first : (customer + 1,)
        Customer i's purchases are ``first[i]:first[i + 1]``, by world, then by time.
    world, stretch : (purchase,)
    time : (purchase,)
        Whole time units from the start of the forecast.
    """
    n, S, K = row.size, theta.shape[0], edges.size - 1
    first = np.empty(n + 1, np.int64)
    world = np.empty(capacity, np.int32)
    stretch = np.empty(capacity, np.int32)
    time = np.empty(capacity, np.float64)
    buyers = np.empty(S, np.int64)
    bits = np.empty(S, np.uint64)
    end = whole(edges[K])
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
            alpha, beta = theta[s, 0] + x[j], theta[s, 1] + T[j] - x[j]
            gamma, delta = theta[s, 2], theta[s, 3] + T[j]
            u = to_uniform(bits[c]) / p_alive[j, s]
            step = 1
            now = alpha / (alpha + beta) * (delta / (gamma + delta))
            until_now = now
            while u >= until_now and step < end:
                now *= (beta + step - 1.0) / (alpha + beta + step) * ((delta + step) / (gamma + delta + step))
                until_now += now
                step += 1
            state = mix64(bits[c] ^ TIMING)
            leave, log_neither = 0.0, 0.0
            slot = 0
            while step <= end:
                while slot < K - 1 and step > edges[slot + 1]:
                    slot += 1
                if count < capacity:
                    world[count] = s
                    stretch[count] = slot
                    time[count] = step
                count += 1
                if step == end:
                    break
                if log_neither == 0.0:
                    state, p, rest = next_beta(state, alpha + 1.0, beta + (step - 1.0))
                    state, leaves, stays = next_beta(state, gamma, delta + step)
                    leave = leaves / (leaves + stays * p)
                    log_neither = math.log(rest) + math.log(stays) if rest > 0.0 else -math.inf
                state, u = next_uniform(state)
                state, v = next_uniform(state)
                wait = np.floor(math.log(u) / log_neither)
                if v < leave or wait >= end - step:
                    break
                step += 1 + int(wait)
    first[n] = count
    kept = min(count, capacity)
    return first, world[:kept], stretch[:kept], time[:kept]
