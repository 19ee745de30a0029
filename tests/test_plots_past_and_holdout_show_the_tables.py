"""Do the figures that hold forecasts against what came show it as it was?"""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from figures import title_of
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from scipy.stats import binom

import lifecast as lc
from lifecast.plots import (
    plot_calibration_by_decile,
    plot_calibration_by_frequency,
    plot_coverage,
    plot_customer,
    plot_past_forecasts,
    plot_pit,
    plot_tracking,
)

SPEND = {"p": 6.25, "q": 3.74, "v": 15.44}


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return lc.datasets.load_cdnow(sample=True)


@pytest.fixture(scope="module")
def rfm(log: pd.DataFrame) -> lc.RFM:
    return lc.rfm_summary(log, observation_end="1997-09-30", holdout_end="1998-06-30")


@pytest.fixture(scope="module")
def forecast(rfm: lc.RFM) -> lc.Forecast:
    model = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, SPEND)
    return model.forecast(rfm, 39, margin=0.5, worlds=40, random_seed=1)


@pytest.fixture(scope="module")
def backtest(log: pd.DataFrame) -> lc.Backtest:
    settings = {"origins": ["1997-07-31", "1997-09-30"], "horizons": [13, 26], "worlds": 50}
    return lc.backtest(log, **settings, model=lc.CLTV(market=None))


def line(ax: Axes, label: str) -> Any:
    return next(each for each in ax.lines if each.get_label() == label)


@pytest.mark.parametrize("measure", ["purchases", "value"])
def test_is_calibration_by_frequency_that_of_the_holdout(
    rfm: lc.RFM, forecast: lc.Forecast, ax: Axes, measure: str
) -> None:
    assert rfm.holdout is not None and rfm.holdout.value is not None
    plot_calibration_by_frequency(forecast, measure, ax)
    came = rfm.holdout.frequency if measure == "purchases" else 0.5 * rfm.holdout.value
    classes = np.minimum(rfm.frequency, 7)
    by_hand = [came[classes == k].mean() for k in range(8)]
    np.testing.assert_allclose(line(ax, "what really happened").get_ydata(), by_hand)
    grouped = forecast.by(classes).draws[measure].sum(axis=2) / np.bincount(classes)[:, None]
    bars = next(each for each in ax.containers if hasattr(each, "patches"))
    np.testing.assert_allclose([bar.get_height() for bar in bars], grouped.mean(axis=1))
    (ends,) = next(each for each in ax.containers if not hasattr(each, "patches"))[2]
    shown = np.array([segment[:, 1] for segment in ends.get_segments()])
    bounds = np.quantile(grouped, [0.05, 0.95], axis=1).T
    np.testing.assert_allclose(shown, bounds)
    held = np.sum((bounds[:, 0] <= by_hand) & (by_hand <= bounds[:, 1]))
    assert title_of(ax).startswith(f"What came lies in the 90% interval of {held} of 8 classes")
    assert [label.get_text() for label in ax.get_xticklabels()] == [*"0123456", "7+"]


def test_are_deciles_tenths_of_what_was_expected(rfm: lc.RFM, forecast: lc.Forecast, ax: Axes) -> None:
    assert rfm.holdout is not None
    plot_calibration_by_decile(forecast, ax=ax)
    expected = forecast.customers["purchases"].to_numpy()
    parts = np.array_split(np.argsort(expected, kind="stable"), 10)
    shown = line(ax, "what really happened").get_ydata()
    assert len(shown) == 10
    # A customer more or less: 2,357 do not divide by ten.
    np.testing.assert_allclose(shown, [rfm.holdout.frequency[part].mean() for part in parts], rtol=0.03)
    bars = next(each for each in ax.containers if hasattr(each, "patches"))
    shown = np.array([bar.get_height() for bar in bars])
    np.testing.assert_allclose(shown, [expected[part].mean() for part in parts], rtol=0.2)  # of 40 worlds
    assert shown @ [part.size for part in parts] == pytest.approx(
        forecast.total.loc["purchases", "mean"], rel=1e-3
    )


def test_is_a_holdout_asked_for(log: pd.DataFrame, rfm: lc.RFM, forecast: lc.Forecast) -> None:
    without = lc.rfm_summary(log, observation_end="1997-09-30")
    model = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
    with pytest.raises(lc.SettingsError, match="has no holdout"):
        plot_calibration_by_frequency(model.forecast(without, 39, worlds=2))
    with pytest.raises(lc.SettingsError, match="reaches 10 weeks, the holdout 39"):
        plot_calibration_by_decile(model.forecast(rfm, 10, worlds=2))
    with pytest.raises(lc.SettingsError, match="the holdout knows purchases, and value"):
        plot_calibration_by_frequency(forecast, "discounted_value")


