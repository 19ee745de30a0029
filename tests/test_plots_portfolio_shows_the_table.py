"""Does the portfolio's figure show the table's numbers, and what really happened?"""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from figures import title_of
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.dates import date2num

import lifecast as lc
from lifecast.plots import plot_cash_flow, plot_portfolio


@pytest.fixture(scope="module")
def forecast() -> lc.Forecast:
    rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    model = lc.CLTV.from_parameters(
        {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, {"p": 6.25, "q": 3.74, "v": 15.44}
    )
    return model.forecast(rfm, 13, worlds=50, random_seed=2)


def bounds_of(band: Any, ends: Any) -> np.ndarray:
    """Lower and upper edge (2, period) of what fill_between drew."""
    corners = band.get_paths()[0].vertices
    at = date2num(ends)
    inside = [corners[np.isclose(corners[:, 0], each), 1] for each in at]
    return np.array([[each.min() for each in inside], [each.max() for each in inside]])


@pytest.mark.parametrize("measure", ["purchases", "value", "discounted_value"])
def test_are_line_band_and_points_the_tables(forecast: lc.Forecast, ax: Axes, measure: str) -> None:
    actual = np.arange(10.0)
    assert forecast.plot_portfolio(measure, ax=ax, actual=actual) is ax
    median, points = ax.lines
    np.testing.assert_array_equal(median.get_ydata(), forecast.portfolio[f"{measure}_median"])
    np.testing.assert_array_equal(points.get_ydata(), actual)
    outer, inner = ax.collections
    for band, (lower, upper) in ((outer, (0.05, 0.95)), (inner, (0.25, 0.75))):
        by_hand = np.quantile(forecast.draws[measure], [lower, upper], axis=0)
        assert bounds_of(band, forecast.portfolio["end"]) == pytest.approx(by_hand)
    held = (
        actual.clip(*forecast.portfolio[[f"{measure}_lower", f"{measure}_upper"]].to_numpy()[:10].T) == actual
    )
    assert (
        title_of(ax) == f"What 2,357 customers really did lay in the 90% interval in {held.sum()} of 10 weeks"
    )
    assert ax.get_ylabel() == f"{measure.replace('_', ' ')} per week"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "90% interval",
        "50% interval",
        "median of the forecast",
        "what really happened",
    ]


def test_is_it_readable_in_black_and_white(forecast: lc.Forecast, ax: Axes) -> None:
    plot_portfolio(forecast, ax=ax, actual=[100.0])
    bands = [band.get_facecolor()[0, :3] for band in ax.collections]
    colours = [ax.lines[1].get_color(), ax.lines[0].get_color(), bands[1], bands[0], "white"]
    greys = [float(np.dot(to_rgb(colour), [0.299, 0.587, 0.114])) for colour in colours]
    assert np.all(np.diff(greys) > 0.1), greys


def test_does_it_make_axes_of_its_own_and_go_without_dates(forecast: lc.Forecast) -> None:
    bare = lc.RFM.from_frame(
        lc.rfm_summary(lc.datasets.load_cdnow(sample=True)).to_frame().head(20), time_unit="week"
    )
    model = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
    made = plot_portfolio(model.forecast(bare, 4, worlds=5))
    assert made.get_xlabel() == "weeks from now"
    assert title_of(made).startswith("20 customers: ")
    assert "purchases expected within 4 weeks, " in title_of(made)


def test_has_an_interval_of_few_worlds_no_other_within(forecast: lc.Forecast, ax: Axes) -> None:
    model = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
    narrow = model.forecast(forecast.simulation.rfm, 13, interval=0.4, worlds=50, random_seed=2)
    plot_portfolio(narrow, ax=ax)
    assert [band.get_label() for band in ax.collections] == ["40% interval"]
    lower, upper = bounds_of(ax.collections[0], narrow.portfolio["end"])
    np.testing.assert_allclose(lower, narrow.portfolio["purchases_lower"])
    np.testing.assert_allclose(upper, narrow.portfolio["purchases_upper"])


def test_are_wrong_asks_refused(forecast: lc.Forecast) -> None:
    with pytest.raises(lc.SettingsError, match="purchases, value, discounted_value"):
        plot_portfolio(forecast, measure="profit")
    with pytest.raises(lc.SettingsError, match="14 periods, the forecast 13"):
        plot_portfolio(forecast, actual=np.ones(14))


def test_are_cumulative_bands_those_of_the_sums(forecast: lc.Forecast, ax: Axes) -> None:
    actual = np.arange(5.0)
    forecast.plot_portfolio("value", ax=ax, actual=actual, cumulative=True)
    sums = np.cumsum(forecast.draws["value"], axis=1)
    median, points = ax.lines
    np.testing.assert_allclose(median.get_ydata(), np.median(sums, axis=0))
    np.testing.assert_array_equal(points.get_ydata(), [0.0, 1.0, 3.0, 6.0, 10.0])
    ends = bounds_of(ax.collections[0], forecast.portfolio["end"])
    np.testing.assert_allclose(ends, np.quantile(sums, [0.05, 0.95], axis=0))
    assert title_of(ax).startswith("Value came to 10 after 5 weeks; the forecast said ")


def test_does_the_cash_flow_show_both_kinds_of_customers(forecast: lc.Forecast, ax: Axes) -> None:
    plan = pd.DataFrame({"start": ["1997-10-01"], "new_customers": [100]})
    flow = lc.cash_flow(forecast, new_customers=plan)
    plot_cash_flow(flow, ax=ax)
    there, coming, lower, upper = (patch.get_data() for patch in ax.patches)
    rows = dict(list(flow.periods[flow.periods["group"] == "all"].groupby("customers")))
    np.testing.assert_allclose(there.values, rows["existing"]["value"])
    np.testing.assert_allclose(coming.values, rows["all"]["value"])  # on top of the others
    np.testing.assert_allclose(coming.baseline, there.values)
    np.testing.assert_allclose(lower.values, rows["all"]["value_lower"])
    np.testing.assert_allclose(upper.values, rows["all"]["value_upper"])
    total = flow.total.xs("value", level="measure").loc["all"]
    share = total.loc["new", "mean"] / total.loc["all", "mean"]
    assert f"; {share:.0%} from customers yet to come" in title_of(ax) and 0.01 < share < 1.0
    with pytest.raises(lc.SettingsError, match="purchases, value, discounted_value"):
        plot_cash_flow(flow, "profit")


def test_are_parts_of_months_left_out_and_short_months_kept(ax: Axes) -> None:
    rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-11", past=False)
    model = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
    flow = lc.cash_flow(model.forecast(rfm, "1998-03-20", worlds=5), per="month")
    plot_cash_flow(flow, "purchases", ax)
    shown = flow.periods.set_index("month")["purchases"].loc["1997-10":"1998-02"]
    np.testing.assert_allclose(ax.patches[0].get_data().values, shown)
    assert len(flow.periods) == len(shown) + 2 and ax.get_ylabel() == "purchases per month"


def test_does_a_cash_flow_without_a_plan_and_dates_have_a_figure(ax: Axes) -> None:
    table = lc.rfm_summary(lc.datasets.load_cdnow(sample=True)).to_frame().head(20)
    model = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
    flow = lc.cash_flow(model.forecast(lc.RFM.from_frame(table, time_unit="week"), 4, worlds=5))
    plot_cash_flow(flow, "purchases", ax)
    assert ax.get_xlabel() == "time from now" and len(ax.patches) == 3
    assert "purchases are expected within the horizon" in title_of(ax)
