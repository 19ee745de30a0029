"""Customers with equal histories, counted once: exact, and far fewer rows than customers."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.errors import DataError
from lifecast.spend_nodes import exchanged


@dataclass(frozen=True)
class PurchaseRows:
    """Distinct purchase histories with their number of customers, sorted by frequency, age and recency.

    Attributes
    ----------
    x, t_x, T, weight : (row,)
        Frequency, recency, age, and how many customers share them.
    row : (customer,)
        Each customer's row; or that of each of the rows they were given in.
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
class SpendHistory:
    """What is known of some customers' amounts; zeros where nothing is.

    Attributes
    ----------
    n : (customer,)
        Number of amounts.
    m : (customer,)
        Their mean.
    l, s : (customer,)
        Mean of their logs, and the standard deviation of their logs (dividing by n).
    """

    n: Integers
    m: Floats
    l: Floats  # noqa: E741
    s: Floats

    def __len__(self) -> int:
        return self.n.size

    def of(self, members: Any) -> "SpendHistory":
        """That of some of these customers, given their places."""
        return SpendHistory(self.n[members], self.m[members], self.l[members], self.s[members])


@dataclass(frozen=True)
class SpendRows:
    """Distinct spend histories, of customers with at least one amount, with their number of customers.

    Attributes
    ----------
    n, m, l, s : (row,)
        As in `SpendHistory`.
    weight : (row,)
    """

    n: Integers
    m: Floats
    l: Floats  # noqa: E741
    s: Floats
    weight: Floats

    def __len__(self) -> int:
        return self.n.size

    @cached_property
    def coded(self) -> tuple[np.ndarray, Integers]:
        """What the likelihood kernels tabulate: n as distinct values and a code per row."""
        return codes(self.n)

    @cached_property
    def nodes(self) -> tuple[np.ndarray, Integers, Floats, Floats, Floats]:
        """What a likelihood of n, n l and log(1 + n m / v) wants: coded n, m, l and weight of few rows."""
        n, m, l, weight = exchanged(self.n, self.m, self.l, self.weight)  # noqa: E741
        return (*codes(n), m, l, weight)

    @cached_property
    def log_sums(self) -> tuple[Integers, Floats, Floats, Floats, Floats]:
        """What a likelihood of normal logs wants of the customers with each number of amounts.

        Distinct n; how many customers; the mean of their l; the squares of l about that mean, and of logs
        about their own l, added up.
        """
        n, code = self.coded

        def add_up(values: Floats) -> Floats:
            return np.bincount(code, self.weight * values).astype(np.float64)

        weight = add_up(np.ones(len(self)))
        mean = add_up(self.l) / weight
        return n, weight, mean, add_up((self.l - mean[code]) ** 2), add_up(self.n * self.s**2)

    def scaled(self, scale: float) -> "SpendRows":
        """The same rows with money in units of the scale."""
        return SpendRows(self.n, self.m / scale, self.l - np.log(scale), self.s, self.weight)


def group_purchases(
    frequency: Integers, recency: Floats, T: Floats, customers: Floats | None = None
) -> PurchaseRows:
    """Group customers by (frequency, recency, T), given how many each place stands for: by default one."""
    order, new = sorted_and_told_apart(frequency, T, recency)
    row = np.empty(order.size, np.int64)
    row[order] = np.cumsum(new) - 1
    at = order[new]
    return PurchaseRows(
        frequency[at], recency[at], T[at], counts(new, None if customers is None else customers[order]), row
    )


def spend_history(rfm: Any, zero_amounts: bool, needs: tuple[str, ...]) -> SpendHistory:
    """What is known of the repeat amounts of an RFM's customers, or of each row of `SpendHistories`.

    Amounts of zero are left out, or kept, as the papers do, for customers who have a positive one too.

    Raises
    ------
    DataError
        The RFM has amounts, but lacks one of the columns that are needed.
    """
    nothing = np.zeros(len(rfm))
    if rfm.monetary_value is None or rfm.monetary_frequency is None:
        return SpendHistory(np.zeros(len(rfm), np.int64), nothing, nothing, nothing)
    for column in needs:
        if getattr(rfm, column) is None:
            raise DataError(
                f"This RFM has no {column}, which the spend family needs. Make the RFM from the log with "
                'rfm_summary, or use GammaGamma(fit_to="means").'
            )
    if zero_amounts:
        n, m = np.where(rfm.monetary_value > 0, rfm.frequency, 0), rfm.monetary_value
    else:
        n = rfm.monetary_frequency
        m = rfm.frequency * rfm.monetary_value / np.maximum(n, 1)
    logs = (rfm.monetary_log_mean, rfm.monetary_log_sd)
    log_mean, log_sd = (nothing if column is None else column for column in logs)
    return SpendHistory(n, m, log_mean, log_sd)


def group_spend(history: SpendHistory, customers: Floats | None = None) -> SpendRows:
    """Group customers by all that is known of their amounts, leaving out those without one.

    Each place stands for so many customers: by default one.
    """
    amounts = history.n > 0
    seen = history.of(amounts)
    order, new = sorted_and_told_apart(seen.m, seen.n, seen.l, seen.s)
    distinct = seen.of(order[new])
    weight = counts(new, None if customers is None else customers[amounts][order])
    return SpendRows(distinct.n, distinct.m, distinct.l, distinct.s, weight)


def sorted_and_told_apart(*columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An order that sorts rows by the first column, then the second, ...; and where, in it, a new one begins.

    Quickest where the first column alone tells most rows apart.
    """
    order = np.argsort(columns[0])
    tied = ~distinct_from_previous(columns[0][order])
    if tied.any():
        tied[:-1] |= tied[1:]
        at = np.flatnonzero(tied)
        some = order[at]
        order[at] = some[np.lexsort([column[some] for column in columns[::-1]])]
    return order, distinct_from_previous(*(column[order] for column in columns))


def distinct_from_previous(*columns: np.ndarray) -> np.ndarray:
    """True where a row of the sorted columns differs from the one before it."""
    new = np.zeros(columns[0].size, bool)
    new[:1] = True
    for column in columns:
        new[1:] |= column[1:] != column[:-1]
    return new


def counts(new: np.ndarray, customers: Floats | None = None) -> Floats:
    """How many customers each run has, given where runs begin, and for how many each place stands."""
    begin = np.flatnonzero(new)
    if customers is None:
        return np.diff(np.append(begin, new.size)).astype(np.float64)
    totals: Floats = np.add.reduceat(customers, begin) if begin.size else np.empty(0)
    return totals


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
