"""DuckDB itself: a private database, what memory it may use, and what it says against somebody's data."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lifecast.errors import DataError, SettingsError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def quote(identifier: str) -> str:
    """Quote a name for SQL, whatever is in it."""
    return '"' + identifier.replace('"', '""') + '"'


def connect(**config: Any) -> "DuckDBPyConnection":
    """Open a private database in memory, with these settings of DuckDB's besides ours."""
    import duckdb

    # Out of memory, DuckDB spills to disk: beside the system's other temporary files, not into the working
    # folder.
    connection = duckdb.connect(
        config={"temp_directory": os.path.join(tempfile.gettempdir(), "lifecast-duckdb")} | config
    )
    connection.execute("SET TimeZone = 'UTC'")
    # In Jupyter without ipywidgets the bar is off, and DuckDB refuses to be told so.
    if connection.execute("SELECT current_setting('enable_progress_bar')").fetchall() == [(True,)]:
        connection.execute("SET enable_progress_bar = false")
    return connection


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
