"""Does the simulated shop do what its truth says: values, response curves, the offer, keys, sums?"""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import lifecast as lc
from lifecast.datasets import Channel, Offer, simulate_shop
from lifecast.simulated_shop.truth import _expected_purchases

SHOP = simulate_shop(20_000, season=0.5, random_seed=4)


def everything(shop: lc.datasets.SimulatedShop) -> pd.DataFrame:
    """All purchases, those of the future too, with the customer's age at each in days."""
    bought = pd.concat([shop.log, shop.truth.future]).merge(shop.customers, on=["customer_id", "channel"])
    return bought.assign(age=(bought["date"] - bought["first"]).dt.days)


def z_score(difference: pd.Series) -> float:
    return float(difference.mean() / (difference.std() / math.sqrt(len(difference))))


@pytest.mark.parametrize("days", [30, 90, 365])
def test_are_customers_of_a_channel_worth_what_the_truth_says(days: int) -> None:
    bought = everything(SHOP)
    worth = bought[bought["age"] < days].groupby("customer_id")["amount"].sum()
    expected = SHOP.customers["channel"].map(SHOP.truth.value_per_customer(days))
    gap = pd.Series(worth.to_numpy() - expected.to_numpy()).groupby(SHOP.customers["channel"])
    assert gap.apply(z_score).abs().max() < 3.5


def test_do_lifetime_values_come_near_those_of_the_papers_formula() -> None:
    # Without a season the value of a new customer is that of BG/NBD with the channel's parameters.
    shop = simulate_shop(500, season=0.0, random_seed=1)
    value = shop.truth.value_per_customer(365)
    for channel in shop.truth.channels:
        parameters = channel.parameters("day")
        model = lc.CLTV.from_parameters(
            {name: parameters[name] for name in ("r", "alpha", "a", "b")}, time_unit=1
        )
        expected = channel.mean_spend * (1 + model.expected_purchases_new_customer(365))
        assert value[channel.name] == pytest.approx(expected, rel=1e-9)
        # Far ahead, which only discounting over decades asks for, a millionth.
        assert float(_expected_purchases(channel, np.array([40_000.0]))[0]) == pytest.approx(
            model.expected_purchases_new_customer(40_000), rel=1e-5
        )


def test_is_discounting_right_and_life_finite() -> None:
    truth = SHOP.truth
    lifetime = truth.value_per_customer(math.inf, 0.10)
    century = truth.value_per_customer(100 * 365.25, 0.10)
    np.testing.assert_allclose(lifetime, century, rtol=1e-3)
    # Value within the first 30 days is discounted by no more than those 30 days.
    ratio = truth.value_per_customer(30, 0.10) / truth.value_per_customer(30)
    assert (ratio < 1).all() and (ratio > 1.1 ** (-30 / 365.25)).all()
    with pytest.raises(lc.SettingsError, match="annual_discount_rate"):
        truth.value_per_customer(math.inf)


def test_is_the_future_what_each_customer_is_expected_to_do() -> None:
    truth = SHOP.truth.customers
    future = SHOP.truth.future.groupby("customer_id")["amount"].sum()
    np.testing.assert_allclose(truth.set_index("customer_id")["value"][future.index], future)
    assert truth.loc[~truth["alive"], ["value", "expected_value"]].to_numpy().sum() == 0
    assert abs(z_score(truth["value"] - truth["expected_value"])) < 3
    # Two purchases on one day are one: about one in a hundred.
    assert truth["purchases"].sum() / truth["expected_purchases"].sum() == pytest.approx(0.99, abs=0.02)
    # Groups that the truth sets apart come true, each.
    rank = pd.qcut(truth.loc[truth["alive"], "expected_value"], 5, labels=False)
    gap = (truth["value"] - truth["expected_value"])[truth["alive"]].groupby(rank)
    assert gap.apply(z_score).abs().max() < 3.5


def test_does_the_season_move_purchases() -> None:
    quiet = simulate_shop(20_000, season=0.0, random_seed=4)
    for shop, ratio in ((SHOP, 3.0), (quiet, 1.0)):
        later = everything(shop)
        later = later[later["age"] > 0]
        month = later["date"].dt.month.value_counts()
        # June at half speed, December at one and a half; but customers come and go.
        early = later[later["date"].dt.year == 2025]["date"].dt.month.value_counts()
        assert month.sum() == len(later)
        assert early[12] / early[6] == pytest.approx(ratio, rel=0.35)


