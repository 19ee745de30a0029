"""Are the textbook's measures what a textbook says, and are their intervals honest about sampling?"""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import lifecast as lc
from lifecast.datasets import load_cdnow, simulate_shop

SHOP = simulate_shop(3000, season=0.0, random_seed=8)
DAYS = 91  # what "3 months" is in whole days


def per_customer(log: pd.DataFrame, end: str, days: int) -> pd.DataFrame:
    """What each customer did, by plain pandas."""
    last = pd.Timestamp(end)
    bought = log.groupby(["customer_id", "date"], as_index=False)["amount"].sum()
    ago = (last - bought["date"]).dt.days
    bought = bought.assign(recent=ago < days, previous=(ago >= days) & (ago < 2 * days))
    bought["recent_amount"] = bought["amount"] * bought["recent"]
    table = bought.groupby("customer_id").agg(
        purchases=("date", "size"),
        revenue=("amount", "sum"),
        first=("date", "min"),
        last=("date", "max"),
        recent=("recent", "sum"),
        recent_amount=("recent_amount", "sum"),
        previous=("previous", "any"),
    )
    return table.assign(lifespan=(table["last"] - table["first"]).dt.days, active=table["recent"] > 0)


def slow_measures(table: pd.DataFrame, period: float, margin: float, cac: float) -> dict[str, float]:
    value = table["recent_amount"].sum() / table["recent"].sum()
    frequency = table["recent"].sum() / table["active"].sum()
    retention = float((table["active"] & table["previous"]).sum() / table["previous"].sum())
    lifespan = float(table["lifespan"].mean() / period)
    cltv, from_churn = value * frequency * lifespan, value * frequency / (1 - retention)
    return {
        "customers": len(table),
        "purchases": table["purchases"].sum(),
        "revenue": table["revenue"].sum(),
        "average_purchase_value": value,
        "purchase_frequency": frequency,
        "revenue_per_customer": table["recent_amount"].sum() / table["active"].sum(),
        "retention_rate": retention,
        "churn_rate": 1 - retention,
        "repeat_rate": float((table["purchases"] > 1).mean()),
        "lifespan": lifespan,
        "lifespan_from_churn": 1 / (1 - retention),
        "cltv": cltv,
        "cltv_from_churn": from_churn,
        "margin_cltv": margin * cltv,
        "margin_cltv_from_churn": margin * from_churn,
        "cac": cac,
        "net_cltv": margin * cltv - cac,
        "net_cltv_from_churn": margin * from_churn - cac,
        "cltv_to_cac": margin * cltv / cac,
        "cltv_to_cac_from_churn": margin * from_churn / cac,
    }


def test_is_every_measure_that_of_a_slow_count() -> None:
    table = lc.textbook_measures(SHOP.log, margin=0.4, cac=20.0, observation_end="2024-12-31")
    slow = slow_measures(per_customer(SHOP.log, "2024-12-31", DAYS), 3 * 365.25 / 12, 0.4, 20.0)
    assert table["measure"].tolist() == list(slow)
    np.testing.assert_allclose(table["value"], list(slow.values()), rtol=1e-9)
    assert (table["note"].str.len() > 20).all()


def test_are_groups_measured_each_on_its_own() -> None:
    costs = {name: 10.0 + k for k, name in enumerate(SHOP.customers["channel"].unique())}
    table = lc.textbook_measures(SHOP.log, by="channel", period=60, cac=costs, observation_end="2024-12-31")
    for channel, rows in table.groupby("channel"):
        log = SHOP.log[SHOP.log["channel"] == channel]
        slow = slow_measures(per_customer(log, "2024-12-31", 60), 60, 1.0, costs[str(channel)])
        np.testing.assert_allclose(rows["value"], list(slow.values()), rtol=1e-9, err_msg=str(channel))
    totals = lc.textbook_measures(SHOP.log, period=60).set_index("measure")["value"]
    by_group = table.groupby("measure")["value"].sum()
    for measure in ("customers", "purchases", "revenue"):
        assert by_group[measure] == pytest.approx(totals[measure])


