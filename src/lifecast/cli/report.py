"""The report command: one page for people who read no code."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lifecast.cli import session
from lifecast.cli.channel_values import read_costs, value_channels
from lifecast.cli.inputs import as_a_log, read_rfm, read_spec, refuse_overwriting, settings
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
    months: Annotated[int, typer.Option(help="Months that the budget is for.")] = 12,
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
    from lifecast.planning.portfolio import cash_flow
    from lifecast.planning.segments import segments
    from lifecast.reporting.page import report as write_report
    from lifecast.rfm_file import holds_rfm

    check_target(out, (".html", ".htm"))
    refuse_overwriting(source, model, costs, spec, out)
    source = session.source(source)
    if budget is not None and costs is None:
        raise SettingsError("A budget needs the costs so far: pass the table with --costs.")
    if past is not None and holds_rfm(source):
        raise SettingsError(f"{source} is an RFM. Forecasts from earlier days (--past) need the log itself.")
    spent = None if costs is None else read_costs(costs)
    run, fitted = read_spec(spec), CLTV.load(model)
    of_the_log = given(
        customer_id=customer, date=date, amount=amount, returns=returns, merge_within=merge_within,
        date_format=date_format,
    )  # fmt: skip
    options = of_the_log | given(observation_end=observation_end, holdout_end=holdout_end)
    if not holds_rfm(source):
        options |= {"time_unit": fitted.time_unit, "attributes": fitted.attributes_needed}
    customers = read_rfm(source, options, run.data)
    outlook = OUTLOOK | given(horizon=holdout_end) | settings(run.forecast) | given(
        horizon=horizon, annual_discount_rate=annual_discount_rate, worlds=worlds, interval=interval,
        random_seed=seed,
    ) | ({} if margin is None else {"margin": margin})  # fmt: skip
    until = numeric(str(outlook.pop("horizon")))
    with working("Forecasting", total=len(customers)) as progress:
        forecast = fitted.forecast(customers, until, progress=progress, **outlook)
    found: dict[str, Any] = {}
    with working("Segments", total=len(customers)) as progress:
        found["segments"] = segments(forecast, progress=progress)
    with working("Cash flow", total=len(customers)) as progress:
        found["cash_flow"] = cash_flow(forecast, by=fitted.purchases.groups, progress=progress)
    if uncertainty:
        with working("Where the uncertainty comes from"):
            found["uncertainty"] = forecast.uncertainty()
    if spent is not None:
        from lifecast.planning.budget import allocate

        days = forecast.horizon * forecast.time_unit.days
        found["channels"] = value_channels(fitted, spent, days, outlook)
        if budget is not None:
            found["allocation"] = allocate(
                found["channels"],
                budget,
                spent,
                months=months,
                interval=outlook["interval"],
                random_seed=outlook["random_seed"],
            )
    if past is not None:
        from lifecast.backtesting import backtest

        of_the_log = as_a_log(run.data) | of_the_log
        with working("Forecasting from earlier days"):
            found["backtest"] = backtest(
                source, **of_the_log, time_unit=fitted.time_unit, origins=origins, horizons=numeric(past),
                model=fitted, interval=outlook["interval"], random_seed=outlook["random_seed"],
            )  # fmt: skip
    write_report(forecast, out, model=fitted, title=title, **found)
    say(f"Wrote {out}.")
    return {"wrote": [str(out)], "total": forecast.total.rename_axis("measure")}
