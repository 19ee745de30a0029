"""Do the commands take files to files, and give what the Python calls give?"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import lifecast as lc
from lifecast.cli import app

COLUMNS = {"customer_id": "Kunde [nr]", "date": "Tag", "amount": "Betrag"}
ODD = ["--customer", "Kunde [nr]", "--date", "Tag", "--amount", "Betrag", "--date-format", "%d.%m.%Y"]


def lifecast(*arguments: object) -> Result:
    """Run a command that is to succeed; warnings of lifecast are notes, all others errors."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    assert max(map(len, result.stdout.splitlines()), default=0) <= 100
    return result


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with CDNOW's sample as log.csv, odd.csv and log.parquet, its RFM, and a model."""
    folder = tmp_path_factory.mktemp("files")
    log = lc.datasets.load_cdnow(sample=True)
    log["margin"] = np.where(log["customer_id"] % 2, 0.5, 0.25)
    log.to_csv(folder / "log.csv", index=False)
    log.to_parquet(folder / "log.parquet", index=False)
    odd = log.assign(date=log["date"].dt.strftime("%d.%m.%Y")).rename(columns=COLUMNS)
    odd.to_csv(folder / "odd.csv", index=False)
    rfm = lc.rfm_summary(log, observation_end="1997-09-30", attributes=["margin"])
    rfm.save(folder / "rfm.parquet")
    lc.CLTV().fit(rfm, random_seed=1).save(folder / "model.nc")
    return folder


@pytest.mark.parametrize("log", ["log.csv", "log.parquet", "odd.csv"])
def test_does_rfm_summarise_any_log(files: Path, tmp_path: Path, log: str) -> None:
    out = tmp_path / "rfm.parquet"
    options = ["--observation-end", "1997-09-30", "--holdout-end", "1998-06-30", "--attribute", "margin"]
    result = lifecast("rfm", files / log, *(ODD if log == "odd.csv" else []), *options, "--out", out)
    rfm = lc.RFM.load(out)
    assert str(rfm.report) in result.stdout
    assert rfm.fingerprint() == lc.RFM.load(files / "rfm.parquet").fingerprint()
    assert list(rfm.attributes) == ["margin"]
    assert rfm.holdout is not None and rfm.holdout.duration == 39


