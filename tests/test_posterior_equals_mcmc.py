"""Is the Laplace and importance-sampling posterior the one that an independent MCMC run finds?"""

import json
import math
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import lifecast as lc

# 40,000 NUTS draws in PyMC's own arithmetic; made by tests/references/make_cdnow_mcmc.py
REFERENCE = json.loads((Path(__file__).parent / "references" / "cdnow_mcmc.json").read_text())


@pytest.fixture(scope="module")
def rfm() -> lc.RFM:
    return lc.rfm_summary(lc.datasets.load_cdnow(sample=True), time_unit="week", observation_end="1997-09-30")


@pytest.fixture(scope="module")
def model(rfm: lc.RFM) -> lc.CLTV:
    return lc.CLTV().fit(rfm, draws=4000, random_seed=1)


@pytest.mark.parametrize("parameter", REFERENCE)
def test_do_mean_and_sd_agree_within_three_monte_carlo_errors(model: lc.CLTV, parameter: str) -> None:
    reference = REFERENCE[parameter]
    effective = model.diagnostics.set_index(["part", "check"])["figure"].xs("effective draws", level=1).min()
    # resampled draws are worth no more than the weighted proposals and no more than their own number
    independent = 1.0 / (1.0 / effective + 1.0 / 4000)
    error = reference["sd"] * math.sqrt(1.0 / independent + 1.0 / reference["effective"])
    found = model.parameters.loc[parameter]
    assert abs(found["mean"] - reference["mean"]) < 3 * error
    # an sd of n draws has relative error sqrt((kurtosis - 1) / 4 n); b, the most skewed, has kurtosis about 6
    assert abs(found["sd"] / reference["sd"] - 1) < 3 * math.sqrt(1.25 / independent)


def test_is_k_hat_below_one_half_on_cdnow(model: lc.CLTV) -> None:
    k_hat = model.diagnostics.query("check == 'Pareto k-hat'")["figure"]
    assert len(k_hat) == 2
    assert k_hat.max() < 0.5


def test_do_flat_priors_give_the_published_maximum_likelihood(rfm: lc.RFM) -> None:
    model = lc.CLTV(
        purchases=lc.BGNBD(priors="flat"), spend=lc.GammaGamma(priors="flat", fit_to="means")
    ).fit(rfm, method="map")
    found = model.parameters["mean"]
    # Fader, Hardie & Lee (2005), Fader & Hardie (2013, note 025), CDNOW; log-likelihoods: CLVTools 0.12.1
    published = {"r": (0.243, 1e-3), "alpha": (4.414, 2e-3), "a": (0.793, 1e-3), "b": (2.426, 2e-3)}
    published |= {"p": (6.25, 0.01), "q": (3.74, 0.01), "v": (15.44, 0.01)}
    for name, (value, tolerance) in published.items():
        assert found[name] == pytest.approx(value, abs=tolerance), name
    assert model.log_likelihood(rfm, part="purchases") == pytest.approx(-9582.429, abs=1e-3)
    assert model.log_likelihood(rfm, part="spend") == pytest.approx(-4055.9177, abs=5e-4)
    assert model.log_likelihood(rfm) == pytest.approx(-9582.429 - 4055.9177, abs=2e-3)


@pytest.mark.parametrize("repeaters", [1, 10])
def test_do_few_repeat_buyers_give_a_wide_proper_answer_and_a_warning(repeaters: int) -> None:
    table = few_repeat_buyers(repeaters)
    with pytest.warns(lc.LifecastWarning, match="repeat buyers"):
        model = lc.CLTV(market=None).fit(lc.RFM.from_frame(table, time_unit="week"), random_seed=1)
    parameters = model.parameters
    assert np.all(np.isfinite(parameters)) and np.all(parameters > 0)
    assert model.diagnostics.query("check == 'Pareto k-hat'")["passed"].all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        total = model.forecast(lc.RFM.from_frame(table, time_unit="week"), 52, worlds=500).total
    assert np.all(np.isfinite(total))
    assert total.loc["purchases", "upper"] > 2 * total.loc["purchases", "median"] - 1


def test_does_a_log_without_a_repeat_buyer_give_a_wide_answer_in_its_own_money() -> None:
    dates = pd.date_range("2024-01-01", periods=300, freq="D")
    log = pd.DataFrame({"customer_id": range(300), "date": dates, "amount": np.linspace(4000, 6000, 300)})
    rfm = lc.rfm_summary(log, observation_end="2024-12-31")
    with pytest.warns(lc.LifecastWarning, match="repeat buyers 0"):
        model = lc.CLTV(market=None).fit(rfm, random_seed=1)
    forecast = model.forecast(rfm, 52, worlds=500)
    assert 2000 < forecast.customers["spend_per_purchase"].median() < 15_000
    assert forecast.total.loc["value", "lower"] == 0.0 < forecast.total.loc["value", "upper"]


def test_is_spend_refused_where_nothing_says_what_a_purchase_is_worth() -> None:
    table = lc.RFM.from_frame(few_repeat_buyers(0), time_unit="week")
    with pytest.raises(lc.DataError, match="nothing else says what a purchase is worth"):
        lc.CLTV(market=None).fit(table)


def few_repeat_buyers(repeaters: int) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    customers = 200
    frequency = np.where(np.arange(customers) < repeaters, 2, 0)
    amounts = np.where(frequency > 0, rng.gamma(3.0, 10.0, customers), 0.0)
    return pd.DataFrame(
        {
            "customer_id": np.arange(customers),
            "frequency": frequency,
            "recency": np.where(frequency > 0, rng.integers(5, 25, customers), 0).astype(float),
            "T": rng.integers(30, 60, customers).astype(float),
            "monetary_value": amounts,
            "monetary_log_mean": np.log(np.where(frequency > 0, amounts, 1.0)) - 0.05 * (frequency > 0),
        }
    )
