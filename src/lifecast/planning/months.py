"""The same futures by calendar month, as planning sheets want them."""

import math
from typing import Any

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.errors import SettingsError
from lifecast.forecast import Forecast
from lifecast.simulation import Futures, Simulation


def month_edges(forecast: Forecast) -> tuple[Floats, list[str]]:
    """Edges of calendar months from the day after the observation end, (month + 1,), and the months' names.

    The first begins with the forecast, the last ends with it.

    Raises
    ------
    SettingsError
        The forecast does not know what day it is, or has no end.
    """
    import pandas as pd

    if forecast.observation_end is None:
        raise SettingsError(
            "This forecast does not know what day it is, so it has no calendar months. Make the RFM with an "
            'observation_end, or leave per="month" away.'
        )
    if math.isinf(forecast.horizon):
        raise SettingsError(
            "An infinite horizon has too many months. Forecast to a finite one, such as 3 years."
        )
    today = pd.Timestamp(forecast.observation_end)
    end = float(forecast.simulation.periods[-1])
    days = end * forecast.time_unit.days
    first_days = pd.date_range(today + pd.Timedelta(days=2), periods=math.ceil(days / 28) + 1, freq="MS")
    begins = np.asarray((first_days - today).days - 1, np.float64) / forecast.time_unit.days
    inside = begins[begins < end * (1.0 - 1e-9)]
    edges = np.concatenate([[0.0], inside, [end]])
    names = [f"{day:%Y-%m}" for day in [today + pd.Timedelta(days=1), *first_days[: inside.size]]]
    return edges, names


class SumsBetween:
    """Observer that adds purchases, value and discounted value up by group, world and span of time.

    Parameters
    ----------
    group : (customer,)
    edges : (span + 1,)
        A purchase at an edge belongs to the span that ends there.
    """

    def __init__(self, simulation: Simulation, group: Integers, groups: int, edges: Floats) -> None:
        self.simulation, self.group, self.edges = simulation, group, edges
        self.shape = groups, len(simulation.worlds), edges.size - 1
        self.total = np.zeros((3, *self.shape))

    @property
    def sums(self) -> list[Floats]:
        """Draws (measure, group, world, span), as those of `PeriodSums`."""
        return [self.total]

    def look(self, futures: Futures) -> Floats:
        """Sums of these customers' purchases."""
        customer = np.repeat(futures.customer, np.diff(futures.first))
        _, worlds, spans = self.shape
        span = np.searchsorted(self.edges[1:-1] * (1.0 + 1e-12), futures.time)
        cell = (self.group[customer] * worlds + futures.world) * spans + span
        value = self.simulation.margin[customer] * futures.amount
        discounted = value * np.exp(-self.simulation.discount_rate * futures.time)
        size = int(np.prod(self.shape))
        sums = np.empty((3, size))
        for place, weights in enumerate((None, value, discounted)):
            sums[place] = np.bincount(cell, weights, size)
        return sums.reshape(3, *self.shape)

    def keep(self, part: Any) -> None:
        """Add them to those of the customers before."""
        self.total += part
