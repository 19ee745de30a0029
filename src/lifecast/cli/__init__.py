"""The command line: parse, call, print. What lifecast can do stands elsewhere."""

import signal
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, Any

import typer

from lifecast.cli import backtest, demo, files, monitor, plan, report, sql
from lifecast.cli.messages import Commands
from lifecast.cli.printing import WIDTH, say
from lifecast.cli.session import command

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDTH},
)


def print_version(asked: bool) -> None:
    """Answer --version."""
    if asked:
        say(f"lifecast {version('lifecast')}")
        raise typer.Exit


@app.callback()
def lifecast(
    asked: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """What each customer will be worth, and how sure that is."""


# In the order in which --help lists them, with the arguments of an example.
COMMANDS: dict[Callable[..., Any], str] = {
    files.rfm: (
        "sales.csv --customer cust_no --date day --amount total --observation-end 2025-12-31 "
        "--out customers.parquet"
    ),
    files.fit: "customers.parquet --out model.nc",
    files.forecast: (
        "customers.parquet --model model.nc --horizon 52 --annual-discount-rate 0.1 --out cltv.parquet"
    ),
    backtest.backtest: "sales.csv --horizon 13 --horizon '12 months' --origins 12 --out errors.csv",
    plan.plan: "sales.csv --model model.nc --costs costs.csv --budget 100000 --out plan",
    report.report: "sales.csv --model model.nc --horizon '12 months' --past '90 days' --out report.html",
    monitor.monitor: "spring.nc sales.csv --every 4 --out watched.csv --fail-on-drift",
    sql.sql: "--model model.nc --horizon '12 months' --table marts.rfm --out cltv.sql",
    demo.demo: "--out demo-output",
}
for run, example in COMMANDS.items():
    app.command(epilog=f"Example: lifecast {run.__name__} {example}")(command(run))


def main() -> None:
    """Run the command line; a scheduler that ends it (SIGTERM) finds half-written files cleared away."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name) and signal.getsignal(number := getattr(signal, name)) is signal.SIG_DFL:
            signal.signal(number, lambda number, frame: sys.exit(128 + number))
    app(prog_name="lifecast")
