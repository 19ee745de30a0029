"""The commands from file to file: rfm, fit and forecast."""

from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from lifecast.cli import session
from lifecast.cli.inputs import is_log, open_customers, read_spec, refuse_overwriting, settings
from lifecast.cli.options import (
    Amount,
    Attribute,
    Customer,
    Date,
    DateFormat,
    HoldoutEnd,
    Interval,
    Log,
    LogOrRFM,
    MergeWithin,
    ModelFile,
    ObservationEnd,
    Purchases,
    Returns,
    Seed,
    Spec,
    Spend,
    TimeUnit,
    Worlds,
    given,
)
from lifecast.cli.printing import note, say, working
from lifecast.cli.results import best_customers, print_fit, print_forecast
from lifecast.errors import SettingsError

if TYPE_CHECKING:
    from lifecast.export.database import IfExists


def rfm(
    log: Log,
    out: Annotated[str, typer.Option(help="Parquet file to write; - is standard output.")],
    spec: Spec = None,
    customer: Customer = None,
    date: Date = None,
    amount: Amount = None,
    time_unit: TimeUnit = None,
    observation_end: ObservationEnd = None,
    holdout_end: HoldoutEnd = None,
    returns: Returns = None,
    merge_within: MergeWithin = None,
    date_format: DateFormat = None,
    attribute: Attribute = None,
    memory_limit: Annotated[
        str | None, typer.Option(help="Memory for the log, such as 4GB; more is spilled to disk.")
    ] = None,
) -> dict[str, Any]:
    """Summarise a log of transactions: recency, frequency and monetary value of each customer."""
    from lifecast.from_log import rfm_summary

    session.check_out(out, (".parquet",), binary=True)
    refuse_overwriting(log, spec, out)
    log = session.source(log)
    options = given(
        customer_id=customer, date=date, amount=amount, time_unit=time_unit, observation_end=observation_end,
        holdout_end=holdout_end, returns=returns, merge_within=merge_within, date_format=date_format,
        attributes=attribute, memory_limit=memory_limit,
    )  # fmt: skip
    asked = {**settings(read_spec(spec).data), **options}
    with session.target(out, ".parquet") as path, working("Reading the log"):
        summary = rfm_summary(log, to=path, **asked)
    say(summary.report)
    say(f"Wrote {out}: {len(summary):,} customers, times in {summary.time_unit}s.")
    return {
        "wrote": [out],
        "customers": len(summary),
        "time_unit": summary.time_unit.name,
        "observation_end": summary.observation_end,
        "report": None if summary.report is None else asdict(summary.report),
    }


def fit(
    source: LogOrRFM,
    out: Annotated[Path, typer.Option(help="Model file to write, .nc (netCDF).")],
    spec: Spec = None,
    purchases: Purchases = None,
    spend: Spend = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="laplace or nuts (the posterior), auto (laplace, or nuts where needed), or map (its mode).",
            show_default="auto",
        ),
    ] = None,
    draws: Annotated[int | None, typer.Option(help="Posterior draws.", show_default="1000")] = None,
    outliers: Annotated[
        str | None,
        typer.Option(
            help="keep, or leave out customers who alone move what all share; they are scored all the same.",
            show_default="keep",
        ),
    ] = None,
    seed: Seed = None,
    groups: Annotated[
        str | None, typer.Option(help="Column whose values have parameters of their own, such as channel.")
    ] = None,
    covariate: Annotated[
        list[str] | None, typer.Option(help="Column that shifts parameters; may be repeated.")
    ] = None,
    calendar: Annotated[
        str | None,
        typer.Option(
            help="File of known days, .csv or .parquet: date, and columns such as christmas or open."
        ),
    ] = None,
    customer: Customer = None,
    date: Date = None,
    amount: Amount = None,
    time_unit: TimeUnit = None,
    observation_end: ObservationEnd = None,
    returns: Returns = None,
    merge_within: MergeWithin = None,
    date_format: DateFormat = None,
) -> dict[str, Any]:
    """Learn what customers share: the posterior of the model's parameters."""
    from lifecast.export import check_target

    check_target(out, (".nc",))
    refuse_overwriting(source, spec, calendar, out)
    source = session.source(source)
    run = read_spec(spec, purchases, spend, groups, covariate)
    if calendar is not None:
        run = run.model_copy(update={"calendar": calendar})
    options = given(
        customer_id=customer, date=date, amount=amount, time_unit=time_unit, observation_end=observation_end,
        returns=returns, merge_within=merge_within, date_format=date_format,
    )  # fmt: skip
    needed = run.model().attributes_needed
    if needed and is_log(source):
        options["attributes"] = needed
    customers = open_customers(source, options, run.data)
    model = run.model(amounts=customers.has_amounts)
    if not customers.has_amounts:
        note("there are no amounts: purchases are modelled alone.")
    with working("Fitting"):
        asked = given(method=method, draws=draws, random_seed=seed, outliers=outliers)
        model.fit(customers, **{**settings(run.fit), **asked})
    model.save(out)
    print_fit(model, customers)
    say(f"Wrote {out}.")
    return {
        "wrote": [str(out)],
        "customers": len(customers),
        "parameters": model.parameters,
        "diagnostics": model.diagnostics,
        "passed": bool(model.diagnostics["passed"].all()),
    }


