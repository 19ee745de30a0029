"""Does an allocation come near the best there is, and does it keep to what it was told?"""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import optimize
from shops import oracle_gains

import lifecast as lc
from lifecast.arrays import Floats
from lifecast.planning.response import learn_response

BUDGET = 75_000.0
MARGIN = 0.3


@pytest.fixture(scope="module")
def shop() -> lc.datasets.SimulatedShop:
    return lc.datasets.simulate_shop(customers=5_000, months=36, random_seed=3, season=0.0)


@pytest.fixture(scope="module")
def rfm(shop: lc.datasets.SimulatedShop) -> lc.RFM:
    return lc.rfm_summary(shop.log, attributes=["channel"], observation_end=shop.end, past=False)


@pytest.fixture(scope="module")
def model(rfm: lc.RFM) -> lc.CLTV:
    model = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(groups="channel"), market=None)
    return model.fit(rfm, random_seed=1)


@pytest.fixture(scope="module")
def channels(shop: lc.datasets.SimulatedShop, model: lc.CLTV) -> lc.Channels:
    return lc.channels(model, shop.costs, margin=MARGIN, horizons=("365 days",), worlds=400)


@pytest.fixture(scope="module")
def curves(shop: lc.datasets.SimulatedShop) -> dict[str, tuple[float, float, float]]:
    """The true response curves."""
    usual = shop.costs[shop.costs["cost"] > 0].groupby("channel")["cost"].mean()
    elasticity = {channel.name: channel.elasticity for channel in shop.truth.channels}
    return {
        name: (cost, shop.truth.new_customers(name, monthly_cost=cost), elasticity[name])
        for name, cost in usual.items()
    }


def reached_and_best(shop: lc.datasets.SimulatedShop, budget: "pd.Series[float]") -> tuple[float, float]:
    """What a year's budget would really bring, and the most that any split of it would, by scipy."""
    value = MARGIN * shop.truth.value_per_customer(365, 0.10)
    names = budget.index

    def true_value(spent: Floats) -> float:
        return sum(
            12 * shop.truth.new_customers(name, monthly_cost=cost / 12) * value[name]
            for name, cost in zip(names, spent, strict=True)
        )

    found = optimize.minimize(
        lambda shares: -true_value(shares * BUDGET) / BUDGET,
        np.full(len(names), 1 / len(names)),
        bounds=[(1e-6, 1.0)] * len(names),
        constraints={"type": "eq", "fun": lambda shares: shares.sum() - 1.0},
        method="SLSQP",
        options={"maxiter": 300},
    )
    return true_value(budget.to_numpy()), float(-found.fun * BUDGET)


def test_is_the_value_near_the_best_where_curves_are_known(
    shop: lc.datasets.SimulatedShop,
    channels: lc.Channels,
    curves: dict[str, tuple[float, float, float]],
) -> None:
    table = lc.allocate(channels, BUDGET, curves=curves).table
    reached, best = reached_and_best(shop, table["budget"])
    assert reached > 0.98 * best
    assert table["budget"].sum() == pytest.approx(BUDGET)


def test_is_the_value_near_the_best_where_curves_are_learned(
    shop: lc.datasets.SimulatedShop, channels: lc.Channels
) -> None:
    table = lc.allocate(channels, BUDGET, shop.costs).table
    reached, best = reached_and_best(shop, table["budget"])
    assert reached > 0.95 * best
    assert "direct" not in table.index  # it never cost anything


OFFER: dict[str, float] = {"purchase_rate": 1.25}
OFFER_COST = 1.5


@pytest.fixture(scope="module")
def offer(rfm: lc.RFM, model: lc.CLTV) -> lc.Treatment:
    forecast = model.forecast(rfm, "365 days", annual_discount_rate=0.0, margin=MARGIN, worlds=400)
    return lc.treat(forecast, cost=OFFER_COST, effect=OFFER)


