"""Intervals of simulated shops whose market is known: the ground on which the market's priors were chosen.

Run: python benchmarks/simulated_markets.py [shops]. Shops differ in size, age, customers and market: steady
ones (BG/NBD to the letter), ones with a market (seasons, shocks that fade, rough weeks, trends, steps, of
random sizes), ones whose customers are not BG/NBD's (drift, leaving by time, later cohorts unlike earlier
ones), and both. One forecast each, 4, 13, 26 and 39 weeks ahead. Printed per kind: coverage of 90% and 50%
intervals, the mean interval score relative to the actual, capped at 3, and how many times the textbook's
width they are.
"""

import sys
import warnings

import numpy as np
import pandas as pd

import lifecast as lc
from lifecast.arrays import Floats

KINDS = ("steady", "market", "customers", "both")
BEGIN = pd.Timestamp("2020-01-06")
HORIZONS = (4, 13, 26, 39)
YEAR = 52.18
LARGEST_SCORE = 3.0


def market(rng: np.random.Generator, weeks: int, scale: float) -> Floats:
    """Log of the pace, or of prices, in each week."""
    week = np.arange(weeks)
    log_pace = np.zeros(weeks)

    def size(median: float) -> float:
        return float(scale * median * np.exp(0.65 * rng.standard_normal()))

    if rng.uniform() < 0.5:  # a season: a wave, or one peak a year
        peak = rng.uniform(0, YEAR)
        from_peak = np.abs((week - peak + YEAR / 2) % YEAR - YEAR / 2)
        wave = np.cos(2 * np.pi * from_peak / YEAR)
        if rng.uniform() < 0.5:
            wave = np.exp(-0.5 * (from_peak / rng.uniform(1.5, 5)) ** 2)
        log_pace += size(0.22) * (wave - wave.mean()) / wave.std()
    if rng.uniform() < 0.6:  # shocks that fade
        stays = np.exp(-1 / np.exp(rng.normal(np.log(10), 0.7)))
        shock = rng.standard_normal(weeks)
        for i in range(1, weeks):
            shock[i] = stays * shock[i - 1] + np.sqrt(1 - stays**2) * shock[i]
        log_pace += size(0.10) * shock
    if rng.uniform() < 0.6:  # rough weeks
        log_pace += size(0.10) * rng.standard_normal(weeks)
    if rng.uniform() < 0.35:  # a trend
        log_pace += size(0.15) * rng.choice([-1, 1]) * week / YEAR
    if rng.uniform() < 0.35:  # a step
        log_pace += size(0.15) * rng.choice([-1, 1]) * (week >= rng.integers(0, weeks))
    return log_pace


