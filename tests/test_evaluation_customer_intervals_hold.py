"""Do single customers of CDNOW, in the 39 weeks after the papers' 39, do what their distributions say?

benchmarks/customer_scores.py measures the same beside pymc-marketing, which needs an environment of its own.
"""

import numpy as np
import pandas as pd
import pytest

import lifecast as lc

END = "1997-09-30"
WEEKS = 39


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return lc.datasets.load_cdnow(sample=True)


@pytest.fixture(scope="module")
def result(log: pd.DataFrame) -> lc.Backtest:
    return lc.backtest(log, origins=[END], horizons=[WEEKS], worlds=500, random_seed=1)


def scores(result: lc.Backtest, who: str, forecast: str = "model") -> pd.DataFrame:
    """Of one kind of customer, by measure."""
    table = result.customers.set_index("measure")
    return table[(table["who"] == who) & (table["forecast"] == forecast)]


@pytest.mark.parametrize(
    ("who", "level"),
    # The level of each kind of customer leaves a little to the Christmas that they share.
    [("all", 0.99), ("no repeats", 0.999), ("1 or 2 repeats", 0.999), ("3 or more repeats", 0.999)],
)
def test_is_the_pit_of_purchases_uniform(result: lc.Backtest, who: str, level: float) -> None:
    row = result.pit[result.pit["measure"] == "purchases"].set_index("who").loc[who]
    shares = row.filter(like="bin_").to_numpy(float).reshape(10, -1).sum(axis=1) / row["customers"]
    lower, upper = lc.evaluation.pit_band(row["customers"], bins=10, level=level)
    assert lower <= shares.min() and shares.max() <= upper


@pytest.mark.parametrize("who", ["all", "3 or more repeats"])
@pytest.mark.parametrize("measure", ["purchases", "value"])
def test_do_90_percent_intervals_hold_what_whole_purchases_allow(
    result: lc.Backtest, who: str, measure: str
) -> None:
    row = scores(result, who).loc[measure]
    assert row["coverage_90"] == pytest.approx(row["expected_coverage_90"], abs=0.03)
    assert 0.88 <= row["coverage_90"] <= 0.97


def test_do_distributions_tell_more_than_a_point(log: pd.DataFrame, result: lc.Backtest) -> None:
    from lifetimes import BetaGeoFitter

    rfm = lc.rfm_summary(log, observation_end=END, holdout_end="1998-06-30", past=False)
    assert rfm.holdout is not None
    past = [pd.Series(values) for values in (rfm.frequency, rfm.recency, rfm.T)]
    point = BetaGeoFitter().fit(*past).conditional_expected_number_of_purchases_up_to_time(WEEKS, *past)
    error = lc.evaluation.mae(np.asarray(point), rfm.holdout.frequency)  # a point's CRPS
    assert error == pytest.approx(0.7855, abs=1e-3)  # as lifetimes 0.11.3 has it
    ours = scores(result, "all").loc["purchases"]
    assert ours["crps"] < 0.7 * error
    assert ours["mae"] < 1.02 * error  # nor is it the shape alone


def test_does_the_market_cost_single_customers_nothing(result: lc.Backtest) -> None:
    for measure in ("purchases", "value"):
        with_market = scores(result, "all").loc[measure]
        textbook = scores(result, "all", "textbook").loc[measure]
        assert with_market["crps"] == pytest.approx(textbook["crps"], rel=0.01)
