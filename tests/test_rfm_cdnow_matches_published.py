"""Does the RFM of CDNOW give the numbers that the literature prints for it?"""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lifecast as lc

HELD_OUT = "actual mean holdout transactions (to 1998-06-30)"


def published(shared: Path, quantity: str, dataset: str = "cdnow_sample") -> list[dict[str, str]]:
    with (shared / "published.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["dataset"].startswith(dataset)]
    found = [row for row in rows if row["model"] == "data" and row["quantity"].startswith(quantity)]
    assert found, quantity
    return found


@pytest.fixture(scope="module")
def rfm() -> lc.RFM:
    log = lc.datasets.load_cdnow(sample=True)
    return lc.rfm_summary(log, observation_end="1997-09-30", holdout_end="1998-06-30")


def test_are_there_2357_customers_and_946_repeat_buyers(rfm: lc.RFM) -> None:
    # Fader, Hardie & Lee (2005), "RFM and CLV": 946 customers bought again in weeks 1 to 39.
    assert len(rfm) == 2357
    assert np.count_nonzero(rfm.frequency) == 946
    assert rfm.report is not None and rfm.frequency.sum() == rfm.report.purchases - 2357


def test_is_the_first_customer_the_one_of_the_papers(rfm: lc.RFM) -> None:
    # Fader, Hardie & Lee (2005): customer 0001 of the sample has x=2, t_x=30.43, T=38.86.
    assert rfm.customer_id[0].as_py() == 4
    assert (rfm.frequency[0], round(rfm.recency[0], 2), round(rfm.T[0], 2)) == (2, 30.43, 38.86)


def test_do_holdout_means_by_frequency_match(rfm: lc.RFM, shared: Path) -> None:
    assert rfm.holdout is not None and rfm.holdout.duration == 39.0
    for row in published(shared, HELD_OUT):
        x, customers = row["inputs"].removeprefix("x=").rstrip(")").split(" (n=")
        chosen = rfm.frequency >= int(x[:-1]) if x.endswith("+") else rfm.frequency == int(x)
        assert np.count_nonzero(chosen) == int(customers), row["id"]
        mean = rfm.holdout.frequency[chosen].mean()
        assert mean == pytest.approx(float(row["value"]), abs=float(row["tolerance"])), row["id"]


def test_does_average_repeat_spend_match(rfm: lc.RFM, shared: Path) -> None:
    assert rfm.monetary_value is not None
    spend = rfm.monetary_value[rfm.frequency > 0]
    ours: dict[str, Any] = {
        "count": len(spend),
        "mean": spend.mean(),
        "std": spend.std(ddof=1),
        "min": spend.min(),
        "median": np.median(spend),
        "max": spend.max(),
    }
    for row in published(shared, "average repeat spend: "):
        statistic = row["quantity"].removeprefix("average repeat spend: ")
        value, tolerance = float(row["value"]), float(row["tolerance"])
        assert ours[statistic] == pytest.approx(value, abs=tolerance), row["id"]


def test_do_cumulative_repeat_purchases_match_week_by_week(shared: Path) -> None:
    log = lc.datasets.load_cdnow(sample=True)
    for row in published(shared, "cumulative repeat transactions"):
        weeks = int(row["inputs"].removeprefix("week "))
        day = np.datetime64("1996-12-31") + np.timedelta64(7 * weeks, "D")
        repeats = lc.rfm_summary(log, observation_end=day).frequency.sum()
        assert repeats == float(row["value"]), row["id"]


def test_do_grocery_holdout_purchases_match(shared: Path) -> None:
    (row,) = published(shared, "actual holdout transactions", dataset="grocery")
    rfm = lc.rfm_summary(
        shared / "data" / "grocery.parquet", observation_end="2006-12-31", holdout_end="2007-12-30"
    )
    assert rfm.holdout is not None and rfm.holdout.duration == 52.0
    assert (rfm.holdout.frequency.sum(), rfm.monetary_value, rfm.holdout.value) == (3389, None, None)
    assert len(rfm) == 1525 and float(row["value"]) == 3389


def test_do_holdout_periods_add_up_to_the_customers(rfm: lc.RFM) -> None:
    assert rfm.holdout is not None and rfm.holdout.value is not None and rfm.holdout.period_value is not None
    assert rfm.holdout.period_purchases.shape == (39,)
    assert rfm.holdout.period_purchases.sum() == rfm.holdout.frequency.sum()
    assert rfm.holdout.period_value.sum() == pytest.approx(rfm.holdout.value.sum(), rel=1e-13)


def test_does_the_report_account_for_every_line_and_flag_nothing(rfm: lc.RFM) -> None:
    report = rfm.report
    assert report is not None and not report.left_truncated
    assert (report.lines, report.lines_in_holdout, report.lines_merged) == (6919, 1959, 146)
    assert (report.customers, report.purchases, report.lines_after_end) == (2357, 4814, 0)
    assert "6,919" in str(report) and "mid-life" not in str(report)
