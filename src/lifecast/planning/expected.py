"""Each customer's expected purchases and amounts in every world, as things are and after changes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.book import DRAWS_PER_CHUNK, Book, amounts_seen, chunks, open_book
from lifecast.errors import SettingsError
from lifecast.expectations import Expectation, times_or_zero
from lifecast.families.changed import Factor, changed
from lifecast.families.contract import DiscreteTime
from lifecast.simulation import Simulation
from lifecast.worlds import Shared, purchases_and_value


@dataclass(frozen=True, eq=False)
class Change:
    """What customers do from now on, as factors of what they would have done.

    Attributes
    ----------
    purchase_rate, dropout : float or (world,)
        Of how often they buy, and of the probability to leave after a purchase.
    average_order : float or (world,)
        Of every amount.
    """

    purchase_rate: Factor = 1.0
    dropout: Factor = 1.0
    average_order: Factor = 1.0

    def times(self, strength: float) -> "Change":
        """The same change so many times over: the factors to that power."""
        factors = self.purchase_rate, self.dropout, self.average_order
        return Change(*(np.asarray(factor, np.float64) ** strength for factor in factors))

    def check(self, worlds: int) -> None:
        """Refuse factors that are not positive, or are of another number of worlds.

        Raises
        ------
        SettingsError
        """
        for name, factor in vars(self).items():
            if not (np.all(np.isfinite(factor)) and np.all(np.greater(factor, 0.0))):
                raise SettingsError(f"{name}={factor}: needed a positive factor, such as 1.1 for 10% more.")
            if np.shape(factor) not in ((), (worlds,)):
                raise SettingsError(
                    f"{name}= has shape {np.shape(factor)}, the forecast {worlds:,} worlds. Pass one factor, "
                    f"or one for each world: a test's with treatment_effect(..., draws={worlds})."
                )

    def spend_factor(self, worlds: int) -> Floats:
        """That of amounts in each world."""
        return np.array(np.broadcast_to(self.average_order, worlds), np.float64)


AS_IT_IS = Change()


@dataclass(frozen=True)
class Expected:
    """Expectations of a chunk of customers.

    Attributes
    ----------
    customer : (customer,)
        Their places in the RFM.
    purchases, amount : (change, customer, world)
        Expected purchases, and their discounted amounts, without margin.
    """

    customer: Integers
    purchases: Floats
    amount: Floats


def expected_by_world(
    simulation: Simulation, horizon: float, changes: tuple[Change, ...], discount_rate: float | None = None
) -> Iterator[Expected]:
    """Expectations under each of the changes, without simulation, a chunk of customers at a time.

    Parameters
    ----------
    simulation : Simulation
    horizon : float
        In time units; may be infinite.
    changes : tuple of Change
    discount_rate : float, optional
        Continuous, per time unit; by default the simulation's.
    """
    worlds, family = simulation.worlds, simulation.spend_family
    assert family is not None  # who asks has refused a model of purchases alone
    rate = simulation.discount_rate if discount_rate is None else discount_rate
    amounts = amounts_seen(simulation.rfm, family)
    spend_factors = np.stack([change.spend_factor(len(worlds)) for change in changes])[:, None, :]
    size = max(1, DRAWS_PER_CHUNK // (len(worlds) * len(changes)))
    for members, shared in worlds.by_kind(simulation.rfm):
        book = open_book(simulation.rfm, members, simulation.margin, amounts)
        expectations = [expectation(simulation, book, shared, horizon, rate, change) for change in changes]
        for chunk in chunks(book, size):
            x, t_x, T, row = book.histories(chunk)
            alive = simulation.purchase_family.probability_alive(x, t_x, T, shared.purchases)
            # (sum, change, customer, world)
            sums = np.stack([times_or_zero(alive, of_rows(x, T)) for of_rows in expectations], axis=1)
            purchases, discounted = sums[:, :, row]
            assert book.spend is not None
            each = family.expected_spend(book.spend.of(chunk), shared.spend)
            yield Expected(book.order[chunk], purchases, discounted * spend_factors * each)


def expectation(
    simulation: Simulation, book: Book, shared: Shared, horizon: float, rate: float, change: Change
) -> Expectation:
    """The family's weighted sums for purchases and for discounted ones, after the change."""
    family = changed(simulation.purchase_family, change.purchase_rate, change.dropout)
    known = book.rows.x, book.rows.T, shared.purchases, shared.pace.drift
    whole_times = isinstance(family, DiscreteTime)
    times, weights = purchases_and_value(shared, horizon, rate, family.time_scale(*known), whole_times)
    return family.expected_purchases(*known, times, weights)
