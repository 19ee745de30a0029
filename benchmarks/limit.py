"""Against the limit: scoring beside drawing the random variates that it needs, and nothing else.

Run: python benchmarks/limit.py [customers]. Scores simulated CDNOW-like customers in 1,000 worlds over 12
months, one thread, and counts what is drawn on the way; parameters are drawn once for all, and a textbook
market draws nothing. The compiled functions of `lifecast.kernels.stream` then draw just as many variates of
each kind, and add them up: no model, no customers, no memory. This is done twice: one variate after another
from one stream, any of which might have been of another shape; and by the functions that scoring uses itself,
a thousand streams at once, with what they want to know of a shape worked out before. And counting the
distinct histories of purchases in a Parquet file, beside one pass of DuckDB over it. Times are CPU seconds,
each the least of three.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
from numba import njit
from simulated import cdnow_like

import lifecast as lc
from lifecast.arrays import Floats, Integers, Keys
from lifecast.book import customer_keys
from lifecast.kernels.stream import (
    TIMING,
    first_bits,
    gamma_constants,
    mix64,
    next_exponential,
    next_exponentials,
    next_gamma,
    next_gammas_given,
    next_uniform,
    next_uniforms,
    to_uniform,
)
from lifecast.simulation import Futures, Simulation

WORLDS = 1000


@njit(nogil=True)
def drawn_for_timing(
    x: Integers, keys: Keys, first: Integers, world: np.ndarray, theta: Floats
) -> tuple[int, int, int]:
    """Customers in worlds in which they buy; rates and gaps drawn for them: their tosses, once more.

    Who leaves at the first purchase needs no rate, and who leaves at all no gap after the last.
    """
    buyers = rates = gaps = 0
    for i in range(keys.size):
        e = first[i]
        while e < first[i + 1]:
            s, begin, leaves = world[e], e, False
            state = mix64(first_bits(keys[i], s) ^ TIMING)
            tosses = theta[s, 2] + theta[s, 3] + x[i]
            while e < first[i + 1] and world[e] == s:
                state, u = next_uniform(state)
                leaves = u * tosses < theta[s, 2]
                tosses += 1.0
                if not leaves:
                    if e == begin:
                        rates += 1
                        state, _ = next_gamma(state, theta[s, 0] + x[i] + 1.0)
                    gaps += 1
                    state, _ = next_exponential(state)
                e += 1
            buyers += 1
    return buyers, rates, gaps


class Counts:
    """Observer that counts what is drawn for the purchases it sees."""

    def __init__(self, simulation: Simulation) -> None:
        rfm = simulation.rfm
        self.x, self.keys = rfm.frequency, customer_keys(rfm.customer_id, simulation.seed)
        ((_, shared),) = simulation.worlds.by_kind(rfm)
        self.theta = shared.purchases
        self.purchases = self.buyers = self.rates = self.gaps = 0

    def look(self, futures: Futures) -> tuple[int, int, int, int]:
        """Purchases; customers and worlds with one; rates; gaps after a purchase."""
        who = futures.customer
        drawn = drawn_for_timing(self.x[who], self.keys[who], futures.first, futures.world, self.theta)
        return futures.world.size, *drawn

    def keep(self, part: tuple[int, int, int, int]) -> None:
        """Add them up."""
        purchases, buyers, rates, gaps = part
        self.purchases += purchases
        self.buyers += buyers
        self.rates += rates
        self.gaps += gaps


@njit(nogil=True)
def draw_first(count: int) -> float:
    """A uniform of each customer and world."""
    total = 0.0
    for i in range(count):
        total += to_uniform(first_bits(np.uint64(1), i))
    return total


@njit(nogil=True)
def draw_uniforms(count: int) -> float:
    """As many from one stream."""
    state, total = np.uint64(1), 0.0
    for _ in range(count):
        state, variate = next_uniform(state)
        total += variate
    return total


@njit(nogil=True)
def draw_exponentials(count: int) -> float:
    """As many from one stream."""
    state, total = np.uint64(2), 0.0
    for _ in range(count):
        state, variate = next_exponential(state)
        total += variate
    return total


@njit(nogil=True)
def draw_gammas(count: int, shape: float) -> float:
    """As many from one stream."""
    state, total = np.uint64(3), 0.0
    for _ in range(count):
        state, variate = next_gamma(state, shape)
        total += variate
    return total


@njit(nogil=True)
def draw_at_once(kind: str, count: int, shape: float) -> float:
    """As many uniforms, exponentials or gammas from a thousand streams."""
    d, c = gamma_constants(shape)
    own_d, own_c = np.full(WORLDS, d), np.full(WORLDS, c)
    state, variate, total = np.empty(WORLDS, np.uint64), np.empty(WORLDS), 0.0
    for s in range(WORLDS):
        state[s] = first_bits(np.uint64(4), s)
    for _ in range(0, count, WORLDS):
        if kind == "uniforms":
            next_uniforms(state, variate)
        elif kind == "exponentials":
            next_exponentials(state, variate)
        else:
            next_gammas_given(state, own_d, own_c, variate)
        total += variate[0]
    return total


def seconds(work: Callable[[], object]) -> float:
    """CPU time of some work, compiled before: the least of three, since neighbours only ever slow it down."""
    found = []
    for _ in range(3):
        begin = time.process_time()
        work()
        found.append(time.process_time() - begin)
    return min(found)


def main() -> None:
    customers = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rfm = cdnow_like(customers)
    model = lc.CLTV(market=None).fit(rfm, random_seed=1)
    theta = model.parameters["mean"]

    def score(rfm: lc.RFM) -> lc.Forecast:
        return model.forecast(
            rfm, "12 months", annual_discount_rate=0.1, worlds=WORLDS, random_seed=1, threads=1
        )

    score(cdnow_like(2_000, seed=2))  # compile
    forecast = score(rfm)
    counts = Counts(forecast.simulation)
    forecast.watch(counts, threads=1)
    scoring = seconds(lambda: score(rfm))
    r, p, q = theta["r"], theta["p"], theta["q"]
    gaps = counts.buyers + counts.gaps
    needed: dict[str, tuple[int, Callable[[int], float], float]] = {
        "uniforms, of each customer and world": (customers * WORLDS, draw_first, 1.0),
        "uniforms, one per purchase: does who buys leave?": (counts.purchases, draw_uniforms, 1.0),
        "exponentials, gaps before and after a purchase": (gaps, draw_exponentials, 1.0),
        "gammas, rates of those who stay": (counts.rates, partial(draw_gammas, shape=1.0 + r), 1.0 + r),
        "gammas, levels of spend": (counts.buyers, partial(draw_gammas, shape=q), q),
        "gammas, amounts": (counts.purchases, partial(draw_gammas, shape=p), p),
    }
    raw = at_once = 0.0
    for name, (count, draw, shape) in needed.items():
        kind = name.split(",")[0]
        draw(10), draw_at_once(kind, 10, shape)  # compile
        alone = seconds(partial(draw, count))
        together = seconds(partial(draw_at_once, kind, count, shape))
        raw += alone
        at_once += together
        print(
            f"{count / 1e6:8.1f} million {name}: {alone:.2f} s, {1e9 * alone / count:.1f} ns each; "
            f"a thousand at once {together:.2f} s, {1e9 * together / count:.1f} ns each"
        )
    print(f"scoring {customers:,} customers x {WORLDS:,} worlds, one thread: {scoring:.2f} s")
    print(f"raw variates one by one: {raw:.2f} s; ratio: {scoring / raw:.2f}")
    print(f"raw variates a thousand at once: {at_once:.2f} s; ratio: {scoring / at_once:.2f}")
    grouping(rfm)


def grouping(rfm: lc.RFM) -> None:
    """Counting histories in a Parquet file, beside one pass of DuckDB over the columns that it looks at."""
    with TemporaryDirectory() as folder:
        rfm.save(f"{folder}/rfm.parquet")
        one_pass = f"SELECT sum(frequency), sum(recency), sum(T) FROM '{folder}/rfm.parquet'"
        customers = lc.ParquetRFM.open(f"{folder}/rfm.parquet")
        without_money = replace(
            customers, columns=tuple(name for name in customers.columns if "monetary" not in name)
        )
        reading = seconds(lambda: duckdb.sql(one_pass).fetchall())
        counting = seconds(lambda: without_money.histories())
    print(f"one pass of DuckDB over the file: {reading:.3f} s; histories of purchases: {counting:.3f} s")
    print(f"ratio: {counting / reading:.1f}")


if __name__ == "__main__":
    main()
