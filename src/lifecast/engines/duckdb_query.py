"""One question to a checked log in DuckDB: its settings, and SQL that mentions them by name.

Money is added up in whole numbers, so that sums do not depend on the order of rows or on threads: an amount
is counted in units of 2^-61 of the largest one (rounded up to a power of two), where doubles of ordinary
logs are exact, and sums are HUGEINT. The same holds for logarithms of amounts, in units of 2^-50. For their
spread within a customer they are rounded to units of 2^-25, whose squares are whole numbers too: large sums
may cancel.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from lifecast.engines.duckdb import damage_told
from lifecast.kernels.purchase_sums import LOG_UNITS

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

_PARAMETER = re.compile(r"\$(\w+)")
UNITS = "CAST(amount * $scale AS BIGINT)"


@dataclass(frozen=True)
class SummaryQuery:
    """One question to a log whose checked `lines` are customer_id, day[, amount][, attributes].

    Lines to `end` count, and those to `held_end` for the holdout; lines of one block of `merge_days` days
    merge. `unit_days` is the length of the holdout's periods, `largest_amount` the scale of money (None: no
    amounts).
    """

    end: date
    held_end: date | None
    merge_days: int
    unit_days: float
    returns: str
    largest_amount: float | None
    attributes: tuple[str, ...]

    @property
    def money_scale(self) -> float:
        """Whole units of money per unit of the log's currency."""
        _, exponent = math.frexp(self.largest_amount or 0.0)
        return 2.0 ** min(61 - exponent, 1000)


class Ask:
    """Runs SQL with the query's settings bound to the names that it mentions."""

    def __init__(self, connection: "DuckDBPyConnection", query: SummaryQuery) -> None:
        self.connection, self.query, self.money = connection, query, query.largest_amount is not None
        units = {"log_units": LOG_UNITS, "scale": query.money_scale}
        self._values = asdict(query) | units

    def run(self, sql: str, **values: Any) -> None:
        """Run a statement that gives no answer."""
        with damage_told():
            self.connection.execute(sql, self._mentioned(sql, self._values | values))

    def row(self, sql: str, **values: Any) -> dict[str, Any]:
        """The one row of an answer, by column name."""
        return dict(self.table(sql, **values).to_pylist()[0])

    def table(self, sql: str, **values: Any) -> "pa.Table":
        """An answer of any number of rows."""
        with damage_told():
            return self.connection.sql(
                sql, params=self._mentioned(sql, self._values | values)
            ).to_arrow_table()

    def reader(self, sql: str, rows: int, **values: Any) -> "pa.RecordBatchReader":
        """An answer that comes so many rows at a time."""
        known = self._mentioned(sql, self._values | values)
        return self.connection.sql(sql, params=known).to_arrow_reader(rows)

    @staticmethod
    def _mentioned(sql: str, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: values[name] for name in set(_PARAMETER.findall(sql))}
