"""Do forecasts with published parameters equal published values?"""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

import lifecast as lc

# Fader, Hardie & Lee (2005), CDNOW; Fader & Hardie (2013), note 025.
PURCHASES = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
SPEND = {"p": 6.25, "q": 3.74, "v": 15.44}
A_PERCENT_A_MONTH = 1.01**12 - 1

# 12 months of 30.4375 days at 1% a month, discounted continuously: quadrature to 50 digits (mpmath).
FIVE = pd.DataFrame(
    {
        "customer_id": ["A", "B", "C", "D", "E"],
        "frequency": [0, 1, 2, 7, 26],
        "recency": [0, 5, 30.43, 29.43, 30.86],
        "T": [38.86, 38.86, 38.86, 38.86, 31.0],
        "monetary_value": [0, 11.77, 22.35, 73.74, 41.98],
    }
)
FIVE_VALUES = [8.4164, 6.9212, 36.4936, 285.1242, 1025.9725]


@pytest.fixture(scope="module")
def model() -> lc.CLTV:
    return lc.CLTV.from_parameters(PURCHASES, SPEND, time_unit="week")


@pytest.fixture(scope="module")
def five() -> lc.RFM:
    return lc.RFM.from_frame(FIVE, time_unit="week")


def test_are_five_customers_worth_what_quadrature_says(model: lc.CLTV, five: lc.RFM) -> None:
    value = model.expected_value(five, "12 months", annual_discount_rate=A_PERCENT_A_MONTH)
    np.testing.assert_allclose(value, FIVE_VALUES, atol=5e-5)


def test_does_simulation_agree_with_quadrature_within_four_monte_carlo_errors(
    model: lc.CLTV, five: lc.RFM
) -> None:
    worlds = 40_000
    for customer, expected in zip(FIVE["customer_id"], FIVE_VALUES, strict=True):
        alone = lc.RFM.from_frame(FIVE[FIVE["customer_id"] == customer], time_unit="week")
        forecast = model.forecast(
            alone, "12 months", annual_discount_rate=A_PERCENT_A_MONTH, worlds=worlds, random_seed=5
        )
        draws = forecast.draws["discounted_value"].sum(axis=1)
        assert abs(draws.mean() - expected) < 4 * draws.std() / math.sqrt(worlds), customer


def test_is_the_classic_customer_expected_to_buy_1_226_times(model: lc.CLTV, five: lc.RFM) -> None:
    # Hardie's spreadsheet (note 004): E[X(39) | x = 2, t_x = 30.43, T = 38.86] = 1.226
    assert model.expected_purchases(five, 39)["C"] == pytest.approx(1.226, abs=5e-4)


def test_does_a_frequency_of_5000_keep_its_digits(model: lc.CLTV) -> None:
    # PEERS: hyp2f1 overflows in every peer; the truth for (5000, 30, 31), 52 weeks, is 1.967e-55.
    loyal = pd.DataFrame({"customer_id": [1], "frequency": [5000], "recency": [30.0], "T": [31.0]})
    rfm = lc.RFM.from_frame(loyal, time_unit="week")
    purchases_alone = lc.CLTV.from_parameters(PURCHASES, time_unit="week")
    assert purchases_alone.expected_purchases(rfm, 52)[1] == pytest.approx(1.967e-55, rel=5e-4)


def test_are_windows_additive_and_the_infinite_horizon_their_limit(model: lc.CLTV, five: lc.RFM) -> None:
    rate = {"annual_discount_rate": 0.10}
    whole = model.expected_value(five, math.inf, **rate)
    first = model.expected_value(five, 52, **rate)
    second = model.expected_value(five, 520, start=52, **rate)
    rest = model.expected_value(five, math.inf, start=520, **rate)
    np.testing.assert_allclose(first + second + rest, whole, rtol=1e-6)
    assert np.all(rest > 0)


def test_do_known_population_values_hold_for_new_customers(model: lc.CLTV) -> None:
    # pymc-marketing 0.19.2's tests: E[X(1)] and E[X(6)]; BTYD manual: P(X(39) = 0)
    assert model.expected_purchases_new_customer(1) == pytest.approx(0.05326789117165627, abs=1e-10)
    assert model.expected_purchases_new_customer(6) == pytest.approx(0.2807558935767553, abs=1e-10)
    assert model.purchase_pmf(0, 39) == pytest.approx(0.5737864, abs=1e-6)


@pytest.mark.parametrize("n", [-1, 0.5, [0, 1]])
def test_is_a_number_of_purchases_that_is_none_refused(model: lc.CLTV, n: Any) -> None:
    with pytest.raises(lc.SettingsError, match="one whole number of repeat purchases"):
        model.purchase_pmf(n, 39)
