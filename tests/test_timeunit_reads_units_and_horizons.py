"""Are units, dates and horizons read as people write them, and everything else refused?"""

import math
from datetime import date, datetime

import numpy as np
import pandas as pd
import pytest

from lifecast.errors import SettingsError
from lifecast.timeunit import TimeUnit, parse_date, parse_horizon

WEEK = TimeUnit.parse("week")
END = date(1997, 9, 30)


@pytest.mark.parametrize(
    ("written", "name", "days"),
    [
        ("day", "day", 1.0),
        ("D", "day", 1.0),
        ("weeks", "week", 7.0),
        (" Week ", "week", 7.0),
        ("M", "month", 365.25 / 12),
        ("years", "year", 365.25),
        (7, "week", 7.0),
        (7.5, "7.5 days", 7.5),
        ("2 weeks", "14 days", 14.0),
        (WEEK, "week", 7.0),
    ],
)
def test_does_a_unit_have_its_length_in_days(written: str | float | TimeUnit, name: str, days: float) -> None:
    assert TimeUnit.parse(written) == TimeUnit(name, days)


@pytest.mark.parametrize("written", ["fortnight", "", 0, -7, math.nan, math.inf, True, None])
def test_is_an_unknown_unit_refused(written: object) -> None:
    with pytest.raises(SettingsError, match="not a unit of time"):
        TimeUnit.parse(written)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("horizon", "weeks"),
    [
        (39, 39.0),
        (np.float32(0.5), 0.5),
        (0, 0.0),
        ("39", 39.0),
        ("90 days", 90 / 7),
        ("12 months", 365.25 / 7),
        ("1.5 years", 1.5 * 365.25 / 7),
        ("1998-06-30", 39.0),
        (date(1998, 6, 30), 39.0),
        (datetime(1998, 6, 30, 23, 59), 39.0),
        (pd.Timestamp("1998-06-30"), 39.0),
        (np.datetime64("1998-06-30"), 39.0),
        (END, 0.0),
        (math.inf, math.inf),
        ("infinite", math.inf),
        ("inf", math.inf),
    ],
)
def test_is_a_horizon_counted_in_units_from_the_observation_end(horizon: object, weeks: float) -> None:
    assert parse_horizon(horizon, WEEK, END) == pytest.approx(weeks, rel=1e-15)


@pytest.mark.parametrize(
    "horizon",
    [
        -1,
        "-3 weeks",
        math.nan,
        True,
        None,
        "soon",
        "1997-09-29",
        pd.NaT,
        np.datetime64("NaT", "D"),
        "1.2.3 weeks",
    ],
)
def test_is_a_horizon_that_does_not_look_ahead_refused(horizon: object) -> None:
    with pytest.raises(SettingsError):
        parse_horizon(horizon, WEEK, END)


def test_does_a_date_need_an_observation_end() -> None:
    with pytest.raises(SettingsError, match="no observation end"):
        parse_horizon("1998-06-30", WEEK, None)


def test_is_a_time_of_day_cut_off() -> None:
    assert parse_date("1997-09-30 23:59", "observation_end") == END
    with pytest.raises(SettingsError, match=r"observation_end='30\.9\.1997' is not a date"):
        parse_date("30.9.1997", "observation_end")
