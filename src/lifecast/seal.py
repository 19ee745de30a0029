"""A checksum at the end of a netCDF file, looked at before the file is: HDF5 can crash on damaged bytes.

HDF5 knows where its data end and does not read what follows. The seal tells accidents, not ill will: whoever
changes a file on purpose can seal it again.
"""

import hashlib
import os
from pathlib import Path

from lifecast.errors import FileFormatError

MARK = b"lifecast sha256:"
SIZE = len(MARK) + hashlib.sha256().digest_size


def seal(path: str | os.PathLike[str]) -> None:
    """Append the checksum of all that a file holds."""
    content = Path(path).read_bytes()
    with open(path, "ab") as file:
        file.write(MARK + hashlib.sha256(content).digest())


def check_seal(path: str | os.PathLike[str], what: str) -> None:
    """Refuse a file that is not as it was sealed; ``what`` it should be, in the error's words.

    Raises
    ------
    FileFormatError
        It has no seal, or has changed since.
    """
    content = Path(path).read_bytes()
    body, end = content[:-SIZE], content[-SIZE:]
    if not end.startswith(MARK):
        raise FileFormatError(
            f"{path} cannot be read as a {what}: the checksum at its end is missing. It was cut short, or "
            "written by something else. Save it again."
        )
    if hashlib.sha256(body).digest() != end[len(MARK) :]:
        raise FileFormatError(
            f"{path} cannot be read as a {what}: it is damaged, for its checksum is not the one that it was "
            "saved with. Save it again, or fetch another copy."
        )
