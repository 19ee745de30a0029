"""Do forecasts, files and commands do right by families whose purchases happen at whole times only?"""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats
from typer.testing import CliRunner

import lifecast as lc
from lifecast.cli import app
from lifecast.families.contract import DiscreteTime, PurchaseFamily

FAMILIES: dict[str, PurchaseFamily] = {"bg-bb": lc.BGBB(), "sbg": lc.ShiftedBetaGeometric()}
PARAMETERS = {
    "bg-bb": {"alpha": 1.204, "beta": 0.750, "gamma": 0.657, "delta": 2.783},  # Fader, Hardie & Shang (2010)
    "sbg": {"alpha": 0.668, "beta": 3.806},  # Fader & Hardie (2007)
}
SPEND = {"p": 6.25, "q": 3.74, "v": 15.44}
DOUBTFUL = 1e-5


def histories(family: str, customers: int, seed: int) -> pd.DataFrame:
    """Customers by the model's story, each seen for six to ten opportunities."""
    rng = np.random.default_rng(seed)
    T = rng.integers(6, 11, customers)
    buys = np.ones(customers)
    if family == "bg-bb":
        buys = rng.beta(PARAMETERS[family]["alpha"], PARAMETERS[family]["beta"], customers)
    leaves = rng.beta(*list(PARAMETERS[family].values())[-2:], customers)
    x, last, alive = np.zeros((3, customers), np.int64)
    alive[:] = 1
    for j in range(1, 11):
        alive &= rng.random(customers) >= leaves
        bought = (alive == 1) & (rng.random(customers) < buys) & (j <= T)
        x += bought
        last[bought] = j
    return pd.DataFrame({"customer_id": np.arange(customers), "frequency": x, "recency": last, "T": T})


def rfm_of(frame: pd.DataFrame, **money: float) -> lc.RFM:
    columns = {name: np.where(frame["frequency"] > 0, value, 0.0) for name, value in money.items()}
    return lc.RFM.from_frame(frame.assign(**columns), time_unit="year", observation_end="2020-12-31")


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def fitted(family: str) -> lc.CLTV:
    model = lc.CLTV(FAMILIES[family], spend=None, market=None)
    return model.fit(rfm_of(histories(family, 2000, 1)), random_seed=1)


def known(family: str) -> lc.CLTV:
    return lc.CLTV.from_parameters(
        PARAMETERS[family], SPEND, families=(family, "gamma-gamma"), time_unit="year"
    )


def test_do_families_say_that_they_count_opportunities() -> None:
    assert all(isinstance(one, DiscreteTime) for one in FAMILIES.values())
    assert not isinstance(lc.BGNBD(), DiscreteTime)


# -- what cannot be -------------------------------------------------------------------------------------

REFUSED = {
    "T in half years": ("bg-bb", {"T": 6.5}, "recency or T that is not a whole number"),
    "recency in half years": ("bg-bb", {"recency": 3.5}, "recency or T that is not a whole number"),
    "two purchases in a year": ("bg-bb", {"frequency": 5}, "more purchases than opportunities"),
    "contracts for half years": ("sbg", {"T": 6.5, "recency": 2}, "T that is not whole"),
    "renewals left out": ("sbg", {"recency": 4}, "recency other than their frequency"),
    "more renewals than years": ("sbg", {"frequency": 6, "recency": 6, "T": 6.0}, None),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_are_histories_refused_that_cannot_be(case: tuple[str, dict[str, float], str | None]) -> None:
    name, wrong, message = case
    history = {"customer_id": ["C1"], "frequency": [2], "recency": [4.0], "T": [6.0]}
    if name == "sbg":
        history["recency"] = [2.0]
    rfm = lc.RFM.from_frame(pd.DataFrame(history | {key: [value] for key, value in wrong.items()}), "year")
    model = lc.CLTV(FAMILIES[name], spend=None, market=None)
    if message is None:
        assert known(name).probability_alive(rfm).iloc[0] == 1.0
        return
    with pytest.raises(lc.DataError, match=f"1 of 1 customers have .*{message}.*first: frequency"):
        model.fit(rfm)
    with pytest.raises(lc.DataError, match=message):
        known(name).forecast(rfm, 5)
    with pytest.raises(lc.DataError, match=r"RFM\.from_frame|choose a shorter"):
        known(name).expected_purchases(rfm, 5)


def test_is_a_log_in_calendar_time_refused_with_advice() -> None:
    rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), time_unit="month", past=False)
    with pytest.raises(lc.DataError, match=r"Count them, and use RFM\.from_frame"):
        lc.CLTV(lc.BGBB(), spend=None).fit(rfm)


# -- the market -----------------------------------------------------------------------------------------


