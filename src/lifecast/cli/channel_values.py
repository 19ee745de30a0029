"""What plan and report share: tables of costs, and what new customers of each channel are worth."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lifecast.cli.printing import working
from lifecast.errors import DataError, SettingsError

if TYPE_CHECKING:
    import pandas as pd

    from lifecast.model import CLTV
    from lifecast.planning.channels import Channels

RETURNS_AFTER = (30, 90, 365)  # days


def read_costs(path: Path, date_format: str | None = None) -> "pd.DataFrame":
    """The cost table of a file; its starts are written in ISO 8601, or else as the log's dates are.

    Raises
    ------
    SettingsError
        No such file, or one of another kind.
    DataError
        Its starts are no dates: 03/04 is never guessed.
    """
    import pandas as pd

    from lifecast.transactions import read_table

    if path.suffix.lower() not in (".csv", ".parquet"):
        raise SettingsError(f"{path}: needed a table of costs, .csv or .parquet.")
    if not path.is_file():
        raise SettingsError(f"{path}: no such file. Pass the table of costs.")
    costs = read_table(path)
    if "start" in costs and not pd.api.types.is_numeric_dtype(costs["start"]):
        start = pd.to_datetime(costs["start"], format="ISO8601", errors="coerce")
        if start.isna().any() and date_format is not None:
            start = pd.to_datetime(costs["start"], format=date_format, errors="coerce")
        if start.isna().any():
            raise DataError(
                f"{path}: the start {costs['start'][start.isna()].iloc[0]!r} is no date. Needed: YYYY-MM-DD, "
                "such as 2025-03-01, or as date_format= says of the log's dates."
            )
        costs["start"] = start
    return costs


def value_channels(
    model: "CLTV", spent: "pd.DataFrame", days: float, outlook: dict[str, Any], **settings: Any
) -> "Channels":
    """What a new customer of each channel is worth within so many days, and at the usual horizons before."""
    from lifecast.planning.channels import channels

    with working("Valuing channels"):
        return channels(model, spent, horizons=horizons_to(days), **outlook, **settings)


def horizons_to(days: float) -> tuple[str, ...]:
    """The usual ones that are shorter, and the forecast's own, from a customer's first purchase on."""
    shorter = [f"{usual} days" for usual in RETURNS_AFTER if usual < 0.9 * days]
    return (*shorter, "infinite" if math.isinf(days) else f"{days:.0f} days")
