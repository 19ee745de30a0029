"""Customers with equal histories, counted once: exact, and far fewer rows than customers."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.rfm import RFM


@dataclass(frozen=True)
class PurchaseRows:
    """Distinct purchase histories with their number of customers, sorted by frequency, age and recency.

    Attributes
    ----------
    x, t_x, T, weight : (row,)
        Frequency, recency, age, and how many customers share them.
    row : (customer,)
        Each customer's row.
    """

    x: Integers
    t_x: Floats
    T: Floats
    weight: Floats
    row: Integers

    def __len__(self) -> int:
        return self.x.size

    @cached_property
    def coded(self) -> tuple[Integers, Integers, Floats, Integers, Floats, Integers, Floats]:
        """What the likelihood kernels take: distinct values and a code per row of x, t_x, T; weights."""
        return (*codes(self.x), *codes(self.t_x), *codes(self.T), self.weight)

    def scaled(self, scale: float) -> "PurchaseRows":
        """The same rows with times in units of the scale."""
        return PurchaseRows(self.x, self.t_x / scale, self.T / scale, self.weight, self.row)


@dataclass(frozen=True)
class SpendRows:
    """Distinct spend histories, of customers with at least one amount, with their number of customers.

    Attributes
    ----------
    n : (row,)
        Number of amounts.
    m, l : (row,)
        Their mean, and the mean of their logs.
    weight : (row,)
    """

    n: Integers
    m: Floats
    l: Floats  # noqa: E741
    weight: Floats

    def __len__(self) -> int:
        return self.n.size

    @cached_property
    def coded(self) -> tuple[np.ndarray, Integers]:
        """What the likelihood kernels tabulate: n as distinct values and a code per row."""
        return codes(self.n)

    def scaled(self, scale: float) -> "SpendRows":
        """The same rows with money in units of the scale."""
        return SpendRows(self.n, self.m / scale, self.l - np.log(scale), self.weight)


def group_purchases(frequency: Integers, recency: Floats, T: Floats) -> PurchaseRows:
    """Group customers by (frequency, recency, T)."""
    order = np.lexsort((recency, T, frequency))
    new = distinct_from_previous(frequency[order], T[order], recency[order])
    row = np.empty(order.size, np.int64)
    row[order] = np.cumsum(new) - 1
    at = order[new]
    return PurchaseRows(frequency[at], recency[at], T[at], counts(new), row)


def spend_history(rfm: RFM, zero_amounts: bool) -> tuple[Integers, Floats]:
    """Number and mean of each customer's repeat amounts, shapes (customer,); zeros where nothing is known.

    Amounts of zero are left out, or kept, as the papers do, for customers who have a positive one too.
    """
    if rfm.monetary_value is None or rfm.monetary_frequency is None:
        return np.zeros(len(rfm), np.int64), np.zeros(len(rfm))
    if zero_amounts:
        return np.where(rfm.monetary_value > 0, rfm.frequency, 0), rfm.monetary_value
    total = rfm.frequency * rfm.monetary_value
    return rfm.monetary_frequency, total / np.maximum(rfm.monetary_frequency, 1)


def group_spend(number: Integers, mean: Floats, log_mean: Floats) -> SpendRows:
    """Group customers by (number of amounts, mean, mean of logs), leaving out those without an amount."""
    seen = number > 0
    number, mean, log_mean = number[seen], mean[seen], log_mean[seen]
    order = np.lexsort((log_mean, mean, number))
    new = distinct_from_previous(number[order], mean[order], log_mean[order])
    at = order[new]
    return SpendRows(number[at], mean[at], log_mean[at], counts(new))


def distinct_from_previous(*columns: np.ndarray) -> np.ndarray:
    """True where a row of the sorted columns differs from the one before it."""
    new = np.ones(columns[0].size, bool)
    if new.size:
        new[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return new


def counts(new: np.ndarray) -> Floats:
    """How many rows each run has, given where runs begin."""
    return np.diff(np.append(np.flatnonzero(new), new.size)).astype(np.float64)


def codes(values: np.ndarray) -> tuple[np.ndarray, Integers]:
    """The distinct values, and for each value its place among them."""
    distinct, code = np.unique(values, return_inverse=True)
    return distinct, code.astype(np.int64)


def ages_by_frequency(x: Integers, T: Floats) -> tuple[Integers, Floats, Floats]:
    """The distinct frequencies, and the youngest and the oldest age that each occurs with."""
    x_values, x_code = codes(x)
    youngest, oldest = np.full(x_values.size, np.inf), np.zeros(x_values.size)
    np.minimum.at(youngest, x_code, T)
    np.maximum.at(oldest, x_code, T)
    return x_values, youngest, oldest
