"""Each customer's chances: to be among the best, to bring more than so much, to come back in time.

In every world customers are ranked by what they bring in that world. Values are not kept: a first pass over
the simulated futures counts them in narrow bins, world by world, which shows where the last place among the
best is; a second pass counts in how many worlds each customer is above it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.forecast import Forecast
from lifecast.settings import central
from lifecast.simulation import Futures, Simulation

BINS_PER_DOUBLING = 128  # values in one bin differ by half a percent
BINS = 32 * BINS_PER_DOUBLING
LOWEST = 12 * BINS_PER_DOUBLING  # the first bin is that far below the mean value


@dataclass(frozen=True, eq=False)
class Chances:
    """Shares of worlds, (customer,) each.

    Attributes
    ----------
    top
        In which the customer is among the best. Values in one bin with the last place share it, so that
        over customers these add up to the number of places, or of buyers where these are fewer.
    above
        In which the value is above the threshold.
    again
        In which there is a purchase within the window.
    upper
        Not a share: the upper bound of what the customer brings.
    """

    top: Floats
    above: Floats
    again: Floats
    upper: Floats


def work_out_chances(
    forecast: Forecast,
    places: int,
    threshold: float,
    window: float,
    threads: int | None,
    progress: Callable[[int], None],
) -> Chances:
    """Chances in the worlds of a forecast; value is discounted, or the number of purchases without spend.

    Parameters
    ----------
    places : int
        How many customers of a world are the best.
    threshold : float
    window : float
        In time units.
    threads, progress
        As `Forecast.watch` takes them.
    """
    simulation = forecast.simulation
    value = np.asarray(forecast.customers[value_name(forecast)], np.float64)
    scale = float(value[np.isfinite(value) & (value > 0)].mean()) if np.any(value > 0) else 1.0
    counts = ValueCounts(simulation, scale, threshold, window, float(central(forecast.interval)[2]))
    forecast.watch(counts, threads=threads, progress=progress)
    best = AmongTheBest(simulation, scale, *last_place(counts.counts, places))
    forecast.watch(best, threads=threads, progress=progress)
    draws = len(simulation.worlds)
    with_spend = simulation.spend_family is not None
    upper = np.asarray(forecast.customers["cltv_upper"]) if with_spend else counts.upper
    return Chances(best.top / draws, counts.above / draws, counts.again / draws, upper)


def value_name(forecast: Forecast) -> str:
    """The column of a forecast that says what a customer is worth."""
    return "purchases" if forecast.simulation.spend_family is None else "cltv"


@dataclass(frozen=True, eq=False)
class Brought:
    """What customers bring in the worlds in which they buy, (pair,) each, by customer and world.

    Attributes
    ----------
    customer : places among those looked at
    world, value
    time : of the first purchase
    """

    customer: Integers
    world: Integers
    value: Floats
    time: Floats

    @classmethod
    def of(cls, futures: Futures, simulation: Simulation) -> "Brought":
        """Add up each customer's purchases in each world."""
        draws = len(simulation.worlds)
        customer = np.repeat(np.arange(futures.customer.size), np.diff(futures.first))
        pair = customer * draws + futures.world
        begins = np.flatnonzero(np.diff(pair, prepend=-1))
        if simulation.spend_family is None:
            worth = np.ones(pair.size)
        else:
            margin = simulation.margin[futures.customer][customer]
            worth = margin * futures.amount * np.exp(-simulation.discount_rate * futures.time)
        value = np.add.reduceat(worth, begins) if begins.size else np.zeros(0)
        return cls(customer[begins], pair[begins] % draws, value, futures.time[begins])

    def bins(self, scale: float) -> Integers:
        """The bin of each value; -1 for values that are not positive, which are never among the best."""
        positive = self.value > 0.0
        doublings = np.log2(np.where(positive, self.value, 1.0) / scale)
        found = np.floor(BINS_PER_DOUBLING * doublings).astype(np.int64) + LOWEST
        return np.where(positive, np.clip(found, 0, BINS - 1), -1)


class ValueCounts:
    """Observer that counts customers by world and bin of value, and those who come back or bring enough.

    Attributes
    ----------
    counts : (world, bin)
    above, again : (customer,)
        Numbers of worlds.
    upper : (customer,)
        Quantile of the number of purchases; zero where the model has spend, whose forecast knows better.
    """

    def __init__(
        self, simulation: Simulation, scale: float, threshold: float, window: float, probability: float
    ) -> None:
        self._simulation, self._scale = simulation, scale
        self._threshold, self._window, self._probability = threshold, window, probability
        self.counts = np.zeros((len(simulation.worlds), BINS), np.int64)
        self.above = np.zeros(len(simulation.rfm))
        self.again = np.zeros(len(simulation.rfm))
        self.upper = np.zeros(len(simulation.rfm))

    def look(self, futures: Futures) -> tuple[Any, ...]:
        """Bins and counts of these customers."""
        brought = Brought.of(futures, self._simulation)
        bins = brought.bins(self._scale)
        cells = (brought.world * BINS + bins)[bins >= 0]
        people = futures.customer.size
        above = np.bincount(brought.customer, brought.value > self._threshold, people)
        again = np.bincount(brought.customer, brought.time <= self._window, people)
        upper = np.zeros(people)
        if self._simulation.spend_family is None:
            purchases = np.zeros((people, len(self.counts)))
            purchases[brought.customer, brought.world] = brought.value
            upper = np.quantile(purchases, self._probability, axis=1)
        return futures.customer, cells, above, again, upper

    def keep(self, part: tuple[Any, ...]) -> None:
        """Add them."""
        customer, cells, above, again, upper = part
        np.add.at(self.counts.ravel(), cells, 1)
        self.above[customer], self.again[customer], self.upper[customer] = above, again, upper


def last_place(counts: Integers, places: int) -> tuple[Integers, Floats]:
    """The bin of each world's last place (world,), and the part of a place that each value in it has."""
    from_top = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]
    last = np.maximum(np.sum(from_top >= places, axis=1) - 1, 0)
    world = np.arange(len(counts))
    better = from_top[world, last] - counts[world, last]
    return last, np.clip((places - better) / np.maximum(counts[world, last], 1), 0.0, 1.0)


class AmongTheBest:
    """Observer that counts, in parts of places, the worlds in which each customer is among the best.

    Attributes
    ----------
    top : (customer,)
    """

    def __init__(self, simulation: Simulation, scale: float, last: Integers, part: Floats) -> None:
        self._simulation, self._scale = simulation, scale
        self._last, self._part = last, part
        self.top = np.zeros(len(simulation.rfm))

    def look(self, futures: Futures) -> tuple[Integers, Floats]:
        """These customers' places."""
        brought = Brought.of(futures, self._simulation)
        bins, last = brought.bins(self._scale), self._last[brought.world]
        place = np.where(bins > last, 1.0, np.where(bins == last, self._part[brought.world], 0.0))
        places = np.bincount(brought.customer, place, futures.customer.size).astype(np.float64)
        return futures.customer, places

    def keep(self, part: tuple[Integers, Floats]) -> None:
        """Put them where they belong."""
        customer, places = part
        self.top[customer] = places
