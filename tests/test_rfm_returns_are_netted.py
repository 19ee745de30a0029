"""Do returns undo the purchases that came before them, and is no money lost or made on the way?"""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import lifecast as lc


def one_customer(*lines: tuple[int, float], **settings: Any) -> lc.RFM:
    """Sum up lines of (day of January 2024, amount) of one customer."""
    log = pd.DataFrame(lines, columns=["day", "amount"]).assign(customer_id=1)
    log["date"] = pd.to_datetime("2023-12-31") + pd.to_timedelta(log["day"], unit="D")
    return lc.rfm_summary(log, time_unit="day", observation_end="2024-01-31", **settings)


def netted(*lines: tuple[int, float], **settings: Any) -> tuple[int, float, int, float]:
    """Repeat purchases, the sum of their amounts, how many are positive, and the unmatched returns."""
    rfm = one_customer(*lines, **settings)
    assert rfm.monetary_value is not None and rfm.monetary_frequency is not None and rfm.report is not None
    frequency = int(rfm.frequency[0])
    return (
        frequency,
        round(frequency * rfm.monetary_value[0], 9),
        int(rfm.monetary_frequency[0]),
        round(rfm.report.unmatched_amount, 9),
    )


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        # The first purchase (day 1) is no repeat purchase: what is left of it does not show.
        ([(1, 10), (5, 20), (5, -5)], (1, 15, 1, 0)),  # one block adds up
        ([(1, 10), (5, 20), (7, -5)], (1, 15, 1, 0)),  # a return goes to the latest purchase before it
        ([(1, 10), (5, 20), (7, -5), (9, 30)], (2, 45, 2, 0)),  # and never to a later one
        ([(1, 10), (5, 20), (7, -20)], (1, 0, 0, 0)),  # wholly returned: still a purchase
        ([(1, 10), (5, 20), (9, 30), (11, -40)], (2, 10, 1, 0)),  # the excess to the purchase before that
        ([(1, 10), (5, 20), (9, 30), (11, -65)], (2, 0, 0, 5)),  # what is left was bought before the log
        ([(1, -8), (2, 10), (5, 20)], (1, 20, 1, 8)),
        ([(2, 10), (5, 20), (5, -25)], (1, 0, 0, 0)),
        ([(2, 10), (5, 20), (6, -50), (8, 40)], (2, 40, 1, 20)),
        ([(2, 10), (5, 20), (6, -5), (8, 40), (9, -50)], (2, 5, 1, 0)),  # as on a stack
        ([(1, 10), (5, 0.1), (5, 0.2), (5, -0.3)], (1, 0, 0, 0)),  # no dust: 0.1 + 0.2 is not 0.3
    ],
)
def test_does_a_return_undo_the_latest_purchases_before_it(
    lines: list[tuple[int, float]], expected: tuple[int, float, int, float]
) -> None:
    assert netted(*lines) == expected


def test_is_a_return_alone_no_purchase() -> None:
    rfm = one_customer((1, 10), (5, 20), (9, -5))
    assert (rfm.frequency[0], rfm.recency[0]) == (1, 4.0)


def test_is_a_merged_purchase_dated_by_its_first_purchase_not_by_a_return() -> None:
    # 2024-01-01 is a Monday: a return on the 8th, a purchase on the 10th, one calendar week.
    rfm = one_customer((1, 10), (8, -2), (10, 30), merge_within="week")
    assert (rfm.frequency[0], rfm.recency[0]) == (1, 9.0)
    assert rfm.monetary_value is not None and rfm.monetary_value[0] == 28.0


def test_are_returns_ignored_on_request() -> None:
    assert netted((1, 10), (5, 20), (7, -5), returns="drop") == (1, 20, 1, 0)


def test_is_a_customer_with_nothing_but_returns_no_customer() -> None:
    log = pd.DataFrame({"customer_id": [1, 2], "date": ["2024-01-01", "2024-01-02"], "amount": [10.0, -4.0]})
    rfm = lc.rfm_summary(log)
    assert rfm.customer_id.to_pylist() == [1]
    assert rfm.report is not None and rfm.report.unmatched_amount == 4.0
    assert "Returns of 4.00 exceed" in str(rfm.report)


def test_do_holdout_returns_leave_the_calibration_alone() -> None:
    lines = [(1, 10.0), (5, 20.0), (33, 8.0), (34, -3.0), (36, -50.0), (38, 7.0)]
    before, after = one_customer(*lines[:2]), one_customer(*lines, holdout_end="2024-02-28")
    assert before.fingerprint() == after.fingerprint()
    assert after.holdout is not None and after.holdout.value is not None
    assert (after.holdout.frequency[0], after.holdout.value[0]) == (2, 7.0)


@pytest.fixture(scope="module")
def retail(shared: Path) -> Path:
    return shared / "data" / "online_retail_II_2009_2010.parquet"