@pytest.mark.parametrize("budget", [10_000.0, 40_000.0])
def test_is_retention_given_what_it_deserves_beside_channels(
    shop: lc.datasets.SimulatedShop,
    rfm: lc.RFM,
    channels: lc.Channels,
    curves: dict[str, tuple[float, float, float]],
    offer: lc.Treatment,
    budget: float,
) -> None:
    """Against every split of the budget, both ways of spending valued by somebody who knows the truth."""
    table = lc.allocate(channels, budget, curves=curves, retention=offer).table
    assert table["budget"].sum() == pytest.approx(budget) and table.loc["retention", "treated"] > 100
    gain = oracle_gains(shop, rfm, OFFER, MARGIN)
    ours = offer.customers.loc[:, "gain"].to_numpy()
    our_list = np.argsort(-ours, kind="stable")[: int(table.loc["retention", "treated"])]
    value = MARGIN * shop.truth.value_per_customer(365, 0.10)
    names = [name for name in table.index if name != "retention"]

    def of_channels(spent: Floats) -> float:
        return sum(
            12 * shop.truth.new_customers(name, monthly_cost=cost / 12) * value[name]
            for name, cost in zip(names, spent, strict=True)
        )

    best = 0.0
    lists = np.cumsum(np.sort(gain)[::-1])
    for treated in range(0, min(len(rfm), int(budget / OFFER_COST)), 50):
        left = budget - OFFER_COST * treated
        found = optimize.minimize(
            lambda shares, left=left: -of_channels(shares * left) / left,
            np.full(len(names), 1 / len(names)),
            bounds=[(1e-6, 1.0)] * len(names),
            constraints={"type": "eq", "fun": lambda shares: shares.sum() - 1.0},
        )
        best = max(best, -found.fun * left + (lists[treated - 1] if treated else 0.0))
    reached = of_channels(table.loc[names, "budget"].to_numpy()) + gain[our_list].sum()
    assert reached > 0.98 * best, reached / best
    inside = table[(table["share"] > 1e-3) & (table["share"] < 0.999)]["value_of_next"]
    assert inside.max() - inside.min() < 0.05


def test_are_offers_made_once_and_within_their_bounds(
    channels: lc.Channels, curves: dict[str, tuple[float, float, float]], offer: lc.Treatment
) -> None:
    plan = lc.allocate(
        channels, 20_000, curves=curves, retention=offer, months=4, bounds={"retention": (0.0, 500.0)}
    )
    assert (
        plan.table.loc["retention", "treated"] == 333
        and plan.table.loc["retention", "budget"] <= 500.0 + 1e-6
    )
    of_retention = plan.monthly[plan.monthly["channel"] == "retention"]
    np.testing.assert_allclose(of_retention["budget"], [plan.table.loc["retention", "budget"], 0, 0, 0])
    gain = np.sort(offer.customers["gain"])[::-1][:333].sum()
    assert plan.table.loc["retention", "value"] == pytest.approx(gain, rel=0.01)
    assert offer.curve.gain.mean(axis=0)[-1] == pytest.approx(offer.total["gain"])
    with pytest.raises(lc.SettingsError, match="in 400 worlds, the channels in 20"):
        lc.allocate(replace(channels, value=channels.value[:20]), 1_000, curves=curves, retention=offer)


def test_is_no_more_spent_on_an_offer_than_its_own_budget(
    rfm: lc.RFM,
    model: lc.CLTV,
    channels: lc.Channels,
    curves: dict[str, tuple[float, float, float]],
    offer: lc.Treatment,
) -> None:
    forecast = model.forecast(rfm, "365 days", annual_discount_rate=0.0, margin=MARGIN, worlds=400)
    limited = lc.treat(forecast, cost=OFFER_COST, effect=OFFER, budget=500.0)
    tables = [lc.allocate(channels, 20_000, curves=curves, retention=each).table for each in (offer, limited)]
    assert tables[0].loc["retention", "budget"] > 500.0
    assert tables[1].loc["retention", "budget"] == pytest.approx(333 * OFFER_COST)
    assert tables[1].loc["retention", "treated"] == limited.total["treated"] == 333
    assert tables[1].loc["retention", "value"] == pytest.approx(limited.total["gain"])
    assert tables[1]["budget"].sum() == pytest.approx(20_000)


