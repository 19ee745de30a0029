"""What customers yet to come will be worth: on average, between customers, and how sure the average is."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from lifecast.arrays import Floats
from lifecast.book import Book, customer_keys, open_book
from lifecast.expectations import times_or_zero
from lifecast.families.contract import DiscreteTime, PurchaseFamily, SpendFamily
from lifecast.families.discrete_time import opportunities
from lifecast.grouping import spend_history
from lifecast.posterior import Posterior
from lifecast.rfm import RFM
from lifecast.simulation import Futures, Part, futures
from lifecast.timeunit import TimeUnit
from lifecast.worlds import Shared, Worlds, purchases_and_value

if TYPE_CHECKING:
    import pandas as pd

LARGEST_WEIGHTS = 2_000_000


@dataclass(frozen=True, eq=False)
class NewCustomers:
    """The value of customers not yet acquired, kind by kind.

    Attributes
    ----------
    table : DataFrame
        One row per kind, indexed as the customers were named: ``purchases``, expected repeat purchases;
        ``value``, expected discounted value; ``value_lower, value_median, value_upper`` of what one customer
        will bring; ``value_mean_lower, value_mean_upper`` of the expectation, so of the average over ever
        more customers; ``sd`` of one customer's value, ``sd_of_mean`` of the expectation.
    expected_purchases, expected_value : (world, kind)
        Expectations in each world: the average of ever more customers there.
    value : (world, kind)
        What one customer brings in each world.
    """

    table: "pd.DataFrame"
    expected_purchases: Floats
    expected_value: Floats
    value: Floats


def newly_acquired(posterior: Posterior, customers: "pd.DataFrame | None", unit: TimeUnit) -> RFM:
    """Customers of age zero: those described, or one for each combination of the families' groups."""
    import pandas as pd

    if customers is None:
        names = {
            population.encoding.groups: population.encoding.group_names
            for population in posterior.populations
            if population.encoding.groups is not None
        }
        customers = pd.DataFrame(list(product(*names.values())), columns=list(names))
        labels = [", ".join(map(str, row)) for row in customers.to_numpy().tolist()]
        customers.index = pd.Index(labels if names else ["new customer"])
    return RFM.from_frame(
        customers.assign(frequency=0, recency=0.0, T=0.0, monetary_value=0.0, customer_id=customers.index),
        time_unit=unit.days,
    )


def look_ahead(
    rfm: RFM,
    worlds: Worlds,
    purchase_family: PurchaseFamily,
    spend_family: SpendFamily,
    margin: Floats,
    discount_rate: float,
    horizon: float,
    first_purchase: bool,
    probabilities: Floats,
    seed: int,
) -> NewCustomers:
    """Work out the value of customers of age zero; see `CLTV.new_customers`."""
    S, kinds = len(worlds), len(rfm)
    found = {name: np.zeros((S, kinds)) for name in ("expected_purchases", "expected_value", "value")}
    keys = customer_keys(rfm.customer_id, seed)
    whole_times = isinstance(purchase_family, DiscreteTime)
    nothing_seen = spend_history(rfm, spend_family.zero_amounts, ())
    for members, shared in worlds.by_kind(rfm):
        book = open_book(rfm, members, margin, nothing_seen)
        histories = book.rows.x, book.rows.T, shared.purchases, shared.pace.drift
        scale = purchase_family.time_scale(*histories)
        expected = purchase_family.expected_purchases(
            *histories, *purchases_and_value(shared, horizon, discount_rate, scale, whole_times)
        )
        everyone = slice(0, len(book))
        part = Part.of(book, everyone, shared, purchase_family)
        purchases, discounted = (
            times_or_zero(part.p_alive, sums)[part.row] for sums in expected(part.x, part.T)
        )
        spend = spend_family.expected_spend(nothing_seen.of(book.order), shared.spend)
        of_kind = margin[book.order, None]
        found["expected_purchases"][:, book.order] = purchases.T
        found["expected_value"][:, book.order] = (of_kind * spend * (discounted + first_purchase)).T
        bought = futures(book, everyone, part, keys[book.order], shared, purchase_family, None, 1.0)
        if first_purchase:
            bought = acquired(bought, S)
        amounts = spend_family.simulate_amounts(
            nothing_seen.of(book.order), keys[book.order], bought.first, bought.world, shared.spend,
            shared.pace.spend_drift,
        )  # fmt: skip
        value = discounted_sums(bought, amounts, shared, discount_rate)
        found["value"][:, book.order] = (of_kind * value).T
    return NewCustomers(as_table(found, probabilities, rfm), **found)


