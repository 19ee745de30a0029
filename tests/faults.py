"""Writers that are killed, starved or doubled, and what is then found in their place.

Run: python tests/faults.py FAULT WRITER TIMES FOLDER. Exits with 0 where each time the old output or the new
one was there, whole.
"""

import os
import random
import resource
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import lifecast as lc
from lifecast.export import write_table

ROWS = 20_000
SMALL = 16 << 10  # bytes that a file may have where there is a limit
DISK, BLOCK = 64 << 20, 4096  # bytes of a small disk, and of its blocks


def customers(version: int) -> pd.DataFrame:
    """A table that says all over which version it is."""
    count = np.full(ROWS, version + 1)
    ids = np.arange(ROWS)
    return pd.DataFrame({"customer_id": ids, "frequency": count, "recency": 3.0, "T": 4.0 + version})


def model(version: int) -> lc.CLTV:
    draws = 4.0 + version + np.linspace(0, 1e-6, 5_000)
    return lc.CLTV.from_parameters(
        {"r": 0.2 + 0 * draws, "alpha": draws, "a": 0.8 + 0 * draws, "b": 2.4 + 0 * draws}
    )


@dataclass(frozen=True)
class Writer:
    """How one kind of output is written, and which version is found in a file; anything else raises."""

    name: str
    write: Callable[[Any, Path], None]
    make: Callable[[int], Any]
    version: Callable[[Path], int]


def only(values: Any) -> int:
    (value,) = set(np.atleast_1d(values).round().astype(int).tolist())
    return int(value)


def version_of_table(table: pd.DataFrame) -> int:
    if len(table) != ROWS:
        raise ValueError(f"{len(table)} rows")
    return only(table["frequency"]) - 1


WRITERS = {
    "RFM": Writer(
        "rfm.parquet",
        lambda made, path: made.save(path),
        lambda version: lc.RFM.from_frame(customers(version), "week"),
        lambda path: version_of_table(lc.RFM.load(path).to_frame()),
    ),
    "model": Writer(
        "model.nc",
        lambda made, path: made.save(path),
        model,
        lambda path: only(lc.load(path).parameters.loc["alpha", "mean"]) - 4,
    ),
    "customers as Parquet": Writer(
        "customers.parquet", write_table, customers, lambda path: version_of_table(pd.read_parquet(path))
    ),
    "customers as CSV": Writer(
        "customers.csv", write_table, customers, lambda path: version_of_table(pd.read_csv(path))
    ),
}


def killed(writer: Writer, path: Path, times: int) -> None:
    """SIGKILL at any moment of the writing."""
    rng = random.Random(1)
    made = [writer.make(version) for version in (0, 1)]
    writer.write(made[0], path)
    start = time.monotonic()
    writer.write(made[0], path)
    usual = time.monotonic() - start
    for _ in range(times):
        child = os.fork()
        if child == 0:
            while True:
                for one in made[::-1]:
                    writer.write(one, path)
        time.sleep(rng.uniform(0.0, 3 * usual))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert writer.version(path) in (0, 1)
    writer.write(made[1], path)  # what the dead left behind is not in the way
    assert writer.version(path) == 1


def starved(writer: Writer, path: Path, times: int) -> None:
    """A limit on the size of files that the whole output is beyond."""
    made = [writer.make(version) for version in (0, 1)]
    writer.write(made[0], path)
    before = path.read_bytes()
    for time_ in range(times):
        child = os.fork()
        if child == 0:
            resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL * time_, SMALL * time_))
            try:
                writer.write(made[1], path)
            except Exception:
                os._exit(3)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status == 0:
            assert writer.version(path) == 1  # it did fit
            writer.write(made[0], path)
            before = path.read_bytes()
        else:
            assert status == 3, status
            assert path.read_bytes() == before
            assert [found.name for found in path.parent.iterdir()] == [path.name]
    writer.write(made[1], path)
    assert writer.version(path) == 1


def full(writer: Writer, path: Path, times: int) -> None:
    """A disk without room for the whole output, in a namespace of its own where anybody may mount one."""
    mount("-t", "tmpfs", "-o", f"size={DISK}", "lifecast", str(path.parent))
    made = [writer.make(version) for version in (0, 1)]
    ballast = path.parent / "ballast"
    failed = 0
    for time_ in range(times):
        ballast.unlink(missing_ok=True)
        writer.write(made[0], path)
        before = path.read_bytes()
        free = len(before) * time_ // max(times - 1, 1)  # from no room at all to room enough, or nearly
        with open(ballast, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, os.statvfs(path.parent).f_bavail * BLOCK - free)
        try:
            writer.write(made[1], path)
        except Exception:
            failed += 1
            assert path.read_bytes() == before
        else:
            assert writer.version(path) == 1
        assert sorted(found.name for found in path.parent.iterdir()) == sorted(["ballast", path.name])
    assert failed > times // 2, f"the disk was full {failed} times only"
    ballast.unlink()
    writer.write(made[1], path)
    assert writer.version(path) == 1


def forbidden(writer: Writer, path: Path, times: int) -> None:
    """A disk that has become read-only."""
    mount("-t", "tmpfs", "-o", f"size={DISK}", "lifecast", str(path.parent))
    made = [writer.make(version) for version in (0, 1)]
    for time_ in range(times):
        old, new = made[time_ % 2], made[1 - time_ % 2]
        writer.write(old, path)
        before = path.read_bytes()
        mount("-o", "remount,ro", str(path.parent))
        try:
            writer.write(new, path)
        except lc.SettingsError as error:
            assert "nothing may be written to" in str(error)
        else:
            raise AssertionError("a read-only disk was written to")
        assert path.read_bytes() == before
        assert [found.name for found in path.parent.iterdir()] == [path.name]
        mount("-o", "remount,rw", str(path.parent))
    writer.write(made[1], path)
    assert writer.version(path) == 1


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def doubled(writer: Writer, path: Path, times: int) -> None:
    """Two processes that write to one place all the time."""
    made = [writer.make(version) for version in (0, 1)]
    writer.write(made[0], path)
    children = []
    for one in made:
        child = os.fork()
        if child == 0:
            signal.alarm(60)  # should nobody be left to end it
            while True:
                writer.write(one, path)
        children.append(child)
    seen = set()
    try:
        for _ in range(times):
            seen.add(writer.version(path))
            time.sleep(0.01)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    assert seen <= {0, 1}


FAULTS = {
    "killed": killed,
    "no file so large": starved,
    "disk full": full,
    "disk read-only": forbidden,
    "two at once": doubled,
}
OF_DISKS = ("disk full", "disk read-only")


def main() -> None:
    fault, writer, times, folder = sys.argv[1], WRITERS[sys.argv[2]], int(sys.argv[3]), Path(sys.argv[4])
    warnings.simplefilter("ignore")
    FAULTS[fault](writer, folder / writer.name, times)


if __name__ == "__main__":
    main()
