"""An RFM in one Parquet file: the customers as rows, everything else in the file's metadata."""

import base64
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from functools import partial
from typing import Any

import numpy as np

from lifecast.errors import FileFormatError
from lifecast.export.files import written_beside
from lifecast.log_report import LeftTruncation, LogReport
from lifecast.past import Past, pack, unpack
from lifecast.rfm import RFM, Holdout
from lifecast.rfm_frame import check_numbers
from lifecast.summed_log import SummedLog
from lifecast.timeunit import TimeUnit

FORMAT = 1
ROW_GROUP = 1_000_000
_KEY = b"lifecast_rfm"
_PAST = b"lifecast_past"
_MONEY = ("monetary_value", "monetary_log_mean", "monetary_log_sd", "monetary_frequency")
_ARRAYS = ("frequency", "recency", "T", *_MONEY)
_HELD = {"frequency": "frequency_holdout", "value": "monetary_value_holdout"}


def save_rfm(rfm: RFM, path: str | os.PathLike[str]) -> None:
    """Write an RFM to one Parquet file, whole or not at all."""
    columns: dict[str, Any] = {"customer_id": rfm.customer_id}
    columns |= {name: getattr(rfm, name) for name in _ARRAYS if getattr(rfm, name) is not None}
    if (held := rfm.holdout) is not None:
        columns |= {_HELD[name]: getattr(held, name) for name in _HELD if getattr(held, name) is not None}
    parts = iter([columns | dict(rfm.attributes)])
    about = partial(_about, rfm.time_unit, rfm.observation_end, rfm.report, tuple(rfm.attributes), held)
    _write(path, parts, about, rfm.past)


def save_summed(log: SummedLog, path: str | os.PathLike[str]) -> None:
    """Write the RFM of a log to one Parquet file, whole or not at all, some customers at a time."""
    nobody = np.zeros(0, np.int64)

    def about() -> dict[str, Any]:
        held = log.holdout(nobody, np.zeros(0) if log.log.has_amount else None)
        return _about(log.unit, log.query.end, log.report(), log.log.attributes, held)

    _write(path, log.parts(), about, log.past)


def _write(
    path: str | os.PathLike[str],
    parts: Iterator[dict[str, Any]],
    about: Callable[[], dict[str, Any]],
    past: Past | None,
) -> None:
    """Write columns part by part, then what is known besides once all are read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = pa.table(next(parts))
    with written_beside(path) as beside, pq.ParquetWriter(beside, first.schema) as writer:
        writer.write_table(first)
        waiting: list[pa.Table] = []
        for part in parts:
            waiting.append(pa.table(part))
            if sum(map(len, waiting)) >= ROW_GROUP:
                writer.write_table(pa.concat_tables(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.concat_tables(waiting))
        said: dict[str, Any] = about() | {"past": None}
        if past is not None:
            histories, said["past"] = pack(past)
            writer.add_key_value_metadata({_PAST: _as_text(histories)})
        # Not in the table's own metadata, which are written twice, and before the customers.
        writer.add_key_value_metadata({_KEY: json.dumps(said, default=date.isoformat)})


def _about(
    unit: TimeUnit,
    end: date | None,
    report: LogReport | None,
    attributes: tuple[str, ...],
    held: Holdout | None,
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "time_unit": asdict(unit),
        "observation_end": end,
        "report": None if report is None else asdict(report),
        "attributes": list(attributes),
        "holdout": None
        if held is None
        else {
            "end": held.end,
            "duration": held.duration,
            "period_purchases": held.period_purchases.tolist(),
            "period_value": None if held.period_value is None else held.period_value.tolist(),
        },
    }


def holds_rfm(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a Parquet file that `save_rfm` wrote; False for anything else, a missing file too."""
    try:
        return _KEY in (parquet_metadata(path).metadata or {})
    except FileFormatError:
        return False


def parquet_metadata(path: str | os.PathLike[str]) -> Any:
    """What a Parquet file says of itself.

    Raises
    ------
    FileFormatError
        Where the file is no Parquet file, or is damaged.
    """
    import pyarrow.parquet as pq

    with _parquet(path):
        return pq.read_metadata(path)


