"""Are whole tables of decisions sane on real logs: apparel's channels, and smcrm's expenses?"""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from shown import run_cell, unlike

import lifecast as lc

ROOT = Path(__file__).resolve().parent.parent
TWO_YEARS = 730
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:```\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


def test_do_apparels_channels_come_as_forecast(shared: Path) -> None:
    """Two years of a customer, forecast from the first two years of the log, against what all brought."""
    log = pd.read_parquet(shared / "data" / "apparel.parquet")[["customer_id", "date", "amount", "channel"]]
    rfm = lc.rfm_summary(log, observation_end="2006-12-31", attributes=["channel"])
    model = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(groups="channel")).fit(rfm, random_seed=1)
    customers = log.groupby("customer_id")["channel"].first().value_counts()
    costs = pd.DataFrame(
        {"channel": customers.index, "cost": 50.0 * customers.values, "new_customers": customers.values}
    )
    found = lc.channels(model, costs, horizons=("30 days", f"{TWO_YEARS} days"), annual_discount_rate=0.0)
    days = pd.to_datetime(log["date"])
    young = (days - days.groupby(log["customer_id"]).transform("min")).dt.days <= TWO_YEARS
    came = log[young].groupby("channel")["amount"].sum() / customers
    table = found.table
    assert np.all(table["value_lower"] < came[table.index]) and np.all(
        came[table.index] < table["value_upper"]
    )
    assert table["probability_best"].idxmax() == came.idxmax() == "offline"
    assert table.loc["offline", "uplift_lower"] > 0.0
    plan = lc.allocate(found, 20_000, curves={name: (1_000.0, 20.0, 0.7) for name in table.index})
    assert plan.table["budget"].sum() == pytest.approx(20_000)
    assert plan.table.loc["offline", "budget"] > plan.table.loc["online", "budget"]


def test_are_smcrms_costs_and_returns_added_up_right(shared: Path) -> None:
    """Acquisition expenses count for those who were not acquired too; returns are profit over them."""
    prospects = pd.read_parquet(shared / "data" / "smcrm_acquisition_retention.parquet")
    acquired = prospects[prospects["acquisition"] == 1]
    cac = prospects["acq_exp"].sum() / len(acquired)
    assert cac == pytest.approx(729.8, abs=0.1)
    quarters = pd.read_parquet(shared / "data" / "smcrm_retention_transactions.parquet")
    bought = quarters[quarters["purchase"] == 1]
    log = pd.DataFrame(
        {
            "customer_id": bought["customer_id"].astype(int),
            "date": pd.Timestamp("2010-01-15") + pd.to_timedelta((bought["quarter"] - 1) * 91, unit="D"),
            "amount": bought["amount"],
        }
    )
    measures = lc.textbook_measures(log, period="3 months", margin=0.5, cac=cac).set_index("measure")
    value = measures["value"]
    assert value["revenue"] == pytest.approx(bought["amount"].sum())
    assert value["cltv"] == pytest.approx(
        value["average_purchase_value"] * value["purchase_frequency"] * value["lifespan"]
    )
    assert value["net_cltv"] == pytest.approx(0.5 * value["cltv"] - cac)
    assert value["cltv_to_cac"] == pytest.approx(0.5 * value["cltv"] / cac)
    unsure = measures.dropna(subset=["lower"])
    assert np.all(unsure["lower"] <= unsure["value"]) and np.all(unsure["value"] <= unsure["upper"])


@pytest.fixture(scope="module")
def of_quarters(shared: Path) -> dict[str, Any]:
    """What the page's section on quarters leaves behind; what it shows is held against what comes."""
    page = (ROOT / "docs" / "planning.md").read_text(encoding="utf-8")
    section = page.partition("## Quarters and expenses")[2].partition("\n## ")[0]
    blocks = BLOCK.findall(section)
    assert len(blocks) == 4 and sum(bool(told) for _, told in blocks) == 3
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.chdir(ROOT)
        warnings.simplefilter("ignore", lc.LifecastWarning)  # frequency and amounts hang together, as it says
        for code, told in blocks:
            came = run_cell(code, namespace, "planning.md", echo=False)
            wrong = unlike(told, came) if told else None
            assert wrong is None, wrong
    return namespace


def test_are_smcrms_quarters_valued_as_the_page_says(of_quarters: dict[str, Any]) -> None:
    table, cac = of_quarters["found"].table, of_quarters["cac"]
    assert table["new_customers"].sum() == 500 and table["cost"].sum() == pytest.approx(500 * cac)
    np.testing.assert_allclose(table["value_to_cac"], table["value"] / cac)
    assert np.all((table["value_lower"] < table["value"]) & (table["value"] < table["value_upper"]))
    quarter = 365.25 / 4
    days = of_quarters["found"].payback["days"]
    np.testing.assert_allclose(days / quarter, np.round(days / quarter))
    assert of_quarters["plan"].table["budget"].sum() == pytest.approx(300_000)


def test_do_smcrms_last_quarters_come_as_the_first_ones_said(of_quarters: dict[str, Any]) -> None:
    """Revenue of twelve quarters by first order, from a fit to eight, within its 90% interval."""
    said, spent = of_quarters["said"], of_quarters["spent"]
    came = spent.groupby(of_quarters["histories"](12)["first_order"]).mean()
    assert np.all((said["value_mean_lower"] < came) & (came < said["value_mean_upper"]))


def test_do_smcrms_segments_add_up_to_its_book(of_quarters: dict[str, Any]) -> None:
    book = of_quarters["book"]
    found = lc.segments(book)
    assert found.segments["customers"].sum() == 500
    for measure in ("purchases", "discounted_value"):
        np.testing.assert_allclose(
            found.forecast.draws[measure].sum(axis=0), book.draws[measure], rtol=1e-9, atol=1e-9
        )
    assert found.segments.loc["core", "share"] > 3 * found.segments.loc["core", "customers"] / 500
