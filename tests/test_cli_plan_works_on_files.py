"""Does the plan command give what the Python calls give, and end politely on bad input?"""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import lifecast as lc
from lifecast.cli import app
from lifecast.cli.channel_values import read_costs
from lifecast.errors import DataError
from lifecast.simulated_shop import DEFAULT_CHANNELS
from lifecast.transactions import read_table

CUSTOMERS = 400


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop's log and costs as files, and a model with channels that was fitted to them."""
    place = tmp_path_factory.mktemp("plan")
    shop = lc.datasets.simulate_shop(
        customers=CUSTOMERS, months=18, channels=DEFAULT_CHANNELS[:5], random_seed=1, season=0.0
    )
    shop.log[["customer_id", "date", "amount", "channel"]].to_csv(place / "log.csv", index=False)
    shop.costs.to_csv(place / "costs.csv", index=False)
    shop.costs.assign(start=shop.costs["start"].dt.strftime("01/%m/%Y")).to_csv(place / "days_first.csv")
    shop.costs.drop(columns="start").groupby("channel").sum().to_csv(place / "no_months.csv")
    shop.log.to_csv(place / "accounts.csv", index=False, sep=";")
    shop.identities.drop(columns="customer_id").to_csv(place / "people.csv", index=False)
    (place / "run.toml").write_text("market = false\n")
    (place / "quick.toml").write_text("watch = false\nnew_customers = false\nworkbook = false\n")
    fitted = run(
        "fit", place / "log.csv", "--groups", "channel", "--spec", place / "run.toml", "--draws", 200,
        "--out", place / "model.nc",
    )  # fmt: skip
    assert fitted.exit_code == 0, fitted.stderr
    return place


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)


EVERYTHING = {
    "customers", "segments", "rules", "cash_flow", "equity", "elasticities", "cohorts", "cohort_summary",
    "retention", "second_purchase", "textbook", "lift", "monitoring",
}  # fmt: skip
OF_CHANNELS = {
    "channels", "returns", "payback", "budget", "budget_total", "budget_by_month", "frontier",
}  # fmt: skip


def tables_in(folder: Path) -> dict[str, pd.DataFrame]:
    return {file.stem: pd.read_csv(file) for file in folder.glob("*.csv")}


