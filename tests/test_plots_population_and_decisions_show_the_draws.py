"""Do the figures of parameters, populations, payback, caution and scenarios show the draws behind them?"""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from figures import title_of
from matplotlib.axes import Axes
from scipy import stats

import lifecast as lc
from lifecast.families import PURCHASE_FAMILIES, SPEND_FAMILIES
from lifecast.plots import (
    plot_frequency_distribution,
    plot_frontier,
    plot_payback,
    plot_population,
    plot_posterior,
    plot_scenario,
    plot_scenarios,
)


@pytest.fixture(scope="module")
def rfm() -> lc.RFM:
    return lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")


@pytest.fixture(scope="module")
def model(rfm: lc.RFM) -> lc.CLTV:
    return lc.CLTV(market=None).fit(rfm, draws=300, random_seed=1)


@pytest.fixture(scope="module")
def forecast(model: lc.CLTV, rfm: lc.RFM) -> lc.Forecast:
    return model.forecast(rfm, 8, worlds=60, random_seed=1)


# -- parameters and the population -------------------------------------------------------------------


def test_are_bars_the_narrowest_intervals_of_the_draws(model: lc.CLTV, ax: Axes) -> None:
    plot_posterior(model, ax)
    names = ["r", "alpha", "a", "b", "p", "q", "v"]
    told = [label.get_text() for label in ax.get_yticklabels()]
    assert [label.partition(":")[0] for label in told] == names
    bars = [each for each in ax.lines if each.get_linewidth() == 3]
    widths = {}
    for name, bar in zip(names, bars, strict=True):
        draws = np.sort(model.posterior["posterior"][name].to_numpy().ravel())
        draws = draws / draws.mean() - 1.0
        inside = int(np.floor(0.9 * draws.size))
        narrowest = int(np.argmin(draws[inside:] - draws[:-inside]))
        by_hand = draws[narrowest], draws[narrowest + inside]
        np.testing.assert_allclose(bar.get_xdata(), by_hand, atol=0.1 * (by_hand[1] - by_hand[0]))
        widths[name] = by_hand[1] - by_hand[0]
    assert title_of(ax).startswith(f"Least is known of {max(widths, key=lambda name: widths[name])}: 90%")


def test_is_a_single_draw_refused() -> None:
    known = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
    with pytest.raises(lc.SettingsError, match="single draw"):
        plot_posterior(known)


PARAMETERS: dict[str, dict[str, float]] = {
    "bg-nbd": {"r": 0.8, "alpha": 4.4, "a": 0.8, "b": 2.4},
    "mbg-nbd": {"r": 0.8, "alpha": 4.4, "a": 0.8, "b": 2.4},
    "pareto-nbd": {"r": 0.8, "alpha": 4.4, "s": 0.9, "beta": 11.7},
    "nbd": {"r": 0.8, "alpha": 4.4},
    "bg-bb": {"alpha": 1.2, "beta": 0.75, "gamma": 0.66, "delta": 2.78},
    "sbg": {"alpha": 0.7, "beta": 1.2},
    "gamma-gamma": {"p": 6.25, "q": 3.74, "v": 15.44},
    "log-normal": {"median": 30.0, "tau": 0.6, "sigma": 0.5},
}
WEEKS = 365.25 / 7


def drawn_by_hand(family: str, trait: str) -> np.ndarray:
    """200,000 customers' own traits, as the family's docstring says they come about."""
    rng = np.random.default_rng(1)
    p, n = SimpleNamespace(**PARAMETERS[family]), 200_000
    if trait == "spend":
        if family == "log-normal":
            return p.median * np.exp(p.tau * rng.normal(size=n) + 0.5 * p.sigma**2)
        return p.p / rng.gamma(p.q, 1 / p.v, n)
    if trait == "rate":
        return rng.beta(p.alpha, p.beta, n) if family == "bg-bb" else WEEKS * rng.gamma(p.r, 1 / p.alpha, n)
    if family == "pareto-nbd":
        return WEEKS * rng.gamma(p.s, 1 / p.beta, n)
    if family == "bg-bb":
        return rng.beta(p.gamma, p.delta, n)
    return rng.beta(p.alpha, p.beta, n) if family == "sbg" else rng.beta(p.a, p.b, n)


