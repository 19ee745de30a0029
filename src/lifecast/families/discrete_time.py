"""What families share whose purchases happen at whole time units only; see `contract.DiscreteTime`."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.errors import DataError
from lifecast.families.threads import over_worlds
from lifecast.grouping import codes
from lifecast.kernels.shifted_beta_geometric import sums_of_renewals


def refuse(
    family: str, wrong: np.ndarray, histories: tuple[Integers, Floats, Floats], what: str, advice: str
) -> None:
    """Refuse customers (customer,) that are wrong, whose frequency, recency and T are given.

    Raises
    ------
    DataError
    """
    if not wrong.any():
        return
    x, t_x, T = (values[np.argmax(wrong)] for values in histories)
    raise DataError(
        f"{family}: {np.count_nonzero(wrong):,} of {wrong.size:,} customers have {what} (first: frequency "
        f"{x:g}, recency {t_x:g}, T {T:g}). {advice}"
    )


def opportunities(times: Floats) -> Floats:
    """Whole time units passed, as `lifecast.kernels.shifted_beta_geometric.whole` counts them."""
    whole: Floats = np.floor(times + 1e-9)
    return whole


MEANT = 0.02  # share by which calendars differ from time units: 90 days from three months


def opportunities_meant(length: float) -> float:
    """The opportunities that a length in time units is meant to hold: 365 days mean all four of a year's."""
    if math.isinf(length):
        return length
    nearest = float(round(length))
    return nearest if abs(length - nearest) <= MEANT * nearest else math.floor(length)


def survival_scale(T: Floats, shapes: Floats) -> float:
    """A time in which survival bends, given the shapes (world, 2) of the chance to leave."""
    alpha, beta = shapes.T
    return float(np.min((beta + np.min(T)) / np.maximum(1.0, alpha)))


def expected_opportunities(
    T: Floats, shapes: Floats, times: Floats, weights: Floats
) -> Callable[[Floats], Floats]:
    """Prepare weighted sums over times of the opportunities that living customers will see.

    The result maps T (row,) to (sum, row, world). Given are the shapes (world, 2) of the chance to leave, and
    times and weights as `PurchaseFamily.expected_purchases` takes them.
    """
    ages, _ = codes(T)
    order, (alpha, beta) = np.argsort(times, axis=1), shapes.T.copy()
    sums = np.zeros((weights.shape[2], ages.size, shapes.shape[0]))
    over_worlds(partial(sums_of_renewals, ages, times, weights, order, alpha, beta, sums), shapes.shape[0])

    def of_rows(T: Floats) -> Floats:
        of_ages: Floats = sums[:, np.searchsorted(ages, T)]
        return of_ages

    return of_rows
