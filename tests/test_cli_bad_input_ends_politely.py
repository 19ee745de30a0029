"""Does bad input end in one paragraph and exit code 2, with nothing written?"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import lifecast as lc
from lifecast.cli import app

CASES = {
    "no such log": ("rfm none.csv --out new.parquet", "none.csv"),
    "no such glob": ("rfm none-*.parquet --out new.parquet", "none-*.parquet"),
    "columns that cannot be guessed": ("rfm odd.csv --out new.parquet", "--customer"),
    "a column that is not there": ("rfm log.csv --amount price --out new.parquet", "--amount price"),
    "dates that cannot be read": (
        "rfm odd.csv --customer Kunde --date Tag --out new.parquet",
        "--date-format",
    ),
    "a unit that is none": ("rfm log.csv --time-unit fortnight --out new.parquet", "--time-unit"),
    "an end before the log": ("rfm log.csv --observation-end 1990-01-01 --out new.parquet", "--observation"),
    "no such folder": ("rfm log.csv --out no/new.parquet", "no folder no"),
    "an ending that is another": ("rfm log.csv --out new.csv", ".parquet"),
    "a folder in the way": ("rfm log.csv --out folder.parquet", "folder"),
    "an output over its input": ("rfm log.parquet --out log.parquet", "overwritten"),
    "a file that is no table": ("rfm noise.parquet --out new.parquet", "noise.parquet"),
    "no such model": ("forecast rfm.parquet --model none.nc --horizon 4 --out new.csv", "none.nc"),
    "a model that is none": ("forecast rfm.parquet --model log.csv --horizon 4 --out new.csv", "log.csv"),
    "no horizon": ("forecast rfm.parquet --model model.nc --out new.csv", "--horizon"),
    "a horizon that is none": (
        "forecast rfm.parquet --model model.nc --horizon soon --out new.csv",
        "--horizon",
    ),
    "an endless horizon undiscounted": (
        "forecast rfm.parquet --model model.nc --horizon infinite --out new.csv",
        "annual",
    ),
    "an attribute that is none": (
        "forecast rfm.parquet --model model.nc --horizon 4 --margin share --out new.csv",
        "--margin share",
    ),
    "another unit than the model's": (
        "forecast log.csv --model model.nc --time-unit day --horizon 4 --out new.csv",
        "week",
    ),
    "two outputs in one place": (
        "forecast rfm.parquet --model model.nc --horizon 4 --out new.csv --portfolio-out new.csv",
        "overwritten",
    ),
    "earlier forecasts of an RFM": (
        "report rfm.parquet --model model.nc --horizon 4 --past 13 --out new.html",
        "rfm.parquet is an RFM. Forecasts from earlier days (--past) need the log itself",
    ),
    "log options for an RFM": ("fit rfm.parquet --time-unit day --out new.nc", "RFM already"),
    "a method that is none": ("fit rfm.parquet --method guess --out new.nc", "--method guess"),
    "no such specification": ("fit rfm.parquet --spec none.toml --out new.nc", "none.toml"),
    "a key that is none": ("fit rfm.parquet --spec wrong.toml --out new.nc", "'drawz'"),
    "a specification of another RFM": ("fit rfm.parquet --spec days.toml --out new.nc", "day"),
    "nobody watched": ("fit today.csv --out new.nc", "nothing can be learned"),
    "a demo without a place": ("demo --out no/demo", "no/demo"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    log = lc.datasets.load_cdnow(sample=True)
    log.to_csv(folder / "log.csv", index=False)
    log.to_parquet(folder / "log.parquet")
    odd = log.assign(date=log["date"].dt.strftime("%d.%m.%Y"))
    odd.set_axis(["Kunde", "Tag", "Betrag"], axis="columns").to_csv(folder / "odd.csv", index=False)
    log.assign(date="1997-01-01").head(100).to_csv(folder / "today.csv", index=False)
    lc.rfm_summary(log, observation_end="1997-09-30").save(folder / "rfm.parquet")
    lc.CLTV.from_parameters(
        {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, {"p": 6.25, "q": 3.74, "v": 15.44}
    ).save(folder / "model.nc")
    (folder / "noise.parquet").write_bytes(np.random.default_rng(7).bytes(1000))
    (folder / "wrong.toml").write_text("[fit]\ndrawz = 3\n", encoding="utf-8")
    (folder / "days.toml").write_text('[data]\ntime_unit = "day"\n', encoding="utf-8")
    (folder / "folder.parquet").mkdir()
    return folder


def contents(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}


@pytest.mark.parametrize("case", CASES)
def test_is_it_one_paragraph_and_nothing_written(
    case: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, named = CASES[case]
    monkeypatch.chdir(folder)
    before = contents(folder)
    result = CliRunner().invoke(app, command.split(), catch_exceptions=False)
    assert result.exit_code == 2, result.stdout
    assert contents(folder) == before
    assert result.stdout == ""
    paragraph = result.stderr.strip()
    assert paragraph.startswith("Error: ")
    assert "\n\n" not in paragraph and "Traceback" not in paragraph
    assert len(paragraph) < 600 and max(map(len, paragraph.splitlines())) <= 100
    assert named in " ".join(paragraph.split())


def test_does_nothing_stay_behind_where_writing_fails(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(table: pd.DataFrame, path: Path, **options: object) -> None:
        Path(path).write_text("half", encoding="utf-8")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", fail)
    command = ["forecast", "rfm.parquet", "--model", "model.nc", "--horizon", "4", "--worlds", "5"]
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "customers.csv")])
    assert result.exit_code == 2
    assert "No space left" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_does_the_installed_command_end_so_too(folder: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lifecast"), "rfm", "none.csv", "--out", "new.parquet"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Error: 'none.csv'")
