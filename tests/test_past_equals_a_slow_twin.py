"""Is the past what someone would have seen who made an RFM at each origin, and then waited?"""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import lifecast as lc
from lifecast.datasets import load_cdnow
from lifecast.past import Past


def simulated_log(customers: int = 250, days: int = 200, seed: int = 7) -> pd.DataFrame:
    """Customers who join over time and buy at rates of their own, for amounts that add up exactly."""
    rng = np.random.default_rng(seed)
    lines = []
    for customer in range(customers):
        first = int(rng.integers(days // 2))
        later = first + np.cumsum(rng.exponential(20 / rng.gamma(2.0), size=rng.geometric(0.1)))
        bought = np.append(first, later[later < days]).astype(int)
        amounts = rng.integers(0, 200, len(bought)) / 4 * (rng.random(len(bought)) < 0.95)
        lines += [(f"c{customer}", day, amount) for day, amount in zip(bought, amounts, strict=True)]
    log = pd.DataFrame(lines, columns=["customer_id", "day", "amount"])
    log["date"] = pd.Timestamp("2024-03-01") + pd.to_timedelta(log["day"], unit="D")
    return log.drop(columns="day").sample(frac=1, random_state=seed, ignore_index=True)


def merged(log: pd.DataFrame, end: date, merge_days: int = 1) -> pd.DataFrame:
    """Purchases up to the end: one per customer and calendar period, on its first day."""
    log = log[log["date"] <= pd.Timestamp(end)]
    period = (log["date"] - pd.Timestamp("1970-01-05")).dt.days // merge_days
    purchases = log.assign(period=period).groupby(["customer_id", "period"], as_index=False)
    amount = {"amount": ("amount", "sum")} if "amount" in log else {}
    bought: pd.DataFrame = purchases.agg(date=("date", "min"), **amount)
    return bought.assign(first=bought.groupby("customer_id")["date"].transform("min"))


def origin_days(past: Past, rfm: lc.RFM) -> list[date]:
    assert rfm.observation_end is not None
    back = [(past.age - origin.age) * rfm.time_unit.days for origin in past.origins]
    return [rfm.observation_end - timedelta(days=round(days)) for days in back]


def check(log: pd.DataFrame, merge_days: int = 1, **settings: Any) -> lc.RFM:
    rfm = lc.rfm_summary(log, merge_within=merge_days, **settings)
    past, unit, end = rfm.past, rfm.time_unit.days, rfm.observation_end
    assert past is not None and end is not None and len(past.origins) >= 3
    bought = merged(log, end, merge_days)
    assert past.share == 1.0
    assert past.age * unit == pytest.approx((pd.Timestamp(end) - bought["date"].min()).days)
    block = timedelta(days=round(past.block * unit))
    settings.pop("observation_end", None)
    for origin, day in zip(past.origins, origin_days(past, rfm), strict=True):
        # The histories: an RFM made on that day, and what its customers bought after it.
        then = lc.rfm_summary(log, merge_within=merge_days, observation_end=day, past=False, **settings)
        known = bought[bought["first"] <= pd.Timestamp(day)]
        after = known[known["date"] > pd.Timestamp(day)]
        later = after.groupby("customer_id").size().reindex(then.customer_id.to_pylist(), fill_value=0)
        rows = pd.DataFrame(
            {"x": then.frequency, "t_x": then.recency, "T": then.T, "later": later.to_numpy()}
        )
        rows["weight"] = 1.0
        if then.monetary_value is not None:
            repeats = known[(known["date"] > known["first"]) & (known["date"] <= pd.Timestamp(day))]
            total = repeats.groupby("customer_id")["amount"].sum()
            rows["amount"] = total.reindex(then.customer_id.to_pylist(), fill_value=0.0).to_numpy()
            if merge_days == 1:  # else a period may lie across the origin, and count on its first day
                np.testing.assert_allclose(rows["amount"], then.monetary_value * then.frequency, rtol=1e-12)
        twin = rows.groupby(["T", "x", "t_x", "later"], as_index=False).sum()
        for name in ("x", "t_x", "T", "later", "weight"):
            np.testing.assert_array_equal(getattr(origin, name), twin[name])
        # The blocks: each by hand.
        for j in range(len(origin.purchases)):
            from_day, to_day = pd.Timestamp(day + j * block), pd.Timestamp(day + (j + 1) * block)
            within = after[(after["date"] > from_day) & (after["date"] <= to_day)]
            assert origin.purchases[j] == len(within)
            if origin.value is not None:
                assert origin.value[j] == pytest.approx(within["amount"].sum(), rel=1e-12)
        if origin.amount is None:
            assert then.monetary_value is None and origin.value is None
        else:
            np.testing.assert_allclose(origin.amount, twin["amount"], rtol=1e-12, atol=1e-9)
    return rfm


def test_is_a_simulated_log_remembered_as_its_twin() -> None:
    check(simulated_log())


def test_is_cdnow_remembered_as_its_twin() -> None:
    check(load_cdnow(sample=True), observation_end="1997-09-30")


def test_is_a_real_shop_remembered_as_its_twin(shared: Path) -> None:
    log = pd.read_parquet(shared / "data" / "online_retail_II_2009_2010.parquet")
    log = log.dropna(subset=["customer_id"])[["customer_id", "date", "amount"]]
    check(log[log["amount"] >= 0].assign(date=lambda sales: sales["date"].dt.normalize()))


def test_does_the_past_merge_purchases_as_the_rfm_does() -> None:
    check(simulated_log(), merge_days=7, time_unit="month")


def test_does_the_past_go_without_amounts() -> None:
    rfm = check(simulated_log().drop(columns="amount"))
    assert rfm.past is not None and rfm.past.spend_steadiness is None


def test_are_amounts_net_of_the_returns_known_at_the_end() -> None:
    log = simulated_log()
    end = log["date"].max()
    mine = pd.DataFrame(
        {
            "customer_id": "mine",
            "date": [end - pd.Timedelta(days=days) for days in (180, 170, 20, 10, 0)],
            "amount": [1000.0, 2000.0, 4000.0, -4000.0, -500.0],
        }
    )
    without, with_mine = lc.rfm_summary(log).past, lc.rfm_summary(pd.concat([log, mine])).past
    assert without is not None and with_mine is not None
    for before, after in zip(without.origins, with_mine.origins, strict=True):
        assert before.amount is not None and before.value is not None
        assert after.amount is not None and after.value is not None
        # The latest purchase is wholly returned, and 500 of the one before it; the first is no repeat.
        assert after.amount.sum() - before.amount.sum() == 1500.0
        np.testing.assert_array_equal(after.value, before.value)
        assert after.purchases.sum() - before.purchases.sum() == (with_mine.age - after.age > 20 / 7)


def test_is_steadiness_what_means_before_and_after_say() -> None:
    log = simulated_log()
    rfm = lc.rfm_summary(log)
    assert rfm.past is not None and rfm.past.spend_steadiness is not None and rfm.observation_end is not None
    steady = rfm.past.spend_steadiness
    (day,) = (
        d for d, o in zip(origin_days(rfm.past, rfm), rfm.past.origins, strict=True) if o.age == steady.age
    )
    bought = merged(log, rfm.observation_end)
    bought = bought[(bought["date"] > bought["first"]) & (bought["amount"] > 0)]
    before = (
        bought[bought["date"] <= pd.Timestamp(day)].groupby("customer_id")["amount"].agg(["size", "mean"])
    )
    after = bought[bought["date"] > pd.Timestamp(day)].groupby("customer_id")["amount"].agg(["size", "mean"])
    both = before.join(after, how="inner", suffixes=("_before", "_after"))
    both["ratio"] = np.log(both["mean_after"] / both["mean_before"])
    rows = both.groupby(["size_before", "size_after"])["ratio"].agg(["size", "sum", lambda r: (r**2).sum()])
    np.testing.assert_array_equal(steady.n_before, rows.index.get_level_values(0))
    np.testing.assert_array_equal(steady.n_after, rows.index.get_level_values(1))
    np.testing.assert_array_equal(steady.customers, rows.iloc[:, 0])
    np.testing.assert_allclose(steady.sum_log_ratio, rows.iloc[:, 1], atol=1e-10)
    np.testing.assert_allclose(steady.sum_squared_log_ratio, rows.iloc[:, 2], atol=1e-10)
    assert steady.customers.sum() > 30
    # The middle: about half of what is looked at lies on either side.
    ages = [origin.age for origin in rfm.past.origins]
    assert steady.age == ages[len(ages) // 2]


def test_does_the_past_not_depend_on_the_time_unit() -> None:
    weeks, days = (lc.rfm_summary(simulated_log(), time_unit=unit).past for unit in ("week", "day"))
    assert weeks is not None and days is not None
    assert (days.block, days.age) == (pytest.approx(7 * weeks.block), pytest.approx(7 * weeks.age))
    for a, b in zip(weeks.origins, days.origins, strict=True):
        np.testing.assert_allclose(7 * a.t_x, b.t_x)
        np.testing.assert_allclose(7 * a.T, b.T)
        for name in ("x", "later", "weight", "amount", "purchases", "value"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_do_blocks_of_different_origins_coincide_in_calendar_time() -> None:
    log = simulated_log()
    everyone = log["customer_id"].unique()
    on_day_one = pd.DataFrame({"customer_id": everyone, "date": log["date"].min(), "amount": 1.0})
    past = lc.rfm_summary(pd.concat([log, on_day_one])).past
    assert past is not None
    last = past.origins[0]
    for origin in past.origins:
        back = (past.age - origin.age) / past.block
        assert back == pytest.approx(round(back), abs=1e-9) and len(origin.purchases) == min(round(back), 13)
        if len(origin.purchases) < 13:  # everyone is known at every origin: the same blocks, the same sums
            np.testing.assert_array_equal(origin.purchases, last.purchases[-len(origin.purchases) :])
            np.testing.assert_array_equal(origin.value, last.value[-len(origin.purchases) :])
    assert past.origins[-1].age == pytest.approx(past.age - past.block)
