"""The same customers after something has changed how often they buy, or how readily they leave."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lifecast.arrays import Floats, Integers, Keys
from lifecast.errors import SettingsError
from lifecast.families.bg_nbd import BGNBD
from lifecast.families.contract import DiscreteTime, PurchaseFamily
from lifecast.families.mbg_nbd import MBGNBD
from lifecast.families.nbd import NBD
from lifecast.families.pareto_nbd import ParetoNBD
from lifecast.families.room import with_room
from lifecast.kernels import pareto_nbd_changed

Factor = float | Floats


@dataclass(frozen=True, eq=False)
class ChangedBGNBD(BGNBD):
    """BG/NBD from now on: the living buy ``rate_factor`` times as often, and leave more or less readily.

    A customer's purchase rate lambda becomes c lambda, and the hazard of leaving d c lambda p rather than
    c lambda p: p becomes d p, and where that would exceed one, customers also leave between purchases. The
    past, what it says of lambda and p, and who is alive are as they were.

    c is a clock that runs c times as fast. With d, (1 - exp(-d c lambda p t)) / (d p) purchases are expected
    by t given the traits, which is 1 / d times what d c t brings without: so all expectations are the
    family's own at other times [after Fader, Hardie & Lee 2005, eq. 9].

    Parameters
    ----------
    rate_factor, dropout_factor : float or (world,)
        c and d, positive.
    """

    rate_factor: Factor = 1.0
    dropout_factor: Factor = 1.0

    def probability_of_purchase(
        self, x: Integers, T: Floats, theta: Floats, drift: Floats, end: Floats
    ) -> Floats:
        """Of a purchase at the factor's rate; what exceeds one of the other's counts for the time after."""
        return super().probability_of_purchase(x, T, theta, drift, self.rate_factor * end)

    def time_scale(self, x: Integers, T: Floats, theta: Floats, drift: Floats) -> float:
        return super().time_scale(x, T, theta, drift) / float(np.max(self._speed))

    def expected_purchases(
        self, x: Integers, T: Floats, theta: Floats, drift: Floats, times: Floats, weights: Floats
    ) -> Callable[[Integers, Floats], Floats]:
        speed = np.broadcast_to(self._speed, theta.shape[0])
        sums = super().expected_purchases(x, T, theta, drift, times * speed[:, None], weights)

        def of_rows(x: Integers, T: Floats) -> Floats:
            return sums(x, T) / self.dropout_factor

        return of_rows

    def own_clock(self, clock: Floats) -> Floats:
        faster: Floats = np.multiply(self.rate_factor, np.ones(clock.shape[0]))[:, None] * clock
        return faster

    def leaving(self, worlds: int) -> Floats:
        return np.multiply(self.dropout_factor, np.ones(worlds))

    @property
    def _speed(self) -> Any:
        return np.asarray(self.rate_factor) * self.dropout_factor


@dataclass(frozen=True, eq=False)
class ChangedMBGNBD(ChangedBGNBD, MBGNBD):
    """MBG/NBD from now on, likewise: who is alive has a future as in BG/NBD."""


@dataclass(frozen=True, eq=False)
class ChangedParetoNBD(ParetoNBD):
    """Pareto/NBD from now on: the living buy c times as often, and leave at d times the rate.

    A rate lambda becomes c lambda and mu becomes d mu, for everybody: given the past, gamma variates of rates
    (alpha + T) / c and (beta + T) / d. So expected purchases by t are c / d times those by d t without
    [Schmittlein, Morrison & Colombo 1987; Fader & Hardie 2005].

    Parameters
    ----------
    rate_factor, dropout_factor : float or (world,)
        c and d, positive.
    """

    rate_factor: Factor = 1.0
    dropout_factor: Factor = 1.0

    def probability_of_purchase(
        self, x: Integers, T: Floats, theta: Floats, drift: Floats, end: Floats
    ) -> Floats:
        faster, leaving = self._by_world(theta.shape[0])
        probabilities: Floats = pareto_nbd_changed.probability_of_purchase_table(
            x, T, theta, drift, faster * end, leaving
        )
        return probabilities

    def time_scale(self, x: Integers, T: Floats, theta: Floats, drift: Floats) -> float:
        return super().time_scale(x, T, theta, drift) / float(np.max(self.dropout_factor))

    def expected_purchases(
        self, x: Integers, T: Floats, theta: Floats, drift: Floats, times: Floats, weights: Floats
    ) -> Callable[[Integers, Floats], Floats]:
        looser = np.broadcast_to(self.dropout_factor, theta.shape[0])
        sums = super().expected_purchases(x, T, theta, drift, times * looser[:, None], weights)

        def of_rows(x: Integers, T: Floats) -> Floats:
            return sums(x, T) * (np.asarray(self.rate_factor) / self.dropout_factor)

        return of_rows

    def simulate_purchases(
        self,
        x: Integers,
        T: Floats,
        p_alive: Floats,
        p_buys: Floats,
        row: Integers,
        keys: Keys,
        theta: Floats,
        drift: Floats,
        clock: Floats,
        edges: Floats,
        expected: float,
    ) -> tuple[Integers, Any, Any, Floats]:
        faster, leaving = self._by_world(theta.shape[0])
        before, after = clock[:, -1], faster * clock[:, -1]
        p_before = p_alive * super().probability_of_purchase(x, T, theta, drift, before)
        p_either_way = p_alive * pareto_nbd_changed.probability_of_purchase_table(
            x, T, theta, drift, np.minimum(before, after), np.maximum(1.0, leaving)
        )
        p_new = np.maximum(p_buys - p_either_way, 0.0)
        return with_room(
            lambda capacity: pareto_nbd_changed.simulate_purchases(
                x, T, p_before, p_new, row, keys, theta, drift, before, faster[:, None] * clock, edges,
                leaving, capacity,
            ),
            row.size * theta.shape[0] * expected,
        )  # fmt: skip

    def _by_world(self, worlds: int) -> tuple[Floats, Floats]:
        """c, and the factor d / c of leaving in a clock that runs c times as fast."""
        faster = np.array(np.broadcast_to(self.rate_factor, worlds), np.float64)
        return faster, np.array(self.dropout_factor / faster)


@dataclass(frozen=True, eq=False)
class ChangedNBD(NBD):
    """NBD from now on: everybody buys c times as often, which is a clock that runs c times as fast.

    Parameters
    ----------
    rate_factor : float or (world,)
        c, positive.
    """

    rate_factor: Factor = 1.0

    def probability_of_purchase(
        self, x: Integers, T: Floats, theta: Floats, drift: Floats, end: Floats
    ) -> Floats:
        return super().probability_of_purchase(x, T, theta, drift, self.rate_factor * end)

    def expected_purchases(
        self, x: Integers, T: Floats, theta: Floats, drift: Floats, times: Floats, weights: Floats
    ) -> Callable[[Integers, Floats], Floats]:
        faster = np.broadcast_to(self.rate_factor, theta.shape[0])
        return super().expected_purchases(x, T, theta, drift, times * faster[:, None], weights)

    def own_clock(self, clock: Floats) -> Floats:
        faster: Floats = np.multiply(self.rate_factor, np.ones(clock.shape[0]))[:, None] * clock
        return faster


def changed(
    family: PurchaseFamily, rate_factor: Factor = 1.0, dropout_factor: Factor = 1.0
) -> PurchaseFamily:
    """The family of the same customers after a change.

    Parameters
    ----------
    family : purchase family
    rate_factor, dropout_factor : float or (world,)
        What living customers' purchase rate, and their probability to leave after a purchase (their rate
        of leaving, with Pareto/NBD), is multiplied by from now on.

    Raises
    ------
    SettingsError
        A factor is not positive, or the family cannot say what such a change does.
    """
    if np.all(np.equal(rate_factor, 1.0)) and np.all(np.equal(dropout_factor, 1.0)):
        return family
    for name, factor in (("purchase_rate", rate_factor), ("dropout", dropout_factor)):
        if not (np.all(np.isfinite(factor)) and np.all(np.greater(factor, 0.0))):
            raise SettingsError(f"{name}={factor}: needed a positive factor, such as 1.1 for 10% more.")
    factors: dict[str, Any] = {"rate_factor": rate_factor, "dropout_factor": dropout_factor}
    if type(family) is MBGNBD:
        return ChangedMBGNBD(**factors)
    if type(family) is BGNBD:
        return ChangedBGNBD(**factors)
    if type(family) is ParetoNBD:
        return ChangedParetoNBD(**factors)
    if type(family) is NBD:
        if np.all(np.equal(dropout_factor, 1.0)):
            return ChangedNBD(rate_factor=rate_factor)
        raise SettingsError(
            "nbd has customers who never leave, so another dropout means nothing. Change purchase_rate, or "
            "fit a family whose customers leave, such as BGNBD or ParetoNBD."
        )
    if isinstance(family, DiscreteTime):
        raise SettingsError(
            f"{family.name} has purchases at fixed opportunities, each with a probability, of which a factor "
            "could make more than 1: it cannot say what another purchase_rate or dropout does. Change "
            "average_order, margin, commission or the discount rate, or fit BGNBD, MBGNBD or ParetoNBD."
        )
    raise SettingsError(
        f"{family.name} cannot say what another purchase rate or dropout does to customers who are already "
        "there. Fit BGNBD, MBGNBD or ParetoNBD, or change average_order, margin, commission or discount rate."
    )
