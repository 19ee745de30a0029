"""Are scenarios the same futures but for what changed, and does what changed follow the closed forms?"""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import lifecast as lc
from lifecast.families.changed import changed

KNOWN = {"r": 0.7, "alpha": 8.0, "a": 0.9, "b": 2.2}  # per week
PARETO = {"r": 0.7, "alpha": 8.0, "s": 0.8, "beta": 25.0}
PARAMETERS = {"bg-nbd": KNOWN, "mbg-nbd": KNOWN, "pareto-nbd": PARETO, "nbd": {"r": 0.7, "alpha": 8.0}}
MONEY = {"p": 4.0, "q": 4.0, "v": 30.0}
YEAR = 52.0


def rfm_of(copies: int) -> lc.RFM:
    past = [(0, 0.0, 30.0), (1, 20.0, 30.0), (4, 28.0, 33.0), (12, 40.0, 41.0), (3, 5.0, 50.0)]
    rows = [past[i % len(past)] for i in range(copies * len(past))]
    frame = pd.DataFrame(rows, columns=["frequency", "recency", "T"])
    frame["monetary_value"] = np.where(frame["frequency"] > 0, 25.0, 0.0)
    frame["source"] = np.where(np.arange(len(frame)) % 2 == 0, "friend", "search")
    frame["customer_id"] = [f"c{i}" for i in range(len(frame))]
    return lc.RFM.from_frame(frame, time_unit="week")


def forecast_of(copies: int = 40, worlds: int = 400, family: str = "bg-nbd") -> lc.Forecast:
    model = lc.CLTV.from_parameters(PARAMETERS[family], MONEY, families=(family, "gamma-gamma"))
    return model.forecast(rfm_of(copies), YEAR, annual_discount_rate=0.10, margin=0.4, worlds=worlds)


@pytest.fixture(scope="module")
def forecast() -> lc.Forecast:
    return forecast_of()


def test_is_nothing_changed_where_nothing_changes(forecast: lc.Forecast) -> None:
    same = lc.scenario(forecast, purchase_rate=1.0, dropout=1.0)
    for measure, draws in same.scenario.items():
        np.testing.assert_allclose(draws, forecast.draws[measure], rtol=1e-12)


def expected_with_traits(x: int, T: float, rate_factor: float, dropout_factor: float, t: float) -> float:
    """Purchases of a living customer by t, by quadrature over its rate and its chance to leave."""
    rate = stats.gamma(KNOWN["r"] + x, scale=1.0 / (KNOWN["alpha"] + T))
    dropout = stats.beta(KNOWN["a"], KNOWN["b"] + x)

    def given(q_rate: float, q_dropout: float) -> float:
        lam, p = rate_factor * rate.ppf(q_rate), dropout_factor * dropout.ppf(q_dropout)
        return -math.expm1(-lam * p * t) / p if p > 1e-12 else lam * t

    nodes, weights = np.polynomial.legendre.leggauss(60)
    half = 0.5 * (nodes + 1.0)
    return float(
        sum(0.25 * weights[i] * weights[j] * given(half[i], half[j]) for i in range(60) for j in range(60))
    )


@pytest.mark.parametrize(("faster", "looser"), [(1.3, 1.0), (1.0, 0.6), (1.2, 0.5), (0.8, 1.7)])
@pytest.mark.parametrize("x", [0, 3])
def test_are_expected_purchases_those_given_the_traits(x: int, faster: float, looser: float) -> None:
    family = changed(lc.BGNBD(), faster, looser)
    theta, age = np.array([list(KNOWN.values())]), np.array([30.0])
    sums = family.expected_purchases(
        np.array([x]), age, theta, np.zeros(1), np.array([[YEAR]]), np.ones((1, 1, 1))
    )
    found = float(sums(np.array([x]), age)[0, 0, 0])
    assert found == pytest.approx(expected_with_traits(x, 30.0, faster, looser, YEAR), rel=2e-3)


