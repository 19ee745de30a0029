"""The command monitor: a forecast that was kept, against what came."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lifecast.cli import session
from lifecast.cli.inputs import as_a_log, read_spec, refuse_overwriting
from lifecast.cli.options import Amount, Customer, Date, DateFormat, MergeWithin, Returns, Spec, given
from lifecast.cli.printing import count, headline, say, table, working

if TYPE_CHECKING:
    from lifecast.planning.monitoring import Monitor
    from lifecast.saved_forecast import SavedForecast

DRIFT = 1  # exit code, where it was asked for


def monitor(
    forecast: Annotated[
        Path, typer.Argument(metavar="FORECAST", help="What lifecast forecast --save kept, .nc.")
    ],
    log: Annotated[
        str,
        typer.Argument(
            metavar="LOG",
            help="The log that was forecast from, by now longer: Parquet or CSV, or a glob; - is stdin.",
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option(
            help="File to write, a row per period that is over: .parquet, .csv, .xlsx; - is stdout."
        ),
    ] = None,
    measure: Annotated[
        str, typer.Option(help="purchases or value.", autocompletion=lambda: ["purchases", "value"])
    ] = "purchases",
    every: Annotated[int, typer.Option(help="How many of the forecast's periods make one: 4 weeks.")] = 1,
    false_alarms: Annotated[
        float, typer.Option(help="Probability of an alarm, at any time, though the forecast is right.")
    ] = 0.05,
    fail_on_drift: Annotated[
        bool,
        typer.Option("--fail-on-drift", help="End with exit code 1 where there is an alarm, for schedulers."),
    ] = False,
    spec: Spec = None,
    customer: Customer = None,
    date: Date = None,
    amount: Amount = None,
    returns: Returns = None,
    merge_within: MergeWithin = None,
    date_format: DateFormat = None,
) -> dict[str, Any]:
    """Compare a forecast with what came since, and say when it no longer holds."""
    from lifecast.export import TABLE_ENDINGS, write_table
    from lifecast.planning.monitoring import monitor as watch
    from lifecast.saved_forecast import load_forecast

    if out is not None:
        session.check_out(out, TABLE_ENDINGS)
    refuse_overwriting(forecast, log, spec, out)
    saved = load_forecast(forecast)
    options = as_a_log(read_spec(spec).data) | given(
        customer_id=customer, date=date, amount=amount, returns=returns, merge_within=merge_within,
        date_format=date_format,
    )  # fmt: skip
    with working("Reading the log"):
        watched = watch(
            saved, session.source(log), measure=measure, every=every, false_alarms=false_alarms, **options
        )
    if out is not None:
        with session.target(out, ".csv") as path:
            write_table(watched.table, path)
    print_monitor(saved, watched, measure)
    if out is not None:
        say(f"Wrote {out}.")
    if watched.alarm and fail_on_drift:
        session.current.exit_code = DRIFT
    return {
        "wrote": [] if out is None else [out],
        "measure": measure,
        "alarm": watched.alarm,
        "since": watched.since,
        "false_alarms": watched.false_alarms,
        "p_alarm": watched.p_alarm,
        "periods": watched.table,
    }


def print_monitor(saved: "SavedForecast", watched: "Monitor", measure: str) -> None:
    """Period by period, and whether the forecast still holds."""
    rows_shown = 12
    periods = watched.table
    since = saved.observation_end or "the forecast"
    headline(f"{measure.capitalize()} since {since} of the {saved.members.count:,} customers of the forecast")
    rows = [
        [
            f"{row['end']:%Y-%m-%d}" if hasattr(row["end"], "year") else f"{row['end']:g}",
            count(row["actual"]), count(row["mean"]), f"{count(row['lower'])} to {count(row['upper'])}",
            {-1: "BELOW", 0: "held", 1: "ABOVE"}[row["outside"]],
        ]
        for row in periods.tail(rows_shown).to_dict("records")
    ]  # fmt: skip
    table(["to", "came", "forecast", f"{saved.interval:.0%} interval", ""], rows, words=("",))
    last = periods.iloc[-1]
    off = last["total_actual"] / last["total_mean"] - 1
    say(f"In all {count(last['total_actual'])}, {off:+.1%} off the mean.")
    misses, expected = last["misses"], last["expected_misses"]
    say(f"{misses:.0f} of {len(periods)} periods were outside, where {expected:.1f} were to be expected.")
    if watched.alarm:
        say(
            f"ALARM since period {watched.since}: reality is outside more often, or further, than the "
            f"forecast allows for (p = {watched.p_value:.3g}). Fit the model again, and see what has changed."
        )
    else:
        say(f"No alarm: this is as often and as far as chance makes it (p = {watched.p_value:.2f}).")
