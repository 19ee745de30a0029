"""Can the name of a channel, a scenario or a file lead a file out of the folder that it was meant for?"""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import lifecast as lc
from lifecast.cli import app
from lifecast.export import write_table, write_workbook
from lifecast.export.files import check_new_folder
from lifecast.saved_forecast import save_forecast

HOSTILE = ["../../x", "/tmp/lifecast-x", "a/b", "..", "x" * 300, "con:", "nul\0byte", "a\nb", "$(touch x)"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log whose channels have such names, its costs, a plan with such scenarios, and a model, as files."""
    folder = tmp_path_factory.mktemp("names")
    log = lc.datasets.load_cdnow(sample=True)
    named = [name.replace("\0", "0") for name in HOSTILE]  # a CSV file has no NUL
    log["../../channel"] = [named[customer % len(named)] for customer in log["customer_id"]]
    log.to_csv(folder / "log.csv", index=False)
    first = log.drop_duplicates("customer_id")["../../channel"].value_counts()
    costs = pd.DataFrame({"channel": first.index, "start": "1997-01-01", "end": "1997-03-31"})
    costs.assign(cost=1000.0, new_customers=first.to_numpy()).to_csv(folder / "costs.csv", index=False)
    plan = "watch = false\nnew_customers = false\n"
    plan += "".join(f"[scenario.{quoted(name)}]\npurchase_rate = 1.1\n" for name in named[:3])
    (folder / "plan.toml").write_text(plan)
    rfm = lc.rfm_summary(log, observation_end="1997-09-30", attributes=["../../channel"], past=False)
    model = lc.CLTV(lc.BGNBD(groups="../../channel"), market=None)
    model.fit(rfm, draws=50, random_seed=1).save(folder / "model.nc")
    return folder


def quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.filterwarnings("ignore::lifecast.LifecastWarning")
def test_does_a_plan_write_into_its_folder_alone_whatever_things_are_called(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = files(place)
    out = tmp_path / "a" / "b" / "plan"
    arguments = [
        "plan", place / "log.csv", "--model", place / "model.nc", "--costs", place / "costs.csv", "--spec",
        place / "plan.toml", "--observation-end", "1997-09-30", "--worlds", 10, "--out", out,
    ]  # fmt: skip
    result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    written = files(tmp_path)
    assert {path.parent for path in written} == {out.relative_to(tmp_path)}
    assert all(path.stem.isidentifier() and path.suffix in (".csv", ".xlsx") for path in written)
    assert files(place) == before and not Path("/tmp/lifecast-x").exists()
    assert set(pd.read_csv(out / "scenarios.csv")["name"]) == set(HOSTILE[:3])
    assert set(HOSTILE[:5]) <= set(pd.read_csv(out / "channels.csv")["../../channel"])


def test_do_a_workbooks_sheets_stay_in_it(tmp_path: Path) -> None:
    write_workbook({name: pd.DataFrame({name: [name]}) for name in HOSTILE}, tmp_path / "book.xlsx")
    assert files(tmp_path) == {Path("book.xlsx")}
    assert len(pd.read_excel(tmp_path / "book.xlsx", sheet_name=None)) == len(HOSTILE)


@pytest.fixture(scope="module")
def writers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Callable[[Path], object]]:
    rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30", past=False)
    model = lc.CLTV(market=None).fit(rfm, method="map")
    forecast = model.forecast(rfm, 4, worlds=10)
    rfm.save(saved := tmp_path_factory.mktemp("rfm") / "rfm.parquet")
    on_disk = lc.ParquetRFM.open(saved)
    return {
        ".parquet": rfm.save,
        ".nc": model.save,
        ".csv": lambda path: write_table(rfm.to_frame(), path),
        ".xlsx": forecast.export,
        ".html": lambda path: lc.report(forecast, path, model=model),
        "kept.nc": lambda path: save_forecast(forecast, path),
        "parts.parquet": lambda path: model.forecast(on_disk, 4, worlds=10, to=path),
    }


@pytest.mark.parametrize("name", ["x" * 300, "nul\0byte", "half\ud800"])
def test_is_a_name_that_no_file_can_have_refused_with_nothing_left_behind(
    name: str, writers: dict[str, Callable[[Path], object]], tmp_path: Path
) -> None:
    for ending, write in writers.items():
        with pytest.raises(lc.SettingsError, match=r"cannot be written: .*Choose another name"):
            write(tmp_path / (name + ending))
    with pytest.raises(lc.SettingsError, match=r"cannot be written: .*Choose another name"):
        check_new_folder(tmp_path / name / "plan")
    assert not list(tmp_path.iterdir())


def test_is_it_refused_before_the_work(place: Path, tmp_path: Path) -> None:
    for command, ending in (("plan", ""), ("forecast", ".csv"), ("report", ".html")):
        out = tmp_path / ("x" * 300 + ending)
        arguments = [command, tmp_path / "no.csv", "--model", tmp_path / "no.nc", "--out", out]
        result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
        assert result.exit_code != 0 and "Choose another name" in " ".join(result.stderr.split())
