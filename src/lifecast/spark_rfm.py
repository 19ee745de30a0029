"""An RFM whose customers stay in Spark: made from a log there, grouped there, of any number of customers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.encoding import attribute
from lifecast.engines.duckdb_query import SummaryQuery
from lifecast.engines.spark import (
    collected,
    column,
    count_latecomers,
    count_lines,
    count_returning_only,
    each_customer,
    in_money,
    is_spark_frame,
    open_sample,
)
from lifecast.errors import DataError, SettingsError
from lifecast.histories import Histories
from lifecast.log_report import LogReport
from lifecast.past import CUSTOMERS, Past, remember
from lifecast.rfm import MONEY, PURCHASES
from lifecast.spark_transactions import read_spark_transactions
from lifecast.summed_log import no_purchases, report_of
from lifecast.timeunit import TimeUnit, parse_date
from lifecast.transactions import LinesRead

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


@dataclass(frozen=True, eq=False)
class SparkRFM:
    """Recency, frequency and monetary value of each customer, in a Spark DataFrame.

    Made by `rfm_summary` from a log in Spark, or by `SparkRFM.from_frame` from a table there. Models fit and
    forecast it like an `RFM`, with the same numbers.

    Attributes
    ----------
    customers : pyspark.sql.DataFrame
        One row per customer, in no order: ``customer_id, frequency, recency, T``; with amounts
        ``monetary_value, monetary_log_mean, monetary_log_sd, monetary_frequency``; then the attributes. All
        as in an `RFM`.
    time_unit : TimeUnit
        The unit of recency and T.
    attributes : tuple of str
        Names of the attributes.
    observation_end : date or None
        The last day observed; None where a bare table did not say.
    report : LogReport or None
        What was read, dropped, merged and netted; None for a bare table.
    past : Past or None
        The log at a few earlier observation ends, from which a market is learned; None for a bare table.
    """

    customers: "DataFrame"
    time_unit: TimeUnit
    attributes: tuple[str, ...] = ()
    observation_end: date | None = None
    report: LogReport | None = None
    past: Past | None = None
    _kept: "DataFrame | None" = field(default=None, repr=False)

    def __repr__(self) -> str:
        count = "" if self.report is None else f"{self.report.customers:,} "
        money = "with" if self.has_amounts else "without"
        end = f" to {self.observation_end}" if self.observation_end else ""
        return f"<SparkRFM: {count}customers in Spark, {money} amounts, in {self.time_unit}s{end}>"

    @property
    def has_amounts(self) -> bool:
        """Whether the customers' amounts are known."""
        return "monetary_value" in self.customers.columns

    @classmethod
    def from_frame(
        cls, customers: "DataFrame", time_unit: str | float | TimeUnit, observation_end: Any = None
    ) -> "SparkRFM":
        """Take a table of customers in Spark, such as `customers` that were written and are read back.

        Parameters
        ----------
        customers : pyspark.sql.DataFrame
            With the columns that `SparkRFM` names; the rest become attributes.
        time_unit : str, float or TimeUnit
            The unit of recency and T: "day", "week", "month", "quarter", "year" or a number of days.
        observation_end : str or date, optional
            The last day observed.

        Raises
        ------
        SettingsError
            The table is none of Spark's.
        DataError
            A column is missing.
        """
        if not is_spark_frame(customers):
            kind = type(customers)
            raise SettingsError(
                f"A table of type {kind.__module__}.{kind.__qualname__} is not in Spark. Use RFM.from_frame."
            )
        needed = ["customer_id", *PURCHASES, *(MONEY if "monetary_value" in customers.columns else ())]
        if missing := [name for name in needed if name not in customers.columns]:
            raise DataError(
                f"The table has no column {missing[0]!r}; it has {', '.join(map(repr, customers.columns))}. "
                "Rename its columns, or make the RFM from the log with rfm_summary."
            )
        others = tuple(name for name in customers.columns if name not in needed)
        end = None if observation_end is None else parse_date(observation_end, "observation_end")
        return cls(customers, TimeUnit.parse(time_unit), others, end)

    def histories(self, attributes: Iterable[str] = ()) -> Histories:
        """Count in Spark the customers who share a history, and bring the counts here: enough for a fit.

        Parameters
        ----------
        attributes : iterable of str, default ()
            The attributes that are needed: groups and covariates of the families to fit.

        Raises
        ------
        SettingsError
            The customers have no such attribute.
        """
        names = sorted(set(attributes))
        spend = self._counted(("frequency", *MONEY), names) if self.has_amounts else None
        return Histories.count(
            self._counted(PURCHASES, names), spend, names, self.time_unit, self.observation_end, self.report,
            self.past,
        )  # fmt: skip

    def _counted(self, columns: Sequence[str], attributes: Sequence[str]) -> dict[str, Any]:
        """Distinct rows of some columns, with their number of ``customers``."""
        from pyspark.sql import functions as F

        self.check_attributes(attributes)
        named = [column(name).alias(f"c{place}") for place, name in enumerate((*columns, *attributes))]
        chosen = self.customers.select(*named)
        table = collected(chosen.groupBy(*chosen.columns).agg(F.count("*").alias("customers")))
        found: dict[str, Any] = {"customers": table["customers"].to_numpy()}
        for place, name in enumerate(columns):
            found[name] = table[f"c{place}"].to_numpy()
        values = {
            name: table[f"c{len(columns) + place}"].combine_chunks() for place, name in enumerate(attributes)
        }
        known = SimpleNamespace(attributes=values)
        return found | {name: attribute(known, name) for name in attributes}

    def check_attributes(self, names: Iterable[str]) -> None:
        """Refuse names that are no attributes of the customers.

        Raises
        ------
        SettingsError
        """
        import pyarrow as pa

        nobody = SimpleNamespace(attributes=dict.fromkeys(self.attributes, pa.nulls(0)))
        for name in names:
            attribute(nobody, name)

    def release(self) -> None:
        """Let Spark forget the customers that it keeps; where asked for, it makes them again from the log."""
        if self._kept is not None:
            self._kept.unpersist()


