"""What a fit at an earlier origin would have forecast for the book, and how far off chance would put it."""

from dataclasses import dataclass

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.families.contract import PurchaseFamily, SpendFamily
from lifecast.families.density import log_posterior
from lifecast.grouping import PurchaseRows
from lifecast.inference.laplace import bounded_covariance
from lifecast.inference.mode import find_mode
from lifecast.past import PastOrigin

SAMPLED_CUSTOMERS, SAMPLED_WORLDS = 4_000, 16
LEAST_EXPECTED = 1e-6


@dataclass(frozen=True)
class PastForecast:
    """A forecast that could have been made at an earlier origin.

    Attributes
    ----------
    theta : (1, parameter)
        The purchase family's mode at the origin.
    block : float
        Length of a block.
    grid : (time,)
        Operational times from the origin, whole blocks first.
    expected : (time,)
        Purchases expected up to them.
    buyers : (row,)
        Purchases expected of each history over the blocks that were forecast.
    noise : (block, block)
        Covariance of the logs of the blocks' purchases, from customers' chances and from parameters not
        known.
    """

    theta: Floats
    block: float
    grid: Floats
    expected: Floats
    buyers: Floats
    noise: Floats

    @classmethod
    def of(
        cls, family: PurchaseFamily, origin: PastOrigin, block: float, rng: np.random.Generator
    ) -> "PastForecast | None":
        """Fit the family to what was known at the origin; None if nothing was."""
        customers = float(np.sum(origin.weight))
        scale = float(origin.weight @ origin.T / customers) if customers else 0.0
        if scale <= 0.0:
            return None
        rows = PurchaseRows(origin.x, origin.t_x, origin.T, origin.weight, np.empty(0, np.int64)).scaled(
            scale
        )
        mode = find_mode(log_posterior(family, rows, family.start(rows)))
        root = np.linalg.cholesky(bounded_covariance(mode.precision))
        points = np.concatenate([mode.location[None], mode.location + root.T, mode.location - root.T])
        theta = family.rescale(family.constrain(points), scale)
        blocks = origin.purchases.size
        grid = block * np.concatenate([np.arange(blocks + 1.0), (blocks + 1) * np.geomspace(1.1, 4.0, 5)])
        of_rows = expected_of_rows(family, origin, theta, grid)
        of_rows *= origin.weight[:, None]
        by_theta = of_rows.sum(axis=1)
        forecast = np.maximum(np.diff(by_theta[: blocks + 1], axis=0), LEAST_EXPECTED)
        up, down = np.split(np.log(forecast[:, 1:]), 2, axis=1)
        unknown = (up - down) / 2
        chances = chance_covariance(family, origin, theta[:1], block, rng)
        return cls(
            theta=theta[:1],
            block=block,
            grid=grid,
            expected=by_theta[:, 0],
            buyers=of_rows[blocks].copy()[:, 0],  # a view would keep every block in memory
            noise=unknown @ unknown.T + chances / np.outer(forecast[:, 0], forecast[:, 0]),
        )

    def operational_time(self, purchases: Floats | float) -> Floats:
        """How long the clock must have run for so many purchases to be expected."""
        beyond = np.maximum(np.asarray(purchases) - self.expected[-1], 0.0)
        last_pace = (self.grid[-1] - self.grid[-2]) / (self.expected[-1] - self.expected[-2])
        time: Floats = np.interp(purchases, self.expected, self.grid) + beyond * last_pace
        return time

    def clock_errors(self, purchases: Floats) -> Floats:
        """Log of the pace in each block, freed of the bias that chance gives a log, shape (block,)."""
        forecast = np.maximum(np.diff(self.expected[: purchases.size + 1]), LEAST_EXPECTED)
        passed = np.diff(self.operational_time(np.concatenate([[0.0], np.cumsum(purchases)])))
        half_a_purchase = 0.5 * self.block / np.maximum(forecast, 1.0)
        return np.log(np.maximum(passed, half_a_purchase) / self.block) + np.diagonal(self.noise) / 2

    def price_errors(
        self, family: SpendFamily, theta: Floats, origin: PastOrigin, today: PastOrigin
    ) -> tuple[Floats, Floats]:
        """Log of each block's mean amount over its forecast, NaN without purchases; its covariance."""
        amount, value = nonnegative(origin.amount), nonnegative(origin.value)
        level = mean_amount(amount, origin) / mean_amount(nonnegative(today.amount), today)
        if not (np.isfinite(level) and level > 0.0):
            return np.full(value.size, np.nan), np.eye(value.size)
        mean = amount / np.maximum(origin.weight * origin.x, 1.0)
        at_that_level = family.rescale(theta, level)
        spend = family.credibility_spend(origin.x, mean, at_that_level)[:, 0]
        forecast = self.buyers @ spend
        bought = (origin.purchases > 0) & (value > 0)
        purchases = np.where(bought, origin.purchases, 1.0)
        log_ratio = np.log(np.where(bought, value, 1.0) / purchases * self.buyers.sum() / forecast)
        uncertain = family.mean_variance(
            origin.x, theta
        )  # what a customer's mean may be off by stays with it
        persistent = np.sum((self.buyers * spend) ** 2 * uncertain / origin.weight) / forecast**2
        noise = np.diag(family.relative_variance(theta)[0] / purchases) + persistent
        return np.where(bought, log_ratio + np.diagonal(noise) / 2, np.nan), noise