def test_do_new_customers_follow_the_response_curves() -> None:
    channels = [replace(c, elasticity=1.0) if c.name == "referral" else c for c in SHOP.truth.channels]
    shop = simulate_shop(20_000, channels=tuple(channels), random_seed=2)
    costs = shop.costs
    assert costs["new_customers"].sum() == 20_000
    expected = [
        shop.truth.new_customers(channel, cost)
        for channel, cost in zip(costs["channel"], costs["cost"], strict=True)
    ]
    chi_squared = ((costs["new_customers"] - expected) ** 2 / expected).sum()
    assert chi_squared / len(costs) == pytest.approx(1.0, abs=0.3)
    # Twice the cost brings 2 ** 0.6 times the customers, of a channel with elasticity 1 twice.
    for channel, power in (("search", 0.6), ("referral", 1.0), ("direct", 0.0)):
        twice = shop.truth.new_customers(channel, 2000) / shop.truth.new_customers(channel, 1000)
        assert twice == pytest.approx(2**power)
    joined = shop.customers.assign(start=shop.customers["first"].dt.to_period("M").dt.start_time)
    counted = joined.groupby(["channel", "start"]).size().rename("counted")
    both = costs.join(counted, on=["channel", "start"]).fillna({"counted": 0})
    assert (both["counted"] == both["new_customers"]).all()


@pytest.mark.parametrize("factors", [(1.5, 1.0), (1.0, 0.5)])
def test_does_the_offer_do_what_the_truth_says(factors: tuple[float, float]) -> None:
    rate_factor, dropout_factor = factors
    offer = Offer(month=12, share=0.5, rate_factor=rate_factor, dropout_factor=dropout_factor)
    shop = simulate_shop(40_000, offer=offer, random_seed=3)
    bought = pd.concat([shop.log, shop.truth.future])
    after = bought[(bought["date"] >= "2024-01-01") & (bought["date"] < "2024-12-31")]
    customers = shop.customers.set_index("customer_id")
    value = after.groupby("customer_id")["amount"].sum().reindex(customers.index, fill_value=0.0)
    test = customers[customers["in_test"]]
    assert (test["first"] < "2024-01-01").all() and not customers["treated"][~customers["in_test"]].any()
    assert test["treated"].mean() == pytest.approx(0.5, abs=0.02)
    arms = value[test.index].groupby(test["treated"])
    effect = arms.mean()[True] - arms.mean()[False]
    error = math.sqrt((arms.var() / arms.count()).sum())
    gain = shop.truth.offer_gain(365)
    assert gain.index.equals(test.index)
    assert gain.mean() > 3 * error  # the test has something to find
    assert effect == pytest.approx(gain.mean(), abs=3 * error)


def test_what_would_an_offer_at_the_end_be_worth() -> None:
    truth = SHOP.truth
    as_is = truth.future_value()
    np.testing.assert_allclose(as_is, truth.customers["expected_value"])
    assert (truth.future_value(rate_factor=1.2) >= as_is).all()
    # Who never leaves buys at the own rate, however long.
    forever = truth.future_value(365.25, rate_factor=1.0, dropout_factor=1e-9)
    alive = truth.customers["alive"].to_numpy()
    rate_times_spend = (truth.customers["rate"] * truth.customers["mean_spend"]).to_numpy()
    np.testing.assert_allclose(forever[alive], rate_times_spend[alive], rtol=1e-6)
    # Discounted and undiscounted agree where nothing is far away.
    np.testing.assert_allclose(truth.future_value(1.0, 0.10), truth.future_value(1.0), rtol=1e-3)


def test_are_tables_whole_and_their_sums_the_same() -> None:
    log, customers = SHOP.log, SHOP.customers
    assert log["date"].is_monotonic_increasing
    assert log["date"].max() <= pd.Timestamp(SHOP.end) < SHOP.truth.future["date"].min()
    assert customers["customer_id"].is_unique and set(log["customer_id"]) == set(customers["customer_id"])
    assert (log.groupby("customer_id")["date"].min().to_numpy() == customers["first"].to_numpy()).all()
    assert (log["amount"] > 0).all()
    owner = SHOP.identities.set_index("account")["customer_id"]
    assert owner.index.is_unique
    assert (log["account"].map(owner) == log["customer_id"]).all()
    assert SHOP.identities["email"].str.contains("unknown@").sum() > 20


def test_is_the_seed_all_that_matters() -> None:
    again = simulate_shop(20_000, season=0.5, random_seed=4)
    pd.testing.assert_frame_equal(again.log, SHOP.log)
    pd.testing.assert_frame_equal(again.identities, SHOP.identities)
    other = simulate_shop(20_000, season=0.5, random_seed=5)
    assert not other.costs["cost"].equals(SHOP.costs["cost"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"customers": 0}, "customers=0"),
        ({"months": 0}, "months=0"),
        ({"season": 1.0}, "season=1.0"),
        ({"start": "2023-01-02"}, "first of a month"),
        ({"channels": ()}, "at least one"),
        ({"offer": Offer(month=30)}, "within the log's 24"),
    ],
)
def test_are_impossible_shops_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(lc.SettingsError, match=message):
        simulate_shop(**({"customers": 100} | settings))  # type: ignore[arg-type]
    with pytest.raises(lc.SettingsError, match=r"dropout=1\.5"):
        Channel("x", 1.0, 4.0, 1.5, 30.0)
    with pytest.raises(lc.SettingsError, match="no offer"):
        SHOP.truth.offer_gain(30)
