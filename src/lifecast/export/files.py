"""Files that are written whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from lifecast.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd


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
    check_folder(target)
    # In a folder of its own: what a killed process leaves behind is then never taken for one of the files
    # that a glob such as folder/*.parquet means, and two processes never write to the same place.
    room = Path(tempfile.mkdtemp(prefix=".lifecast.", suffix=".part", dir=target.parent))
    try:
        beside = room / target.name
        yield beside
        with open(beside, "rb+") as written:
            os.fsync(written.fileno())  # else a power cut could leave the name without the bytes
        os.replace(beside, target)
    finally:
        shutil.rmtree(room, ignore_errors=True)


def check_folder(target: Path) -> None:
    """Refuse a place for a file where there can be none.

    Raises
    ------
    SettingsError
        The folder does not exist or cannot be written to, a folder has that name, or no file can have it.
    """
    check_name(target)
    if not target.parent.is_dir():
        raise SettingsError(
            f"{target} cannot be written: there is no folder {target.parent}. Make it, or choose another."
        )
    if target.is_dir():
        raise SettingsError(f"{target} cannot be written: it is a folder. Choose another name.")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise SettingsError(
            f"{target} cannot be written: nothing may be written to {target.parent}. Choose another folder."
        )


def check_new_folder(folder: Path) -> None:
    """See before the work that a folder is there for its results, or can be made.

    Raises
    ------
    SettingsError
        It cannot: a file has that name, or nothing may be written to the folder that it would be in.
    """
    check_name(folder)
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    if not there.is_dir():
        raise SettingsError(f"{there} is a file. Choose a folder.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise SettingsError(f"Nothing may be written to {there}. Choose another folder.")


def check_name(path: Path) -> None:
    """Refuse what no file can be called: a name too long, or one that holds a NUL or half a character."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(
            f"{str(path)[:100]!r} cannot be written: {reason}. Choose another name."
        ) from error


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
    check_folder(target)


def check_not_read(path: str | os.PathLike[str], read: str | os.PathLike[str]) -> None:
    """Refuse a place for a result among the files that it is made from: these would be lost, or it be read.

    Parameters
    ----------
    path : path
        Of the result.
    read : path or glob

    Raises
    ------
    SettingsError

    Examples
    --------
    >>> check_not_read("log/rfm.parquet", "log/part-*.parquet")
    """
    place, wanted = os.path.realpath(path), os.path.realpath(read)
    if os.path.isfile(wanted):
        among = place == wanted
    else:
        folder, name = os.path.split(place)
        folders, names = os.path.split(wanted)
        at_all_depths = f"{os.sep}**" in folders
        among = fnmatch(name, names) and (
            folder == folders.removesuffix(f"{os.sep}**")
            or (fnmatch(folder, folders) and (at_all_depths or folder.count(os.sep) == folders.count(os.sep)))
        )
    if among:
        raise SettingsError(
            f"{os.fspath(path)} cannot be written: it would be one of the files that are read, "
            f"{os.fspath(read)}. Choose another name or folder."
        )


def with_index(table: "pd.DataFrame") -> "pd.DataFrame":
    """A table whose index is among its columns, unless that only counts the rows; names of columns as text.

    Examples
    --------
    >>> import pandas as pd
    >>> list(with_index(pd.DataFrame({"mean": [2.0]}, index=pd.Index(["value"], name="measure"))))
    ['measure', 'mean']
    """
    import pandas as pd

    flat = table if isinstance(table.index, pd.RangeIndex) else table.reset_index()
    if isinstance(flat.columns, pd.MultiIndex):
        return flat.set_axis(
            ["_".join(str(part) for part in name if part != "") for name in flat.columns], axis=1
        )
    return flat.set_axis([str(name) for name in flat.columns], axis=1)
