"""What a fit needs to know of its customers: their distinct histories, and how many customers share each.

Every fit begins here, wherever its customers lie: an RFM in memory, a file (`lifecast.rfm_file`), a cluster.
Histories stand in one order, equal ones together, so that the same customers give the same posterior to the
last bit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.encoding import attribute
from lifecast.grouping import counts, sorted_and_told_apart
from lifecast.log_report import LogReport
from lifecast.past import Past
from lifecast.rfm import MONEY, RFM, check_rfm, fingerprint
from lifecast.timeunit import TimeUnit

if TYPE_CHECKING:
    import pyarrow as pa

# In the order that rows are sorted by.
_PURCHASES = ("frequency", "T", "recency")
_SPEND = ("monetary_value", "frequency", "monetary_log_mean", "monetary_log_sd", "monetary_frequency")


@dataclass(frozen=True, eq=False)
class PurchaseHistories:
    """Distinct histories of purchases, with the attributes of those who have them.

    Attributes
    ----------
    frequency, recency, T : (row,)
        As in an `RFM`.
    customers : (row,)
        How many customers have this history and these attributes.
    attributes : mapping of str to pyarrow.Array
        Values (row,) by name.
    """

    frequency: Integers
    recency: Floats
    T: Floats
    customers: Floats
    attributes: "Mapping[str, pa.Array[Any]]"

    def __len__(self) -> int:
        return self.customers.size


@dataclass(frozen=True, eq=False)
class SpendHistories:
    """Distinct histories of amounts, with the attributes of those who have them; every customer counts.

    Attributes
    ----------
    frequency, monetary_value, monetary_log_mean, monetary_log_sd, monetary_frequency : (row,)
        As in an `RFM`; the two of logs are None where they are unknown.
    customers : (row,)
    attributes : mapping of str to pyarrow.Array
    """

    frequency: Integers
    monetary_value: Floats
    monetary_log_mean: Floats | None
    monetary_log_sd: Floats | None
    monetary_frequency: Integers
    customers: Floats
    attributes: "Mapping[str, pa.Array[Any]]"

    def __len__(self) -> int:
        return self.customers.size


@dataclass(frozen=True, eq=False)
class Histories:
    """The distinct histories of an RFM's customers, without the customers' names.

    Make them with `Histories.of` or `Histories.count`: these sort rows and bring equal ones together.

    Attributes
    ----------
    purchases : PurchaseHistories
    spend : SpendHistories or None
        None without amounts.
    time_unit : TimeUnit
        The unit of recency and T.
    observation_end : date or None
    report : LogReport or None
        What was read to make the RFM; None for a bare table.
    past : Past or None
        The log at a few earlier observation ends.
    """

    purchases: PurchaseHistories
    spend: SpendHistories | None
    time_unit: TimeUnit
    observation_end: date | None = None
    report: LogReport | None = None
    past: Past | None = None

    def __repr__(self) -> str:
        money = "" if self.spend is None else f" and {len(self.spend):,} of spend"
        end = f" to {self.observation_end}" if self.observation_end else ""
        return (
            f"<Histories: {len(self):,} customers, {len(self.purchases):,} histories of purchases{money}, "
            f"in {self.time_unit}s{end}>"
        )

    def __len__(self) -> int:
        """How many customers."""
        return int(self.purchases.customers.sum())

    @cached_property
    def repeat_buyers(self) -> int:
        """How many customers bought again."""
        return int(self.purchases.customers @ (self.purchases.frequency > 0))

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of what else is known."""
        return tuple(self.purchases.attributes)

    @classmethod
    def of(cls, rfm: RFM, attributes: Iterable[str] = ()) -> "Histories":
        """Count the customers of an RFM who share a history.

        Parameters
        ----------
        rfm : RFM
        attributes : iterable of str, default ()
            The attributes that are needed: groups and covariates of the families to fit.

        Raises
        ------
        SettingsError
            The RFM lacks one of them.

        Examples
        --------
        >>> import lifecast as lc
        >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
        >>> Histories.of(rfm)
        <Histories: 2,357 customers, 1,016 histories of purchases and 766 of spend, in weeks to 1997-09-30>
        """
        known = {name: attribute(rfm, name) for name in sorted(set(attributes))}
        columns: dict[str, Any] = {
            name: values for name in (*_PURCHASES, *MONEY) if (values := getattr(rfm, name)) is not None
        }
        spend = None if rfm.monetary_value is None else columns | known
        return cls.count(
            columns | known, spend, tuple(known), rfm.time_unit, rfm.observation_end, rfm.report, rfm.past
        )

    @classmethod
    def count(
        cls,
        purchases: Mapping[str, Any],
        spend: Mapping[str, Any] | None,
        attributes: Sequence[str],
        time_unit: TimeUnit,
        observation_end: date | None = None,
        report: LogReport | None = None,
        past: Past | None = None,
    ) -> "Histories":
        """Bring rows in any order together where they are equal: customers, or histories counted elsewhere.

        Parameters
        ----------
        purchases : mapping of str to (row,) array
            ``frequency, recency, T``; the attributes (pyarrow arrays); and, where a row stands for more than
            one customer, ``customers``. Other columns are passed over.
        spend : mapping of str to (row,) array, or None
            ``frequency, monetary_value, monetary_frequency``; where known ``monetary_log_mean`` and
            ``monetary_log_sd``; the same attributes; ``customers``. Of all customers, those without amounts
            too. None without amounts.
        attributes : sequence of str
            The names of the attributes.
        time_unit, observation_end, report, past
            As in an `RFM`.
        """
        money = None
        if spend is not None:
            unknown: dict[str, Any] = dict.fromkeys(_SPEND)
            money = SpendHistories(**(unknown | distinct_rows(spend, _SPEND, attributes)))
        buys = PurchaseHistories(**distinct_rows(purchases, _PURCHASES, attributes))
        return cls(buys, money, time_unit, observation_end, report, past)

    def only(self, attributes: Iterable[str]) -> "Histories":
        """The same customers, told apart by these attributes alone.

        Raises
        ------
        SettingsError
            One of them is not known.
        """
        wanted = sorted(set(attributes))
        for name in wanted:
            attribute(self.purchases, name)
        if tuple(wanted) == self.attributes:
            return self
        spend = None if self.spend is None else columns_of(self.spend)
        about = self.time_unit, self.observation_end, self.report, self.past
        return Histories.count(columns_of(self.purchases), spend, wanted, *about)

    def fingerprint(self) -> str:
        """That of the RFM with these customers: a hex digest of numbers, their unit and dates."""
        money = {} if self.spend is None else columns_of(self.spend)
        spenders = money.get("customers")
        columns = money | columns_of(self.purchases)
        buyers = self.purchases.customers
        return fingerprint(columns, self.time_unit, self.observation_end, buyers, spenders)


