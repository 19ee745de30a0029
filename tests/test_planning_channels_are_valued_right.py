"""Are channels' values, returns and payback right, on shops whose truth is known?"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

import lifecast as lc

DAYS = {"90 days": 90.0, "365 days": 365.0, "infinite": np.inf}
SHOPS = 40


def grouped_model(shop: lc.datasets.SimulatedShop, seed: int) -> lc.CLTV:
    rfm = lc.rfm_summary(shop.log, attributes=["channel"], observation_end=shop.end)
    model = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(groups="channel"), market=None)
    return model.fit(rfm, random_seed=seed)


@pytest.fixture(scope="module")
def shop() -> lc.datasets.SimulatedShop:
    return lc.datasets.simulate_shop(customers=4_000, random_seed=2, season=0.0)


@pytest.fixture(scope="module")
def found(shop: lc.datasets.SimulatedShop) -> lc.Channels:
    return lc.channels(
        grouped_model(shop, 1), shop.costs, margin=0.3, horizons=tuple(DAYS), worlds=400, target_roi=0.5
    )


def covered(found: lc.Channels, shop: lc.datasets.SimulatedShop, margin: float) -> np.ndarray:
    """Whether the 90% interval of each channel's value holds the truth, (channel, horizon)."""
    truth = pd.concat([shop.truth.value_per_customer(days, 0.10) for days in DAYS.values()], axis=1)
    lower, upper = np.quantile(found.value, [0.05, 0.95], axis=0)
    true = margin * truth.loc[list(found.names)].to_numpy()
    return (lower < true) & (true < upper)


def test_do_intervals_hold_the_true_values(found: lc.Channels, shop: lc.datasets.SimulatedShop) -> None:
    assert covered(found, shop, 0.3).sum() >= 15  # of 21; Binomial(21, 0.9) is less in 1%, if independent


def true_payback(shop: lc.datasets.SimulatedShop, cac: "pd.Series[float]", margin: float) -> np.ndarray:
    """Days after which a customer of each channel has really earned its cost, in the order of the costs."""
    days = np.append(0.0, np.geomspace(1.0, 3652.5, 400))
    found = []
    for channel in shop.truth.channels:
        known = channel.parameters("day")
        model = lc.CLTV.from_parameters(
            {name: known[name] for name in ("r", "alpha", "a", "b")},
            {name: known[name] for name in ("p", "q", "v")},
            time_unit="day",
        )
        repeats = model.new_customer_curve(days, annual_discount_rate=0.10, margin=margin, worlds=1)
        earned = margin * channel.mean_spend + repeats[0, 0]
        found.append(np.interp(cac[channel.name], earned, days, left=0.0, right=np.inf))
    return pd.Series(found, [channel.name for channel in shop.truth.channels])[cac.index].to_numpy()


def channels_at_random(seed: int) -> tuple[lc.datasets.Channel, ...]:
    """The usual seven, of the usual sizes, whose customers differ as channels' might: drawn from normals.

    Around 4 purchases a year, give or take 30% (one standard deviation), a dropout of 27% (0.5 on the logit)
    and a mean spend of 40 (25%).
    """
    away = np.random.default_rng([77, seed]).standard_normal((7, 3))
    return tuple(
        replace(
            channel,
            purchases_per_year=4.0 * np.exp(0.3 * rate),
            dropout=float(expit(logit(0.27) + 0.5 * dropout)),
            mean_spend=40.0 * np.exp(0.25 * spend),
        )
        for channel, (rate, dropout, spend) in zip(lc.datasets.DEFAULT_CHANNELS, away, strict=True)
    )