def test_is_the_market_said_to_teach_nothing(family: str) -> None:
    rfm = rfm_of(histories(family, 500, 3))
    with pytest.warns(lc.LifecastWarning, match="fixed dates, so no market moves them"):
        model = lc.CLTV(FAMILIES[family], spend=None).fit(rfm, random_seed=1)
    market = model.diagnostics.set_index("part").loc["market"]
    assert not market["passed"] and "CLTV(market=None) is the same" in market["remedy"]
    textbook = lc.CLTV(FAMILIES[family], spend=None, market=None).fit(rfm, random_seed=1)
    pd.testing.assert_frame_equal(model.forecast(rfm, 5).customers, textbook.forecast(rfm, 5).customers)


# -- expectations and futures ---------------------------------------------------------------------------


def test_are_periods_of_a_forecast_the_opportunities(family: str) -> None:
    """The end of a year belongs to it; the sums over customers have the mean that formulas give."""
    rfm, model = rfm_of(histories(family, 400, 4), monetary_value=30.0, monetary_log_mean=3.3), known(family)
    forecast = model.forecast(rfm, 4, annual_discount_rate=0.1, worlds=2000, random_seed=2)
    until = [model.expected_purchases(rfm, t).sum() for t in range(5)]
    errors = stats.norm.isf(DOUBTFUL / 2) * forecast.draws["purchases"].std(axis=0) / math.sqrt(2000)
    assert np.all(np.abs(forecast.draws["purchases"].mean(axis=0) - np.diff(until)) < errors)
    value = [model.expected_value(rfm, t, annual_discount_rate=0.1).sum() for t in range(5)]
    errors = stats.norm.isf(DOUBTFUL / 2) * forecast.draws["discounted_value"].std(axis=0) / math.sqrt(2000)
    assert np.all(np.abs(forecast.draws["discounted_value"].mean(axis=0) - np.diff(value)) < errors)
    assert forecast.customers["purchases"].sum() == pytest.approx(until[-1], rel=1e-12)
    assert forecast.customers["cltv"].sum() == pytest.approx(value[-1], rel=1e-9)


def test_does_time_between_opportunities_bring_nothing(family: str) -> None:
    rfm = rfm_of(histories(family, 50, 5), monetary_value=30.0, monetary_log_mean=3.3)
    model = known(family)
    pd.testing.assert_series_equal(model.expected_purchases(rfm, 2.9), model.expected_purchases(rfm, 2))
    assert not model.expected_purchases(rfm, 0.9).any()
    forecast = model.forecast(rfm, 0.9, worlds=50)
    assert not forecast.draws["purchases"].any() and not forecast.customers["p_purchase"].any()
    assert model.expected_purchases_new_customer("35 months") == model.expected_purchases_new_customer(2)
    assert model.expected_purchases_new_customer("36 months") == model.expected_purchases_new_customer(3)


@pytest.mark.parametrize("year", ["365 days", "12 months", "2021-12-31"])
def test_does_a_year_of_the_calendar_hold_its_opportunity(family: str, year: str) -> None:
    """A year of 365 days is a little shorter than the time unit."""
    model, rfm = known(family), rfm_of(histories(family, 20, 3), monetary_value=10.0)
    forecast = model.forecast(rfm, year, worlds=20)
    assert forecast.horizon == 1.0 and len(forecast.portfolio) == 1
    pd.testing.assert_series_equal(model.expected_purchases(rfm, year), model.expected_purchases(rfm, 1))
    if year != "2021-12-31":
        assert model.expected_purchases_new_customer(year) == model.expected_purchases_new_customer(1)
        assert model.new_customers(year, worlds=20).table.equals(model.new_customers(1, worlds=20).table)
    shorter = model.expected_purchases(rfm, "300 days")
    assert np.all(shorter == 0.0)


def test_are_opportunities_discounted_at_their_own_times(family: str) -> None:
    rfm = rfm_of(histories(family, 50, 6), monetary_value=30.0, monetary_log_mean=3.3)
    model = known(family)
    spend, years = model.expected_spend(rfm), np.arange(1, 401)
    until = np.array([model.expected_purchases(rfm, float(t)) for t in range(401)])
    discounted = 1.1 ** -years.astype(float) @ np.diff(until, axis=0)
    for start, end in [(0, 3), (2, 3), (0, 400), (7, 400)]:
        alone = 1.1 ** -years[start:end].astype(float) @ np.diff(until, axis=0)[start:end] * spend
        value = model.expected_value(rfm, end, start=start, annual_discount_rate=0.1)
        np.testing.assert_allclose(value, alone, rtol=1e-9, atol=1e-9 * alone.max())
    forever = model.expected_value(rfm, math.inf, annual_discount_rate=0.1)
    np.testing.assert_allclose(forever, discounted * spend, rtol=1e-8)
    forecast = model.forecast(rfm, math.inf, annual_discount_rate=0.1, worlds=400, random_seed=3)
    np.testing.assert_allclose(forecast.customers["cltv"], forever, rtol=1e-7)
    error = forecast.draws["discounted_value"].sum(axis=1).std() / 20
    assert abs(forecast.total.loc["discounted_value", "mean"] - forever.sum()) < 4.5 * error


