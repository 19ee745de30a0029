"""Do randomised tests give the effect of an offer, with intervals that hold it as often as they say?"""

import numpy as np
import pytest

import lifecast as lc
from lifecast.planning.experiment import adjusted_mean, check_the_lever

HORIZON = 1095.0
FACTORS = {"purchase_rate": "rate_factor", "dropout": "dropout_factor"}


def trial(seed: int, customers: int = 3_000, **factors: float) -> tuple[lc.datasets.SimulatedShop, lc.RFM]:
    offer = lc.datasets.Offer(month=12, **factors)
    shop = lc.datasets.simulate_shop(customers=customers, random_seed=seed, season=0.0, offer=offer)
    log = shop.log.merge(shop.customers[["customer_id", "treated"]])
    rfm = lc.rfm_summary(
        log, observation_end="2023-12-31", holdout_end="2024-12-31", attributes=["treated"], past=False
    )
    return shop, rfm


def holds(seed: int, lever: str, factor: float) -> tuple[bool, bool]:
    """Whether the intervals of the effect in the year watched, and in three years, hold the truth."""
    shop, rfm = trial(seed, **{FACTORS[lever]: factor})
    table = lc.treatment_effect(
        rfm, horizon=f"{HORIZON} days", annual_discount_rate=0.10, lever=lever, draws=200, random_seed=seed
    ).table
    true = {"value": shop.truth.offer_gain(366.0).mean(), "cltv": shop.truth.offer_gain(HORIZON, 0.10).mean()}
    value, cltv = (
        bool(table.loc[name, "effect_lower"] < gain < table.loc[name, "effect_upper"])
        for name, gain in true.items()
    )
    return value, cltv


@pytest.mark.parametrize(("lever", "factor"), [("purchase_rate", 1.3), ("dropout", 0.6)])
def test_does_the_interval_hold_the_true_effect(lever: str, factor: float) -> None:
    assert holds(1, lever, factor) == (True, True)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The treated bought.*in the time watched")  # of some shops, as it should
@pytest.mark.parametrize(("lever", "factor"), [("purchase_rate", 1.3), ("dropout", 0.6)])
def test_do_intervals_hold_the_true_effect_as_often_as_they_say(lever: str, factor: float) -> None:
    share = np.mean([holds(100 + seed, lever, factor) for seed in range(60)], axis=0)
    assert np.all((share >= 0.80) & (share <= 0.98)), share  # Binomial(60, 0.9) is outside in 2%


def test_is_an_offer_that_does_nothing_found_to_do_nothing() -> None:
    _, rfm = trial(2)
    found = lc.treatment_effect(rfm, interval=0.99, draws=200)
    assert np.all(found.table["effect_lower"] < 0.0)
    assert np.all(found.table["effect_upper"] > 0.0)
    assert found.factor.min() < 1.0 < found.factor.max()
    assert found.treated + found.control == len(rfm)


def test_is_the_measured_factor_one_that_treat_takes() -> None:
    _, rfm = trial(3, rate_factor=1.6)
    found = lc.treatment_effect(rfm, draws=100)
    assert np.quantile(found.factor, 0.05) < 1.6 < np.quantile(found.factor, 0.95)
    model = lc.CLTV(market=None).fit(rfm)
    forecast = model.forecast(rfm, "12 months", worlds=100)
    offer = lc.treat(forecast, cost=1.0, effect={found.lever: found.factor})
    each = offer.customers["gain"].mean()
    row = found.table.loc["cltv"]
    assert row["effect_lower"] < each < row["effect_upper"]


def test_is_the_adjusted_difference_that_of_one_regression() -> None:
    rng = np.random.default_rng(4)
    n = 300
    got_it = rng.uniform(size=n) < 0.4
    forecasts = rng.gamma(1.0, 1.0, (n, 2))
    y = forecasts @ [1.0, 0.5] + 0.7 * got_it * (1.0 + forecasts[:, 0]) + rng.exponential(1.0, n)
    outcomes = np.column_stack([y, y**2])
    with_it, without = (adjusted_mean(outcomes, forecasts, side) for side in (got_it, ~got_it))
    centred = forecasts - forecasts.mean(axis=0)  # Lin (2013): one regression with all interactions, HC2
    X = np.column_stack([np.ones(n), got_it, centred, got_it[:, None] * centred])
    bread = np.linalg.inv(X.T @ X)
    beta = bread @ X.T @ y
    residuals = y - X @ beta
    meat = X.T @ (X * (residuals**2 / (1.0 - np.sum(X @ bread * X, axis=1)))[:, None])
    assert with_it[0][0] - without[0][0] == pytest.approx(beta[1])
    assert with_it[1][0, 0] + without[1][0, 0] == pytest.approx((bread @ meat @ bread)[1, 1])


def test_does_the_forecast_before_the_test_narrow_the_interval() -> None:
    _, rfm = trial(5, rate_factor=1.3)
    got_it = np.asarray(rfm.attributes["treated"].to_pandas(), bool)
    assert rfm.holdout is not None
    bought = rfm.holdout.frequency
    plain = np.sqrt(sum(bought[side].var() / side.sum() for side in (got_it, ~got_it)))
    row = lc.treatment_effect(rfm, draws=200).table.loc["purchases"]
    assert (row["effect_upper"] - row["effect_lower"]) / (2 * 1.645) < 0.9 * plain


def test_are_sides_that_were_not_drawn_by_lot_noticed() -> None:
    _, rfm = trial(6)
    with pytest.warns(lc.LifecastWarning, match="not drawn by lot"):
        lc.treatment_effect(rfm, rfm.frequency > 1, draws=50)


def test_is_what_is_no_test_refused() -> None:
    _, rfm = trial(7, customers=500)
    with pytest.raises(lc.SettingsError, match="has the attributes treated"):
        lc.treatment_effect(rfm, "offer")
    with pytest.raises(lc.SettingsError, match="lever="):
        lc.treatment_effect(rfm, lever="price")  # type: ignore[arg-type]
    with pytest.raises(lc.DataError, match="on either side"):
        lc.treatment_effect(rfm, np.arange(len(rfm)) < 5)
    log = lc.datasets.simulate_shop(customers=200, random_seed=1).log
    with pytest.raises(lc.DataError, match="holdout_end="):
        lc.treatment_effect(lc.rfm_summary(log, past=False), np.ones(200, bool))


def test_is_a_lever_that_cannot_have_done_it_refused_or_named() -> None:
    reach = np.tile(np.log([[0.6], [1.0], [1.4]]), (1, 100))  # of purchases, by any factor of the lever
    draws = np.log(np.linspace(1.0, 1.6, 100))
    with pytest.warns(lc.LifecastWarning, match=r"-40% to \+40% .* in 34% of the draws the offer did more"):
        check_the_lever("dropout", draws, reach, 0.05)
    with pytest.raises(lc.DataError, match=r'\+59% as against .* Pass lever="purchase_rate" or'):
        check_the_lever("dropout", draws + 0.2, reach, 0.05)
    check_the_lever("dropout", draws - 0.2, reach, 0.05)


def test_is_an_effect_beyond_the_lever_not_passed_over() -> None:
    _, rfm = trial(3, rate_factor=2.5)
    with pytest.raises(lc.DataError, match="by another dropout a customer buys"):
        lc.treatment_effect(rfm, lever="dropout", draws=100)
