"""Exact conditional simulation of the amounts of future purchases where their logs are normal."""

import math

import numpy as np
from numba import njit

from lifecast.arrays import Floats, Integers, Keys
from lifecast.kernels.log_normal import level
from lifecast.kernels.stream import SPEND, next_normal, stream_start


@njit(cache=True, nogil=True)
def simulate_amounts(
    n: Integers, l: Floats, keys: Keys, first: Integers, world: np.ndarray, theta: Floats, drift: Floats
) -> Floats:
    """An amount for every purchase.

    A customer who buys in a world gets one level there, from its posterior given the past amounts, and then
    every amount given the level.

    Parameters
    ----------
    n, l, keys : (customer,)
        Number of the amounts seen, mean of their logs, and random key.
    first : (customer + 1,)
        Customer i's purchases are ``first[i]:first[i + 1]``, grouped by world.
    world : (purchase,)
    theta : (world, 3)
        median, tau, sigma.
    drift : (world,)
        Variance, relative to its square, that a shock adds to a customer's mean amount.
    """
    amount = np.empty(world.size)
    for i in range(n.size):
        current = -1
        state, own = keys[i], 0.0
        for e in range(first[i], first[i + 1]):
            median, tau, sigma = theta[world[e]]
            if world[e] != current:
                current = world[e]
                mean, variance = level(n[i], l[i], median, tau, sigma)
                shock = math.log1p(drift[current])  # a log-normal of mean one and that variance
                state, z = next_normal(stream_start(keys[i], current, SPEND))
                own = mean - 0.5 * shock + math.sqrt(variance + shock) * z
            state, z = next_normal(state)
            amount[e] = math.exp(own + sigma * z)
    return amount
