"""Do the figures of customers, channels, a budget and past forecasts show the tables' numbers?"""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from figures import title_of
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

import lifecast as lc
from lifecast.plots import (
    plot_budget,
    plot_channels,
    plot_concentration,
    plot_customer_map,
    plot_customer_values,
    plot_past_forecasts,
    plot_portfolio,
)

SPEND = {"p": 6.25, "q": 3.74, "v": 15.44}


@pytest.fixture(scope="module")
def model() -> lc.CLTV:
    return lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, SPEND)


@pytest.fixture(scope="module")
def rfm() -> lc.RFM:
    return lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")


@pytest.fixture(scope="module")
def forecast(model: lc.CLTV, rfm: lc.RFM) -> lc.Forecast:
    return model.forecast(rfm, 39, worlds=10)


@pytest.fixture(scope="module")
def costs_and_channels() -> tuple[lc.Channels, lc.Allocation]:
    shop = lc.datasets.simulate_shop(customers=600, months=18, random_seed=1)
    rfm = lc.rfm_summary(shop.log, attributes=["channel"], observation_end=shop.end)
    fitted = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(groups="channel"), market=None)
    found = lc.channels(fitted.fit(rfm, draws=100, random_seed=1), shop.costs, margin=0.3, worlds=60)
    return found, lc.allocate(found, 50_000, shop.costs)


def edges_of(mesh: Any) -> np.ndarray:
    return np.asarray(mesh.get_coordinates()[0, :, 0])


def even_odds(values: np.ndarray, edges: np.ndarray) -> str:
    """The title that the map's own numbers make, by hand."""
    middle = (edges[1:] + edges[:-1]) / 2
    said = []
    for frequency in (2, len(values)):
        after = int(np.argmax(values[frequency - 1] < 0.5))  # the first column below
        above, below = values[frequency - 1, after - 1 : after + 1]
        weeks = middle[after - 1] + (above - 0.5) / (above - below) * (middle[after] - middle[after - 1])
        said.append(f"{weeks:.0f} weeks after {frequency}")
    return f"Even odds that a customer has left: silent for {said[0]} repeat purchases, or {said[1]}"


def grey(colour: object) -> float:
    return float(np.dot(to_rgb(colour), [0.299, 0.587, 0.114]))  # type: ignore[arg-type]


def test_does_the_map_show_the_closed_form(model: lc.CLTV, rfm: lc.RFM, ax: Axes) -> None:
    assert plot_customer_map(model, rfm, ax=ax) is ax
    (mesh,) = [each for each in ax.collections if hasattr(each, "get_coordinates")]
    values = mesh.get_array()
    edges = mesh.get_coordinates()[0, :, 0]
    x, idle, age = 3, (edges[4] + edges[5]) / 2, float(np.median(rfm.T))
    # BG/NBD [Fader, Hardie & Lee 2008]: 1 / (1 + a / (b + x - 1) ((alpha + T) / (alpha + t_x)) ** (r + x))
    r, alpha, a, b = 0.243, 4.414, 0.793, 2.426
    alive = 1 / (1 + a / (b + x - 1) * ((alpha + age) / (alpha + age - idle)) ** (r + x))
    assert values[x - 1, 4] == pytest.approx(alive, rel=1e-9)
    assert title_of(ax) == even_odds(values, edges)
    assert edges[-1] == age and ax.get_xlabel() == "weeks since the last purchase"


def test_does_the_map_show_expected_purchases(model: lc.CLTV, rfm: lc.RFM, ax: Axes) -> None:
    plot_customer_map(model, rfm, 39, ax)
    (mesh,) = [each for each in ax.collections if hasattr(each, "get_coordinates")]
    values = mesh.get_array()
    assert values[9, 0] > values[4, 0] > values[0, 0] > 0.0  # more often before, more often again
    assert np.all(np.diff(values[9]) < 0.0)  # the longer ago, the less
    most, silent = len(values), (edges_of(mesh)[12] + edges_of(mesh)[13]) / 2
    assert f"After {most} repeat purchases {values[-1, 0]:.3g} more are expected within 39 weeks" in title_of(
        ax
    )
    assert title_of(ax).endswith(f"after {silent:.0f} silent weeks {values[-1, 12]:.2g}")


def test_is_the_map_of_a_usual_customer(ax: Axes) -> None:
    log = lc.datasets.load_cdnow(sample=True)
    log["shop"] = np.array(["north", "east", "many", "many", "south"])[log["customer_id"] % 5]
    log["age"] = 20 + log["customer_id"] % 50
    log["empty"] = None
    rfm = lc.rfm_summary(log, observation_end="1997-09-30", attributes=["shop", "age", "empty"])
    model = lc.CLTV(lc.BGNBD(groups="shop", covariates=["age"]), None, market=None)
    model.fit(rfm, draws=400, random_seed=1)
    plot_customer_map(model, rfm, ax=ax)
    (mesh,) = [each for each in ax.collections if hasattr(each, "get_coordinates")]
    age = float(np.median(rfm.T))
    idle = mesh.get_coordinates()[0, :2, 0].mean()
    one = {"customer_id": [1], "frequency": [1], "recency": [age - idle], "T": [age]}
    middle = float(np.median(rfm.attributes["age"].to_numpy()))
    usual = pd.DataFrame({**one, "shop": ["many"], "age": [middle]})
    expected = model.probability_alive(lc.RFM.from_frame(usual, rfm.time_unit)).iloc[0]
    assert mesh.get_array()[0, 0] == pytest.approx(expected)


