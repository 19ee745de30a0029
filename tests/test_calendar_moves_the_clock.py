"""Is what a calendar knows found in the past, and forecast for the days to come?"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from simulated_log import simulated_log
from typer.testing import CliRunner

import lifecast as lc
from lifecast.calendar import Calendar
from lifecast.cli import app

BEGIN = pd.Timestamp("2020-01-06")
WEEKS, NOW = 100, 78
EFFECT = 0.5
PROMOTION = np.zeros(WEEKS)
PROMOTION[[9, 10, 23, 37, 38, 52, 66, 67]] = 1.0
PROMOTION[NOW : NOW + 3] = 1.0  # a promotion month: three weeks of the next four
CLOSED = [30, 60, NOW + 1]


def days_of(weekly: np.ndarray) -> np.ndarray:
    return np.repeat(weekly, 7)


def promotions(weekly: np.ndarray = PROMOTION) -> pd.DataFrame:
    days = pd.date_range(BEGIN, periods=7 * WEEKS)
    return pd.DataFrame({"date": days, "promotion": days_of(weekly)})


def summary(pace: np.ndarray, weeks: int = NOW, seed: int = 9) -> lc.RFM:
    log = simulated_log(2_500, WEEKS, seed=seed, pace=pace)
    end = BEGIN + pd.Timedelta(days=7 * weeks - 1)
    return lc.rfm_summary(log, time_unit="week", observation_end=end, holdout_end=end + pd.Timedelta(weeks=4))


@pytest.fixture(scope="module")
def rfm() -> lc.RFM:
    return summary(np.exp(EFFECT * PROMOTION))


@pytest.fixture(scope="module")
def model(rfm: lc.RFM) -> lc.CLTV:
    return lc.CLTV(calendar=promotions()).fit(rfm, random_seed=1)


@pytest.fixture(scope="module")
def without(rfm: lc.RFM) -> lc.CLTV:
    return lc.CLTV().fit(rfm, random_seed=1)


@pytest.fixture(scope="module")
def blind(without: lc.CLTV, rfm: lc.RFM) -> dict[str, float]:
    return purchases(without, rfm)


def purchases(model: lc.CLTV, rfm: lc.RFM) -> dict[str, float]:
    row: Any = model.forecast(rfm, 4, worlds=400, random_seed=2).total.loc["purchases"]
    return {str(name): float(value) for name, value in row.items()}


def test_is_the_effect_of_a_promotion_found(model: lc.CLTV) -> None:
    effects: Any = model.calendar_effects
    found = effects.loc[("promotion", "purchases")]
    assert found["lower"] < np.exp(EFFECT) < found["upper"]
    assert found["upper"] / found["lower"] < 1.5
    amounts = effects.loc[("promotion", "amounts")]
    assert amounts["lower"] < 1.0 < amounts["upper"]


def test_has_a_market_without_calendar_no_effects(without: lc.CLTV) -> None:
    assert without.market and without.calendar_effects.empty
    assert list(without.calendar_effects.columns) == ["median", "lower", "upper"]


def test_is_a_promotion_month_forecast_where_a_model_without_calendar_misses(
    model: lc.CLTV, rfm: lc.RFM, blind: dict[str, float]
) -> None:
    assert rfm.holdout is not None
    actual = rfm.holdout.frequency.sum()
    knows = purchases(model, rfm)
    assert knows["lower"] < actual < knows["upper"]
    assert not blind["lower"] < actual < blind["upper"]


def test_does_a_promotion_that_is_over_leave_the_forecast_alone(rfm: lc.RFM, blind: dict[str, float]) -> None:
    over = np.where(np.arange(WEEKS) < NOW, PROMOTION, 0.0)
    forecast = purchases(lc.CLTV(calendar=promotions(over)).fit(rfm, random_seed=1), rfm)
    # The usual pace held eight weeks of promotion in 78: a little less is to be expected without one.
    assert 0.85 < forecast["median"] / blind["median"] < 1.02


def test_does_a_week_have_its_own_promotion(model: lc.CLTV, rfm: lc.RFM) -> None:
    weekly = model.forecast(rfm, 4, worlds=200, random_seed=2).portfolio["purchases"].to_numpy()
    assert weekly[3] < 0.8 * weekly[2]


def test_does_a_closed_shop_sell_nothing() -> None:
    opened = np.ones(WEEKS)
    opened[CLOSED] = 0.0
    rfm = summary(opened, seed=10)
    calendar = promotions(opened).rename(columns={"promotion": "open"}).set_index("date")
    model = lc.CLTV(calendar=calendar).fit(rfm, random_seed=1)
    weekly = model.forecast(rfm, 4, worlds=200, random_seed=2).portfolio["purchases"].to_numpy()
    assert weekly[1] < 0.01 * weekly[0]
    assert weekly[2] > 0.8 * weekly[0]
    assert not len(model.calendar_effects)


def test_does_a_later_summary_meet_its_own_days(model: lc.CLTV) -> None:
    later = summary(np.exp(EFFECT * PROMOTION), weeks=NOW + 2)
    weekly = model.forecast(later, 2, worlds=200, random_seed=2).portfolio["purchases"].to_numpy()
    assert weekly[1] < 0.8 * weekly[0]


def test_is_a_calendar_saved_with_its_model(model: lc.CLTV, rfm: lc.RFM, tmp_path: Path) -> None:
    model.save(tmp_path / "model.nc")
    loaded = lc.CLTV.load(tmp_path / "model.nc")
    assert purchases(loaded, rfm) == purchases(model, rfm)
    assert loaded.calendar_effects.equals(model.calendar_effects)


def test_is_a_calendar_that_ends_too_early_refused(rfm: lc.RFM, model: lc.CLTV) -> None:
    with pytest.raises(lc.SettingsError, match="it lacks 2021-12-06 to 2022-01-02"):
        model.forecast(rfm, 26)
    with pytest.raises(lc.SettingsError, match="it lacks 2021-12-06 to 2"):  # a horizon ends where money does
        model.forecast(rfm, np.inf, annual_discount_rate=0.1)
    with pytest.raises(lc.SettingsError, match="it lacks 2020-01-07 to 2020-01-31"):
        lc.CLTV(calendar=promotions().query("date >= '2020-02-01'")).fit(rfm)
    bare = lc.RFM.from_frame(rfm.to_frame(), time_unit="week")
    with pytest.raises(lc.SettingsError, match="observation_end"):
        lc.CLTV(calendar=promotions()).fit(bare)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="promotion"), "Needed: date, and one or more"),
        (
            lambda table: table.rename(columns={"date": "day"}).reset_index(drop=True),
            "columns 'day', 'promotion'",
        ),
        (
            lambda table: table.assign(date=table["date"].astype(str).replace("2020-01-06", "soon")),
            "without a date",
        ),
        (lambda table: table.drop(index=3), "2020-01-08 and then 2020-01-10"),
        (lambda table: pd.concat([table, table[:1]]), "2020-01-06 twice"),
        (lambda table: table.replace({"promotion": {1.0: np.nan}}), "'promotion' has .* no finite numbers"),
        (lambda table: table.rename(columns={"promotion": "open"}).assign(open=-1.0), '"open" must be'),
    ],
)
def test_is_a_calendar_that_cannot_be_meant_refused(change: Any, message: str) -> None:
    with pytest.raises(lc.DataError, match=message):
        lc.CLTV(calendar=change(promotions()))


def test_is_a_calendar_without_a_market_refused() -> None:
    with pytest.raises(lc.SettingsError, match="no market"):
        lc.CLTV(market=None, calendar=promotions())


def test_is_the_mean_pace_that_of_a_walk_through_the_days() -> None:
    rng = np.random.default_rng(3)
    values, opened = rng.normal(size=(20, 2)), rng.uniform(size=20)
    calendar = Calendar(BEGIN.date(), ("a", "b"), values, opened)
    effects = rng.normal(size=(3, 2))
    edges = np.array([0.0, 0.3, 0.6, 2.5, 7.0, 19.25, 20.0])
    pace = calendar.pace(effects, edges)
    largest = np.abs(values).max(axis=0)
    for draw in range(3):
        for i, (begin, end) in enumerate(pairwise(edges)):
            total = 0.0
            for day in range(20):
                inside = max(0.0, min(end, day + 1) - max(begin, day))
                total += inside * opened[day] * np.exp(effects[draw] @ (values[day] / largest))
            assert pace[draw, i] == pytest.approx(total / (end - begin), rel=1e-12)


def test_does_the_command_line_take_a_calendar(tmp_path: Path) -> None:
    log = lc.datasets.load_cdnow(sample=True)
    log.to_csv(tmp_path / "log.csv", index=False)
    days = pd.DataFrame({"date": pd.date_range("1997-01-01", "1998-12-31")})
    days["christmas"] = np.where((days["date"].dt.month == 12) & (days["date"].dt.day < 24), 1, 0)
    days.to_csv(tmp_path / "days.csv", index=False)
    fitted = CliRunner().invoke(
        app,
        [
            *("fit", str(tmp_path / "log.csv"), "--observation-end", "1998-03-31", "--draws", "100"),
            *("--calendar", str(tmp_path / "days.csv"), "--out", str(tmp_path / "model.nc")),
        ],
        catch_exceptions=False,
    )
    assert fitted.exit_code == 0, fitted.stderr
    assert ("christmas", "purchases") in lc.load(tmp_path / "model.nc").calendar_effects.index
