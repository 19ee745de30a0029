"""Is the output before, or the new one, there and whole, whatever happens to the process that writes?"""

import functools
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from faults import FAULTS, OF_DISKS, WRITERS

import lifecast as lc
from lifecast.errors import SettingsError

FEW, SOME, MANY = 5, 20, 200


# A namespace in which whoever runs the tests may mount a disk, and which takes it away when it ends.
OWN_DISKS = ["unshare", "--user", "--map-root-user", "--mount"]


@functools.cache
def why_no_disks() -> str:
    """Why no disk can be mounted here; nothing where one can."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            command = [*OWN_DISKS, "mount", "-t", "tmpfs", "-o", "size=1m", "lifecast", folder]
            tried = subprocess.run(command, capture_output=True, text=True, timeout=60)
        except OSError as error:
            return str(error)
    return "" if tried.returncode == 0 else tried.stderr.strip() or "mount was refused"


def go_wrong(fault: str, writer: str, times: int, root: Path, folder: Path) -> None:
    command = [sys.executable, str(root / "tests" / "faults.py"), fault, writer, str(times), str(folder)]
    if fault in OF_DISKS:
        if why_no_disks():
            pytest.skip(f"no disk can be mounted here: {why_no_disks()}")
        command = [*OWN_DISKS, *command]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=1200)
    assert ended.returncode == 0, ended.stderr[-3000:]


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("fault", FAULTS)
def test_does_a_file(fault: str, writer: str, root: Path, tmp_path: Path) -> None:
    go_wrong(fault, writer, FEW, root, tmp_path)


@pytest.mark.slow
def test_do_hundreds(root: Path, tmp_path: Path, record: Callable[[str, Any], None]) -> None:
    survived = {}
    for fault in FAULTS:
        for writer in WRITERS:
            folder = tmp_path / fault / writer
            folder.mkdir(parents=True)
            times = MANY if fault in ("killed", "two at once") else SOME
            go_wrong(fault, writer, times, root, folder)
            survived[f"{fault}: {writer}"] = times
    record("faults", survived)


def test_is_a_folder_that_cannot_be_written_to_named_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lc.CLTV.from_parameters({"r": 0.2, "alpha": 4.0, "a": 0.8, "b": 2.4})
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(SettingsError, match="nothing may be written to"):
        model.save(tmp_path / "model.nc")
    tmp_path.chmod(stat.S_IRWXU)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("gigabytes", [1, 2])
def test_does_a_forecast_out_of_memory_leave_the_old_one(gigabytes: int, tmp_path: Path) -> None:
    out = tmp_path / "customers.parquet"
    out.write_bytes(b"the old one")
    code = f"""
import resource, lifecast as lc
rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30", past=False)
model = lc.CLTV(market=None).fit(rfm, method="map")
limit = {gigabytes} << 30
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
from lifecast.export import write_table
write_table(model.forecast(rfm, 5000, worlds=5000, chunk_size=2357).customers, {str(out)!r})
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert ended.returncode != 0
    assert out.read_bytes() == b"the old one"
    assert [path.name for path in tmp_path.iterdir()] == ["customers.parquet"]


@pytest.mark.parametrize("limit", ["1MB", "5MB", "12MB"])
def test_does_a_log_beyond_duckdbs_memory_leave_the_old_rfm(limit: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 700, 200_000), unit="D")
    log = pd.DataFrame({"customer_id": rng.integers(0, 100_000, day.size), "date": day, "amount": 1.0})
    log.to_parquet(tmp_path / "log.parquet")
    out = tmp_path / "rfm.parquet"
    out.write_bytes(b"the old one")
    with pytest.raises(lc.DataError, match=r"more memory than DuckDB may use\. Pass a larger memory_limit"):
        lc.rfm_summary(tmp_path / "log.parquet", to=out, memory_limit=limit)
    assert out.read_bytes() == b"the old one"
    assert {path.name for path in tmp_path.iterdir()} == {"log.parquet", "rfm.parquet"}
    assert len(lc.rfm_summary(tmp_path / "log.parquet", to=out, memory_limit="1GB")) > 80_000


@pytest.mark.skipif(os.name == "nt", reason="Windows ends processes without telling them")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_does_a_command_that_a_scheduler_ends_clear_away_what_it_wrote(name: str, tmp_path: Path) -> None:
    rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30", past=False)
    rfm.save(tmp_path / "rfm.parquet")
    lc.CLTV(market=None).fit(rfm, method="map").save(tmp_path / "model.nc")
    (tmp_path / "cltv.parquet").write_bytes(b"the old one")
    before = sorted(tmp_path.iterdir())
    code = f"""
import os, signal, sys
from lifecast import cli, parquet_forecast
def in_the_middle(*_):
    assert any(name.endswith(".part") for name in os.listdir("."))
    os.kill(os.getpid(), signal.{name})
parquet_forecast.check_unit = in_the_middle
sys.argv = "lifecast forecast rfm.parquet --model model.nc --horizon 10 --out cltv.parquet".split()
cli.main()
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, timeout=300)
    assert ended.returncode == 128 + getattr(signal, name), ended.stderr[-2000:]
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "cltv.parquet").read_bytes() == b"the old one"
