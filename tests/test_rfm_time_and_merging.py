"""Do units, the observation end, merging and left truncation mean what the documentation says?"""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

import lifecast as lc


@pytest.fixture(scope="module")
def cdnow() -> pd.DataFrame:
    return lc.datasets.load_cdnow(sample=True)


def log(*lines: tuple[int, str, float]) -> pd.DataFrame:
    return pd.DataFrame(lines, columns=["customer_id", "date", "amount"])


@pytest.mark.parametrize("unit", ["day", "month", "quarter", "year", 10.5])
def test_is_it_the_same_rfm_in_another_unit(unit: Any, cdnow: pd.DataFrame) -> None:
    end = "1997-09-30"
    weeks = lc.rfm_summary(cdnow, observation_end=end, time_unit="week")
    other = lc.rfm_summary(cdnow, observation_end=end, time_unit=unit)
    np.testing.assert_allclose(other.recency * other.time_unit.days, weeks.recency * 7, rtol=1e-14)
    np.testing.assert_allclose(other.T * other.time_unit.days, weeks.T * 7, rtol=1e-14)
    np.testing.assert_array_equal(other.frequency, weeks.frequency)
    np.testing.assert_array_equal(other.monetary_value, weeks.monetary_value)


def test_is_money_the_same_in_cents(cdnow: pd.DataFrame) -> None:
    dollars = lc.rfm_summary(cdnow)
    cents = lc.rfm_summary(cdnow.assign(amount=cdnow["amount"] * 100))
    assert dollars.monetary_value is not None and cents.monetary_value is not None
    assert dollars.monetary_log_mean is not None and cents.monetary_log_mean is not None
    np.testing.assert_allclose(cents.monetary_value, 100 * dollars.monetary_value, rtol=1e-13)
    spent = dollars.monetary_log_mean != 0
    np.testing.assert_allclose(
        cents.monetary_log_mean[spent], dollars.monetary_log_mean[spent] + np.log(100), rtol=1e-13
    )
    np.testing.assert_allclose(cents.monetary_log_sd, dollars.monetary_log_sd, atol=3e-8)


def test_are_money_columns_the_plain_means_of_repeat_purchases(cdnow: pd.DataFrame) -> None:
    cdnow = cdnow.assign(amount=cdnow["amount"].where(cdnow.index % 50 > 0, 0.0))
    rfm = lc.rfm_summary(cdnow).to_frame().set_index("customer_id")
    purchases = cdnow.groupby(["customer_id", "date"], as_index=False)["amount"].sum()
    repeats = purchases[purchases.groupby("customer_id").cumcount() > 0]
    positive = repeats[repeats["amount"] > 0].set_index("customer_id")["amount"]
    twin = pd.DataFrame(
        {
            "monetary_value": repeats.groupby("customer_id")["amount"].mean(),
            "monetary_log_mean": np.log(positive).groupby("customer_id").mean(),
            "monetary_frequency": positive.groupby("customer_id").size(),
        },
        index=rfm.index,
    ).fillna(0.0)
    log_sd = np.log(positive).groupby("customer_id").std(ddof=0).reindex(rfm.index).fillna(0.0)
    np.testing.assert_allclose(rfm["monetary_log_sd"], log_sd, atol=3e-8)  # logs are rounded to 2^-25
    assert (repeats["amount"] == 0).any()  # a purchase of amount zero is in the mean, not in the logarithms
    for name in twin:
        np.testing.assert_allclose(rfm[name], twin[name], rtol=1e-12, err_msg=str(name))


def test_is_the_spread_of_logs_zero_for_equal_amounts_and_exact_for_nearly_equal_ones() -> None:
    days = pd.date_range("2024-01-01", periods=10, freq="D")
    amounts = {"equal": np.full(10, 1e6 + 0.01), "nearly": np.where(np.arange(10) % 2 == 0, 1e6, 1e6 + 1.0)}
    sales = pd.concat(
        pd.DataFrame({"customer_id": name, "date": days, "amount": values})
        for name, values in amounts.items()
    )
    equal, nearly = lc.rfm_summary(sales).to_frame()["monetary_log_sd"]
    assert equal == 0.0
    repeats = np.log(amounts["nearly"][1:])
    assert nearly == pytest.approx(repeats.std(), abs=3e-8)


def test_is_a_purchase_on_the_observation_end_counted() -> None:
    rfm = lc.rfm_summary(
        log((1, "2024-01-01", 5.0), (1, "2024-01-08 23:59", 6.0)), observation_end="2024-01-08"
    )
    assert (rfm.frequency[0], rfm.recency[0], rfm.T[0]) == (1, 1.0, 1.0)