TRAITS = [
    *((family, "rate") for family in PURCHASE_FAMILIES if family != "sbg"),
    *((family, "dropout") for family in PURCHASE_FAMILIES if family != "nbd"),
    *((family, "spend") for family in SPEND_FAMILIES),
]


@pytest.mark.parametrize(("family", "trait"), TRAITS)
def test_is_the_curve_the_share_of_simulated_customers(family: str, trait: str, ax: Axes) -> None:
    bought = "bg-nbd" if trait == "spend" else family
    spend = PARAMETERS[family] if trait == "spend" else None
    families = (bought, family) if trait == "spend" else (bought,)
    model = lc.CLTV.from_parameters(PARAMETERS[bought], spend, families=families, time_unit="week")
    plot_population(model, trait, ax)
    x, share = ax.lines[0].get_data()
    customers = np.sort(drawn_by_hand(family, trait))
    by_hand = 1.0 - np.searchsorted(customers, x) / customers.size
    np.testing.assert_allclose(share, by_hand, atol=0.005)
    half, tenth = ax.lines[1].get_xdata()
    assert half == pytest.approx(np.median(customers), rel=0.03)
    assert tenth == pytest.approx(np.quantile(customers, 0.9), rel=0.03)


def test_does_the_band_hold_most_draws(model: lc.CLTV, ax: Axes) -> None:
    plot_population(model, "dropout", ax)
    draws = {name: model.posterior["posterior"][name].to_numpy().ravel() for name in "ab"}
    shares = stats.beta(draws["a"], draws["b"]).sf(0.3)
    corners = ax.collections[0].get_paths()[0].vertices
    near = corners[np.abs(corners[:, 0] - 0.3) < 0.003, 1]
    assert np.mean((shares >= near.min()) & (shares <= near.max())) == pytest.approx(0.9, abs=0.04)


def test_is_an_unknown_trait_refused(model: lc.CLTV) -> None:
    with pytest.raises(lc.SettingsError, match="rate, dropout, spend"):
        plot_population(model, "height")


def test_are_frequencies_those_of_the_customers(model: lc.CLTV, rfm: lc.RFM, ax: Axes) -> None:
    plot_frequency_distribution(model, rfm, ax)
    observed = next(each for each in ax.lines if each.get_label() == "observed").get_ydata()
    np.testing.assert_array_equal(observed, np.bincount(np.minimum(rfm.frequency, 7)))
    bars = next(each for each in ax.containers if hasattr(each, "patches"))
    predicted = np.array([bar.get_height() for bar in bars])
    for n in (0, 1, 3):
        by_hand = sum(
            customers * model.purchase_pmf(n, float(age))
            for age, customers in zip(*np.unique(np.round(rfm.T, 6), return_counts=True), strict=True)
        )
        assert predicted[n] == pytest.approx(by_hand, rel=0.03)
    assert predicted.sum() == pytest.approx(len(rfm))
    off = 0.5 * np.abs(predicted - observed).sum() / len(rfm)
    assert title_of(ax).startswith(f"The model puts {1 - off:.1%} of customers where they are")
    with pytest.raises(lc.SettingsError, match="T > 0"):
        plot_frequency_distribution(model, newborn(rfm))


def newborn(rfm: lc.RFM) -> lc.RFM:
    table = pd.DataFrame({"customer_id": [1], "frequency": [0], "recency": [0.0], "T": [0.0]})
    return lc.RFM.from_frame(table, time_unit="week")


# -- channels and scenarios ---------------------------------------------------------------------------


def channels_of(payback_days: np.ndarray) -> Any:
    names = tuple(f"channel ${place}" for place in range(payback_days.shape[1]))
    return SimpleNamespace(payback_days=payback_days, names=names)


