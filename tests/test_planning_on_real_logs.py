"""Are whole tables of decisions sane on real logs: apparel's channels, and smcrm's expenses?"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import lifecast as lc

TWO_YEARS = 730


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
