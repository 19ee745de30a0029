"""Does the query give what the closed forms give, in three databases, for any customer?"""

import sqlite3
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from postgres import running_postgres

import lifecast as lc
from lifecast.export import write_database
from lifecast.interop.sql import at_posterior_mean

ODD = [
    (0, 0.0, 0.0),
    (0, 0.0, 1e-3),
    (1, 1e-3, 1e-3),
    (900, 50.0, 50.0),
    (900, 5.0, 400.0),
    (3, 0.01, 3000.0),
]
PURCHASES = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
SPEND = {"p": 6.25, "q": 3.74, "v": 15.44}


@pytest.fixture(scope="module")
def customers() -> pd.DataFrame:
    """CDNOW's customers, some that are nothing like them, and a channel that is no use."""
    table = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30").to_frame()
    odd = pd.DataFrame(ODD, columns=["frequency", "recency", "T"]).assign(
        customer_id=-1 - np.arange(len(ODD))
    )
    odd["monetary_frequency"] = odd["frequency"]
    odd["monetary_value"] = np.where(odd["frequency"] > 0, 30.0, 0.0)
    odd["monetary_log_mean"] = np.where(odd["frequency"] > 0, 3.2, 0.0)
    odd["monetary_log_sd"] = 0.0
    table = pd.concat([table, odd], ignore_index=True)
    return table.assign(channel=np.array(["mail", "web's", "shop"])[np.arange(len(table)) % 3])


def rfm_of(customers: pd.DataFrame) -> lc.RFM:
    return lc.RFM.from_frame(customers, time_unit="week")


def in_duckdb(query: str, rfm: pd.DataFrame) -> pd.DataFrame:
    with duckdb.connect() as connection:
        connection.register("rfm", rfm)
        return connection.sql(query).df()


def assert_same(
    scored: pd.DataFrame, model: lc.CLTV, customers: pd.DataFrame, rate: float = 0.0, margin: float = 1.0
) -> None:
    """Rows of a query against the closed forms at the posterior mean."""
    point, rfm = at_posterior_mean(model), rfm_of(customers)
    found = scored.set_index("customer_id").astype(float).loc[customers["customer_id"]]
    expected = {"p_alive": point.probability_alive(rfm), "purchases": point.expected_purchases(rfm, 39)}
    if model.spend is not None:
        expected["spend_per_purchase"] = point.expected_spend(rfm)
        expected["value"] = point.expected_value(rfm, 39, annual_discount_rate=rate, margin=margin)
    assert list(found) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("family", ["bg-nbd", "mbg-nbd"])
@pytest.mark.parametrize(
    ("spend", "parameters"),
    [
        ("gamma-gamma", SPEND),
        ("log-normal", {"median": 25.0, "tau": 0.6, "sigma": 0.5}),
    ],
)
def test_does_duckdb_score_as_python_does(
    customers: pd.DataFrame, family: str, spend: str, parameters: dict[str, float]
) -> None:
    model = lc.CLTV.from_parameters(PURCHASES, parameters, families=(family, spend))
    query = model.to_sql("273 days", annual_discount_rate=0.15, margin=0.4)
    assert_same(in_duckdb(query, customers), model, customers, 0.15, 0.4)


@pytest.mark.parametrize(
    "parameters",
    [
        {"r": 0.05, "alpha": 0.01, "a": 0.03, "b": 0.05},  # nearly nobody in between
        {"r": 3.0, "alpha": 40.0, "a": 60.0, "b": 900.0},  # all alike
        {"r": 1.0, "alpha": 5.0, "a": 1.0, "b": 1.0},  # where the textbook's formula divides by zero
        {"r": 0.2, "alpha": 900.0, "a": 20.0, "b": 0.1},
    ],
)
def test_does_it_for_any_parameters(customers: pd.DataFrame, parameters: dict[str, float]) -> None:
    model = lc.CLTV.from_parameters(parameters)
    assert_same(in_duckdb(model.to_sql(39), customers), model, customers)


