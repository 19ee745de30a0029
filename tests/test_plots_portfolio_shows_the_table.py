"""Does the portfolio's figure show the table's numbers, and what really happened?"""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

import lifecast as lc
from lifecast.plots import plot_portfolio


@pytest.fixture(scope="module")
def forecast() -> lc.Forecast:
    rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    model = lc.CLTV.from_parameters(
        {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, {"p": 6.25, "q": 3.74, "v": 15.44}
    )
    return model.forecast(rfm, 13, worlds=50, random_seed=2)


@pytest.fixture
def ax() -> Axes:
    ax: Axes = plt.figure().subplots()
    return ax


@pytest.mark.parametrize("measure", ["purchases", "value", "discounted_value"])
def test_are_line_band_and_points_the_tables(forecast: lc.Forecast, ax: Axes, measure: str) -> None:
    actual = np.arange(10.0)
    assert forecast.plot_portfolio(measure, ax=ax, actual=actual) is ax
    median, points = ax.lines
    np.testing.assert_array_equal(median.get_ydata(), forecast.portfolio[f"{measure}_median"])
    np.testing.assert_array_equal(points.get_ydata(), actual)
    (band,) = ax.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert heights.min() == forecast.portfolio[f"{measure}_lower"].min()
    assert heights.max() == forecast.portfolio[f"{measure}_upper"].max()
    assert "2,357 customers against what really happened" in ax.get_title()
    assert ax.get_ylabel() == f"{measure.replace('_', ' ')} per week"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "90% interval",
        "median of the forecast",
        "what really happened",
    ]
    plt.close("all")


def test_is_it_readable_in_black_and_white(forecast: lc.Forecast, ax: Axes) -> None:
    plot_portfolio(forecast, ax=ax, actual=[100.0])
    greys = [
        float(np.dot(to_rgb(colour), [0.299, 0.587, 0.114]))
        for colour in (
            ax.lines[1].get_color(),
            ax.lines[0].get_color(),
            ax.collections[0].get_facecolor()[0, :3],
        )
    ]
    assert greys[0] + 0.2 < greys[1] < greys[2] - 0.2 < 0.8
    plt.close("all")


def test_does_it_make_axes_of_its_own_and_go_without_dates(forecast: lc.Forecast) -> None:
    bare = lc.RFM.from_frame(
        lc.rfm_summary(lc.datasets.load_cdnow(sample=True)).to_frame().head(20), time_unit="week"
    )
    model = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
    made = plot_portfolio(model.forecast(bare, 4, worlds=5))
    assert made.get_xlabel() == "weeks from now"
    assert made.get_title() == "Purchases of 20 customers"
    plt.close("all")


def test_are_wrong_asks_refused(forecast: lc.Forecast) -> None:
    with pytest.raises(lc.SettingsError, match="purchases, value, discounted_value"):
        plot_portfolio(forecast, measure="profit")
    with pytest.raises(lc.SettingsError, match="14 periods, the forecast 13"):
        plot_portfolio(forecast, actual=np.ones(14))