@pytest.mark.parametrize("x", [0, 3])
@pytest.mark.parametrize(("faster", "looser"), [(1.3, 1.0), (1.0, 0.6), (1.2, 0.5), (0.8, 1.7)])
def test_are_pareto_purchases_those_given_the_traits(x: int, faster: float, looser: float) -> None:
    """E[rate] times the lifetime to be expected, by quadrature over both traits."""
    rate = faster * (PARETO["r"] + x) / (PARETO["alpha"] + 30.0)
    leaving = stats.gamma(PARETO["s"], scale=looser / (PARETO["beta"] + 30.0))
    lifetime = leaving.expect(lambda mu: -np.expm1(-mu * YEAR) / mu)
    family = changed(lc.ParetoNBD(), faster, looser)
    theta, age = np.array([list(PARETO.values())]), np.array([30.0])
    sums = family.expected_purchases(
        np.array([x]), age, theta, np.zeros(1), np.array([[YEAR]]), np.ones((1, 1, 1))
    )
    assert float(sums(np.array([x]), age)[0, 0, 0]) == pytest.approx(rate * lifetime, rel=1e-6)


LEVERS = [
    {"purchase_rate": 1.4}, {"dropout": 0.5}, {"dropout": 1.8}, {"purchase_rate": 0.7, "dropout": 1.4},
]  # fmt: skip


@pytest.mark.parametrize(
    ("family", "factors"),
    [
        *((family, factors) for family in ("bg-nbd", "mbg-nbd", "pareto-nbd") for factors in LEVERS),
        ("nbd", {"purchase_rate": 1.4}),
    ],
    ids=str,
)
def test_is_the_mean_of_changed_futures_what_is_expected(family: str, factors: dict[str, float]) -> None:
    forecast = forecast_of(copies=20, worlds=1000, family=family)
    found = lc.scenario(forecast, **factors).scenario["purchases"].sum(axis=1)
    simulation = forecast.simulation
    other = changed(
        simulation.purchase_family, factors.get("purchase_rate", 1.0), factors.get("dropout", 1.0)
    )
    rfm, theta = simulation.rfm, np.array([list(PARAMETERS[family].values())])
    alive = other.probability_alive(rfm.frequency, rfm.recency, rfm.T, theta)
    sums = other.expected_purchases(
        rfm.frequency, rfm.T, theta, np.zeros(1), np.array([[YEAR]]), np.ones((1, 1, 1))
    )
    order = np.lexsort((rfm.T, rfm.frequency))
    expected = (alive[order, 0] * sums(rfm.frequency[order], rfm.T[order])[0, :, 0]).sum()
    assert abs(found.mean() - expected) < 4.0 * found.std() / math.sqrt(found.size)
    if family in ("bg-nbd", "mbg-nbd"):  # more than one of a chance to leave counts after the first purchase
        return
    buys = other.probability_of_purchase(rfm.frequency, rfm.T, theta, np.zeros(1), np.array([YEAR]))
    chance = (alive * buys).mean()
    again = lc.segments(replace(forecast, simulation=replace(simulation, purchase_family=other)), window=YEAR)
    assert again.customers["p_again"].mean() == pytest.approx(chance, abs=4.0 * 0.5 / math.sqrt(100 * 1000))


def test_are_changed_futures_the_same_worlds(forecast: lc.Forecast) -> None:
    counts = [
        lc.scenario(forecast, dropout=factor).scenario["purchases"].sum(axis=1)
        for factor in (1.8, 1.2, 1.0, 0.8, 0.5)
    ]
    assert np.all(np.diff(counts, axis=0) >= 0)  # in each world
    rates = [
        lc.scenario(forecast, purchase_rate=factor).scenario["purchases"].sum(axis=1)
        for factor in (0.7, 1.0, 1.1, 1.5)
    ]
    assert np.all(np.diff(rates, axis=0) >= 0)
    independent = math.sqrt(2.0) * counts[2].std()
    assert (counts[3] - counts[2]).std() < 0.5 * independent


