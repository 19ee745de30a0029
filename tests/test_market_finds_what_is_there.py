"""Does the clock find what a simulated shop's market does, and stay quiet when it does nothing?"""

import numpy as np
import pandas as pd
import pytest
from simulated_log import simulated_log

import lifecast as lc
from lifecast.simulation import Futures

WEEKS = 130


def observed(log: pd.DataFrame, weeks: int, horizon: int) -> lc.RFM:
    """The RFM after so many weeks, with the next ones held out."""
    begin = pd.Timestamp("2020-01-06")
    return lc.rfm_summary(
        log,
        time_unit="week",
        observation_end=begin + pd.Timedelta(weeks=weeks),
        holdout_end=begin + pd.Timedelta(weeks=weeks + horizon),
    )


def width(model: lc.CLTV, rfm: lc.RFM, horizon: int) -> tuple[float, float, float]:
    """Lower bound, upper bound, and relative width of the 90% interval of the book's purchases."""
    total = model.forecast(rfm, horizon, worlds=400, random_seed=2).total.loc["purchases"]
    return total["lower"], total["upper"], (total["upper"] - total["lower"]) / total["median"]


@pytest.fixture(scope="module")
def steady() -> lc.RFM:
    return observed(simulated_log(3_000, WEEKS, seed=3), 104, 26)


def test_is_a_shop_without_shocks_known_to_be_steady(steady: lc.RFM) -> None:
    model = lc.CLTV().fit(steady, random_seed=1)
    market = model._market
    assert market is not None
    for process in (market.purchases, market.spend):
        assert np.median(process.sizes.level) < 0.04
        assert np.median(process.sizes.shock) < 0.04
        assert np.median(process.sizes.block_shock) < 0.04
    assert np.mean(market.drift) < 0.05
    lower, upper, wide = width(model, steady, 26)
    textbook = width(lc.CLTV(market=None).fit(steady, random_seed=1), steady, 26)[2]
    assert steady.holdout is not None
    assert lower < steady.holdout.frequency.sum() < upper
    # The aim is 1.1; measured 1.25 and 1.56 on shops of 2,000 and 10,000 customers in November 2026.
    assert wide < 2.0 * textbook


def test_is_a_season_found_and_used() -> None:
    week = np.arange(182)
    pace = 1 + 0.45 * np.sin(2 * np.pi * week / 52.18)
    rfm = observed(simulated_log(3_000, 182, seed=4, pace=pace), 156, 13)
    model = lc.CLTV().fit(rfm, random_seed=1)
    market = model._market
    assert market is not None
    assert np.median(market.purchases.sizes.season) > 0.1
    assert rfm.holdout is not None
    actual = rfm.holdout.frequency.sum()
    lower, upper, _ = width(model, rfm, 13)
    textbook = lc.CLTV(market=None).fit(rfm, random_seed=1)
    blind_lower, blind_upper, _ = width(textbook, rfm, 13)
    assert lower < actual < upper
    assert not blind_lower < actual < blind_upper


def test_are_shocks_of_the_past_expected_of_the_future() -> None:
    rng = np.random.default_rng(5)
    shock = np.zeros(WEEKS)
    for week in range(1, WEEKS):
        shock[week] = 0.93 * shock[week - 1] + 0.09 * rng.standard_normal()
    rfm = observed(simulated_log(3_000, WEEKS, seed=3, pace=np.exp(shock)), 104, 26)
    model = lc.CLTV().fit(rfm, random_seed=1)
    textbook = width(lc.CLTV(market=None).fit(rfm, random_seed=1), rfm, 26)[2]
    assert width(model, rfm, 26)[2] > 2.0 * textbook


def test_are_drifting_customers_told_from_steady_ones() -> None:
    frequent = {"r": 3.0, "alpha": 3.0, "a": 0.2, "b": 10.0}

    def drift(variance: float) -> float:
        log = simulated_log(800, 90, seed=6, drift=variance, **frequent)
        market = lc.CLTV(spend=None).fit(observed(log, 78, 12), random_seed=1)._market
        assert market is not None
        return float(np.mean(market.drift))

    assert drift(0.0) < 0.01
    assert drift(0.5) > 0.05


def test_do_drifting_weekly_shoppers_stay_inside_their_intervals() -> None:
    log = simulated_log(800, 104, seed=7, drift=0.5, r=3.0, alpha=3.0, a=0.2, b=10.0)
    rfm = observed(log, 78, 26)
    result = {}
    for market in ("auto", None):
        model = lc.CLTV(spend=None, market=market).fit(rfm, random_seed=1)  # type: ignore[arg-type]
        result[market] = coverage_of_counts(model, rfm, 26)
    assert 0.88 <= result["auto"] <= 0.97
    assert result[None] < result["auto"] - 0.05


def coverage_of_counts(model: lc.CLTV, rfm: lc.RFM, horizon: int) -> float:
    """Share of customers with three or more repeats whose later count lies in its 90% interval."""
    assert rfm.holdout is not None
    worlds = 400
    counts = np.zeros((len(rfm), worlds))

    class Counting:
        def look(self, futures: Futures) -> None:
            for place, customer in enumerate(futures.customer):
                bought = futures.world[futures.first[place] : futures.first[place + 1]]
                counts[customer] = np.bincount(bought, minlength=worlds)

        def keep(self, part: None) -> None:
            pass

    model.watch(rfm, horizon, Counting(), worlds=worlds, random_seed=3)
    known = rfm.frequency >= 3
    lower, upper = np.quantile(counts[known], [0.05, 0.95], axis=1)
    actual = rfm.holdout.frequency[known]
    return float(np.mean((lower <= actual) & (actual <= upper)))


def test_does_a_bare_frame_get_the_prior_market(steady: lc.RFM) -> None:
    bare = lc.RFM.from_frame(steady.to_frame(), time_unit="week")
    with pytest.warns(lc.LifecastWarning, match="past forecasts judged 0"):
        model = lc.CLTV().fit(bare, random_seed=1)
    market = model._market
    assert market is not None
    assert len(market.purchases.errors) == len(market.spend.errors) == 0
    assert width(model, bare, 26)[2] > width(lc.CLTV().fit(steady, random_seed=1), steady, 26)[2]
