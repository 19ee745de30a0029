"""Does the report command write the page that Python writes, and end politely on bad input?"""

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import lifecast as lc
from lifecast.cli import app
from lifecast.cli.channel_values import horizons_to


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop's log and costs as files, a model fitted to them and one with channels."""
    place = tmp_path_factory.mktemp("report")
    shop = lc.datasets.simulate_shop(customers=500, months=18, random_seed=1, season=0.0)
    shop.log[["customer_id", "date", "amount", "channel"]].to_csv(place / "log.csv", index=False)
    shop.costs.to_csv(place / "costs.csv", index=False)
    (place / "run.toml").write_text("market = false\n")
    settings = ["--spec", place / "run.toml", "--draws", 100]
    for out, more in (("model.nc", []), ("channels.nc", ["--groups", "channel"])):
        fitted = run("fit", place / "log.csv", *settings, *more, "--out", place / out)
        assert fitted.exit_code == 0, fitted.stderr
    return place


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)


def sections_of(file: Path) -> list[str]:
    return [part.partition('"')[0] for part in file.read_text(encoding="utf-8").split('<section id="')[1:]]


def test_does_the_command_write_the_page_of_python(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    result = run(
        "report", folder / "log.csv", "--model", folder / "channels.nc", "--horizon", "180 days", "--margin",
        0.3, "--worlds", 50, "--costs", folder / "costs.csv", "--budget", 50_000, "--title", "Ours",
        "--out", out,
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "report.html" in "".join(result.stdout.split())  # long paths are wrapped
    model = lc.load(folder / "channels.nc")
    rfm = lc.rfm_summary(folder / "log.csv", time_unit="week", attributes=["channel"])
    outlook = {"annual_discount_rate": 0.1, "margin": 0.3, "worlds": 50}
    forecast = model.forecast(rfm, "180 days", **outlook)
    costs = pd.read_csv(folder / "costs.csv")
    horizons = ("30 days", "90 days", "180 days")
    by_channel = lc.channels(model, costs, horizons=horizons, **outlook)
    lc.report(
        forecast, tmp_path / "python.html", model=model, segments=lc.segments(forecast),
        cash_flow=lc.cash_flow(forecast, "channel", per="month"), channels=by_channel,
        allocation=lc.allocate(by_channel, 50_000, costs), title="Ours",
    )  # fmt: skip
    assert out.read_bytes() == (tmp_path / "python.html").read_bytes()


PLAN = """
[forecast]
worlds = 50
horizon = "180 days"
margin = 0.3
[offer]
cost = 0.5
purchase_rate = 1.3
[scenario.loyal]
dropout = 0.8
[scenario."dearer, to some"]
average_order = 1.1
who = "channel=social"
[budget]
amount = 50_000
"""


def test_does_the_page_show_a_plans_scenarios_and_offer(folder: Path, tmp_path: Path) -> None:
    """Those of Python, with customers yet to come: as many as a year before, at the same cost."""
    out = tmp_path / "report.html"
    (tmp_path / "plan.toml").write_text(PLAN)
    result = run(
        "report", folder / "log.csv", "--model", folder / "channels.nc", "--costs", folder / "costs.csv",
        "--plan", tmp_path / "plan.toml", "--title", "Ours", "--out", out,
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    model, costs = lc.load(folder / "channels.nc"), pd.read_csv(folder / "costs.csv")
    rfm = lc.rfm_summary(folder / "log.csv", time_unit="week", attributes=["channel"])
    outlook = {"annual_discount_rate": 0.1, "margin": 0.3, "worlds": 50}
    forecast = model.forecast(rfm, "180 days", **outlook)
    by_channel = lc.channels(model, costs, horizons=("30 days", "90 days", "180 days"), **outlook)
    coming = costs.assign(start=pd.to_datetime(costs["start"]) + pd.DateOffset(years=1))
    coming = coming[coming["start"] > pd.Timestamp(rfm.observation_end)]
    offer = lc.treat(forecast, cost=0.5, effect={"purchase_rate": 1.3}, by="channel")
    lc.report(
        forecast, tmp_path / "python.html", model=model, segments=lc.segments(forecast),
        cash_flow=lc.cash_flow(forecast, "channel", per="month", new_customers=coming), channels=by_channel,
        allocation=lc.allocate(by_channel, 50_000, costs, retention=offer), offer=offer,
        scenarios={
            "loyal": lc.scenario(forecast, dropout=0.8, new_customers=coming),
            "dearer, to some": lc.scenario(
                forecast, average_order=1.1, who="channel=social", new_customers=coming
            ),
        },
        title="Ours",
    )  # fmt: skip
    assert {"scenarios", "offer", "budget"} <= set(sections_of(out))
    assert out.read_bytes() == (tmp_path / "python.html").read_bytes()


def test_are_past_forecasts_and_the_sources_of_uncertainty_asked_for(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    result = run(
        "report", folder / "log.csv", "--model", folder / "model.nc", "--worlds", 30, "--past", "90 days",
        "--origins", 2, "--uncertainty", "--out", out,
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert sections_of(out) == [
        "summary", "data", "diagnostics", "portfolio", "uncertainty", "segments", "customers", "cash-flow",
        "past-forecasts",
    ]  # fmt: skip
    assert "made again from 2 earlier days" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(("more", "ends"), [([], "2025-03-31"), (["--horizon", "8"], None)])
def test_is_the_forecast_held_against_what_came(
    folder: Path, tmp_path: Path, more: list[str], ends: str | None
) -> None:
    """As far as it reaches by default; with another horizon the sums cannot be compared."""
    out = tmp_path / "report.html"
    result = run(
        "report", folder / "log.csv", "--model", folder / "model.nc", "--worlds", 20, "--observation-end",
        "2024-12-31", "--holdout-end", "2025-03-31", "--out", out, *more,
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert ("holdout" in sections_of(out)) == (ends is not None)
    if ends is not None:
        assert f"The log goes on to {ends}, and the forecast did not see that" in out.read_text("utf-8")


@pytest.mark.parametrize("horizon", ["40", "2025-06-30", "infinite"])
def test_may_a_horizon_be_written_in_any_way(folder: Path, tmp_path: Path, horizon: str) -> None:
    result = run(
        "report", folder / "log.csv", "--model", folder / "channels.nc", "--horizon", horizon, "--worlds", 5,
        "--costs", folder / "costs.csv", "--out", tmp_path / "report.html",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "channels" in sections_of(tmp_path / "report.html")


@pytest.mark.parametrize(
    ("days", "horizons"),
    [
        (365.25, ("30 days", "90 days", "365 days")),
        (20.0, ("20 days",)),
        (float("inf"), ("30 days", "90 days", "365 days", "infinite")),
    ],
)
def test_do_channels_return_over_the_usual_times(days: float, horizons: tuple[str, ...]) -> None:
    assert horizons_to(days) == horizons


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--budget", "100"], "A budget needs the costs so far"),
        (["--costs", "nowhere.csv"], "no such file"),
        (["--plan", "nowhere.toml"], "nowhere.toml"),
        (["--out", "page.pdf"], "must end in .html"),
    ],
)
def test_does_bad_input_end_politely(
    folder: Path, tmp_path: Path, arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    out = tmp_path / "report.html"
    result = run("report", "log.csv", "--model", "model.nc", "--out", out, *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert not out.exists()
