"""Do commands print JSON or nothing where asked, read and write standard streams, and complete in a shell?"""

import io
import json
import shlex
import subprocess
import sys
import warnings
from pathlib import Path

import duckdb
import numpy as np
import openpyxl
import pandas as pd
import pytest
import sqlalchemy as sa
from typer.main import get_command
from typer.testing import CliRunner, Result

import lifecast as lc
from lifecast.cli import app, session
from lifecast.cli.messages import as_options, options_of
from lifecast.cli.session import as_plain

COMMANDS = get_command(app).commands
PROGRAM = Path(sys.executable).with_name("lifecast")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CDNOW's sample to the end of September 1997 and all of it, an RFM, a model, kept forecasts."""
    folder = tmp_path_factory.mktemp("shop")
    log = lc.datasets.load_cdnow(sample=True)
    log.to_csv(folder / "later.csv", index=False)
    log[log["date"] <= "1997-09-30"].to_csv(folder / "log.csv", index=False)
    rfm = lc.rfm_summary(log, observation_end="1997-09-30")
    rfm.save(folder / "rfm.parquet")
    model = lc.CLTV().fit(rfm, random_seed=1, draws=200)
    model.save(folder / "model.nc")
    model.forecast(rfm, 39, worlds=200, random_seed=1).save(folder / "autumn.nc")
    model.without_market().forecast(rfm, 39, worlds=500, random_seed=1).save(folder / "textbook.nc")
    return folder


def lifecast(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: str, given: bytes | None = None, code: int = 0
) -> Result:
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(app, shlex.split(command), input=given, catch_exceptions=False)
    assert result.exit_code == code, result.stderr
    return result


RUNS = {
    "rfm": "rfm log.csv --out {out}/rfm.parquet",
    "fit": "fit rfm.parquet --draws 50 --out {out}/model.nc",
    "forecast": "forecast rfm.parquet --model model.nc --horizon 4 --worlds 20 --out {out}/cltv.csv",
    "backtest": "backtest later.csv --horizon 13 --origins 2 --worlds 20 --out {out}/errors.csv",
    "plan": "plan rfm.parquet --model model.nc --horizon 4 --worlds 20 --out {out}/plan",
    "report": "report rfm.parquet --model model.nc --horizon 4 --worlds 20 --out {out}/report.html",
    "monitor": "monitor autumn.nc later.csv --every 13 --out {out}/watched.csv",
    "sql": "sql --model model.nc --horizon 4 --out {out}/cltv.sql",
    "demo": "demo --worlds 20 --out {out}/demo",
}


def test_is_every_command_tried() -> None:
    assert set(RUNS) == set(COMMANDS)


