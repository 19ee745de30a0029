"""Does a plan do what a log allows, and say what it leaves out: money, Excel, long sheets, measures?"""

import importlib.util
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import lifecast as lc
from lifecast.cli import app

PURCHASES = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
SPEND = {"p": 6.25, "q": 3.74, "v": 15.44}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five months of some of CDNOW's customers, with and without amounts, and a model for either."""
    place = tmp_path_factory.mktemp("shop")
    log = lc.datasets.load_cdnow(sample=True).query("customer_id < 3000 and date < '1997-06-01'")
    log = log.assign(email="c" + (log["customer_id"] // 30).astype(str) + "@shop.example")  # some share one
    log.to_csv(place / "log.csv", index=False)
    log.drop(columns="amount").to_csv(place / "purchases.csv", index=False)
    lc.rfm_summary(log).save(place / "rfm.parquet")
    lc.CLTV.from_parameters(PURCHASES, SPEND).save(place / "model.nc")
    lc.CLTV.from_parameters(PURCHASES).save(place / "purchases.nc")
    (place / "joined.toml").write_text(
        'new_customers = false\n[watch]\nsince = 1997-04-30\n[identity]\nkeys = ["email"]\n'
        'account = "customer_id"\n'
    )
    (place / "plain.toml").write_text("watch = false\nnew_customers = false\n")
    (place / "years.toml").write_text(
        'watch = false\nnew_customers = false\n[textbook]\nperiod = "2 years"\n'
    )
    return place


def plan(folder: Path, log: str, model: str, spec: str, out: Path, *further: object) -> Result:
    command = ["plan", folder / log, "--model", folder / model, "--spec", folder / spec, "--out", out]
    asked = ["--horizon", "8", "--worlds", "10", *further]
    return CliRunner().invoke(app, list(map(str, command + asked)), catch_exceptions=False)


def test_is_a_plan_of_purchases_alone_one_without_money(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec

    def without_excel(name: str, package: str | None = None) -> Any:
        return None if name == "openpyxl" else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without_excel)
    result = plan(folder, "purchases.csv", "purchases.nc", "joined.toml", tmp_path / "plan")
    assert result.exit_code == 0, result.stderr
    assert "no plan.xlsx: Excel needs openpyxl" in result.stderr
    names = {path.name for path in (tmp_path / "plan").iterdir()}
    assert not names & {"plan.xlsx", "elasticities.csv", "equity.csv", "textbook.csv"}
    assert "Accounts joined into people" in result.stdout
    assert "is worth" not in result.stdout and "equity" not in result.stdout
    watched = pd.read_csv(tmp_path / "plan" / "monitoring.csv")
    assert set(watched["measure"]) == {"purchases"}
    assert "A forecast from 1997-04-30 against what came" in result.stdout
    accounts = pd.read_csv(folder / "purchases.csv")["customer_id"].unique()
    people = pd.read_csv(tmp_path / "plan" / "customers.csv")
    assert len(people) == len(set(accounts // 30)) < len(accounts)


def test_are_tables_too_long_for_a_sheet_told(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lifecast.export.workbook.ROWS", 100)
    result = plan(folder, "log.csv", "model.nc", "plain.toml", tmp_path / "plan", "--returns", "refuse")
    assert result.exit_code == 0, result.stderr
    said = " ".join(result.stderr.split())
    assert "plan.xlsx is without customers: too many rows for a sheet." in said
    assert "No textbook measures: " in said  # five months are no two quarters
    sheets = pd.read_excel(tmp_path / "plan" / "plan.xlsx", sheet_name=None)
    files = {path.stem for path in (tmp_path / "plan").glob("*.csv")}
    assert set(sheets) == files - {"customers"} and "textbook" not in files


@pytest.mark.parametrize(
    ("log", "spec", "further", "message"),
    [
        ("rfm.parquet", "joined.toml", [], "it is too late to join its accounts"),
        ("*.csv", "joined.toml", [], "joining accounts needs the log in one file"),
        ("log.csv", "years.toml", [], "period"),
        ("log.csv", "plain.toml", ["--out", "log.csv"], "is a file. Choose a folder"),
    ],
)
def test_is_what_cannot_be_planned_refused(
    folder: Path, tmp_path: Path, log: str, spec: str, further: list[str], message: str
) -> None:
    out = [str(folder / each) if each.endswith(".csv") else each for each in further]
    result = plan(folder, log, "model.nc", spec, tmp_path / "plan", *out)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert not (tmp_path / "plan").exists()