def test_are_whole_customers_bought_where_there_are_few(channels: lc.Channels) -> None:
    curves = {"search": (900.0, 3.0, 0.6), "social": (700.0, 4.0, 0.5), "partner B": (1_000.0, 2.0, 0.75)}
    plan = lc.allocate(channels, 1_500.0, curves=curves, months=1, whole_customers=True)
    bought = plan.table["new_customers"].to_numpy()
    np.testing.assert_allclose(bought, bought.round(), atol=1e-3)
    assert plan.table["budget"].sum() + plan.total["unspent"] == pytest.approx(1_500.0)
    assert plan.table["budget"].sum() <= 1_500.0 + 1e-6
    value = dict(zip(channels.names, channels.value[:, :, -1].mean(axis=0), strict=True))
    best = max(
        sum(n * value[name] for n, name in zip(numbers, curves, strict=True))
        for numbers in product(range(12), repeat=3)
        if sum(
            cost * (n / usual) ** (1 / elasticity)
            for n, (cost, usual, elasticity) in zip(numbers, curves.values(), strict=True)
        )
        <= 1_500.0
    )
    assert plan.table["value"].sum() > 0.97 * best
    parts = lc.allocate(channels, 1_500.0, curves=curves, months=1).table["new_customers"]
    assert np.any(np.abs(parts - parts.round()) > 0.1)


def test_is_the_spread_of_outcomes_that_of_customers_one_by_one(
    channels: lc.Channels, model: lc.CLTV
) -> None:
    plan = lc.allocate(channels, 120.0, curves={"partner B": (10.0, 0.5, 1.0)}, months=12)
    kind = pd.DataFrame({"channel": ["partner B"]}, index=["B"])
    one = model.new_customers(
        "365 days", customers=kind, annual_discount_rate=0.10, margin=MARGIN, worlds=40_000
    )
    rng = np.random.default_rng(3)
    number = rng.poisson(6.0, 4_000)
    slow = np.array([rng.choice(one.value[:, 0], n).sum() for n in number]) - 120.0
    np.testing.assert_allclose(plan.outcome.mean(), slow.mean(), atol=4 * slow.std() / np.sqrt(400))
    assert plan.outcome.std() == pytest.approx(slow.std(), rel=0.2)
    assert plan.total["probability_profit"] == pytest.approx(np.mean(slow > 0.0), abs=0.08)
    assert plan.total["outcome_upper"] - plan.total["outcome_lower"] > 3 * (
        plan.total["profit_upper"] - plan.total["profit_lower"]
    )


def test_do_the_last_euros_bring_the_same_everywhere(
    channels: lc.Channels, curves: dict[str, tuple[float, float, float]]
) -> None:
    inside = lc.allocate(channels, BUDGET, curves=curves).table
    spent = inside[inside["share"] > 1e-4]["value_of_next"]
    assert spent.max() - spent.min() < 0.01


def test_are_the_cautious_safer_and_poorer(shop: lc.datasets.SimulatedShop, channels: lc.Channels) -> None:
    bold, careful = (
        lc.allocate(channels, BUDGET, shop.costs, objective=objective, level=0.1).profit
        for objective in ("mean", "cvar")
    )
    worst = round(0.1 * bold.size)
    assert np.sort(careful)[:worst].mean() > np.sort(bold)[:worst].mean()
    assert careful.mean() < bold.mean()
    quantile = lc.allocate(channels, BUDGET, shop.costs, objective="quantile", level=0.1).profit
    assert np.quantile(quantile, 0.1) >= max(np.quantile(careful, 0.1), np.quantile(bold, 0.1)) - 1e-9
    frontier = lc.allocate(channels, BUDGET, shop.costs).frontier
    assert frontier["profit"].is_monotonic_decreasing and frontier["sd"].is_monotonic_decreasing


def test_are_costs_read_that_are_written_as_words(
    shop: lc.datasets.SimulatedShop, channels: lc.Channels
) -> None:
    plans = [lc.allocate(channels, BUDGET, costs).table for costs in (shop.costs, shop.costs.astype(str))]
    pd.testing.assert_frame_equal(*plans, check_exact=True)


def test_are_bounds_kept_and_months_added_up(shop: lc.datasets.SimulatedShop, channels: lc.Channels) -> None:
    bounds = {"referral": (0.0, 20_000.0), "social": (10_000.0, BUDGET)}
    plan = lc.allocate(channels, BUDGET, shop.costs, bounds=bounds, months=6)
    assert plan.table.loc["referral", "budget"] <= 20_000 + 1e-6
    assert plan.table.loc["social", "budget"] >= 10_000 - 1e-6
    by_channel = plan.monthly.groupby("channel")[["budget", "new_customers", "value"]].sum()
    for column in by_channel:
        np.testing.assert_allclose(by_channel[column], plan.table.loc[by_channel.index, column])