def test_are_changed_pareto_futures_the_same_but_for_the_change() -> None:
    forecast = forecast_of(family="pareto-nbd")
    before = forecast.draws["purchases"].sum(axis=1)
    for factors, sign in (
        ({"dropout": 0.5}, 1), ({"dropout": 0.9}, 1), ({"dropout": 1.5}, -1),
        ({"purchase_rate": 1.3}, 1), ({"purchase_rate": 0.8}, -1),
    ):  # fmt: skip
        after = lc.scenario(forecast, **factors).scenario["purchases"].sum(axis=1)
        assert np.all(sign * (after - before) >= 0), factors  # in each world
    barely = lc.scenario(forecast, dropout=1.0 - 1e-12).scenario["value"]
    np.testing.assert_allclose(barely, forecast.draws["value"], rtol=1e-9)  # the kernels draw alike


def test_do_money_terms_multiply(forecast: lc.Forecast) -> None:
    dearer = lc.scenario(forecast, average_order=1.2, margin=0.5, commission=0.1)
    np.testing.assert_allclose(dearer.scenario["value"], 1.2 * 0.5 * 0.9 * forecast.draws["value"])
    undiscounted = lc.scenario(forecast, annual_discount_rate=0.0)
    np.testing.assert_allclose(undiscounted.scenario["discounted_value"], forecast.draws["value"])
    assert np.all(dearer.scenario["purchases"] == forecast.draws["purchases"])


def test_do_parts_of_the_customers_add_up(forecast: lc.Forecast) -> None:
    flags = np.array(forecast.simulation.rfm.attributes["source"].to_pandas() == "friend")
    friends = lc.scenario(forecast, dropout=0.7, average_order=1.1, who="source=friend")
    others = lc.scenario(forecast, dropout=0.7, average_order=1.1, who=~flags)
    both = lc.scenario(forecast, dropout=0.7, average_order=1.1)
    assert friends.customers + others.customers == both.customers == len(flags)
    for measure, baseline in forecast.draws.items():
        parts = friends.scenario[measure] + others.scenario[measure] - 2.0 * baseline
        np.testing.assert_allclose(parts, both.scenario[measure] - baseline, atol=1e-6)


COMING = pd.DataFrame(
    {
        "start": [0.0, 10.0, 0.0, 10.0],
        "source": ["friend"] * 2 + ["search"] * 2,
        "new_customers": [60, 60, 90, 90],
    }
)


def test_do_referrals_bring_what_they_say_and_nothing_else(forecast: lc.Forecast) -> None:
    flow = lc.cash_flow(forecast, "source", new_customers=COMING)
    as_it_is = lc.scenario(forecast, new_customers=COMING)
    for measure, draws in as_it_is.scenario.items():
        np.testing.assert_allclose(draws, flow.draws[measure].sum(axis=(0, 1)))
        np.testing.assert_allclose(as_it_is.baseline[measure], draws)
    all_friends = lc.scenario(
        forecast, new_customers=COMING, who="source=friend", referred=1.0, referral_uplift=0.16
    )
    gained = all_friends.scenario["value"] - all_friends.baseline["value"]
    np.testing.assert_allclose(gained, 0.16 * flow.draws["value"][flow.groups.index("friend"), 1], atol=1e-6)
    np.testing.assert_array_equal(all_friends.scenario["purchases"], all_friends.baseline["purchases"])
    shares = [
        lc.scenario(forecast, new_customers=COMING, referred=share, referral_uplift=0.16)
        for share in (0.2, 0.4, 1.0)
    ]
    gains = [(each.scenario["value"] - each.baseline["value"]).sum(axis=1) for each in shares]
    assert np.all(gains[0] <= gains[1]) and np.all(gains[1] <= gains[2])  # the same ones, and others
    assert gains[1].mean() / gains[2].mean() == pytest.approx(0.4, abs=0.1)
    elasticity = lc.elasticities(forecast, new_customers=COMING).loc["new_customers", "value"]
    assert elasticity == pytest.approx(0.01 * flow.equity.loc[("all", "new"), "mean"])


