"""Does the backtest command give what the Python call gives, and end politely on bad input?"""

from pathlib import Path

import pandas as pd
import pytest
from shops import shop
from typer.testing import CliRunner, Result

import lifecast as lc
from lifecast.cli import app


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("backtest") / "log.csv"
    shop(500, 420, seed=3, channels=("web", "shop")).to_csv(path, index=False)
    return path


def backtest(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["backtest", *map(str, arguments)], catch_exceptions=False)


def test_does_the_command_give_the_tables_of_python(log: Path, tmp_path: Path) -> None:
    spec = tmp_path / "run.toml"
    spec.write_text('[data]\ntime_unit = "week"\n[purchases]\npriors = "weak"\n')
    out, groups, scores = (tmp_path / name for name in ("out.parquet", "groups.csv", "scores.parquet"))
    result = backtest(
        *(
            log,
            "--horizon",
            4,
            "--horizon",
            "2 months",
            "--origins",
            "2021-09-01, 2021-10-01",
            "--worlds",
            20,
        ),
        *("--groups", "channel", "--groups-out", groups, "--scores-out", scores, "--seed", 2, "--spec", spec),
        *("--out", out),
    )
    assert result.exit_code == 0, result.stderr
    assert max(map(len, result.stdout.splitlines())) <= 100
    expected = lc.backtest(
        str(log), origins=["2021-09-01", "2021-10-01"], horizons=[4, "2 months"], worlds=20, random_seed=2,
        groups="channel",
    )  # fmt: skip
    pd.testing.assert_frame_equal(pd.read_parquet(out), expected.portfolio, check_dtype=False)
    assert expected.groups is not None
    assert len(pd.read_csv(groups)) == len(expected.groups)
    pd.testing.assert_frame_equal(pd.read_parquet(scores), expected.scores, check_dtype=False)
    shown = "".join(result.stdout.split())  # long paths are wrapped
    for word in ("2origins", "textbook", "skill", "out.parquet"):
        assert word in shown


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--origins", "soon"], "--origins"),
        (["--origins", "0"], "--origins 0"),
        (["--horizon", "never"], "never"),
        (["--interval", "2"], "--interval"),
        (["--groups", "channel"], "--groups-out"),
        (["--groups", "colour", "--groups-out", "g.csv"], "colour"),
        (["--amount", "price"], "price"),
        (["--out", "none.txt"], "none.txt"),
    ],
)
def test_does_bad_input_end_politely(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = backtest(log, "--horizon", 4, "--out", "new.csv", *arguments)
    assert result.exit_code == 2
    assert word in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())
