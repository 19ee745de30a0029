"""Does the demo run from end to end, and own up to what it misses?"""

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import lifecast as lc
from lifecast.cli import app


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "demo-output"


@pytest.fixture(scope="module")
def shown(out: Path) -> Result:
    arguments = ["demo", "--out", str(out), "--worlds", "100"]
    result = CliRunner(env={"COLUMNS": "80"}).invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result


def test_are_its_files_whole(shown: Result, out: Path) -> None:
    names = {"rfm.parquet", "model.nc", "customers.parquet", "portfolio.csv", "portfolio.png"}
    assert {path.name for path in out.iterdir()} == names
    assert len(lc.RFM.load(out / "rfm.parquet")) == 23_570
    assert lc.load(out / "model.nc").diagnostics["passed"].all()
    assert (out / "portfolio.png").read_bytes().startswith(b"\x89PNG")
    portfolio = pd.read_csv(out / "portfolio.csv")
    assert len(portfolio) == 39
    # CDNOW, full log: purchases (customer-days) from 1997-10-01 to 1998-06-30, and what they came to.
    log = lc.datasets.load_cdnow().query("date > '1997-09-30'")
    assert portfolio["purchases_actual"].sum() == len(log.drop_duplicates(["customer_id", "date"])) == 19_684
    assert portfolio["value_actual"].sum() == pytest.approx(log["amount"].sum())
    customers = pd.read_parquet(out / "customers.parquet").set_index("customer_id")
    spent = log.groupby("customer_id")["amount"].sum().reindex(customers.index, fill_value=0.0)
    pd.testing.assert_series_equal(customers["value_actual"], spent, check_names=False)


def test_does_it_fit_80_columns(shown: Result) -> None:
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert "…" not in shown.stdout


def test_does_it_say_what_it_misses(shown: Result, out: Path) -> None:
    text = " ".join(shown.stdout.split())
    assert "23,570 customers" in text
    lines = [line.split() for line in shown.stdout.splitlines()]
    (purchases,) = [line for line in lines if line[:1] == ["purchases"] and line[-1] in ("held", "MISSED")]
    (value,) = [line for line in lines if line[:1] == ["value"] and line[-1] in ("held", "MISSED")]
    assert "19,684" in purchases
    missed = [row[0] for row in (purchases, value) if row[-1] == "MISSED"]
    assert ("The interval misses the real " + " and ".join(missed) in text) == bool(missed)


def test_does_it_own_up_where_an_interval_misses(tmp_path: Path) -> None:
    (tmp_path / "portfolio.csv").write_text("of the last run")
    arguments = ["demo", "--out", str(tmp_path), "--worlds", "2"]  # two futures hold next to nothing
    result = CliRunner(env={"COLUMNS": "80"}).invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    assert "MISSED" in result.stdout
    assert "The interval misses the real" in " ".join(result.stdout.split())
    assert len(pd.read_csv(tmp_path / "portfolio.csv")) == 39


def test_are_the_ten_of_highest_cltv_shown_with_what_they_spent(shown: Result, out: Path) -> None:
    best = pd.read_parquet(out / "customers.parquet").nlargest(10, "cltv")
    rows = [line.split() for line in shown.stdout.splitlines() if line.split()[-1:] in (["held"], ["MISSED"])]
    assert [row[0] for row in rows[:10]] == [str(customer) for customer in best["customer_id"]]
    held = best["value_actual"].between(best["cltv_lower"], best["cltv_upper"])
    assert [row[-1] == "held" for row in rows[:10]] == list(held)
