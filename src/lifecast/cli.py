"""The command line: parse, call, print. What lifecast can do stands elsewhere."""

import re
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from typer.core import TyperGroup

from lifecast.errors import LifecastError, LifecastWarning, SettingsError

if TYPE_CHECKING:
    import pandas as pd

    from lifecast.backtesting import Backtest
    from lifecast.forecast import Forecast
    from lifecast.model import CLTV
    from lifecast.rfm import RFM
    from lifecast.specification import Data, Specification

WIDTH = 100
BEST = 10


# -- printing --------------------------------------------------------------------------------------


def console(*, stderr: bool = False) -> Console:
    """Text as it is, without markup or colours of its own: customer ids may hold brackets."""
    width = min(WIDTH, shutil.get_terminal_size((WIDTH, 40)).columns)
    return Console(stderr=stderr, width=width, markup=False, highlight=False)


def say(text: Any = "") -> None:
    """Print text, wrapped at words."""
    console().print(str(text))


def headline(text: str) -> None:
    """Print the title of what comes next."""
    say()
    console().print(text, style="bold underline")


def note(text: str) -> None:
    """Say something short on stderr."""
    console(stderr=True).print(f"Note: {text}")


def number(value: float) -> str:
    """Four digits, or all of those before the point."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def money(value: float) -> str:
    """An amount, with cents where they count."""
    return f"{value:,.0f}" if abs(value) >= 10 or value == 0 else f"{value:.2f}"


def count(value: float) -> str:
    """A large number, to the nearest whole one."""
    return f"{value:,.0f}"


def table(columns: list[str], rows: list[list[str]], words: tuple[str, ...] = ()) -> None:
    """Print a table; its first column and those named in `words` lean left, numbers right."""
    printed = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1))
    for place, column in enumerate(columns):
        if place == 0:  # ids may be long
            printed.add_column(column, overflow="fold")
        else:
            printed.add_column(column, justify="left" if column in words else "right", no_wrap=True)
    for row in rows:
        printed.add_row(*row)
    console().print(printed)


def print_parameters(model: "CLTV") -> None:
    """Posterior mean, sd and central 90% interval of every parameter."""
    rows = [
        [str(name), *(number(row[column]) for column in ("mean", "sd", "lower", "upper"))]
        for name, row in model.parameters.to_dict("index").items()
    ]
    table(["parameter", "mean", "sd", "5%", "95%"], rows)


def print_diagnostics(model: "CLTV") -> None:
    """What the fit was held against."""
    rows = [
        [
            *(check["part"], check["check"], number(check["figure"]), check["threshold"]),
            "passed" if check["passed"] else "FAILED",
        ]
        for check in model.diagnostics.to_dict("records")
    ]
    table(["part", "check", "figure", "needed", ""], rows, words=("check", "needed", ""))


def print_customers(customers: "pd.DataFrame", interval: float) -> None:
    """The customers of highest CLTV, or of most purchases; beside what really happened where it is known."""
    has_money, has_truth = "cltv" in customers, "value_actual" in customers
    columns = ["customer", "alive", "purchases"]
    columns += ["each time", "CLTV", f"{interval:.0%} interval"] if has_money else ["buys at all"]
    columns += ["really", ""] if has_truth else []
    rows = []
    for customer in customers.nlargest(BEST, "cltv" if has_money else "purchases").to_dict("records"):
        cells = [str(customer["customer_id"]), f"{customer['p_alive']:.2f}", f"{customer['purchases']:.1f}"]
        if not has_money:
            cells += [f"{customer['p_purchase']:.2f}"]
        else:
            lower, upper = customer["cltv_lower"], customer["cltv_upper"]
            cells += [f"{customer['spend_per_purchase']:,.2f}", money(customer["cltv"])]
            cells += [f"{money(lower)} to {money(upper)}"]
            if has_truth:
                truth = customer["value_actual"]
                cells += [money(truth), "held" if lower <= truth <= upper else "MISSED"]
        rows.append(cells)
    table(columns, rows, words=("",))


def print_total(forecast: "Forecast", actual: Mapping[str, float] | None = None) -> None:
    """The sums over all customers, beside those that really happened where they are known."""
    columns = ["all customers", "mean", f"{forecast.interval:.0%} interval"]
    columns += ["really", "off the mean", ""] if actual else []
    rows = []
    for measure, total in forecast.total.to_dict("index").items():
        cells = [str(measure).replace("_", " "), count(total["mean"])]
        cells += [f"{count(total['lower'])} to {count(total['upper'])}"]
        if actual is None:
            rows.append(cells)
        elif (truth := actual.get(str(measure))) is not None:
            held = total["lower"] <= truth <= total["upper"]
            cells += [count(truth), f"{truth / total['mean'] - 1:+.1%}", "held" if held else "MISSED"]
            rows.append(cells)
    table(columns, rows, words=("",))


@contextmanager
def working(text: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr where that is a terminal; gives what to call with the number done."""
    screen = console(stderr=True)
    columns = [TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()]
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task(text, total=total)
        yield lambda done: progress.update(task, completed=done)