def test_are_payback_curves_shares_of_worlds(ax: Axes) -> None:
    days = np.column_stack(
        [[0.0] * 4, [30.0, 60.0, 90.0, 400.0], [500.0, 700.0, np.inf, np.inf], [np.inf] * 4]
    )
    plot_payback(channels_of(days), ax)
    curves = {each.get_label(): each for each in ax.lines if each.get_label().startswith("channel")}
    assert list(curves) == [
        "channel $0 (at once)", "channel $1 (60 days)", "channel $2 (700 days)", "channel $3 (not by half)",
    ]  # fmt: skip
    for at, shares in ((20.0, [1, 0, 0, 0]), (75.0, [1, 0.5, 0, 0]), (3000.0, [1, 1, 0.5, 0])):
        for (label, curve), share in zip(curves.items(), shares, strict=True):
            x, y = (np.asarray(each) for each in curve.get_data())
            before = np.flatnonzero(x <= at)
            assert (y[before[-1]] if before.size else 0.0) == share, (label, at)
    assert title_of(ax).startswith("1 of 4 channels' customers have earned back their cost within a year")
    assert {each.get_drawstyle() for each in curves.values()} == {"steps-post"}  # rises when a world pays
    styles = {str(each.get_linestyle()) for each in curves.values()}
    assert len(styles) == 4  # told apart without colours


@pytest.mark.parametrize(("at_worst", "says"), [(160.0, "Caution raises the profit at worst by 40, for 30"),
                                                (120.0, "Caution has nothing to gain")])  # fmt: skip
def test_does_the_frontier_say_what_caution_costs(at_worst: float, says: str, ax: Axes) -> None:
    frontier = pd.DataFrame(
        {
            "worlds": [0.05, 0.5, 1.0],
            "profit": [270.0, 290.0, 300.0],
            "profit_lower": [at_worst, 115.0, 120.0],
        }
    )
    total = pd.Series({"profit": 300.0, "profit_lower": 120.0})
    plot_frontier(SimpleNamespace(frontier=frontier, total=total), ax)  # type: ignore[arg-type]
    ways, proposed = ax.lines
    np.testing.assert_array_equal(ways.get_data(), [[120.0, 115.0, at_worst], [300.0, 290.0, 270.0]])
    np.testing.assert_array_equal(proposed.get_data(), [[120.0], [300.0]])
    assert title_of(ax).startswith(says)
    words = {text.get_text() for text in ax.texts}
    assert {each for word in words for each in word.split(", ")} == {"100%", "50%", "5%"}


def test_is_a_scenario_the_difference_of_the_draws(forecast: lc.Forecast, ax: Axes) -> None:
    fewer = lc.scenario(forecast, dropout=0.8)
    plot_scenario(fewer, "value", ax)
    sums = np.cumsum(fewer.scenario["value"] - fewer.baseline["value"], axis=1)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), np.median(sums, axis=0))
    total = fewer.total.loc["value", "difference"]
    assert title_of(ax).startswith(f"It would bring {total:,.0f} of value more, ")
    with pytest.raises(lc.SettingsError, match="purchases, value, discounted_value"):
        plot_scenario(fewer, "profit")


def test_does_a_scenario_without_dates_run_from_now(forecast: lc.Forecast, ax: Axes) -> None:
    bare = lc.RFM.from_frame(forecast.simulation.rfm.to_frame().head(50), time_unit="week")
    model = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
    plot_scenario(lc.scenario(model.forecast(bare, 6, worlds=5), dropout=0.8), ax=ax)
    assert ax.get_xlabel() == "time from now"
    assert ax.lines[0].get_xdata().tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def test_does_a_loss_read_as_one(forecast: lc.Forecast, ax: Axes) -> None:
    plot_scenario(lc.scenario(forecast, average_order=0.5), "value", ax)
    value = forecast.draws["value"].sum(axis=1)
    assert f"It would bring {value.mean() / 2:,.0f} of value less" in title_of(ax)


def test_do_scenarios_stand_in_order(forecast: lc.Forecast, ax: Axes) -> None:
    given = {
        "$worse": lc.scenario(forecast, average_order=0.9),
        "<better>": lc.scenario(forecast, dropout=0.8),
    }
    plot_scenarios(given, ax=ax)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["$worse", "<better>"]
    ((points, _, (bars,)),) = ax.containers
    rows = [given[name].total.loc["discounted_value"] for name in ("$worse", "<better>")]
    np.testing.assert_allclose(points.get_xdata(), [row["difference"] for row in rows])
    ends = [segment[:, 0] for segment in bars.get_segments()]
    np.testing.assert_allclose(ends, [[row["difference_lower"], row["difference_upper"]] for row in rows])
    assert title_of(ax).startswith("“<better>” would bring the most: ")
    with pytest.raises(lc.SettingsError, match="at least one"):
        plot_scenarios({})
