"""Does a forecast's variance split into parts that add up, and is each part the one it is called?"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import lifecast as lc
from lifecast.kernels.bg_nbd import probability_alive, purchase_pmf

PARTS = ["parameters", "market", "drift", "timing", "spend"]
# Fader, Hardie & Lee (2005); a spend whose fourth moments exist.
PURCHASES, SPEND = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, {"p": 6.0, "q": 12.0, "v": 60.0}


@pytest.fixture(scope="module")
def rfm() -> lc.RFM:
    log = lc.datasets.load_cdnow(sample=True)
    log["half"] = np.where(log["customer_id"] % 2 == 0, "even", "odd")
    return lc.rfm_summary(log, observation_end="1997-09-30", attributes=["half"])


@pytest.fixture(scope="module")
def model(rfm: lc.RFM) -> lc.CLTV:
    return lc.CLTV().fit(rfm, random_seed=1)


@pytest.fixture(scope="module")
def forecast(rfm: lc.RFM, model: lc.CLTV) -> lc.Forecast:
    return model.forecast(rfm, 39, annual_discount_rate=0.10, margin=0.3, worlds=400, random_seed=1)


@pytest.fixture(scope="module")
def table(forecast: lc.Forecast) -> pd.DataFrame:
    return forecast.uncertainty()


def whole(table: pd.DataFrame, measure: str) -> pd.Series:
    row: pd.Series = table[(table["measure"] == measure) & (table["period"] == "total")].iloc[0]
    return row


def test_do_parts_add_up_to_the_forecasts_own_variance(forecast: lc.Forecast, table: pd.DataFrame) -> None:
    np.testing.assert_allclose(table[PARTS].sum(axis=1), table["total"], rtol=1e-9)
    np.testing.assert_allclose(table["sd"] ** 2, table["total"], rtol=1e-12)
    for measure, draws in forecast.draws.items():
        rows = table[table["measure"] == measure]
        assert list(rows["period"]) == [*range(1, 40), "total"]
        expected = [*draws.var(axis=0), draws.sum(axis=1).var()]
        np.testing.assert_allclose(rows["total"], expected, rtol=1e-9)


def test_is_purchase_count_free_of_spend(table: pd.DataFrame) -> None:
    assert np.all(table.loc[table["measure"] == "purchases", "spend"] == 0.0)
    assert np.all(table.loc[table["measure"] == "value", "spend"] > 0.0)


def test_does_the_market_dominate_a_portfolio_and_timing_and_spend_a_customer(
    rfm: lc.RFM, model: lc.CLTV, table: pd.DataFrame
) -> None:
    book = whole(table, "value")
    assert book[PARTS].astype(float).idxmax() == "market"
    assert book["market"] > 1.3 * (book["timing"] + book["spend"])
    regulars = rfm.to_frame().query("frequency == 3").head(1)
    one = lc.RFM.from_frame(regulars, time_unit="week")
    own = whole(model.forecast(one, 39, worlds=3000, random_seed=1).uncertainty(), "value")
    assert (own["timing"] + own["spend"]) / own["total"] > 0.8


def test_has_the_textbook_no_market_and_no_drift(rfm: lc.RFM, model: lc.CLTV) -> None:
    textbook = model.without_market().forecast(rfm, 13, worlds=200, random_seed=1).uncertainty()
    assert np.all(textbook[["market", "drift"]] == 0.0)
    assert whole(textbook, "purchases")["parameters"] > 0.0


def test_are_known_parameters_no_source(rfm: lc.RFM) -> None:
    known = lc.CLTV.from_parameters(PURCHASES, SPEND).forecast(rfm, 13, worlds=50).uncertainty()
    assert np.all(known[["parameters", "market", "drift"]] == 0.0)
    assert np.all(known.loc[known["measure"] == "value", ["timing", "spend"]] > 0.0)


def test_are_timing_and_spend_the_formulas(rfm: lc.RFM) -> None:
    """One customer of three repeats: the number N by its pmf, amounts gamma with a gamma rate [note 025]."""
    x, t_x, T, m, worlds, horizon = 3, 30.0, 38.0, 20.0, 100_000, 26.0
    one = lc.RFM.from_frame(
        pd.DataFrame({"customer_id": [1], "frequency": x, "recency": t_x, "T": T, "monetary_value": m}),
        time_unit="week",
    )
    found = lc.CLTV.from_parameters(PURCHASES, SPEND).forecast(one, horizon, worlds=worlds, random_seed=3)
    table = found.uncertainty()
    r, alpha, a, b = PURCHASES.values()
    n = np.arange(200)
    alive = probability_alive(x, t_x, T, r, alpha, a, b)
    pmf = np.array([alive * purchase_pmf(k, horizon, r + x, alpha + T, a, b + x) for k in n])
    mean, second = pmf @ n, pmf @ n**2
    error = np.sqrt((pmf @ (n - mean) ** 4) / (second - mean**2) ** 2 - 1) / np.sqrt(worlds)  # relative
    purchases, value = whole(table, "purchases"), whole(table, "value")
    assert purchases["timing"] == pytest.approx(second - mean**2, rel=4 * error)
    p, q, v = SPEND.values()
    shape, rate = q + p * x, v + x * m
    amount = p * rate / (shape - 1)
    assert value["timing"] == pytest.approx(amount**2 * purchases["timing"], rel=1e-9)
    between = amount**2 / (shape - 2) * second  # the customer's own mean is not known
    within = mean * p * rate**2 / ((shape - 1) * (shape - 2))
    assert value["spend"] == pytest.approx(between + within, rel=8 * error)


def test_is_a_price_that_worlds_share_the_markets(rfm: lc.RFM) -> None:
    textbook = lc.CLTV.from_parameters(PURCHASES, SPEND).forecast(rfm, 13, worlds=300, random_seed=2)
    price = np.exp(np.random.default_rng(7).normal(0.0, 0.2, (300, 1)))
    simulation = textbook.simulation
    worlds = replace(simulation.worlds, pace=replace(simulation.worlds.pace, price=price))
    dearer = replace(textbook, simulation=replace(simulation, worlds=worlds))
    table = dearer.uncertainty()
    value = textbook.draws["value"].sum(axis=1)
    expected = (value * price[:, 0]).var() - (value * price.mean()).var()
    assert whole(table, "value")["market"] == pytest.approx(expected, rel=1e-9)
    assert np.all(table.loc[table["measure"] == "purchases", "market"] == 0.0)


def test_is_a_groups_split_that_of_its_customers_alone(rfm: lc.RFM, model: lc.CLTV) -> None:
    together = model.forecast(rfm, 8, worlds=60, random_seed=4).uncertainty(by="half", threads=1)
    assert list(dict.fromkeys(together["group"])) == ["even", "odd"]
    log = lc.datasets.load_cdnow(sample=True)
    odd = lc.rfm_summary(log[log["customer_id"] % 2 == 1], observation_end="1997-09-30")
    alone = model.forecast(odd, 8, worlds=60, random_seed=4).uncertainty()
    of_group = together[together["group"] == "odd"].drop(columns="group").reset_index(drop=True)
    pd.testing.assert_frame_equal(of_group, alone, rtol=1e-7, atol=1e-6)


def test_does_an_infinite_horizon_end_and_progress_arrive(rfm: lc.RFM) -> None:
    model = lc.CLTV.from_parameters(PURCHASES, SPEND)
    shares: list[float] = []
    forecast = model.forecast(rfm, np.inf, annual_discount_rate=0.10, worlds=20)
    table = forecast.uncertainty(progress=shares.append)
    assert np.all(np.isfinite(table["total"]))
    assert shares[-1] == 1.0 and shares == sorted(shares)


def test_is_a_forecast_of_no_time_certain(rfm: lc.RFM, model: lc.CLTV) -> None:
    table = model.forecast(rfm, 0, worlds=5).uncertainty()
    assert np.all(table[[*PARTS, "total", "sd"]] == 0.0)


def test_is_an_unknown_attribute_refused(forecast: lc.Forecast) -> None:
    with pytest.raises(lc.SettingsError, match="has the attributes half"):
        forecast.uncertainty(by="channel")