def test_does_the_command_give_the_tables_of_python(folder: Path, tmp_path: Path) -> None:
    result = run(
        "plan", folder / "log.csv", "--model", folder / "model.nc", "--costs", folder / "costs.csv",
        "--budget", 50_000, "--margin", 0.3, "--worlds", 40, "--out", tmp_path / "plan",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert max(map(len, result.stdout.splitlines())) <= 100
    found = tables_in(tmp_path / "plan")
    assert set(found) == EVERYTHING | OF_CHANNELS
    model = lc.load(folder / "model.nc")
    costs = pd.read_csv(folder / "costs.csv")
    by_channel = lc.channels(
        model, costs, horizons=("30 days", "90 days", "365 days"), margin=0.3, annual_discount_rate=0.1,
        worlds=40,
    )  # fmt: skip
    pd.testing.assert_frame_equal(found["channels"], by_channel.table.reset_index(), check_dtype=False)
    plan = lc.allocate(by_channel, 50_000, costs)
    pd.testing.assert_frame_equal(found["budget"], plan.table.reset_index(), check_dtype=False)
    assert found["segments"]["customers"].sum() == len(found["customers"]) == CUSTOMERS
    assert "Wrote plan.xlsx, customers.csv" in " ".join(result.stdout.split())
    for word in ("Segments", "partner A", "A budget of 50,000", "Profit", "no alarm"):
        assert word in " ".join(result.stdout.split())

    rfm = lc.rfm_summary(folder / "log.csv", time_unit="week", attributes=["channel"])
    outlook = {"annual_discount_rate": 0.1, "margin": 0.3, "worlds": 40}
    forecast = model.forecast(rfm, "365 days", **outlook)
    months, total = found["cash_flow"], forecast.total.loc["value", "mean"]
    existing = months[(months["group"] == "all") & (months["customers"] == "existing")]
    assert existing["value"].sum() == pytest.approx(total) and len(existing) == 12
    a_year_before = costs[pd.to_datetime(costs["start"]).dt.date >= dt.date(2023, 7, 1)]
    coming = months[(months["group"] == "all") & (months["customers"] == "new")]["cost"].sum()
    one_day_more = a_year_before.loc[a_year_before["start"] == "2024-06-01", "cost"].sum() / 31
    assert coming == pytest.approx(a_year_before["cost"].sum() - one_day_more)
    measures = found["textbook"].set_index(["channel", "measure"])["value"]
    search = costs[costs["channel"] == "search"]
    assert measures["search", "cac"] == pytest.approx(search["cost"].sum() / search["new_customers"].sum())
    assert measures["all", "customers"] == CUSTOMERS
    watched = found["monitoring"].query("measure == 'purchases'")["actual"]
    log = pd.read_csv(folder / "log.csv", parse_dates=["date"]).drop_duplicates(["customer_id", "date"])
    since = pd.to_datetime(found["monitoring"]["start"].iloc[0])
    known = log.groupby("customer_id")["date"].transform("min") <= since
    came = log["date"].between(since + pd.Timedelta(days=1), since + pd.Timedelta(days=28))
    assert watched.iloc[0] == (known & came).sum()
    sheets = pd.read_excel(tmp_path / "plan" / "plan.xlsx", sheet_name=None)
    assert set(sheets) == set(found)
    np.testing.assert_allclose(sheets["cash_flow"]["net_value"], found["cash_flow"]["net_value"])


def test_are_costs_left_out_where_there_are_none(folder: Path, tmp_path: Path) -> None:
    result = run(
        "plan", folder / "log.csv", "--model", folder / "model.nc", "--worlds", 20, "--out", tmp_path / "plan"
    )
    assert result.exit_code == 0, result.stderr
    found = tables_in(tmp_path / "plan")
    assert set(found) == EVERYTHING and "cost" not in found["cash_flow"]


SPECIFICATION = """
watch = {{ since = 2024-01-31, every = 8 }}
[forecast]
margin = 0.3
worlds = 20
horizon = "200 days"
interval = 0.8
[segments]
threshold = 50.0
[channels]
target_roi = 0.2
[offer]
cost = 0.5
purchase_rate = 1.3
by = "channel"
[budget]
amount = 500
months = 3
whole_customers = true
bounds = {{ "partner A" = [0, 20] }}
[scenario.loyal]
dropout = 0.8
who = "channel=social"
[scenario.referrals]
referred = 0.2
referral_uplift = 0.16
[cohorts]
period = "quarter"
by = "channel"
[textbook]
period = "1 month"
[identity]
accounts = "{people}"
keys = ["email", "phone", "loyalty_card"]
"""


def test_does_a_specification_say_the_rest(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(SPECIFICATION.format(people=folder / "people.csv"))
    result = run(
        "plan", folder / "accounts.csv", "--model", folder / "model.nc", "--costs", folder / "costs.csv",
        "--spec", tmp_path / "plan.toml", "--budget", 600, "--out", tmp_path / "plan",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    found = tables_in(tmp_path / "plan")
    identity = {
        f"identity{name}" for name in ("", "_keys", "_conflicts", "_giants", "_shared_too_widely", "_effect")
    }
    offer = {"treatment", "treatment_segments", "treatment_total", "scenarios"}
    assert set(found) == EVERYTHING | OF_CHANNELS | identity | offer
    people = found["identity"]["customer_id"].nunique()
    effect = found["identity_effect"].set_index("measure")
    bought = pd.read_csv(folder / "accounts.csv", sep=";")["account"].nunique()
    assert effect.loc["customers", "apart"] == bought > effect.loc["customers", "joined"] >= CUSTOMERS - 10
    assert people >= effect.loc["customers", "joined"]  # some accounts never bought
    assert len(found["customers"]) == effect.loc["customers", "joined"]
    assert "p_above" in found["customers"] and "channel" in found["cohorts"]
    plan = found["budget"].set_index("channel")
    assert found["budget_total"].loc[0, "budget"] == 600  # the option comes before the file
    assert plan.loc["retention", "treated"] > 0 and plan.loc["partner A", "budget"] <= 20
    assert found["budget_by_month"]["month"].max() == 3
    differences = found["scenarios"].set_index(["name", "measure"])["difference"]
    assert differences["loyal", "value"] > 0 and differences["referrals", "purchases"] == 0
    assert found["monitoring"]["start"].iloc[0] == "2024-01-31"
    assert "80% interval" in result.stdout and "90% interval" not in result.stdout
    for word in ("Accounts joined", "loyal", "The offer", "retention"):
        assert word in result.stdout, result.stdout[-2500:]


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (
            "[offer]\npurchase_rate = 1.2\n",
            "offer.cost is missing: needed money, or the name of an attribute",
        ),
        (
            "[scenario.a]\ndrop_out = 1.2\n",
            "unknown key 'drop_out' in [scenario]; the keys there are purchase_rate",
        ),
        (
            "[budget]\nbounds = { search = 5 }\n",
            "budget.bounds = 5: needed channel = [least, most], in money",
        ),
        ("watch = true\n", "watch = True: needed a table, or false"),
        ("[forecast\n", "is not a TOML file"),
        ('[identity]\nkeys = ["email"]\naccount = "nr"\n', "nr"),
        ('new_customers = "nowhere.csv"\n', "no such file"),
        ('[scenario.a]\nwho = "region=north"\n', "region"),
    ],
)
def test_is_a_bad_specification_refused(folder: Path, tmp_path: Path, toml: str, message: str) -> None:
    (tmp_path / "plan.toml").write_text(toml)
    result = run(
        "plan", folder / "log.csv", "--model", folder / "model.nc", "--spec", tmp_path / "plan.toml",
        "--worlds", 10, "--out", tmp_path / "plan",
    )  # fmt: skip
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert not (tmp_path / "plan").exists()


def test_does_the_horizon_asked_for_say_what_a_channel_is_worth(folder: Path, tmp_path: Path) -> None:
    worth = {}
    for days in (30, 365):
        result = run(
            "plan", folder / "log.csv", "--model", folder / "model.nc", "--costs", folder / "costs.csv",
            "--horizon", f"{days} days", "--worlds", 20, "--spec", folder / "quick.toml",
            "--out", tmp_path / "plan",
        )  # fmt: skip
        assert f"value, {days} days from the first purchase" in result.stdout
        worth[days] = pd.read_csv(tmp_path / "plan" / "channels.csv")["value"].sum()
    assert worth[30] < 0.8 * worth[365]


@pytest.mark.parametrize(("margin", "pays"), [(1.0, True), (0.02, False)])
def test_is_it_said_where_the_last_of_the_money_does_not_pay(
    folder: Path, tmp_path: Path, margin: float, pays: bool
) -> None:
    result = run(
        "plan", folder / "log.csv", "--model", folder / "model.nc", "--costs", folder / "costs.csv",
        "--budget", 500, "--margin", margin, "--worlds", 20, "--spec", folder / "quick.toml",
        "--out", tmp_path / "plan",
    )  # fmt: skip
    plan = pd.read_csv(tmp_path / "plan" / "budget.csv")
    assert np.all((plan["value_of_next"] >= 1.0) == pays)
    assert ("would mean more profit" in " ".join(result.stdout.split())) == (not pays)


def european(path: Path, costs: pd.DataFrame) -> Path:
    """Costs as a spreadsheet with German settings writes them: 3.393,40 in columns that semicolons part."""
    text = costs.assign(cost=[f"{cost:_.2f}".replace(".", ",").replace("_", ".") for cost in costs["cost"]])
    text.to_csv(path, sep=";", index=False)
    return path


def test_may_costs_be_a_european_export(folder: Path, tmp_path: Path) -> None:
    costs = pd.read_csv(folder / "costs.csv")
    costs["cost"] = (10.0 * costs["cost"]).round(2)
    read = read_costs(european(tmp_path / "costs.csv", costs))
    assert "3.156,70" in (tmp_path / "costs.csv").read_text()
    pd.testing.assert_frame_equal(read, costs.assign(start=pd.to_datetime(costs["start"])), check_dtype=False)


def test_may_costs_have_dates_as_the_log_has(folder: Path) -> None:
    found = read_costs(folder / "days_first.csv", "%d/%m/%Y")
    iso = read_costs(folder / "costs.csv", "%d/%m/%Y")  # which may always be
    assert found["start"].equals(iso["start"])
    with pytest.raises(DataError, match=r"'01/01/2023' is no date.*or as date_format= says"):
        read_costs(folder / "days_first.csv", "%d.%m.%Y")


@pytest.mark.parametrize("written", ["1,234", "1.5,50", "12 EUR"])
def test_are_costs_that_may_mean_two_things_refused(folder: Path, tmp_path: Path, written: str) -> None:
    costs = pd.read_csv(folder / "costs.csv")
    costs["cost"] = [written, *costs["cost"].iloc[1:].map("{:.0f}".format)]
    costs.to_csv(tmp_path / "costs.csv", sep=";", index=False)
    with pytest.raises(DataError, match=f"first: search, {written}.*plain numbers, such as 1234.5"):
        lc.channels(lc.load(folder / "model.nc"), read_costs(tmp_path / "costs.csv"), worlds=5)


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_does_a_table_keep_what_its_columns_mean(tmp_path: Path, ending: str) -> None:
    """Ids keep their zeros; None is a name; what is left empty is missing."""
    table = pd.DataFrame(
        {"account": ["007", "12"], "channel": ["None", "a"], "n": [5, 6], "x": [1.5, np.nan]}
    )
    if ending == ".csv":
        table.to_csv(tmp_path / "table.csv", sep=";", index=False)
    else:
        table.to_parquet(tmp_path / "table.parquet")
    read = read_table(tmp_path / f"table{ending}", ids=["account"])
    pd.testing.assert_frame_equal(read, table, check_dtype=False)


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
        (
            ["--costs", "days_first.csv"],
            "01/01/2023' is no date. Needed: YYYY-MM-DD, such as 2025-03-01, or as --date-format",
        ),
        (["--costs", "no_months.csv", "--budget", "9"], "one row per channel and no start"),
        (["--costs", "costs.csv", "--budget", "9", "--objective", "median"], "--objective median"),
    ],
)
def test_does_bad_input_end_politely(
    folder: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    out = tmp_path / "plan"
    arguments = [str(folder / each) if (folder / each).is_file() else each for each in arguments]
    result = run("plan", folder / "log.csv", "--model", folder / "model.nc", "--out", out, *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert not out.exists()
