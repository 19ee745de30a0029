"""Exact conditional simulation of the amounts of future purchases under Gamma-Gamma [Fader & Hardie 2013]."""

import numpy as np
from numba import njit

from lifecast.arrays import Floats, Integers, Keys
from lifecast.kernels.stream import SPEND, gamma_constants, next_gamma, next_gamma_given, stream_start


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
    S = theta.shape[0]
    amount = np.empty(world.size)
    d, c, shape, d_nu, c_nu, scale = np.empty((6, S))
    for s in range(S):
        d[s], c[s] = gamma_constants(max(theta[s, 0], 1.0))
    for i in range(n.size):
        if i == 0 or n[i] != n[i - 1]:
            for s in range(S):
                certain = theta[s, 0] * n[i] + theta[s, 1] - 1.0  # mean amounts are inverse gamma: their mean
                scale[s] = 1.0 / (1.0 + drift[s] * certain)  # wants shape minus one
                shape[s] = certain * scale[s] + 1.0
                d_nu[s], c_nu[s] = gamma_constants(max(shape[s], 1.0))
        total = n[i] * m[i]
        current = -1
        state, per_nu = keys[i], 1.0
        for e in range(first[i], first[i + 1]):
            s = world[e]
            if s != current:
                current = s
                state = stream_start(keys[i], s, SPEND)
                if shape[s] >= 1.0:
                    state, nu = next_gamma_given(state, d_nu[s], c_nu[s])
                else:
                    state, nu = next_gamma(state, shape[s])
                per_nu = (theta[s, 2] + total) * scale[s] / nu
            if theta[s, 0] >= 1.0:
                state, variate = next_gamma_given(state, d[s], c[s])
            else:
                state, variate = next_gamma(state, theta[s, 0])
            amount[e] = variate * per_nu
    return amount
