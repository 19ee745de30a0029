"""Every customer's future in every world, chunk by chunk."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import local
from typing import Any, Protocol

import numpy as np

from lifecast.arrays import Floats, Integers, Keys
from lifecast.book import DRAWS_PER_CHUNK, Book, amounts_seen, chunks, customer_keys, open_book
from lifecast.expectations import Expectation, times_or_zero
from lifecast.families.contract import DiscreteTime, PurchaseFamily, SpendFamily
from lifecast.grouping import distinct_from_previous
from lifecast.kernels.reduction import add_up, at_prices, expected_values
from lifecast.rfm import RFM
from lifecast.sums import Sums, anchors
from lifecast.worlds import Shared, Worlds, purchases_and_value

PURCHASES_PER_CHUNK = 8_000_000
LARGEST_KEPT = 31 * 2**20  # bytes; of glibc's 32 MB, some are its own

# The frequencies x and ages T, (row,) each, that occur among the customers of a kind (`Shared.kind`). They
# set where series are cut off, and with that the last digits of expectations.
Reach = Mapping[bytes, tuple[Integers, Floats]]


@dataclass(frozen=True, eq=False)
class Simulation:
    """What a forecast was simulated from, so that it can be simulated again, perhaps in other worlds.

    Attributes
    ----------
    margin : (customer,)
        Share of an amount that is value.
    discount_rate : float
        Continuous, per time unit.
    periods : (period + 1,)
        Edges of the periods.
    """

    rfm: RFM
    worlds: Worlds
    purchase_family: PurchaseFamily
    spend_family: SpendFamily | None
    margin: Floats
    discount_rate: float
    periods: Floats
    seed: int


@dataclass(frozen=True)
class Futures:
    """Every purchase that some customers make, in every world.

    Attributes
    ----------
    customer : (customer,)
        Their places in the RFM.
    first : (customer + 1,)
        Customer i's purchases are ``first[i]:first[i + 1]``, by world, then by time.
    world, time, amount : (purchase,)
        Time in the RFM's unit from the start of the forecast; amounts without margin and discount, zero
        where the model has no spend.
    """

    customer: Integers
    first: Integers
    world: Any
    time: Floats
    amount: Floats


class Observer(Protocol):
    """Sees every simulated purchase before it is summed up, to keep sums and scores of its own."""

    def look(self, futures: Futures) -> Any:
        """Reduce the futures of some customers. Runs in several threads at once: change nothing shared."""
        ...

    def keep(self, part: Any) -> None:
        """Take what `look` made of the next customers. Runs in order, one at a time."""
        ...


@dataclass(frozen=True)
class Part:
    """The distinct purchase histories of a chunk of customers.

    Attributes
    ----------
    x, T : (row,)
        Frequency and age.
    row : (customer,)
        Each customer's history.
    p_alive, p_buys : (row, world)
        Probabilities of being alive, and of being alive and buying within the horizon.
    """

    x: Integers
    T: Floats
    row: Integers
    p_alive: Floats
    p_buys: Floats

    @classmethod
    def of(cls, book: Book, chunk: slice, shared: Shared, family: PurchaseFamily) -> "Part":
        """Histories and probabilities of this chunk of the book."""
        x, t_x, T, row = book.histories(chunk)
        theta, pace = shared.purchases, shared.pace
        p_alive = family.probability_alive(x, t_x, T, theta)
        p_buys = p_alive * family.probability_of_purchase(x, T, theta, pace.drift, pace.clock[:, -1])
        return cls(x, T, row, p_alive, p_buys)


def futures(
    book: Book,
    chunk: slice,
    part: Part,
    keys: Keys,
    shared: Shared,
    purchase_family: PurchaseFamily,
    spend_family: SpendFamily | None,
    expected: float,
) -> Futures:
    """Simulate a chunk of customers, given how many purchases of one in a world to make room for."""
    pace = shared.pace
    first, world, stretch, time = purchase_family.simulate_purchases(
        part.x, part.T, part.p_alive, part.p_buys, part.row, keys[chunk], shared.purchases, pace.drift,
        pace.clock, pace.edges, expected,
    )  # fmt: skip
    if spend_family is None or book.spend is None:
        amount = np.zeros(world.size)
    else:
        amount = spend_family.simulate_amounts(
            book.spend.of(chunk), keys[chunk], first, world, shared.spend, pace.spend_drift
        )
        at_prices(amount, world, stretch, pace.price)
    return Futures(book.order[chunk], first, world, time, amount)


def keep_freed_memory() -> None:
    """Let the C library keep what one chunk has freed for the next.

    glibc returns blocks to the system that are larger than the largest it has seen freed, up to 32 MB. Left
    to itself, it learns as larger chunks come, and the system zeroes the same pages over and over: a quarter
    of a short forecast's time. Other libraries do as they do.
    """
    np.empty(LARGEST_KEPT, np.uint8)


def watch(
    rfm: RFM,
    worlds: Worlds,
    purchase_family: PurchaseFamily,
    spend_family: SpendFamily | None,
    seed: int,
    observer: Observer,
    threads: int | None,
    progress: Callable[[int], None],
    expected: Floats | None = None,
) -> None:
    """Simulate the very futures that `simulate` does, for an observer alone.

    Where each customer's expected purchases (customer,) are known, room is made for them; the result is the
    same without.
    """
    keep_freed_memory()
    everyone = customer_keys(rfm.customer_id, seed)
    margin, amounts = np.ones(len(rfm)), amounts_seen(rfm, spend_family)
    end = float(worlds.pace.clock[:, -1].mean())
    size, at_once = max(1, DRAWS_PER_CHUNK // len(worlds)), PURCHASES_PER_CHUNK / len(worlds)
    done = 0

    def run(book: Book, shared: Shared, keys: Keys, chunk: slice) -> tuple[int, Any]:
        part = Part.of(book, chunk, shared, purchase_family)
        if expected is None:  # more than needed, mostly
            pace = part.x / np.maximum(part.T, 1e-9 * end) * part.p_alive.mean(axis=1)
            room = float(np.mean((part.p_buys.mean(axis=1) + pace * end)[part.row]))
        else:
            room = float(expected[book.order[chunk]].mean())
        bought = futures(book, chunk, part, keys, shared, purchase_family, spend_family, room)
        return chunk.stop, observer.look(bought)

    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        for members, shared in worlds.by_kind(rfm):
            book = open_book(rfm, members, margin, amounts)
            run_chunk = partial(run, book, shared, everyone[book.order])
            for of_book, seen in pool.map(run_chunk, chunks(book, size, at_once, end)):
                observer.keep(seen)
                progress(done + of_book)
            done += len(book)


class PerThread:
    """Sums for each thread, so that none waits for another: exact ones are the same whoever adds."""

    def __init__(self, none: Callable[[], Sums]) -> None:
        self.none = none
        self.threads = local()
        self.all: list[Sums] = []

    @property
    def own(self) -> Sums:
        """What this thread adds to."""
        if not hasattr(self.threads, "sums"):
            self.threads.sums = self.none()
            self.all.append(self.threads.sums)
        found: Sums = self.threads.sums
        return found


def simulate(
    rfm: RFM,
    worlds: Worlds,
    purchase_family: PurchaseFamily,
    spend_family: SpendFamily | None,
    margin: Floats,
    discount_rate: float,
    horizon: float,
    periods: Floats,
    probabilities: Floats,
    seed: int,
    chunk_size: int | None,
    threads: int | None,
    progress: Callable[[int], None],
    reach: Reach | None = None,
) -> tuple[dict[str, Floats], Sums]:
    """Columns per customer, in the RFM's order, and sums per world and period.

    Parameters
    ----------
    discount_rate : float
        Continuous, per time unit.
    periods : (period + 1,)
        Edges of the periods, all of one length but perhaps the last.
    probabilities : (quantile,)
        Lower, median and upper.
    progress
        Called with the number of customers done after each chunk.
    reach : Reach, optional
        That of all customers, where these are only some of them; by default their own.
    """
    keep_freed_memory()
    everyone = customer_keys(rfm.customer_id, seed)
    amounts = amounts_seen(rfm, spend_family)
    whole_times = isinstance(purchase_family, DiscreteTime)
    S, K = len(worlds), periods.size - 1
    at_once = PURCHASES_PER_CHUNK / S
    period = float(periods[1]) or 1.0
    size = chunk_size or max(1, DRAWS_PER_CHUNK // S)
    columns: dict[str, Floats] = {}
    money = spend_family is not None
    rounding = anchors(worlds, discount_rate, periods)
    sums = PerThread(lambda: Sums.none(1, S, K, money))
    done = 0

    def run(
        book: Book, shared: Shared, keys: Keys, expected: Expectation, chunk: slice
    ) -> tuple[slice, dict[str, Floats]]:
        part = Part.of(book, chunk, shared, purchase_family)
        row, p_alive = part.row, part.p_alive
        expectation = expected(part.x, part.T)
        purchases = times_or_zero(p_alive, expectation[0])
        discounted = times_or_zero(p_alive, expectation[1])
        mean_purchases = purchases.mean(axis=1)[row]
        room = float(mean_purchases.mean()) if np.all(np.isfinite(mean_purchases)) else 1.0
        bought = futures(book, chunk, part, keys, shared, purchase_family, spend_family, room)
        quantiles = add_up(
            bought.first, bought.world, bought.time, bought.amount, book.margin[chunk], discount_rate, period,
            probabilities, rounding, sums.own.cells[0],
        )  # fmt: skip
        of_chunk = {
            "p_alive": p_alive.mean(axis=1)[row],
            "purchases": mean_purchases,
            "p_purchase": part.p_buys.mean(axis=1)[row],
        }
        if spend_family is not None and book.spend is not None:
            seen = book.spend.of(chunk)
            new = distinct_from_previous(seen.n, seen.m, seen.l, seen.s)
            spend_row = np.cumsum(new) - 1
            spend = spend_family.expected_spend(seen.of(new), shared.spend)
            mean, mean_bounds = expected_values(
                row, spend_row, discounted, spend, book.margin[chunk], probabilities[[0, 2]]
            )
            of_chunk |= {
                "spend_per_purchase": spend.mean(axis=1)[spend_row],
                "cltv": mean,
                "cltv_lower": quantiles[:, 0],
                "cltv_median": quantiles[:, 1],
                "cltv_upper": quantiles[:, 2],
                "cltv_mean_lower": mean_bounds[:, 0],
                "cltv_mean_upper": mean_bounds[:, 1],
            }
        return chunk, of_chunk

    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        for members, shared in worlds.by_kind(rfm):
            book = open_book(rfm, members, margin, amounts)
            known = (book.rows.x, book.rows.T) if reach is None else reach[shared.kind]
            histories = *known, shared.purchases, shared.pace.drift
            scale = purchase_family.time_scale(*histories)
            expected = purchase_family.expected_purchases(
                *histories, *purchases_and_value(shared, horizon, discount_rate, scale, whole_times)
            )
            run_chunk = partial(run, book, shared, everyone[book.order], expected)
            for chunk, of_chunk in pool.map(run_chunk, chunks(book, size, at_once, periods[-1])):
                for name, values in of_chunk.items():
                    if name not in columns:
                        columns[name] = np.empty(len(rfm))
                    columns[name][book.order[chunk]] = values
                progress(done + chunk.stop)
            done += len(book)
    return columns, sum(sums.all, Sums.none(1, S, K, money))
