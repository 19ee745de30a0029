"""Does the system hand out a forecast's memory once, not anew for every chunk?"""

import platform
import subprocess
import sys

import pytest

BYTES_PER_PURCHASE = 24  # world, stretch, time and amount
FORECAST = """
import resource

import numpy as np
import pandas as pd

import lifecast as lc

customers = 20_000
rng = np.random.default_rng(1)
frame = pd.DataFrame(
    {
        "customer_id": np.arange(customers),
        "frequency": np.minimum(rng.geometric(0.45, customers) - 1, 20),
        "T": rng.integers(27, 39, customers).astype(float),
        "monetary_value": rng.gamma(6.0, 5.0, customers),
    }
)
frame["recency"] = np.where(frame["frequency"] > 0, frame["T"] * rng.uniform(size=customers), 0.0)
frame.loc[frame["frequency"] == 0, "monetary_value"] = 0.0
bought, paid = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, {"p": 6.25, "q": 3.74, "v": 15.44}
model = lc.CLTV.from_parameters(bought, paid, time_unit="week")
rfm = lc.RFM.from_frame(frame, time_unit="week")
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
forecast = model.forecast(rfm, horizon=52, worlds=500, random_seed=1, threads=1)
pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(pages * resource.getpagesize(), forecast.draws["purchases"].sum())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries do as they do")
def test_does_it_ask_for_less_than_its_purchases_take() -> None:
    done = subprocess.run([sys.executable, "-c", FORECAST], capture_output=True, text=True, check=True)
    handed_out, purchases = map(float, done.stdout.split())
    assert purchases > 5e6
    assert handed_out < BYTES_PER_PURCHASE * purchases
