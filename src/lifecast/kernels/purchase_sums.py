"""From a customer's lines, in the order of days, to purchases and their sums, exact to the last digit.

Sums are whole numbers of up to 95 bits, kept as a pair: ``high * 2**32 + low``, of which `low` may grow
beyond 32 bits while it is added to.
"""

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from lifecast.arrays import Floats, Integers

MONDAY = 4  # 1970-01-05, as a day since 1970-01-01: blocks of 7 days are calendar weeks
LOG_UNITS = 2.0**50  # of a sum of logarithms
COARSE_UNITS = 2.0**25  # of a logarithm whose squares are added up: large sums may cancel
_LOW = 2**32 - 1

Whole = int | np.int64


@njit(cache=True, nogil=True)
def to_double(high: Whole, low: Whole) -> float:
    """A pair as a double, rounded as DuckDB rounds a HUGEINT."""
    high += low >> 32
    lower = (np.uint64(high & _LOW) << np.uint64(32)) | np.uint64(low & _LOW)
    upper = high >> 32
    if upper == -1:
        return -float(~lower) - 1.0
    return float(lower) + float(upper) * 2.0**64


@njit(cache=True, nogil=True)
def squared_spread(n: int, total: int, high: Whole, low: Whole) -> float:
    """The sum of squared distances from the mean of `n` whole numbers, times `n`.

    Of their sum and their sum of squares: ``n * squares - total**2``, and not a digit is lost before that.
    """
    high, low = high + (low >> 32), low & _LOW
    total = abs(total)
    first, second = total >> 32, total & _LOW
    square = np.uint64(second) * np.uint64(second)
    high = n * high - ((first * first) << 32) - 2 * first * second - np.int64(square >> np.uint64(32))
    return to_double(high, n * low - np.int64(square & np.uint64(_LOW)))


@njit(cache=True, nogil=True)
def add_up(
    starts: Integers, day: Integers, high: Integers, low: Integers, merge_days: int, scale: float
) -> tuple[npt.NDArray[np.int32], Floats, Integers]:
    """Each customer's purchases, and sums over the repeat ones: all but the first.

    Lines of one block of days are one purchase, on its first day.

    Parameters
    ----------
    starts : (customer + 1,)
        Where a customer's lines begin, and where the last one's end.
    day : (line,)
        Days since 1970-01-01, ascending within a customer.
    high, low : (line,)
        Money in whole units, as a pair; none of it negative.
    merge_days : int
        Length of a block, in days.
    scale : float
        Units of money per unit of currency.

    Returns
    -------
    counts : int array, (5, customer)
        Repeat purchases; first day; days from the first to the last purchase; repeat purchases that cost
        something; purchases that cost nothing.
    sums : float array, (3, customer)
        Money of the repeat purchases; of those that cost something, the sum of logarithms, and of their
        squared distances from their mean times their number.
    money : int array, (2, customer)
        That of all purchases, in whole units, as a pair.
    """
    customers = starts.size - 1
    counts = np.empty((5, customers), np.int32)
    sums = np.empty((3, customers))
    money = np.empty((2, customers), np.int64)
    for customer in range(customers):
        row, end = starts[customer], starts[customer + 1]
        first = last = day[row]
        purchases = positive = free = 0
        all_high = all_low = first_high = first_low = 0
        log_high = log_low = 0
        reference = total = squares_high = squares_low = 0
        while row < end:
            block, last = (day[row] - MONDAY) // merge_days, day[row]
            bought_high = bought_low = 0
            while row < end and (day[row] - MONDAY) // merge_days == block:
                bought_high += high[row]
                bought_low += low[row]
                row += 1
            all_high += bought_high
            all_low += bought_low
            bought = to_double(bought_high, bought_low)
            if bought == 0.0:
                free += 1
            if purchases == 0:
                first_high, first_low = bought_high, bought_low
            elif bought > 0.0:
                logarithm = int(np.rint(math.log(bought / scale) * LOG_UNITS))
                log_high += logarithm >> 32
                log_low += logarithm & _LOW
                coarse = int(np.rint(math.log(bought) * COARSE_UNITS))
                if positive == 0:
                    reference = coarse
                positive += 1
                distance = coarse - reference  # which the spread does not see, and squares are smaller
                total += distance
                square = distance * distance
                squares_high += square >> 32
                squares_low += square & _LOW
            purchases += 1
        counts[0, customer], counts[1, customer], counts[2, customer] = purchases - 1, first, last - first
        counts[3, customer], counts[4, customer] = positive, free
        sums[0, customer] = to_double(all_high - first_high, all_low - first_low) / scale
        sums[1, customer] = to_double(log_high, log_low) / LOG_UNITS
        spread = squared_spread(positive, total, squares_high, squares_low)
        sums[2, customer] = spread / (COARSE_UNITS * COARSE_UNITS)
        money[0, customer], money[1, customer] = all_high + (all_low >> 32), all_low & _LOW
    return counts, sums, money