# -- errors and warnings ---------------------------------------------------------------------------

_ARGUMENTS = (
    "customer_id|date|amount|time_unit|observation_end|holdout_end|merge_within|returns|date_format|attributes|"
    "method|draws|random_seed|horizon|annual_discount_rate|margin|interval|worlds|origins|horizons|groups"
)
_OPTIONS = {"customer_id": "--customer", "attributes": "--attribute", "random_seed": "--seed"} | {
    "horizons": "--horizon"
}
_ARGUMENT = re.compile(rf"(?<![\w.-])({_ARGUMENTS})=(?=(\S?))")


def as_options(text: str) -> str:
    """A message about arguments (time_unit='week') in the words of the command line (--time-unit 'week')."""

    def option(match: re.Match[str]) -> str:
        name = _OPTIONS.get(match[1], f"--{match[1].replace('_', '-')}")
        return name if match[2] in ("", ";", ",", ".", ":") else f"{name} "

    return _ARGUMENT.sub(option, text)


class Commands(TyperGroup):
    """Bad input ends in one paragraph and exit code 2; warnings of lifecast become short notes."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        pass_on = warnings.showwarning

        def show(message: Any, category: type[Warning], *where: Any, **further: Any) -> None:
            if issubclass(category, LifecastWarning):
                note(as_options(str(message)))
            else:
                pass_on(message, category, *where, **further)

        with warnings.catch_warnings():
            warnings.simplefilter("always", LifecastWarning)
            warnings.showwarning = show
            try:
                return super().invoke(ctx)
            except (LifecastError, OSError) as error:
                paragraph = " ".join(as_options(str(error)).split())
                console(stderr=True).print(f"Error: {paragraph}")
                raise typer.Exit(2) from error


# -- options that several commands have ------------------------------------------------------------

Customer = Annotated[str | None, typer.Option(help="Column of the customer id; guessed when obvious.")]
Date = Annotated[str | None, typer.Option(help="Column of the date; guessed when obvious.")]
Amount = Annotated[str | None, typer.Option(help="Column of the amount; guessed when obvious, or none.")]
TimeUnit = Annotated[
    str | None, typer.Option(help="day, week, month, year or a number of days.", show_default="week")
]
ObservationEnd = Annotated[
    str | None, typer.Option(help="Last day observed, YYYY-MM-DD.", show_default="the log's last day")
]
Returns = Annotated[
    str | None, typer.Option(help="Negative amounts: net, drop or refuse.", show_default="net")
]
MergeWithin = Annotated[
    str | None,
    typer.Option(help="Purchases in one day, week or block of so many days are one.", show_default="day"),
]
DateFormat = Annotated[
    str | None, typer.Option(help="How dates are written, such as %d/%m/%Y.", show_default="ISO 8601")
]
Attribute = Annotated[
    list[str] | None, typer.Option(help="Column to keep, one value per customer; may be repeated.")
]
LogOrRFM = Annotated[
    str,
    typer.Argument(
        metavar="LOG-or-RFM",
        help="Parquet or CSV file (or glob) of transactions, or what lifecast rfm made.",
    ),
]
Spec = Annotated[Path | None, typer.Option(help="Run specification, a TOML file; options come before it.")]
Seed = Annotated[int | None, typer.Option(help="Random seed.", show_default="0")]


def given(**options: Any) -> dict[str, Any]:
    """The options that were given; where a number or a name may stand, a number as a number."""
    either = ("time_unit", "merge_within", "margin")
    return {
        name: numeric(value) if name in either else value
        for name, value in options.items()
        if value is not None
    }


def numeric(text: str) -> int | float | str:
    """A number where the text is one."""
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def read_spec(path: Path | None) -> "Specification":
    """The run specification in a file; without one, that of the defaults."""
    from lifecast.specification import Specification, read_specification

    return Specification.model_validate({}) if path is None else read_specification(path)


def settings(of: Any) -> dict[str, Any]:
    """The keys of a specification's table that were set."""
    return {name: value for name, value in of if value is not None}


