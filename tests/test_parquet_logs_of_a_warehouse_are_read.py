"""Are Parquet logs read as warehouses write them: parted over folders, with gaps, by several users?"""

import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lifecast as lc
from lifecast.engines.duckdb import connect


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    log = lc.datasets.load_cdnow(sample=True).head(1500)
    return log.assign(channel=np.where(log["customer_id"] % 3 == 0, "web", "shop"))


def parted(log: pd.DataFrame, folder: Path, *columns: str) -> str:
    """Folders such as channel=web/, whose files have no such column."""
    for values, lines in log.groupby(list(columns)):
        place = folder.joinpath(*(f"{name}={value}" for name, value in zip(columns, values, strict=True)))
        place.mkdir(parents=True)
        lines.drop(columns=list(columns)).to_parquet(place / "part-0.parquet", index=False)
    return f"{folder}/**/*.parquet"


def assert_same(ours: lc.RFM, expected: lc.RFM) -> None:
    pd.testing.assert_frame_equal(ours.to_frame(), expected.to_frame(), check_exact=True)


def test_are_names_of_folders_columns(log: pd.DataFrame, tmp_path: Path) -> None:
    files = parted(log.assign(year=log["date"].dt.year), tmp_path, "year", "channel")
    expected = lc.rfm_summary(log, attributes="channel", past=False)
    assert_same(lc.rfm_summary(files, attributes="channel", past=False), expected)


def test_is_a_date_that_folders_tell_read_when_asked_for(log: pd.DataFrame, tmp_path: Path) -> None:
    days = log.assign(date=log["date"].dt.strftime("%Y-%m-%d"))
    files = parted(days, tmp_path, "date")
    assert_same(lc.rfm_summary(files, date="date", past=False), lc.rfm_summary(log, past=False))
    with pytest.raises(lc.SettingsError, match=r"not obvious which column is the date.*'channel', 'date'"):
        lc.rfm_summary(files, past=False)


@pytest.mark.parametrize("own", ["date", "Date", "order_date"])
def test_does_the_folder_of_an_export_not_date_its_lines(log: pd.DataFrame, own: str, tmp_path: Path) -> None:
    folder = tmp_path / "date=2024-11-20"
    folder.mkdir()
    log.rename(columns={"date": own}).to_parquet(folder / "sales.parquet", index=False)
    assert_same(lc.rfm_summary(folder / "sales.parquet", past=False), lc.rfm_summary(log, past=False))


def test_do_folders_of_some_files_only_say_nothing(log: pd.DataFrame, tmp_path: Path) -> None:
    files = parted(log[log["channel"] == "web"], tmp_path, "channel")
    log[log["channel"] == "shop"].to_parquet(tmp_path / "shop.parquet", index=False)
    assert_same(lc.rfm_summary(files, past=False), lc.rfm_summary(log, past=False))


def test_are_customers_in_folders_known_by_them(log: pd.DataFrame, tmp_path: Path) -> None:
    rfm = lc.rfm_summary(log, attributes="channel", past=False)
    files = parted(rfm.to_frame(), tmp_path, "channel")
    found = lc.ParquetRFM.open(files, time_unit="week")
    assert found.attributes == ("channel",)
    order = found.load().to_frame().sort_values("customer_id", ignore_index=True)
    pd.testing.assert_frame_equal(order, rfm.to_frame(), check_exact=True, check_dtype=False)


def written(log: pd.DataFrame, folder: Path, **columns: "np.typing.NDArray[np.float64]") -> Path:
    """A file whose NaN are no nulls, and whose bounds say nothing of them, as the format has it."""
    table = pa.table({name: columns.get(name, log[name]) for name in ("customer_id", "date", "amount")})
    pq.write_table(table, folder / "log.parquet")
    return folder / "log.parquet"


def test_are_lines_left_out_whose_customer_is_not_a_number(log: pd.DataFrame, tmp_path: Path) -> None:
    who = np.where(log["customer_id"] % 5 == 0, np.nan, log["customer_id"])
    found = lc.rfm_summary(written(log, tmp_path, customer_id=who), past=False)
    assert_same(found, lc.rfm_summary(log[~np.isnan(who)], past=False))
    assert found.report is not None and found.report.lines_without_customer == np.isnan(who).sum()


