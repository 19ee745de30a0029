"""Sums over customers by world and period that are exact, so that nothing about their order matters.

Floats added in another order differ in their last digits. Here every purchase's value is first rounded to a
multiple of a quantum, some 2e-10 of a typical amount, and parted into a coarse and a fine half, each of which
a float adds up without any rounding [after Demmel & Nguyen 2013, "Fast reproducible floating-point
summation"]. The quantum depends on the model's worlds, the discount rate and the periods alone, so sums are
the same to the last bit in any order, chunking, thread or partition, and those of parts simply add.
"""

import math
from dataclasses import dataclass

import numpy as np

from lifecast.arrays import Floats
from lifecast.grouping import SpendHistory
from lifecast.kernels.reduction import CELL
from lifecast.worlds import Worlds

COARSE, FINE = 2.0**-10, 2.0**-32  # of a typical amount
LARGEST_DISCOUNT = 40  # binary digits that the quantum follows the discount factor down


@dataclass(frozen=True, eq=False)
class Sums:
    """Purchases, value and discounted value of some customers, added up by group, world and period.

    Exact up to four billion purchases in a cell (one group, world and period), and up to 10^12 typical
    amounts: ``a + b`` is then what adding up all the customers of both would have given, to the last bit. So
    are the draws themselves, as plain floats, up to a million typical amounts in a cell; beyond, they are
    the exact sums rounded once.

    Attributes
    ----------
    cells : (group, world, period, 5)
        Purchases; value, coarse and fine; discounted value, coarse and fine.
    money : bool
        Whether there are values; not with a model of purchases alone.

    Examples
    --------
    >>> import lifecast as lc
    >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    >>> model, table = lc.CLTV().fit(rfm), rfm.to_frame()
    >>> parts = [lc.RFM.from_frame(part, time_unit="week") for part in (table[:100], table[100:])]
    >>> some, others = (model.forecast(part, horizon=13, worlds=100).sums for part in parts)
    >>> whole = model.forecast(lc.RFM.from_frame(table, time_unit="week"), horizon=13, worlds=100)
    >>> bool(((some + others).draws["value"] == whole.draws["value"]).all())
    True
    """

    cells: Floats
    money: bool

    @classmethod
    def none(cls, groups: int, worlds: int, periods: int, money: bool) -> "Sums":
        """Of nobody."""
        return cls(np.zeros((groups, worlds, periods, CELL)), money)

    def __add__(self, other: "Sums") -> "Sums":
        """Of the customers of both."""
        return Sums(self.cells + other.cells, self.money)

    @property
    def by_group(self) -> dict[str, Floats]:
        """``purchases``, ``value``, ``discounted_value``: (group, world, period) each."""
        draws = {"purchases": np.ascontiguousarray(self.cells[..., 0])}
        if self.money:
            draws |= {"value": joined(self.cells[..., 1:3]), "discounted_value": joined(self.cells[..., 3:5])}
        return draws

    @property
    def draws(self) -> dict[str, Floats]:
        """The same of the first group, (world, period) each."""
        return {measure: values[0] for measure, values in self.by_group.items()}


def joined(halves: Floats) -> Floats:
    """Coarse and fine halves (..., 2) as one number, rounded once; where one is infinite, that."""
    coarse, fine = halves[..., 0], halves[..., 1]
    return coarse + np.where(np.isfinite(coarse), fine, 0.0)


def anchors(worlds: Worlds, discount_rate: float, periods: Floats) -> Floats:
    """What the kernels round with, shape (period, 4): value coarse and fine, discounted coarse and fine.

    Those of value are the same in every period.

    Adding an anchor to a number and taking it away again rounds the number to a multiple of 2^-52 times two
    thirds of the anchor.

    Parameters
    ----------
    discount_rate : float
        Continuous, per time unit.
    periods : (period + 1,)
        Edges of the periods.
    """
    unit = 1.5 * 2.0**52 * power_of_two(typical_amount(worlds))
    digits = np.floor(-discount_rate * periods[:-1] / math.log(2.0))
    discounted = unit * np.exp2(np.maximum(digits, -LARGEST_DISCOUNT))
    value = np.full(discounted.size, unit)
    return np.stack([COARSE * value, FINE * value, COARSE * discounted, FINE * discounted], axis=1)


def power_of_two(value: float) -> float:
    """The largest that is not above a positive value."""
    return math.ldexp(0.5, math.frexp(value)[1])


def typical_amount(worlds: Worlds) -> float:
    """About what a purchase of a new customer is worth, in the model's currency; one for no money."""
    if worlds.spend is None:
        return 1.0
    nothing = np.zeros(1)
    unknown = SpendHistory(np.zeros(1, np.int64), nothing, nothing, nothing)
    with np.errstate(divide="ignore"):  # parameters may have no finite mean
        median = abs(float(np.median(worlds.spend.family.expected_spend(unknown, worlds.spend.theta))))
    return median if math.isfinite(median) and median > 0.0 else 1.0
