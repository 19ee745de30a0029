"""Customers yet to come: those of a plan, living through the same worlds as those who are there.

A customer who comes in the middle of the horizon begins at age zero, and from then on buys by the market's
clock of those days: simulated in operational time since the arrival, then put on the calendar of each world.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats, Keys
from lifecast.book import DRAWS_PER_CHUNK, Book, chunks, customer_keys, open_book
from lifecast.errors import DataError
from lifecast.families.contract import DiscreteTime
from lifecast.forecast import Forecast
from lifecast.grouping import spend_history
from lifecast.market import Pace
from lifecast.new_customers import acquired
from lifecast.rfm import RFM
from lifecast.settings import margins
from lifecast.simulation import Futures, Observer, Part, Simulation, futures
from lifecast.timeunit import TimeUnit, parse_date
from lifecast.worlds import Shared

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Newcomers:
    """Customers of a plan, in order of arrival.

    Attributes
    ----------
    simulation : Simulation
        The forecast's, with these customers, of age zero, in place of its own.
    arrival : (customer,)
        Time of the first purchase, in time units after the observation end.
    """

    simulation: Simulation
    arrival: Floats


def read_plan(plan: "pd.DataFrame", forecast: Forecast, by: str | None = None) -> Newcomers:
    """Customers one by one, evenly spread over the time between each start and the next.

    Parameters
    ----------
    plan : DataFrame
        As `lifecast.cash_flow` takes it.
    forecast : Forecast
    by : str, optional
        An attribute to keep besides those that the model and the margin need.

    Raises
    ------
    DataError
        A column is missing, a start lies before the forecast, a number of customers is no number, or nobody
        comes within the horizon.
    """
    import pandas as pd

    unit, end = forecast.time_unit, forecast.simulation.periods[-1]
    attributes = attributes_needed(forecast.simulation, forecast.settings["margin"], by)
    needed = ["start", "new_customers", *attributes]
    missing = [name for name in needed if name not in plan]
    if missing:
        raise DataError(
            f"The plan of new customers has no column {missing[0]!r}; it has {', '.join(map(str, plan))}. "
            f"Needed: {', '.join(needed)}."
        )
    counts = plan["new_customers"].to_numpy(np.float64)
    whole = (counts >= 0) & (counts < np.inf) & (counts == np.round(counts))
    if not whole.all():
        raise DataError(
            f"The plan has new_customers {counts[~whole][0]:g}: needed whole numbers from 0 up. Round them."
        )
    starts = starts_of(plan, forecast)
    known = [name for name in forecast.simulation.rfm.attributes if name in plan]  # whoever asks about them
    attributes = list(dict.fromkeys([*attributes, *known]))
    kinds = plan[attributes].assign(_start=starts, _count=counts)
    kinds = kinds.groupby(["_start", *attributes], dropna=False)["_count"].sum().reset_index()
    count = kinds["_count"].to_numpy(np.int64)
    begin, length = kinds["_start"].to_numpy(), lengths(kinds["_start"].to_numpy(), end)
    number = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    arrival = np.repeat(begin, count) + (number + 0.5) / np.repeat(count, count) * np.repeat(length, count)
    if isinstance(forecast.simulation.purchase_family, DiscreteTime):
        arrival = np.ceil(arrival)
    people = kinds.loc[np.repeat(kinds.index, count), attributes]
    # Named by kind, start and number, so that a plan with more of some leaves the others' lives as they are.
    ids = pd.Series("new", index=people.index)
    for part in (*(people[name] for name in attributes), np.repeat(begin, count), number):
        ids = ids + "|" + np.asarray(part).astype(str)
    order = np.argsort(arrival, kind="stable")
    order = order[arrival[order] < end]
    if not order.size:
        raise DataError("The plan brings nobody before the forecast ends. Leave it out, or forecast farther.")
    frame = people.assign(customer_id=ids, frequency=0, recency=0.0, T=0.0, monetary_value=0.0)
    rfm = RFM.from_frame(frame.iloc[order].reset_index(drop=True), time_unit=unit)
    margin = margins(forecast.settings["margin"], rfm)
    return Newcomers(replace(forecast.simulation, rfm=rfm, margin=margin), arrival[order])


def starts_of(plan: "pd.DataFrame", forecast: Forecast) -> Floats:
    """Times from which on customers come, (row,); none before the forecast."""
    starts = np.array([time_of(start, forecast, forecast.time_unit) for start in plan["start"]], np.float64)
    if np.any(~(starts >= 0.0)):
        raise DataError(
            f"The plan starts at {plan['start'].iloc[int(np.argmin(starts >= 0.0))]}, before the forecast, "
            f"whose first day comes after {forecast.observation_end or 'time 0'}. Leave out what is over; of "
            "a month that is not, give the customers still to come a row that starts on that first day."
        )
    return starts


def plan_costs(plan: "pd.DataFrame", forecast: Forecast, by: str | None, edges: Floats) -> dict[Any, Floats]:
    """Costs of each group's new customers between edges, plain and discounted: (2, span); empty without.

    Raises
    ------
    DataError
        A cost is negative or no number.
    """
    import pandas as pd

    if "cost" not in plan:
        return {}
    cost = pd.to_numeric(plan["cost"], errors="coerce").to_numpy(np.float64)
    wrong = ~(np.isfinite(cost) & (cost >= 0.0))
    if wrong.any():
        raise DataError(
            f"The plan has the cost {plan['cost'].iloc[int(np.argmax(wrong))]}: needed money, 0 or more, in "
            "every row. Leave the column out where costs are not known."
        )
    starts, rate = starts_of(plan, forecast), forecast.simulation.discount_rate
    found: dict[Any, Floats] = {}
    labels = ["all"] * len(plan) if by is None else plan[by].tolist()
    each = lengths(starts, float(edges[-1]))
    for label, begin, length, money in zip(labels, starts, each, cost, strict=True):
        low, high = np.maximum(edges[:-1], begin), np.minimum(edges[1:], begin + length)
        time = np.maximum(high - low, 0.0)
        kept = np.exp(-rate * low) * (-np.expm1(-rate * time) / rate if rate > 0.0 else time)
        spent = money / length * np.stack([time, np.where(time > 0.0, kept, 0.0)])
        found[label] = found.get(label, 0.0) + spent
    return found


def attributes_needed(simulation: Simulation, margin: Any, by: str | None) -> list[str]:
    """Attributes by which the model, the margin or the caller tell customers apart."""
    worlds = simulation.worlds
    names = [by, margin if isinstance(margin, str) else None]
    for population in (worlds.purchases, worlds.spend):
        if population is not None:
            encoding = population.encoding
            names += [encoding.groups, *(covariate.name for covariate in encoding.covariates)]
    return [name for name in dict.fromkeys(names) if name is not None]


def time_of(start: Any, forecast: Forecast, unit: TimeUnit) -> float:
    """Time at which a day begins, or the number itself."""
    if isinstance(start, int | float | np.integer | np.floating):
        return float(start)
    if forecast.observation_end is None:
        raise DataError(
            f"The plan starts at {start}, and the forecast does not know what day it is. Give starts in "
            "time units from now, or make the RFM with an observation_end."
        )
    return ((parse_date(start, "start") - forecast.observation_end).days - 1) / unit.days


def lengths(starts: Floats, end: float) -> Floats:
    """Time from each start to the next later one; the last one's is as the one before it, or to the end."""
    times, place = np.unique(starts, return_inverse=True)
    if times.size < 2:
        return np.maximum(end - starts, 0.0)
    between = np.diff(times)
    found: Floats = np.append(between, between[-1])[place.ravel()]
    return found


