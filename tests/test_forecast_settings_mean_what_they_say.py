"""Do horizon, margin, interval, discount rate and a missing spend family do what their names say?"""

import math
from datetime import date

import numpy as np
import pandas as pd
import pytest

import lifecast as lc

END = "1997-09-30"


@pytest.fixture(scope="module")
def rfm() -> lc.RFM:
    log = lc.datasets.load_cdnow(sample=True)
    log = log[log["customer_id"] % 7 == 0]
    shares = np.where(log["customer_id"] % 2 == 0, -0.25, 0.4)  # some customers cost money
    return lc.rfm_summary(
        log.assign(share=shares), time_unit="week", observation_end=END, attributes=["share"]
    )


@pytest.fixture(scope="module")
def textbook(rfm: lc.RFM) -> lc.CLTV:
    return lc.CLTV(market=None).fit(rfm, random_seed=1)


@pytest.fixture(scope="module", params=["textbook", "with a market"])
def model(request: pytest.FixtureRequest, textbook: lc.CLTV, rfm: lc.RFM) -> lc.CLTV:
    return textbook if request.param == "textbook" else lc.CLTV().fit(rfm, random_seed=1)


def forecast_of(model: lc.CLTV, rfm: lc.RFM, horizon: object = 20, **settings: object) -> lc.Forecast:
    settings = {"worlds": 200, "random_seed": 3, **settings}
    return model.forecast(rfm, horizon, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("horizon", ["20 weeks", "140 days", "1998-02-17", date(1998, 2, 17), 20.0])
def test_is_a_horizon_the_same_in_whatever_words(model: lc.CLTV, rfm: lc.RFM, horizon: object) -> None:
    expected, found = forecast_of(model, rfm), forecast_of(model, rfm, horizon)
    pd.testing.assert_frame_equal(found.customers, expected.customers, check_exact=True)
    pd.testing.assert_frame_equal(found.portfolio, expected.portfolio, check_exact=True)
    assert found.portfolio["end"].iloc[-1] == pd.Timestamp("1998-02-17")


def test_is_nothing_worth_anything_within_no_time(model: lc.CLTV, rfm: lc.RFM) -> None:
    now = forecast_of(model, rfm, 0, annual_discount_rate=0.1)
    money = [name for name in now.customers if name.startswith("cltv")]
    assert not now.customers[["purchases", "p_purchase", *money]].to_numpy().any()
    assert not now.total.to_numpy().any()
    later = forecast_of(model, rfm)
    same = ["p_alive", "spend_per_purchase"]
    pd.testing.assert_frame_equal(now.customers[same], later.customers[same], rtol=1e-12)


def test_does_part_of_a_period_count_in_part(textbook: lc.CLTV, rfm: lc.RFM) -> None:
    forecast = forecast_of(textbook, rfm, 2.5)
    assert len(forecast.portfolio) == 3
    assert forecast.portfolio["end"].iloc[-1] == pd.Timestamp(END) + pd.Timedelta(17.5, unit="D")
    assert forecast.customers["purchases"].sum() == pytest.approx(
        textbook.expected_purchases(rfm, 2.5).sum(), rel=0.03
    )


def test_is_an_infinite_horizon_the_limit_of_long_ones(textbook: lc.CLTV, rfm: lc.RFM) -> None:
    rate = {"annual_discount_rate": 0.3}
    forever = forecast_of(textbook, rfm, math.inf, worlds=400, **rate)
    long = forecast_of(textbook, rfm, "60 years", worlds=400, **rate)
    np.testing.assert_allclose(forever.customers["cltv"], long.customers["cltv"], rtol=1e-6)
    pd.testing.assert_frame_equal(
        forever.total.loc[["discounted_value"]], long.total.loc[["discounted_value"]], rtol=1e-4
    )
    with pytest.raises(lc.SettingsError, match="infinite horizon needs annual_discount_rate"):
        forecast_of(textbook, rfm, math.inf)


def test_does_discounting_take_the_rate_of_each_year(rfm: lc.RFM, model: lc.CLTV) -> None:
    plain, halved = forecast_of(model, rfm), forecast_of(model, rfm, annual_discount_rate=1.0)
    value, discounted = halved.draws["value"], halved.draws["discounted_value"]
    np.testing.assert_array_equal(value, plain.draws["value"])
    bought = value > 0
    ends = 0.5 ** (np.arange(21) * 7 / 365.25)
    assert np.all((discounted <= value * ends[:-1])[bought] & (discounted >= value * ends[1:])[bought])


def test_does_a_negative_margin_turn_value_round(model: lc.CLTV, rfm: lc.RFM) -> None:
    gain, loss = forecast_of(model, rfm).customers, forecast_of(model, rfm, margin=-1.0).customers
    for name, mirrored in {
        "cltv": "cltv",
        "cltv_median": "cltv_median",
        "cltv_lower": "cltv_upper",
        "cltv_mean_lower": "cltv_mean_upper",
    }.items():
        np.testing.assert_allclose(loss[name], -gain[mirrored], rtol=1e-12)
    unpriced = ["p_alive", "purchases", "p_purchase", "spend_per_purchase"]
    pd.testing.assert_frame_equal(loss[unpriced], gain[unpriced], check_exact=True)


def test_is_a_margin_taken_from_each_customers_attribute(model: lc.CLTV, rfm: lc.RFM) -> None:
    whole, shared = forecast_of(model, rfm).customers, forecast_of(model, rfm, margin="share").customers
    share = np.asarray(rfm.attributes["share"], float)
    assert set(share) == {-0.25, 0.4}
    np.testing.assert_allclose(shared["cltv"], share * whole["cltv"], rtol=1e-12)
    costly = share < 0
    np.testing.assert_allclose(shared["cltv_upper"][~costly], 0.4 * whole["cltv_upper"][~costly], rtol=1e-12)
    np.testing.assert_allclose(shared["cltv_lower"][costly], -0.25 * whole["cltv_upper"][costly], rtol=1e-12)
    closed = model.expected_value(rfm, 20, margin="share")
    np.testing.assert_allclose(closed, share * model.expected_value(rfm, 20), rtol=1e-12)


def test_does_the_portfolio_take_every_customers_margin(model: lc.CLTV, rfm: lc.RFM) -> None:
    table = rfm.to_frame()
    parts = []
    for share in (-0.25, 0.4):
        part = lc.RFM.from_frame(table[table["share"] == share].drop(columns="share"), time_unit="week")
        parts.append(forecast_of(model, part, margin=share).draws["value"])
    whole = forecast_of(model, rfm, margin="share").draws["value"]
    np.testing.assert_allclose(whole, sum(parts), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"margin": "profit"}, "has no such attribute"),
        ({"margin": math.nan}, "not finite"),
        ({"interval": 1.0}, "probability between 0 and 1"),
        ({"worlds": 0}, "at least 1"),
        ({"annual_discount_rate": -0.1}, "0 or more"),
        ({"horizon": -1}, "horizon"),
    ],
    ids=str,
)
def test_is_nonsense_refused(model: lc.CLTV, rfm: lc.RFM, settings: dict[str, object], message: str) -> None:
    with pytest.raises(lc.SettingsError, match=message):
        forecast_of(model, rfm, **settings)


