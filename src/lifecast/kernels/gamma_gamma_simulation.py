"""Exact conditional simulation of the amounts of future purchases under Gamma-Gamma [Fader & Hardie 2013]."""

import numpy as np
from numba import njit

from lifecast.arrays import Floats, Integers, Keys
from lifecast.kernels.stream import SPEND, next_gamma, stream_start


@njit(cache=True, nogil=True)
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
    amount = np.empty(world.size)
    for i in range(n.size):
        current = -1
        state, nu = keys[i], 1.0
        for e in range(first[i], first[i + 1]):
            p, q, v = theta[world[e]]
            if world[e] != current:
                current = world[e]
                state = stream_start(keys[i], current, SPEND)
                certain = (
                    p * n[i] + q - 1.0
                )  # the mean amount is inverse gamma: its mean wants shape minus one
                weaker = certain / (1.0 + drift[current] * certain)
                state, nu = next_gamma(state, weaker + 1.0)
                nu /= (v + n[i] * m[i]) * weaker / certain
            state, amount[e] = next_gamma(state, p)
            amount[e] /= nu
    return amount
