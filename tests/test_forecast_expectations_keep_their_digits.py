"""Are expectations, which go through series in time and age, those of kernels that integrate each alone?"""

import math

import numpy as np
import pandas as pd
import pytest

import lifecast as lc
from lifecast.arrays import Floats, Integers
from lifecast.kernels.bg_nbd import (
    expected_discounted_purchases_if_alive,
    expected_purchases_if_alive,
    probability_alive,
)

WEEKS_PER_YEAR = 365.25 / 7
THETAS = {
    "CDNOW": (0.243, 4.414, 0.793, 2.426),  # Fader, Hardie & Lee (2005)
    "a above one": (2.0, 9.0, 3.0, 1.5),
    "a of one": (0.05, 0.5, 1.0, 0.2),
    "hardly anybody leaves": (0.8, 30.0, 0.02, 5.0),
    "everybody leaves": (0.2, 60.0, 5.0, 0.05),
    "a pole at zero": (0.6, 0.01, 0.5, 0.5),
    "alike, in a hurry": (3.0, 1.0, 20.0, 40.0),
    "alike, slow to leave": (0.3, 5.0, 30.0, 3000.0),
    "alike, quick to leave": (0.3, 5.0, 300.0, 3000.0),
}


def histories(ages: list[float]) -> tuple[Integers, Floats]:
    """Every frequency at every age, the last purchase at the end: everybody is as alive as can be."""
    x, T = np.meshgrid([0, 1, 2, 7, 26, 200, 1000], ages, indexing="ij")
    possible = (x == 0) | (T > 0)
    return x[possible], T[possible]


def rfm_of(x: Integers, T: Floats) -> lc.RFM:
    recency, customers = np.where(x > 0, T, 0.0), np.arange(x.size)
    columns = {"customer_id": customers, "frequency": x, "recency": recency, "T": T}
    # amounts of one, so that with these spend parameters a purchase is worth one
    money = {"monetary_value": np.where(x > 0, 1.0, 0.0), "monetary_log_mean": 0.0}
    return lc.RFM.from_frame(pd.DataFrame(columns | money), time_unit="week")


def model_of(theta: tuple[float, ...]) -> lc.CLTV:
    return lc.CLTV.from_parameters(
        dict(zip(("r", "alpha", "a", "b"), theta, strict=True)), {"p": 1.0, "q": 2.0, "v": 1.0}
    )


@pytest.mark.parametrize("ages", [[0.0, 0.5, 3.0, 38.86, 500.0], [38.86, 200.0]], ids=str)
@pytest.mark.parametrize("theta", THETAS.values(), ids=THETAS.keys())
def test_are_expected_purchases_those_of_each_customer_alone(
    theta: tuple[float, ...], ages: list[float]
) -> None:
    x, T = histories(ages)
    rfm, model = rfm_of(x, T), model_of(theta)
    for horizon in (0.001, 1.0, 39.0, 520.0, 5200.0):
        alone = [
            probability_alive(int(n), t if n else 0.0, t, *theta)
            * expected_purchases_if_alive(int(n), t, horizon, *theta)
            for n, t in zip(x, T, strict=True)
        ]
        np.testing.assert_allclose(model.expected_purchases(rfm, horizon), alone, rtol=1e-8)


@pytest.mark.parametrize("ages", [[0.0, 0.5, 3.0, 38.86, 500.0], [38.86, 200.0]], ids=str)
@pytest.mark.parametrize("theta", THETAS.values(), ids=THETAS.keys())
def test_are_discounted_purchases_those_of_each_customer_alone(
    theta: tuple[float, ...], ages: list[float]
) -> None:
    x, T = histories(ages)
    rfm, model = rfm_of(x, T), model_of(theta)
    for start, horizon, annual in [
        (0.0, 52.0, 0.1),
        (0.0, 520.0, 0.1),
        (52.0, 104.0, 0.1),
        (0.0, math.inf, 0.01),
        (0.0, math.inf, 0.1),
        (26.0, math.inf, 2.0),
    ]:
        rate = math.log1p(annual) / WEEKS_PER_YEAR
        from_now, window = (
            np.array(
                [
                    probability_alive(int(n), t if n else 0.0, t, *theta)
                    * expected_discounted_purchases_if_alive(int(n), t, begin, horizon, rate, *theta)
                    for n, t in zip(x, T, strict=True)
                ]
            )
            for begin in (0.0, start)
        )
        value = model.expected_value(rfm, horizon, start=start, annual_discount_rate=annual)
        # A window is a difference: its error is relative to all that is expected until its end.
        assert np.all(np.abs(value / model.expected_spend(rfm) - window) < 1e-8 * from_now)