def test_does_a_wider_interval_hold_a_narrower(model: lc.CLTV, rfm: lc.RFM) -> None:
    wide, narrow = forecast_of(model, rfm, interval=0.98), forecast_of(model, rfm, interval=0.5)
    for measure in ("cltv", "cltv_mean"):
        assert np.all(wide.customers[f"{measure}_lower"] <= narrow.customers[f"{measure}_lower"])
        assert np.all(wide.customers[f"{measure}_upper"] >= narrow.customers[f"{measure}_upper"])
    assert np.all(wide.total["lower"] < narrow.total["lower"])


def test_does_a_log_without_amounts_give_purchases_alone() -> None:
    log = lc.datasets.load_cdnow(sample=True)[["customer_id", "date"]]
    rfm = lc.rfm_summary(log, time_unit="week", observation_end=END)
    assert rfm.monetary_value is None
    with pytest.raises(lc.DataError, match=r"has no amounts.*CLTV\(spend=None\)"):
        lc.CLTV().fit(rfm)
    model = lc.CLTV(spend=None).fit(rfm, random_seed=1)
    forecast = model.forecast(rfm, 39, worlds=200, random_seed=3)
    assert list(forecast.customers) == ["customer_id", "p_alive", "purchases", "p_purchase"]
    assert list(forecast.draws) == list(forecast.total.index) == ["purchases"]
    assert not [name for name in forecast.portfolio if "value" in name]
    expected = forecast.customers["purchases"].sum()
    assert forecast.total.loc["purchases", "mean"] == pytest.approx(expected, rel=0.01)
    with pytest.raises(lc.SettingsError, match="has no spend family"):
        model.expected_value(rfm, 39)
    with pytest.raises(lc.SettingsError, match="has no spend family"):
        model.expected_spend(rfm)


def test_are_a_model_without_spend_and_one_with_it_of_one_mind_on_purchases(rfm: lc.RFM) -> None:
    both = forecast_of(lc.CLTV().fit(rfm, random_seed=1), rfm)
    alone = forecast_of(lc.CLTV(spend=None).fit(rfm, random_seed=1), rfm)
    columns = ["customer_id", "p_alive", "purchases", "p_purchase"]
    pd.testing.assert_frame_equal(both.customers[columns], alone.customers[columns], check_exact=True)
    np.testing.assert_array_equal(both.draws["purchases"], alone.draws["purchases"])


def test_is_a_model_in_other_units_refused(model: lc.CLTV, rfm: lc.RFM) -> None:
    days = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), time_unit="day", observation_end=END)
    with pytest.raises(lc.DataError, match="counts time in days, the model in weeks"):
        forecast_of(model, days)
    with pytest.raises(lc.SettingsError, match="not fitted yet"):
        forecast_of(lc.CLTV(), rfm)
