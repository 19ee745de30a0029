"""Tables out of lifecast into files, whole or not at all."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lifecast.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd

TABLE_ENDINGS = (".parquet", ".csv")


@contextmanager
def written_beside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a path to write to, which takes the target's place when all went well and goes away when not.

    Parameters
    ----------
    path : path
        The target. The path that is given has the same ending, and lies in the same folder.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with written_beside(f"{folder}/a.txt") as path:
    ...         _ = path.write_text("whole")
    ...     print(Path(folder, "a.txt").read_text())
    whole
    """
    target = Path(path)
    beside = target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")
    try:
        yield beside
        os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)


def check_target(path: str | os.PathLike[str], endings: Sequence[str]) -> None:
    """See before the work that its result will have a place.

    Parameters
    ----------
    path : path
        Where a file is to be written; one that is there will be replaced.
    endings : sequence of str
        Endings of the kinds of file that can be written, such as ".csv".

    Raises
    ------
    SettingsError
        Where the ending is another, the folder does not exist, or a folder has that name.
    """
    target = Path(path)
    if target.suffix.lower() not in endings:
        raise SettingsError(f"{target} cannot be written: its name must end in {' or '.join(endings)}.")
    if not target.parent.is_dir():
        raise SettingsError(
            f"{target} cannot be written: there is no folder {target.parent}. Make it, or choose another."
        )
    if target.is_dir():
        raise SettingsError(f"{target} cannot be written: it is a folder. Choose another name.")


def write_table(table: "pd.DataFrame", path: str | os.PathLike[str]) -> None:
    """Write a table to a Parquet or CSV file, as the path's ending says; its index is left out.

    Parameters
    ----------
    table : DataFrame
    path : path
        Ends in ".parquet" or ".csv". A file that is there is replaced, once the new one is whole.

    Raises
    ------
    SettingsError
        Where the path has another ending, or its folder does not exist.

    Examples
    --------
    >>> import tempfile, pandas as pd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_table(pd.DataFrame({"customer_id": [7], "cltv": [12.5]}), f"{folder}/customers.csv")
    ...     print(Path(folder, "customers.csv").read_text())
    customer_id,cltv
    7,12.5
    """
    check_target(path, TABLE_ENDINGS)
    with written_beside(path) as beside:
        if beside.suffix.lower() == ".csv":
            table.to_csv(beside, index=False)
        else:
            table.to_parquet(beside, index=False)
