"""On which day does an instant count: in which time zone, around midnight, and when clocks are changed?"""

import os
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

import lifecast as lc

# An hour before and after midnight in New York, on the day before its clocks go forward and on the day itself
# (UTC-5, then UTC-4), and as they go back.
WRITTEN = [
    "2024-03-09T23:30:00-05:00",
    "2024-03-10T00:30:00-05:00",
    "2024-03-10T23:30:00-04:00",
    "2024-11-03T00:30:00-04:00",
    "2024-11-03T23:30:00-05:00",
]
IN_UTC = [date(2024, 3, 10), date(2024, 3, 10), date(2024, 3, 11), date(2024, 11, 3), date(2024, 11, 4)]
IN_NEW_YORK = [date(2024, 3, 9), date(2024, 3, 10), date(2024, 3, 10), date(2024, 11, 3), date(2024, 11, 3)]


def instants() -> pd.Series:
    return pd.Series(pd.to_datetime(WRITTEN, utc=True))


def table(dates: object) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": range(len(WRITTEN)), "date": dates})


def days(log: object) -> list[date]:
    """The day on which each customer's only purchase counts."""
    rfm = lc.rfm_summary(log, time_unit="day", observation_end="2024-12-31", past=False)
    return [date.fromordinal(date(2024, 12, 31).toordinal() - round(T)) for T in rfm.T]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_does_an_instant_count_on_its_day_in_utc_whatever_its_zone(zone: str, tmp_path: Path) -> None:
    log = table(instants().dt.tz_convert(zone))
    log.to_parquet(tmp_path / "log.parquet")
    assert days(log) == days(pl.from_pandas(log)) == days(tmp_path / "log.parquet") == IN_UTC


def test_do_instants_with_offsets_of_their_own_count_in_utc() -> None:
    assert days(table([datetime.fromisoformat(written) for written in WRITTEN])) == IN_UTC


def test_does_a_clock_without_zone_count_as_it_shows() -> None:
    assert days(table(instants().dt.tz_convert("America/New_York").dt.tz_localize(None))) == IN_NEW_YORK


def test_does_text_count_as_written_in_a_table_and_in_a_file(tmp_path: Path) -> None:
    log = table(WRITTEN)
    log.to_csv(tmp_path / "log.csv", index=False)
    assert days(log) == days(tmp_path / "log.csv") == IN_NEW_YORK


def test_are_two_instants_of_one_day_one_purchase_though_their_zones_differ() -> None:
    same = [
        datetime.fromisoformat("2024-05-01T20:00:00-05:00"),
        datetime.fromisoformat("2024-05-02T09:00:00+05:00"),
    ]
    rfm = lc.rfm_summary(pd.DataFrame({"customer_id": [1, 1], "date": same}), past=False)
    assert rfm.frequency.tolist() == [0]  # 01:00 and 04:00 of 2 May in UTC


def test_does_the_zone_of_the_machine_change_nothing(tmp_path: Path) -> None:
    table(instants()).to_parquet(tmp_path / "log.parquet")
    code = """
import sys, lifecast as lc
rfm = lc.rfm_summary(sys.argv[1], time_unit="day", observation_end="2024-12-31", past=False)
print(*(round(T) for T in rfm.T))
"""
    told = {
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "log.parquet")],
            env={**os.environ, "TZ": zone}, capture_output=True, text=True, check=True, timeout=120,
        ).stdout
        for zone in ("UTC", "Pacific/Kiritimati", "America/New_York")
    }  # fmt: skip
    expected = [date(2024, 12, 31).toordinal() - day.toordinal() for day in IN_UTC]
    assert told == {" ".join(map(str, expected)) + "\n"}
