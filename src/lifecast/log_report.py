"""What became of every line of a log on its way to an RFM, and whether the log begins in mid-life."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from lifecast.arrays import Integers

MOST_NAMES = 20  # of columns, in a sentence


@dataclass(frozen=True)
class LeftTruncation:
    """Whether a log begins in mid-life, so that old customers look new when they first show up in it.

    The days from the first purchase to the observation end are cut into windows; old customers pile up in
    the first.

    Attributes
    ----------
    found : bool
        True where the first window has more than three times the typical number of new customers.
    first_window : int
        Customers first seen in the first window.
    typical_window : float
        Median of the other windows that have any; 0 where none has.
    window_days : float
        A window's length: a 24th of the span, at least 7 days.
    """

    found: bool
    first_window: int
    typical_window: float
    window_days: float

    @classmethod
    def look(cls, first_seen: Integers) -> "LeftTruncation":
        """Look at how many customers were first seen on each day (day,), from the log's first to its last."""
        days = np.arange(first_seen.size)
        window_days = max(7.0, (first_seen.size - 1) / 24)
        new_customers = np.bincount((days / window_days).astype(np.int64), first_seen)
        others = new_customers[1:][new_customers[1:] > 0]
        typical = float(np.median(others)) if others.size else 0.0
        found = bool(others.size) and bool(new_customers[0] > 3 * typical)
        return cls(found, int(new_customers[0]), typical, window_days)