def test_does_tracking_show_its_table(log: pd.DataFrame, forecast: lc.Forecast, ax: Axes) -> None:
    tracked = lc.track(forecast, log)
    table = tracked.table
    plot_tracking(tracked, ax=ax)
    past = table[~table["forecast"] & table["whole"]]
    np.testing.assert_allclose(line(ax, "what the model makes of the past").get_ydata(), past["mean"])
    np.testing.assert_allclose(line(ax, "forecast").get_ydata(), table.loc[table["forecast"], "mean"])
    came = line(ax, "what came")
    np.testing.assert_allclose(came.get_ydata(), table["actual"][1:])  # the first is no whole week
    holdout = [each for each in ax.lines if list(each.get_ydata()) == [0, 1]]
    assert date2num(holdout[0].get_xdata()[0]) == date2num(np.datetime64("1997-09-30"))
    after = table[table["forecast"]]
    held = after["actual"].between(after["lower"], after["upper"]).sum()
    assert title_of(ax) == f"{held} of 39 weeks after 1997-09-30 lay in their 90% interval"


def test_do_cumulative_sums_begin_with_what_had_come(
    log: pd.DataFrame, rfm: lc.RFM, forecast: lc.Forecast, ax: Axes
) -> None:
    tracked = lc.track(forecast, log)
    plot_tracking(tracked, cumulative=True, ax=ax)
    np.testing.assert_allclose(line(ax, "what came").get_ydata(), np.cumsum(tracked.table["actual"]))
    first = forecast.draws["purchases"][:, 0]
    assert line(ax, "forecast").get_ydata()[0] == pytest.approx(rfm.frequency.sum() + first.mean())
    total = forecast.draws["purchases"].sum(axis=1)
    assert title_of(ax).startswith(
        f"1,882 repeat purchases came in 39 weeks; the forecast said {total.mean():,.0f}"
    )


def test_does_tracking_without_a_holdout_tell_of_the_past(
    log: pd.DataFrame, rfm: lc.RFM, forecast: lc.Forecast, ax: Axes
) -> None:
    tracked = lc.track(forecast, log[log["date"] <= "1997-09-30"])
    plot_tracking(tracked, ax=ax)
    makes = tracked.table.loc[~tracked.table["forecast"], "mean"].sum()
    seen = rfm.frequency.sum()
    assert title_of(ax) == (
        f"{seen:,} repeat purchases came up to 1997-09-30; the model makes {makes:,.0f} of them"
    )


def test_is_coverage_that_of_the_tables(backtest: lc.Backtest, ax: Axes) -> None:
    plot_coverage(backtest, "value", ax)
    sums = backtest.portfolio[backtest.portfolio["measure"] == "value"]
    inside = [sums["actual"].between(sums[f"lower_{k}"], sums[f"upper_{k}"]).mean() for k in (50, 80, 90, 95)]
    together = line(ax, f"all customers together ({len(sums)} sums)")
    np.testing.assert_allclose(together.get_data(), [[0.5, 0.8, 0.9, 0.95], inside])
    one = backtest.customers.query("who == 'all' and forecast == 'model' and measure == 'value'")
    weight = one["customers"] / one["customers"].sum()
    across, up = line(ax, "single customers, at the same levels").get_data()
    for place, k in enumerate((50, 80, 90, 95)):
        assert up[place] == pytest.approx((weight * one[f"coverage_{k}"]).sum())
        assert across[place] == pytest.approx((weight * one[f"expected_coverage_{k}"]).sum())
    assert title_of(ax).startswith(
        f"Intervals of 90% held {inside[2]:.0%} of {len(sums)} sums and {up[2]:.0%} of"
    )
    with pytest.raises(lc.SettingsError, match="has purchases, value"):
        plot_coverage(backtest, "profit")