class Elsewhere(Protocol):
    """An RFM whose customers are not in memory: in a file, on a cluster."""

    def histories(self, attributes: Iterable[str] = ()) -> Histories:
        """Count there who shares a history."""
        ...


def as_histories(customers: RFM | Histories | Elsewhere, attributes: Iterable[str]) -> Histories:
    """Histories told apart by these attributes.

    Raises
    ------
    SettingsError
        One of them is not known, or these are no customers.
    """
    if not hasattr(customers, "histories") and not isinstance(customers, Histories):
        check_rfm(customers)
    if isinstance(customers, RFM):
        return Histories.of(customers, attributes)
    counted = customers if isinstance(customers, Histories) else customers.histories(attributes)
    return counted.only(attributes)


def columns_of(table: PurchaseHistories | SpendHistories) -> dict[str, Any]:
    """Everything in a table by name, attributes too."""
    own = {field.name: getattr(table, field.name) for field in fields(table) if field.name != "attributes"}
    return {name: values for name, values in own.items() if values is not None} | dict(table.attributes)


def distinct_rows(
    columns: Mapping[str, Any], names: Sequence[str], attributes: Sequence[str]
) -> dict[str, Any]:
    """Distinct rows of the named columns that are there, and of the attributes, sorted, with customers."""
    integers = {"frequency", "monetary_frequency"}
    keys = {
        name: np.asarray(columns[name], np.int64 if name in integers else np.float64)
        for name in names
        if columns.get(name) is not None
    }
    known = {name: columns[name] for name in sorted(attributes)}
    places = [place_in_order(values) for values in known.values()]
    customers = columns.get("customers")
    order, new = sorted_and_told_apart(*keys.values(), *places)
    at = order[new]
    weight = counts(new, None if customers is None else np.asarray(customers, np.float64)[order])
    rows = {name: values[at] for name, values in keys.items()} | {"customers": weight}
    for values in rows.values():
        values.setflags(write=False)
    return rows | {"attributes": {name: values.take(at) for name, values in known.items()}}


def place_in_order(values: "pa.Array[Any]") -> Integers:
    """Each value's place among the distinct ones in order, a missing one last."""
    import pyarrow.compute as pc

    distinct = values.unique()
    distinct = distinct.take(pc.sort_indices(distinct))
    return np.asarray(pc.index_in(values, distinct), np.int64)
