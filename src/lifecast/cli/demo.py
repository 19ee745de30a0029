"""The command demo."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lifecast.cli.printing import headline, say, working
from lifecast.cli.results import BEST, print_customers, print_fit, print_total

if TYPE_CHECKING:
    from lifecast.forecast import Forecast


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results; made if it is not there.")],
    worlds: Annotated[int, typer.Option(help="Futures to simulate of every customer.")] = 1000,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 1,
) -> dict[str, Any]:
    """Show it all on a real shop's log: CDNOW, nine months to learn from and nine to be held against."""
    from lifecast.datasets import load_cdnow
    from lifecast.export import write_table, written_beside
    from lifecast.from_log import rfm_summary
    from lifecast.model import CLTV

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
    names = ("rfm.parquet", "model.nc", "customers.parquet", "portfolio.csv", "portfolio.png")
    say(f"Wrote {', '.join(names[:-1])} and {names[-1]} to {out}.")
    return {
        "wrote": [str(out / name) for name in names],
        "held": float(held),
        "total": bounds.rename_axis("measure"),
        "actual": actual,
    }


def draw_portfolio(result: "Forecast", actual: Mapping[str, Any]) -> Any:
    """Every measure period by period, beside what really happened."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 7), layout="constrained")
    for ax, (measure, happened) in zip(figure.subplots(len(actual), 1), actual.items(), strict=True):
        result.plot_portfolio(measure, ax=ax, actual=happened)
    return figure
