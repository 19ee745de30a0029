"""Transactions to RFM: what the models need to know about each customer, and nothing else."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date as Date
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.engines.duckdb import CustomerTables, SummaryQuery, summarise
from lifecast.engines.spark import is_spark_frame
from lifecast.errors import DataError, SettingsError
from lifecast.export import check_target
from lifecast.fingerprint import digest_of_rows
from lifecast.log_report import LeftTruncation, LogReport
from lifecast.past import Past, freeze, remember
from lifecast.timeunit import TimeUnit, parse_date
from lifecast.transactions import LinesRead, Transactions, read_transactions

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

PURCHASES = ("frequency", "recency", "T")
# What leaves the engine of each customer.
_SUMMED = {
    *("frequency", "first_day", "recency_days", "repeat_amount", "positive_repeats", "repeat_logarithms"),
    *("repeat_log_squares", "held_frequency", "held_value"),
}
ROWS_AT_A_TIME = 122_880  # a row group of DuckDB's
MONEY = ("monetary_value", "monetary_log_mean", "monetary_log_sd", "monetary_frequency")
MOST_PERIODS = 1_000_000  # of a holdout
_HOLDOUT = ("frequency_holdout", "monetary_value_holdout", "duration_holdout")
COLUMNS = ("customer_id", *PURCHASES, *MONEY, *_HOLDOUT)


@dataclass(frozen=True, eq=False)
class Holdout:
    """What the same customers bought after the observation end.

    Attributes
    ----------
    end : date
        The last day held out.
    duration : float
        Time units from the observation end to it.
    frequency : int array, (customer,)
        Purchase periods in it.
    value : float array, (customer,), or None
        Sum of their amounts; returns are netted among themselves and those purchases. None without amounts.
    period_purchases : int array, (period,)
        All customers' purchases per time unit after the observation end; the last one may be partial.
    period_value : float array, (period,), or None
        Their amounts.
    """

    end: Date
    duration: float
    frequency: Integers
    value: Floats | None
    period_purchases: Integers
    period_value: Floats | None

    def __post_init__(self) -> None:
        freeze(self, ("frequency", "period_purchases"), ("value", "period_value"))


@dataclass(frozen=True, eq=False)
class RFM:
    """Recency, frequency and monetary value of each customer, with their time unit: what models learn from.

    Made by `rfm_summary` from a log or by `RFM.from_frame` from a table. Arrays cannot be written to.

    Attributes
    ----------
    customer_id : pyarrow.Array, (customer,)
        In the order given (`from_frame`) or sorted (`rfm_summary`).
    frequency : int array, (customer,)
        Repeat purchase periods: purchases after the first.
    recency : float array, (customer,)
        From the first to the last purchase, in time units; 0 without repeat purchases.
    T : float array, (customer,)
        From the first purchase to the observation end, in time units.
    time_unit : TimeUnit
        The unit of recency and T.
    monetary_value : float array, (customer,), or None
        Mean amount of the repeat purchases, those of amount zero included; 0 without any. None without
        amounts.
    monetary_log_mean : float array, (customer,), or None
        Mean logarithm of the positive repeat amounts; 0 without any. None where unknown.
    monetary_log_sd : float array, (customer,), or None
        Standard deviation of the logarithms of a customer's positive repeat amounts, dividing by their
        number; 0 with fewer than two. None where unknown.
    monetary_frequency : int array, (customer,), or None
        Number of positive repeat amounts. None without amounts.
    attributes : mapping of str to pyarrow.Array
        What else is known, one value per customer.
    observation_end : date or None
        The last day observed; None where a bare table did not say.
    report : LogReport or None
        What was read, dropped, merged and netted; None for a bare table.
    holdout : Holdout or None
        What came after the observation end, where asked for.
    past : Past or None
        The log at a few earlier observation ends, from which a market is learned; None for a bare table.
    """

    customer_id: "pa.Array[Any]"
    frequency: Integers
    recency: Floats
    T: Floats
    time_unit: TimeUnit
    monetary_value: Floats | None = None
    monetary_log_mean: Floats | None = None
    monetary_log_sd: Floats | None = None
    monetary_frequency: Integers | None = None
    attributes: "Mapping[str, pa.Array[Any]]" = field(default_factory=dict)
    observation_end: Date | None = None
    report: LogReport | None = None
    holdout: Holdout | None = None
    past: Past | None = None

    def __post_init__(self) -> None:
        self._refuse_impossible()
        integers = ("frequency", "monetary_frequency")
        freeze(self, integers, ("recency", "T", "monetary_value", "monetary_log_mean", "monetary_log_sd"))
        object.__setattr__(self, "attributes", MappingProxyType(dict(self.attributes)))

    def _refuse_impossible(self) -> None:
        """Whoever made it: no forecast is ever made of customers that cannot be."""
        from lifecast.rfm_frame import check_numbers

        numbers = {
            name: np.asarray(getattr(self, name))
            for name in (*PURCHASES, *MONEY)
            if getattr(self, name) is not None
        }
        lengths = {
            name: len(values)
            for name, values in ({"customer_id": self.customer_id} | numbers | dict(self.attributes)).items()
        }
        if len(set(lengths.values())) > 1:
            raise DataError(
                f"The columns of an RFM have different lengths: {lengths}. Pass one value per customer."
            )
        frequency, recency, age = (numbers[name] for name in PURCHASES)
        # In one pass each, where the words of an error are not needed; NaN fails every comparison.
        if not (
            (frequency >= 0).all()
            and (recency >= 0).all()
            and (recency <= age).all()
            and (age < np.inf).all()
        ):
            check_numbers(self.customer_id, numbers, self.time_unit)

    def __len__(self) -> int:
        return len(self.frequency)

    def __repr__(self) -> str:
        end = f" to {self.observation_end}" if self.observation_end else ""
        repeats = int(np.count_nonzero(self.frequency))
        money = "with" if self.monetary_value is not None else "without"
        return (
            f"<RFM: {len(self):,} customers, {repeats:,} with repeat purchases, {money} amounts, "
            f"in {self.time_unit}s{end}>"
        )

    @property
    def has_amounts(self) -> bool:
        """Whether the customers' amounts are known."""
        return self.monetary_value is not None

    def to_frame(self) -> "pd.DataFrame":
        """The table of customers, one row each, in order.

        Returns
        -------
        pandas.DataFrame
            `customer_id, frequency, recency, T`; with amounts `monetary_value, monetary_log_mean,
            monetary_log_sd, monetary_frequency`; with a holdout `frequency_holdout, monetary_value_holdout,
            duration_holdout`; and the attributes.
        """
        import pandas as pd

        columns: dict[str, Any] = {"customer_id": self.customer_id.to_pandas()}
        for name in (*PURCHASES, *MONEY):
            if getattr(self, name) is not None:
                columns[name] = getattr(self, name).copy()
        if self.holdout is not None:
            columns["frequency_holdout"] = self.holdout.frequency.copy()
            if self.holdout.value is not None:
                columns["monetary_value_holdout"] = self.holdout.value.copy()
            columns["duration_holdout"] = np.full(len(self), self.holdout.duration)
        columns |= {name: values.to_pandas() for name, values in self.attributes.items()}
        return pd.DataFrame(columns)

    @classmethod
    def from_frame(
        cls, df: "pd.DataFrame", time_unit: str | float | TimeUnit, observation_end: Any = None
    ) -> "RFM":
        """Take a table of customers, such as `to_frame` gives or users of lifetimes have.

        Parameters
        ----------
        df : pandas.DataFrame
            `customer_id` (a column or the index), `frequency, recency, T`, and where known `monetary_value,
            monetary_log_mean, monetary_log_sd, monetary_frequency` (by default the frequency where the
            monetary value is positive). Holdout columns are passed over; all other columns become attributes.
        time_unit : str, float or TimeUnit
            The unit of recency and T: "day", "week", "month", "year" or a number of days.
        observation_end : str or date, optional
            The last day observed.

        Raises
        ------
        DataError
            Where a column is missing or the numbers cannot be true; the message says how many and which
            first.

        Examples
        --------
        >>> import pandas as pd
        >>> df = pd.DataFrame({"customer_id": [7], "frequency": [2], "recency": [30.43], "T": [38.86]})
        >>> len(RFM.from_frame(df, time_unit="week"))
        1
        """
        from lifecast.rfm_frame import read_frame

        unit = TimeUnit.parse(time_unit)
        end = None if observation_end is None else parse_date(observation_end, "observation_end")
        return cls(**read_frame(df, unit), time_unit=unit, observation_end=end)

    def save(self, path: "str | os.PathLike[str]") -> None:
        """Write everything to one Parquet file, whole or not at all. `RFM.load` reads it back.

        Parameters
        ----------
        path : path
            What is there is replaced.
        """
        from lifecast.rfm_file import save_rfm

        save_rfm(self, path)

    @classmethod
    def load(cls, path: "str | os.PathLike[str]") -> "RFM":
        """Read a file that `save` wrote.

        Raises
        ------
        FileFormatError
            Where the file holds no RFM, is damaged, or was written by a newer lifecast.
        """
        from lifecast.rfm_file import load_rfm

        return load_rfm(path)

    def fingerprint(self) -> str:
        """A hex digest of the customers' numbers, their unit and dates: equal for the same ones in any order.

        Customers' names and attributes do not enter.
        """
        columns = {name: getattr(self, name) for name in (*PURCHASES, *MONEY)}
        return fingerprint(columns, self.time_unit, self.observation_end)