@dataclass(frozen=True)
class LogReport:
    """What was read, dropped, merged and netted on the way from a log to an RFM.

    Every line is in one place: `lines` = `lines_without_customer` + `lines_after_end` + `lines_in_holdout` +
    `lines_returned` + `lines_merged` + `purchases`.

    Attributes
    ----------
    lines, lines_without_customer : int
        Lines read; lines dropped since they name no customer.
    lines_in_holdout, lines_after_end : int
        Lines after the observation end that the holdout counts; those that nothing counts.
    lines_returned : int
        Lines with a negative amount up to the observation end.
    lines_merged : int
        Lines that joined another purchase of the same customer and period.
    purchases, customers : int
        Purchase periods and customers of the RFM.
    customers_after_end : int
        Customers left out since they first bought after the observation end.
    customers_returning_only : int
        Customers left out since the log has returns of theirs, and no purchase.
    first, last : date
        The first and the last day with a line, holdout and beyond included.
    observation_end : date
        The last day observed.
    returns : str
        What was done about returns: "net", "drop" or "refuse".
    returned_amount : float
        Sum of the negative amounts up to the observation end, without sign; in the log's currency.
    purchased_amount : float
        Sum of the amounts of all purchases, the first ones included, after netting; 0 without amounts.
    unmatched_amount : float
        The part of it that exceeds what those customers had bought before (in the log), and was dropped.
    zero_purchases : int
        Purchases of amount zero, given away or wholly returned. They count as purchases, but not as observed
        spend.
    left_truncation : LeftTruncation
        Whether the log begins in mid-life, with the figures that say so.
    attributes_changed : mapping of str to int
        For each attribute that changed within some customers' lines, how many; the first known value is kept.
    perhaps_amounts : tuple of str
        Where no column of amounts was named or found: the log's columns that were not read.
    amounts_read : str
        Where amounts have decimal commas or thousands set apart: one of them, and how it was read.
    lines_of_nobody : int
        Lines whose customer is called what programs write for a missing value: nan, NULL and their like.
    """

    lines: int
    lines_without_customer: int
    lines_in_holdout: int
    lines_after_end: int
    lines_returned: int
    lines_merged: int
    purchases: int
    customers: int
    customers_after_end: int
    first: date
    last: date
    observation_end: date
    returns: str
    returned_amount: float
    purchased_amount: float
    unmatched_amount: float
    zero_purchases: int
    left_truncation: LeftTruncation
    customers_returning_only: int = 0
    attributes_changed: Mapping[str, int] = field(default_factory=dict)
    perhaps_amounts: tuple[str, ...] = ()
    amounts_read: str = ""
    lines_of_nobody: int = 0

    @property
    def left_truncated(self) -> bool:
        """Whether the log begins in mid-life: see `left_truncation`."""
        return self.left_truncation.found

    @property
    def about_amounts(self) -> str:
        """Which columns may be the amount, where none is taken for it; empty where one is."""
        names = self.perhaps_amounts
        if not names:
            return ""
        shown = ", ".join(map(repr, names[:MOST_NAMES])) + (", ..." if len(names) > MOST_NAMES else "")
        return (
            "No column is plainly the amount, so purchases are counted and not valued. If it is one of "
            f"{shown}, say so: amount= in Python, --amount on the command line."
        )

    @property
    def rows(self) -> list[tuple[str, int, str]]:
        """What became of the lines: what, how many, and a note; what there is none of is left out."""
        fate = {"net": "netted", "drop": "dropped", "refuse": "none"}[self.returns]
        rows: list[tuple[str, int, str]] = [
            ("lines read", self.lines, f"{self.first} to {self.last}"),
            ("  without a customer id", self.lines_without_customer, "dropped"),
            (f"  after {self.observation_end}", self.lines_after_end, "ignored"),
            (f"  after {self.observation_end}", self.lines_in_holdout, "held out"),
            ("  returns", self.lines_returned, f"{fate}, {self.returned_amount:,.2f} in all"),
            ("  merged", self.lines_merged, "same customer and period"),
            ("purchases", self.purchases, f"to {self.observation_end}"),
            ("  of amount zero", self.zero_purchases, "count as purchases, not as spend"),
            ("customers", self.customers, "in the RFM"),
            ("  first seen later", self.customers_after_end, "left out"),
            ("  with returns alone", self.customers_returning_only, "left out"),
        ]
        always = {"lines read", "purchases", "customers"}
        return [row for row in rows if row[1] or row[0] in always]

    @property
    def remarks(self) -> list[str]:
        """What to look into, a sentence or two each."""
        remarks = []
        to_come = self.observation_end > date.today() + timedelta(days=1)  # it may be tomorrow elsewhere
        if to_come:
            remarks.append(
                f"The last day observed, {self.observation_end}, has not come yet, and days to come count as "
                "days without a purchase: customers will look lost. Is it a mistake, or a mark for no date? "
                "Say to which day the log is complete: observation_end= in Python, --observation-end on the "
                "command line."
            )
        if self.perhaps_amounts:
            remarks.append(self.about_amounts)
        if self.amounts_read:
            remarks.append(f"Amounts are not written plainly: {self.amounts_read}, and so on.")
        if self.lines_of_nobody:
            remarks.append(
                f"{self.lines_of_nobody:,} lines are of a customer called nan, NULL or the like, who is "
                "taken for one person. If that stands for a missing id, make it null; then they are left out."
            )
        if self.unmatched_amount > 1e-6 * self.returned_amount:
            remarks.append(
                f"Returns of {self.unmatched_amount:,.2f} exceed what those customers had bought before, in "
                "this log: dropped."
            )
        remarks += [
            f"Attribute {name!r} changes within {count:,} customers: the first known value is kept."
            for name, count in self.attributes_changed.items()
        ]
        if self.left_truncated and not to_come:
            spike = self.left_truncation
            remarks.append(
                f"The log seems to begin in mid-life: {spike.first_window:,} customers are first seen in its "
                f"first {spike.window_days:.0f} days, against {spike.typical_window:,.0f} in a typical such "
                "window. Many of them are old customers whose earlier purchases are missing. Use customers "
                "acquired later, or an older log."
            )
        return remarks

    def __str__(self) -> str:
        return "\n".join(
            [f"{name:<24}{count:>12,}  {note}" for name, count, note in self.rows] + self.remarks
        )