def watch_newcomers(
    newcomers: Newcomers,
    observer: Observer,
    first_purchase: bool,
    threads: int | None,
    progress: Callable[[int], None],
) -> None:
    """Simulate every newcomer from the arrival to the forecast's end, for an observer.

    The first purchase, at the arrival, is shown too where asked for.
    """
    simulation, arrival = newcomers.simulation, newcomers.arrival
    rfm, worlds = simulation.rfm, simulation.worlds
    everyone = customer_keys(rfm.customer_id, simulation.seed)
    family = simulation.spend_family
    nothing_seen = None if family is None else spend_history(rfm, family.zero_amounts, ())
    done = 0

    def run(book: Book, shared: Shared, keys: Keys, chunk: slice) -> tuple[int, Any]:
        bought = lives(simulation, book, chunk, shared, keys, arrival[book.order[chunk]], first_purchase)
        return chunk.stop, observer.look(bought)

    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        for members, shared in worlds.by_kind(rfm) if len(rfm) else ():
            book = open_book(rfm, members, simulation.margin, nothing_seen)
            run_chunk = partial(run, book, shared, everyone[book.order])
            for of_book, seen in pool.map(run_chunk, chunks(book, max(1, DRAWS_PER_CHUNK // len(worlds)))):
                observer.keep(seen)
                progress(done + of_book)
            done += len(book)


def lives(
    simulation: Simulation,
    book: Book,
    chunk: slice,
    shared: Shared,
    keys: Keys,
    arrival: Floats,
    first_purchase: bool,
) -> Futures:
    """Every purchase of some newcomers up to the forecast's end, given their arrivals (customer,)."""
    pace = shared.pace
    begins = pace.operational(arrival)  # (world, customer)
    span = float(pace.edges[-1] - np.min(arrival))
    left = pace.clock[:, -1] - begins.min(axis=1)
    clock = np.column_stack([np.zeros_like(left), left])
    own_time = Pace(np.array([0.0, span]), clock, np.ones((left.size, 1)), pace.drift, pace.spend_drift)
    alone = Shared(shared.purchases, shared.spend, own_time)
    part = Part.of(book, chunk, alone, simulation.purchase_family)
    bought = futures(book, chunk, part, keys, alone, simulation.purchase_family, None, 1.0)
    if first_purchase:
        bought = acquired(bought, len(shared))
    customer, world = np.repeat(np.arange(arrival.size), np.diff(bought.first)), bought.world
    amount = np.zeros(world.size)
    if simulation.spend_family is not None and book.spend is not None:
        amount = simulation.spend_family.simulate_amounts(
            book.spend.of(chunk), keys[chunk], bought.first, world, shared.spend, pace.spend_drift
        )
    passed = begins[world, customer] + bought.time / span * left[world]
    within = passed <= pace.clock[world, -1] * (1 + 1e-12)
    customer, world, first = customer[within], world[within], bought.time[within] == 0.0
    time = np.where(first, arrival[customer], calendar(passed[within], world, pace))
    price = pace.price[world, np.searchsorted(pace.edges[1:-1], time)]
    ends = np.cumsum(np.bincount(customer, minlength=arrival.size))
    return Futures(bought.customer, np.append(0, ends), world, time, price * amount[within])


def calendar(passed: Floats, world: Any, pace: Pace) -> Floats:
    """Calendar times (purchase,) of operational ones in each purchase's world."""
    times = np.empty(passed.size)
    order = np.argsort(world, kind="stable")
    edges = np.searchsorted(world[order], np.arange(pace.clock.shape[0] + 1))
    for s, clock in enumerate(pace.clock):
        here = order[edges[s] : edges[s + 1]]
        times[here] = np.interp(passed[here], clock, pace.edges)
    return times