def test_does_a_change_concern_those_yet_to_come_too(forecast: lc.Forecast) -> None:
    everybody = lc.scenario(forecast, dropout=0.6, purchase_rate=1.2, new_customers=COMING)
    existing = lc.scenario(forecast, dropout=0.6, purchase_rate=1.2)
    came = (everybody.scenario["purchases"] - existing.scenario["purchases"]).sum(axis=1)
    family = changed(lc.BGNBD(), 1.2, 0.6)
    arrival = np.sort(np.concatenate([
        begin + (np.arange(n) + 0.5) / n * length
        for begin, length in ((0.0, 10.0), (10.0, 10.0)) for n in (60, 90)
    ]))  # fmt: skip
    times = np.unique(YEAR - arrival)[None, :]
    sums = family.expected_purchases(
        np.array([0]), np.zeros(1), np.array([list(KNOWN.values())]), np.zeros(1), times,
        np.eye(times.size)[None],
    )  # fmt: skip
    each = sums(np.array([0]), np.zeros(1))[:, 0, 0]
    expected = 300 + np.interp(YEAR - arrival, times[0], each).sum()
    assert abs(came.mean() - expected) < 4.0 * came.std() / math.sqrt(came.size)
    halves = [
        lc.scenario(forecast, dropout=0.6, who=f"source={one}", new_customers=COMING)
        for one in ("friend", "search")
    ]
    both = lc.scenario(forecast, dropout=0.6, new_customers=COMING)
    for measure, baseline in both.baseline.items():
        parts = sum(half.scenario[measure] for half in halves) - 2.0 * baseline
        np.testing.assert_allclose(parts, both.scenario[measure] - baseline, atol=1e-6)


def test_do_tables_reduce_the_draws(forecast: lc.Forecast) -> None:
    found = lc.scenario(forecast, purchase_rate=1.1)
    row = found.total.loc["discounted_value"]
    difference = (found.scenario["discounted_value"] - found.baseline["discounted_value"]).sum(axis=1)
    assert row["difference"] == pytest.approx(difference.mean())
    assert row["difference_upper"] == pytest.approx(np.quantile(difference, 0.95))
    by_period = found.portfolio[found.portfolio["measure"] == "discounted_value"]
    assert by_period["scenario"].sum() == pytest.approx(row["scenario"])