def read_rfm(path: str, options: dict[str, Any], data: "Data") -> "RFM":
    """The RFM in a file, or that of a log."""
    from lifecast.rfm import RFM, rfm_summary
    from lifecast.rfm_file import holds_rfm

    if not holds_rfm(path):
        with working("Reading the log"):
            return rfm_summary(path, **{**settings(data), **options})
    if options:
        raise SettingsError(
            f"{path} is an RFM already, and {next(iter(options))}= says how to read a log. Leave it away, or "
            "pass the log itself."
        )
    rfm = RFM.load(path)
    data.check(rfm)
    return rfm


def refuse_overwriting(*paths: str | Path | None) -> None:
    """Outputs must differ from inputs and from each other."""
    known: set[Path] = set()
    for path in paths:
        if path is not None:
            place = Path(path).resolve()
            if place in known:
                raise SettingsError(f"{path} would be overwritten by a result. Choose another name.")
            known.add(place)


# -- commands --------------------------------------------------------------------------------------

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
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


@app.command(
    epilog="Example: lifecast rfm sales.csv --customer cust_no --date day --amount total "
    "--observation-end 2025-12-31 --out customers.parquet"
)
def rfm(
    log: Annotated[
        str, typer.Argument(metavar="LOG", help="Parquet or CSV file of transactions, or a glob of them.")
    ],
    out: Annotated[Path, typer.Option(help="Parquet file to write.")],
    customer: Customer = None,
    date: Date = None,
    amount: Amount = None,
    time_unit: TimeUnit = None,
    observation_end: ObservationEnd = None,
    holdout_end: Annotated[
        str | None, typer.Option(help="Also sum up what came after the observation end, to this day.")
    ] = None,
    returns: Returns = None,
    merge_within: MergeWithin = None,
    date_format: DateFormat = None,
    attribute: Attribute = None,
) -> None:
    """Summarise a log of transactions: recency, frequency and monetary value of each customer."""
    from lifecast.export import check_target
    from lifecast.rfm import rfm_summary

    check_target(out, (".parquet",))
    refuse_overwriting(log, out)
    options = given(
        customer_id=customer, date=date, amount=amount, time_unit=time_unit, observation_end=observation_end,
        holdout_end=holdout_end, returns=returns, merge_within=merge_within, date_format=date_format,
        attributes=attribute,
    )  # fmt: skip
    with working("Reading the log"):
        summary = rfm_summary(log, **options)
    summary.save(out)
    say(summary.report)
    say(f"Wrote {out}: {len(summary):,} customers, times in {summary.time_unit}s.")


@app.command(epilog="Example: lifecast fit customers.parquet --out model.nc")
def fit(
    source: LogOrRFM,
    out: Annotated[Path, typer.Option(help="Model file to write, .nc (netCDF).")],
    spec: Spec = None,
    method: Annotated[
        str | None, typer.Option(help="laplace (the posterior) or map (its mode).", show_default="laplace")
    ] = None,
    draws: Annotated[int | None, typer.Option(help="Posterior draws.", show_default="1000")] = None,
    seed: Seed = None,
    customer: Customer = None,
    date: Date = None,
    amount: Amount = None,
    time_unit: TimeUnit = None,
    observation_end: ObservationEnd = None,
    returns: Returns = None,
    merge_within: MergeWithin = None,
    date_format: DateFormat = None,
) -> None:
    """Learn what customers share: the posterior of the model's parameters."""
    from lifecast.export import check_target

    check_target(out, (".nc",))
    refuse_overwriting(source, spec, out)
    run = read_spec(spec)
    options = given(
        customer_id=customer, date=date, amount=amount, time_unit=time_unit, observation_end=observation_end,
        returns=returns, merge_within=merge_within, date_format=date_format,
    )  # fmt: skip
    customers = read_rfm(source, options, run.data)
    has_amounts = customers.monetary_value is not None
    model = run.model(amounts=has_amounts)
    if not has_amounts:
        note("there are no amounts: purchases are modelled alone.")
    with working("Fitting"):
        model.fit(customers, **{**settings(run.fit), **given(method=method, draws=draws, random_seed=seed)})
    model.save(out)
    print_fit(model, customers)
    say(f"Wrote {out}.")


def print_fit(model: "CLTV", customers: "RFM") -> None:
    """What was learned, and whether to trust it."""
    families = " and ".join(family.name for family in (model.purchases, model.spend) if family is not None)
    headline(f"Parameters of {families}, {len(customers):,} customers, times in {customers.time_unit}s")
    print_parameters(model)
    headline("Diagnostics")
    print_diagnostics(model)