def expected_curve(
    rfm: RFM,
    worlds: Worlds,
    purchase_family: PurchaseFamily,
    spend_family: SpendFamily,
    margin: Floats,
    discount_rate: float,
    times: Floats,
) -> Floats:
    """Expected discounted value of customers of age zero until each of the times: (world, kind, time).

    Without the first purchase's own amount. ``times`` (time,) ascend from 0; purchases between two are
    discounted to, and priced in, the middle, or the last opportunity where purchases happen at these only.
    """
    values = np.zeros((len(worlds), len(rfm), times.size))
    nothing_seen = spend_history(rfm, spend_family.zero_amounts, ())
    discrete = isinstance(purchase_family, DiscreteTime)
    when = opportunities(times[1:]) if discrete else (times[1:] + times[:-1]) / 2
    for members, shared in worlds.by_kind(rfm):
        book = open_book(rfm, members, margin, nothing_seen)
        pace = shared.pace
        alive = purchase_family.probability_alive(book.rows.x, book.rows.t_x, book.rows.T, shared.purchases)
        purchases = np.diff(times_or_zero(alive, at_each(purchase_family, book, shared, times)), axis=0)
        purchases = purchases[:, book.row]
        price = pace.price[:, np.searchsorted(pace.edges[1:-1], when)].T
        worth = np.exp(-discount_rate * when)[:, None] * price
        spend = margin[book.order, None] * spend_family.expected_spend(
            nothing_seen.of(book.order), shared.spend
        )
        growth = np.cumsum(purchases * worth[:, None, :], axis=0) * spend
        values[:, book.order, 1:] = np.moveaxis(growth, 2, 0).swapaxes(1, 2)
    return values


def at_each(family: PurchaseFamily, book: Book, shared: Shared, times: Floats) -> Floats:
    """Expected purchases of each history until each time, if alive: (time, row, world).

    Some worlds at a time: the weights that single out every time are as many as times squared.
    """
    pace, passed = shared.pace, shared.pace.operational(times)
    size = max(1, LARGEST_WEIGHTS // times.size**2)
    parts = []
    for begin in range(0, len(shared), size):
        some = slice(begin, begin + size)
        single = np.broadcast_to(np.eye(times.size), (len(passed[some]), times.size, times.size))
        expected = family.expected_purchases(
            book.rows.x, book.rows.T, shared.purchases[some], pace.drift[some], passed[some],
            np.ascontiguousarray(single),
        )  # fmt: skip
        parts.append(expected(book.rows.x, book.rows.T))
    return np.concatenate(parts, axis=2)


def acquired(bought: Futures, worlds: int) -> Futures:
    """The same with every customer's first purchase, at time zero, in front."""
    customers = bought.customer.size
    pair = np.repeat(np.arange(customers), np.diff(bought.first)) * worlds + bought.world
    later = np.arange(pair.size) + pair + 1  # a first purchase goes before the others of its pair
    world = np.tile(np.arange(worlds, dtype=bought.world.dtype), customers)
    time = np.zeros(pair.size + world.size)
    time[later] = bought.time
    return Futures(
        bought.customer,
        bought.first + worlds * np.arange(customers + 1),
        np.insert(world, pair + 1, bought.world),
        time,
        np.zeros(time.size),
    )


def discounted_sums(bought: Futures, amounts: Floats, shared: Shared, discount_rate: float) -> Floats:
    """Discounted amounts of each customer in each world at its prices, shape (customer, world)."""
    n, S = bought.customer.size, len(shared)
    customer, world = np.repeat(np.arange(n), np.diff(bought.first)), bought.world.astype(np.int64)
    price = shared.pace.price[world, np.searchsorted(shared.pace.edges[1:-1], bought.time)]
    worth = np.exp(-discount_rate * bought.time) * np.where(bought.time > 0.0, price, 1.0) * amounts
    return np.bincount(customer * S + world, worth, n * S).astype(np.float64).reshape(n, S)


def as_table(found: Mapping[str, Floats], probabilities: Floats, rfm: RFM) -> "pd.DataFrame":
    """Reduce the worlds, once."""
    import pandas as pd

    lower, median, upper = np.quantile(found["value"], probabilities, axis=0)
    mean_lower, _, mean_upper = np.quantile(found["expected_value"], probabilities, axis=0)
    return pd.DataFrame(
        {
            "purchases": found["expected_purchases"].mean(axis=0),
            "value": found["expected_value"].mean(axis=0),
            "value_lower": lower,
            "value_median": median,
            "value_upper": upper,
            "value_mean_lower": mean_lower,
            "value_mean_upper": mean_upper,
            "sd": found["value"].std(axis=0),
            "sd_of_mean": found["expected_value"].std(axis=0),
        },
        index=pd.Index(rfm.customer_id.to_pandas(), name="customers"),
    )
