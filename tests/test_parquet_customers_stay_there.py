"""Are customers who stay in Parquet summed up, fitted and forecast to the numbers of those in memory?"""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from shops import shop

import lifecast as lc
from lifecast import parquet_forecast
from lifecast.outputs import METADATA

SETTINGS: dict[str, Any] = {"draws": 200, "random_seed": 3}
OUTLOOK: dict[str, Any] = {"horizon": "6 months", "worlds": 60, "annual_discount_rate": 0.1, "random_seed": 2}


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    """Names of different lengths, a few returns, two channels and a margin."""
    log = shop(700, 400, 5, channels=("web", "shop"))
    returned = log.sample(30, random_state=1).assign(amount=lambda rows: -rows["amount"])
    returned["date"] += pd.Timedelta(3, "D")
    log = pd.concat([log, returned[returned["date"] <= log["date"].max()]], ignore_index=True)
    log["margin"] = 0.2 + log["customer_id"] % 7 / 10
    return log.assign(customer_id="c" + log["customer_id"].astype(str)).sample(frac=1.0, random_state=2)


@pytest.fixture(scope="module")
def files(log: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The log in several files: a glob."""
    folder = tmp_path_factory.mktemp("log")
    for number, rows in enumerate(np.array_split(np.arange(len(log)), 5)):
        log.iloc[rows].to_parquet(folder / f"part-{number}.parquet", index=False)
    return f"{folder}/part-*.parquet"


READING: dict[str, Any] = {"attributes": ["channel", "margin"], "observation_end": "2021-12-31"}


@pytest.fixture(scope="module")
def rfm(log: pd.DataFrame) -> lc.RFM:
    return lc.rfm_summary(log, **READING)


@pytest.fixture(scope="module")
def on_disk(files: str, tmp_path_factory: pytest.TempPathFactory) -> lc.ParquetRFM:
    to = tmp_path_factory.mktemp("rfm") / "rfm.parquet"
    return lc.rfm_summary(files, to=to, memory_limit="100MB", **READING)  # type: ignore[return-value]


@pytest.fixture(scope="module")
def model(rfm: lc.RFM) -> lc.CLTV:
    return lc.CLTV(lc.BGNBD(groups="channel"), market=None).fit(rfm, **SETTINGS)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 130 customers."""
    monkeypatch.setattr(parquet_forecast, "CUSTOMERS_AT_A_TIME", 130)


def assert_same(one: lc.RFM, other: lc.RFM) -> None:
    assert one.fingerprint() == other.fingerprint()
    assert one.customer_id.equals(other.customer_id)
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame(), check_exact=True)
    assert (one.report, one.observation_end, one.time_unit) == (
        other.report, other.observation_end, other.time_unit,
    )  # fmt: skip


def test_is_an_rfm_written_straight_to_a_file_the_one_made_in_memory(
    rfm: lc.RFM, on_disk: lc.ParquetRFM, tmp_path: Path
) -> None:
    assert_same(on_disk.load(), rfm)
    rfm.save(tmp_path / "saved.parquet")
    assert_same(lc.RFM.load(tmp_path / "saved.parquet"), rfm)
    assert on_disk.past is not None and rfm.past is not None
    assert len(on_disk.past.origins) == len(rfm.past.origins) > 0
    assert (len(on_disk), on_disk.attributes, on_disk.has_amounts) == (len(rfm), ("channel", "margin"), True)


def test_is_a_holdout_kept_beside(log: pd.DataFrame, tmp_path: Path) -> None:
    asked = {**READING, "holdout_end": "2022-01-31"}
    held = lc.rfm_summary(log, **asked)
    lc.rfm_summary(log, to=tmp_path / "held.parquet", past=False, **asked)
    found = lc.RFM.load(tmp_path / "held.parquet")
    assert_same(found, held)
    assert found.holdout is not None and held.holdout is not None
    np.testing.assert_array_equal(found.holdout.period_value, held.holdout.period_value)