def test_does_no_money_bring_no_customers(channels: lc.Channels) -> None:
    flat = {"search": (1_000.0, 100.0, 0.2), "social": (1_000.0, 100.0, 0.5)}
    plan = lc.allocate(channels, BUDGET, curves=flat, bounds={"search": (0.0, 0.0)})
    assert plan.table.loc["search", ["budget", "new_customers", "value"]].tolist() == [0.0, 0.0, 0.0]
    assert plan.total["value"] == pytest.approx(plan.table.loc["social", "value"])


def test_are_response_curves_learned_with_honest_intervals() -> None:
    rng = np.random.default_rng(5)
    held = []
    for _ in range(60):
        cost = 1_000 * np.exp(0.4 * rng.standard_normal(24))
        new = rng.poisson(30 * (cost / 1_000) ** 0.6 * np.exp(0.1 * rng.standard_normal(24)))
        table = pd.DataFrame({"channel": "a", "cost": cost, "new_customers": new})
        lower, upper = np.quantile(learn_response(table, ["a"], "channel", 400, rng).elasticity, [0.05, 0.95])
        held.append(lower < 0.6 < upper)
    assert 0.80 <= np.mean(held) <= 0.99


@pytest.mark.parametrize("usual", [0.2, 0.4, 1.0, 5.0])
def test_does_a_channel_of_a_few_customers_a_year_bring_as_many_as_it_did(usual: float) -> None:
    rng, found, held = np.random.default_rng(1), [], []
    for _ in range(60):
        cost = 30.0 * np.exp(0.35 * rng.standard_normal(24))
        came = rng.poisson(usual * (cost / 30.0) ** 0.7)
        history = pd.DataFrame({"channel": "a", "cost": cost, "new_customers": came})
        if came.sum():
            response = learn_response(history, ["a"], "channel", 200, np.random.default_rng(0))
            brought = response.new_customers(np.array([30.0]))
            found.append(brought.mean())
            lower, upper = np.quantile(brought, [0.05, 0.95])
            held.append(lower < usual < upper)
    assert 0.9 < np.mean(found) / usual < 1.2  # six times as many, were empty months left out
    assert 0.80 <= np.mean(held) <= 0.99


def test_do_months_count_where_money_was_spent_and_only_there() -> None:
    paid = pd.DataFrame({"channel": "a", "cost": [30.0, 40.0, 25.0, 35.0], "new_customers": [2, 3, 1, 2]})
    unpaid = pd.DataFrame({"channel": "a", "cost": 0.0, "new_customers": [0, 4]})
    in_vain = pd.DataFrame({"channel": "a", "cost": [30.0, 30.0], "new_customers": 0})
    level, same, lower = (
        learn_response(pd.concat(tables), ["a"], "channel", 500, np.random.default_rng(0)).usual
        for tables in ([paid], [paid, unpaid], [paid, in_vain])
    )
    np.testing.assert_array_equal(same, level)
    assert lower.mean() == pytest.approx(level.mean() * 4 / 6, rel=0.15)
    with pytest.raises(lc.DataError, match="no period with a cost and new customers"):
        learn_response(in_vain, ["a"], "channel", 5, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"budget": 0.0}, "needed a positive amount"),
        ({"costs": None}, "Pass the cost history"),
        ({"costs": pd.DataFrame({"cost": [1.0], "new_customers": [1]})}, "no column 'channel'"),
        ({"bounds": {"radio": (0, 1)}}, "bounds= has 'radio'"),
        ({"bounds": {"social": (80_000, 90_000)}}, "bounds"),
        ({"objective": "greed"}, 'needed "mean", "quantile" or "cvar"'),
        ({"level": 2.0}, "needed a probability"),
        ({"curves": {"radio": (1.0, 1.0, 0.5)}}, "curves= has 'radio'"),
        ({"curves": {"social": (0.0, 1.0, 0.5)}}, "for 'social'. Needed"),
        ({"curves": {"social": (1.0, 1.0, 1.5)}}, "elasticity of 1 at most"),
        ({"curves": {}}, "no channel"),
        ({"interval": 90}, "needed a probability"),
    ],
)
def test_are_settings_that_cannot_be_meant_refused(
    shop: lc.datasets.SimulatedShop, channels: lc.Channels, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(lc.LifecastError, match=message):
        lc.allocate(channels, **{"budget": BUDGET, "costs": shop.costs, **settings})  # type: ignore[arg-type]
