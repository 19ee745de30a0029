"""The report command: one page for people who read no code."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lifecast.cli import plan_tables, session
from lifecast.cli.case import Case, read_case, read_plan
from lifecast.cli.channel_values import read_costs
from lifecast.cli.inputs import as_a_log, is_log, read_spec, refuse_overwriting, settings
from lifecast.cli.options import (
    Amount,
    Budget,
    Costs,
    Customer,
    Date,
    DateFormat,
    DiscountRate,
    Interval,
    LogOrRFM,
    Margin,
    MergeWithin,
    ModelFile,
    Months,
    ObservationEnd,
    Returns,
    Seed,
    Spec,
    Worlds,
    given,
    numeric,
)
from lifecast.cli.printing import say, working
from lifecast.errors import SettingsError

if TYPE_CHECKING:
    from lifecast.backtesting import Backtest
    from lifecast.forecast import Forecast

SHOWN = ("segments", "cash_flow", "channels", "allocation", "scenarios", "offer")  # of a case's results
OUTLOOK: dict[str, Any] = {
    "horizon": "365 days",
    "annual_discount_rate": 0.1,
    "margin": 1.0,
    "interval": 0.9,
    "worlds": 1000,
    "random_seed": 0,
}


def report(
    source: LogOrRFM,
    model: ModelFile,
    out: Annotated[Path, typer.Option(help="Page to write, .html.")],
    horizon: Annotated[
        str | None,
        typer.Option(
            help="A number of time units, '12 months', a date, or infinite.", show_default="365 days"
        ),
    ] = None,
    annual_discount_rate: DiscountRate = None,
    margin: Margin = None,
    interval: Interval = None,
    worlds: Worlds = None,
    seed: Seed = None,
    spec: Spec = None,
    title: Annotated[str, typer.Option(help="Title of the page.")] = "What our customers will be worth",
    uncertainty: Annotated[
        bool,
        typer.Option(
            "--uncertainty", help="Also where the uncertainty comes from: up to five times the work."
        ),
    ] = False,
    costs: Costs = None,
    budget: Budget = None,
    months: Months = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            help="Plan specification, the TOML file of lifecast plan: also its scenarios, its offer, and "
            "customers yet to come. Options come before it."
        ),
    ] = None,
    past: Annotated[
        str | None,
        typer.Option(
            help="Also forecast as far as this, '90 days', from earlier days of the log, and compare."
        ),
    ] = None,
    origins: Annotated[int, typer.Option(help="From how many earlier days.")] = 4,
    customer: Customer = None,
    date: Date = None,
    amount: Amount = None,
    observation_end: ObservationEnd = None,
    holdout_end: Annotated[
        str | None,
        typer.Option(help="Also hold the forecast, which then ends this day, against what came."),
    ] = None,
    returns: Returns = None,
    merge_within: MergeWithin = None,
    date_format: DateFormat = None,
) -> dict[str, Any]:
    """Forecast, and write all that it says as one HTML page: figures, segments, channels, past forecasts."""
    from lifecast.export import check_target
    from lifecast.model import CLTV
    from lifecast.reporting.page import report as write_report

    check_target(out, (".html", ".htm"))
    refuse_overwriting(source, model, costs, spec, plan, out)
    source = session.source(source)
    asked = read_plan(
        plan,
        budget=given(amount=budget, months=months),
        forecast=given(
            horizon=horizon, annual_discount_rate=annual_discount_rate, worlds=worlds, interval=interval,
            random_seed=seed,
        ) | ({} if margin is None else {"margin": margin}),
    )  # fmt: skip
    if asked.budget.amount is not None and costs is None:
        raise SettingsError("A budget needs the costs so far: pass the table with --costs.")
    if past is not None and not is_log(source):
        raise SettingsError(f"{source} is an RFM. Forecasts from earlier days (--past) need the log itself.")
    spent = None if costs is None else read_costs(costs, date_format)
    run = read_spec(spec)
    of_the_log = given(
        customer_id=customer, date=date, amount=amount, observation_end=observation_end,
        holdout_end=holdout_end, returns=returns, merge_within=merge_within, date_format=date_format,
    )  # fmt: skip
    outlook = OUTLOOK | given(horizon=holdout_end) | settings(run.forecast) | settings(asked.forecast)
    until = numeric(str(outlook.pop("horizon")))
    case, *_ = read_case(source, of_the_log, CLTV.load(model), asked, until, outlook, spent, run.data)
    with working("Forecasting", total=len(case.rfm)) as progress:
        forecast = case.model.forecast(case.rfm, until, progress=progress, **outlook)
    work_out(case, forecast, with_newcomers=plan is not None)
    found = {name: case.results[name] for name in SHOWN if name in case.results}
    if uncertainty:
        with working("Where the uncertainty comes from"):
            found["uncertainty"] = forecast.uncertainty()
    if past is not None:
        found["backtest"] = earlier_forecasts(case, as_a_log(run.data), origins, past)
    write_report(forecast, out, model=case.model, title=title, **found)
    say(f"Wrote {out}.")
    return {"wrote": [str(out)], "total": forecast.total.rename_axis("measure")}


def work_out(case: Case, forecast: "Forecast", with_newcomers: bool) -> None:
    """All that the page shows of decisions, into the case's results; first what may be refused."""
    coming = plan_tables.newcomers(case) if with_newcomers else None
    plan_tables.channel_tables(case, forecast.horizon * forecast.time_unit.days)
    plan_tables.offer_tables(case, forecast)
    plan_tables.budget_tables(case)
    plan_tables.segment_tables(case, forecast)
    plan_tables.cash_flow_tables(case, forecast, coming)
    plan_tables.scenario_tables(case, forecast, coming)


def earlier_forecasts(case: Case, of_a_log: dict[str, Any], origins: int, horizon: str) -> "Backtest":
    """Forecasts from earlier days of the case's log, held against what came."""
    from lifecast.backtesting import backtest

    names = ("customer_id", "date", "amount", "returns", "merge_within", "date_format")
    of_a_log = of_a_log | {name: case.of_the_log[name] for name in names if name in case.of_the_log}
    with working("Forecasting from earlier days"):
        return backtest(
            case.log, **of_a_log, time_unit=case.model.time_unit, origins=origins, horizons=numeric(horizon),
            model=case.model, interval=case.outlook["interval"], random_seed=case.outlook["random_seed"],
        )  # fmt: skip
