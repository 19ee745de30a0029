"""Exponentials and logarithms of many numbers at once.

Compilers make vector instructions of these loops, which they cannot of the library's functions. Within three
units of the last digit, and the same on every machine.
"""

import math

import numpy as np
from numba import njit

from lifecast.arrays import Floats

PER_LOG_2 = 1.0 / math.log(2.0)
LOG_2 = 6.93147180369123816490e-01  # so few digits that its multiples are exact; and what it lacks
LOG_2_REST = 1.90821492927058770002e-10
WHOLE = 1.5 * 2.0**52  # a number added to it has its digits before the point in the last bits
REACH = 708.0
SQRT_HALF = np.int64(0x3FE6A09E667F3BCD)  # its bits
FRACTION = np.int64(52)  # bits of a float after its exponent


@njit(cache=True, nogil=True, inline="always")
def growth_rate(y: float) -> float:
    """(exp(y) - 1) / y as a Taylor polynomial, for |y| up to ln(2) / 2."""
    tail = 1 / 3628800 + y * (1 / 39916800 + y * (1 / 479001600))
    tail = 1 / 120 + y * (1 / 720 + y * (1 / 5040 + y * (1 / 40320 + y * (1 / 362880 + y * tail))))
    return 1.0 + y * (1 / 2 + y * (1 / 6 + y * (1 / 24 + y * tail)))


@njit(cache=True, nogil=True, error_model="numpy")
def exponentials(x: Floats, out: Floats) -> None:
    """exp(x) of each number; zero below -708, infinite above 708.

    A power of two, put together from its bits, times the growth over what remains, at most ln(2) / 2.
    """
    power = np.empty(x.size)
    bits = power.view(np.int64)
    for i in range(x.size):
        power[i] = min(max(x[i], -REACH), REACH) * PER_LOG_2 + WHOLE
        whole = power[i] - WHOLE
        y = (x[i] - whole * LOG_2) - whole * LOG_2_REST
        out[i] = 1.0 + y * growth_rate(y)
    for i in range(x.size):
        bits[i] = (bits[i] + 1023) << FRACTION
    for i in range(x.size):
        value = out[i] * power[i]
        value = 0.0 if x[i] < -REACH else value
        out[i] = math.inf if x[i] > REACH else value


@njit(cache=True, nogil=True, error_model="numpy")
def one_minus_exponentials(x: Floats, out: Floats) -> None:
    """1 - exp(-x) of each number, zero or more, with all its digits."""
    power = np.empty(x.size)
    bits = power.view(np.int64)
    for i in range(x.size):
        power[i] = WHOLE - min(x[i], REACH) * PER_LOG_2
        whole = power[i] - WHOLE
        y = (-x[i] - whole * LOG_2) - whole * LOG_2_REST
        out[i] = y * growth_rate(y)
    for i in range(x.size):
        bits[i] = (bits[i] + 1023) << FRACTION
    for i in range(x.size):
        value = (1.0 - power[i]) - power[i] * out[i]
        out[i] = 1.0 if x[i] > REACH else value


@njit(cache=True, nogil=True, error_model="numpy")
def logarithms(x: Floats, out: Floats) -> None:
    """ln(x) of each number, which is positive, finite and no smaller than 1e-307.

    With x = 2^n m, m between sqrt(1/2) and sqrt(2): the series of the inverse hyperbolic tangent of
    (m - 1) / (m + 1).
    """
    bits = x.view(np.int64)
    mantissa = np.empty(x.size)
    mantissa_bits = mantissa.view(np.int64)
    for i in range(x.size):
        n = (bits[i] - SQRT_HALF) >> FRACTION
        mantissa_bits[i] = bits[i] - (n << FRACTION)
        out[i] = n
    for i in range(x.size):
        z = (mantissa[i] - 1.0) / (mantissa[i] + 1.0)
        q = z * z
        tail = 1 / 15 + q * (1 / 17 + q * (1 / 19 + q * (1 / 21)))
        series = q * (
            1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9 + q * (1 / 11 + q * (1 / 13 + q * tail)))))
        )
        out[i] = out[i] * LOG_2 + (2.0 * z + (2.0 * z * series + out[i] * LOG_2_REST))


@njit(cache=True, nogil=True, error_model="numpy")
def logarithms_of_one_plus(x: Floats, out: Floats) -> None:
    """ln(1 + x) of each number, zero or more, with all its digits: what the sum rounds off is added back."""
    one_plus = np.empty(x.size)
    for i in range(x.size):
        one_plus[i] = 1.0 + x[i]
    logarithms(one_plus, out)
    for i in range(x.size):
        out[i] += (x[i] - (one_plus[i] - 1.0)) / one_plus[i]
