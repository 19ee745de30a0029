"""DuckDB itself: a private database, what memory it may use, and what it says against somebody's data."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lifecast.errors import DataError, SettingsError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

_FOLDER = re.compile(r"([^/\\=]+)=[^/\\]*(?=[/\\])")  # a folder named like year=2024


def quote(identifier: str) -> str:
    """Quote a name for SQL, whatever is in it."""
    return '"' + identifier.replace('"', '""') + '"'


def connect(**config: Any) -> "DuckDBPyConnection":
    """Open a private database in memory, with these settings of DuckDB's besides ours."""
    import duckdb

    connection = duckdb.connect(config={"temp_directory": _spill_folder()} | config)
    connection.execute("SET TimeZone = 'UTC'")
    # In Jupyter without ipywidgets the bar is off, and DuckDB refuses to be told so.
    if connection.execute("SELECT current_setting('enable_progress_bar')").fetchall() == [(True,)]:
        connection.execute("SET enable_progress_bar = false")
    return connection


def _spill_folder() -> str:
    """Where DuckDB writes what its memory cannot hold: beside the system's other temporary files.

    Each user has a folder of its own, for nobody else may write into one that the first has made.
    """
    user = f"-{os.getuid()}" if hasattr(os, "getuid") else ""
    return os.path.join(tempfile.gettempdir(), f"lifecast-duckdb{user}")


def limit_memory(connection: "DuckDBPyConnection", memory_limit: str | None) -> None:
    """Let a database use no more memory than this; beyond, it spills to disk.

    Raises
    ------
    SettingsError
        The limit cannot be understood.
    """
    import duckdb

    if memory_limit is None:
        return
    try:
        connection.execute("SET memory_limit = $limit", {"limit": memory_limit})
    except duckdb.Error as error:
        raise SettingsError(
            f"memory_limit={memory_limit!r} is no amount of memory ({str(error).splitlines()[0]}). Pass a "
            "text such as '4GB'."
        ) from error


def parquet_table(
    connection: "DuckDBPyConnection", paths: list[str]
) -> "tuple[DuckDBPyRelation, tuple[str, ...]]":
    """Parquet files, or globs of them, as one table; and those of its columns that are folders' names.

    A folder named country=AT, as Spark and Hive name the parts of a table, says what its files leave out: it
    is a column, unless the files have one of that name, or not all of them lie in such folders.
    """
    import duckdb

    own = connection.read_parquet(paths, union_by_name=True)
    found = connection.execute("SELECT file FROM glob($path) LIMIT 1", {"path": paths[0]}).fetchall()
    folders = _FOLDER.findall(found[0][0]) if found else []
    if not folders or {name.lower() for name in folders} & {name.lower() for name in own.columns}:
        return own, ()
    try:
        whole = connection.read_parquet(paths, union_by_name=True, hive_partitioning=True)
    except duckdb.BinderException:  # other files lie in other folders
        return own, ()
    return whole, tuple(whole.columns[len(own.columns) :])


@contextmanager
def damage_told() -> Iterator[None]:
    """Turn what DuckDB finds wrong with a log's lines, which it may read at any time, into an error of ours.

    Raises
    ------
    DataError
    """
    import duckdb

    try:
        yield
    except (duckdb.Error, RuntimeError, UnicodeError, OSError) as error:  # names that are no text; Arrow's
        said = str(error).partition("\n")[0]
        if "Out of Memory" in said or " block of size " in said:  # the latter where a commit fails of it
            raise DataError(
                "The log needs more memory than DuckDB may use. Pass a larger memory_limit=. DuckDB says: "
                f"{said}"
            ) from error
        raise DataError(f"The log cannot be read. DuckDB says: {said}") from error
