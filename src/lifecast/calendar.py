"""What is known of the days, past and to come: holidays, promotions, days on which the shop is open.

A column multiplies the market's pace by exp(effect x value) on each day. The effects are learned from the
log's own past forecasts (`error_process.py`); a column named ``open`` is known to multiply the pace itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date as Date
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from lifecast.arrays import Floats
from lifecast.engines.duckdb_source import open_source
from lifecast.errors import DataError, SettingsError

LEAST_PACE = 1e-3
OPEN = "open"


@dataclass(frozen=True, eq=False)
class Calendar:
    """One row per day, without gaps.

    Attributes
    ----------
    first : date
    names : tuple of str
        Columns whose effects are learned.
    values : (day, column)
        Zero on an ordinary day.
    open : (day,)
        Share of an ordinary day's business that the day can do; 1 throughout without such a column.
    """

    first: Date
    names: tuple[str, ...]
    values: Floats
    open: Floats

    @classmethod
    def read(cls, table: Any) -> "Calendar":
        """Read a table of days: a column (or pandas index) ``date`` and one or more columns of numbers.

        Parameters
        ----------
        table : DataFrame, Arrow table, DuckDB relation, or path of a CSV or Parquet file

        Raises
        ------
        DataError
            A column is missing, a value is no finite number, or a day is missing or there twice.
        """
        if isinstance(table, Calendar):
            return table
        if getattr(getattr(table, "index", None), "name", None) == "date":
            table = table.reset_index()
        source = open_source(table)
        names = tuple(name for name in source.columns if name != "date")
        if "date" not in source.columns or not names:
            raise DataError(
                f"The calendar has the columns {', '.join(map(repr, source.columns))}. Needed: date, and one "
                "or more columns of numbers, such as promotion, 1 on its days and else 0."
            )
        if any("\n" in str(name) for name in names):
            raise DataError("The calendar has a column whose name has two lines. Give it a name of one.")
        source.attach({"date": "date"} | {f"column_{i}": name for i, name in enumerate(names)})
        numbers = ", ".join(f"TRY_CAST(column_{i} AS DOUBLE) AS column_{i}" for i in range(len(names)))
        rows = source.connection.sql(
            f"SELECT TRY_CAST(date AS DATE) AS day, {numbers} FROM source ORDER BY day"
        ).fetchnumpy()
        values = np.stack([np.ma.filled(rows[f"column_{i}"], np.nan) for i in range(len(names))], axis=1)
        for i in np.flatnonzero(~np.isfinite(values).all(axis=0)):
            raise DataError(
                f"The calendar's column {names[i]!r} has {np.sum(~np.isfinite(values[:, i])):,} values that "
                "are no finite numbers. Write 0 for a day without it."
            )
        if np.ma.is_masked(rows["day"]) or not len(values):
            raise DataError("The calendar has rows without a date. Needed: one row per day, as YYYY-MM-DD.")
        days = np.asarray(rows["day"]).astype("datetime64[D]")
        step = np.diff(days).astype(np.int64)
        for i in np.flatnonzero(step != 1)[:1]:
            found = "twice" if step[i] == 0 else f"and then {days[i + 1]}"
            raise DataError(f"The calendar has {days[i]} {found}. Needed: every day once, without gaps.")
        opened = np.ones(len(days))
        if OPEN in names:
            opened = values[:, names.index(OPEN)]
            if np.any(opened < 0.0) or not np.any(opened > 0.0):
                raise DataError('The calendar\'s column "open" must be 0 on closed days, 1 on ordinary ones.')
        learned = [i for i, name in enumerate(names) if name != OPEN]
        return cls(days[0].item(), tuple(str(names[i]) for i in learned), values[:, learned], opened)

    @property
    def scale(self) -> Floats:
        """The largest value of each column, without sign; 1 where all are zero."""
        largest = np.max(np.abs(self.values), axis=0, initial=0.0)
        scale: Floats = np.where(largest > 0.0, largest, 1.0)
        return scale

    def over(self, begin: Date, end: Date) -> "Calendar":
        """The days after one date up to another.

        Raises
        ------
        SettingsError
            The calendar lacks some of them.
        """
        last = self.first + timedelta(days=len(self.open) - 1)
        if begin + timedelta(days=1) < self.first or last < end:
            missing = []
            if begin + timedelta(days=1) < self.first:
                missing.append(f"{begin + timedelta(days=1)} to {self.first - timedelta(days=1)}")
            if last < end:
                missing.append(f"{last + timedelta(days=1)} to {end}")
            raise SettingsError(
                f"The calendar runs from {self.first} to {last}: it lacks {' and '.join(missing)}. It must "
                "hold every day of the log and of the horizon, those without anything special as well."
            )
        start = (begin - self.first).days + 1
        days = slice(start, start + (end - begin).days)
        return Calendar(begin + timedelta(days=1), self.names, self.values[days], self.open[days])

    def always_open(self) -> "Calendar":
        """The same without closed days."""
        return Calendar(self.first, self.names, self.values, np.ones(len(self.open)))

    def pace(self, effects: Floats, edges: Floats) -> Floats:
        """Mean pace between neighbouring edges, shape (draw, stretch).

        Parameters
        ----------
        effects : (draw, column)
            Of each column's largest value, on the log of the pace.
        edges : (stretch + 1,)
            Days from the beginning of the first day.
        """
        daily = self.open * np.exp(effects @ (self.values / self.scale).T)
        passed = np.concatenate([np.zeros((len(daily), 1)), np.cumsum(daily, axis=1)], axis=1)
        day = np.clip(np.floor(edges).astype(np.int64), 0, len(self.open) - 1)
        at = passed[:, day] + (edges - day) * daily[:, day]
        mean: Floats = np.diff(at, axis=1) / np.diff(edges)
        floored: Floats = np.maximum(mean, LEAST_PACE)
        return floored

    def closed(self, edges: Floats) -> npt.NDArray[np.bool_]:
        """Whether nothing is open between neighbouring edges, as in `pace`, shape (stretch,)."""
        nothing = np.zeros((1, len(self.names)))
        shut: npt.NDArray[np.bool_] = self.pace(nothing, edges)[0] <= LEAST_PACE
        return shut

    def changes(self) -> Floats:
        """Days from the beginning of the first day at which a day begins that differs from the one before."""
        rows = np.column_stack([self.values, self.open])
        begin: Floats = 1.0 + np.flatnonzero(np.any(np.diff(rows, axis=0) != 0.0, axis=1)).astype(np.float64)
        return begin

    def to_arrays(self) -> dict[str, Floats]:
        """The calendar as named arrays, for a file; its names letter by letter."""
        return {
            "first": np.array([float(self.first.toordinal())]),
            "names": np.array([float(ord(letter)) for letter in "\n".join(self.names)]),
            "values": self.values,
            "open": self.open,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats]) -> "Calendar":
        """The calendar that `to_arrays` took apart."""
        names = "".join(chr(int(letter)) for letter in arrays["names"])
        first = Date.fromordinal(int(arrays["first"][0]))
        return cls(first, tuple(names.split("\n")) if names else (), arrays["values"], arrays["open"])