def test_does_it_at_the_mean_of_a_posterior_with_groups(customers: pd.DataFrame) -> None:
    ours = customers[customers["customer_id"] > 0]
    model = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(groups="channel"), market=None)
    model.fit(rfm_of(ours), draws=200, random_seed=1)
    later = ours.assign(channel=ours["channel"].where(ours["customer_id"] % 7 > 0, "a new one"))
    assert_same(in_duckdb(model.to_sql(39), later), model, later)


def test_does_it_for_groups_of_numbers_and_of_truth_values(customers: pd.DataFrame) -> None:
    ours = customers[customers["customer_id"] > 0]
    ours = ours.assign(store=3 + ours["customer_id"] % 3, member=ours["customer_id"] % 2 == 0)
    model = lc.CLTV(lc.BGNBD(groups="store"), lc.GammaGamma(groups="member"), market=None)
    model.fit(rfm_of(ours), draws=100, random_seed=1)
    later = ours.assign(store=ours["store"].where(ours["customer_id"] % 7 > 0, 99))
    assert_same(in_duckdb(model.to_sql(39), later), model, later)


def test_do_the_papers_amounts_count_those_of_zero(customers: pd.DataFrame) -> None:
    plain = customers.drop(columns=["monetary_log_mean", "monetary_log_sd"])
    some = plain.assign(monetary_frequency=(customers["frequency"] + 1) // 2)
    model = lc.CLTV(lc.BGNBD(), lc.GammaGamma(fit_to="means"), market=None)
    model.fit(rfm_of(some[some["customer_id"] > 0]), method="map")
    found = in_duckdb(model.to_sql(39), some)
    assert_same(found, model, some)
    p, q, v = model.parameters["mean"][["p", "q", "v"]]
    x, total = some["frequency"], some["frequency"] * some["monetary_value"]  # every repeat purchase counts
    spends = found.set_index("customer_id")["spend_per_purchase"].loc[some["customer_id"]]
    np.testing.assert_allclose(spends, p * (v + total) / (p * x + q - 1), rtol=1e-6)
    known = lc.CLTV.from_parameters(PURCHASES, SPEND)  # by every amount, and zeros are none
    assert_same(in_duckdb(known.to_sql(39), some), known, some)


def test_do_postgresql_and_sqlite_score_as_python_does(customers: pd.DataFrame, tmp_path: Path) -> None:
    few = pd.concat([customers.head(40), customers.tail(len(ODD))])
    model = lc.CLTV.from_parameters(PURCHASES, SPEND)
    query = model.to_sql(39, annual_discount_rate=0.1)
    with sqlite3.connect(":memory:") as connection:
        few.to_sql("rfm", connection, index=False)
        assert_same(pd.read_sql(query, connection), model, few, 0.1)
    connection.close()
    with running_postgres() as address:
        write_database({"rfm": few}, address)
        engine = sa.create_engine(address.replace("postgresql:", "postgresql+psycopg:"))
        with engine.connect() as connection:
            assert_same(pd.read_sql(sa.text(query), connection), model, few, 0.1)
        engine.dispose()


def test_is_what_sql_cannot_score_refused(customers: pd.DataFrame) -> None:
    pareto = lc.CLTV.from_parameters(
        {"r": 0.55, "alpha": 10.6, "s": 0.61, "beta": 11.7}, families=("pareto-nbd", "gamma-gamma")
    )
    with pytest.raises(lc.SettingsError, match=r"pareto-nbd cannot be scored in SQL.*forecast\.export"):
        pareto.to_sql(39)
    with pytest.raises(lc.SettingsError, match="finite horizon"):
        lc.CLTV.from_parameters(PURCHASES).to_sql("infinite", annual_discount_rate=0.1)
    with pytest.raises(lc.SettingsError, match="not fitted"):
        lc.CLTV().to_sql(39)
    ours = rfm_of(customers[customers["customer_id"] > 0].head(500))
    covariate = lc.CLTV(lc.BGNBD(covariates=["channel"]), None, market=None).fit(ours, draws=20)
    with pytest.raises(lc.SettingsError, match=r"Covariates \(channel\)"):
        covariate.to_sql(39)
