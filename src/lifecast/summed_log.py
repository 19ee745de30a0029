"""A log summed up in the engine: its customers, some at a time or all in memory, and what to report."""

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.engines.duckdb_customers import CustomerTables
from lifecast.engines.duckdb_query import SummaryQuery
from lifecast.errors import SettingsError
from lifecast.log_report import LeftTruncation, LogReport
from lifecast.past import Past
from lifecast.rfm import MONEY, PURCHASES, RFM, Holdout
from lifecast.timeunit import TimeUnit
from lifecast.transactions import LinesRead, Transactions

if TYPE_CHECKING:
    import pyarrow as pa

# What leaves the engine of each customer.
_SUMMED = {
    *("frequency", "first_day", "recency_days", "repeat_amount", "positive_repeats", "repeat_logarithms"),
    *("repeat_log_squares", "held_frequency", "held_value"),
}
ROWS_AT_A_TIME = 122_880  # a row group of DuckDB's


@dataclass(frozen=True, eq=False)
class SummedLog:
    """A log whose customers are summed up, and still in the engine.

    Attributes
    ----------
    log : Transactions
    query : SummaryQuery
    unit : TimeUnit
    tables : CustomerTables
    past : Past or None
    first_seen : Counter
        How many of the customers that were read were first seen so many days before the observation end.
    changed : Counter
        How many customers' lines each attribute changes in, likewise.
    """

    log: Transactions
    query: SummaryQuery
    unit: TimeUnit
    tables: CustomerTables
    past: Past | None
    first_seen: "Counter[int]" = field(default_factory=Counter)
    changed: "Counter[str]" = field(default_factory=Counter)

    def parts(self) -> "Iterator[dict[str, Any]]":
        """The customers as columns by name, some at a time: those of an RFM, its holdout, its attributes.

        In the order of their ids.
        """
        for batch in self.tables.customers(ROWS_AT_A_TIME):
            yield self._columns(dict(zip(batch.schema.names, batch.columns, strict=True)))

    def collect(self) -> RFM:
        """All customers in memory, in the order of their ids."""
        import pyarrow as pa

        found: dict[str, list[Any]] = {}
        for part in self.parts():
            for name, values in part.items():
                found.setdefault(name, []).append(compact(values))
        self.log.connection.close()  # what it holds is as large as what comes

        def joined(name: str) -> Any:
            parts = found.pop(name)
            if not isinstance(parts[0], np.ndarray):
                return pa.concat_arrays(parts)
            kind = np.int64 if parts[0].dtype.kind == "i" else np.float64
            values = np.concatenate(parts, dtype=kind)
            values.setflags(write=False)
            return values

        names = list(found)
        with ThreadPoolExecutor() as pool:
            whole: dict[str, Any] = dict(zip(names, pool.map(joined, names), strict=True))
        held = self.holdout(whole.pop("frequency_holdout", None), whole.pop("monetary_value_holdout", None))
        return RFM(
            customer_id=whole.pop("customer_id"),
            **{name: whole.pop(name) for name in (*PURCHASES, *MONEY) if name in whole},
            time_unit=self.unit,
            attributes=whole,
            observation_end=self.query.end,
            report=self.report(),
            holdout=held,
            past=self.past,
        )

    def holdout(self, frequency: Integers | None, value: Floats | None) -> Holdout | None:
        """What came after the observation end, where asked for."""
        end, periods = self.query.held_end, self.tables.periods
        if end is None or periods is None or frequency is None:
            return None
        duration = (end - self.query.end).days / self.unit.days
        period = periods["period"].to_numpy()
        purchases = np.zeros(int(np.ceil(duration)), np.int64)
        purchases[period] = periods["purchases"].to_numpy()
        period_value = None
        if value is not None:
            period_value = np.zeros(len(purchases))
            period_value[period] = periods["value"].to_numpy()
        return Holdout(end, duration, frequency, value, purchases, period_value)

    def report(self) -> LogReport:
        """What became of the log's lines, once all customers are read."""
        days = np.zeros(max(self.first_seen) + 1, np.int64)
        days[list(self.first_seen)] = list(self.first_seen.values())
        changed = {name: self.changed[name] for name in self.log.attributes}
        return report_of(self.log, self.query, self.tables.counts, changed, days)

    def _columns(self, found: "dict[str, pa.Array[Any]]") -> dict[str, Any]:
        numbers = {
            name: values.to_numpy(zero_copy_only=False) for name, values in found.items() if name in _SUMMED
        }
        days_observed = (np.datetime64(self.query.end) - numbers["first_day"]).astype(np.int64)
        customers = np.bincount(days_observed)
        days = np.flatnonzero(customers)
        self.first_seen.update(dict(zip(days.tolist(), customers[days].tolist(), strict=True)))
        columns: dict[str, Any] = {
            "customer_id": found["customer_id"],
            "frequency": numbers["frequency"],
            "recency": numbers["recency_days"] / self.unit.days,
            "T": days_observed / self.unit.days,
        }
        if self.log.has_amount:
            positive = np.maximum(numbers["positive_repeats"], 1)
            columns |= {
                "monetary_value": numbers["repeat_amount"] / np.maximum(numbers["frequency"], 1),
                "monetary_log_mean": numbers["repeat_logarithms"] / positive,
                "monetary_log_sd": np.sqrt(numbers["repeat_log_squares"]) / positive,
                "monetary_frequency": numbers["positive_repeats"],
            }
        if self.query.held_end is not None:
            columns["frequency_holdout"] = numbers["held_frequency"]
            if self.log.has_amount:
                columns["monetary_value_holdout"] = numbers["held_value"]
        for name, ours in zip(self.log.attributes, self.query.attributes, strict=True):
            columns[name] = found[ours]
            self.changed[name] += found[f"{ours}_changed"].true_count
        return columns