def test_may_the_observation_end_lie_after_the_last_sale() -> None:
    sales = log((1, "2024-01-01", 5.0), (1, "2024-01-08", 6.0))
    later = lc.rfm_summary(sales, observation_end=date(2024, 1, 22))
    assert (later.frequency[0], later.recency[0], later.T[0], later.observation_end) == (
        1,
        1.0,
        3.0,
        date(2024, 1, 22),
    )
    assert lc.rfm_summary(sales).observation_end == date(2024, 1, 8)  # by default the last sale


def test_is_a_customer_first_seen_after_the_end_left_out_and_counted() -> None:
    sales = log(
        (1, "2024-01-01", 5.0), (2, "2024-02-01", 5.0), (2, "2024-02-09", 5.0), (1, "2024-02-10", 5.0)
    )
    rfm = lc.rfm_summary(sales, observation_end="2024-01-31", attributes=[])
    assert rfm.report is not None and rfm.customer_id.to_pylist() == [1]
    assert (rfm.report.customers_after_end, rfm.report.lines_after_end, rfm.report.lines) == (1, 3, 4)
    held = lc.rfm_summary(sales, observation_end="2024-01-31", holdout_end="2024-02-09")
    assert held.holdout is not None and held.report is not None
    assert held.holdout.period_purchases.tolist() == [0, 0]  # newcomers are no part of the book's future
    assert (held.report.lines_in_holdout, held.report.lines_after_end) == (2, 1)


def test_do_holdout_periods_begin_after_the_end_and_include_their_last_day() -> None:
    days = ["2024-01-01", "2024-01-31", "2024-02-01", "2024-02-07", "2024-02-08", "2024-02-20", "2024-02-21"]
    sales = log(*[(1, day, 2.0 + number) for number, day in enumerate(days)])
    rfm = lc.rfm_summary(sales, observation_end="2024-01-31", holdout_end="2024-02-20")
    assert rfm.holdout is not None and rfm.holdout.period_value is not None
    assert rfm.holdout.duration == 20 / 7
    assert rfm.holdout.period_purchases.tolist() == [2, 1, 1]
    assert rfm.holdout.period_value.tolist() == [9.0, 6.0, 7.0]


@pytest.mark.parametrize(
    ("merge_within", "frequency", "recency"),
    [("day", 3, 10.0), ("week", 1, 7.0), (7, 1, 7.0), (14, 1, 7.0), (28, 0, 0.0), (2, 2, 9.0)],
)
def test_do_purchases_of_one_calendar_period_count_as_one(
    merge_within: Any, frequency: int, recency: float
) -> None:
    # 2024-01-01 is a Monday. Weeks: {1, 1} and {8, 10, 11}. Pairs of days: {1, 1}, {8}, {10, 11}.
    days = ["2024-01-01", "2024-01-01", "2024-01-08", "2024-01-10", "2024-01-11"]
    rfm = lc.rfm_summary(log(*[(1, day, 3.0) for day in days]), time_unit="day", merge_within=merge_within)
    assert (rfm.frequency[0], rfm.recency[0]) == (frequency, recency)
    assert rfm.report is not None and rfm.report.lines_merged == 5 - 1 - frequency


def test_is_a_shop_that_began_with_its_log_not_flagged(cdnow: pd.DataFrame) -> None:
    for end in ("1997-03-31", "1997-09-30", "1998-06-30"):
        report = lc.rfm_summary(lc.datasets.load_cdnow(), observation_end=end).report
        assert report is not None and not report.left_truncated, end


def test_is_a_log_cut_in_mid_life_flagged() -> None:
    # 2,000 customers of three years; every one buys about once a month; the log shows the last year only.
    rng = np.random.default_rng(7)
    joined = rng.uniform(0, 3 * 365, 2_000)
    customer = np.repeat(np.arange(2_000), 36)
    day = np.repeat(joined, 36) + np.where(
        np.arange(customer.size) % 36 == 0, 0, rng.uniform(0, 3 * 365, customer.size)
    )
    sales = pd.DataFrame(
        {"customer_id": customer, "date": pd.Timestamp("2021-01-01") + pd.to_timedelta(day, unit="D")}
    )
    sales = sales[sales["date"] < "2024-01-01"]
    whole = lc.rfm_summary(sales).report
    cut = lc.rfm_summary(sales[sales["date"] >= "2023-01-01"]).report
    assert whole is not None and not whole.left_truncated
    assert cut is not None and cut.left_truncated
