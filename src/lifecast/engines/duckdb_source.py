"""Logs that DuckDB can scan, of any kind: opened, but not yet read.

The names in the SQL are ours: the log's own columns, however they are called, are renamed here.
"""

import glob
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lifecast.engines.duckdb import connect, parquet_table, quote
from lifecast.errors import DataError, SettingsError

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

_PARQUET = (".parquet", ".pq")
_CSV = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".csv.zst", ".tsv.zst")


@dataclass(frozen=True)
class Source:
    """An opened log: its column names, and how to show some of them to DuckDB under our own names.

    `attach({"customer_id": "Kunde"})` makes `source`, a view or table with the column `customer_id`. `typed`
    is False where the file holds nothing but text (CSV), so that numbers have yet to be recognised. `folders`
    are the columns that only the names of the files' folders tell, as in country=AT.
    """

    connection: "DuckDBPyConnection"
    columns: tuple[str, ...]
    attach: Callable[[Mapping[str, str]], None]
    typed: bool
    folders: tuple[str, ...] = ()


def open_source(log: Any) -> Source:
    """Open a log of any kind that DuckDB can scan, without reading its lines yet.

    Raises
    ------
    DataError
        Where a file is missing or unreadable.
    SettingsError
        Where the log is of no known kind.
    """
    import duckdb
    import pyarrow as pa

    if isinstance(log, str | os.PathLike):
        return _open_files(os.fspath(log))
    if isinstance(log, duckdb.DuckDBPyRelation):
        # A projection runs in the user's own connection and leaves nothing there, unlike a named view.
        return _open_arrow(log.columns, lambda names: log.project(", ".join(map(quote, _originals(names)))))
    kind = type(log).__module__.partition(".")[0]
    if kind == "pandas" and hasattr(log, "columns"):
        return _open_arrow(log.columns, lambda names: _from_pandas(log, names))
    if kind == "polars" and hasattr(log, "lazy"):
        frame = log.lazy()
        columns = frame.collect_schema().names()
        return _open_arrow(columns, lambda names: frame.select(_originals(names)).collect().to_arrow())
    if isinstance(log, pa.Table):
        return _open_arrow(log.column_names, lambda names: log)
    if hasattr(log, "__arrow_c_stream__"):
        reader = pa.RecordBatchReader.from_stream(log)
        return _open_arrow(reader.schema.names, lambda names: reader)
    raise SettingsError(
        f"A log of type {kind}.{type(log).__qualname__} cannot be read. Pass a pandas or polars "
        "DataFrame, an Arrow table, a DuckDB relation, or the path of a Parquet or CSV file (or a glob)."
    )


def _projection(names: Mapping[str, str]) -> str:
    return ", ".join(f"{quote(original)} AS {quote(name)}" for name, original in names.items())


def _originals(names: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys(names.values()))


def _open_files(path: str) -> Source:
    import duckdb

    connection = connect()
    # A file whose name holds a bracket or a star is that file, not a pattern.
    pattern = glob.escape(path) if os.path.isfile(path) else path
    folders: tuple[str, ...] = ()
    try:
        if path.lower().endswith(_PARQUET):
            files, folders = parquet_table(connection, [pattern])
        elif path.lower().endswith(_CSV):
            # As text: DuckDB would guess 01/02/2003 to be some date, and read the customer 007 as 7. Told
            # what quotes are: those that begin after the lines that it looks at would be part of the values.
            files = connection.read_csv(
                pattern, header=True, all_varchar=True, union_by_name=True, quotechar='"'
            )
        elif os.path.isdir(path):
            raise SettingsError(
                f"{path!r} is a folder. Pass a glob of its files, such as "
                f"{os.path.join(path, '**', '*.parquet')!r}."
            )
        else:
            raise SettingsError(
                f"{path!r} is not named like a Parquet or CSV file ({', '.join(_PARQUET + _CSV)}). Rename "
                "the file, or pass a glob such as 'folder/*.parquet'."
            )
        columns = tuple(files.columns)
    except (duckdb.Error, RuntimeError, UnicodeError) as error:  # the latter: names that are no text
        raise DataError(f"{path!r} cannot be read as a log: {error}") from error

    def attach(names: Mapping[str, str]) -> None:
        files.project(_projection(names)).create_view("source")

    return Source(connection, columns, attach, path.lower().endswith(_PARQUET), folders)


def _open_arrow(columns: Any, select: Callable[[Mapping[str, str]], Any]) -> Source:
    """Open something that hands out Arrow data: `select(names)` gives it, still under its own names."""
    import pyarrow as pa

    connection = connect()

    def attach(names: Mapping[str, str]) -> None:
        data = select(names)
        if isinstance(data, pa.Table):  # renamed here: DuckDB does not tell "Date" from "date"
            data = pa.table([data.column(original) for original in names.values()], names=list(names))
            connection.register("source", data)
            return
        reader = pa.RecordBatchReader.from_stream(data)  # can be read once only
        connection.register("stream", reader)
        connection.execute(f"CREATE TEMP TABLE source AS SELECT {_projection(names)} FROM stream")
        connection.unregister("stream")

    return Source(connection, tuple(columns), attach, typed=True)


def _from_pandas(frame: Any, names: Mapping[str, str]) -> "pa.Table":
    import pyarrow as pa

    try:
        return pa.Table.from_pandas(frame[_originals(names)], preserve_index=False)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError) as error:
        raise DataError(
            "A column of the DataFrame mixes kinds of values, or holds some that a table cannot keep: "
            f"{error}. Convert it first, to text say."
        ) from error