@app.command(
    epilog="Example: lifecast forecast customers.parquet --model model.nc --horizon 52 "
    "--annual-discount-rate 0.1 --out cltv.parquet"
)
def forecast(
    source: LogOrRFM,
    model: Annotated[Path, typer.Option(help="Model file, made by lifecast fit.")],
    out: Annotated[Path, typer.Option(help="File of customers to write, .parquet or .csv.")],
    horizon: Annotated[
        str | None, typer.Option(help="A number of time units, '12 months', a date, or infinite.")
    ] = None,
    annual_discount_rate: Annotated[
        float | None, typer.Option(help="0.1 is 10% a year.", show_default="0")
    ] = None,
    margin: Annotated[
        str | None, typer.Option(help="Share of an amount that is value, or an attribute.", show_default="1")
    ] = None,
    interval: Annotated[
        float | None, typer.Option(help="Probability of the intervals.", show_default="0.9")
    ] = None,
    worlds: Annotated[
        int | None, typer.Option(help="Futures to simulate of every customer.", show_default="1000")
    ] = None,
    seed: Seed = None,
    portfolio_out: Annotated[
        Path | None, typer.Option(help="File of all customers' sums by period to write, .parquet or .csv.")
    ] = None,
    spec: Spec = None,
    customer: Customer = None,
    date: Date = None,
    amount: Amount = None,
    time_unit: Annotated[
        str | None, typer.Option(help="Time unit of the RFM made of a log.", show_default="the model's")
    ] = None,
    observation_end: ObservationEnd = None,
    returns: Returns = None,
    merge_within: MergeWithin = None,
    date_format: DateFormat = None,
    attribute: Attribute = None,
) -> None:
    """Forecast every customer's purchases and discounted value, with intervals, and all customers' sums."""
    from lifecast.export import TABLE_ENDINGS, check_target, write_table
    from lifecast.model import CLTV
    from lifecast.rfm_file import holds_rfm

    for target in (out, portfolio_out):
        if target is not None:
            check_target(target, TABLE_ENDINGS)
    refuse_overwriting(source, model, spec, out, portfolio_out)
    run = read_spec(spec)
    fitted = CLTV.load(model)
    options = given(
        customer_id=customer, date=date, amount=amount, time_unit=time_unit, observation_end=observation_end,
        returns=returns, merge_within=merge_within, date_format=date_format, attributes=attribute,
    )  # fmt: skip
    if run.data.time_unit is None and not holds_rfm(source):
        options = {"time_unit": fitted.time_unit, **options}
    customers = read_rfm(source, options, run.data)
    outlook = settings(run.forecast) | given(
        horizon=horizon, annual_discount_rate=annual_discount_rate, margin=margin, interval=interval,
        worlds=worlds, random_seed=seed,
    )  # fmt: skip
    if "horizon" not in outlook:
        raise SettingsError("horizon= is missing: pass a number of time units, a length or a date.")
    with working("Forecasting", total=len(customers)) as progress:
        result = fitted.forecast(customers, progress=progress, **outlook)
    write_table(result.customers, out)
    if portfolio_out is not None:
        write_table(result.portfolio, portfolio_out)
    print_forecast(result)
    for written in (out, portfolio_out):
        if written is not None:
            say(f"Wrote {written}.")


def print_forecast(result: "Forecast") -> None:
    """All customers' sums, and the best customers."""
    headline(f"The next {result.horizon:g} {result.time_unit}s of {len(result.customers):,} customers")
    print_total(result)
    by = "of highest CLTV" if "cltv" in result.customers else "who will buy most"
    headline(f"The {min(BEST, len(result.customers))} customers {by}")
    print_customers(result.customers, result.interval)


