"""The command plan."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from lifecast.cli import session
from lifecast.cli.inputs import read_rfm, refuse_overwriting
from lifecast.cli.options import (
    Amount,
    Customer,
    Date,
    DateFormat,
    LogOrRFM,
    MergeWithin,
    ObservationEnd,
    Returns,
    given,
    numeric,
)
from lifecast.cli.printing import count, headline, money, say, table, working
from lifecast.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd

    from lifecast.planning.budget import Allocation, Objective
    from lifecast.planning.channels import Channels
    from lifecast.planning.segments import Segments

RETURNS_AFTER = ("30 days", "90 days", "365 days")


def plan(
    source: LogOrRFM,
    model: Annotated[Path, typer.Option(help="Model file, made by lifecast fit.")],
    out: Annotated[Path, typer.Option(help="Folder for the tables; made where it is not there.")],
    costs: Annotated[
        Path | None,
        typer.Option(
            help="Table of costs, .csv or .parquet: channel (or what the model's groups are), cost and "
            "new_customers, a row per channel and month. Needs a model made with --groups."
        ),
    ] = None,
    budget: Annotated[float | None, typer.Option(help="Money to split over the channels.")] = None,
    months: Annotated[int, typer.Option(help="Months that the budget is for.")] = 12,
    objective: Annotated[
        str, typer.Option(help="What the budget maximises: mean, quantile or cvar (its worst cases).")
    ] = "mean",
    horizon: Annotated[
        str, typer.Option(help="Until when customers' value counts: '365 days', or time units.")
    ] = "365 days",
    annual_discount_rate: Annotated[float, typer.Option(help="0.1 is 10% a year.")] = 0.1,
    margin: Annotated[float, typer.Option(help="Share of an amount that is value.")] = 1.0,
    target_roi: Annotated[float, typer.Option(help="Return that an acquisition has to bring.")] = 0.0,
    worlds: Annotated[int, typer.Option(help="Futures to simulate of every customer.")] = 1000,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    customer: Customer = None,
    date: Date = None,
    amount: Amount = None,
    observation_end: ObservationEnd = None,
    returns: Returns = None,
    merge_within: MergeWithin = None,
    date_format: DateFormat = None,
) -> dict[str, Any]:
    """Segments and cash flow of the customers; with costs, channels' returns and a budget."""
    from lifecast.export import write_table
    from lifecast.model import CLTV
    from lifecast.planning.portfolio import cash_flow
    from lifecast.planning.segments import segments
    from lifecast.rfm_file import holds_rfm
    from lifecast.specification import Data

    refuse_overwriting(source, model, costs)
    source = session.source(source)
    if out.exists() and not out.is_dir():
        raise SettingsError(f"{out} is a file. Choose a folder for the tables.")
    if budget is not None and costs is None:
        raise SettingsError("A budget needs the costs so far: pass the table with --costs.")
    spent = None if costs is None else read_costs(costs)
    fitted = CLTV.load(model)
    options = given(
        customer_id=customer, date=date, amount=amount, observation_end=observation_end, returns=returns,
        merge_within=merge_within, date_format=date_format,
    )  # fmt: skip
    if not holds_rfm(source):
        options |= {"time_unit": fitted.time_unit, "attributes": fitted.attributes_needed}
    customers = read_rfm(source, options, Data())
    outlook: dict[str, Any] = {
        "annual_discount_rate": annual_discount_rate, "margin": margin, "worlds": worlds, "random_seed": seed,
    }  # fmt: skip
    of_channels: dict[str, pd.DataFrame] = {}
    by_channel, plan = None, None
    if spent is not None:  # first, since it is quick and may refuse the costs
        from lifecast.planning.budget import allocate
        from lifecast.planning.channels import channels

        earlier = [time for time in RETURNS_AFTER if time != horizon]
        with working("Valuing channels"):
            by_channel = channels(
                fitted, spent, horizons=(*earlier, horizon), target_roi=target_roi, **outlook
            )
        of_channels |= {
            "channels": by_channel.table.reset_index(),
            "returns": by_channel.roi.reset_index(),
            "payback": by_channel.payback.reset_index(),
        }
        if budget is not None:
            plan = allocate(
                by_channel, budget, spent, months=months, objective=cast("Objective", objective),
                random_seed=seed,
            )  # fmt: skip
            of_channels |= {
                "budget": plan.table.reset_index(),
                "budget_by_month": plan.monthly,
                "frontier": plan.frontier,
            }
    with working("Forecasting", total=len(customers)) as progress:
        forecast = fitted.forecast(customers, numeric(horizon), progress=progress, **outlook)
    with working("Segments", total=len(customers)) as progress:
        classes = segments(forecast, progress=progress)
    with working("Cash flow", total=len(customers)) as progress:
        flow = cash_flow(forecast, by=fitted.purchases.groups, progress=progress)
    tables = {
        "customers": classes.customers,
        "segments": classes.segments.reset_index(),
        "rules": classes.rules.reset_index(),
        "cash_flow": flow.periods,
    } | of_channels
    out.mkdir(parents=True, exist_ok=True)
    for name, values in tables.items():
        write_table(values, out / f"{name}.csv")
    print_segments(classes)
    if by_channel is not None:
        print_channels(by_channel)
    if plan is not None:
        print_plan(plan)
    say(f"Wrote {', '.join(f'{name}.csv' for name in tables)} in {out}.")
    summed = {name: values for name, values in tables.items() if name != "customers"}
    return {"wrote": [str(out / f"{name}.csv") for name in tables], **summed}


