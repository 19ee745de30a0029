"""The command backtest."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lifecast.cli import session
from lifecast.cli.inputs import read_spec, refuse_overwriting, settings
from lifecast.cli.options import (
    Amount,
    Customer,
    Date,
    DateFormat,
    Log,
    MergeWithin,
    Purchases,
    Returns,
    Spec,
    Spend,
    TimeUnit,
    given,
    numeric,
)
from lifecast.cli.printing import headline, say, table, working
from lifecast.errors import SettingsError

if TYPE_CHECKING:
    from lifecast.backtesting import Backtest


def backtest(
    log: Log,
    horizon: Annotated[
        list[str], typer.Option(help="A number of time units, or '12 months'; may be repeated.")
    ],
    out: Annotated[
        str,
        typer.Option(help="File to write, a row per origin and horizon: .parquet, .csv, .xlsx; - is stdout."),
    ],
    origins: Annotated[
        str, typer.Option(help="How many days to forecast from, or these days, separated by commas.")
    ] = "8",
    groups: Annotated[str | None, typer.Option(help="Column of the log to tell groups apart by.")] = None,
    groups_out: Annotated[Path | None, typer.Option(help="The same file for the groups.")] = None,
    scores_out: Annotated[Path | None, typer.Option(help="File of all scores, .parquet or .csv.")] = None,
    interval: Annotated[float, typer.Option(help="Probability of the intervals.")] = 0.9,
    worlds: Annotated[int, typer.Option(help="Futures to simulate of every customer.")] = 500,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    spec: Spec = None,
    purchases: Purchases = None,
    spend: Spend = None,
    customer: Customer = None,
    date: Date = None,
    amount: Amount = None,
    time_unit: TimeUnit = None,
    returns: Returns = None,
    merge_within: MergeWithin = None,
    date_format: DateFormat = None,
) -> dict[str, Any]:
    """Forecast from earlier days with what was known then, and hold the forecasts against what came."""
    from lifecast.backtesting import backtest as run_backtest
    from lifecast.export import TABLE_ENDINGS, write_table
    from lifecast.transactions import read_transactions

    targets = [target for target in (out, groups_out, scores_out) if target is not None]
    for target in targets:
        session.check_out(target, TABLE_ENDINGS)
    refuse_overwriting(log, spec, *targets)
    log = session.source(log)
    if (groups is None) is not (groups_out is None):
        raise SettingsError("groups= names a column, and --groups-out a file: pass both, or neither.")
    run = read_spec(spec, purchases, spend)
    options = settings(run.data) | given(
        customer_id=customer, date=date, amount=amount, time_unit=time_unit, returns=returns,
        merge_within=merge_within, date_format=date_format,
    )  # fmt: skip
    for name in ("observation_end", "attributes"):  # of one RFM; a backtest makes many
        options.pop(name, None)
    model = None
    if (spec, purchases, spend) != (None, None, None):
        roles = ("customer_id", "date", "amount", "date_format")
        lines = read_transactions(log, **{name: options[name] for name in roles if name in options})
        model = run.model(amounts=lines.has_amount)
    days: Any = numeric(origins)
    with working("Backtesting", total=100) as progress:
        result = run_backtest(
            log,
            origins=[day.strip() for day in days.split(",")] if isinstance(days, str) else days,
            horizons=[numeric(one) for one in horizon],
            model=model,
            interval=interval,
            worlds=worlds,
            random_seed=seed,
            groups=groups,
            progress=lambda share: progress(round(100 * share)),
            **options,
        )
    with session.target(out, ".csv") as path:
        write_table(result.portfolio, path)
    if groups_out is not None and result.groups is not None:
        write_table(result.groups, groups_out)
    if scores_out is not None:
        write_table(result.scores, scores_out)
    print_backtest(result)
    say(f"Wrote {', '.join(str(target) for target in targets)}.")
    return {
        "wrote": [str(target) for target in targets],
        "interval": result.interval,
        "time_unit": result.time_unit.name,
        "scores": result.scores,
        "portfolio": result.portfolio,
    }


def print_backtest(result: "Backtest") -> None:
    """How often intervals held, and how much better forecasts were than the best baseline."""
    origins = result.portfolio["origin"]
    headline(
        f"{origins.nunique()} origins from {origins.min().date()} to {origins.max().date()}: did "
        f"{result.interval:.0%} intervals hold?"
    )
    scores = result.scores[result.scores["who"].isin(["portfolio", "all customers"])]
    level = f"{100 * result.interval:g}"
    rows = []
    for (who, measure, horizon), part in scores.groupby(
        ["who", "measure", "horizon"], sort=False, dropna=False
    ):
        model = part[part["forecast"] == "model"].iloc[0]
        held = [f"{model[f'coverage_{level}']:.0%}"]
        if who == "portfolio":
            textbook = part[part["forecast"] == "textbook"].iloc[0]
            held += [f"{textbook[f'coverage_{level}']:.0%}", f"{model['bias']:+.1%}"]
        else:
            held += ["", ""]
        ahead = "all" if horizon != horizon else f"{horizon:g} {result.time_unit}s"
        rows.append(
            [str(who), str(measure), ahead, *held, f"{model['skill']:+.0%}", str(model["best_baseline"])]
        )
    columns = ["", "of", "ahead", "held", "textbook", "bias", "skill", "against"]
    table(columns, rows, words=("of", "ahead", "against"))