@pytest.mark.slow
def test_do_intervals_hold_the_true_values_as_often_as_they_say() -> None:
    """Values, and so returns at the horizons, and days of payback, in shop after shop, of channels at random.

    Partial pooling takes a channel to differ from the others as these do from each other. Of one that is
    unlike all others in every shop it says too much (see the test below).
    """
    values, days = [], []
    for seed in range(SHOPS):
        drawn = channels_at_random(seed)
        shop = lc.datasets.simulate_shop(customers=4_000, channels=drawn, random_seed=100 + seed, season=0.0)
        found = lc.channels(
            grouped_model(shop, seed), shop.costs, margin=0.3, horizons=tuple(DAYS), worlds=400
        )
        values.append(covered(found, shop, 0.3))
        true = true_payback(shop, found.table["cac"], 0.3)
        after_a_year = 0.3 * shop.truth.value_per_customer(365.0, 0.10)[found.table.index]
        assert np.all((true <= 365.0) == (after_a_year >= found.table["cac"]))
        row = found.payback[["days_lower", "days_upper"]].to_numpy()
        paid = (found.table["cac"] > 0.0).to_numpy()
        days.append(((row[:, 0] <= true) & (true <= row[:, 1]))[paid])
    by_horizon, by_channel = np.mean(values, axis=(0, 1)), np.mean(values, axis=(0, 2))
    print(f"values {by_horizon}, by channel {dict(zip(found.names, by_channel, strict=True))}")
    print(f"payback {np.mean(days)}")
    assert np.all((by_horizon > 0.85) & (by_horizon < 0.95)), by_horizon
    assert 0.85 < np.mean(days) < 0.98, np.mean(days, axis=0)


@pytest.mark.slow
def test_is_only_the_oddest_of_channels_held_too_seldom() -> None:
    """The same with the usual channels in every shop: 20 customers of "partner C" are unlike all others.

    Partial pooling draws its value to theirs each time.
    """
    values = []
    for seed in range(24):
        shop = lc.datasets.simulate_shop(customers=4_000, random_seed=100 + seed, season=0.0)
        found = lc.channels(
            grouped_model(shop, seed), shop.costs, margin=0.3, horizons=tuple(DAYS), worlds=400
        )
        values.append(covered(found, shop, 0.3))
    odd = np.array([name == "partner C" for name in found.names])
    held = np.array(values)  # (shop, channel, horizon)
    print(f"partner C {held[:, odd].mean(axis=(0, 1))}, the others {held[:, ~odd].mean(axis=(0, 1))}")
    assert 0.85 < held[:, ~odd].mean() < 0.95, held.mean(axis=(0, 2))
    assert held[:, odd].mean() < held[:, ~odd].mean()


def test_is_the_best_channel_found(found: lc.Channels, shop: lc.datasets.SimulatedShop) -> None:
    paid = found.table[found.table["cost"] > 0]
    true = shop.truth.value_per_customer(np.inf, 0.10)
    returns = 0.3 * true[paid.index] / paid["cac"]
    assert paid["value_to_cac"].idxmax() == returns.idxmax()


def test_is_the_value_at_each_horizon_that_of_new_customers(shop: lc.datasets.SimulatedShop) -> None:
    model = grouped_model(shop, 1)
    found = lc.channels(model, shop.costs, horizons=("30 days", "2 years", "infinite", "90 days"), worlds=50)
    kinds = pd.DataFrame({"channel": found.names}, index=list(found.names))
    for place, horizon in enumerate(("30 days", "2 years", np.inf, "90 days")):
        exact = model.new_customers(horizon, customers=kinds, annual_discount_rate=0.10, worlds=50)
        np.testing.assert_allclose(found.value[:, :, place], exact.expected_value, rtol=1e-4)
    one = model.new_customers("90 days", customers=kinds, annual_discount_rate=0.10, worlds=4_000).table["sd"]
    ours = lc.channels(model, shop.costs, horizons=("90 days",), worlds=1_000).spread
    np.testing.assert_allclose(ours, one, rtol=0.25)  # an sd from 1,000 skewed values


def test_do_returns_follow_from_value_and_cost(found: lc.Channels) -> None:
    for place, name in enumerate(found.names):
        cac = found.table.loc[name, "cac"]
        if cac == 0:
            assert np.isinf(found.roi.loc[name, "roi"]).all()
            continue
        roi = found.value[:, place] / cac - 1.0
        np.testing.assert_allclose(found.roi.loc[name, "roi"], roi.mean(axis=0))
        np.testing.assert_allclose(found.roi.loc[name, "roi_lower"], np.quantile(roi, 0.05, axis=0))
        np.testing.assert_allclose(
            found.roi.loc[name, "probability_positive"], np.mean(roi > 0.0, axis=0), atol=1e-12
        )
    assert np.all(np.diff(found.value, axis=2) > 0)  # a campaign that looks poor at first may pay later
    assert found.table["probability_best"].sum() == pytest.approx(1.0)


