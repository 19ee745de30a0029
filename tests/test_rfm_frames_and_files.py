"""Does an RFM come back from a table and from a file as it was, and is an impossible table refused?"""

import json
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lifecast as lc
from lifecast.errors import DataError, FileFormatError


@pytest.fixture(scope="module")
def rfm() -> lc.RFM:
    log = lc.datasets.load_cdnow(sample=True)
    log["channel"] = np.where(log["customer_id"] % 3 == 0, "web", "shop")
    return lc.rfm_summary(log, observation_end="1997-09-30", holdout_end="1998-06-30", attributes=["channel"])


def table(**columns: Any) -> pd.DataFrame:
    plain = {"customer_id": ["a", "b"], "frequency": [0, 2], "recency": [0.0, 3.0], "T": [4.0, 4.0]}
    return pd.DataFrame(plain | columns)


def test_does_a_table_come_back_as_it_was(rfm: lc.RFM) -> None:
    back = lc.RFM.from_frame(rfm.to_frame(), time_unit="week", observation_end="1997-09-30")
    assert back.fingerprint() == rfm.fingerprint()
    assert back.customer_id.equals(rfm.customer_id)
    assert back.attributes["channel"].to_pylist() == rfm.attributes["channel"].to_pylist()
    assert back.report is None and back.holdout is None


def test_are_the_columns_of_lifetimes_enough() -> None:
    lifetimes = table(monetary_value=[0.0, 12.5]).set_index("customer_id")
    rfm = lc.RFM.from_frame(lifetimes, time_unit="day")
    assert rfm.customer_id.to_pylist() == ["a", "b"] and rfm.customer_id.type == pa.string()
    assert rfm.monetary_frequency is not None and rfm.monetary_frequency.tolist() == [0, 2]
    assert rfm.monetary_log_mean is None and rfm.observation_end is None
    assert lc.RFM.from_frame(table(), time_unit="day").monetary_value is None


def test_are_customers_kept_in_the_order_given() -> None:
    assert lc.RFM.from_frame(table(customer_id=["z", "a"]), "week").customer_id.to_pylist() == ["z", "a"]


