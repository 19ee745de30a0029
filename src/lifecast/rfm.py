"""RFM: what the models need to know about each customer, and nothing else."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date as Date
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.errors import DataError, SettingsError
from lifecast.fingerprint import digest_of_rows
from lifecast.log_report import LogReport
from lifecast.past import Past, freeze
from lifecast.timeunit import TimeUnit, parse_date

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

PURCHASES = ("frequency", "recency", "T")
MONEY = ("monetary_value", "monetary_log_mean", "monetary_log_sd", "monetary_frequency")
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
            The unit of recency and T: "day", "week", "month", "quarter", "year" or a number of days.
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