def test_has_a_value_that_is_not_discounted_no_rate_to_lower(forecast: lc.Forecast) -> None:
    model = lc.CLTV.from_parameters(
        {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, {"p": 6.25, "q": 3.74, "v": 15.44}
    )
    levers = [
        lc.elasticities(model.forecast(forecast.simulation.rfm, 13, annual_discount_rate=rate, worlds=5))
        for rate in (0.0, 0.1)
    ]
    assert set(levers[1].index) - set(levers[0].index) == {"discount_rate"}
    assert levers[1].loc["discount_rate", "value"] > 0.0


def test_are_elasticities_slopes_of_the_value(forecast: lc.Forecast) -> None:
    table = lc.elasticities(forecast)
    assert table.loc["average_order", "percent"] == pytest.approx(1.0)
    assert table.loc["margin", "percent"] == pytest.approx(1.0) == -table.loc["commission", "percent"]
    base = forecast.customers["cltv"].sum()
    assert table.loc["average_order", "value"] == pytest.approx(0.01 * base, rel=1e-6)
    fewer = lc.scenario(forecast, dropout=0.9).total.loc["discounted_value"]
    assert 8.0 < fewer["difference"] / table.loc["dropout", "value"] < 12.5
    more = lc.scenario(forecast, purchase_rate=1.1).total.loc["discounted_value"]
    assert 8.0 < more["difference"] / table.loc["purchase_rate", "value"] < 11.0
    assert 0.0 < table.loc["discount_rate", "percent"] < 0.2


def test_is_the_truth_of_a_shop_within_the_interval() -> None:
    shop = lc.datasets.simulate_shop(customers=3000, random_seed=5, season=0.0)
    rfm = lc.rfm_summary(shop.log, observation_end=shop.end, past=False)
    model = lc.CLTV(market=None).fit(rfm, random_seed=5)
    forecast = model.forecast(rfm, "365 days", worlds=300, random_seed=5)
    for factors in ({"purchase_rate": 1.2}, {"dropout": 0.8}):
        row = lc.scenario(forecast, **factors).total.loc["discounted_value"]
        truth = shop.truth
        gain = truth.future_value(
            rate_factor=factors.get("purchase_rate", 1.0), dropout_factor=factors.get("dropout", 1.0)
        ).sum()
        assert row["difference_lower"] < gain - truth.future_value().sum() < row["difference_upper"]


def test_is_what_cannot_be_refused_politely(forecast: lc.Forecast) -> None:
    with pytest.raises(lc.SettingsError, match="positive factor"):
        lc.scenario(forecast, dropout=0.0)
    with pytest.raises(lc.SettingsError, match=r"has shape \(3,\), the forecast 400 worlds"):
        lc.scenario(forecast, dropout=np.full(3, 0.9))
    with pytest.raises(lc.SettingsError, match=r"dropout=-0\.5: needed a positive factor"):
        lc.treat(forecast, cost=1.0, effect={"dropout": -0.5})
    with pytest.raises(lc.SettingsError, match="commission"):
        lc.scenario(forecast, commission=1.5)
    with pytest.raises(lc.SettingsError, match=r"there are none\. Pass a plan"):
        lc.scenario(forecast, referred=0.2, referral_uplift=0.1)
    with pytest.raises(lc.SettingsError, match="a share of new customers"):
        lc.scenario(forecast, referred=20, new_customers=COMING)
    flags = np.ones(len(forecast.customers), bool)
    with pytest.raises(lc.SettingsError, match="those yet to come have none"):
        lc.scenario(forecast, who=flags, new_customers=COMING)
    poor = lc.CLTV.from_parameters(KNOWN).forecast(rfm_of(1), YEAR, worlds=10)
    money: tuple[dict[str, float], ...] = (
        {"average_order": 1.1}, {"margin": 0.5}, {"commission": 0.1}, {"annual_discount_rate": 0.1},
    )  # fmt: skip
    for change in money:
        with pytest.raises(lc.SettingsError, match="has no spend"):
            lc.scenario(poor, **change)
    with pytest.raises(lc.SettingsError, match="source is one of friend, search"):
        lc.scenario(forecast, who="source=tv")
    with pytest.raises(lc.DataError, match="one true or false"):
        lc.scenario(forecast, who=[True])
    discrete = lc.CLTV.from_parameters(
        {"alpha": 1.2, "beta": 0.75, "gamma": 0.66, "delta": 2.78}, families=("bg-bb",), time_unit="year"
    )
    frame = pd.DataFrame({"customer_id": [1], "frequency": [2], "recency": [3.0], "T": [6.0]})
    counted = discrete.forecast(lc.RFM.from_frame(frame, time_unit="year"), 5, worlds=10)
    with pytest.raises(lc.SettingsError, match="bg-bb has purchases at fixed opportunities"):
        lc.scenario(counted, dropout=0.9)
    for_ever = forecast_of(copies=1, worlds=10, family="nbd")
    with pytest.raises(lc.SettingsError, match="never leave"):
        lc.scenario(for_ever, dropout=0.9)
    assert "dropout" not in lc.elasticities(for_ever).index
