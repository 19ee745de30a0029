"""Does the plan command give what the Python calls give, and end politely on bad input?"""

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import lifecast as lc
from lifecast.cli import app


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop's log and costs as files, and a model with channels that was fitted to them."""
    place = tmp_path_factory.mktemp("plan")
    shop = lc.datasets.simulate_shop(customers=600, months=18, random_seed=1, season=0.0)
    shop.log[["customer_id", "date", "amount", "channel"]].to_csv(place / "log.csv", index=False)
    shop.costs.to_csv(place / "costs.csv", index=False)
    (place / "run.toml").write_text("market = false\n")
    fitted = run(
        "fit", place / "log.csv", "--groups", "channel", "--spec", place / "run.toml", "--draws", 200,
        "--out", place / "model.nc",
    )  # fmt: skip
    assert fitted.exit_code == 0, fitted.stderr
    return place


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)


def test_does_the_command_give_the_tables_of_python(folder: Path, tmp_path: Path) -> None:
    result = run(
        "plan", folder / "log.csv", "--model", folder / "model.nc", "--costs", folder / "costs.csv",
        "--budget", 50_000, "--margin", 0.3, "--worlds", 100, "--out", tmp_path / "plan",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert max(map(len, result.stdout.splitlines())) <= 100
    found = {file.stem: pd.read_csv(file) for file in (tmp_path / "plan").iterdir()}
    assert set(found) == {
        "customers", "segments", "rules", "cash_flow", "channels", "returns", "payback", "budget",
        "budget_by_month", "frontier",
    }  # fmt: skip
    model = lc.load(folder / "model.nc")
    costs = pd.read_csv(folder / "costs.csv")
    by_channel = lc.channels(
        model, costs, horizons=("30 days", "90 days", "365 days"), margin=0.3, annual_discount_rate=0.1,
        worlds=100,
    )  # fmt: skip
    pd.testing.assert_frame_equal(found["channels"], by_channel.table.reset_index(), check_dtype=False)
    plan = lc.allocate(by_channel, 50_000, costs)
    pd.testing.assert_frame_equal(found["budget"], plan.table.reset_index(), check_dtype=False)
    assert found["segments"]["customers"].sum() == len(found["customers"]) == 600
    for word in ("Segments", "partner A", "A budget of 50,000", "Profit"):
        assert word in result.stdout


def test_are_costs_left_out_where_there_are_none(folder: Path, tmp_path: Path) -> None:
    result = run(
        "plan", folder / "log.csv", "--model", folder / "model.nc", "--worlds", 50, "--out", tmp_path / "plan"
    )
    assert result.exit_code == 0, result.stderr
    files = {file.name for file in (tmp_path / "plan").iterdir()}
    assert files == {"customers.csv", "segments.csv", "rules.csv", "cash_flow.csv"}


def test_does_the_horizon_asked_for_say_what_a_channel_is_worth(folder: Path, tmp_path: Path) -> None:
    worth = {}
    for days in (30, 365):
        result = run(
            "plan", folder / "log.csv", "--model", folder / "model.nc", "--costs", folder / "costs.csv",
            "--horizon", f"{days} days", "--worlds", 20, "--out", tmp_path / "plan",
        )  # fmt: skip
        assert f"value, {days} days from the first purchase" in result.stdout
        worth[days] = pd.read_csv(tmp_path / "plan" / "channels.csv")["value"].sum()
    assert worth[30] < 0.8 * worth[365]


def test_is_a_channel_called_none_a_channel(folder: Path, tmp_path: Path) -> None:
    pd.read_csv(folder / "costs.csv").replace("social", "None").to_csv(tmp_path / "costs.csv")
    result = run(
        "plan", folder / "log.csv", "--model", folder / "model.nc", "--costs", tmp_path / "costs.csv",
        "--out", tmp_path / "plan",
    )  # fmt: skip
    assert result.exit_code == 2
    assert "'None', which the model has not seen" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--budget", "100"], "A budget needs the costs so far"),
        (["--costs", "costs.xlsx"], "needed a table of costs, .csv or .parquet"),
        (["--costs", "nowhere.csv"], "no such file"),
        (["--costs", "costs.csv", "--budget", "9", "--objective", "median"], "--objective median"),
    ],
)
def test_does_bad_input_end_politely(
    folder: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    out = tmp_path / "plan"
    arguments = [str(folder / "costs.csv") if each == "costs.csv" else each for each in arguments]
    result = run("plan", folder / "log.csv", "--model", folder / "model.nc", "--out", out, *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert not out.exists()
