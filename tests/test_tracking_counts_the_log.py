"""Does tracking count the log's repeat purchases, and expect of the past what the formulas say?"""

import math

import numpy as np
import pandas as pd
import pytest

import lifecast as lc

PUBLISHED = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return lc.datasets.load_cdnow(sample=True)


@pytest.fixture(scope="module")
def rfm(log: pd.DataFrame) -> lc.RFM:
    return lc.rfm_summary(log, observation_end="1997-09-30", holdout_end="1998-06-30")


@pytest.fixture(scope="module")
def model() -> lc.CLTV:
    return lc.CLTV.from_parameters(PUBLISHED)


@pytest.fixture(scope="module")
def forecast(model: lc.CLTV, rfm: lc.RFM) -> lc.Forecast:
    return model.forecast(rfm, 39, worlds=40, random_seed=1)


def repeats_by_hand(log: pd.DataFrame) -> pd.Series:
    """Days of all purchases but the first, one a day."""
    days = log[["customer_id", "date"]].drop_duplicates().sort_values(["customer_id", "date"])
    return days.loc[days["customer_id"].duplicated(), "date"]


def test_are_repeat_purchases_those_counted_by_hand(
    log: pd.DataFrame, rfm: lc.RFM, forecast: lc.Forecast
) -> None:
    table = lc.track(forecast, log).table
    repeats = repeats_by_hand(log)
    for row in table.to_dict("records"):
        counted = int(((repeats > row["start"]) & (repeats <= row["end"])).sum())
        assert row["actual"] == counted
    np.testing.assert_allclose(table["total_actual"], np.cumsum(table["actual"]))
    before = table[~table["forecast"]]
    assert before["total_actual"].iloc[-1] == rfm.frequency.sum()
    assert before["end"].iloc[-1] == pd.Timestamp("1997-09-30")
    assert before["whole"].tolist() == [False] + [True] * 38  # 38.86 weeks
    assert rfm.holdout is not None
    np.testing.assert_array_equal(table.loc[table["forecast"], "actual"], rfm.holdout.period_purchases[:39])


def test_is_the_past_what_the_formula_expects(
    log: pd.DataFrame, rfm: lc.RFM, model: lc.CLTV, forecast: lc.Forecast
) -> None:
    table = lc.track(forecast, log).table
    end = pd.Timestamp("1997-09-30")
    for place in (5, 20, 38):
        ages = rfm.T + (table["end"][place] - end).days / 7  # at that time; below 0 before the first purchase
        age, customers = np.unique(ages[ages > 0], return_counts=True)
        by_hand = sum(
            n * model.expected_purchases_new_customer(float(t)) for t, n in zip(age, customers, strict=True)
        )
        assert table["total_mean"][place] == pytest.approx(by_hand, rel=2e-4)


def test_is_the_forecast_the_portfolio(log: pd.DataFrame, rfm: lc.RFM, forecast: lc.Forecast) -> None:
    table = lc.track(forecast, log).table
    after = table[table["forecast"]].reset_index(drop=True)
    for name in ("lower", "median", "upper"):
        np.testing.assert_allclose(after[name], forecast.portfolio[f"purchases_{name}"])
    sums = rfm.frequency.sum() + np.cumsum(forecast.draws["purchases"], axis=1)
    np.testing.assert_allclose(after["total_upper"], np.quantile(sums, 0.95, axis=0))
    np.testing.assert_allclose(after["total_mean"], sums.mean(axis=0))


def test_does_it_count_merged_purchases_and_no_returns(model: lc.CLTV) -> None:
    log = pd.DataFrame(
        [
            (1, "2024-01-01", 10.0), (1, "2024-01-03", 10.0), (1, "2024-01-10", -9.0), (1, "2024-01-16", 5.0),
            (2, "2024-01-02", 10.0), (2, "2024-02-07", 10.0), (2, "2024-02-08", 10.0),
            (3, "2024-02-06", 10.0), (3, "2024-02-20", 10.0),
        ],
        columns=["customer_id", "date", "amount"],
    )  # fmt: skip
    rfm = lc.rfm_summary(log, observation_end="2024-02-05", merge_within="week")
    tracked = lc.track(model.forecast(rfm, 3, worlds=5), log, merge_within="week")
    actual = tracked.table.set_index("end")["actual"]
    assert actual[:"2024-02-05"].sum() == 1  # 16 January: the 3rd is merged, the 10th a return
    assert actual["2024-02-12":].to_list()[0] == 1  # of the week from 5 February, and none of the newcomer's
    assert actual["2024-02-26"] != actual["2024-02-26"]  # the log ends before
    with pytest.raises(lc.DataError, match="has 2 repeat purchases, the forecast's customers 1"):
        lc.track(model.forecast(rfm, 3, worlds=5), log)


def test_may_the_log_end_where_the_forecast_begins(log: pd.DataFrame, forecast: lc.Forecast) -> None:
    table = lc.track(forecast, log[log["date"] <= "1997-09-30"]).table
    assert table.loc[table["forecast"], "actual"].isna().all()
    assert table.loc[~table["forecast"], "actual"].notna().all()


def test_are_wrong_asks_refused(log: pd.DataFrame, rfm: lc.RFM, model: lc.CLTV) -> None:
    with pytest.raises(lc.SettingsError, match="no dates or no end"):
        lc.track(model.forecast(rfm, math.inf, annual_discount_rate=0.5, worlds=2), log)
    bare = lc.RFM.from_frame(rfm.to_frame().head(10), time_unit="week")
    with pytest.raises(lc.SettingsError, match="no dates or no end"):
        lc.track(model.forecast(bare, 4, worlds=2), log)
    counted = lc.CLTV.from_parameters({"alpha": 1.0, "beta": 1.0}, families=("sbg",))
    contracts = pd.DataFrame({"customer_id": [1], "frequency": [2], "recency": [2.0], "T": [3.0]})
    whole = lc.RFM.from_frame(contracts, time_unit="week", observation_end="1997-09-30")
    with pytest.raises(lc.SettingsError, match="sbg counts opportunities"):
        lc.track(counted.forecast(whole, 4, worlds=2), log)