def load_rfm(path: str | os.PathLike[str]) -> RFM:
    """Read an RFM back.

    Raises
    ------
    FileFormatError
        Where the file is no Parquet file, holds no RFM, or was written by a newer lifecast.
    """
    import pyarrow.parquet as pq

    if not os.path.isfile(path):
        raise FileFormatError(f"{os.fspath(path)!r}: no such file. Pass one that RFM.save wrote.")
    about = read_about(path)
    if about is None:
        raise FileFormatError(
            f"{os.fspath(path)!r} is a Parquet file, but not a saved RFM. Use rfm_summary for a transaction "
            "log, or RFM.from_frame for a table of customers."
        )
    with _refused(path):
        with _parquet(path):
            table = pq.ParquetFile(path).read()  # the one file: read_table would take it for a data set
        return _read(table, about)


def read_about(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """All that a saved RFM's file says besides its customers: fields of an `RFM`, and names of attributes.

    None where the file is Parquet, but no saved RFM.

    Raises
    ------
    FileFormatError
        Where the file is no Parquet file, is damaged, or was written by a newer lifecast.
    """
    metadata = parquet_metadata(path).metadata or {}
    if _KEY not in metadata:
        return None
    with _refused(path):
        about = json.loads(metadata[_KEY])
        version = int(about["format"])
        if version > FORMAT:
            raise FileFormatError(
                f"{os.fspath(path)!r} was saved by a newer lifecast (format {version}, this one reads "
                f"{FORMAT}). Upgrade lifecast."
            )
        end = about["observation_end"]
        return {
            "time_unit": TimeUnit.parse(float(about["time_unit"]["days"])),
            "attributes": list(about["attributes"]),
            "observation_end": None if end is None else date.fromisoformat(end),
            "report": None if about["report"] is None else read_report(about["report"]),
            "holdout": about["holdout"],
            "past": _read_past(about.get("past"), metadata),
        }


@contextmanager
def _refused(path: str | os.PathLike[str]) -> Iterator[None]:
    """Make errors of ours of whatever a damaged or hostile file leads to."""
    try:
        yield
    except FileFormatError:
        raise
    except Exception as error:
        raise FileFormatError(
            f"{os.fspath(path)!r} cannot be read as an RFM ({type(error).__name__}: {error}). Needed: a file "
            "written by RFM.save; make it again from the log."
        ) from error


@contextmanager
def _parquet(path: str | os.PathLike[str]) -> Iterator[None]:
    """Make errors of ours of what Arrow says of a damaged file, whose names may not even be text."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise FileFormatError(
            f"{os.fspath(path)!r} is not a Parquet file that can be read: {error}"
        ) from error


def _read(table: Any, about: dict[str, Any]) -> RFM:
    numbers = {
        name: table[name].to_numpy() for name in table.column_names if name in (*_ARRAYS, *_HELD.values())
    }
    ids = table["customer_id"].combine_chunks()
    arrays = {name: numbers[name] for name in _ARRAYS if name in numbers}
    check_numbers(ids, arrays, about["time_unit"])
    held = about["holdout"]
    rest: dict[str, Any] = {
        "attributes": {name: table[name].combine_chunks() for name in about["attributes"]},
        "holdout": None if held is None else _read_holdout(held, numbers),
    }
    return RFM(customer_id=ids, **arrays, **(about | rest))


def read_report(report: dict[str, Any]) -> LogReport:
    """A report from what JSON made of its fields."""
    dates = {name: date.fromisoformat(report[name]) for name in ("first", "last", "observation_end")}
    began = LeftTruncation(**report["left_truncation"])
    perhaps = tuple(report.get("perhaps_amounts", ()))
    return LogReport(**(report | dates | {"left_truncation": began, "perhaps_amounts": perhaps}))


def _read_holdout(about: dict[str, Any], numbers: dict[str, Any]) -> Holdout:
    held = {name: numbers.get(column) for name, column in _HELD.items()}
    return Holdout(**(about | held | {"end": date.fromisoformat(about["end"])}))


def _as_text(table: Any) -> bytes:
    """A table as a Parquet file in base64: other readers of a file's metadata expect text there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd")
    return base64.b64encode(buffer.getvalue())


def _read_past(about: dict[str, Any] | None, metadata: dict[bytes, bytes]) -> Past | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if about is None:
        return None
    return unpack(pq.read_table(pa.BufferReader(base64.b64decode(metadata[_PAST]))), about)
