"""Does the figure of where uncertainty comes from show the table's shares, also in black and white?"""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

import lifecast as lc
from lifecast.plots import plot_uncertainty


@pytest.fixture(scope="module")
def forecast() -> lc.Forecast:
    log = lc.datasets.load_cdnow(sample=True)
    log["half"] = np.where(log["customer_id"] % 2 == 0, "even", "odd")
    rfm = lc.rfm_summary(log, observation_end="1997-09-30", attributes=["half"])
    return lc.CLTV().fit(rfm, random_seed=1).forecast(rfm, 6, worlds=100, random_seed=2)


def test_are_bars_the_tables_shares(forecast: lc.Forecast) -> None:
    table = forecast.uncertainty()
    ax = forecast.plot_uncertainty("value", table=table)
    rows = table[table["measure"] == "value"]
    parts = rows[["market", "parameters", "drift", "timing", "spend"]].clip(lower=0.0)
    shares = parts.div(parts.sum(axis=1), axis=0)
    for bars, part in zip(ax.containers, shares, strict=True):
        np.testing.assert_allclose([bar.get_height() for bar in bars], shares[part])
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words[-1] == f"market {shares['market'].iloc[-1]:.0%}"
    assert "weeks" not in ax.get_xlabel() and "week of the forecast" in ax.get_xlabel()


def test_is_it_readable_in_black_and_white(forecast: lc.Forecast) -> None:
    ax = plot_uncertainty(forecast, ax=plt.figure().subplots())
    greys = sorted(
        float(np.dot(to_rgb(bars[0].get_facecolor()[:3]), [0.299, 0.587, 0.114])) for bars in ax.containers
    )
    assert np.all(np.diff(greys) > 0.15) and greys[-1] < 0.95


def test_does_a_group_have_a_figure_and_several_none(forecast: lc.Forecast) -> None:
    table = forecast.uncertainty(by="half")
    plot_uncertainty(forecast, table=table[table["group"] == "odd"])
    with pytest.raises(lc.SettingsError, match=r"14 rows of purchases: .* 7"):
        plot_uncertainty(forecast, table=table)
    with pytest.raises(lc.SettingsError, match="purchases, value, discounted_value"):
        plot_uncertainty(forecast, measure="profit")
