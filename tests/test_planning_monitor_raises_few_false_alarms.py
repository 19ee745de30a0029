"""Does the monitor count what came, keep its rate of false alarms, and see a drift?"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import lifecast as lc
from lifecast.arrays import Floats
from lifecast.planning.monitoring import at_least_as_far, highest_rank, how_far_out


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return lc.datasets.load_cdnow(sample=True)


@pytest.fixture(scope="module")
def rfm(log: pd.DataFrame) -> lc.RFM:
    return lc.rfm_summary(log, observation_end="1997-09-30", holdout_end="1998-06-30")


@pytest.fixture(scope="module")
def forecast(rfm: lc.RFM) -> lc.Forecast:
    return lc.CLTV().fit(rfm, random_seed=1).forecast(rfm, 39, margin=0.5, worlds=1000, random_seed=1)


def test_is_what_came_what_the_log_says(forecast: lc.Forecast, rfm: lc.RFM, log: pd.DataFrame) -> None:
    watched = lc.monitor(forecast, log, every=3).table
    held = rfm.holdout.period_purchases.reshape(13, 3).sum(axis=1)
    np.testing.assert_array_equal(watched["actual"], held)
    assert watched["start"].iloc[1] == watched["end"].iloc[0] == pd.Timestamp("1997-10-21")
    draws = forecast.draws["purchases"].reshape(1000, 13, 3).sum(axis=2)
    np.testing.assert_allclose(watched["lower"], np.quantile(draws, 0.05, axis=0))
    totals = np.quantile(draws.cumsum(axis=1), [0.05, 0.95], axis=0)
    np.testing.assert_allclose(watched[["total_lower", "total_upper"]].T, totals)
    np.testing.assert_array_equal(
        watched["outside"],
        np.where(held > watched["upper"], 1, np.where(held < watched["lower"], -1, 0)),
    )
    np.testing.assert_array_equal(watched["misses"], np.cumsum(np.abs(watched["outside"])))
    for same in (rfm, rfm.holdout.period_purchases, list(rfm.holdout.period_purchases)):
        pd.testing.assert_frame_equal(lc.monitor(forecast, same, every=3).table, watched)
    value = lc.monitor(forecast, rfm, measure="value").table["actual"]
    np.testing.assert_allclose(value, 0.5 * rfm.holdout.period_value)


def test_do_half_periods_wait(forecast: lc.Forecast, log: pd.DataFrame) -> None:
    so_far = log[log["date"] <= "1997-11-05"]  # five weeks and a day
    assert len(lc.monitor(forecast, so_far).table) == 5
    assert len(lc.monitor(forecast, so_far, every=2).table) == 2
    with pytest.raises(lc.DataError, match="none to look at yet"):
        lc.monitor(forecast, so_far, every=6)


def test_is_the_log_read_as_the_forecasts_was(log: pd.DataFrame) -> None:
    some_came_back = log.assign(amount=np.where(log.index % 9 == 0, -log["amount"] / 2, log["amount"]))
    how = {"merge_within": "week", "returns": "drop"}
    weekly = lc.rfm_summary(
        some_came_back, observation_end="1997-09-30", holdout_end="1998-06-30", past=False, **how
    )
    model = lc.CLTV(market=None).fit(weekly, draws=50, random_seed=1)
    forecast = model.forecast(weekly, 39, worlds=50)
    for measure, held in (
        ("purchases", weekly.holdout.period_purchases),
        ("value", weekly.holdout.period_value),
    ):
        watched = lc.monitor(forecast, some_came_back, measure=measure, merge_within="week")
        np.testing.assert_allclose(watched.table["actual"], held[:39])
    with pytest.raises(lc.DataError, match=r"counted in another way\. Pass merge_within="):
        lc.monitor(forecast, some_came_back)


def test_does_the_textbook_raise_the_alarm_on_cdnow_and_the_market_not(
    forecast: lc.Forecast, rfm: lc.RFM
) -> None:
    assert not lc.monitor(forecast, rfm, every=3).alarm
    textbook = lc.CLTV(market=None).fit(rfm, random_seed=1).forecast(rfm, 39, random_seed=1)
    watched = lc.monitor(textbook, rfm, every=3)
    assert watched.alarm and watched.table["alarm"].tolist().index(True) + 1 == watched.since
    assert watched.table["alarm"].is_monotonic_increasing
    # A different number of periods seen changes nothing of what was said before.
    earlier = lc.monitor(textbook, rfm.holdout.period_purchases[:18], every=3)
    pd.testing.assert_frame_equal(earlier.table, watched.table[:6])


def paths(worlds: int, seed: int, level: float = 0.0) -> Floats:
    """Periods of worlds whose good and bad times last, as those of a market do."""
    rng = np.random.default_rng(seed)
    lasting = 0.3 * rng.standard_normal((worlds, 1)) + 0.2 * rng.standard_normal((worlds, 24))
    return np.exp(5.0 + lasting + level)


def with_draws(forecast: lc.Forecast, draws: Floats) -> lc.Forecast:
    simulation = replace(forecast.simulation, periods=np.arange(25.0))
    return replace(forecast, draws={"purchases": draws}, simulation=simulation)


def test_are_false_alarms_as_rare_as_they_should_be(forecast: lc.Forecast) -> None:
    came = paths(500, seed=2)
    for rate in (0.05, 0.20):
        of_paths = with_draws(forecast, paths(1_000, seed=1))
        rates = np.mean([lc.monitor(of_paths, path, false_alarms=rate).alarm for path in came])
        assert 0.4 * rate < rates < rate + 3 * np.sqrt(rate * (1 - rate) / 500)


def test_would_a_binomial_count_of_misses_cry_wolf(forecast: lc.Forecast) -> None:
    from scipy.stats import binom

    draws, came = paths(1_000, seed=1), paths(1_000, seed=2)
    lower, upper = np.quantile(draws, [0.05, 0.95], axis=0)
    misses = np.sum((came < lower) | (came > upper), axis=1)
    assert np.mean(binom.sf(misses - 1, 24, 0.1) < 0.05) > 0.10


def test_is_a_drift_seen(forecast: lc.Forecast) -> None:
    of_paths = with_draws(forecast, paths(1_000, seed=1))
    found = [lc.monitor(of_paths, path) for path in paths(100, seed=3, level=-1.2)]
    assert np.mean([watched.alarm for watched in found]) > 0.9
    assert np.median([watched.since for watched in found if watched.alarm]) < 12


@pytest.mark.parametrize("every", [1, 4, 12])
def test_does_a_shop_that_falls_silent_raise_the_alarm_in_its_first_period(
    forecast: lc.Forecast, every: int
) -> None:
    for worlds in (200, 1_000):
        of_paths = with_draws(forecast, paths(worlds, seed=1))
        silent = lc.monitor(of_paths, np.zeros(every), every=every)
        assert silent.since == 1
        assert silent.table["p_value"].iloc[0] < 0.01
        crowded = lc.monitor(of_paths, 20 * np.exp(5.0) * np.ones(every), every=every)
        assert crowded.since == 1
        # A first period just outside is what one world in ten shows.
        edge = silent.table["lower"].iloc[0]
        missed = lc.monitor(of_paths, np.full(every, 0.999 * edge / every), every=every)
        assert missed.table["misses"].iloc[0] == 1 and not missed.alarm


def test_are_false_alarms_rare_where_periods_are_independent_and_worlds_few(forecast: lc.Forecast) -> None:
    # The hardest case: each period is another look, and the bounds come from few worlds.
    rates = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        draws, came = np.exp(5.0 + 0.3 * rng.standard_normal((2, 200, 24)))
        of_paths = with_draws(forecast, draws)
        rates.append(np.mean([lc.monitor(of_paths, path).alarm for path in came[:100]]))
    assert 0.02 < np.mean(rates) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1_000)


def test_is_how_far_out_a_path_is_what_a_slow_sum_over_its_periods_says() -> None:
    rng = np.random.default_rng(4)
    draws, came = rng.poisson(3.0, (60, 5)).astype(float), np.array([0.0, 9.0, 3.0, 40.0])
    draws[0, 2] = 30.0
    lower, upper = np.full(5, 1.0), np.array([5.0, 6.0, 29.0, 5.0, 5.0])

    def slow(path: Floats, others: Floats) -> list[float]:
        score = []
        for x, low, high, column in zip(path, lower, upper, others.T, strict=False):
            misses = (
                [low - y for y in column if y < low] if x < low else [y - high for y in column if y > high]
            )
            distance = max(low - x, x - high, 0.0)
            score.append(0.0 if distance == 0.0 else 1.0 + distance / np.mean(misses) if misses else np.inf)
        return np.cumsum(score).tolist()

    in_worlds, of_what_came = how_far_out(draws, came, lower, upper)
    np.testing.assert_allclose(of_what_came, slow(came, draws))
    of_each = [slow(path, np.delete(draws, w, axis=0)) for w, path in enumerate(draws)]
    np.testing.assert_allclose(in_worlds, of_each)
    assert np.isinf(in_worlds[0, 2:]).all()  # no other world is above 29 in that period
    counted = [[np.sum(in_worlds[:, t] >= score) for t, score in enumerate(path)] for path in of_each]
    np.testing.assert_array_equal(at_least_as_far(in_worlds, np.array(of_each)), counted)


def test_does_no_larger_share_of_worlds_than_asked_for_raise_the_alarm() -> None:
    in_worlds = np.cumsum([[0, 0, 0], [1, 0, 0], [1, 1, 1], [0, 1, 0]], axis=1)
    # The third world alone is ever first, from the second period on; it and one more are two of five.
    assert highest_rank(in_worlds, 0.4) == 1
    assert highest_rank(in_worlds, 0.39) == 0


def test_are_bad_questions_refused(forecast: lc.Forecast, log: pd.DataFrame, rfm: lc.RFM) -> None:
    with pytest.raises(lc.SettingsError, match="this forecast has"):
        lc.monitor(forecast, log, measure="profit")
    with pytest.raises(lc.SettingsError, match="not discounted"):
        lc.monitor(forecast, log, measure="discounted_value")
    with pytest.raises(lc.SettingsError, match="a probability"):
        lc.monitor(forecast, log, false_alarms=5)
    with pytest.raises(lc.SettingsError, match="at least 1"):
        lc.monitor(forecast, log, every=0)
    with pytest.raises(lc.SettingsError, match="a whole number"):
        lc.monitor(forecast, log, every=2.5)  # type: ignore[arg-type]
    with pytest.raises(lc.SettingsError, match="infinite horizon are years"):
        lc.monitor(replace(forecast, horizon=np.inf), log)
    with pytest.raises(lc.DataError, match="40 values, the forecast 39 periods"):
        lc.monitor(forecast, np.ones(40))
    with pytest.raises(lc.DataError, match="nothing has come yet"):
        lc.monitor(forecast, log[log["date"] <= "1997-09-30"])
    with pytest.raises(lc.DataError, match="Pass the whole log"):
        lc.monitor(forecast, log[log["customer_id"] > 1000])
    other_day = lc.rfm_summary(log, observation_end="1997-09-01", holdout_end="1998-06-30")
    with pytest.raises(lc.DataError, match="Make the RFM to that day"):
        lc.monitor(forecast, other_day)


def test_does_a_saved_forecast_serve_as_well(
    forecast: lc.Forecast, log: pd.DataFrame, tmp_path: Path
) -> None:
    forecast.save(tmp_path / "f.nc")
    saved = lc.load_forecast(tmp_path / "f.nc")
    pd.testing.assert_frame_equal(saved.portfolio, forecast.portfolio)
    pd.testing.assert_frame_equal(saved.total, forecast.total)
    assert (saved.members, saved.report, saved.settings) == (
        *(forecast.members, forecast.report, forecast.settings),
    )
    for measure in ("purchases", "value"):
        watched = lc.monitor(saved, log, measure=measure, every=3)
        expected = lc.monitor(forecast, log, measure=measure, every=3)
        pd.testing.assert_frame_equal(watched.table, expected.table)
        assert (watched.alarm, watched.p_alarm) == (expected.alarm, expected.p_alarm)
    assert (tmp_path / "f.nc").stat().st_size < 8 * 3 * 39 * 1000 + 100_000  # doubles, and no customers
    others = log[log["customer_id"] != log["customer_id"].iloc[0]]
    renamed = log.assign(customer_id=log["customer_id"].where(log["customer_id"] != 4, 10**9))
    for wrong in (others, renamed):
        with pytest.raises(lc.DataError, match="not the forecast's 2,357"):
            lc.monitor(saved, wrong)


def test_is_an_endless_undated_forecast_kept(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {"customer_id": ["a", "b"], "frequency": [0, 2], "recency": [0.0, 3.0], "T": [9.0, 9.0]}
    )
    model = lc.CLTV.from_parameters(
        {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426},
        {"p": 6.25, "q": 3.74, "v": 15.44},
        time_unit=3.5,
    )
    rfm = lc.RFM.from_frame(rows.assign(monetary_value=[0.0, 5.0]), time_unit=3.5)
    forecast = model.forecast(rfm, np.inf, annual_discount_rate=0.2, worlds=7)
    forecast.save(tmp_path / "f.nc")
    saved = lc.load_forecast(tmp_path / "f.nc")
    pd.testing.assert_frame_equal(saved.portfolio, forecast.portfolio)
    assert saved.horizon == np.inf and saved.observation_end is None and saved.report is None
    assert saved.time_unit == forecast.time_unit


@pytest.mark.parametrize("content", [b"", b"noise", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_is_what_is_no_forecast_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "f.nc").write_bytes(content)
    with pytest.raises(lc.FileFormatError, match="cannot be read as a lifecast forecast"):
        lc.load_forecast(tmp_path / "f.nc")
    with pytest.raises(lc.FileFormatError, match="no such file"):
        lc.load_forecast(tmp_path / "none.nc")
    lc.CLTV.from_parameters({"r": 0.2, "alpha": 4.0, "a": 0.8, "b": 2.4}).save(tmp_path / "m.nc")
    with pytest.raises(lc.FileFormatError, match=r"is a model, not a forecast that was saved"):
        lc.load_forecast(tmp_path / "m.nc")
