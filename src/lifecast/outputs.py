"""A forecast's tables as others get them: columns, types and what they say of themselves, version by version.

`docs/outputs.md` lists the columns. A column is never renamed, retyped or given another meaning within a
version; new ones may come at the end.
"""

import json
import math
import os
from collections.abc import Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lifecast.errors import SettingsError
from lifecast.export import (
    TABLE_ENDINGS,
    check_database,
    check_target,
    is_database,
    write_database,
    write_table,
    write_workbook,
    written_beside,
)
from lifecast.export.database import IfExists
from lifecast.forecast import Forecast
from lifecast.timeunit import TimeUnit

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SCHEMA_VERSION = 1
METADATA = b"lifecast"  # key of a Parquet file's metadata
Table = Literal["customers", "portfolio", "total"]
TABLES: tuple[Table, ...] = ("customers", "portfolio", "total")


def export(
    forecast: Forecast,
    to: str | os.PathLike[str],
    *,
    table: Table = "customers",
    name: str = "lifecast",
    if_exists: IfExists = "replace",
) -> None:
    """Write a forecast's tables; see `Forecast.export`."""
    check_export(to)
    if is_database(to):
        run = {
            "observation_end": str(forecast.observation_end or "") or None,
            "horizon": float(forecast.horizon),
            "time_unit": forecast.time_unit.name,
            "schema_version": SCHEMA_VERSION,
        }
        rows = {f"{name}_{which}": tagged(table_of(forecast, which), run) for which in TABLES}
        write_database(rows, str(to), if_exists=if_exists)
    else:
        write_file({which: table_of(forecast, which) for which in TABLES}, to, table, about(forecast, table))


def write_file(
    tables: Mapping[Table, "pd.DataFrame"], to: str | os.PathLike[str], which: Table, said: dict[str, Any]
) -> None:
    """Write one of a forecast's tables, which says how it was made; into a workbook all of them.

    Raises
    ------
    SettingsError
        There is no such table, or it cannot be written there.
    """
    if which not in tables:
        raise SettingsError(f"table={which!r}: a forecast has {', '.join(tables)}.")
    ending = Path(to).suffix.lower()
    if ending == ".xlsx":
        write_workbook({str(name): table for name, table in tables.items()} | {"about": facts(said)}, to)
    elif ending == ".parquet":
        import pyarrow.parquet as pq

        with written_beside(to) as beside:
            pq.write_table(arrow_of(tables[which], said), beside)
    else:
        write_table(tables[which], to)


def check_export(to: str | os.PathLike[str]) -> None:
    """See before the work that a forecast can be written there.

    Raises
    ------
    SettingsError
        The path has another ending or no folder, or the database cannot be reached.
    """
    if is_database(to):
        check_database(str(to))
    else:
        check_target(to, TABLE_ENDINGS)


def table_of(forecast: Forecast, which: Table) -> "pd.DataFrame":
    """One of a forecast's tables, with all that it says in columns.

    Raises
    ------
    SettingsError
        There is no such table.
    """
    if which not in TABLES:
        raise SettingsError(f"table={which!r}: a forecast has {', '.join(TABLES)}.")
    if which == "total":
        return forecast.total.rename_axis("measure").reset_index()
    return forecast.customers if which == "customers" else forecast.portfolio


def to_arrow(forecast: Forecast, which: Table = "customers") -> "pa.Table":
    """One of a forecast's tables in Arrow; its schema's metadata say what was forecast and how."""
    return arrow_of(table_of(forecast, which), about(forecast, which))


def arrow_of(table: "pd.DataFrame", said: dict[str, Any]) -> "pa.Table":
    """A table in Arrow, with types that stay and what is said of it."""
    import pyarrow as pa

    plain = pa.Table.from_pandas(table, preserve_index=False)
    return plain.cast(stable_schema(plain.schema, said))


def stable_schema(found: "pa.Schema", said: dict[str, Any]) -> "pa.Schema":
    """A table's columns in types that stay, with what is said of it."""
    import pyarrow as pa

    fields = [
        field.with_type(stable_type(field.type)).with_nullable(True).remove_metadata() for field in found
    ]
    return pa.schema(fields, metadata={METADATA: json.dumps(said)})


def stable_type(found: Any) -> Any:
    """The type that a column has whatever version of pandas or Arrow made it."""
    import pyarrow as pa

    if pa.types.is_large_string(found) or pa.types.is_string_view(found):
        return pa.string()
    return pa.timestamp("us") if pa.types.is_timestamp(found) else found


def about(forecast: Forecast, which: Table) -> dict[str, Any]:
    """What a table is and how it was made, ready for JSON."""
    simulation = forecast.simulation
    families = (simulation.purchase_family, simulation.spend_family)
    return described(
        which, families, len(simulation.worlds), forecast.observation_end, forecast.horizon,
        forecast.time_unit, forecast.interval, forecast.settings,
    )  # fmt: skip


def described(
    which: Table,
    families: tuple[Any, ...],
    worlds: int,
    observation_end: date | None,
    horizon: float,
    time_unit: TimeUnit,
    interval: float,
    settings: dict[str, Any],
) -> dict[str, Any]:
    """What a table of these families' forecast is and how it was made, ready for JSON."""
    return {
        "table": which,
        "schema_version": SCHEMA_VERSION,
        "lifecast": version("lifecast"),
        "families": [family.name for family in families if family is not None],
        "observation_end": None if observation_end is None else str(observation_end),
        "horizon": "infinite" if math.isinf(horizon) else horizon,
        "time_unit": time_unit.name,
        "interval": interval,
        "worlds": worlds,
        **settings,
    }


def facts(said: dict[str, Any]) -> "pd.DataFrame":
    """The same as a table of two columns."""
    import pandas as pd

    said = {name: value for name, value in said.items() if name != "table"}
    texts = [", ".join(value) if isinstance(value, list) else value for value in said.values()]
    return pd.DataFrame({"what": list(said), "value": np.array(texts, dtype=object)})


def tagged(table: "pd.DataFrame", run: dict[str, Any]) -> "pd.DataFrame":
    """Rows that also say of which run they are: a table in a database may hold several."""
    import pandas as pd

    leading = {name: value for name, value in run.items() if name != "schema_version"}
    columns = {name: pd.Series([value] * len(table), dtype=_dtype(value)) for name, value in leading.items()}
    tail = pd.Series(np.full(len(table), run["schema_version"], np.int64), name="schema_version")
    return pd.concat([pd.DataFrame(columns), table.reset_index(drop=True), tail], axis="columns")


def _dtype(value: Any) -> Any:
    return np.float64 if isinstance(value, float) else object
