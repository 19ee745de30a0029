"""A world is one draw of everything that customers share; every customer lives through the same worlds."""

import math
from dataclasses import dataclass

import numpy as np

from lifecast.arrays import Floats
from lifecast.market import Pace
from lifecast.posterior import Posterior
from lifecast.timeunit import DAYS_PER_YEAR, TimeUnit

NEGLIGIBLE_DISCOUNT = 1e-9


@dataclass(frozen=True)
class Worlds:
    """Draws of what customers share.

    Attributes
    ----------
    purchases, spend : (world, parameter)
        Parameters of the families; ``spend`` has no columns for a model of purchases alone.
    pace : Pace
        What the market makes of calendar time and of prices.
    """

    purchases: Floats
    spend: Floats
    pace: Pace

    def __len__(self) -> int:
        return int(self.purchases.shape[0])


def draw_worlds(posterior: Posterior, pace: Pace, rng: np.random.Generator) -> Worlds:
    """A world for each draw of the pace, each posterior draw used once before any is used again."""
    count = pace.clock.shape[0]
    rounds = math.ceil(count / posterior.draws)
    chosen = np.concatenate([rng.permutation(posterior.draws) for _ in range(rounds)])[:count]
    spend = [values[chosen] for values in posterior.spend.values()]
    return Worlds(
        purchases=np.stack([values[chosen] for values in posterior.purchases.values()], axis=1),
        spend=np.stack(spend, axis=1) if spend else np.empty((count, 0)),
        pace=pace,
    )


def period_edges(horizon: float, unit: TimeUnit, discount_rate: float) -> Floats:
    """Edges of the periods of a horizon, from 0.

    Periods have one time unit each, the last is perhaps shorter. Those of an infinite horizon have one year
    each, for as long as a purchase is still worth something.
    """
    if math.isinf(horizon):
        year = DAYS_PER_YEAR / unit.days
        years = math.ceil(-math.log(NEGLIGIBLE_DISCOUNT) / discount_rate / year)
        return year * np.arange(years + 1.0)
    whole = np.arange(math.ceil(horizon - 1e-9), dtype=np.float64)
    return np.append(whole, horizon) if whole.size else np.zeros(2)


def purchases_and_value(
    worlds: Worlds, horizon: float, discount_rate: float, scale: float
) -> tuple[Floats, Floats]:
    """What makes purchases, and discounted ones at the world's prices, of expected cumulative purchases.

    Returns
    -------
    times : (world, time)
        Operational times.
    weights : (world, time, 2)
        Sums over times with these weights are the two expectations.
    """
    pace = worlds.pace
    stretches = pace.edges.size - 1
    times, weights, price = [np.array([horizon])], [np.zeros(1)], [np.zeros((len(worlds), 1))]
    for i in range(stretches):
        end = horizon if i == stretches - 1 else pace.edges[i + 1]
        at, weight = discounting(pace.edges[i], end, discount_rate, scale)
        times.append(at)
        weights.append(weight)
        price.append(np.broadcast_to(pace.price[:, i : i + 1], (len(worlds), at.size)))
    table = np.zeros((len(worlds), sum(at.size for at in times), 2))
    table[:, 0, 0] = 1.0
    table[:, :, 1] = np.concatenate(weights) * np.concatenate(price, axis=1)
    return pace.operational(np.concatenate(times)), table


def discounting(start: float, end: float, discount_rate: float, scale: float) -> tuple[Floats, Floats]:
    """Times (time,) and weights (time,) that turn expected cumulative purchases into discounted ones.

    The sum of exp(-rate t) over purchases in (start, end] is, by parts, exp(-rate t) E(t) between the ends
    plus the rate times the integral of exp(-rate t) E(t); that integral by Gauss-Legendre in
    log(1 + t / scale), in which E is smooth, as the family says.
    """
    if end <= start:
        return np.array([start]), np.zeros(1)
    if discount_rate == 0.0:
        return np.array([end, start]), np.array([1.0, -1.0])
    end = min(end, start - math.log(NEGLIGIBLE_DISCOUNT) / discount_rate)
    first, reach = math.log1p(start / scale), math.log((scale + end) / (scale + start))
    nodes = math.ceil(2.0 + 5.0 * reach + 0.6 * discount_rate * (end - start))
    points, point_weights = np.polynomial.legendre.leggauss(nodes)
    times = scale * np.expm1(first + 0.5 * reach * (1.0 + points))
    weights = 0.5 * reach * point_weights * (scale + times) * discount_rate * np.exp(-discount_rate * times)
    return np.append(times, [end, start]), np.append(
        weights, [np.exp(-discount_rate * end), -np.exp(-discount_rate * start)]
    )
