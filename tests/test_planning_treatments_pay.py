"""Does the list of whom to make an offer bring what it says, and nearly all that any list could?"""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from shops import oracle_gains

import lifecast as lc
from lifecast.planning.actions import listed

COST, MARGIN = 0.8, 0.3
OFFERS = {"dropout": "dropout_factor", "purchase_rate": "rate_factor"}


@pytest.fixture(scope="module")
def shop() -> lc.datasets.SimulatedShop:
    return lc.datasets.simulate_shop(customers=2_000, random_seed=3, season=0.0)


@pytest.fixture(scope="module")
def rfm(shop: lc.datasets.SimulatedShop) -> lc.RFM:
    return lc.rfm_summary(shop.log, observation_end=shop.end, past=False, attributes=["channel"])


@pytest.fixture(scope="module")
def by_channel(rfm: lc.RFM) -> lc.Forecast:
    model = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(groups="channel"), market=None)
    return model.fit(rfm, random_seed=1).forecast(rfm, "365 days", margin=MARGIN, worlds=50, random_seed=1)


@pytest.fixture(scope="module")
def forecast(rfm: lc.RFM) -> lc.Forecast:
    model = lc.CLTV(market=None).fit(rfm, random_seed=1)
    return model.forecast(rfm, "365 days", margin=MARGIN, worlds=50, random_seed=1)


@pytest.fixture(scope="module")
def offer(forecast: lc.Forecast) -> lc.Treatment:
    return lc.treat(forecast, cost=COST, effect={"dropout": 0.7}, by="channel")


def true_gain(shop: lc.datasets.SimulatedShop, lever: str, factor: float) -> np.ndarray:
    """What the offer adds to each customer, given traits that nobody knows."""
    truth = shop.truth
    return MARGIN * (truth.future_value(**{OFFERS[lever]: factor}) - truth.future_value())


@pytest.mark.parametrize(("lever", "factor"), [("dropout", 0.7), ("purchase_rate", 1.3)])
@pytest.mark.parametrize("budget", [None, 200 * COST])
def test_does_the_list_earn_nearly_what_the_best_would(
    shop: lc.datasets.SimulatedShop,
    rfm: lc.RFM,
    by_channel: lc.Forecast,
    lever: str,
    factor: float,
    budget: float | None,
) -> None:
    """The best is the oracle's list, who knows the true parameters, and of customers what the log says."""
    gain = true_gain(shop, lever, factor)
    ours = lc.treat(by_channel, cost=COST, effect={lever: factor}, budget=budget)
    on_list = ours.customers["treat"].to_numpy()
    best = listed(oracle_gains(shop, rfm, {lever: factor}, MARGIN), np.full(gain.size, COST), budget)
    assert (gain[on_list] - COST).sum() > 0.95 * (gain[best] - COST).sum()
    # those who happen to be on it differ by their traits from what can be expected of them
    chance = 1.645 * np.sqrt(on_list.sum()) * (gain[on_list] - ours.customers["gain"][on_list]).std()
    assert ours.total["gain_lower"] - chance < gain[on_list].sum() < ours.total["gain_upper"] + chance


@pytest.mark.slow
def test_does_the_list_earn_it_in_shop_after_shop() -> None:
    """Profits by customers' own traits: ours beside the oracle's, and those of one who sees the traits."""
    shares = []
    for seed in range(8):
        shop = lc.datasets.simulate_shop(customers=2_000, random_seed=300 + seed, season=0.0)
        rfm = lc.rfm_summary(shop.log, observation_end=shop.end, past=False, attributes=["channel"])
        model = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(groups="channel"), market=None)
        forecast = model.fit(rfm, random_seed=1).forecast(rfm, "365 days", margin=MARGIN, worlds=50)
        for (lever, factor), budget in product(
            (("dropout", 0.7), ("purchase_rate", 1.3)), (None, 200 * COST)
        ):
            gain, cost = true_gain(shop, lever, factor), np.full(len(rfm), COST)
            ours = lc.treat(forecast, cost=COST, effect={lever: factor}, budget=budget).customers["treat"]
            oracle = listed(oracle_gains(shop, rfm, {lever: factor}, MARGIN), cost, budget)
            seer = listed(gain, cost, budget)
            shares.append([(gain[who] - COST).sum() for who in (ours.to_numpy(), oracle, seer)])
    ours, oracle, seer = np.array(shares).reshape(8, 4, 3).sum(axis=0).T
    print(f"ours over the oracle's {ours / oracle}, over the seer's {ours / seer}")
    assert np.all(ours > 0.95 * oracle), ours / oracle
    assert np.all(ours < seer), ours / seer  # nobody knows who has left


