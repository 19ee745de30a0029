"""Does an allocation come near the best there is, and does it keep to what it was told?"""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

import lifecast as lc
from lifecast.arrays import Floats
from lifecast.planning.response import learn_response

BUDGET = 75_000.0
MARGIN = 0.3


@pytest.fixture(scope="module")
def shop() -> lc.datasets.SimulatedShop:
    return lc.datasets.simulate_shop(customers=5_000, months=36, random_seed=3, season=0.0)


@pytest.fixture(scope="module")
def channels(shop: lc.datasets.SimulatedShop) -> lc.Channels:
    rfm = lc.rfm_summary(shop.log, attributes=["channel"], observation_end=shop.end)
    model = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(groups="channel"), market=None)
    model.fit(rfm, random_seed=1)
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


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"budget": 0.0}, "needed a positive amount"),
        ({"costs": None}, "Pass the cost history"),
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
