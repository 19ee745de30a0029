"""What a way to spend a budget brings in every world, and which way brings most."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import optimize

from lifecast.arrays import Floats, Integers
from lifecast.planning.response import Offers, Response

LEAST_SHARE = 1e-6  # of the budget: a power has no slope at zero, so up to here curves are straight lines


@dataclass(frozen=True)
class Problem:
    """Profit of the ways to spend a budget: shares (source,) of it, over channels and perhaps offers, last.

    Attributes
    ----------
    response : Response
    value : (world, channel)
        Of a new customer.
    offers : Offers or None
        To customers who are there; they are made once, at the beginning.
    budget : float
    months : int
    limits : (source, 2)
        Least and most of the budget, as shares.
    """

    response: Response
    value: Floats
    offers: Offers | None
    budget: float
    months: int
    limits: Floats

    @cached_property
    def gains(self) -> Any:
        """The offers' gains (world,) as a smooth function of their cost."""
        from scipy.interpolate import PchipInterpolator

        assert self.offers is not None
        last = np.append(np.diff(self.offers.cost) > 0.0, True)  # some offers may cost nothing
        return PchipInterpolator(self.offers.cost[last], self.offers.gain[:, last], axis=1)

    @property
    def channels(self) -> int:
        """Sources that are channels."""
        return int(self.value.shape[1])

    def monthly_cost(self, shares: Floats) -> Floats:
        """Cost of a month of each channel."""
        cost: Floats = np.maximum(shares[: self.channels], LEAST_SHARE) * self.budget / self.months
        return cost

    def new_customers(self, shares: Floats) -> Floats:
        """New customers in all months, (world, channel)."""
        of_month = self.response.new_customers(self.monthly_cost(shares))
        brought: Floats = self.months * of_month * np.minimum(shares[: self.channels] / LEAST_SHARE, 1.0)
        return brought

    def offer_cost(self, shares: Floats) -> float:
        """What is spent on offers, within what they can cost."""
        assert self.offers is not None
        return float(np.clip(shares[-1] * self.budget, 0.0, self.offers.cost[-1]))

    def values(self, shares: Floats) -> Floats:
        """What each source is expected to bring, (world, source)."""
        of_channels = self.value * self.new_customers(shares)
        if self.offers is None:
            return of_channels
        return np.column_stack([of_channels, self.gains(self.offer_cost(shares))])

    def profits(self, shares: Floats) -> Floats:
        """Profit in every world, (world,)."""
        profit: Floats = self.values(shares).sum(axis=1) - self.budget * np.sum(shares)
        return profit

    def slopes(self, shares: Floats) -> Floats:
        """Derivative of the profit by the shares, (world, source)."""
        cost = self.monthly_cost(shares)
        straight = self.response.new_customers(cost) / cost
        per_cost = np.where(shares[: self.channels] < LEAST_SHARE, straight, self.response.per_cost(cost))
        worth = self.value * per_cost
        if self.offers is not None:
            worth = np.column_stack([worth, self.gains(self.offer_cost(shares), 1)])
        slopes: Floats = self.budget * (worth - 1.0)
        return slopes

    def solve(self, worst: float) -> Floats:
        """Shares that maximise the mean profit over the worst share of worlds (1: over all).

        That mean is concave where returns diminish [Rockafellar & Uryasev 2000], so any local maximum is the
        best.
        """
        count = max(1, round(worst * self.value.shape[0]))

        def minus(shares: Floats) -> float:
            return -float(np.partition(self.profits(shares), count - 1)[:count].mean()) / self.budget

        def minus_slopes(shares: Floats) -> Floats:
            tail = np.argpartition(self.profits(shares), count - 1)[:count]
            slopes: Floats = -self.slopes(shares)[tail].mean(axis=0) / self.budget
            return slopes

        start: Floats = self.limits[:, 0] + (1.0 - self.limits[:, 0].sum()) * self.room()
        found = optimize.minimize(
            minus,
            start,
            jac=minus_slopes,
            method="SLSQP",
            bounds=optimize.Bounds(self.limits[:, 0], self.limits[:, 1]),
            constraints=optimize.LinearConstraint(np.ones((1, start.size)), 1.0, 1.0),
            options={"maxiter": 500, "ftol": 1e-10},
        )
        within: Floats = np.clip(np.asarray(found.x), self.limits[:, 0], self.limits[:, 1])
        shares: Floats = within / within.sum()
        return shares

    def room(self) -> Floats:
        """How far each source's share can grow, adding up to one."""
        room = self.limits[:, 1] - self.limits[:, 0]
        shares: Floats = room / room.sum() if room.sum() > 0.0 else np.full(room.size, 1.0 / room.size)
        return shares

    def climb_quantile(self, shares: Floats, level: float) -> Floats:
        """Move money between pairs of sources as long as the quantile of the profit rises."""
        best, highest, step = shares, float(np.quantile(self.profits(shares), level)), 0.05
        while step > 1e-3:
            moved = False
            for give, take in np.ndindex(shares.size, shares.size):
                amount = min(step, best[give] - self.limits[give, 0], self.limits[take, 1] - best[take])
                if give == take or amount <= 0.0:
                    continue
                other = best.copy()
                other[give] -= amount
                other[take] += amount
                reached = float(np.quantile(self.profits(other), level))
                if reached > highest:
                    best, highest, moved = other, reached, True
            step = step if moved else step / 2
        return best

    def whole(self, shares: Floats, worst: float) -> Floats:
        """The shares near these that buy whole customers only; what then is left buys nobody.

        From whole numbers below the given ones, one customer after another is added, the one that adds most
        per money to the mean over the worst share of worlds, as long as the budget lasts.
        """
        count = max(1, round(worst * self.value.shape[0]))
        prices = [self.prices(source) for source in range(shares.size)]
        bought = np.array(
            [np.searchsorted(price, shares[i] * self.budget * (1 + 1e-9), side="right") - 1 for i, price in
             enumerate(prices)]
        )  # fmt: skip

        def spent(numbers: Integers) -> Floats:
            return np.array([price[n] for price, n in zip(prices, numbers, strict=True)]) / self.budget

        def worth(numbers: Integers) -> float:
            return float(np.partition(self.profits(spent(numbers)), count - 1)[:count].mean())

        left = self.budget * (1 + 1e-9) - self.budget * spent(bought).sum()
        while True:
            steps = [
                (source, price[n + 1] - price[n])
                for source, (price, n) in enumerate(zip(prices, bought, strict=True))
                if n + 1 < price.size and price[n + 1] - price[n] <= left
            ]
            if not steps:
                return spent(bought)
            now = worth(bought)
            one_more = np.eye(shares.size, dtype=np.int64)
            gains = [(worth(bought + one_more[source]) - now) / price + 1.0 for source, price in steps]
            source, price = steps[int(np.argmax(gains))]
            bought, left = bought + one_more[source], left - price

    def prices(self, source: int) -> Floats:
        """What 0, 1, 2, ... customers of a source cost, as far as its limit: (customers + 1,)."""
        most = self.limits[source, 1] * self.budget * (1 + 1e-9)
        if source == self.channels and self.offers is not None:
            prices: Floats = np.append(0.0, np.cumsum(self.offers.cost_of_each))
            return prices[: np.searchsorted(prices, most, side="right")]
        cost = np.append(0.0, np.geomspace(1e-7, 1.0, 2_000)) * most
        of_month = np.zeros((cost.size, self.channels))
        of_month[:, source] = cost / self.months
        brought = np.array([self.response.new_customers(row)[:, source].mean() for row in of_month])
        number = np.arange(np.floor(self.months * brought[-1] + 1e-9) + 1)
        found: Floats = np.interp(number, self.months * brought, cost)
        return found