def check_rfm(found: Any) -> None:
    """Refuse what is no RFM.

    Raises
    ------
    SettingsError
    """
    if not isinstance(found, RFM):
        raise SettingsError(
            f"An RFM was needed, and a {type(found).__qualname__} was passed. Make one with rfm_summary from "
            "a log, or with RFM.from_frame from a table of customers."
        )


def fingerprint(
    columns: Mapping[str, Any],
    unit: TimeUnit,
    end: Date | None,
    buyers: Floats | None = None,
    spenders: Floats | None = None,
) -> str:
    """The fingerprint of an RFM with these columns; a column that is not there may be None.

    Rows of the columns of purchases stand for so many ``buyers`` each, those of money for so many
    ``spenders``; by default for one customer.
    """
    digest = hashlib.sha256(f"lifecast-rfm {unit.days!r} {end}".encode())
    has_money = columns.get("monetary_value") is not None
    for names, customers in ((PURCHASES, buyers), (MONEY if has_money else (), spenders)):
        known = [name for name in names if columns.get(name) is not None]
        digest.update(" ".join(known).encode())
        digest.update(digest_of_rows([columns[name] for name in known], customers) if known else b"")
    return digest.hexdigest()


def rfm_summary(
    log: Any,
    *,
    customer_id: str | None = None,
    date: str | None = None,
    amount: str | None = None,
    time_unit: str | float | TimeUnit = "week",
    observation_end: Any = None,
    holdout_end: Any = None,
    merge_within: str | int = "day",
    returns: str = "net",
    attributes: Sequence[str] = (),
    date_format: str | None = None,
    past: bool = True,
    to: str | os.PathLike[str] | None = None,
    memory_limit: str | None = None,
) -> RFM:
    """Summarise a transaction log of any size as one row per customer.

    Parameters
    ----------
    log : DataFrame, Arrow table, DuckDB relation, or path
        Pandas, polars or Spark; anything that hands out an Arrow stream; a Parquet or CSV file, or a glob of
        them. One line per sale or per item, in any order.
    customer_id, date, amount : str, optional
        Column names; by default the obvious ones. Without an amount the RFM has no money.
    time_unit : str, float or TimeUnit, default "week"
        The unit of recency and T: "day", "week", "month" (365.25 / 12 days), "year" or a number of days.
    observation_end : str or date, optional
        The last day observed, itself included; by default the log's last day. May lie before or after it.
        Customers first seen later are left out and counted.
    holdout_end : str or date, optional
        With an observation end: also sum up what the customers bought after it, up to and including this day.
    merge_within : "day", "week" or int, default "day"
        Purchases in one calendar period count as one, on its first day of purchase: a day, a week from
        Monday, or blocks of so many days.
    returns : "net", "drop" or "refuse", default "net"
        Negative amounts undo the customer's latest purchases, are ignored, or are an error. A purchase that
        is wholly returned remains a purchase, of amount zero. Returns of things bought before the log are
        dropped and reported.
    attributes : sequence of str, default ()
        Columns to keep, one value per customer: the first known up to the observation end.
    date_format : str, optional
        How dates are written where they are text or whole numbers, such as "%d/%m/%Y"; by default ISO 8601.
    past : bool, default True
        Also sum up the log at a few earlier observation ends, for the fit to learn the market from. Scoring
        customers does without.
    to : path, optional
        A Parquet file for the customers, who then never are in memory together; it is written whole or not at
        all. `RFM.load` and `ParquetRFM.open` read it.
    memory_limit : str, optional
        What DuckDB may use for the log, such as "4GB"; beyond, it spills to disk. By default, four fifths of
        all memory.

    Returns
    -------
    RFM
        Sorted by customer id; its `report` says what was dropped, merged and netted. Of a log in Spark, a
        `lifecast.SparkRFM`, whose customers stay there; with ``to``, a `lifecast.ParquetRFM`.

    Raises
    ------
    DataError
        Where dates or amounts are missing or unreadable, or no purchase is left.
    SettingsError
        Where an argument is out of range or names no column.

    Examples
    --------
    >>> from lifecast.datasets import load_cdnow
    >>> rfm_summary(load_cdnow(sample=True), observation_end="1997-09-30")
    <RFM: 2,357 customers, 946 with repeat purchases, with amounts, in weeks to 1997-09-30>

    Notes
    -----
    Frequency, recency and T as in Fader, Hardie & Lee (2005), "Counting your customers the easy way".
    """
    unit = TimeUnit.parse(time_unit)
    names = (attributes,) if isinstance(attributes, str) else tuple(attributes)
    if clash := [name for name in names if name in COLUMNS]:
        raise SettingsError(
            f"attributes={clash[0]!r} is the name of a column of the RFM itself. Rename it in the log."
        )
    if returns not in {"net", "drop", "refuse"}:
        raise SettingsError(f"returns={returns!r} is not a policy. Use 'net', 'drop' or 'refuse'.")
    end = None if observation_end is None else parse_date(observation_end, "observation_end")
    held_end = None if holdout_end is None else parse_date(holdout_end, "holdout_end")
    if held_end is not None and (end is None or held_end <= end):
        raise SettingsError(
            f"holdout_end={held_end} does not come after observation_end={end}. Pass both, the holdout's end "
            "later."
        )
    if held_end is not None and end is not None and (held_end - end).days / unit.days > MOST_PERIODS:
        raise SettingsError(
            f"The holdout from {end} to {held_end} has more than {MOST_PERIODS:,} periods of {unit}. Use a "
            "longer time unit."
        )
    merge_days = days_to_merge(merge_within)
    columns = {"customer_id": customer_id, "date": date, "amount": amount}

    def query_of(lines: LinesRead) -> SummaryQuery:
        if returns == "refuse" and lines.negative_lines:
            raise DataError(
                f"{lines.negative_lines:,} of {lines.lines:,} lines have a negative amount (a return), and "
                "returns='refuse'. Use returns='net' to net them, or 'drop' to ignore them."
            )
        return SummaryQuery(
            end=end or lines.last,
            held_end=held_end,
            merge_days=merge_days,
            unit_days=unit.days,
            returns=returns,
            largest_amount=lines.largest_amount,
            attributes=tuple(f"attribute_{number}" for number in range(len(names))),
        )

    if is_spark_frame(log):
        if to is not None or memory_limit is not None:
            raise SettingsError(
                "to= and memory_limit= are for logs that DuckDB reads. Of a log in Spark, customers stay in "
                "Spark: write rfm.customers."
            )
        from lifecast.spark_rfm import summarise_in_spark

        in_spark: Any = summarise_in_spark(log, columns, names, date_format, query_of, unit, past)
        return in_spark  # type: ignore[no-any-return]
    if to is not None:
        check_target(to, (".parquet",))
    log_lines = read_transactions(
        log, **columns, attributes=names, date_format=date_format, memory_limit=memory_limit
    )
    query = query_of(log_lines)
    tables = summarise(log_lines.connection, query)
    if not tables.counts["purchases"]:
        raise no_purchases(log_lines, query)
    summed = SummedLog(
        log_lines, query, unit, tables, remember(tables.ask, tables.net, unit) if past else None
    )
    if to is not None:
        from lifecast.parquet_rfm import ParquetRFM
        from lifecast.rfm_file import save_summed

        save_summed(summed, to)
        on_disk: Any = ParquetRFM.open(to, memory_limit=memory_limit)
        return on_disk  # type: ignore[no-any-return]
    return summed.collect()


