"""From the lines of a checked log to one row per customer.

DuckDB brings the lines into the order of customers and days, and one pass over them adds them up.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.engines.duckdb import damage_told
from lifecast.engines.duckdb_purchases import purchases_in_order
from lifecast.engines.duckdb_query import Ask
from lifecast.kernels.purchase_sums import add_up

if TYPE_CHECKING:
    import pyarrow as pa

COUNTS = ("frequency", "first_day", "recency_days", "positive_repeats", "zero_purchases")
SUMS = ("repeat_amount", "repeat_logarithms", "repeat_log_squares")
TOTAL = ("all_money_high", "all_money_low")  # high * 2**32 + low units
_LINES_AT_A_TIME = 122_880  # a row group of DuckDB's
_SAMPLE = "SELECT customer_id FROM lines USING SAMPLE reservoir(10000 ROWS) REPEATABLE (1)"


def sum_up(ask: Ask, net: bool, parts: int) -> "Iterator[pa.RecordBatch]":
    """Customers with a purchase up to the end, in the order of their ids, some at a time.

    Customer_id, then COUNTS; with money, SUMS and TOTAL. Lines are sorted in so many parts, so that no more
    is held in memory at a time than a part takes; each reads the log once.
    """
    with damage_told():
        for only, edges in _parts(ask, parts):
            sql = purchases_in_order(ask, net, only)
            lines = ask.reader(sql, _LINES_AT_A_TIME, after=date.min, until=ask.query.end, **edges)
            nothing = lines.schema.empty_table()
            for table in _read_ahead(chain([nothing], _whole_customers(lines))):
                yield _summed(table, ask)


def _parts(ask: Ask, parts: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Conditions that part the customers by their ids, and the values that they mention."""
    if parts == 1:
        yield "true", {}
        return
    shares = [part / parts for part in range(1, parts)]
    edges = ask.row(f"SELECT quantile_disc(customer_id, {shares}) AS edges FROM ({_SAMPLE})")["edges"]
    yield "customer_id <= $below", {"below": edges[0]}
    for above, below in pairwise(edges):
        yield "customer_id > $above AND customer_id <= $below", {"above": above, "below": below}
    yield "customer_id > $above", {"above": edges[-1]}


def _read_ahead(tables: "Iterator[pa.Table]") -> "Iterator[pa.Table]":
    """The same ones, the next of which is read while one is summed up."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, tables, None)
        while (table := coming.result()) is not None:
            coming = reader.submit(next, tables, None)
            yield table


def _whole_customers(batches: "Iterable[pa.RecordBatch]") -> "Iterator[pa.Table]":
    """Lines by customer, some at a time, parted where another customer begins."""
    import pyarrow as pa
    import pyarrow.compute as pc

    waiting: list[pa.RecordBatch] = []  # of one customer, who may have more lines
    for batch in batches:
        ids = batch.column("customer_id")
        ended = pc.not_equal(ids, ids[-1]).true_count
        if ended or (waiting and waiting[0].column("customer_id")[0] != ids[-1]):
            yield pa.Table.from_batches([*waiting, batch.slice(0, ended)])
            waiting = []
        waiting.append(batch.slice(ended))
    if waiting:
        yield pa.Table.from_batches(waiting)


def _summed(lines: "pa.Table", ask: Ask) -> "pa.RecordBatch":
    """One row per customer, of all of their lines."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ids, day, high, low = (column.combine_chunks() for column in lines.columns)
    begins = pc.not_equal(ids[1:], ids[:-1]).to_numpy(zero_copy_only=False)
    starts = np.concatenate(([0], np.flatnonzero(begins) + 1))[: len(ids)]
    counts, sums, total = add_up(
        np.append(starts, len(ids)),
        day.view(pa.int32()).to_numpy(),
        high.to_numpy(),
        low.to_numpy(),
        ask.query.merge_days,
        ask.query.money_scale,
    )
    found = dict(zip((*COUNTS, *SUMS, *TOTAL), map(pa.array, (*counts, *sums, *total)), strict=True))
    found["first_day"] = found["first_day"].view(pa.date32())
    names = tuple(found) if ask.money else COUNTS[:3]
    return pa.record_batch(
        {"customer_id": ids.take(pa.array(starts))} | {name: found[name] for name in names}
    )