def summarise_in_spark(
    log: "DataFrame",
    columns: Mapping[str, str | None],
    attributes: tuple[str, ...],
    date_format: str | None,
    query_of: Callable[[LinesRead], SummaryQuery],
    unit: TimeUnit,
    past: bool,
) -> SparkRFM:
    """`rfm_summary` of a log in Spark; `query_of` makes its question to the lines."""
    from pyspark import StorageLevel

    lines = read_spark_transactions(log, **columns, attributes=attributes, date_format=date_format)
    query = query_of(lines)
    if query.held_end is not None:
        raise SettingsError(
            "holdout_end: nothing is held out in Spark. Pass observation_end alone, and hold the forecast's "
            "portfolio against later sales; or draw a sample of the customers, and hold out there."
        )
    counts = count_lines(lines.frame, query)
    net = query.returns == "net" and counts["returned_lines"] > 0
    to_end = replace(query, largest_amount=counts.pop("largest_amount", None))
    if counts["lines_used"] == 0:
        raise no_purchases(lines, query)
    kept = each_customer(lines.frame, to_end, net).persist(StorageLevel.MEMORY_AND_DISK)
    totals = _totals(kept, to_end)
    if not totals["customers"].size:
        raise no_purchases(lines, query)
    later = query.end < lines.last
    counts |= totals["counts"] | {"late_customers": count_latecomers(lines.frame, query) if later else 0}
    if lines.negative_lines:
        counts["returning_customers"] = count_returning_only(lines.frame)
    changed = dict(zip(attributes, totals["changed"], strict=True))
    remembered = None
    if past:
        known = {
            "customers": int(totals["customers"].sum()),
            "repeats": counts["purchases"] - int(totals["customers"].sum()),
            "age_days": totals["customers"].size - 1,
        }
        ask = open_sample(lines.frame, to_end, net, known["customers"], CUSTOMERS)
        with ask.connection:
            remembered = remember(ask, net, unit, known)
    return SparkRFM(
        kept.select(*_rfm_columns(to_end, unit, attributes)),
        unit,
        attributes,
        query.end,
        report_of(lines, query, counts, changed, totals["customers"]),
        remembered,
        kept,
    )


def _rfm_columns(query: SummaryQuery, unit: TimeUnit, attributes: tuple[str, ...]) -> "list[Column]":
    """An RFM's columns, out of what is said of each customer; as `rfm_summary` makes them elsewhere."""
    from pyspark.sql import functions as F

    age = F.datediff(F.lit(query.end), F.col("first_day"))
    columns = {
        "customer_id": F.col("customer_id"),
        "frequency": F.col("frequency"),
        "recency": F.col("recency_days") / F.lit(unit.days),
        "T": age / F.lit(unit.days),
    }
    if query.largest_amount is not None:
        positive = F.greatest(F.col("positive_repeats"), F.lit(1))
        columns |= {
            "monetary_value": F.col("repeat_amount") / F.greatest(F.col("frequency"), F.lit(1)),
            "monetary_log_mean": F.col("repeat_logarithms") / positive,
            "monetary_log_sd": F.sqrt(F.col("repeat_log_squares")) / positive,
            "monetary_frequency": F.col("positive_repeats"),
        }
    columns |= {name: F.col(ours) for name, ours in zip(attributes, query.attributes, strict=True)}
    return [values.alias(name) for name, values in columns.items()]


def _totals(kept: "DataFrame", query: SummaryQuery) -> dict[str, Any]:
    """What the report says of all customers: customers (day,) by age, counts, changed (attribute,)."""
    from pyspark.sql import functions as F

    money = query.largest_amount is not None
    sums = {"customers": F.count("*"), "repeats": F.sum("frequency")}
    if money:
        sums |= {"all_money": F.sum("all_money"), "zero_purchases": F.sum("zero_purchases")}
    sums |= {name: F.count_if(F.col(f"{name}_changed")) for name in query.attributes}
    age = F.datediff(F.lit(query.end), F.col("first_day")).alias("age")
    table = collected(kept.groupBy(age).agg(*(value.alias(name) for name, value in sums.items())))
    found = {name: table[name].to_pylist() for name in table.column_names}
    customers = np.bincount(np.array(found["age"], np.int64), np.array(found["customers"])).astype(np.int64)
    counts: dict[str, Any] = {"purchases": sum(found["repeats"]) + sum(found["customers"])}
    if money:
        counts["zero_purchases"] = sum(found["zero_purchases"])
        counts["purchased_amount"] = in_money(int(sum(found["all_money"])), query)
    changed = [sum(found[name]) for name in query.attributes]
    return {"customers": customers, "counts": counts, "changed": changed}
