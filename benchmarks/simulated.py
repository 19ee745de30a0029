"""Customers like CDNOW's, by the thousand or the million, straight as an RFM table."""

import numpy as np
import pandas as pd

import lifecast as lc

# Published CDNOW estimates: Fader, Hardie & Lee (2005); Gamma-Gamma on every amount as lifecast fits it.
R, ALPHA, A, B = 0.243, 4.414, 0.793, 2.426
P, Q, V = 3.61, 4.48, 34.1


def cdnow_like(customers: int, seed: int = 1) -> lc.RFM:
    """An RFM of customers who first bought in the first 12 of 39 weeks, times in whole days."""
    rng = np.random.default_rng(seed)
    T = rng.integers(27 * 7, 39 * 7 + 1, customers)
    rate = rng.gamma(R, 1 / ALPHA, customers) / 7
    leave = rng.beta(A, B, customers)
    frequency = np.zeros(customers, np.int64)
    recency = np.zeros(customers, np.int64)
    at = np.zeros(customers)
    alive = np.ones(customers, bool)
    while alive.any():
        gap = rng.exponential(1.0, alive.sum()) / rate[alive]
        at[alive] += gap
        who = np.flatnonzero(alive)[at[alive] <= T[alive]]
        day = np.ceil(at[who]).astype(np.int64)
        frequency[who] += day > recency[who]
        recency[who] = day
        alive[:] = False
        alive[who[rng.uniform(size=who.size) > leave[who]]] = True
    nu = rng.gamma(Q, 1 / V, customers)
    buyers = np.maximum(frequency, 1)
    mean = rng.gamma(P * buyers) / nu / buyers
    # the mean log of n gamma amounts, close enough for a benchmark: exact for n = 1
    log_mean = np.log(mean) - (1 - 1 / buyers) / (2 * P)
    return lc.RFM.from_frame(
        pd.DataFrame(
            {
                "customer_id": np.arange(customers),
                "frequency": frequency,
                "recency": recency / 7,
                "T": T / 7,
                "monetary_value": np.where(frequency > 0, mean, 0.0),
                "monetary_log_mean": np.where(frequency > 0, log_mean, 0.0),
            }
        ),
        time_unit="week",
    )