def compact(values: Any) -> Any:
    """The same values in memory of their own, whole numbers in as few bytes as any customer's need.

    What the engine hands over keeps all columns of its batch in memory, as long as one of them is kept.
    """
    import pyarrow as pa

    if not isinstance(values, np.ndarray):
        return pa.concat_arrays([values, values[:0]])
    return values.astype(np.int32 if values.dtype.kind == "i" else values.dtype)


def report_of(
    log: LinesRead,
    query: SummaryQuery,
    counts: Mapping[str, Any],
    changed: Mapping[str, int],
    customers: Integers,
) -> LogReport:
    """What became of a log's lines.

    Parameters
    ----------
    counts
        What the engine counted of lines and of purchases.
    changed
        How many customers' lines each attribute changes in.
    customers : (day,)
        How many customers were first seen so many days before the observation end.
    """
    unmatched = 0.0
    if counts["returned_lines"] and query.returns == "net":
        unmatched = max(0.0, counts["purchased_amount"] - counts["net_amount"])
    return LogReport(
        lines=log.lines,
        lines_without_customer=log.lines_without_customer,
        lines_in_holdout=counts["held_lines"],
        lines_after_end=counts["later_lines"],
        lines_returned=counts["returned_lines"],
        lines_merged=counts["lines_used"] - counts["returned_lines"] - counts["purchases"],
        purchases=counts["purchases"],
        customers=int(customers.sum()),
        customers_after_end=counts["late_customers"],
        customers_returning_only=counts.get("returning_customers", 0),
        first=log.first,
        last=log.last,
        observation_end=query.end,
        returns=query.returns,
        returned_amount=counts.get("returned_amount", 0.0),
        purchased_amount=counts.get("purchased_amount", 0.0),
        unmatched_amount=unmatched,
        zero_purchases=counts.get("zero_purchases", 0),
        left_truncation=LeftTruncation.look(customers[::-1]),
        attributes_changed={name: count for name, count in changed.items() if count},
        perhaps_amounts=log.unread,
        amounts_read=log.amounts_read,
        lines_of_nobody=log.lines_of_nobody,
    )


def no_purchases(lines: LinesRead, query: SummaryQuery) -> SettingsError:
    """What to say of a log without a purchase up to the observation end."""
    return SettingsError(
        f"No purchase was made on or before observation_end={query.end}: the log runs from {lines.first} to "
        f"{lines.last}. Pass a later observation_end."
    )
