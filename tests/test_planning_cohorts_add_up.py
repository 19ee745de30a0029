"""Are cohort tables those of a slow count, do they add up to the log, are young cohorts not understated?"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import CensoredData, ecdf

import lifecast as lc
from lifecast.datasets import load_cdnow, simulate_shop
from lifecast.planning.cohorts import Cohorts, Period
from lifecast.planning.kaplan_meier import share_by_day

SHOP = simulate_shop(2000, season=0.0, random_seed=5)
FREQ = {"week": "W-SUN", "month": "M", "quarter": "Q", "year": "Y"}


def slow_cells(log: pd.DataFrame, period: Period, by: list[str]) -> pd.DataFrame:
    """Cohort, period since, and what was bought, by plain pandas, one customer at a time."""
    bought = log.groupby(["customer_id", "date", *by], as_index=False)["amount"].sum()
    first = bought.groupby("customer_id")["date"].transform("min")
    calendar = bought["date"].dt.to_period(FREQ[period])
    cohort = first.dt.to_period(FREQ[period])
    bought["period"] = [(now - then).n for now, then in zip(calendar, cohort, strict=True)]
    bought["cohort"] = cohort.dt.start_time
    return bought.groupby([*by, "cohort", "period"], as_index=False).agg(
        active=("customer_id", "nunique"), purchases=("date", "size"), revenue=("amount", "sum")
    )


def check_against_twin(log: pd.DataFrame, period: Period, by: str | None = None, **settings: Any) -> Cohorts:
    tables = lc.cohorts(log, period=period, by=by, **settings)
    keys = ([] if by is None else [by]) + ["cohort", "period"]
    slow = slow_cells(log, period, [] if by is None else [by]).set_index(keys)
    fast = tables.periods.set_index(keys)
    for measure in ("active", "purchases", "revenue"):
        seen = fast.loc[slow.index, measure]
        np.testing.assert_allclose(seen, slow[measure], rtol=1e-9)
        assert fast[measure].sum() == pytest.approx(slow[measure].sum())  # the rest is zero
    return tables


@pytest.mark.parametrize("period", ["week", "month", "quarter", "year"])
def test_is_every_cell_that_of_a_slow_count(period: Period) -> None:
    check_against_twin(SHOP.log.sample(frac=1, random_state=1), period)


def test_do_groups_and_cohorts_add_up_to_the_log() -> None:
    tables = check_against_twin(SHOP.log, "month", by="channel")
    log = SHOP.log
    for table in (tables.periods, tables.summary):
        assert table["purchases"].sum() == len(log.drop_duplicates(["customer_id", "date"]))
        assert table["revenue"].sum() == pytest.approx(log["amount"].sum())
    assert tables.summary["customers"].sum() == log["customer_id"].nunique()
    by_channel = tables.summary.groupby("channel")["revenue"].sum()
    np.testing.assert_allclose(by_channel, log.groupby("channel")["amount"].sum())
    whole = lc.cohorts(log)
    again = tables.periods.groupby(["cohort", "period"], as_index=False)[["active", "revenue"]].sum()
    np.testing.assert_allclose(again[["active", "revenue"]], whole.periods[["active", "revenue"]])
    assert list(tables.periods.columns[:3]) == ["channel", "cohort", "period"]
    assert list(whole.periods.columns[:2]) == ["cohort", "period"]


def test_is_retention_the_share_of_the_cohort_and_revenue_cumulated() -> None:
    tables = lc.cohorts(SHOP.log)
    assert (tables.periods.loc[tables.periods["period"] == 0, "retention"] == 1).all()
    triangle = tables.triangle()
    assert triangle.shape == (24, 24) and triangle.iloc[-1].count() == 1
    revenue = tables.triangle("revenue_per_customer").cumsum(axis=1)
    pd.testing.assert_frame_equal(revenue, tables.triangle("cumulative_revenue_per_customer"))
    with pytest.raises(lc.SettingsError, match="retention"):
        tables.triangle("age")


def test_is_a_period_that_the_end_cuts_short_told_apart() -> None:
    cut = lc.cohorts(SHOP.log, observation_end="2024-12-20")
    assert not cut.periods.loc[cut.periods["start"] == "2024-12-01", "complete"].any()
    assert cut.periods.loc[cut.periods["start"] < "2024-12-01", "complete"].all()
    assert cut.triangle().shape == (23, 23)
    whole = lc.cohorts(SHOP.log, observation_end="2024-12-31")
    assert whole.periods["complete"].all()
    # Nobody buys in the weeks after the log, and that is knowledge too.
    later = lc.cohorts(SHOP.log, observation_end="2025-03-15")
    assert later.periods["start"].max() == pd.Timestamp("2025-03-01")
    assert later.periods["revenue"].sum() == pytest.approx(whole.periods["revenue"].sum())


def waits_of(log: pd.DataFrame, end: str) -> tuple[pd.Series, pd.Series]:
    """Days to each customer's second day of purchase, or to the end, and whether there was one."""
    days = log.drop_duplicates(["customer_id", "date"]).sort_values("date").groupby("customer_id")["date"]
    first, second = days.nth(0), days.nth(1)
    frame = pd.DataFrame({"first": log.loc[first.index].set_index("customer_id")["date"]})
    frame["second"] = log.loc[second.index].set_index("customer_id")["date"]
    return (frame["second"].fillna(pd.Timestamp(end)) - frame["first"]).dt.days, frame["second"].notna()


