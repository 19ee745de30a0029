"""Do customers' chances equal those of a slow twin, do segments add up, and do rankings catch what came?"""

import numpy as np
import pandas as pd
import pytest

import lifecast as lc
from lifecast.arrays import Floats
from lifecast.planning.chances import Brought, last_place
from lifecast.planning.segments import quintiles
from lifecast.simulation import Futures, watch

WORLDS = 150


@pytest.fixture(scope="module")
def rfm() -> lc.RFM:
    log = lc.datasets.load_cdnow(sample=True)
    return lc.rfm_summary(log, observation_end="1997-09-30", holdout_end="1998-06-30")


@pytest.fixture(scope="module")
def forecast(rfm: lc.RFM) -> lc.Forecast:
    model = lc.CLTV().fit(rfm, random_seed=1)
    return model.forecast(rfm, 39, annual_discount_rate=0.10, margin=0.5, worlds=WORLDS, random_seed=1)


@pytest.fixture(scope="module")
def found(forecast: lc.Forecast) -> lc.Segments:
    return lc.segments(forecast, threshold=20.0, window=13)


class Everything:
    """Keeps what chances do without: the value and first purchase of each customer in every world."""

    def __init__(self, forecast: lc.Forecast) -> None:
        self.simulation = forecast.simulation
        shape = len(self.simulation.rfm), len(self.simulation.worlds)
        self.value, self.first = np.zeros(shape), np.full(shape, np.inf)

    def look(self, futures: Futures) -> Futures:
        return futures

    def keep(self, part: Futures) -> None:
        rate = self.simulation.discount_rate
        for i, customer in enumerate(part.customer):
            for e in range(part.first[i], part.first[i + 1]):
                s, t = part.world[e], part.time[e]
                worth = self.simulation.margin[customer] * part.amount[e] * np.exp(-rate * t)
                if self.simulation.spend_family is None:
                    worth = 1.0
                self.value[customer, s] += worth
                self.first[customer, s] = min(self.first[customer, s], t)


def everything(forecast: lc.Forecast) -> Everything:
    kept, s = Everything(forecast), forecast.simulation
    watch(s.rfm, s.worlds, s.purchase_family, s.spend_family, s.seed, kept, 1, lambda done: None)
    return kept


def test_are_chances_those_of_all_values_laid_side_by_side(forecast: lc.Forecast, found: lc.Segments) -> None:
    kept = everything(forecast)
    places = round(0.1 * len(kept.value))
    ranks = np.argsort(np.argsort(-kept.value, axis=0), axis=0)
    top = np.mean((ranks < places) & (kept.value > 0), axis=1)
    # Values within half a percent of the last place share it; else the two are the same.
    assert np.abs(found.customers["p_top"] - top).max() < 1.5 / WORLDS
    assert np.mean(found.customers["p_top"] == top) > 0.5
    np.testing.assert_allclose(found.customers["p_above"], np.mean(kept.value > 20.0, axis=1))
    np.testing.assert_allclose(found.customers["p_again"], np.mean(kept.first <= 13.0, axis=1))


def test_do_chances_of_the_best_add_up_to_their_places(found: lc.Segments) -> None:
    assert found.customers["p_top"].sum() == pytest.approx(236, abs=1e-6)
    assert found.customers["p_top"].between(0, 1).all()


def test_are_buyers_fewer_than_places_all_among_the_best() -> None:
    counts = np.array([[0, 2, 1], [5, 1, 1]])
    last, part = last_place(counts, 4)
    np.testing.assert_array_equal(last, [0, 0])
    np.testing.assert_allclose(part, [1.0, 0.4])  # in the second world 2 of 5 places are left


def test_does_the_number_of_purchases_stand_for_value_where_there_is_no_spend(rfm: lc.RFM) -> None:
    forecast = lc.CLTV(spend=None, market=None).fit(rfm).forecast(rfm, 13, worlds=50)
    found = lc.segments(forecast, top=0.05, threshold=1)
    kept = everything(forecast)
    np.testing.assert_allclose(found.customers["p_above"], np.mean(kept.value > 1, axis=1))
    np.testing.assert_allclose(found.customers["purchases_upper"], np.quantile(kept.value, 0.95, axis=1))
    assert found.customers["p_top"].sum() == pytest.approx(118)
    assert list(found.segments.filter(like="value").columns) == []


def test_do_segments_add_up_to_the_portfolio_draw_by_draw(forecast: lc.Forecast, found: lc.Segments) -> None:
    for name, draws in forecast.draws.items():
        np.testing.assert_allclose(found.forecast.draws[name].sum(axis=0), draws, rtol=1e-12)
    assert found.segments["customers"].sum() == found.rules["customers"].sum() == 2357
    assert found.segments["share"].sum() == pytest.approx(1.0)
    value = forecast.draws["discounted_value"].sum(axis=1)
    core = found.forecast.draws["discounted_value"][found.forecast.groups.index("core")].sum(axis=1)
    np.testing.assert_allclose(
        found.segments.loc["core", ["share", "share_lower", "share_upper"]].astype(float),
        [np.mean(core / value), *np.quantile(core / value, [0.05, 0.95])],
    )