def test_is_the_histogram_that_of_the_pit(backtest: lc.Backtest, ax: Axes) -> None:
    plot_pit(backtest, "purchases", 26, ax)
    rows = backtest.pit.query("who == 'all' and measure == 'purchases' and horizon == 26")
    counts = rows[[f"bin_{k}" for k in range(1, 21)]].sum().to_numpy()
    bars = ax.containers[0]
    np.testing.assert_allclose([bar.get_height() for bar in bars], counts / rows["customers"].sum())
    shares, n = counts / counts.sum(), counts.sum()
    upper_half = f"{shares[10:].sum():.0%} of {n:,} forecasts of purchases in 26 weeks lay below what came"
    lower, upper = binom.ppf([0.00025, 0.99975], n, 0.05) / n  # 99% for all twenty at once
    out = np.sum((shares < lower) | (shares > upper))
    assert title_of(ax) == f"{upper_half}, 50% should; {out} of 20 bars lie outside of chance"
    with pytest.raises(lc.SettingsError, match="within 13, 26 weeks"):
        plot_pit(backtest, horizon=14)


def test_do_several_past_forecasts_stand_in_order(backtest: lc.Backtest, ax: Axes) -> None:
    plot_past_forecasts(backtest, ax=ax)
    assert [each.get_text() for each in ax.get_xticklabels()] == ["1997-07-31", "1997-09-30"]
    assert line(ax, "what really happened").get_color() == "black"  # on the band and beside it


def test_is_one_customer_drawn_as_it_was(
    log: pd.DataFrame, rfm: lc.RFM, forecast: lc.Forecast, ax: Axes
) -> None:
    frame = forecast.customers.assign(frequency=rfm.frequency)
    who = frame.nlargest(1, "frequency")["customer_id"].iloc[0]
    place = int(np.flatnonzero(frame["customer_id"] == who)[0])
    plot_customer(forecast, who, log, ax)
    days = np.unique(log.loc[log["customer_id"] == who, "date"].to_numpy().astype("datetime64[D]"))
    end = np.datetime64("1997-09-30")
    before, after = days[days <= end], days[(days > end) & (days <= end + np.timedelta64(39 * 7, "D"))]
    bought, came = line(ax, "purchases"), line(ax, "what came")
    np.testing.assert_array_equal(bought.get_xdata().astype("datetime64[D]"), before)
    np.testing.assert_array_equal(bought.get_ydata(), np.arange(1, before.size + 1))
    np.testing.assert_array_equal(came.get_xdata().astype("datetime64[D]"), after)
    np.testing.assert_array_equal(came.get_ydata(), before.size + np.arange(1, after.size + 1))
    alone = forecast.by((frame["customer_id"] == who).to_numpy()).draws["purchases"][1]
    median = line(ax, "median of the forecast").get_ydata()
    assert median[0] == before.size
    np.testing.assert_allclose(median[1:], before.size + np.median(np.cumsum(alone, axis=1), axis=0))
    (above,) = ax.child_axes
    alive = above.lines[0].get_ydata()
    assert alive[-1] == pytest.approx(forecast.customers["p_alive"][place])
    assert alive[0] == pytest.approx(1.0)  # BG/NBD: nobody leaves before a repeat purchase
    assert title_of(ax).startswith(
        f"Customer {who}: {before.size} purchases, still a customer with {alive[-1]:.0%}"
    )


def test_is_nothing_that_came_drawn_where_nothing_did(
    log: pd.DataFrame, forecast: lc.Forecast, ax: Axes
) -> None:
    gone = set(log["customer_id"]) - set(log.loc[log["date"] > "1997-09-30", "customer_id"])
    plot_customer(forecast, min(gone), log, ax)
    labels = [each.get_label() for each in ax.lines]
    assert "purchases" in labels and "what came" not in labels


def test_is_the_chance_of_an_earlier_day_that_of_an_earlier_rfm(
    log: pd.DataFrame, forecast: lc.Forecast, ax: Axes
) -> None:
    plot_customer(forecast, 111, log, ax)
    (above,) = ax.child_axes
    days, alive = above.lines[0].get_data()
    earlier = lc.rfm_summary(log, observation_end="1997-06-15")
    model = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, SPEND)
    then = np.interp(date2num(np.datetime64("1997-06-15")), date2num(days), alive)
    assert then == pytest.approx(model.probability_alive(earlier)[111], abs=0.01)


def test_are_strangers_and_other_logs_refused(log: pd.DataFrame, forecast: lc.Forecast) -> None:
    with pytest.raises(lc.SettingsError, match="customer='nobody': there is none"):
        plot_customer(forecast, "nobody", log)
    with pytest.raises(lc.DataError, match="the forecast's RFM"):
        plot_customer(forecast, 111, log[log["date"] > "1997-02-01"])