@pytest.mark.parametrize("customers", [400, 12_000])
def test_are_intervals_as_wide_as_a_bootstrap_of_single_customers(customers: int) -> None:
    # With many customers blocks hold several of them: the spread must be that of single ones all the same.
    shop = simulate_shop(customers, season=0.0, random_seed=3)
    table = lc.textbook_measures(shop.log, observation_end="2024-12-31", resamples=2000).set_index("measure")
    rows = per_customer(shop.log, "2024-12-31", DAYS)
    columns = np.column_stack(
        [rows["recent_amount"], rows["recent"], rows["active"], rows["lifespan"], rows["purchases"] > 1]
    ).astype(float)
    columns = np.column_stack([columns, rows["active"] & rows["previous"], rows["previous"]])
    rng = np.random.default_rng(1)
    sums = np.array([columns[rng.integers(customers, size=customers)].sum(axis=0) for _ in range(1000)])
    amount, recent, active, lifespan, repeat, retained, previous = sums.T
    slow = {
        "average_purchase_value": amount / recent,
        "purchase_frequency": recent / active,
        "retention_rate": retained / previous,
        "repeat_rate": repeat / customers,
        "cltv": amount / active * lifespan / customers / (3 * 365.25 / 12),
        "cltv_from_churn": amount / active / (1 - retained / previous),
    }
    for measure, draws in slow.items():
        width = table.loc[measure, "upper"] - table.loc[measure, "lower"]
        expected = np.subtract(*np.quantile(draws, [0.95, 0.05]))
        assert width == pytest.approx(expected, rel=0.12), measure
        assert table.loc[measure, "lower"] < table.loc[measure, "value"] < table.loc[measure, "upper"]


def test_do_intervals_hold_the_mean_over_many_groups_alike() -> None:
    # 90% intervals of a hundred groups that differ by chance alone should hold their mean in 80 to 97%.
    channel = (lc.datasets.Channel("x", 1.0, 5.0, 0.25, 40.0),)
    log = simulate_shop(25_000, season=0.0, channels=channel, random_seed=1).log
    log["group"] = log["customer_id"] % 100
    table = lc.textbook_measures(log, by="group", observation_end="2024-12-31", resamples=300)
    for measure in ("average_purchase_value", "purchase_frequency", "retention_rate", "cltv"):
        rows = table[table["measure"] == measure]
        truth = rows["value"].mean()
        held = ((rows["lower"] <= truth) & (truth <= rows["upper"])).mean()
        assert len(rows) == 100 and 0.80 <= held <= 0.97, measure


def test_is_the_answer_the_same_in_any_order_of_rows() -> None:
    table = lc.textbook_measures(SHOP.log, random_seed=3)
    shuffled = lc.textbook_measures(SHOP.log.sample(frac=1, random_state=2), random_seed=3)
    pd.testing.assert_frame_equal(table, shuffled)


def test_do_they_mislead_as_their_notes_say() -> None:
    # The same customers, watched for longer: repeat rate and lifespan grow, the truth stays.
    shop = simulate_shop(8000, months=36, season=0.0, random_seed=1)
    young = lc.textbook_measures(shop.log, observation_end="2023-12-31").set_index("measure")["value"]
    old = lc.textbook_measures(shop.log, observation_end="2025-12-31").set_index("measure")["value"]
    assert young["repeat_rate"] < old["repeat_rate"] - 0.1
    assert 1.5 * young["lifespan"] < old["lifespan"]
    # A pause counts as leaving: a short period says that customers live less long.
    month = lc.textbook_measures(shop.log, period="month").set_index("measure")["value"]
    assert month["lifespan_from_churn"] / 3 < 0.6 * old["lifespan_from_churn"]


def test_do_logs_without_amounts_and_without_losses_go_through() -> None:
    bare = lc.textbook_measures(SHOP.log.drop(columns="amount"))
    assert "retention_rate" in set(bare["measure"]) and "cltv" not in set(bare["measure"])
    loyal = pd.DataFrame({"customer_id": np.repeat([1, 2, 3], 4), "amount": 5.0})
    loyal["date"] = np.tile(pd.to_datetime(["2024-01-01", "2024-01-20", "2024-02-10", "2024-03-01"]), 3)
    table = lc.textbook_measures(loyal, period="month").set_index("measure")
    assert table.loc["churn_rate", "value"] == 0.0
    assert table.loc["lifespan_from_churn", ["value", "lower", "upper"]].tolist() == [np.inf] * 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"period": "2 years"}, "do not hold two"),
        ({"margin": np.nan}, "margin"),
        ({"interval": 0.0}, "interval"),
        ({"resamples": 0}, "resamples"),
        ({"cac": {"x": 1.0}}, "by="),
        ({"by": "channel", "cac": {"search": 1.0}}, "no cost for"),
        ({"by": "region"}, "region"),
    ],
)
def test_are_impossible_settings_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(lc.SettingsError, match=message):
        lc.textbook_measures(SHOP.log, **settings)


def test_does_cdnow_have_sane_measures() -> None:
    log = load_cdnow()
    table = lc.textbook_measures(log, period="6 months").set_index("measure")["value"]
    assert table["purchases"] == len(log.drop_duplicates(["customer_id", "date"]))
    assert table["revenue"] == pytest.approx(log["amount"].sum(), rel=1e-12)
    assert 30 < table["average_purchase_value"] < 45 and 0.4 < table["churn_rate"] < 0.6
