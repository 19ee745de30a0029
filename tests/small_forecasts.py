"""Small fits and forecasts with every family, and their figures.

Run: python tests/small_forecasts.py [--keep]. Prints them, or keeps them to hold later versions against.

With NUMBA_DISABLE_JIT=1 Python runs every kernel line by line, so that coverage sees them, and unsigned
numbers wrap around with a warning that compiled ones do not give.
"""

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from family_cases import case_of

import lifecast as lc
from lifecast.errors import LifecastWarning
from lifecast.families import PURCHASE_FAMILIES, SPEND_FAMILIES

CUSTOMERS, WORLDS = 8, 25
REFERENCE = Path(__file__).resolve().parent / "references" / "small_forecasts.json"


def customers(name: str) -> lc.RFM:
    """Customers who live by a family's story, with amounts."""
    case = case_of(name)
    rng = np.random.default_rng(1)
    ages = case.ages(rng, CUSTOMERS)
    times, _ = case.live(rng, *case.born(rng, case.thetas[0], CUSTOMERS), ages)
    made = np.where(np.isfinite(times), times, -1.0)
    frequency, last = (made >= 0).sum(axis=1), np.maximum(made.max(axis=1, initial=0.0), 0.0)
    amount = np.where(frequency > 0, rng.gamma(3.0, 10.0, CUSTOMERS), 0.0)
    table = {
        "customer_id": np.arange(CUSTOMERS),
        "frequency": frequency,
        "recency": last,
        "T": ages,
        "monetary_value": amount,
        "monetary_log_mean": np.where(
            frequency > 0, np.log(np.maximum(amount, 1e-9)) - 0.1 * (frequency > 1), 0.0
        ),
        "monetary_log_sd": np.where(frequency > 1, 0.4, 0.0),
    }
    return lc.RFM.from_frame(pd.DataFrame(table), time_unit="year" if case.whole_times else "week")


def figures_of(model: lc.CLTV, rfm: lc.RFM, horizon: float) -> list[float]:
    """Everything that a fitted model says of some customers, one number after another."""
    model.fit(rfm, method="map", random_seed=1)
    forecast = model.forecast(rfm, horizon, annual_discount_rate=0.1, worlds=WORLDS, threads=1)
    tables = [forecast.customers, forecast.total, forecast.by(rfm.frequency > 0).total]
    found = [table.select_dtypes("number").to_numpy(float).ravel() for table in tables]
    found.append(model.expected_value(rfm, horizon, annual_discount_rate=0.1).to_numpy(float).ravel())
    return [float(value) for value in np.concatenate(found)]


def figures() -> dict[str, list[float]]:
    """Those of every family, and of its customers where they buy more often."""
    warnings.simplefilter("ignore", LifecastWarning)
    found = {}
    for place, (name, family) in enumerate(PURCHASE_FAMILIES.items()):
        spend: Any = list(SPEND_FAMILIES.values())[place % len(SPEND_FAMILIES)]
        whole = case_of(name).whole_times
        model = lc.CLTV(family(), spend(), market=None) if whole else lc.CLTV(family(), spend())
        found[name] = figures_of(model, customers(name), 6.0)
        if not whole:
            forecast = model.forecast(customers(name), 6.0, worlds=WORLDS, threads=1)
            scenario = lc.scenario(forecast, purchase_rate=1.2, **({} if name == "nbd" else {"dropout": 0.8}))
            found[f"{name}, changed"] = scenario.scenario["purchases"].ravel().tolist()
    return found


if __name__ == "__main__":
    if "--keep" in sys.argv:
        REFERENCE.write_text(json.dumps(figures(), indent=1) + "\n", encoding="utf-8")
    else:
        json.dump(figures(), sys.stdout)