def test_is_the_gain_the_difference_of_two_forecasts(forecast: lc.Forecast, offer: lc.Treatment) -> None:
    larger = lc.treat(forecast, cost=COST, effect={"average_order": 1.1}).customers
    np.testing.assert_allclose(larger["gain"], 0.1 * forecast.customers["cltv"], rtol=1e-6)
    np.testing.assert_allclose(offer.customers["cltv"], forecast.customers["cltv"], rtol=1e-6)
    simulated = lc.scenario(forecast, dropout=0.7).total.loc["discounted_value", "difference"]
    assert offer.customers["gain"].sum() == pytest.approx(simulated, rel=0.03)


def test_do_total_and_segments_add_up(offer: lc.Treatment) -> None:
    customers, total = offer.customers, offer.total
    chosen = customers[customers["treat"]]
    assert total["treated"] == len(chosen) == offer.segments["treated"].sum()
    assert total["profit"] == pytest.approx(chosen["profit"].sum())
    assert offer.segments["profit"].sum() == pytest.approx(total["profit"])
    everybody = (offer.segments["gain"] * offer.segments["customers"]).sum()
    assert everybody == pytest.approx(customers["gain"].sum())
    assert np.all(chosen["gain"] > chosen["cost"])
    assert total["gain_lower"] < offer.gain.mean() < total["gain_upper"]


def test_does_the_break_even_effect_break_even(forecast: lc.Forecast, offer: lc.Treatment) -> None:
    shares = offer.customers["break_even"]
    assert np.all((shares < 1.0) == (offer.customers["profit"] > 0.0))
    place = int((shares - 0.6).abs().idxmin())
    at_it = lc.treat(forecast, cost=COST, effect={"dropout": 0.7 ** shares[place]}).customers
    assert at_it.loc[place, "gain"] == pytest.approx(COST, rel=2e-3)
    row = offer.segments.loc["referral"]
    again = lc.treat(forecast, cost=COST, effect={"dropout": 0.7 ** row["break_even"]}, by="channel").segments
    assert again.loc["referral", "gain"] == pytest.approx(COST, rel=2e-3)


def test_does_the_deepest_discount_leave_nothing(forecast: lc.Forecast, offer: lc.Treatment) -> None:
    deepest = offer.segments.loc["partner B", "deepest_discount"]
    assert 0.0 < deepest < MARGIN
    given = lc.treat(
        forecast, cost=COST, effect={"dropout": 0.7}, discount=float(deepest), by="channel"
    ).segments
    assert given.loc["partner B", "gain"] == pytest.approx(COST, rel=1e-6)
    hopeless = offer.segments["gain"] < offer.segments["cost"]
    assert np.all(offer.segments["deepest_discount"].isna() == hopeless)


def test_does_an_unsure_effect_make_the_gain_unsure(forecast: lc.Forecast, offer: lc.Treatment) -> None:
    factor = np.exp(np.random.default_rng(1).normal(np.log(0.7), 0.1, 50))
    unsure = lc.treat(forecast, cost=COST, effect={"dropout": factor})
    widths = [total["gain_upper"] - total["gain_lower"] for total in (offer.total, unsure.total)]
    assert widths[1] > 1.5 * widths[0]


def test_has_no_other_list_more_profit() -> None:
    rng = np.random.default_rng(5)
    for equal in (True, False):
        gain = rng.gamma(1.0, 3.0, 10)
        cost = np.full(10, 1.5) if equal else rng.uniform(0.5, 2.5, 10)
        budget = 6.0
        ours = listed(gain, cost, budget)
        lists = np.array(list(product([False, True], repeat=10)))
        profits = np.where(lists @ cost <= budget, lists @ (gain - cost), -np.inf)
        profit = (gain - cost)[ours].sum()
        assert cost[ours].sum() <= budget
        if equal:
            assert profit == pytest.approx(profits.max())
        else:
            assert profits.max() - profit < (gain - cost).max()


def test_is_what_makes_no_sense_refused(forecast: lc.Forecast) -> None:
    with pytest.raises(lc.SettingsError, match="dropout"):
        lc.treat(forecast, cost=1.0, effect={"drop-out": 0.9})
    with pytest.raises(lc.SettingsError, match="share of the price"):
        lc.treat(forecast, cost=1.0, effect={"dropout": 0.9}, discount=1.0)
    with pytest.raises(lc.SettingsError, match="0 or more"):
        lc.treat(forecast, cost=-1.0, effect={"dropout": 0.9})
    with pytest.raises(lc.DataError, match="one for each"):
        lc.treat(forecast, cost=[1.0, 2.0], effect={"dropout": 0.9})
    with pytest.raises(lc.DataError, match="one for each"):
        lc.treat(forecast, cost=1.0, effect={"dropout": 0.9}, by=pd.Series(["a"]))
