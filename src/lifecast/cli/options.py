"""Options that several commands have, and their values as arguments."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from lifecast.families import PURCHASE_FAMILIES, SPEND_FAMILIES

Customer = Annotated[str | None, typer.Option(help="Column of the customer id; guessed when obvious.")]
Date = Annotated[str | None, typer.Option(help="Column of the date; guessed when obvious.")]
Amount = Annotated[str | None, typer.Option(help="Column of the amount; guessed when obvious, or none.")]
TimeUnit = Annotated[
    str | None,
    typer.Option(
        help="day, week, month, quarter, year or a number of days.",
        show_default="week",
        autocompletion=lambda: ["day", "week", "month", "quarter", "year"],
    ),
]
ObservationEnd = Annotated[
    str | None, typer.Option(help="Last day observed, YYYY-MM-DD.", show_default="the log's last day")
]
HoldoutEnd = Annotated[
    str | None, typer.Option(help="Also sum up what came after the observation end, to this day.")
]
Returns = Annotated[
    str | None,
    typer.Option(
        help="Negative amounts: net, drop or refuse.",
        show_default="net",
        autocompletion=lambda: ["net", "drop", "refuse"],
    ),
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
Log = Annotated[
    str,
    typer.Argument(
        metavar="LOG",
        help="Parquet or CSV file of transactions, or a glob of them in quotes, 'sales/*.parquet'; - is "
        "standard input.",
    ),
]
LogOrRFM = Annotated[
    str,
    typer.Argument(
        metavar="LOG-or-RFM",
        help="Parquet or CSV file of transactions, or a glob of them in quotes, 'sales/*.parquet'; or what "
        "lifecast rfm made, or another table of customers in Parquet; - is standard input.",
    ),
]
Spec = Annotated[Path | None, typer.Option(help="Run specification, a TOML file; options come before it.")]
Purchases = Annotated[
    str | None,
    typer.Option(
        help=f"Family of purchases: {', '.join(PURCHASE_FAMILIES)}.",
        show_default="bg-nbd",
        autocompletion=lambda: list(PURCHASE_FAMILIES),
    ),
]
Spend = Annotated[
    str | None,
    typer.Option(
        help=f"Family of spend: {', '.join(SPEND_FAMILIES)}.",
        show_default="gamma-gamma",
        autocompletion=lambda: list(SPEND_FAMILIES),
    ),
]
Seed = Annotated[int | None, typer.Option(help="Random seed.", show_default="0")]
ModelFile = Annotated[Path, typer.Option(help="Model file, made by lifecast fit.")]
DiscountRate = Annotated[float | None, typer.Option(help="0.1 is 10% a year.", show_default="0.1")]
Margin = Annotated[float | None, typer.Option(help="Share of an amount that is value.", show_default="1")]
Interval = Annotated[float | None, typer.Option(help="Probability of the intervals.", show_default="0.9")]
Worlds = Annotated[
    int | None, typer.Option(help="Futures to simulate of every customer.", show_default="1000")
]
Costs = Annotated[
    Path | None,
    typer.Option(
        help="Table of costs, .csv or .parquet: channel (or what the model's groups are), cost and "
        "new_customers, a row per channel and month (start). Needs a model made with --groups."
    ),
]
Budget = Annotated[float | None, typer.Option(help="Money to split over the channels.")]

Months = Annotated[int | None, typer.Option(help="Months that the budget is for.", show_default="12")]


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
