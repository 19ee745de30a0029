"""Do damaged files lead to an error of ours or to an answer, and to nothing else?"""

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fuzzing import READERS

import lifecast as lc

FEW, MANY = 25, 1500


def fuzz(reader: str, seed: int, cases: int, root: Path, folder: Path) -> dict[str, int]:
    """Damage so many files of a kind in a process of its own; how many were read, how many refused."""
    command = [sys.executable, str(root / "tests" / "fuzzing.py"), reader, str(seed), str(cases), str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    assert ended.returncode == 0, f"{ended.returncode}: {ended.stderr[-3000:]}"
    counts: dict[str, int] = json.loads(ended.stdout.splitlines()[-1])
    return counts


@pytest.mark.parametrize("reader", READERS)
def test_do_a_few_damaged_files(reader: str, root: Path, tmp_path: Path) -> None:
    ended = fuzz(reader, 1, FEW, root, tmp_path)
    assert sum(ended.values()) == FEW
    assert ended["refused"] > 0
    if reader in ("model file", "RFM file", "Parquet log"):
        assert ended["refused"] >= FEW // 2  # bytes are not read as something else


@pytest.mark.slow
def test_do_thousands(root: Path, tmp_path: Path, record: Callable[[str, Any], None]) -> None:
    found = {reader: fuzz(reader, 2, MANY, root, tmp_path) for reader in READERS}
    record("fuzzing", found)
    assert all(sum(ended.values()) == MANY for ended in found.values())
    assert found["model file"]["read"] == 0  # a changed model is never taken for one


def test_is_a_column_whose_name_is_no_text_refused(tmp_path: Path) -> None:
    """The 1,391st of 1,500 damaged files: Arrow raises Python's own error for it."""
    path = tmp_path / "rfm.parquet"
    lc.rfm_summary(lc.datasets.load_cdnow(sample=True)).save(path)
    path.write_bytes(path.read_bytes().replace(b"recency", b"rec\xdancy"))
    for read in (lc.RFM.load, lc.ParquetRFM.open, lc.rfm_summary):
        with pytest.raises(lc.LifecastError):
            read(path)


DANGEROUS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "yaml"}
RUN = {"eval", "exec", "compile", "__import__"}


def test_is_nothing_unpickled_or_run(root: Path) -> None:
    found = []
    for path in (root / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name.partition(".")[0] for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [(node.module or "").partition(".")[0]]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RUN:
                names = [node.func.id]
            elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                names = (
                    ["allow_pickle"]
                    if not (isinstance(node.value, ast.Constant) and not node.value.value)
                    else []
                )
            elif isinstance(node, ast.keyword) and node.arg == "shell":
                names = ["shell"]
            found += [
                f"{path.name}:{node.lineno} {name}"
                for name in names
                if name in DANGEROUS | RUN | {"allow_pickle", "shell"}
            ]
    assert not found


def test_does_a_family_of_a_file_name_no_code(tmp_path: Path) -> None:
    with pytest.raises(lc.SettingsError, match="Unknown family"):
        lc.families.build({"family": "os:system"}, lc.families.PURCHASE_FAMILIES)


def test_does_a_customer_called_script_stay_text(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    log = lc.datasets.load_cdnow(sample=True)
    log["customer_id"] = (
        log["customer_id"].astype(str).where(log["customer_id"] != log["customer_id"][0], evil)
    )
    rfm = lc.rfm_summary(log, observation_end="1997-09-30", past=False)
    model = lc.CLTV(market=None).fit(rfm, method="map")
    forecast = model.forecast(rfm, 13, worlds=30)
    assert evil in forecast.customers["customer_id"].to_list()
    lc.report(forecast, tmp_path / "report.html", model=model)
    assert evil not in (tmp_path / "report.html").read_text(encoding="utf-8")