@pytest.mark.parametrize("name", [name for name in RUNS if name != "demo"])
def test_is_json_all_that_is_printed(
    name: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = lifecast(folder, monkeypatch, RUNS[name].format(out=tmp_path) + " --json")
    said = json.loads(result.stdout)
    assert said["wrote"] and all(Path(path).is_file() for path in said["wrote"])


@pytest.mark.parametrize("name", ["rfm", "forecast", "monitor", "sql"])
def test_is_quiet_quiet(name: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for switch in ("--quiet", "-q"):
        result = lifecast(folder, monkeypatch, f"{RUNS[name].format(out=tmp_path)} {switch}")
        assert result.stdout == "" and any(tmp_path.iterdir())
    assert lifecast(folder, monkeypatch, RUNS[name].format(out=tmp_path)).stdout != ""
    failed = lifecast(folder, monkeypatch, "rfm none.csv --quiet --out a.parquet", code=2)
    assert failed.stderr.startswith("Error: ")


def test_does_json_say_what_python_says(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = lifecast(folder, monkeypatch, RUNS["forecast"].format(out=tmp_path) + " --json")
    said = json.loads(told.stdout)
    forecast = lc.load(folder / "model.nc").forecast(lc.RFM.load(folder / "rfm.parquet"), 4, worlds=20)
    assert {row["measure"]: row["mean"] for row in said["total"]} == forecast.total["mean"].to_dict()
    assert said["observation_end"] == "1997-09-30" and said["customers"] == 2357
    fitted = json.loads(lifecast(folder, monkeypatch, RUNS["fit"].format(out=tmp_path) + " --json").stdout)
    assert {row["parameter"] for row in fitted["parameters"]} == {"r", "alpha", "a", "b", "p", "q", "v"}
    assert fitted["passed"] is True


def test_is_what_json_cannot_say_null() -> None:
    table = pd.DataFrame(
        {
            "day": [pd.Timestamp("2024-05-01"), pd.NaT],
            "count": pd.array([1, None], dtype="Int64"),
            "share": [np.float64(0.5), np.inf],
        }
    )
    said = as_plain({"table": table, "number": np.int64(3), "several": (np.float32(0.5), None)})
    rows = [
        {"day": "2024-05-01 00:00:00", "count": 1, "share": 0.5},
        {"day": None, "count": None, "share": None},
    ]
    assert json.loads(json.dumps(said, allow_nan=False)) == {
        "table": rows,
        "number": 3,
        "several": [0.5, None],
    }


def test_is_a_parquet_file_kept_off_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    with pytest.raises(lc.SettingsError, match="cannot be shown on the screen"):
        session.check_out("-", (".parquet",), binary=True)


def test_are_warnings_of_other_libraries_left_as_they_are(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = lc.load(folder / "model.nc")

    def load(path: str) -> lc.CLTV:
        warnings.warn("an old array", DeprecationWarning, stacklevel=1)
        return loaded

    monkeypatch.setattr(lc.CLTV, "load", load)
    with pytest.warns(DeprecationWarning, match="an old array"):
        told = lifecast(folder, monkeypatch, f"sql --model model.nc --horizon 4 --out {tmp_path}/a.sql")
    assert "an old array" not in told.stderr


def test_do_commands_pipe(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = (folder / "log.csv").read_bytes()
    summary = lifecast(folder, monkeypatch, "rfm - --observation-end 1997-09-30 --out -", given=log)
    assert "lines" in summary.stderr and summary.stdout_bytes.startswith(b"PAR1")
    (tmp_path / "piped.parquet").write_bytes(summary.stdout_bytes)
    assert (
        lc.RFM.load(tmp_path / "piped.parquet").fingerprint()
        == lc.RFM.load(folder / "rfm.parquet").fingerprint()
    )
    for given in (summary.stdout_bytes, log):  # an RFM, and a log
        end = "" if given is not log else "--observation-end 1997-09-30"
        scored = lifecast(
            folder,
            monkeypatch,
            f"forecast - --model model.nc --horizon 4 --worlds 20 --out - {end}",
            given=given,
        )
        table = pd.read_csv(io.BytesIO(scored.stdout_bytes))
        expected = lc.load(folder / "model.nc").forecast(lc.RFM.load(folder / "rfm.parquet"), 4, worlds=20)
        np.testing.assert_allclose(table["cltv"], expected.customers["cltv"], rtol=1e-12)
    lifecast(folder, monkeypatch, f"fit - --draws 20 --out {tmp_path}/m.nc", given=summary.stdout_bytes)
    empty = lifecast(folder, monkeypatch, f"rfm - --out {tmp_path}/e.parquet", given=b"", code=2)
    assert "nothing on standard input" in empty.stderr


def test_does_a_shells_pipe_work(folder: Path) -> None:
    line = (
        f"{PROGRAM} rfm - --out - --quiet < log.csv | {PROGRAM} forecast - --model model.nc --horizon 4 "
        "--worlds 5 --out - --quiet | head -2"
    )
    done = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True)
    assert done.stdout.splitlines()[0].startswith("customer_id,p_alive"), done.stderr
    assert len(done.stdout.splitlines()) == 2


def test_do_forecasts_go_into_workbooks_and_databases(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = "forecast rfm.parquet --model model.nc --horizon 4 --worlds 20"
    lifecast(folder, monkeypatch, f"{run} --out {tmp_path}/a.xlsx --portfolio-out {tmp_path}/p.csv")
    assert openpyxl.load_workbook(tmp_path / "a.xlsx").sheetnames == [
        "customers",
        "portfolio",
        "total",
        "about",
    ]
    assert len(pd.read_csv(tmp_path / "p.csv")) == 4
    address = f"sqlite:///{tmp_path}/shop.db"
    for _ in range(2):
        wrote = lifecast(folder, monkeypatch, f"{run} --out {address} --table cltv --if-exists append --json")
        assert json.loads(wrote.stdout)["wrote"] == [address]
    engine = sa.create_engine(address)
    assert len(pd.read_sql("select * from cltv_customers", engine)) == 2 * 2357
    engine.dispose()
    refused = lifecast(
        folder,
        monkeypatch,
        f"{run} --out postgresql://ann:hunter2@127.0.0.1:1/shop?connect_timeout=1",
        code=2,
    )
    assert "hunter2" not in refused.stderr and "ann:***@127.0.0.1" in refused.stderr
    wrong = lifecast(folder, monkeypatch, f"{run} --out {address} --if-exists overwrite", code=2)
    assert "--if-exists overwrite" in wrong.stderr


def test_is_a_kept_forecast_watched(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = "forecast rfm.parquet --model model.nc --horizon 39 --worlds 200 --seed 1"
    lifecast(folder, monkeypatch, f"{run} --out {tmp_path}/c.csv --save {tmp_path}/kept.nc")
    found = lifecast(
        folder, monkeypatch, f"monitor {tmp_path}/kept.nc later.csv --every 3 --out {tmp_path}/w.csv"
    )
    assert "No alarm" in found.stdout and "held" in found.stdout
    assert "Purchases since 1997-09-30 of the 2,357 customers of the forecast" in found.stdout
    expected = lc.monitor(lc.load_forecast(folder / "autumn.nc"), folder / "later.csv", every=3)
    watched = pd.read_csv(tmp_path / "w.csv")
    np.testing.assert_allclose(watched["p_value"], expected.table["p_value"])
    # The textbook's intervals are too narrow: reality leaves them.
    for switch, code in (("", 0), ("--fail-on-drift", 1)):
        alarmed = lifecast(
            folder, monkeypatch, f"monitor textbook.nc later.csv --every 3 {switch}", code=code
        )
        assert "ALARM since period" in alarmed.stdout
    told = lifecast(
        folder, monkeypatch, "monitor textbook.nc later.csv --every 3 --json --fail-on-drift", code=1
    )
    assert json.loads(told.stdout)["alarm"] is True
    nothing = lifecast(folder, monkeypatch, "monitor autumn.nc log.csv", code=2)
    assert "nothing has come yet" in nothing.stderr


def test_are_columns_that_the_model_needs_read_from_the_log_unasked(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = pd.read_csv(folder / "log.csv")
    log.assign(channel=np.where(log["customer_id"] % 2, "web", "mail")).to_csv(
        tmp_path / "log.csv", index=False
    )
    (tmp_path / "run.toml").write_text(
        'spend = false\nmarket = false\n[purchases]\ngroups = "channel"\n', encoding="utf-8"
    )
    lifecast(tmp_path, monkeypatch, "fit log.csv --spec run.toml --draws 20 --out model.nc")
    lifecast(tmp_path, monkeypatch, "forecast log.csv --model model.nc --horizon 4 --worlds 5 --out cltv.csv")
    assert len(pd.read_csv(tmp_path / "cltv.csv")) == log["customer_id"].nunique()


def test_is_the_query_ready_to_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = "sql --model model.nc --horizon '39 weeks' --table customers"
    query = lifecast(folder, monkeypatch, run).stdout
    assert json.loads(lifecast(folder, monkeypatch, f"{run} --json").stdout)["sql"] == query
    customers = lc.RFM.load(folder / "rfm.parquet").to_frame()
    with duckdb.connect() as connection:
        connection.register("customers", customers)
        assert len(connection.sql(query).df()) == len(customers)


@pytest.mark.parametrize("name", COMMANDS)
def test_has_every_command_an_example_that_it_understands(name: str) -> None:
    command = COMMANDS[name]
    assert command.epilog.startswith(f"Example: lifecast {name} ")
    words = shlex.split(command.epilog.removeprefix("Example: "))[2:]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known
    assert command.make_context(name, words).command is command


def test_do_specifications_say_how_to_watch_and_report(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run.toml").write_text(
        '[data]\nmerge_within = "week"\n[forecast]\nhorizon = 6\nworlds = 20\nmargin = 0.5\n',
        encoding="utf-8",
    )
    refused = lifecast(folder, monkeypatch, f"monitor autumn.nc later.csv --spec {tmp_path}/run.toml", code=2)
    said = " ".join(refused.stderr.split())
    assert "counted in another way" in said and "Pass --merge-within and --returns" in said
    lifecast(
        folder, monkeypatch, f"monitor autumn.nc later.csv --spec {tmp_path}/run.toml --merge-within day -q"
    )
    run = f"report rfm.parquet --model model.nc --spec {tmp_path}/run.toml --out {tmp_path}/r.html --json"
    total = {row["measure"]: row for row in json.loads(lifecast(folder, monkeypatch, run).stdout)["total"]}
    forecast = lc.load(folder / "model.nc").forecast(
        lc.RFM.load(folder / "rfm.parquet"), 6, worlds=20, margin=0.5, annual_discount_rate=0.1
    )
    assert total["value"]["mean"] == forecast.total.loc["value", "mean"]


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"demo", "sql"}))
def test_takes_every_command_that_reads_a_log_a_specification(name: str) -> None:
    assert "spec" in {parameter.name for parameter in COMMANDS[name].params}


def test_do_shells_complete() -> None:
    def complete(shell: str, words: str) -> str:
        environment = {
            "_LIFECAST_COMPLETE": f"complete_{shell}",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split(" ")) - 1),
            "PATH": str(PROGRAM.parent),
        }
        done = subprocess.run([PROGRAM], env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    assert {"forecast", "fit"} == set(complete("bash", "lifecast f").split())
    assert "--annual-discount-rate" in complete("bash", "lifecast forecast --ann")
    assert complete("bash", "lifecast fit --purchases pareto").split() == ["pareto-nbd"]
    shown = subprocess.run(
        [PROGRAM],
        env={"_LIFECAST_COMPLETE": "source_zsh", "PATH": str(PROGRAM.parent)},
        capture_output=True,
        text=True,
    )
    assert "compdef" in shown.stdout


MESSAGES = {
    "Pass customer_id=; or time_unit='day', random_seed=3, update=4.": (
        "Pass --customer; or --time-unit day, --seed 3, update=4."
    ),
    'horizon=inf: needed less. Use method="nuts".': '--horizon inf: needed less. Use method="nuts".',
    "Pass attributes=['age', 'my channel'] to rfm_summary.": (
        "Pass --attribute age --attribute 'my channel' to lifecast rfm."
    ),
    "Pass merge_within= and returns= as to rfm_summary for it.": (
        "Pass --merge-within and --returns as to lifecast rfm for it."
    ),
    "Use CLTV(spend=None), or rfm_summary(log, time_unit='day').": (
        "Use spend = false in a specification (--spec), or rfm_summary(log, time_unit='day')."
    ),
    'Use GammaGamma(fit_to="means").': 'Use a specification (--spec) with fit_to="means" under [spend].',
    "observation_end=1990-01-01: none.": "--observation-end 1990-01-01: none.",
    "date_format='%d/%m/%Y' and e=mc2 and my.horizon=3": "--date-format %d/%m/%Y and e=mc2 and my.horizon=3",
}


@pytest.mark.parametrize("python", MESSAGES)
def test_do_messages_name_options_of_the_command_or_pythons_arguments(python: str) -> None:
    assert as_options(python, options_of(COMMANDS["forecast"])) == MESSAGES[python]


def test_do_messages_differ_by_command(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "worlds=0 and draws=0"
    assert as_options(text, options_of(COMMANDS["fit"])) == "worlds=0 and --draws 0"
    assert as_options(text, options_of(COMMANDS["forecast"])) == "--worlds 0 and draws=0"
    told = lifecast(folder, monkeypatch, "monitor autumn.nc later.csv --every 0", code=2)
    assert "--every 0: needed" in told.stderr