def test_does_the_map_say_so_where_no_silence_makes_the_odds_even(rfm: lc.RFM, ax: Axes) -> None:
    faithful = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 1e-30, "b": 5.0})
    plot_customer_map(faithful, rfm, ax=ax)
    (mesh,) = [each for each in ax.collections if hasattr(each, "get_coordinates")]
    alive = mesh.get_array()
    assert alive.min() > 0.5
    assert title_of(ax) == (
        f"Still customers: {alive.min():.0%} to {alive.max():.0%} of customers with such histories"
    )


def test_is_a_model_of_opportunities_refused(rfm: lc.RFM, ax: Axes) -> None:
    with pytest.raises(lc.SettingsError, match="buys at any time"):
        plot_customer_map(lc.CLTV(lc.BGBB(), None), rfm, ax=ax)


def test_is_the_concentration_that_of_the_customers(forecast: lc.Forecast, ax: Axes) -> None:
    plot_concentration(forecast, ax)
    equal, curve, best = ax.lines
    value = np.sort(forecast.customers["cltv"])[::-1]
    share, brought = curve.get_data()
    assert (share[0], share[-1], brought[0]) == (0.0, 1.0, 0.0) and brought[-1] == pytest.approx(1.0)
    for s, y in zip(share[1:-1:50], brought[1:-1:50], strict=True):
        assert y == pytest.approx(value[: round(s * value.size)].sum() / value.sum())
    assert np.all(brought >= share - 1e-12) and best.get_xdata() == [0.1]
    assert f"{best.get_ydata()[0]:.0%} of the value" in ax.get_title()
    assert grey(equal.get_color()) != pytest.approx(grey(curve.get_color()), abs=0.05)


def test_do_the_bars_hold_every_customer(forecast: lc.Forecast, ax: Axes) -> None:
    plot_customer_values(forecast, ax)
    assert sum(bar.get_height() for bar in ax.patches) == len(forecast.customers)
    median, mean = ax.lines
    assert median.get_xdata()[0] == forecast.customers["cltv"].median()
    assert mean.get_xdata()[0] == pytest.approx(forecast.customers["cltv"].mean())
    assert median.get_linestyle() != mean.get_linestyle()  # apart without colours


def test_is_there_nothing_to_draw_of_nothing(model: lc.CLTV, rfm: lc.RFM, ax: Axes) -> None:
    forecast = model.forecast(rfm, 39, worlds=5, margin=0.0)
    for plot in (plot_concentration, plot_customer_values):
        with pytest.raises(lc.SettingsError, match="nothing to draw"):
            plot(forecast, ax)


def test_do_channels_show_value_interval_and_cost(
    costs_and_channels: tuple[lc.Channels, lc.Allocation], ax: Axes
) -> None:
    found = costs_and_channels[0]
    plot_channels(found, ax)
    table = found.table.sort_values("value")
    ((points, _, (bars,)),) = ax.containers
    np.testing.assert_allclose(np.asarray(points.get_xdata(), float), table["value"])
    ends = np.array([segment[:, 0] for segment in bars.get_segments()])
    np.testing.assert_allclose(ends, table[["value_lower", "value_upper"]])
    cost = next(line for line in ax.lines if line.get_label() == "cost")
    np.testing.assert_allclose(cost.get_xdata(), table["cac"])
    assert [text.get_text() for text in ax.get_yticklabels()] == list(table.index)
    assert ax.get_title().startswith(f"{(table['probability_pays'] >= 0.9).sum()} of 7 channels")
    assert cost.get_marker() != points.get_marker()


def test_do_budget_and_value_stand_beside_each_other(
    costs_and_channels: tuple[lc.Channels, lc.Allocation], ax: Axes
) -> None:
    plan = costs_and_channels[1]
    plot_budget(plan, ax)
    table = plan.table.sort_values("budget")
    bars = [each for each in ax.containers if hasattr(each, "patches")]
    np.testing.assert_allclose([bar.get_width() for bar in bars[0]], table["budget"])
    np.testing.assert_allclose([bar.get_width() for bar in bars[1]], table["value"])
    assert "A budget of 50,000" in ax.get_title() and f"{plan.total['profit']:,.0f}" in ax.get_title()
    assert grey(bars[0][0].get_facecolor()[:3]) + 0.3 < grey(bars[1][0].get_facecolor()[:3])
    assert ax.get_legend().get_texts()[0].get_text() == "budget"


def test_do_past_forecasts_show_what_came(ax: Axes) -> None:
    log = lc.datasets.load_cdnow(sample=True)
    result = lc.backtest(
        log, origins=["1997-07-31", "1997-09-30"], horizons=[13, 26], worlds=50, model=lc.CLTV(market=None)
    )
    plot_past_forecasts(result, "value", 13.0, ax)
    table = result.portfolio
    rows = table[(table["measure"] == "value") & (table["horizon"] == 13)]
    mean, came = ax.lines
    np.testing.assert_allclose(mean.get_ydata(), rows["mean"])
    np.testing.assert_allclose(came.get_ydata(), rows["actual"])
    ends = np.array([segment[:, 1] for segment in ax.collections[0].get_segments()])
    np.testing.assert_allclose(ends, rows[["lower", "upper"]])
    held = rows["actual"].between(rows["lower"], rows["upper"]).sum()
    assert ax.get_title() == f"{held} of 2 forecasts of value in 13 weeks held"
    with pytest.raises(lc.SettingsError, match="purchases, value, within 13, 26 weeks"):
        plot_past_forecasts(result, "value", 14.0)


def test_is_a_shorter_last_period_left_out(model: lc.CLTV, rfm: lc.RFM, ax: Axes) -> None:
    forecast = model.forecast(rfm, 4.5, worlds=20)
    plot_portfolio(forecast, ax=ax, actual=np.arange(5.0))
    median, points = ax.lines
    np.testing.assert_array_equal(median.get_ydata(), forecast.portfolio["purchases_median"][:4])
    np.testing.assert_array_equal(points.get_ydata(), np.arange(4.0))
