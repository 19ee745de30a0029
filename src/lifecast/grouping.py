"""Customers with equal histories, counted once: exact, and far fewer rows than customers."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.errors import DataError
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


def group_purchases(frequency: Integers, recency: Floats, T: Floats) -> PurchaseRows:
    """Group customers by (frequency, recency, T)."""
    order = np.lexsort((recency, T, frequency))
    new = distinct_from_previous(frequency[order], T[order], recency[order])
    row = np.empty(order.size, np.int64)
    row[order] = np.cumsum(new) - 1
    at = order[new]
    return PurchaseRows(frequency[at], recency[at], T[at], counts(new), row)


def spend_history(rfm: RFM, zero_amounts: bool, needs: tuple[str, ...]) -> SpendHistory:
    """What is known of each customer's repeat amounts.

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


def group_spend(history: SpendHistory) -> SpendRows:
    """Group customers by all that is known of their amounts, leaving out those without one."""
    seen = history.of(history.n > 0)
    order = np.lexsort((seen.s, seen.l, seen.m, seen.n))
    ordered = seen.of(order)
    new = distinct_from_previous(ordered.n, ordered.m, ordered.l, ordered.s)
    distinct = ordered.of(new)
    return SpendRows(distinct.n, distinct.m, distinct.l, distinct.s, counts(new))


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