def forecast(
    source: LogOrRFM,
    model: ModelFile,
    out: Annotated[
        str,
        typer.Option(
            help="Where customers go: a file, .parquet, .csv or .xlsx; - for standard output; or a database, "
            "postgresql://user@host/database, which gets all tables."
        ),
    ],
    horizon: Annotated[
        str | None, typer.Option(help="A number of time units, '12 months', a date, or infinite.")
    ] = None,
    annual_discount_rate: Annotated[
        float | None, typer.Option(help="0.1 is 10% a year.", show_default="0")
    ] = None,
    margin: Annotated[
        str | None, typer.Option(help="Share of an amount that is value, or an attribute.", show_default="1")
    ] = None,
    interval: Interval = None,
    worlds: Worlds = None,
    seed: Seed = None,
    portfolio_out: Annotated[
        Path | None, typer.Option(help="File of all customers' sums by period, .parquet, .csv or .xlsx.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Keep the whole book's forecast, .nc, for lifecast monitor.")
    ] = None,
    table: Annotated[
        str,
        typer.Option(help="What a database's tables begin with; marketing.cltv is in the schema marketing."),
    ] = "lifecast",
    if_exists: Annotated[
        str, typer.Option(help="A database's tables that are there: replace, append or refuse.")
    ] = "replace",
    spec: Spec = None,
    customer: Customer = None,
    date: Date = None,
    amount: Amount = None,
    time_unit: Annotated[
        str | None,
        typer.Option(
            help="Time unit of the RFM made of a log, or of a bare table of customers.",
            show_default="the model's",
        ),
    ] = None,
    observation_end: ObservationEnd = None,
    returns: Returns = None,
    merge_within: MergeWithin = None,
    date_format: DateFormat = None,
    attribute: Attribute = None,
) -> dict[str, Any]:
    """Forecast every customer's purchases and discounted value, with intervals, and all customers' sums."""
    from lifecast.export import TABLE_ENDINGS, check_target, is_database, shown
    from lifecast.model import CLTV
    from lifecast.outputs import check_export
    from lifecast.parquet_rfm import ParquetRFM
    from lifecast.saved_forecast import save_forecast

    if if_exists not in ("replace", "append", "refuse"):
        raise SettingsError(f"if_exists={if_exists!r}: needed replace, append or refuse.")
    for path in (out, portfolio_out):
        if path is not None and not is_database(path):
            session.check_out(path, TABLE_ENDINGS)
    if save is not None:
        check_target(save, (".nc",))
    refuse_overwriting(source, model, spec, out, portfolio_out, save)
    if is_database(out):
        check_export(out)
    source = session.source(source)
    run = read_spec(spec)
    fitted = CLTV.load(model)
    options = given(
        customer_id=customer, date=date, amount=amount, time_unit=time_unit, observation_end=observation_end,
        returns=returns, merge_within=merge_within, date_format=date_format, attributes=attribute,
    )  # fmt: skip
    if is_log(source):
        if run.data.time_unit is None:
            options = {"time_unit": fitted.time_unit, **options}
        if fitted.attributes_needed:
            options["attributes"] = list(dict.fromkeys([*(attribute or []), *fitted.attributes_needed]))
    customers = open_customers(source, options, run.data, fitted.time_unit)
    outlook = settings(run.forecast) | given(
        horizon=horizon, annual_discount_rate=annual_discount_rate, margin=margin, interval=interval,
        worlds=worlds, random_seed=seed,
    )  # fmt: skip
    if "horizon" not in outlook:
        raise SettingsError("horizon= is missing: pass a number of time units, a length or a date.")
    if isinstance(customers, ParquetRFM) and (is_database(out) or not out.lower().endswith(".parquet")):
        customers = customers.load()
    to = out if isinstance(customers, ParquetRFM) else None
    with working("Forecasting", total=len(customers)) as progress:
        result = fitted.forecast(customers, to=to, progress=progress, **outlook)
    if to is None:
        with session.target(out, ".csv") if not is_database(out) else nullcontext(out) as place:
            result.export(place, name=table, if_exists=cast("IfExists", if_exists))
    if portfolio_out is not None:
        result.export(portfolio_out, table="portfolio")
    if save is not None:
        save_forecast(result, save)
    print_forecast(result, result.customers if to is None else best_customers(to))
    wrote = [shown(out) if is_database(out) else out, *map(str, filter(None, (portfolio_out, save)))]
    for written in wrote:
        say(f"Wrote {written}.")
    return {
        "wrote": wrote,
        "customers": result.members.count,
        "horizon": result.horizon,
        "time_unit": result.time_unit.name,
        "observation_end": result.observation_end,
        "interval": result.interval,
        "total": result.total.rename_axis("measure"),
        "portfolio": result.portfolio,
    }
