"""The command plan: what the log, a model and the costs say about what to do, as tables."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lifecast.cli import plan_tables, session
from lifecast.cli.case import Case, days_of, read_case, read_plan
from lifecast.cli.channel_values import read_costs
from lifecast.cli.inputs import refuse_overwriting, settings
from lifecast.cli.options import (
    Amount,
    Budget,
    Costs,
    Customer,
    Date,
    DateFormat,
    DiscountRate,
    LogOrRFM,
    Margin,
    MergeWithin,
    ModelFile,
    Months,
    ObservationEnd,
    Returns,
    Seed,
    Worlds,
    given,
    numeric,
)
from lifecast.cli.plan_printing import print_plan
from lifecast.cli.plan_tables import Tables
from lifecast.cli.printing import note, say, working
from lifecast.errors import SettingsError

HORIZON, DISCOUNT_RATE, WORLDS, SEED = "365 days", 0.1, 1000, 0


def plan(
    source: LogOrRFM,
    model: ModelFile,
    out: Annotated[Path, typer.Option(help="Folder for the tables; made where it is not there.")],
    costs: Costs = None,
    budget: Budget = None,
    spec: Annotated[
        Path | None,
        typer.Option(
            help="Plan specification, a TOML file with all other settings: an offer, scenarios, bounds, keys "
            "of identity and more. Options come before it."
        ),
    ] = None,
    months: Months = None,
    objective: Annotated[
        str | None,
        typer.Option(
            help="What the budget maximises: mean, quantile or cvar (its worst cases).", show_default="mean"
        ),
    ] = None,
    horizon: Annotated[
        str | None,
        typer.Option(
            help="Until when customers' value counts: time units, a length, a date, or infinite.",
            show_default=HORIZON,
        ),
    ] = None,
    annual_discount_rate: DiscountRate = None,
    margin: Margin = None,
    target_roi: Annotated[
        float | None, typer.Option(help="Return that an acquisition has to bring.", show_default="0")
    ] = None,
    worlds: Worlds = None,
    seed: Seed = None,
    customer: Customer = None,
    date: Date = None,
    amount: Amount = None,
    observation_end: ObservationEnd = None,
    returns: Returns = None,
    merge_within: MergeWithin = None,
    date_format: DateFormat = None,
) -> dict[str, Any]:
    """Segments, cash flow, cohorts, textbook measures and what has held; with costs, channels and a budget.

    Tables go into a folder as .csv files, and together into plan.xlsx.
    """
    from lifecast.export.files import check_new_folder
    from lifecast.model import CLTV

    refuse_overwriting(source, model, costs, spec)
    source = session.source(source)
    check_new_folder(out)
    asked = read_plan(
        spec,
        budget=given(amount=budget, months=months, objective=objective),
        channels=given(target_roi=target_roi),
        forecast=given(
            horizon=horizon, annual_discount_rate=annual_discount_rate, worlds=worlds, random_seed=seed,
        ) | ({} if margin is None else {"margin": margin}),
    )  # fmt: skip
    if asked.budget.amount is not None and costs is None:
        raise SettingsError("A budget needs the costs so far: pass the table with --costs.")
    spent = None if costs is None else read_costs(costs, date_format)
    of_the_log = given(
        customer_id=customer, date=date, amount=amount, observation_end=observation_end, returns=returns,
        merge_within=merge_within, date_format=date_format,
    )  # fmt: skip
    outlook = {"annual_discount_rate": DISCOUNT_RATE, "worlds": WORLDS, "random_seed": SEED}
    outlook |= settings(asked.forecast)
    until = numeric(str(outlook.pop("horizon", HORIZON)))
    case, people, apart = read_case(source, of_the_log, CLTV.load(model), asked, until, outlook, spent)
    tables = work_out(case)
    if people is not None:
        tables |= plan_tables.identity_tables(people, apart, case)
    written = write(tables, out, asked.workbook)
    print_plan(case)
    say(f"Wrote {', '.join(written)} in {out}.")
    summed = {name: values for name, values in tables.items() if len(values) < len(case.rfm)}
    return {"wrote": [str(out / name) for name in written], **summed}


def work_out(case: Case) -> Tables:
    """All tables; channels first, since they are quick and may refuse the costs."""
    coming = plan_tables.newcomers(case)
    tables = plan_tables.channel_tables(case, days_of(case.horizon, case))
    with working("Forecasting", total=len(case.rfm)) as progress:
        forecast = case.model.forecast(case.rfm, case.horizon, progress=progress, **case.outlook)
    offer = plan_tables.offer_tables(case, forecast)
    split = plan_tables.budget_tables(case)  # may be refused too
    tables = plan_tables.segment_tables(case, forecast) | tables
    tables |= plan_tables.cash_flow_tables(case, forecast, coming)
    tables |= plan_tables.elasticity_tables(forecast, coming)
    tables |= plan_tables.scenario_tables(case, forecast, coming) | offer | split
    tables |= plan_tables.cohort_tables(case) | plan_tables.textbook_tables(case)
    return tables | plan_tables.watch_tables(case)


def write(tables: Tables, out: Path, workbook: bool) -> list[str]:
    """Every table as a file, and all that fit into one workbook; the files' names."""
    from importlib.util import find_spec

    from lifecast.export import write_table, write_workbook
    from lifecast.export.workbook import ROWS

    out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        write_table(table, out / f"{name}.csv")
    written = [f"{name}.csv" for name in tables]
    if not workbook:
        return written
    if find_spec("openpyxl") is None:
        note("no plan.xlsx: Excel needs openpyxl. Run pip install 'lifecast[excel]'.")
        return written
    fitting = {name: table for name, table in tables.items() if len(table) < ROWS}
    if len(fitting) < len(tables):
        note(f"plan.xlsx is without {', '.join(tables.keys() - fitting.keys())}: too many rows for a sheet.")
    write_workbook(fitting, out / "plan.xlsx")
    return ["plan.xlsx", *written]
