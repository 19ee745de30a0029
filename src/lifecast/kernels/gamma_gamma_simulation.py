"""Exact conditional simulation of the amounts of future purchases under Gamma-Gamma [Fader & Hardie 2013].

A customer's amounts are drawn step by step: the first one in every world, then the second. Worlds in which it
buys most come first, so that those which still lack an amount are always the first few.
"""

import math

import numpy as np
from numba import njit

from lifecast.arrays import Floats, Integers, Keys
from lifecast.kernels.stream import (
    SPEND,
    gamma_constants,
    next_exponential,
    next_gammas_given,
    stream_start,
)


@njit(cache=True, nogil=True, error_model="numpy")
def simulate_amounts(
    n: Integers, m: Floats, keys: Keys, first: Integers, world: np.ndarray, theta: Floats, drift: Floats
) -> Floats:
    """An amount for every purchase.

    A customer who buys in a world gets one rate nu there, from its posterior given the past amounts, and then
    every amount given nu.

    Parameters
    ----------
    n, m, keys : (customer,)
        Number and mean of the amounts seen, and random key.
    first : (customer + 1,)
        Customer i's purchases are ``first[i]:first[i + 1]``, grouped by world.
    world : (purchase,)
    theta : (world, 3)
        p, q, v.
    drift : (world,)
        Variance, relative to its square, that a shock adds to a customer's mean amount.
    """
    S = theta.shape[0]
    amount = np.empty(world.size)
    p, shape, scale = theta[:, 0].copy(), np.empty(S), np.empty(S)
    d, c, d_nu, c_nu = np.empty(S), np.empty(S), np.empty(S), np.empty(S)
    state, per_nu, variate = np.empty(S, np.uint64), np.empty(S), np.empty(S)
    own_d, own_c = np.empty(S), np.empty(S)
    small_p, small_shape = fill_constants(p, d, c), False
    for i in range(n.size):
        if i == 0 or n[i] != n[i - 1]:
            for s in range(S):
                certain = p[s] * n[i] + theta[s, 1] - 1.0  # mean amounts are inverse gamma: their mean
                scale[s] = 1.0 / (1.0 + drift[s] * certain)  # wants shape minus one
                shape[s] = certain * scale[s] + 1.0
            small_shape = fill_constants(shape, d_nu, c_nu)
        total = n[i] * m[i]
        begin, longer = longest_runs_first(world[first[i] : first[i + 1]])
        own = world[first[i] + begin].astype(np.uint64)
        for g in range(own.size):
            state[g] = stream_start(keys[i], own[g], SPEND)
        for g in range(own.size):
            own_d[g], own_c[g] = d_nu[own[g]], c_nu[own[g]]
        next_gammas_given(state[: own.size], own_d, own_c, variate)
        if small_shape:
            scale_down(state[: own.size], own, shape, variate)
        for g in range(own.size):
            s = own[g]
            per_nu[g] = (theta[s, 2] + total) * scale[s] / variate[g]
            own_d[g], own_c[g] = d[s], c[s]
        for step in range(longer.size):
            next_gammas_given(state[: longer[step]], own_d, own_c, variate)
            if small_p:
                scale_down(state[: longer[step]], own, p, variate)
            for g in range(longer[step]):
                amount[first[i] + begin[g] + step] = variate[g] * per_nu[g]
    return amount


@njit(cache=True, nogil=True)
def longest_runs_first(world: np.ndarray) -> tuple[Integers, Integers]:
    """Where runs of equal worlds begin, the longest first, and how many are longer than 0, 1, 2, ... each."""
    edge = np.empty(world.size + 1, np.int64)
    runs, current = 0, -1
    for e in range(world.size):  # without a branch: nobody can predict where a world ends
        edge[runs] = e
        runs += world[e] != current
        current = world[e]
    edge[runs] = world.size
    longest = 0
    for g in range(runs):
        longest = max(longest, edge[g + 1] - edge[g])
    longer = np.zeros(longest + 1, np.int64)
    for g in range(runs):
        longer[edge[g + 1] - edge[g] - 1] += 1
    for length in range(longest - 1, -1, -1):
        longer[length] += longer[length + 1]
    place, begin = longer.copy(), np.empty(runs, np.int64)
    for g in range(runs):
        length = edge[g + 1] - edge[g]
        begin[place[length]] = edge[g]
        place[length] += 1
    return begin, longer[:longest]


@njit(cache=True, nogil=True)
def fill_constants(shape: Floats, d: Floats, c: Floats) -> bool:
    """What `next_gammas_given` wants to know of shapes, of one more for those below one; whether any is."""
    for s in range(shape.size):
        d[s], c[s] = gamma_constants(shape[s] if shape[s] >= 1.0 else shape[s] + 1.0)
    return shape.size > 0 and shape.min() < 1.0


@njit(cache=True, nogil=True)
def scale_down(state: Keys, world: Integers, shape: Floats, variate: Floats) -> None:
    """From shapes of one more to those below one, as `next_gamma` does, given the world of each variate."""
    for g in range(state.size):
        if shape[world[g]] < 1.0:
            state[g], e = next_exponential(state[g])
            variate[g] *= math.exp(-e / shape[world[g]])
