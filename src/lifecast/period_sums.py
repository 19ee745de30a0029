"""Sums of simulated purchases and value by group, world and period: draws that planning reduces."""

from typing import Any

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.errors import DataError, SettingsError
from lifecast.grouping import spend_history
from lifecast.simulation import Futures, Simulation
from lifecast.worlds import Worlds


def grouped(simulation: Simulation, by: Any) -> tuple[list[Any], Integers]:
    """The values of an attribute or of a sequence, and each customer's place among them; one for None.

    Raises
    ------
    SettingsError
        The RFM has no such attribute.
    DataError
        The sequence has another length than the RFM.
    """
    import pandas as pd

    customers, attributes = len(simulation.rfm), simulation.rfm.attributes
    if by is None:
        return [None], np.zeros(customers, np.int64)
    if isinstance(by, str):
        if by not in attributes:
            raise SettingsError(
                f"by={by!r}: the RFM has the attributes {', '.join(attributes) or '(none)'}. "
                f"Pass attributes=[{by!r}] to rfm_summary."
            )
        values = attributes[by].to_pandas()
    else:
        values = np.asarray(by)
        if len(values) != customers:
            raise DataError(
                f"by= has {len(values):,} values; needed one for each of the {customers:,} customers, in the "
                "order of forecast.customers."
            )
    codes, labels = pd.factorize(values, sort=True, use_na_sentinel=False)
    return list(labels), codes.astype(np.int64)


class PeriodSums:
    """Observer that adds purchases, value and discounted value up by group, world and period.

    Parameters
    ----------
    group : (customer,)
        Each customer's group.
    fixed_amounts : bool
        Whether sums with every amount at its expectation, in the first world, stand before those as drawn.

    Attributes
    ----------
    sums : list of (measure, group, world, period) arrays
        As drawn last.
    """

    def __init__(
        self, simulation: Simulation, worlds: Worlds, group: Integers, groups: int, fixed_amounts: bool
    ) -> None:
        self.simulation = simulation
        self.worlds = worlds
        self.group = group
        self.shape = (groups, len(worlds), simulation.periods.size - 1)
        self.sums: list[Floats] = [np.zeros((3, *self.shape)) for _ in range(1 + fixed_amounts)]
        self.expected_spend = np.zeros(group.size)
        family = simulation.spend_family
        if fixed_amounts and family is not None:
            seen = spend_history(simulation.rfm, family.zero_amounts, family.forecast_needs)
            for members, shared in worlds.by_kind(simulation.rfm):
                spend = family.expected_spend(seen.of(members), shared.spend[:1])
                self.expected_spend[members] = spend[:, 0]

    def look(self, futures: Futures) -> list[Floats]:
        """Sums of these customers' purchases."""
        customer = np.repeat(futures.customer, np.diff(futures.first))
        _, worlds, periods = self.shape
        length = float(self.simulation.periods[1]) or 1.0
        period = np.clip(np.ceil(futures.time / length - 1e-9).astype(np.int64) - 1, 0, periods - 1)
        cell = (self.group[customer] * worlds + futures.world) * periods + period
        amounts = [futures.amount]
        if len(self.sums) > 1:
            pace = self.worlds.pace
            price = pace.price[0, np.searchsorted(pace.edges[1:-1], futures.time)]
            amounts.insert(0, price * self.expected_spend[customer])
        purchases = np.bincount(cell, minlength=int(np.prod(self.shape))).astype(np.float64)
        margin = self.simulation.margin[customer]
        discount = np.exp(-self.simulation.discount_rate * futures.time)
        seen = []
        for amount in amounts:
            value = margin * amount
            parts = [purchases, *(np.bincount(cell, w, purchases.size) for w in (value, value * discount))]
            seen.append(np.stack(parts).reshape(3, *self.shape))
        return seen

    def keep(self, part: list[Floats]) -> None:
        """Add them to those of the customers before."""
        for total, seen in zip(self.sums, part, strict=True):
            total += seen