def test_is_the_curve_kaplan_and_meiers() -> None:
    days, bought = waits_of(SHOP.log, "2024-12-31")
    data = CensoredData(uncensored=days[bought].to_numpy(float), right=days[~bought].to_numpy(float))
    truth = ecdf(data)
    with pytest.warns(RuntimeWarning, match="undefined at some"):  # before the first event
        bounds = truth.cdf.confidence_interval(0.9, method="log-log")
    curve = lc.cohorts(SHOP.log, observation_end="2024-12-31").second_purchase
    np.testing.assert_allclose(curve["share"], truth.cdf.evaluate(curve["days"]), rtol=1e-9)
    np.testing.assert_allclose(curve["lower"], bounds.low.evaluate(curve["days"]), rtol=1e-9)
    np.testing.assert_allclose(curve["upper"], bounds.high.evaluate(curve["days"]), rtol=1e-9)
    assert curve["bought"].sum() == bought.sum()
    assert curve["at_risk"].iloc[0] == (days >= curve["days"].iloc[0]).sum()


def test_does_a_curve_where_all_have_bought_end_at_one() -> None:
    curve = share_by_day(np.array([1, 4, 4]), np.array([True, True, False]), np.array([1, 1, 1]))
    assert curve["share"].tolist() == pytest.approx([1 / 3, 2 / 3])
    all_bought = share_by_day(np.array([1, 4]), np.array([True, True]), np.array([3, 1]))
    assert all_bought["share"].iloc[-1] == 1.0 and np.isnan(all_bought["lower"].iloc[-1])


def test_are_second_purchases_of_young_cohorts_not_understated() -> None:
    # Customers of one channel are alike whenever they come; young ones have merely had less time.
    shop = simulate_shop(
        30_000, season=0.0, channels=(lc.datasets.Channel("x", 1, 6, 0.25, 40),), random_seed=2
    )
    summary = lc.cohorts(shop.log, period="quarter").summary
    assert summary["repeat_rate"].iloc[-1] < 0.5 * summary["repeat_rate"].iloc[0]
    np.testing.assert_allclose(
        summary["second_purchase_30"], summary["second_purchase_30"].iloc[0], atol=0.03
    )
    assert np.isnan(summary["second_purchase_365"].iloc[-1])
    # The exact share is the mean over rates of 1 - exp(-30 rate); a second purchase on the first day is none.
    parameters = shop.truth.channels[0].parameters("day")
    exact = 1 - (parameters["alpha"] / (parameters["alpha"] + 30)) ** parameters["r"]
    assert summary["second_purchase_30"].mean() == pytest.approx(exact, abs=0.015)


def test_do_returns_and_logs_without_amounts_go_through() -> None:
    log = pd.DataFrame(
        {
            "customer_id": [1, 1, 1, 2],
            "date": pd.to_datetime(["2024-01-05", "2024-02-07", "2024-03-01", "2024-02-10"]),
            "amount": [10.0, 20.0, -5.0, 8.0],
        }
    )
    net = lc.cohorts(log).periods
    assert net["revenue"].tolist() == [10.0, 15.0, 0.0, 8.0, 0.0]
    assert lc.cohorts(log, returns="drop").periods["revenue"].tolist() == [10.0, 20.0, 0.0, 8.0, 0.0]
    bare = lc.cohorts(log[log["amount"] > 0].drop(columns="amount"))
    assert "revenue" not in bare.periods and bare.summary["purchases"].tolist() == [2, 1]


def test_does_a_group_that_is_unknown_keep_its_customers() -> None:
    log = SHOP.log.assign(channel=SHOP.log["channel"].where(SHOP.log["channel"] != "direct"))
    tables = lc.cohorts(log, by="channel")
    assert tables.summary["customers"].sum() == log["customer_id"].nunique()
    assert tables.second_purchase["channel"].isna().any()
    unknown = tables.periods[tables.periods["channel"].isna()]
    known = lc.cohorts(SHOP.log, by="channel").periods
    np.testing.assert_allclose(unknown["revenue"], known.loc[known["channel"] == "direct", "revenue"])
    np.testing.assert_allclose(
        unknown["cumulative_revenue_per_customer"],
        known.loc[known["channel"] == "direct", "cumulative_revenue_per_customer"],
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"period": "fortnight"},
        {"interval": 1.0},
        {"returns": "refuse"},
        {"by": "region"},
        {"observation_end": "2020-01-01"},
    ],
)
def test_are_impossible_settings_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(lc.SettingsError):
        lc.cohorts(SHOP.log, **settings)


def test_is_cdnow_what_is_known_of_it() -> None:
    # All 23,570 customers first bought in the first quarter of 1997; 69,659 lines are 67,591 customer-days.
    summary = lc.cohorts(load_cdnow()).summary
    assert summary["customers"].sum() == 23_570 and summary["cohort"].dt.month.tolist() == [1, 2, 3]
    assert summary["purchases"].sum() == 67_591


def test_do_apparels_channels_add_up(shared: Path) -> None:
    path = str(shared / "data" / "apparel.parquet")
    log = pd.read_parquet(path)
    tables = lc.cohorts(path, by="channel", period="year")
    assert tables.summary["customers"].sum() == log["customer_id"].nunique() == 600
    assert set(tables.summary["channel"]) == {"online", "offline"}
    assert tables.periods["revenue"].sum() == pytest.approx(log["amount"].sum())