def test_does_the_highest_cac_return_the_target_as_often_as_asked(found: lc.Channels) -> None:
    returns = found.value[:, :, -1] / found.table["highest_cac"].to_numpy() - 1.0
    np.testing.assert_allclose(np.mean(returns >= 0.5, axis=0), 0.9, atol=0.005)
    paid = (found.table["cost"] > 0).to_numpy() & (found.table["highest_commission"] > 0).to_numpy()
    left = found.value[:, paid, -1] * (1.0 - found.table["highest_commission"].to_numpy()[paid])
    np.testing.assert_allclose(np.mean(left / found.cac[paid] - 1.0 >= 0.5, axis=0), 0.9, atol=0.005)


def test_is_the_cost_earned_back_on_the_day_it_says(
    found: lc.Channels, shop: lc.datasets.SimulatedShop
) -> None:
    grid = np.array([1.0, 3.0, 10.0, 30.0, 60.0, 120.0, 240.0, 480.0, 960.0])
    true = pd.concat([0.3 * shop.truth.value_per_customer(day, 0.10) for day in grid], axis=1)
    for name, row in found.payback.iterrows():
        cac = found.table.loc[name, "cac"]
        days = np.interp(cac, true.loc[name], grid, left=0.0, right=np.inf)
        if row["days_lower"] > 0 and np.isfinite(row["days_upper"]):
            assert 0.5 * row["days_lower"] < days < 2.0 * row["days_upper"], name


def test_is_uplift_zero_between_channels_that_do_not_differ() -> None:
    log = lc.datasets.simulate_shop(customers=1_500, random_seed=4, season=0.0).log
    log["channel"] = np.where(pd.factorize(log["customer_id"])[0] % 2 == 0, "a", "b")
    rfm = lc.rfm_summary(log, attributes=["channel"])
    model = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(), market=None).fit(rfm, random_seed=1)
    costs = pd.DataFrame({"channel": ["a", "b"], "cost": [10.0, 10.0], "new_customers": [1, 1]})
    table = lc.channels(model, costs, horizons=("365 days",), worlds=400).table
    assert table.loc["a", "uplift_lower"] < 0.0 < table.loc["a", "uplift_upper"]
    assert 0.05 < table.loc["a", "probability_best"] < 0.95


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"drop": "cost"}, "no column 'cost'"),
        ({"channel": "billboard"}, "'billboard', which the model has not seen; it knows 'a', 'b'"),
        ({"new_customers": 0}, "at least one new customer"),
        ({"cost": -1.0}, "a cost of 0 or more"),
        ({"cost": [10.0, np.nan]}, "1 of 2 rows of the cost table lack .*first: b, nan"),
        ({"channel": ["a", None]}, "1 of 2 rows of the cost table lack"),
        ({"cost": ["10", "€10.00"]}, "first: b, €10.00, 1.*plain numbers, such as 1234.5"),
    ],
)
def test_are_bad_cost_tables_refused(change: dict[str, object], message: str) -> None:
    frame = lc.datasets.load_cdnow(sample=True)
    frame["channel"] = np.where(frame["customer_id"] % 2 == 0, "a", "b")
    rfm = lc.rfm_summary(frame, attributes=["channel"], observation_end="1997-09-30")
    model = lc.CLTV(lc.BGNBD(groups="channel"), market=None).fit(rfm, draws=100)
    costs = pd.DataFrame({"channel": ["a", "b"], "cost": [10.0, 10.0], "new_customers": [1, 1]})
    bad = costs.drop(columns=change["drop"]) if "drop" in change else costs.assign(**change)
    with pytest.raises(lc.DataError, match=message):
        lc.channels(model, bad)


@pytest.fixture(scope="module")
def quarterly() -> lc.CLTV:
    """BG/BB customers of two channels, with an opportunity in each of eight quarters, spending 50 or so."""
    rng = np.random.default_rng(6)
    n, quarters = 400, 8
    channel = np.where(np.arange(n) % 2 == 0, "a", "b")
    buys = rng.beta(3.0, np.where(channel == "a", 2.0, 6.0), n)[:, None]
    stays = np.cumprod(rng.uniform(size=(n, quarters)) >= rng.beta(1.0, 9.0, n)[:, None], axis=1)
    bought = stays * (rng.uniform(size=(n, quarters)) < buys)
    frequency = bought.sum(axis=1)
    level = 50.0 * rng.gamma(6.0, 1.0 / 6.0, n)
    histories = pd.DataFrame(
        {
            "customer_id": np.arange(n),
            "frequency": frequency,
            "recency": (bought * np.arange(1, quarters + 1)).max(axis=1),
            "T": quarters,
            "monetary_value": np.where(frequency > 0, level, 0.0),
            "channel": channel,
        }
    )
    model = lc.CLTV(lc.BGBB(groups="channel"), lc.GammaGamma(fit_to="means"), market=None)
    return model.fit(lc.RFM.from_frame(histories, time_unit="3 months"), random_seed=1)