def test_is_the_sum_over_thousands_of_opportunities_right_from_a_few_of_them(family: str) -> None:
    """Days as the unit: an infinite horizon has some 79,000 of them."""
    frame = histories(family, 20, 7).assign(monetary_value=0.0, monetary_log_mean=0.0)
    rfm = lc.RFM.from_frame(frame.assign(monetary_value=np.where(frame["frequency"] > 0, 1.0, 0.0)), "day")
    parameters = dict(
        zip(PARAMETERS[family], [1.2, 9.0, 0.7, 300.0][-len(PARAMETERS[family]) :], strict=True)
    )
    model = lc.CLTV.from_parameters(
        parameters, {"p": 1.0, "q": 2.0, "v": 1.0}, families=(family, "gamma-gamma"), time_unit="day"
    )
    days = np.arange(1.0, 150_001.0)
    a, b = list(parameters.values())[-2:]
    for T, value, one in zip(
        rfm.T, model.expected_value(rfm, math.inf, annual_discount_rate=0.1), range(20), strict=True
    ):
        log_stays = special.betaln(a, b + T + days) - special.betaln(a, b + T)
        met = float(np.sum(np.exp(log_stays - math.log(1.1) / 365.25 * days)))
        alive = float(model.probability_alive(rfm).iloc[one])
        buys = 1.0
        if family == "bg-bb":
            buys = (1.2 + rfm.frequency[one]) / (10.2 + T)
        assert value == pytest.approx(alive * buys * met, rel=1e-8)


def test_do_contracts_give_their_curve_of_retention(fitted: lc.CLTV, family: str) -> None:
    if family != "sbg":
        return
    curve = np.diff([fitted.expected_purchases_new_customer(t) for t in range(11)])
    frame = histories(family, 2000, 1)
    for year in range(1, 7):  # everybody was watched as long
        renewed = np.mean(frame["frequency"] >= year)
        assert abs(curve[year - 1] - renewed) < 4.5 * math.sqrt(renewed * (1 - renewed) / 2000)
    retention = curve[1:] / curve[:-1]
    assert np.all(np.diff(retention) > 0)  # who leaves easily leaves early
    alive = fitted.probability_alive(rfm_of(frame))
    assert np.array_equal(alive == 1.0, frame["frequency"].to_numpy() == frame["T"].to_numpy())
    assert set(alive) == {0.0, 1.0}


def test_does_the_variance_of_a_forecast_split(fitted: lc.CLTV, family: str) -> None:
    forecast = fitted.forecast(rfm_of(histories(family, 300, 8)), 3, worlds=400, random_seed=1)
    table = forecast.uncertainty()
    assert not table[["market", "drift", "spend"]].to_numpy().any()
    yearly = table[table["period"] != "total"]
    np.testing.assert_allclose(yearly["total"], forecast.draws["purchases"].var(axis=0), rtol=1e-9)


# -- groups, files and commands -------------------------------------------------------------------------


def test_do_models_come_back_from_files(fitted: lc.CLTV, family: str, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model.nc")
    again = lc.load(tmp_path / "model.nc")
    assert again.purchases == FAMILIES[family]
    rfm = rfm_of(histories(family, 100, 9))
    pd.testing.assert_frame_equal(again.forecast(rfm, 5).customers, fitted.forecast(rfm, 5).customers)


def test_do_specifications_and_commands_know_these_families(family: str, tmp_path: Path) -> None:
    rfm_of(histories(family, 300, 10)).save(tmp_path / "rfm.parquet")
    specification = (
        f'spend = false\nmarket = false\n[purchases]\nfamily = "{family}"\n[forecast]\nhorizon = 5\n'
    )
    (tmp_path / "run.toml").write_text(specification)
    spec = ["--spec", str(tmp_path / "run.toml")]
    rfm, model, out = (str(tmp_path / name) for name in ("rfm.parquet", "model.nc", "customers.csv"))
    for command in (
        ["fit", rfm, "--out", model, *spec],
        ["forecast", rfm, "--model", model, "--out", out, *spec],
    ):
        result = CliRunner().invoke(app, command, catch_exceptions=False)
        assert result.exit_code == 0, result.stderr
    assert lc.load(model).purchases == FAMILIES[family]
    assert len(pd.read_csv(out)) == 300


def test_do_priors_stand_in_for_data_that_says_little(family: str) -> None:
    """A handful of customers, all alike: a posterior all the same, about where the prior is."""
    frame = histories(family, 4, 11).assign(frequency=0, recency=0)
    with pytest.warns(lc.LifecastWarning, match="repeat buyers"):
        model = lc.CLTV(FAMILIES[family], spend=None, market=None).fit(rfm_of(frame), random_seed=1)
    assert np.all(np.isfinite(model.parameters))