def test_does_everyone_belong_to_the_first_rule_that_fits(rfm: lc.RFM, found: lc.Segments) -> None:
    people = found.customers.set_index("segment")
    assert np.array_equal(
        found.customers["segment"] == "one-time", (rfm.frequency == 0) & (rfm.T > 13.0)
    )  # nobody of the sample is new by then
    assert people.loc["lost", "p_left"].min() > 0.8
    assert people.loc["at risk", "p_left"].between(0.5, 0.8).all()
    assert people.loc["core", "p_top"].min() >= 0.3 and people.loc["core", "p_left"].max() <= 0.5
    assert people.loc["growing", "p_top"].between(0.1, 0.3, inclusive="left").all()
    assert people.loc["occasional", "p_top"].max() < 0.1
    assert list(found.rules.index) == [
        "new", "one-time", "lost", "at risk", "core", "growing", "occasional",
    ]  # fmt: skip


def test_are_the_young_new() -> None:
    shop = lc.datasets.simulate_shop(customers=300, months=12, random_seed=3)
    rfm = lc.rfm_summary(shop.log, observation_end=shop.end)
    model = lc.CLTV(market=None).fit(rfm, draws=100)
    found = lc.segments(model.forecast(rfm, "6 months", worlds=50), window="30 days")
    assert np.array_equal(found.customers["segment"] == "new", rfm.T <= 30 / 7)
    assert "30 days" in found.rules.loc["new", "rule"]


def test_are_large_value_and_large_upside_told_apart(found: lc.Segments) -> None:
    people = found.customers
    best = people["potential"] == "value"
    upside = people["potential"] == "upside"
    assert best.sum() == 236 and 0 < upside.sum() < 236
    assert people.loc[best, "cltv"].min() >= people.loc[~best, "cltv"].max()
    assert people.loc[upside, "cltv_upper"].min() >= people.loc[~upside & ~best, "cltv_upper"].max()


def test_do_equal_customers_share_a_quintile() -> None:
    values = np.array([0.0] * 6 + [1.0, 2.0, 3.0, 4.0])
    assert quintiles(values).tolist() == [2] * 6 + [4, 4, 5, 5]
    assert np.bincount(quintiles(np.arange(100.0)))[1:].tolist() == [20] * 5


@pytest.fixture(scope="module")
def shop_lift() -> pd.DataFrame:
    shop = lc.datasets.simulate_shop(customers=1_500, random_seed=1)
    rfm = lc.rfm_summary(shop.log, observation_end="2024-06-30", holdout_end="2024-12-31")
    forecast = lc.CLTV(market=None).fit(rfm, draws=200).forecast(rfm, "6 months", worlds=200)
    return lc.segment_lift(lc.segments(forecast), rfm)


def test_does_the_forecast_catch_more_than_past_spend_where_customers_leave(shop_lift: pd.DataFrame) -> None:
    for ranking in ("p_top", "expected value"):
        for share in (0.1, 0.2):
            assert shop_lift.loc[(ranking, share), "over_past_spend_lower"] > 0.0
    assert (shop_lift["caught"] <= shop_lift.loc["perfect", "caught"].reindex(
        shop_lift.index.get_level_values("share")
    ).to_numpy() + 1e-12).all()  # fmt: skip


def test_what_does_it_catch_on_cdnow(rfm: lc.RFM, found: lc.Segments) -> None:
    lift = lc.segment_lift(found, rfm)
    came = rfm.holdout.value
    chosen = np.argsort(-found.customers["cltv"].to_numpy(), kind="stable")[:236]
    assert lift.loc[("expected value", 0.1), "caught"] == pytest.approx(came[chosen].sum() / came.sum())
    # The cohort is young, so past spend ranks nearly as well, but for the very best.
    assert 0.35 < lift.loc[("p_top", 0.05), "caught"] < 0.42
    assert lift.loc[("expected value", 0.05), "over_past_spend_lower"] > 0.0
    assert abs(lift.loc[("p_top", 0.2), "over_past_spend"]) < 0.03
    assert lift.loc[("perfect", 0.1), "lift"] == pytest.approx(7.63, abs=0.01)


def test_are_bad_questions_refused(forecast: lc.Forecast, found: lc.Segments, rfm: lc.RFM) -> None:
    with pytest.raises(lc.SettingsError, match="needed a share"):
        lc.segments(forecast, top=10)
    with pytest.raises(lc.SettingsError, match="within the horizon"):
        lc.segments(forecast, window=52)
    with pytest.raises(lc.DataError, match="one for each"):
        lc.segment_lift(found, [1.0, 2.0])
    with pytest.raises(lc.DataError, match="Nothing came"):
        lc.segment_lift(found, np.zeros(2357))
    bare = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    with pytest.raises(lc.DataError, match="holds out nothing"):
        lc.segment_lift(found, bare)


def test_does_a_value_near_the_lowest_or_highest_bin_count() -> None:
    values: Floats = np.array([1e-9, 1e-3, 1.0, 1e3, 1e9, 0.0, -1.0])
    brought = Brought(np.arange(7), np.zeros(7, np.int64), values, np.zeros(7))
    bins = brought.bins(1.0)
    assert np.all(np.diff(bins[:5]) > 0) and bins[0] == 0 and np.all(bins[5:] == -1)


def test_were_as_many_among_the_best_as_their_chances_say(rfm: lc.RFM, found: lc.Segments) -> None:
    came, chance = rfm.holdout.value, found.customers["p_top"].to_numpy()
    really = came >= np.sort(came)[-236]
    for lowest, highest in ((0.0, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 1.0)):
        these = (chance >= lowest) & (chance < highest)
        expected = chance[these].sum()
        spread = np.sqrt(np.sum(chance[these] * (1 - chance[these])))
        assert abs(really[these].sum() - expected) < 3 * spread, (lowest, really[these].sum(), expected)
