"""Does a model with log-normal spend fit, forecast, split its variance, keep and refuse as any other?"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from shops import shop

import lifecast as lc


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return shop(800, 600, seed=11, channels=("shop", "web"))


@pytest.fixture(scope="module")
def rfm(log: pd.DataFrame) -> lc.RFM:
    return lc.rfm_summary(log, attributes=["channel"])


@pytest.fixture(scope="module")
def model(rfm: lc.RFM) -> lc.CLTV:
    return lc.CLTV(spend=lc.LogNormal()).fit(rfm, random_seed=1)


def test_is_it_fitted_forecast_and_kept(rfm: lc.RFM, model: lc.CLTV, tmp_path: Path) -> None:
    assert model.diagnostics.query("part == 'log-normal'")["passed"].all()
    model.save(tmp_path / "model.nc")
    again = lc.load(tmp_path / "model.nc")
    assert again.spend == lc.LogNormal()
    forecast = model.forecast(rfm, 26, worlds=200, random_seed=2)
    pd.testing.assert_frame_equal(
        again.forecast(rfm, 26, worlds=200, random_seed=2).customers, forecast.customers
    )
    spend = model.expected_spend(rfm).to_numpy()
    assert forecast.customers["spend_per_purchase"].to_numpy() == pytest.approx(spend, rel=0.05)
    value = forecast.draws["value"].sum(axis=1)
    assert value.mean() == pytest.approx(forecast.customers["cltv"].sum(), rel=0.05)
    assert set(forecast.uncertainty()["measure"]) == {"purchases", "value", "discounted_value"}


def test_do_row_order_and_currency_change_nothing(log: pd.DataFrame, rfm: lc.RFM, model: lc.CLTV) -> None:
    shuffled = log.sample(frac=1.0, random_state=3)
    same = lc.rfm_summary(shuffled, attributes=["channel"])
    pd.testing.assert_frame_equal(same.to_frame(), rfm.to_frame())
    assert same.fingerprint() == rfm.fingerprint()
    cents = lc.rfm_summary(log.assign(amount=100 * log["amount"]), attributes=["channel"])
    in_cents = lc.CLTV(spend=lc.LogNormal()).fit(cents, random_seed=1)
    found, expected = in_cents.parameters["mean"], model.parameters["mean"]
    assert found["median"] == pytest.approx(100 * expected["median"], rel=1e-6)
    assert found["sigma"] == pytest.approx(expected["sigma"], rel=1e-6)


def test_may_customers_differ_by_group_and_covariate(rfm: lc.RFM) -> None:
    by_group = lc.CLTV(spend=lc.LogNormal(groups="channel"), market=None).fit(rfm, random_seed=1)
    of_channels = by_group.group_parameters.xs("median", level="parameter")["mean"]
    assert list(of_channels.index[:2]) == ["shop", "web"]
    model = lc.CLTV(spend=lc.LogNormal(covariates=["channel"]), market=None).fit(rfm, random_seed=1)
    effect = model.parameters.loc["log_mean_spend: channel=web"]
    assert effect["lower"] < 0.0 < effect["upper"]  # the shop's channels are alike


def test_is_a_table_without_the_spread_of_logs_refused(rfm: lc.RFM, model: lc.CLTV) -> None:
    table = rfm.to_frame().drop(columns="monetary_log_sd")
    bare = lc.RFM.from_frame(table, time_unit="week")
    with pytest.raises(lc.DataError, match="no monetary_log_sd, which the spend family needs"):
        lc.CLTV(spend=lc.LogNormal()).fit(bare)
    pd.testing.assert_series_equal(model.expected_spend(bare), model.expected_spend(rfm))
    barer = lc.RFM.from_frame(table.drop(columns="monetary_log_mean"), time_unit="week")
    for ask in (lambda: model.forecast(barer, 5, worlds=10), lambda: model.expected_spend(barer)):
        with pytest.raises(lc.DataError, match="no monetary_log_mean"):
            ask()
    assert len(model.expected_purchases(barer, 5)) == len(rfm)


def test_does_it_tell_customers_apart_whose_mean_amounts_are_equal() -> None:
    table = pd.DataFrame(
        {
            "customer_id": ["even", "uneven"],
            "frequency": [2, 2],
            "recency": [10.0, 10.0],
            "T": [20.0, 20.0],
            "monetary_value": [20.0, 20.0],
            "monetary_log_mean": [np.log(20.0), 0.5 * (np.log(4.0) + np.log(36.0))],
        }
    )
    rfm = lc.RFM.from_frame(table, time_unit="week")
    purchases = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
    spend = {"median": 27.0, "tau": 0.5, "sigma": 0.6}
    model = lc.CLTV.from_parameters(purchases, spend, families=("bg-nbd", "log-normal"))
    forecast = model.forecast(rfm, 26, worlds=50)
    customers = forecast.customers.set_index("customer_id")
    assert customers.loc["even", "spend_per_purchase"] > customers.loc["uneven", "spend_per_purchase"]
    assert customers.loc["even", "cltv"] > customers.loc["uneven", "cltv"]
    weight = 2 * 0.25 / (0.36 + 2 * 0.25)  # of what was seen
    log_level = np.log(27.0) + weight * (np.log(20.0) - np.log(27.0))
    expected = np.exp(log_level + 0.5 * 0.25 * (1 - weight) + 0.5 * 0.36)
    assert customers.loc["even", "spend_per_purchase"] == pytest.approx(expected, rel=1e-12)