def stack_twin(log: pd.DataFrame) -> pd.DataFrame:
    """The same netting, said slowly: per customer a stack of purchases, and returns take off the top."""
    log = log.dropna(subset=["customer_id"]).assign(day=log["date"].dt.normalize())
    by_day = log.groupby(["customer_id", "day"])["amount"].agg(["sum", "max"]).sort_index()
    stacks: dict[int, list[list[Any]]] = defaultdict(list)
    unmatched: dict[int, float] = defaultdict(float)
    for (customer, day), net, largest in by_day.itertuples(name=None):
        stack = stacks[customer]
        if largest >= 0:
            stack.append([day, max(net, 0.0)])
        owed = max(-net, 0.0)
        for purchase in reversed(stack):
            taken = min(purchase[1], owed)
            purchase[1], owed = purchase[1] - taken, owed - taken
        unmatched[customer] += owed
    rows = []
    for customer, stack in sorted(stacks.items()):
        amounts = np.array([amount if amount > 1e-6 else 0.0 for _, amount in stack[1:]])
        positive = amounts[amounts > 0]
        rows.append(
            {
                "customer_id": customer,
                "purchases": len(stack),
                "kept": sum(amount for _, amount in stack),
                "unmatched": unmatched[customer],
                "monetary_value": amounts.mean() if amounts.size else 0.0,
                "monetary_log_mean": np.log(positive).mean() if positive.size else 0.0,
                "monetary_log_sd": np.log(positive).std() if positive.size else 0.0,
                "monetary_frequency": positive.size,
            }
        )
    return pd.DataFrame(rows)


def test_does_netting_agree_with_a_slow_twin_and_conserve_money(retail: Path) -> None:
    log = pd.read_parquet(retail, columns=["customer_id", "date", "amount"])
    twin = stack_twin(log)
    bought = log[log["amount"] >= 0].groupby("customer_id")["amount"].sum()
    returned = -log[log["amount"] < 0].groupby("customer_id")["amount"].sum()
    owed = bought.sub(returned, fill_value=0.0).reindex(twin["customer_id"]).to_numpy()
    np.testing.assert_allclose(twin["kept"] - twin["unmatched"], owed, atol=1e-6)  # the twin conserves money

    rfm = lc.rfm_summary(retail)
    assert rfm.report is not None and rfm.monetary_value is not None
    twin = twin[twin["purchases"] > 0].reset_index(drop=True)
    ours = rfm.to_frame()
    np.testing.assert_array_equal(ours["customer_id"], twin["customer_id"])
    np.testing.assert_array_equal(ours["frequency"], twin["purchases"] - 1)
    np.testing.assert_array_equal(ours["monetary_frequency"], twin["monetary_frequency"])
    np.testing.assert_allclose(ours["monetary_value"], twin["monetary_value"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours["monetary_log_mean"], twin["monetary_log_mean"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours["monetary_log_sd"], twin["monetary_log_sd"], atol=3e-8)


def test_is_the_report_on_a_real_log_with_returns_sane(retail: Path) -> None:
    rfm = lc.rfm_summary(retail)
    report = rfm.report
    assert report is not None
    log = pd.read_parquet(retail, columns=["customer_id", "date", "amount"])
    known = log.dropna(subset=["customer_id"])
    buys = known[known["amount"] >= 0]
    assert report.lines == len(log) == 525_461
    assert report.lines_without_customer == log["customer_id"].isna().sum() == 107_927
    assert report.lines_returned == (known["amount"] < 0).sum() == 9_839
    assert report.returned_amount == pytest.approx(-known["amount"].clip(upper=0).sum(), rel=1e-12)
    assert report.customers == len(rfm) == buys["customer_id"].nunique() == 4_314
    assert report.purchases == len(buys.groupby(["customer_id", buys["date"].dt.date]))
    assert (
        report.lines
        == report.lines_without_customer + report.lines_returned + report.lines_merged + report.purchases
    )
    assert 0 < report.unmatched_amount < report.returned_amount
    assert report.left_truncated and "mid-life" in str(report)
    assert report.left_truncation.first_window > 3 * report.left_truncation.typical_window > 0


@pytest.mark.parametrize("returns", ["net", "drop"])
def test_is_a_customer_counted_who_only_returned(returns: str) -> None:
    log = pd.DataFrame(
        {
            "customer_id": ["buys", "buys", "returns", "returns", "later", "later"],
            "date": pd.to_datetime(["2024-01-01", "2024-01-09"] * 2 + ["2024-01-02", "2024-02-05"]),
            "amount": [5.0, -1.0, -3.0, -4.0, -2.0, 6.0],
        }
    )
    report = lc.rfm_summary(log, observation_end="2024-01-31", returns=returns).report
    assert report is not None
    left_out = report.customers_after_end, report.customers_returning_only
    assert (report.customers, *left_out) == (1, 1, 1)
    assert "with returns alone               1  left out" in str(report)