def shop(seed: int) -> tuple[str, pd.DataFrame, int]:
    """What kind of shop it is, its log, and in which week to forecast."""
    rng = np.random.default_rng([77, seed])
    kind = KINDS[seed % len(KINDS)]
    customers = int(np.exp(rng.uniform(np.log(300), np.log(4000))))
    age = int(rng.choice([30, 52, 78, 104, 156]))
    weeks = age + max(HORIZONS)
    moved, strange = kind in ("market", "both"), kind in ("customers", "both")
    log_pace = market(rng, weeks, 1.0) if moved else np.zeros(weeks)
    log_price = market(rng, weeks, 0.6) if moved else np.zeros(weeks)
    pace, price = (np.exp(path - path[:age].mean()) for path in (log_pace, log_price))
    gap, r = 10 * np.exp(0.5 * rng.standard_normal()), 0.8 * np.exp(0.5 * rng.standard_normal())
    leaving, spread = rng.uniform(0.05, 0.3), 3 * np.exp(0.5 * rng.standard_normal())
    born = np.sort(rng.integers(0, int(rng.uniform(0.3, 1.0) * age * 7), customers))
    rate = rng.gamma(r, 1 / (r * gap), customers)
    leave = rng.beta(leaving * spread, (1 - leaving) * spread, customers)
    nu = rng.gamma(4.0, 1 / 90.0, customers)
    drift = float(rng.choice([0.0, 0.2, 0.5])) if strange else 0.0
    by_time = strange and rng.uniform() < 0.5
    if strange and rng.uniform() < 0.5:  # later cohorts are unlike earlier ones
        rate = rate * np.exp(0.4 * rng.standard_normal() * np.linspace(0, 1, customers))
    hazard = leave * rate
    days, who, alive = [born], [np.arange(customers)], np.ones(customers, bool)
    for week in range(weeks):
        rate = rate * np.exp(np.sqrt(drift / 52) * rng.standard_normal(customers) - drift / 104)
        active = np.flatnonzero(alive & (born < 7 * week + 7))
        start = np.maximum(born[active], 7 * week)
        left = (7 * week + 7 - start) / 7
        count = rng.poisson(rate[active] * pace[week] * left)
        last = rng.geometric(np.maximum(leave[active], 1e-12))  # the purchase after which the customer leaves
        gone = (
            rng.uniform(size=active.size) < 1 - np.exp(-hazard[active] * left) if by_time else count >= last
        )
        kept = count if by_time else np.minimum(count, last)
        days.append(
            np.repeat(start, kept) + (rng.uniform(size=kept.sum()) * np.repeat(7 * left, kept)).astype(int)
        )
        who.append(np.repeat(active, kept))
        alive[active[gone]] = False
    day, customer = np.concatenate(days), np.concatenate(who)
    amount = price[np.minimum(day // 7, weeks - 1)] * rng.gamma(3.0, 1.0, day.size) / nu[customer]
    date = BEGIN + pd.to_timedelta(day, unit="D")
    return kind, pd.DataFrame({"customer_id": customer, "date": date, "amount": amount}), age


def judged(seed: int) -> list[dict[str, object]]:
    kind, log, age = shop(seed)
    end = BEGIN + pd.Timedelta(weeks=age)
    rfm = lc.rfm_summary(
        log, time_unit="week", observation_end=end, holdout_end=end + pd.Timedelta(weeks=max(HORIZONS))
    )
    assert rfm.holdout is not None and rfm.holdout.period_value is not None
    actual = {
        "purchases": rfm.holdout.period_purchases.cumsum(),
        "value": rfm.holdout.period_value.cumsum(),
    }
    rows = []
    model = lc.CLTV().fit(rfm, random_seed=1)
    for name, fitted in (("model", model), ("textbook", model.without_market())):
        draws = fitted.forecast(rfm, max(HORIZONS), worlds=400, random_seed=2).draws
        for measure, what in actual.items():
            for horizon in HORIZONS:
                came = float(what[horizon - 1])
                if came <= 0.0:
                    continue
                total = draws[measure][:, :horizon].sum(axis=1)
                lower, low, high, upper = np.quantile(total, [0.05, 0.25, 0.75, 0.95])
                miss = max(0.0, lower - came, came - upper)
                rows.append(
                    {"shop": seed, "kind": kind, "measure": measure, "horizon": horizon, "forecast": name}
                    | {"90%": lower <= came <= upper, "50%": low <= came <= high}
                    | {"score": min(LARGEST_SCORE, (upper - lower + 20 * miss) / came)}
                    | {"log_width": np.log(max(upper - lower, 1e-9))}
                )
    return rows


def main() -> None:
    shops = int(sys.argv[1]) if len(sys.argv) > 1 else 80
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", lc.LifecastWarning)
        table = pd.DataFrame([row for seed in range(shops) for row in judged(seed)])
    keys = ["shop", "kind", "measure", "horizon"]
    wide = table.set_index([*keys, "forecast"])["log_width"].unstack()
    times = np.exp((wide["model"] - wide["textbook"]).groupby(["kind", "measure"]).mean())
    means = table.groupby(["kind", "measure", "forecast"])[["90%", "50%", "score"]].mean().unstack()
    means[("times the textbook's width", "model")] = times
    print(means.round(2).to_string())


if __name__ == "__main__":
    main()