def test_do_the_log_options_arrive(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "rfm.parquet"
    lifecast(
        *("rfm", files / "log.csv", "--time-unit", "30.5", "--merge-within", "14", "--returns", "drop"),
        *("--out", out),
    )
    made = lc.rfm_summary(files / "log.csv", time_unit=30.5, merge_within=14, returns="drop")
    assert lc.RFM.load(out).fingerprint() == made.fingerprint()


def test_does_fit_give_the_model_of_python_from_rfm_or_log(files: Path, tmp_path: Path) -> None:
    expected = lc.load(files / "model.nc").parameters
    result = lifecast("fit", files / "rfm.parquet", "--seed", 1, "--out", tmp_path / "a.nc")
    lifecast(
        *("fit", files / "odd.csv", *ODD, "--time-unit", "week", "--observation-end", "1997-09-30"),
        *("--seed", 1, "--out", tmp_path / "b.nc"),
    )
    for name in ("a.nc", "b.nc"):
        pd.testing.assert_frame_equal(lc.load(tmp_path / name).parameters, expected)
    for word in ("alpha", "k-hat", "passed", "a.nc"):
        assert word in result.stdout


def test_does_a_specification_say_how_to_fit_and_options_come_before_it(files: Path, tmp_path: Path) -> None:
    spec = tmp_path / "run.toml"
    spec.write_text(
        '[data]\nobservation_end = 1997-09-30\n[purchases]\npriors = "flat"\n[spend]\nfit_to = "means"\n'
        '[fit]\nmethod = "map"\nrandom_seed = 5\n[forecast]\nhorizon = 13\nworlds = 20\ninterval = 0.5\n',
        encoding="utf-8",
    )
    model, out = tmp_path / "model.nc", tmp_path / "customers.csv"
    lifecast("fit", files / "log.csv", "--spec", spec, "--seed", 6, "--out", model)
    fitted = lc.load(model)
    assert (fitted.purchases, fitted.spend) == (lc.BGNBD(priors="flat"), lc.GammaGamma(fit_to="means"))
    provenance = json.loads(fitted.posterior.attrs["provenance"])
    assert (provenance["method"], provenance["random_seed"]) == ("map", 6)
    assert provenance["observation_end"] == "1997-09-30"
    result = lifecast(
        *("forecast", files / "rfm.parquet", "--model", model, "--spec", spec, "--interval", 0.8),
        *("--out", out),
    )
    assert "next 13 weeks" in result.stdout
    assert "80% interval" in result.stdout


def test_does_forecast_write_what_python_gives(files: Path, tmp_path: Path) -> None:
    customers, portfolio = tmp_path / "customers.parquet", tmp_path / "portfolio.csv"
    result = lifecast(
        *("forecast", files / "rfm.parquet", "--model", files / "model.nc", "--horizon", "26"),
        *("--annual-discount-rate", 0.1, "--margin", "margin", "--interval", 0.8, "--worlds", 50),
        *("--seed", 3, "--out", customers, "--portfolio-out", portfolio),
    )
    rfm = lc.RFM.load(files / "rfm.parquet")
    expected = lc.load(files / "model.nc").forecast(
        rfm, 26, annual_discount_rate=0.1, margin="margin", interval=0.8, worlds=50, random_seed=3
    )
    written = pd.read_parquet(customers)
    pd.testing.assert_frame_equal(written, expected.customers)
    by_period = pd.read_csv(portfolio, parse_dates=["start", "end"])
    np.testing.assert_allclose(by_period["value_upper"], expected.portfolio["value_upper"])
    assert len(by_period) == 26
    best = written.nlargest(10, "cltv")["customer_id"]
    lines = result.stdout.splitlines()
    shown = [line.split()[0] for line in lines if line.split() and line.split()[0] in set(map(str, best))]
    assert shown == [str(customer) for customer in best]
    assert "80% interval" in result.stdout


def test_is_a_log_scored_in_the_models_unit(files: Path, tmp_path: Path) -> None:
    days, out = tmp_path / "days.nc", tmp_path / "customers.csv"
    lifecast("fit", files / "log.csv", "--time-unit", "day", "--method", "map", "--out", days)
    result = lifecast(
        *("forecast", files / "log.csv", "--model", days, "--horizon", "6 weeks", "--worlds", 5),
        *("--out", out),
    )
    assert "next 42 days" in result.stdout


def test_are_bare_tables_of_customers_fitted_and_scored(files: Path, tmp_path: Path) -> None:
    frame = lc.RFM.load(files / "rfm.parquet").to_frame()
    for number, rows in enumerate(np.array_split(np.arange(len(frame)), 2)):
        frame.iloc[rows].to_parquet(tmp_path / f"part-{number}.parquet", index=False)
    bare = tmp_path / "part-*.parquet"
    asked = ["--model", files / "model.nc", "--horizon", "10", "--worlds", "50", "--seed", "2"]
    lifecast("forecast", files / "rfm.parquet", *asked, "--out", tmp_path / "saved.parquet")
    lifecast("forecast", bare, *asked, "--out", tmp_path / "bare.parquet")
    expected, found = (pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("saved", "bare"))
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    lifecast("fit", bare, "--time-unit", "week", "--seed", "1", "--out", tmp_path / "bare.nc")
    assert lc.load(tmp_path / "bare.nc").time_unit.name == "week"
    lifecast("report", bare, *asked, "--out", tmp_path / "report.html")
    for options, message in (
        (("fit", bare, "--out", tmp_path / "b.nc"), "pass --time-unit"),
        (("forecast", bare, *asked, "--amount", "x", "--out", tmp_path / "b.csv"), "is an RFM already"),
        (("forecast", bare, *asked, "--out", tmp_path / "part-2.parquet"), "one of the files that are read"),
    ):
        refused = CliRunner().invoke(app, [str(option) for option in options])
        assert refused.exit_code == 2 and message in " ".join(refused.stderr.split())


def test_are_purchases_alone_modelled_where_there_are_no_amounts(files: Path, tmp_path: Path) -> None:
    log, model, out = tmp_path / "log.csv", tmp_path / "model.nc", tmp_path / "customers.csv"
    pd.read_csv(files / "log.csv").rename(columns={"amount": "betrag"}).to_csv(log, index=False)
    offered = "If it is one of 'betrag', 'margin', say so: amount= in Python, --amount on the command line."
    result = lifecast("rfm", log, "--out", tmp_path / "rfm.parquet")
    assert offered in " ".join(result.stdout.split())
    result = lifecast("fit", log, "--out", model)
    assert "purchases are modelled alone" in result.stderr and offered in " ".join(result.stderr.split())
    result = lifecast("forecast", log, "--model", model, "--horizon", 4, "--worlds", 5, "--out", out)
    assert "who will buy most" in result.stdout
    assert "cltv" not in pd.read_csv(out)


def test_is_a_warning_a_short_note(files: Path, tmp_path: Path) -> None:
    few = tmp_path / "few.csv"
    pd.read_csv(files / "log.csv").head(60).to_csv(few, index=False)
    result = lifecast("fit", few, "--method", "map", "--out", tmp_path / "few.nc")
    assert "Note: bg-nbd: repeat buyers" in result.stderr
    assert "LifecastWarning" not in result.stderr
    assert "FAILED" in result.stdout


@pytest.mark.parametrize("command", ["rfm", "fit", "forecast", "demo"])
def test_does_help_show_an_example(command: str) -> None:
    assert f"Example: lifecast {command}" in " ".join(lifecast(command, "--help").stdout.split())


def test_does_it_say_its_version() -> None:
    assert lifecast("--version").stdout == "lifecast 0.1.0\n"


def test_does_help_come_without_the_heavy_libraries() -> None:
    code = (
        "import sys; from lifecast.cli import main; sys.argv[1:] = ['--help']\n"
        "try: main()\n"
        "finally: print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "forecast" in done.stdout
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not {"pandas", "duckdb", "pyarrow", "matplotlib", "xarray", "pydantic", "pymc"} & loaded
