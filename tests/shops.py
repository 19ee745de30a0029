"""Logs of simulated shops whose truth is known: BG/NBD purchases and Gamma-Gamma amounts, to the letter."""

import numpy as np
import pandas as pd

import lifecast as lc


def shop(
    customers: int, days: int, seed: int, joining_days: int | None = None, channels: tuple[str, ...] = ()
) -> pd.DataFrame:
    """A log of customers who join over the first days (half of all, by default), in whole days."""
    rng = np.random.default_rng(seed)
    start = rng.integers(0, joining_days or days // 2, customers)
    rate = rng.gamma(0.6, 1 / 45.0, customers)  # per day
    leave = rng.beta(0.8, 2.5, customers)
    nu = rng.gamma(4.0, 1 / 30.0, customers)
    at = start.astype(float)
    who = np.arange(customers)
    parts = []
    while who.size:
        parts.append(pd.DataFrame({"customer_id": who, "day": np.floor(at[who]).astype(int)}))
        stay = (rng.uniform(size=who.size) > leave[who]) | (
            len(parts) == 1
        )  # nobody leaves at the first purchase
        who = who[stay]
        at[who] += rng.exponential(1.0, who.size) / rate[who]
        who = who[at[who] < days]
    log = pd.concat(parts).drop_duplicates(["customer_id", "day"], ignore_index=True)
    log["amount"] = np.round(rng.gamma(4.0, 1.0, len(log)) / nu[log["customer_id"]], 2)
    log["date"] = pd.Timestamp("2021-01-04") + pd.to_timedelta(log.pop("day"), "D")
    if channels:
        log["channel"] = np.array(channels)[log["customer_id"] % len(channels)]
    return log


def oracle_gains(
    shop: lc.datasets.SimulatedShop, rfm: lc.RFM, effect: dict[str, float], margin: float
) -> np.ndarray:
    """What an offer is expected to gain of each customer within a year, by somebody who knows all that can be
    known: the true parameters of every channel, and each customer's log.

    No list made from a log can be better than one made of these, whatever it is made with: they are the
    conditional expectations given all that a log says.
    """
    frame = rfm.to_frame()
    gain = np.zeros(len(frame))
    for channel in shop.truth.channels:
        known = channel.parameters("week")
        model = lc.CLTV.from_parameters(
            {name: known[name] for name in ("r", "alpha", "a", "b")},
            {name: known[name] for name in ("p", "q", "v")},
        )
        places = np.flatnonzero(frame["channel"] == channel.name)
        some = lc.RFM.from_frame(frame.iloc[places].drop(columns="channel"), time_unit="week")
        forecast = model.forecast(some, 365.0 / 7, margin=margin, worlds=2)
        gain[places] = lc.treat(forecast, cost=0.0, effect=effect).customers["gain"]
    return gain