def read_costs(path: Path) -> "pd.DataFrame":
    """The cost table of a file.

    Raises
    ------
    SettingsError
        No such file, or one of another kind.
    """
    import pandas as pd

    if path.suffix.lower() not in (".csv", ".parquet"):
        raise SettingsError(f"{path}: needed a table of costs, .csv or .parquet.")
    if not path.is_file():
        raise SettingsError(f"{path}: no such file. Pass the table of costs.")
    if path.suffix.lower() == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path, keep_default_na=False)  # a channel may be called "None"


def print_segments(classes: "Segments") -> None:
    """What each class of customers is and will bring."""
    headline("Segments")
    rows = [
        [
            str(name), count(row["customers"]), f"{row['share']:.0%}",
            f"{row['share_lower']:.0%} to {row['share_upper']:.0%}",
        ]
        for name, row in classes.segments.to_dict("index").items()
    ]  # fmt: skip
    table(["segment", "customers", "of value", "90% interval"], rows)
    for name, rule in classes.rules["rule"].items():
        say(f"{name}: {rule}.")


def print_channels(found: "Channels") -> None:
    """What customers of each channel are worth, against what they cost."""
    headline(f"A new customer's value, {found.horizons[-1]} from the first purchase on")
    rows = [
        [
            str(name), money(row["value"]), f"{money(row['value_lower'])} to {money(row['value_upper'])}",
            money(row["cac"]), money(row["highest_cac"]), f"{row['probability_pays']:.0%}",
        ]
        for name, row in found.table.to_dict("index").items()
    ]  # fmt: skip
    table(["channel", "value", "90% interval", "cost", "may cost", "pays"], rows)


def print_plan(plan: "Allocation") -> None:
    """The budget by channel, and what it is expected to bring."""
    total = plan.total
    headline(f"A budget of {count(total['budget'])}")
    rows = [
        [
            str(name), count(row["budget"]), count(row["new_customers"]), count(row["value"]),
            f"{count(row['value_lower'])} to {count(row['value_upper'])}", f"{row['value_of_next']:.2f}",
        ]
        for name, row in plan.table.to_dict("index").items()
    ]  # fmt: skip
    table(["channel", "budget", "customers", "value", "90% interval", "of the next 1"], rows)
    say(
        f"Profit {count(total['profit'])}, {count(total['profit_lower'])} to {count(total['profit_upper'])}; "
        f"positive with {total['probability_profit']:.0%}."
    )
