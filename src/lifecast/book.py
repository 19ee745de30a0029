"""Customers in the order in which they are worked on: equal histories together, some at a time."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lifecast.arrays import Floats, Integers, Keys
from lifecast.families.contract import SpendFamily
from lifecast.grouping import PurchaseRows, SpendHistory, group_purchases, spend_history
from lifecast.kernels.stream import hash_texts
from lifecast.rfm import RFM

if TYPE_CHECKING:
    import pyarrow as pa

DRAWS_PER_CHUNK = 250_000


@dataclass(frozen=True)
class Book:
    """Customers of one kind as the simulation wants them: sorted by purchase history.

    Attributes
    ----------
    rows : PurchaseRows
    order : (customer,)
        Place in the RFM of each customer here; the arrays below follow it.
    row, margin : (customer,)
        Purchase history, share of an amount that is value.
    spend : SpendHistory or None
        The amounts seen; None for a model of purchases alone.
    """

    rows: PurchaseRows
    order: Integers
    row: Integers
    margin: Floats
    spend: SpendHistory | None

    def __len__(self) -> int:
        return self.order.size

    def histories(self, chunk: slice) -> tuple[Integers, Floats, Floats, Integers]:
        """The distinct histories x, t_x, T (row,) of a chunk, and each customer's place among them."""
        first = int(self.row[chunk][0])
        row = self.row[chunk] - first
        rows = slice(first, first + int(row[-1]) + 1)
        return self.rows.x[rows], self.rows.t_x[rows], self.rows.T[rows], row


def amounts_seen(rfm: RFM, family: SpendFamily | None) -> SpendHistory | None:
    """What is known of each customer's amounts, as the family sees them."""
    return None if family is None else spend_history(rfm, family.zero_amounts, family.forecast_needs)


def open_book(rfm: RFM, members: Integers, margin: Floats, amounts: SpendHistory | None) -> Book:
    """Sort some customers, given their places, by history, so that equal ones stand together."""
    rows = group_purchases(rfm.frequency[members], rfm.recency[members], rfm.T[members])
    sorted_rows = np.argsort(rows.row, kind="stable")
    order = members[sorted_rows]
    spend = None if amounts is None else amounts.of(order)
    return Book(rows, order, rows.row[sorted_rows], margin[order], spend)


def customer_keys(ids: "pa.Array", seed: int) -> Keys:
    """One random key per customer, from the text of its id and the seed alone."""
    import pyarrow as pa

    texts = ids.cast(pa.large_string())
    _, offsets, data = texts.buffers()
    starts = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    letters = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    keys: Keys = hash_texts(letters, starts, np.uint64(seed % 2**64))
    return keys


def chunks(book: Book, size: int, purchases_at_once: float = math.inf, end: float = 0.0) -> Iterator[slice]:
    """Slices of the book, small enough that (chunk, world) arrays stay small.

    Of frequent buyers, who stand together, a slice holds no more than would buy so many times until the end
    at the pace they had; or one of them.
    """
    pace = book.rows.x / np.maximum(book.rows.T, 1e-9 * end) if end else np.zeros(len(book.rows))
    bought = np.append(0.0, np.cumsum(pace[book.row] * end))
    begin = 0
    while begin < len(book):
        most = int(np.searchsorted(bought, bought[begin] + purchases_at_once, side="right")) - 1
        stop = min(begin + size, max(most, begin + 1), len(book))
        yield slice(begin, stop)
        begin = stop