@app.command(
    epilog="Example: lifecast backtest sales.csv --horizon 13 --horizon '12 months' --origins 12 "
    "--out errors.csv"
)
def backtest(
    log: Annotated[
        str, typer.Argument(metavar="LOG", help="Parquet or CSV file of transactions, or a glob of them.")
    ],
    horizon: Annotated[
        list[str], typer.Option(help="A number of time units, or '12 months'; may be repeated.")
    ],
    out: Annotated[Path, typer.Option(help="File to write, a row per origin and horizon: .parquet or .csv.")],
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
    customer: Customer = None,
    date: Date = None,
    amount: Amount = None,
    time_unit: TimeUnit = None,
    returns: Returns = None,
    merge_within: MergeWithin = None,
    date_format: DateFormat = None,
) -> None:
    """Forecast from earlier days with what was known then, and hold the forecasts against what came."""
    from lifecast.backtesting import backtest as run_backtest
    from lifecast.export import TABLE_ENDINGS, check_target, write_table
    from lifecast.transactions import read_transactions

    targets = [target for target in (out, groups_out, scores_out) if target is not None]
    for target in targets:
        check_target(target, TABLE_ENDINGS)
    refuse_overwriting(log, spec, *targets)
    if (groups is None) is not (groups_out is None):
        raise SettingsError("groups= names a column, and --groups-out a file: pass both, or neither.")
    run = read_spec(spec)
    options = settings(run.data) | given(
        customer_id=customer, date=date, amount=amount, time_unit=time_unit, returns=returns,
        merge_within=merge_within, date_format=date_format,
    )  # fmt: skip
    for name in ("observation_end", "attributes"):  # of one RFM; a backtest makes many
        options.pop(name, None)
    model = None
    if spec is not None:
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
    write_table(result.portfolio, out)
    if groups_out is not None and result.groups is not None:
        write_table(result.groups, groups_out)
    if scores_out is not None:
        write_table(result.scores, scores_out)
    print_backtest(result)
    say(f"Wrote {', '.join(str(target) for target in targets)}.")


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


@app.command(epilog="Example: lifecast demo --out demo-output")
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results; made if it is not there.")],
    worlds: Annotated[int, typer.Option(help="Futures to simulate of every customer.")] = 1000,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 1,
) -> None:
    """Show it all on a real shop's log: CDNOW, nine months to learn from and nine to be held against."""
    from lifecast.datasets import load_cdnow
    from lifecast.export import write_table, written_beside
    from lifecast.model import CLTV
    from lifecast.rfm import rfm_summary

    if not out.is_dir():
        out.mkdir()  # before the work, so that it is not in vain
    with working("Reading the log"):
        customers = rfm_summary(
            load_cdnow(), time_unit="week", observation_end="1997-09-30", holdout_end="1998-06-30"
        )
    truth = customers.holdout
    assert truth is not None and truth.value is not None and truth.period_value is not None
    headline("The log: a CD shop's customers who first bought early in 1997")
    say(customers.report)

    with working("Fitting (the first run also compiles)"):
        model = CLTV().fit(customers, random_seed=seed)
    print_fit(model, customers)

    with working("Forecasting", total=len(customers)) as progress:
        result = model.forecast(
            customers, horizon=truth.duration, worlds=worlds, random_seed=seed, progress=progress
        )
    scored = result.customers.assign(purchases_actual=truth.frequency, value_actual=truth.value)
    headline(
        f"The {BEST} customers of highest CLTV, {result.horizon:g} weeks, not discounted, and what they spent"
    )
    print_customers(scored, result.interval)
    held = scored["value_actual"].between(scored["cltv_lower"], scored["cltv_upper"]).mean()
    say(
        f"Of all {len(scored):,} customers, {held:.1%} spent what their {result.interval:.0%} interval holds."
    )
    headline(f"The portfolio: all {len(customers):,} customers, the next {result.horizon:g} weeks")
    actual = {"purchases": float(truth.period_purchases.sum()), "value": float(truth.period_value.sum())}
    print_total(result, actual)
    bounds = result.total
    missed = [name for name, it in actual.items() if not bounds["lower"][name] <= it <= bounds["upper"][name]]
    if missed:
        say(
            f"The interval misses the real {' and '.join(missed)}: the market did what it had not done "
            "before in this log. See docs/honest_intervals.md for how often that happens."
        )
    figure = draw_portfolio(result, {"purchases": truth.period_purchases, "value": truth.period_value})
    customers.save(out / "rfm.parquet")
    model.save(out / "model.nc")
    write_table(scored, out / "customers.parquet")
    by_period = result.portfolio.assign(
        purchases_actual=truth.period_purchases, value_actual=truth.period_value
    )
    write_table(by_period, out / "portfolio.csv")
    with written_beside(out / "portfolio.png") as path:
        figure.savefig(path, dpi=150)
    say()
    say(f"Wrote rfm.parquet, model.nc, customers.parquet, portfolio.csv and portfolio.png to {out}.")


def draw_portfolio(result: "Forecast", actual: Mapping[str, Any]) -> Any:
    """Every measure period by period, beside what really happened."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 7), layout="constrained")
    for ax, (measure, happened) in zip(figure.subplots(len(actual), 1), actual.items(), strict=True):
        result.plot_portfolio(measure, ax=ax, actual=happened)
    return figure


def main() -> None:
    """Run the command line."""
    app(prog_name="lifecast")


if __name__ == "__main__":
    main()