@pytest.mark.parametrize("odd", [np.inf, 1e300, 7.5])
def test_are_customers_refused_whose_number_is_none(log: pd.DataFrame, odd: float, tmp_path: Path) -> None:
    who = np.where(log.index == 700, odd, log["customer_id"].astype(float))
    who[5] = np.nan
    with pytest.raises(lc.DataError, match=re.escape(f"not whole numbers (first: {odd!r})")):
        lc.rfm_summary(written(log, tmp_path, customer_id=who), past=False)


def test_is_an_amount_refused_that_is_not_a_number(log: pd.DataFrame, tmp_path: Path) -> None:
    amounts = np.where(log.index == 700, np.nan, log["amount"])
    with pytest.raises(lc.DataError, match=r"1 of 1,500 lines have a missing .* 'amount' \(first: nan\)"):
        lc.rfm_summary(written(log, tmp_path, amount=amounts), past=False)


def as_bytes(text: str) -> bytes:
    return text.encode()


def as_no_text(text: str) -> bytes:
    return bytes(128 + int(digit) for digit in text.zfill(16))


@pytest.mark.parametrize("name_as", [as_bytes, as_no_text])
def test_are_customers_whose_names_are_bytes_scored_as_their_log_is(
    log: pd.DataFrame, name_as: Callable[[str], bytes], tmp_path: Path
) -> None:
    bought = log.assign(customer_id=[name_as(str(name)) for name in log["customer_id"]])
    bought.to_parquet(tmp_path / "log.parquet", index=False)
    of_log = lc.rfm_summary(tmp_path / "log.parquet", past=False)
    assert of_log.customer_id.type == pa.string()
    frame = of_log.to_frame()
    names = sorted(set(bought["customer_id"]))
    frame.assign(customer_id=names).to_parquet(tmp_path / "bare.parquet", index=False)
    there = lc.ParquetRFM.open(tmp_path / "bare.parquet", time_unit="week")
    model = lc.CLTV.from_parameters({"r": 0.24, "alpha": 4.4, "a": 0.8, "b": 2.4})
    model.forecast(there, 10, to=tmp_path / "cltv.parquet", worlds=20)
    here = model.forecast(of_log, 10, worlds=20).customers
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "cltv.parquet"), here, check_exact=True)


def test_are_names_of_a_table_text_or_told_to_be(log: pd.DataFrame) -> None:
    frame = lc.rfm_summary(log, past=False).to_frame()
    text = frame["customer_id"].astype(str)
    for names in (text.astype("category"), text.map(as_bytes)):
        found = lc.RFM.from_frame(frame.assign(customer_id=names), "week").customer_id
        assert found.type == pa.string() and found.to_pylist() == text.tolist()
    with pytest.raises(lc.DataError, match=r"type binary. Pass one number or text .* hexadecimal"):
        lc.RFM.from_frame(frame.assign(customer_id=text.map(as_no_text)), "week")


def test_is_a_customer_of_a_table_refused_whose_name_is_not_a_number(
    log: pd.DataFrame, tmp_path: Path
) -> None:
    frame = lc.rfm_summary(log, past=False).to_frame()
    names = np.where(frame.index == 3, np.nan, frame["customer_id"])
    table = pa.Table.from_pandas(frame.drop(columns="customer_id"), preserve_index=False)
    pq.write_table(table.append_column("customer_id", pa.array(names)), tmp_path / "bare.parquet")
    with pytest.raises(lc.DataError, match="1 customers have no customer_id, and 0 have one"):
        lc.ParquetRFM.open(tmp_path / "bare.parquet", time_unit="week")


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="temporary files are each user's own here")
def test_does_each_user_of_a_machine_spill_to_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def folder() -> str:
        with connect() as connection:
            found: str = connection.execute("SELECT current_setting('temp_directory')").fetchall()[0][0]
        return found

    mine = folder()
    assert mine.startswith(tempfile.gettempdir())
    monkeypatch.setattr(os, "getuid", lambda: 987654)
    assert folder() != mine
