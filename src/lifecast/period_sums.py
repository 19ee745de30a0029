"""Sums of simulated purchases and value by group, world and period: draws that planning reduces."""

from threading import Lock
from typing import Any

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.encoding import no_group
from lifecast.errors import DataError
from lifecast.grouping import spend_history
from lifecast.kernels.reduction import add_up_by_group
from lifecast.simulation import Futures, Simulation
from lifecast.sums import Sums, anchors
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
    customers, attributes = len(simulation.rfm), simulation.rfm.attributes
    if by is None:
        return [None], np.zeros(customers, np.int64)
    if isinstance(by, str):
        if by not in attributes:
            raise no_group(by, attributes)
        values = attributes[by].to_pandas()
    else:
        values = np.asarray(by)
        if len(values) != customers:
            raise DataError(
                f"by= has {len(values):,} values; needed one for each of the {customers:,} customers, in the "
                "order of forecast.customers."
            )
    return label_groups(values)


def label_groups(values: Any) -> tuple[list[Any], Integers]:
    """The distinct values in order, a missing one last, and the place of each among them."""
    import pandas as pd

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
    """

    def __init__(
        self, simulation: Simulation, worlds: Worlds, group: Integers, groups: int, fixed_amounts: bool
    ) -> None:
        self.simulation = simulation
        self.worlds = worlds
        self.group = group
        self.anchors = anchors(worlds, simulation.discount_rate, simulation.periods)
        shape = groups, len(worlds), simulation.periods.size - 1
        self.exact = [Sums.none(*shape, money=True) for _ in range(1 + fixed_amounts)]
        self.adding = Lock()
        self.expected_spend = np.zeros(group.size)
        family = simulation.spend_family
        if fixed_amounts and family is not None:
            seen = spend_history(simulation.rfm, family.zero_amounts, family.forecast_needs)
            for members, shared in worlds.by_kind(simulation.rfm):
                spend = family.expected_spend(seen.of(members), shared.spend[:1])
                self.expected_spend[members] = spend[:, 0]

    @property
    def sums(self) -> list[Floats]:
        """Draws (measure, group, world, period); as drawn last."""
        return [np.stack([*each.by_group.values()]) for each in self.exact]

    def look(self, futures: Futures) -> None:
        """Add these customers' purchases. Exact sums are the same in any order."""
        simulation, customer = self.simulation, futures.customer
        amounts = [futures.amount]
        if len(self.exact) > 1:
            pace = self.worlds.pace
            price = pace.price[0, np.searchsorted(pace.edges[1:-1], futures.time)]
            amounts.insert(0, price * np.repeat(self.expected_spend[customer], np.diff(futures.first)))
        length = float(simulation.periods[1]) or 1.0
        for sums, amount in zip(self.exact, amounts, strict=True):
            with self.adding:
                add_up_by_group(
                    futures.first, self.group[customer], futures.world, futures.time, amount,
                    simulation.margin[customer], simulation.discount_rate, length, self.anchors, sums.cells,
                )  # fmt: skip

    def keep(self, part: None) -> None:
        """Nothing is left to do."""
