"""A PostgreSQL server of the tests' own, in a temporary folder, reached by a socket there."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

PASSWORD = "s3cret/@?:x"
AT_NOBODYS_COST = ("-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "max_connections=10")


def as_somebody(command: Sequence[object]) -> list[str]:
    """PostgreSQL does not run as root: then as nobody."""
    plain = [str(part) for part in command]
    return (
        ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *plain]
        if os.getuid() == 0
        else plain
    )


@contextmanager
def running_postgres() -> Iterator[str]:
    """Start it; gives its address, with the password quoted."""
    for program in ("initdb", "postgres", *(("setpriv",) if os.getuid() == 0 else ())):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not on the path: the tests start a PostgreSQL of their own")
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a socket's path must be short
    server = None
    try:
        (folder / "password").write_text(PASSWORD + "\n", encoding="utf-8")
        if os.getuid() == 0:
            for path in (folder, folder / "password"):
                shutil.chown(path, "nobody", "nogroup")
        made = subprocess.run(
            as_somebody(
                [
                    *("initdb", "-D", folder / "data", "-U", "ann", "--auth=scram-sha-256", "--no-sync"),
                    *(f"--pwfile={folder / 'password'}", "--encoding=UTF8", "--locale=C"),
                ]
            ),
            capture_output=True,
            text=True,
            cwd=folder,
        )
        if made.returncode:
            pytest.skip(f"initdb does not run here: {made.stderr.strip()}")
        server = subprocess.Popen(
            as_somebody(["postgres", "-D", folder / "data", "-k", folder, "-h", "", *AT_NOBODYS_COST]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
        )
        assert server.stderr is not None
        for line in server.stderr:
            if "ready to accept connections" in line:
                break
        else:
            pytest.fail("PostgreSQL ended before it was ready")
        yield f"postgresql://ann:s3cret%2F%40%3F%3Ax@/postgres?host={folder}"
    finally:
        if server is not None:
            server.terminate()
            server.communicate()
        shutil.rmtree(folder)
