"""Is the value of customers not yet acquired right: its mean, its spread, and how sure the mean is?"""

import numpy as np
import pandas as pd
import pytest

import lifecast as lc
from lifecast.arrays import Floats

PURCHASES = {"r": 0.6, "alpha": 5.0, "a": 0.8, "b": 2.5}
SPEND = {"p": 4.0, "q": 4.0, "v": 30.0}
YEAR = 365.25 / 7


def told_again(customers: int, rate: float) -> Floats:
    """Discounted value in a year of new customers, first purchases included, from the model's own story."""
    rng = np.random.default_rng(12)
    buying = rng.gamma(PURCHASES["r"], 1 / PURCHASES["alpha"], customers)
    leaving = rng.beta(PURCHASES["a"], PURCHASES["b"], customers)
    nu = rng.gamma(SPEND["q"], 1 / SPEND["v"], customers)
    value = rng.gamma(SPEND["p"], 1.0, customers) / nu
    now, here = np.zeros(customers), np.arange(customers)
    while here.size:
        now[here] += rng.exponential(1.0, here.size) / buying[here]
        here = here[now[here] <= YEAR]
        value[here] += rng.gamma(SPEND["p"], 1.0, here.size) / nu[here] * np.exp(-rate * now[here])
        here = here[rng.uniform(size=here.size) >= leaving[here]]
    return value


@pytest.fixture(scope="module")
def known() -> lc.CLTV:
    return lc.CLTV.from_parameters(PURCHASES, SPEND, time_unit="week")


def test_is_the_value_of_one_customer_distributed_as_the_story_says(known: lc.CLTV) -> None:
    new = known.new_customers("1 year", annual_discount_rate=0.10, worlds=40_000, random_seed=1)
    told = told_again(400_000, np.log(1.10) * 7 / 365.25)
    row = new.table.loc["new customer"]
    error = told.std() / np.sqrt(40_000)
    assert abs(row["value"] - told.mean()) < 4 * told.std() / np.sqrt(400_000)
    assert abs(new.value.mean() - told.mean()) < 4 * error
    np.testing.assert_allclose(
        row[["value_lower", "value_median", "value_upper"]].astype(float),
        np.quantile(told, [0.05, 0.5, 0.95]),
        rtol=0.03,
    )
    assert row["sd"] == pytest.approx(new.value.std(), rel=1e-12)
    # With q = 4 a value has no fourth moment, and a sample's sd no error to be held to; one that is cut has.
    most = np.quantile(told, 0.98)
    cut, as_told = np.minimum(new.value, most), np.minimum(told, most)
    fourth = np.mean((as_told - as_told.mean()) ** 4)
    error = np.sqrt((fourth - as_told.var() ** 2) / (4 * as_told.var()) * (1 / cut.size + 1 / told.size))
    assert error < 0.01 * as_told.std()
    assert abs(cut.std() - as_told.std()) < 4 * error


def test_is_nothing_unsure_about_the_mean_where_parameters_are_known(known: lc.CLTV) -> None:
    row = known.new_customers("1 year").table.iloc[0]
    assert row["sd_of_mean"] == pytest.approx(0.0, abs=1e-9)
    assert row["purchases"] == pytest.approx(known.expected_purchases_new_customer("1 year"), rel=1e-9)


def test_does_the_first_purchase_count_once(known: lc.CLTV) -> None:
    with_first, without = (
        known.new_customers(26, margin=0.5, first_purchase=first).table["value"].iloc[0]
        for first in (True, False)
    )
    mean_spend = SPEND["p"] * SPEND["v"] / (SPEND["q"] - 1)
    assert with_first - without == pytest.approx(0.5 * mean_spend, rel=1e-9)


def test_is_each_group_valued_as_its_own_customers_are() -> None:
    log = lc.datasets.load_cdnow(sample=True)
    log["channel"] = np.where(log["customer_id"] % 3 == 0, "ads", "search")
    rfm = lc.rfm_summary(log, time_unit="week", observation_end="1997-09-30", attributes=["channel"])
    model = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(groups="channel"), market=None)
    new = model.fit(rfm, random_seed=1).new_customers("1 year", worlds=500)
    assert list(new.table.index) == ["ads", "search"]
    assert np.all(new.table["sd_of_mean"] > 0) and np.all(new.table["sd"] > 5 * new.table["sd_of_mean"])
    unseen = model.new_customers("1 year", customers=pd.DataFrame({"channel": ["mail"]}, index=["mail"]))
    assert unseen.table.loc["mail", "sd_of_mean"] > new.table["sd_of_mean"].max()
    np.testing.assert_allclose(new.expected_value.mean(axis=0), new.table["value"])


def test_do_the_formulas_know_whose_customer_it_is() -> None:
    log = lc.datasets.load_cdnow(sample=True)
    log["channel"] = np.where(log["customer_id"] % 3 == 0, "ads", "search")
    rfm = lc.rfm_summary(log, time_unit="week", observation_end="1997-09-30", attributes=["channel"])
    model = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(), market=None).fit(rfm, draws=100)
    simulated = model.new_customers("1 year", worlds=100).table["purchases"]  # every draw is a world
    for channel, purchases in simulated.items():
        customer = {"channel": channel}
        expected = model.expected_purchases_new_customer("1 year", customer)
        assert expected == pytest.approx(purchases, rel=1e-9)
        chances = [model.purchase_pmf(n, 4, customer) for n in range(40)]
        few = model.expected_purchases_new_customer(4, customer)
        assert np.arange(40) @ chances == pytest.approx(few, rel=1e-6)
    assert abs(simulated["ads"] / simulated["search"] - 1) > 1e-3  # so the group made a difference
    with pytest.raises(lc.SettingsError, match="channel"):
        model.purchase_pmf(0, 4, {"shop": "ads"})


def test_are_an_endless_horizon_without_discount_and_a_model_without_spend_refused(known: lc.CLTV) -> None:
    with pytest.raises(lc.SettingsError, match="infinite horizon needs annual_discount_rate"):
        known.new_customers(np.inf)
    with pytest.raises(lc.SettingsError, match="no spend family"):
        lc.CLTV.from_parameters(PURCHASES).new_customers(4)


def test_does_the_curve_end_at_the_value(known: lc.CLTV) -> None:
    weeks = np.linspace(0.0, 52.0, 105)
    curve = known.new_customer_curve(weeks, annual_discount_rate=0.10, worlds=3)
    new = known.new_customers(52, annual_discount_rate=0.10, worlds=3, first_purchase=False)
    np.testing.assert_allclose(curve[:, :, -1], new.expected_value, rtol=1e-5)
    assert np.all(np.diff(curve, axis=2) > 0) and np.all(curve[:, :, 0] == 0)
