"""Does the simulation of one customer's future have the distribution that the models' formulas give?

One customer in 40,000 worlds with known parameters: draws are independent, so each figure has a known error.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import lifecast as lc
from lifecast.arrays import Floats
from lifecast.kernels.bg_nbd import expected_purchases_if_alive, probability_alive, purchase_pmf

WORLDS, HORIZON = 40_000, 26
DOUBTFUL = 1e-4
ERRORS = stats.norm.isf(DOUBTFUL / 2)

PARAMETERS = {
    "CDNOW": (
        (0.243, 4.414, 0.793, 2.426),
        (6.25, 3.74, 15.44),
    ),  # Fader, Hardie & Lee (2005), note 025 (2013)
    "even": ((3.0, 9.0, 0.5, 20.0), (2.0, 6.0, 80.0)),
}
HISTORIES = {  # frequency, recency, T, mean amount
    "one-time buyer": (0, 0.0, 38.86, 0.0),
    "bought today": (0, 0.0, 0.0, 0.0),
    "maybe gone": (2, 20.0, 38.86, 22.35),
    "loyal": (26, 30.86, 31.0, 41.98),
    "surely gone": (40, 12.0, 39.0, 10.0),
}
CASES = pytest.mark.parametrize("case", [(p, h) for p in PARAMETERS for h in HISTORIES], ids=" ".join)


class Simulated:
    """Draws of one customer beside what the formulas need."""

    def __init__(self, case: tuple[str, str]) -> None:
        self.theta, self.spend = PARAMETERS[case[0]]
        self.x, self.t_x, self.T, self.m = HISTORIES[case[1]]
        columns = {"frequency": self.x, "recency": self.t_x, "T": self.T, "monetary_value": self.m}
        model = lc.CLTV.from_parameters(
            dict(zip(("r", "alpha", "a", "b"), self.theta, strict=True)),
            dict(zip(("p", "q", "v"), self.spend, strict=True)),
        )
        rfm = lc.RFM.from_frame(pd.DataFrame({"customer_id": ["one"], **columns}), time_unit="week")
        forecast = model.forecast(rfm, HORIZON, worlds=WORLDS, random_seed=7)
        self.purchases: Floats = forecast.draws["purchases"]  # (world, week)
        self.value: Floats = forecast.draws["value"]
        self.customer = forecast.customers.iloc[0]
        self.alive = probability_alive(self.x, self.t_x, self.T, *self.theta)


@pytest.fixture(scope="module")
def simulations() -> dict[tuple[str, str], Simulated]:
    return {(p, h): Simulated((p, h)) for p in PARAMETERS for h in HISTORIES}


@CASES
def test_are_mean_purchases_right_week_by_week(
    simulations: dict[tuple[str, str], Simulated], case: tuple[str, str]
) -> None:
    one = simulations[case]
    until = [expected_purchases_if_alive(one.x, one.T, float(t), *one.theta) for t in range(HORIZON + 1)]
    expected = one.alive * np.diff(until)
    error = np.maximum(one.purchases.std(axis=0), np.sqrt(expected)) / np.sqrt(WORLDS)
    assert np.all(np.abs(one.purchases.mean(axis=0) - expected) < ERRORS * error)
    total = one.purchases.sum(axis=1)
    error = max(total.std(), np.sqrt(expected.sum())) / np.sqrt(WORLDS)
    assert abs(total.mean() - expected.sum()) < ERRORS * error
    assert one.customer["purchases"] == pytest.approx(expected.sum(), rel=1e-9)


@CASES
def test_is_the_number_of_purchases_distributed_as_the_pmf_says(
    simulations: dict[tuple[str, str], Simulated], case: tuple[str, str]
) -> None:
    one = simulations[case]
    r, alpha, a, b = one.theta
    counts = np.bincount(one.purchases.sum(axis=1).astype(int))
    # Who lives on is a new customer whose rate and dropout have been updated by the past.
    pmf = np.array(
        [
            one.alive * purchase_pmf(n, float(HORIZON), r + one.x, alpha + one.T, a, b + one.x)
            for n in range(counts.size)
        ]
    )
    pmf[0] += 1.0 - one.alive
    assert one.customer["p_purchase"] == pytest.approx(1.0 - pmf[0], rel=1e-9, abs=1e-15)
    assert stats.binomtest(int(counts[0]), WORLDS, min(pmf[0], 1.0)).pvalue > DOUBTFUL
    expected = WORLDS * pmf
    common = np.flatnonzero(expected >= 10)
    observed = np.append(counts[common], WORLDS - counts[common].sum())
    expected = np.append(expected[common], WORLDS - expected[common].sum())
    if expected[-1] > 1.0 and common.size > 1:
        assert stats.chisquare(observed, expected).pvalue > DOUBTFUL


@CASES
def test_are_amounts_distributed_as_the_mixture_says(
    simulations: dict[tuple[str, str], Simulated], case: tuple[str, str]
) -> None:
    one = simulations[case]
    p, q, v = one.spend
    total = one.purchases.sum(axis=1)
    amounts = one.value.sum(axis=1)[total == 1]
    assert np.all(one.value[one.purchases == 0] == 0.0)
    if amounts.size < 200:
        assert one.alive < 1e-3
        return
    shape, rate = q + p * one.x, v + one.x * one.m  # of nu given the past
    mixture = stats.betaprime(p, shape, scale=rate)
    assert stats.kstest(amounts, mixture.cdf).pvalue > DOUBTFUL
    # where a variance is to be compared, its own error wants the fourth moment: shapes above four
    mean, variance = mixture.stats()
    assert abs(amounts.mean() - mean) < ERRORS * np.sqrt(variance / amounts.size)
    if shape > 5:
        kurtosis = mixture.stats(moments="k") + 3.0
        assert abs(amounts.var() / variance - 1.0) < ERRORS * np.sqrt((kurtosis - 1.0) / amounts.size)


@CASES
def test_do_a_customers_amounts_share_their_level(
    simulations: dict[tuple[str, str], Simulated], case: tuple[str, str]
) -> None:
    one = simulations[case]
    p, q, v = one.spend
    twice = (one.purchases.sum(axis=1) == 2) & (one.purchases.max(axis=1) == 1)
    if twice.sum() < 200:
        return
    world, week = np.nonzero(one.purchases[twice])
    first, second = one.value[twice][world, week].reshape(-1, 2).T
    # Given nu their sum is gamma with twice the shape, and nu the same: another beta prime.
    shape, rate = q + p * one.x, v + one.x * one.m
    assert stats.kstest(first + second, stats.betaprime(2 * p, shape, scale=rate).cdf).pvalue > DOUBTFUL
    assert stats.kstest(first / (first + second), stats.beta(p, p).cdf).pvalue > DOUBTFUL
