"""What customers are expected to do, without simulation."""

from collections.abc import Callable

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.book import DRAWS_PER_CHUNK, amounts_seen, chunks, open_book
from lifecast.families.contract import PurchaseFamily, SpendFamily
from lifecast.rfm import RFM
from lifecast.worlds import Worlds

Expectation = Callable[[Integers, Floats], Floats]


def expectations(
    rfm: RFM,
    worlds: Worlds,
    purchase_family: PurchaseFamily,
    spend_family: SpendFamily | None,
    what: str,
    discounted: Callable[[float], tuple[Floats, Floats]],
) -> Floats:
    """Posterior mean of each customer's expectation, without simulation, shape (customer,).

    Parameters
    ----------
    what : "p_alive", "purchases", "spend" or "value"
    discounted
        The family's time scale to times and weights (time,): which sum of expected cumulative purchases is
        meant; see `lifecast.worlds.discounting`.
    """
    amounts = amounts_seen(rfm, spend_family) if what in ("spend", "value") else None
    result = np.empty(len(rfm))
    draws = len(worlds)
    for members, shared in worlds.by_kind(rfm):
        book = open_book(rfm, members, np.ones(len(rfm)), amounts)
        histories = book.rows.x, book.rows.T, shared.purchases, np.zeros(draws)
        expected = None
        if what in ("purchases", "value"):
            times, weights = discounted(purchase_family.time_scale(*histories))
            expected = purchase_family.expected_purchases(
                *histories, np.tile(times, (draws, 1)), np.tile(weights[:, None], (draws, 1, 1))
            )
        for chunk in chunks(book, max(1, DRAWS_PER_CHUNK // draws)):
            x, t_x, T, row = book.histories(chunk)
            values = np.ones((x.size, 1))
            if what != "spend":
                values = purchase_family.probability_alive(x, t_x, T, shared.purchases)
            if expected is not None:
                values = times_or_zero(values, expected(x, T)[0])
            values = values[row]
            if spend_family is not None and book.spend is not None:
                values = values * spend_family.expected_spend(book.spend.of(chunk), shared.spend)
            result[book.order[chunk]] = values.mean(axis=1)
    return result


def times_or_zero(p_alive: Floats, expected: Floats) -> Floats:
    """Their product, zero where nobody is alive even if the expectation is infinite."""
    with np.errstate(invalid="ignore"):  # of nothing and infinity
        return np.where(p_alive > 0.0, p_alive * expected, 0.0)