@pytest.mark.parametrize("parts", [1, 7])
def test_do_parts_of_the_log_change_nothing(
    log: pd.DataFrame, rfm: lc.RFM, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lifecast.engines import duckdb_customers

    monkeypatch.setattr(duckdb_customers, "LINES_OF_A_PART", len(log) // parts + 1)
    assert_same(lc.rfm_summary(log, **READING), rfm)


def test_does_a_fit_of_the_file_equal_that_of_the_customers(rfm: lc.RFM, on_disk: lc.ParquetRFM) -> None:
    model = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(covariates=["channel"]), market=None)
    expected = model.fit(rfm, **SETTINGS).posterior
    assert model.fit(on_disk, **SETTINGS).posterior.identical(expected)


def test_does_a_bare_table_in_files_equal_the_frame(rfm: lc.RFM, tmp_path: Path) -> None:
    frame = rfm.to_frame().drop(columns=["monetary_frequency", "monetary_log_mean", "monetary_log_sd"])
    for number, rows in enumerate(np.array_split(np.arange(len(frame)), 3)):
        frame.iloc[rows].to_parquet(tmp_path / f"{number}.parquet", index=False)
    bare = lc.ParquetRFM.open(f"{tmp_path}/*.parquet", time_unit="week", observation_end="2021-12-31")
    expected = lc.RFM.from_frame(frame, "week", "2021-12-31")
    assert bare.load().fingerprint() == expected.fingerprint() == bare.histories().fingerprint()
    assert bare.load().customer_id.equals(expected.customer_id)
    assert bare.attributes == ("channel", "margin")


def test_may_names_be_categories(rfm: lc.RFM, model: lc.CLTV, tmp_path: Path) -> None:
    frame = rfm.to_frame()
    frame.assign(customer_id=frame["customer_id"].astype("category")).to_parquet(tmp_path / "some.parquet")
    there = lc.ParquetRFM.open(tmp_path / "some.parquet", time_unit="week", observation_end="2021-12-31")
    model.forecast(there, to=tmp_path / "cltv.parquet", **OUTLOOK)
    here = model.forecast(rfm, **OUTLOOK).customers
    written = pd.read_parquet(tmp_path / "cltv.parquet")
    pd.testing.assert_frame_equal(written, here, check_dtype=False, check_exact=True)


@pytest.mark.usefixtures("few")
def test_is_a_forecast_from_file_to_file_the_one_in_memory(
    rfm: lc.RFM, on_disk: lc.ParquetRFM, model: lc.CLTV, tmp_path: Path
) -> None:
    to, done = tmp_path / "customers.parquet", []
    expected = model.forecast(rfm, margin="margin", **OUTLOOK)
    found: Any = model.forecast(on_disk, to=to, margin="margin", progress=done.append, **OUTLOOK)
    assert pq.read_table(to).equals(expected.to_arrow(), check_metadata=False)
    assert pq.read_schema(to).metadata[METADATA] == expected.to_arrow().schema.metadata[METADATA]
    assert done == sorted(done) and done[-1] == len(rfm) > 5 * 130
    pd.testing.assert_frame_equal(found.total, expected.total, check_exact=True)
    pd.testing.assert_frame_equal(found.portfolio, expected.portfolio, check_exact=True)
    for name, draws in expected.draws.items():
        np.testing.assert_array_equal(found.draws[name], draws)
    assert found.members == expected.members
    for table in ("portfolio", "total"):
        found.export(tmp_path / "found.parquet", table=table)
        expected.export(tmp_path / "expected.parquet", table=table)
        written = [pq.read_table(tmp_path / f"{name}.parquet") for name in ("found", "expected")]
        assert written[0].equals(written[1], check_metadata=True)
    found.export(tmp_path / "sums.xlsx")
    expected.export(tmp_path / "all.xlsx")
    sums, sheets = (pd.read_excel(tmp_path / f"{name}.xlsx", sheet_name=None) for name in ("sums", "all"))
    assert list(sums) == ["portfolio", "total", "about"]  # the customers have a file of their own
    for name, sheet in sums.items():
        pd.testing.assert_frame_equal(sheet, sheets[name])
    with pytest.raises(lc.SettingsError, match="table='customers': a forecast has portfolio, total"):
        found.export(tmp_path / "found.csv", table="customers")


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("by", ["channel", "unsure", "code"])
def test_are_groups_those_in_memory(rfm: lc.RFM, model: lc.CLTV, by: str, tmp_path: Path) -> None:
    frame = rfm.to_frame()
    place = np.arange(len(frame))
    frame["unsure"] = np.where(place % 3 == 0, None, np.where(place % 3 == 1, "yes", "no"))
    frame["code"] = np.where(place % 50 == 0, np.nan, place % 4)
    frame.to_parquet(tmp_path / "rfm.parquet", index=False)
    bare = lc.ParquetRFM.open(tmp_path / "rfm.parquet", time_unit="week", observation_end="2021-12-31")
    in_memory = lc.RFM.from_frame(frame, "week", "2021-12-31")
    expected = model.forecast(in_memory, margin="margin", **OUTLOOK).by(by)
    done: list[int] = []
    streamed: Any = model.forecast(bare, to=tmp_path / "customers.parquet", margin="margin", **OUTLOOK)
    found = streamed.by(by, progress=done.append)
    np.testing.assert_array_equal(found.groups, expected.groups)
    np.testing.assert_array_equal(found.customers, expected.customers)
    for name, draws in expected.draws.items():
        np.testing.assert_array_equal(found.draws[name], draws)
        np.testing.assert_array_equal(found.draws[name].sum(axis=0), streamed.draws[name])
    pd.testing.assert_frame_equal(found.total, expected.total, check_exact=True)
    pd.testing.assert_frame_equal(found.portfolio, expected.portfolio, check_exact=True)
    assert done == sorted(done) and done[-1] == len(rfm)
    with pytest.raises(lc.SettingsError, match="by='age': the RFM has the attributes channel, margin"):
        streamed.by("age")


@pytest.mark.usefixtures("few")
@pytest.mark.filterwarnings("ignore::lifecast.LifecastWarning")  # the family may not fit
@pytest.mark.parametrize("purchases", [lc.ParetoNBD(), lc.BGNBD(covariates=["channel"])])
def test_does_it_hold_for_other_models(
    rfm: lc.RFM, on_disk: lc.ParquetRFM, purchases: Any, tmp_path: Path
) -> None:
    model = lc.CLTV(purchases, lc.LogNormal(), market=None).fit(on_disk, **SETTINGS)
    model.forecast(on_disk, to=tmp_path / "customers.parquet", **OUTLOOK)
    expected = model.forecast(rfm, **OUTLOOK).to_arrow()
    assert pq.read_table(tmp_path / "customers.parquet").equals(expected, check_metadata=False)


@pytest.mark.usefixtures("few")
def test_does_a_failure_leave_the_old_file(on_disk: lc.ParquetRFM, model: lc.CLTV, tmp_path: Path) -> None:
    to = tmp_path / "customers.parquet"
    to.write_text("old")

    def stop(done: int) -> None:
        if done > 200:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.forecast(on_disk, to=to, progress=stop, **OUTLOOK)
    assert to.read_text() == "old" and list(tmp_path.iterdir()) == [to]


def test_does_a_killed_process_leave_the_old_file(
    on_disk: lc.ParquetRFM, model: lc.CLTV, tmp_path: Path
) -> None:
    model.save(tmp_path / "model.nc")
    to = tmp_path / "customers.parquet"
    to.write_text("old")
    code = f"""
        import os, signal, sys, lifecast as lc
        from lifecast import parquet_forecast
        parquet_forecast.CUSTOMERS_AT_A_TIME = 130
        kill = lambda done: done > 200 and os.kill(os.getpid(), signal.SIGKILL)
        rfm = lc.ParquetRFM.open({on_disk.files[0]!r})
        lc.load({str(tmp_path / "model.nc")!r}).forecast(rfm, 10, to={str(to)!r}, worlds=20, progress=kill)
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env=dict(os.environ), check=False)
    assert run.returncode == -signal.SIGKILL
    assert to.read_text() == "old"
    model.forecast(on_disk, 10, to=to, worlds=20)  # again, beside what was left behind
    assert [len(pq.read_table(path)) for path in tmp_path.glob("*.parquet")] == [len(on_disk)]


@pytest.mark.parametrize(
    ("columns", "asked", "message"),
    [
        ({}, {}, "pass time_unit="),
        ({"T": None}, {"time_unit": "week"}, "no column 'T'"),
        ({"customer_id": "a"}, {"time_unit": "week"}, "2 have one that came before"),
        ({"frequency": ["2", "1", "0"]}, {"time_unit": "week"}, "'frequency' does not hold numbers"),
        ({}, {"time_unit": "week", "memory_limit": "some"}, "no amount of memory"),
    ],
)
def test_are_files_refused_that_are_no_customers(
    columns: dict[str, Any], asked: dict[str, Any], message: str, tmp_path: Path
) -> None:
    frame = pd.DataFrame(
        {"customer_id": [1, 2, 3], "frequency": [2, 1, 0], "recency": [3.0, 1.0, 0.0], "T": [9.0, 9.0, 9.0]}
    ).assign(**columns)
    frame.dropna(axis=1).to_parquet(tmp_path / "bare.parquet")
    with pytest.raises(lc.LifecastError, match=message):
        lc.ParquetRFM.open(tmp_path / "bare.parquet", **asked)


def test_does_a_fit_say_whose_numbers_cannot_be(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"customer_id": ["a", "b"], "frequency": [2, 1], "recency": [3.0, 10.0], "T": [9.0, 9.0]}
    )
    frame.to_parquet(tmp_path / "bare.parquet")
    bare = lc.ParquetRFM.open(tmp_path / "bare.parquet", time_unit="week")
    with pytest.raises(lc.DataError, match=r"1 of 2 customers have recency > T .*'b'"):
        bare.histories()
    known = lc.CLTV.from_parameters({"r": 0.2, "alpha": 4.0, "a": 0.8, "b": 2.4}, time_unit="week")
    with pytest.raises(lc.DataError, match=r"1 of 2 customers have recency > T .*'b'"):
        known.forecast(bare, 10, to=tmp_path / "customers.parquet", worlds=10)
    assert not (tmp_path / "customers.parquet").exists()
    frame.assign(recency=0.0, frequency=[0, -1]).to_parquet(tmp_path / "bare.parquet")
    with pytest.raises(lc.DataError, match="'b'"):
        bare.ages()


def test_is_a_missing_file_or_attribute_named(on_disk: lc.ParquetRFM, tmp_path: Path) -> None:
    with pytest.raises(lc.DataError, match="no such file"):
        lc.ParquetRFM.open(tmp_path / "none.parquet")
    with pytest.raises(lc.SettingsError, match="knows its time unit"):
        lc.ParquetRFM.open(on_disk.files[0], time_unit="day")
    with pytest.raises(lc.SettingsError, match="needs the attribute 'age'; the RFM has channel, margin"):
        lc.CLTV(lc.BGNBD(covariates=["age"]), market=None).fit(on_disk)


def test_is_where_customers_go_asked_for(rfm: lc.RFM, on_disk: lc.ParquetRFM, model: lc.CLTV) -> None:
    for customers, asked in ((rfm, {"to": "customers.parquet"}), (on_disk, {})):
        with pytest.raises(lc.SettingsError, match="to= is for customers who come from a file"):
            model.forecast(customers, 10, **asked)
    with pytest.raises(lc.SettingsError, match=r"must end in \.parquet"):
        model.forecast(on_disk, 10, to="customers.csv")


def test_is_a_forecast_from_file_to_file_told_in_a_line(
    on_disk: lc.ParquetRFM, model: lc.CLTV, tmp_path: Path
) -> None:
    forecast = model.forecast(on_disk, 10, to=tmp_path / "customers.parquet", worlds=10)
    said = f"{len(on_disk):,} customers, 10 weeks from 2021-12-31, 10 worlds, 90% intervals"
    assert repr(forecast) == f"<ParquetForecast: {said}>"


def test_is_no_file_overwritten_that_is_read(
    log: pd.DataFrame, rfm: lc.RFM, model: lc.CLTV, tmp_path: Path
) -> None:
    lines, customers, new = (tmp_path / f"{name}.parquet" for name in ("part-0", "rfm", "new"))
    log.to_parquet(lines, index=False)
    rfm.save(customers)
    for to, read in (
        (lines, lines),
        (lines, tmp_path / "part-*.parquet"),
        (new, f"{tmp_path}/**/*.parquet"),
        (new, f"{tmp_path.parent}/**/*.parquet"),
        (new, f"{tmp_path.parent}/*/*.parquet"),
    ):
        with pytest.raises(lc.SettingsError, match="one of the files that are read"):
            lc.rfm_summary(read, to=to, past=False)
    on_disk = lc.ParquetRFM.open(customers)
    with pytest.raises(lc.SettingsError, match="one of the files that are read"):
        model.forecast(on_disk, 10, to=customers, worlds=10)
    assert len(pd.read_parquet(lines)) == len(log) and len(on_disk.load()) == len(rfm)
    deeper = tmp_path / "results"
    deeper.mkdir()
    for to, read in ((new, "part-*.parquet"), (deeper / "new.parquet", "p*.parquet")):
        lc.rfm_summary(tmp_path / read, to=to, past=False)


def test_do_rfms_saved_apart_go_together(log: pd.DataFrame, rfm: lc.RFM, tmp_path: Path) -> None:
    for channel, lines in log.groupby("channel"):
        lc.rfm_summary(lines, **READING).save(tmp_path / f"{channel}.parquet")
    files = f"{tmp_path}/*.parquet"
    together = lc.ParquetRFM.open(files)
    assert (together.time_unit, together.observation_end) == (rfm.time_unit, rfm.observation_end)
    assert together.attributes == ("channel", "margin") and together.past is None
    # Each log's amounts are added up in units of its own, hence the last digits.
    found = together.load().to_frame().sort_values("customer_id", ignore_index=True)
    expected = rfm.to_frame().sort_values("customer_id", ignore_index=True)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-12, atol=1e-7, check_dtype=False)
    with pytest.raises(lc.SettingsError, match="know their time unit"):
        lc.ParquetRFM.open(files, time_unit="day")
    lc.rfm_summary(log, time_unit="day", past=False).save(tmp_path / "days.parquet")
    with pytest.raises(lc.DataError, match=r"do not go together: .*days.* \(days to .*weeks to 2021-12-31"):
        lc.ParquetRFM.open(files)
    rfm.to_frame().to_parquet(tmp_path / "days.parquet", index=False)
    with pytest.raises(lc.DataError, match=r"do not go together: .*nothing known"):
        lc.ParquetRFM.open(files)


def test_is_a_folder_told_from_a_file(log: pd.DataFrame, tmp_path: Path) -> None:
    log.to_parquet(tmp_path / "part-0.parquet", index=False)
    for read in (lc.rfm_summary, lc.ParquetRFM.open):
        with pytest.raises(lc.LifecastError, match=r"is a folder.*\*\*/\*\.parquet"):
            read(tmp_path)