def no_purchases(lines: LinesRead, query: SummaryQuery) -> SettingsError:
    """What to say of a log without a purchase up to the observation end."""
    return SettingsError(
        f"No purchase was made on or before observation_end={query.end}: the log runs from {lines.first} to "
        f"{lines.last}. Pass a later observation_end."
    )


def days_to_merge(merge_within: str | int) -> int:
    """Read `merge_within` as a number of days.

    Raises
    ------
    SettingsError
        Where it is no period.
    """
    named = {"day": 1, "week": 7}.get(merge_within) if isinstance(merge_within, str) else merge_within
    if not isinstance(named, int) or isinstance(named, bool) or named < 1:
        raise SettingsError(
            f"merge_within={merge_within!r} is not a period. Use 'day', 'week' or a number of days."
        )
    return named


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

    def parts(self, in_order: bool) -> "Iterator[dict[str, Any]]":
        """The customers as columns by name, some at a time: those of an RFM, its holdout, its attributes."""
        for batch in self.tables.customers(ROWS_AT_A_TIME, in_order):
            yield self._columns(dict(zip(batch.schema.names, batch.columns, strict=True)))

    def collect(self) -> RFM:
        """All customers in memory, in the order of their ids."""
        import pyarrow as pa
        import pyarrow.compute as pc

        found: dict[str, list[Any]] = {}
        for part in self.parts(in_order=False):
            for name, values in part.items():
                found.setdefault(name, []).append(compact(values))
        self.log.connection.close()  # what it holds is as large as what comes
        order = pc.sort_indices(pa.chunked_array(found["customer_id"])).to_numpy().astype(np.int64)
        whole: dict[str, Any] = {}
        for name in list(found):
            parts = found.pop(name)
            if isinstance(parts[0], np.ndarray):
                kind = np.int64 if parts[0].dtype.kind == "i" else np.float64
                whole[name] = np.concatenate(parts).take(order).astype(kind, copy=False)
                whole[name].setflags(write=False)
            else:
                whole[name] = pa.chunked_array(parts).take(order).combine_chunks()
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
        days, customers = np.unique(days_observed, return_counts=True)
        self.first_seen.update(dict(zip(days.tolist(), customers.tolist(), strict=True)))
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
    )