def test_can_nothing_be_written_to_an_rfm(rfm: lc.RFM) -> None:
    with pytest.raises(ValueError, match="read-only"):
        rfm.recency[0] = 1.0
    with pytest.raises(FrozenInstanceError):
        rfm.T = rfm.recency  # type: ignore[misc]
    with pytest.raises(TypeError):
        rfm.attributes["channel"] = rfm.customer_id  # type: ignore[index]
    frame = rfm.to_frame()
    frame.loc[0, "recency"] = -1.0  # a copy
    assert rfm.recency[0] > 0


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"customer_id": ["a", "a"]}, r"1 of 2 customers have a customer_id that came before \(first: 'a'\)"),
        ({"customer_id": ["a", None]}, "1 of 2 customers have no customer_id"),
        ({"frequency": [0, 1.5]}, r"frequency that is negative or fractional \(first: 'b', frequency 1.5\)"),
        ({"frequency": [-1, 2]}, "negative or fractional"),
        (
            {"recency": [0.0, 4.5]},
            r"recency > T in weeks \(first: 'b', frequency 2, recency 4.5, T 4\). Pass a later",
        ),
        ({"recency": [0.0, -1.0]}, "negative recency"),
        ({"recency": [1.0, 3.0]}, "recency = 0 with frequency > 0, or the reverse"),
        ({"frequency": [0, 0]}, "recency = 0 with frequency > 0, or the reverse"),
        ({"T": [np.nan, 4.0]}, "T that is missing or infinite"),
        ({"T": [np.inf, 4.0]}, "T that is missing or infinite"),
        ({"T": ["soon", "4"]}, "'T' does not hold numbers"),
        ({"monetary_value": [0.0, -2.0]}, "negative monetary_value"),
        ({"monetary_value": [5.0, 2.0]}, "a monetary_value, but no repeat purchase"),
        ({"monetary_value": [0.0, np.nan]}, "monetary_value that is missing"),
        (
            {"monetary_value": [0.0, 2.0], "monetary_frequency": [0, 3]},
            "monetary_frequency that does not fit",
        ),
        (
            {"monetary_value": [0.0, 2.0], "monetary_frequency": [0, 0]},
            "monetary_frequency that does not fit",
        ),
        ({"monetary_value": [0.0, 2.0], "monetary_log_mean": [0.0, 0.7]}, "above the logarithm"),
        ({"monetary_value": [0.0, 2.0], "monetary_log_sd": [0.0, -0.1]}, "monetary_log_sd that is negative"),
        ({"monetary_value": [0.0, 2.0], "monetary_log_sd": [0.1, 0.1]}, "without two amounts to differ"),
    ],
)
def test_do_impossible_numbers_say_how_many_and_which_first(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        lc.RFM.from_frame(table(**columns), time_unit="week")


def test_are_missing_columns_and_empty_tables_refused() -> None:
    with pytest.raises(DataError, match="no column customer_id"):
        lc.RFM.from_frame(table().drop(columns="customer_id"), "week")
    with pytest.raises(DataError, match="no column 'recency'"):
        lc.RFM.from_frame(table().drop(columns="recency"), "week")
    with pytest.raises(DataError, match="no customers"):
        lc.RFM.from_frame(table().iloc[:0], "week")


def test_does_a_file_come_back_as_it_was(rfm: lc.RFM, tmp_path: Path) -> None:
    rfm.save(tmp_path / "cdnow.parquet")
    back = lc.RFM.load(tmp_path / "cdnow.parquet")
    pd.testing.assert_frame_equal(back.to_frame(), rfm.to_frame(), check_exact=True)
    assert back.fingerprint() == rfm.fingerprint() and back.report == rfm.report
    assert (back.time_unit, back.observation_end) == (rfm.time_unit, rfm.observation_end)
    assert back.holdout is not None and rfm.holdout is not None and back.holdout.end == rfm.holdout.end
    np.testing.assert_array_equal(back.holdout.period_purchases, rfm.holdout.period_purchases)
    assert [path.name for path in tmp_path.iterdir()] == ["cdnow.parquet"]


def test_does_a_bare_rfm_come_back_from_a_file(tmp_path: Path) -> None:
    bare = lc.RFM.from_frame(table(), time_unit=7.5)
    bare.save(str(tmp_path / "bare.parquet"))
    back = lc.RFM.load(str(tmp_path / "bare.parquet"))
    assert back.fingerprint() == bare.fingerprint()
    assert (back.time_unit, back.report, back.holdout, back.monetary_value) == (
        bare.time_unit,
        None,
        None,
        None,
    )


def test_is_a_half_written_file_never_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = lc.RFM.from_frame(table(), time_unit="week")
    good.save(tmp_path / "rfm.parquet")

    def fail(*_: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="no space"):
        lc.RFM.from_frame(table(T=[9.0, 9.0]), time_unit="week").save(tmp_path / "rfm.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["rfm.parquet"]
    assert lc.RFM.load(tmp_path / "rfm.parquet").fingerprint() == good.fingerprint()


def test_is_a_file_of_another_kind_refused(tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("this is no Parquet file")
    with pytest.raises(FileFormatError, match="not a Parquet file"):
        lc.RFM.load(tmp_path / "text.parquet")
    table().to_parquet(tmp_path / "other.parquet")
    with pytest.raises(FileFormatError, match=r"not a saved RFM\. Use rfm_summary"):
        lc.RFM.load(tmp_path / "other.parquet")
    newer = pa.table({"customer_id": [1]}).replace_schema_metadata(
        {"lifecast_rfm": json.dumps({"format": 99})}
    )
    pq.write_table(newer, tmp_path / "newer.parquet")
    with pytest.raises(FileFormatError, match="newer lifecast"):
        lc.RFM.load(tmp_path / "newer.parquet")


def test_does_the_fingerprint_change_with_the_numbers(rfm: lc.RFM) -> None:
    frame = rfm.to_frame()
    end = rfm.observation_end
    assert lc.RFM.from_frame(frame, "day", end).fingerprint() != rfm.fingerprint()
    assert (
        lc.RFM.from_frame(frame.assign(T=frame["T"] + 1e-9), "week", end).fingerprint() != rfm.fingerprint()
    )
