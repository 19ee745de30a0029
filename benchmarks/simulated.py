"""Customers like CDNOW's, by the thousand or the million: their RFM, or their transactions."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import lifecast as lc

# Published CDNOW estimates: Fader, Hardie & Lee (2005); Gamma-Gamma on every amount as lifecast fits it.
R, ALPHA, A, B = 0.243, 4.414, 0.793, 2.426
P, Q, V = 3.61, 4.48, 34.1


END = np.datetime64("1997-09-30")


def purchase_days(
    customers: int, rng: np.random.Generator
) -> tuple[np.ndarray, Iterator[tuple[np.ndarray, np.ndarray]]]:
    """Days T since each first purchase, and rounds of repeat purchases: who, and days after the first."""
    T = rng.integers(27 * 7, 39 * 7 + 1, customers)
    rate = rng.gamma(R, 1 / ALPHA, customers) / 7
    leave = rng.beta(A, B, customers)

    def rounds() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        at = np.zeros(customers)
        alive = np.arange(customers)
        while alive.size:
            at[alive] += rng.exponential(1.0, alive.size) / rate[alive]
            alive = alive[at[alive] <= T[alive]]
            yield alive, np.ceil(at[alive]).astype(np.int64)
            alive = alive[rng.uniform(size=alive.size) > leave[alive]]

    return T, rounds()


def cdnow_like(customers: int, seed: int = 1) -> lc.RFM:
    """An RFM of customers who first bought in the first 12 of 39 weeks, times in whole days."""
    rng = np.random.default_rng(seed)
    T, rounds = purchase_days(customers, rng)
    frequency = np.zeros(customers, np.int64)
    recency = np.zeros(customers, np.int64)
    for who, day in rounds:
        frequency[who] += day > recency[who]
        recency[who] = day
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


def cdnow_like_log(customers: int, path: Path, seed: int = 1) -> int:
    """Write the transactions of such customers to a Parquet file, in the order of days; how many they are."""
    rng = np.random.default_rng(seed)
    T, rounds = purchase_days(customers, rng)
    everyone = np.arange(customers)
    found = [(everyone, np.zeros(customers, np.int64)), *rounds]
    who = np.concatenate([each for each, _ in found])
    date = END - T[who] + np.concatenate([day for _, day in found])
    order = np.argsort(date, kind="stable")
    scale = rng.gamma(Q, 1 / V, customers)
    amount = np.round(rng.gamma(P, size=who.size) / scale[who], 2)
    pq.write_table(
        pa.table({"customer_id": who[order], "date": date[order], "amount": amount[order]}),
        path,
        row_group_size=1_000_000,
    )
    return int(who.size)