def test_does_a_year_hold_four_quarters(quarterly: lc.CLTV) -> None:
    costs = pd.DataFrame({"channel": ["a", "b"], "cost": [90.0, 90.0], "new_customers": [1, 1]})
    horizons = ("30 days", "90 days", "365 days", "infinite")
    found = lc.channels(quarterly, costs, horizons=horizons, worlds=50)
    kinds = pd.DataFrame({"channel": ["a", "b"]}, index=["a", "b"])
    for place, opportunities in enumerate((0, 1, 4, np.inf)):
        exact = quarterly.new_customers(
            opportunities, customers=kinds, annual_discount_rate=0.10, worlds=50
        ).expected_value
        np.testing.assert_allclose(found.value[:, :, place], exact, rtol=1e-9)


def test_is_a_cost_earned_back_at_an_opportunity(quarterly: lc.CLTV) -> None:
    costs = pd.DataFrame({"channel": ["a", "b"], "cost": [90.0, 300.0], "new_customers": [1, 1]})
    found = lc.channels(quarterly, costs, worlds=50)
    kinds = pd.DataFrame({"channel": ["a", "b"]}, index=["a", "b"])
    earned = np.stack(
        [
            quarterly.new_customers(
                quarter, customers=kinds, annual_discount_rate=0.10, worlds=50
            ).expected_value
            for quarter in range(41)
        ]
    )  # (quarter, world, channel)
    enough = earned >= np.array([90.0, 300.0])
    days = np.where(enough.any(axis=0), np.argmax(enough, axis=0) * 365.25 / 4, np.inf)
    np.testing.assert_allclose(found.payback_days, days)
    assert np.ptp(days[:, 0]) > 0.0 and np.isinf(days[:, 1]).any()


def test_do_channels_that_cost_nothing_share_the_best_return(shop: lc.datasets.SimulatedShop) -> None:
    free = shop.costs.assign(cost=shop.costs["cost"].where(shop.costs["channel"] != "referral", 0.0))
    found = lc.channels(grouped_model(shop, 1), free, horizons=("30 days",), worlds=20).table
    assert found.loc[["direct", "referral"], "probability_best"].tolist() == [0.5, 0.5]


def test_are_settings_that_cannot_be_meant_refused(shop: lc.datasets.SimulatedShop) -> None:
    model = grouped_model(shop, 1)
    for settings in ({"interval": 90}, {"worlds": 0}, {"horizons": ()}):
        with pytest.raises(lc.SettingsError, match="needed"):
            lc.channels(model, shop.costs, **settings)  # type: ignore[arg-type]


def test_is_a_model_without_groups_refused() -> None:
    model = lc.CLTV.from_parameters({"r": 0.2, "alpha": 4.0, "a": 0.8, "b": 2.4})
    with pytest.raises(lc.SettingsError, match="no groups"):
        lc.channels(model, pd.DataFrame())


def test_does_a_calendar_limit_how_far_payback_is_looked_for() -> None:
    log = lc.datasets.load_cdnow(sample=True)
    log["channel"] = np.where(log["customer_id"] % 2 == 0, "a", "b")
    rfm = lc.rfm_summary(log, attributes=["channel"], observation_end="1998-03-31")
    days = pd.DataFrame({"date": pd.date_range("1997-01-01", "1998-12-31")})
    days["christmas"] = np.where((days["date"].dt.month == 12) & (days["date"].dt.day < 24), 1, 0)
    model = lc.CLTV(lc.BGNBD(groups="channel"), calendar=days).fit(rfm, draws=100)
    costs = pd.DataFrame({"channel": ["a", "b"], "cost": [30.0, 500.0], "new_customers": [1, 1]})
    payback = lc.channels(model, costs, horizons=("30 days", "180 days"), worlds=50).payback
    assert payback.loc["a", "days"] <= 180.0 and np.isinf(payback.loc["b", "days"])