def expected_of_rows(family: PurchaseFamily, origin: PastOrigin, theta: Floats, times: Floats) -> Floats:
    """Purchases of one customer of each history up to each time, shape (time, row, parameter vector)."""
    count = theta.shape[0]
    each_time = np.tile(np.eye(times.size), (count, 1, 1))
    if_alive = family.expected_purchases(
        origin.x, origin.T, theta, np.zeros(count), np.tile(times, (count, 1)), each_time
    )
    expected = if_alive(origin.x, origin.T)
    expected *= family.probability_alive(origin.x, origin.t_x, origin.T, theta)
    return expected


def chance_covariance(
    family: PurchaseFamily, origin: PastOrigin, theta: Floats, block: float, rng: np.random.Generator
) -> Floats:
    """Covariance of the book's purchases per block given the parameters, from a sample of futures."""
    customers = float(np.sum(origin.weight))
    sampled = int(min(customers, SAMPLED_CUSTOMERS))
    at = (rng.uniform() + np.arange(sampled)) * customers / sampled
    row = np.minimum(np.searchsorted(np.cumsum(origin.weight), at), origin.x.size - 1)
    edges = block * np.arange(origin.purchases.size + 1.0)
    blocks = edges.size - 1
    mean = np.diff(expected_of_rows(family, origin, theta, edges)[:, row, 0], axis=0)
    worlds = np.repeat(theta, SAMPLED_WORLDS, axis=0)
    still, clock = np.zeros(SAMPLED_WORLDS), np.tile(edges, (SAMPLED_WORLDS, 1))
    x, T = origin.x[row], origin.T[row]
    p_alive = family.probability_alive(x, origin.t_x[row], T, worlds)
    p_buys = p_alive * family.probability_of_purchase(x, T, worlds, still, clock[:, -1])
    first, world, stretch, _ = family.simulate_purchases(
        x, T, p_alive, p_buys, np.arange(sampled), rng.integers(0, 2**63, sampled).astype(np.uint64),
        worlds, still, clock, edges, float(mean.sum(axis=0).mean()),
    )  # fmt: skip
    customer = np.repeat(np.arange(sampled), np.diff(first))
    cell = (customer * SAMPLED_WORLDS + world) * blocks + stretch
    counts = np.bincount(cell, minlength=sampled * SAMPLED_WORLDS * blocks).astype(np.float64)
    chance = counts.reshape(sampled, SAMPLED_WORLDS, blocks) - mean.T[:, None, :]
    flat = chance.reshape(-1, blocks)
    covariance: Floats = flat.T @ flat * (customers / flat.shape[0])
    return covariance


def nonnegative(amounts: Floats | None) -> Floats:
    """The amounts, returns that outweigh purchases counted as none."""
    assert amounts is not None
    return np.maximum(amounts, 0.0)


def mean_amount(amount: Floats, origin: PastOrigin) -> float:
    """Mean repeat amount seen by an origin; NaN without repeat purchases."""
    repeats = float(origin.weight @ origin.x)
    return float(amount.sum()) / repeats if repeats > 0 else np.nan


def shared_noise(position: Floats, origin: Integers, own: list[Floats]) -> Floats:
    """Covariance of all origins' sampling errors, shape (error, error).

    What came after the later of two origins was as uncertain to the earlier one, and more; by the tower
    property their errors covary as the later one's own. What came between them the later one already knew.

    Parameters
    ----------
    position : (error,)
        Number of the block of calendar time.
    origin : (error,)
        Number of the origin, the earliest first.
    own : list of (block, block)
        Each origin's covariance.
    """
    total = np.zeros((position.size, position.size))
    for later, covariance in enumerate(own):
        columns = np.flatnonzero(origin == later)
        for earlier in range(later + 1):
            rows = np.flatnonzero(origin == earlier)
            _, here, there = np.intersect1d(position[rows], position[columns], return_indices=True)
            total[np.ix_(rows[here], columns)] = covariance[there]
            total[np.ix_(columns, rows[here])] = covariance[there].T
    values, vectors = np.linalg.eigh(total)  # estimates need not be consistent: keep it a covariance
    consistent: Floats = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return consistent
