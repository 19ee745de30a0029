"""A world is one draw of everything that customers share; every customer lives through the same worlds."""

import math
from dataclasses import dataclass

import numpy as np

from lifecast.arrays import Floats
from lifecast.posterior import Posterior
from lifecast.timeunit import DAYS_PER_YEAR, TimeUnit

NEGLIGIBLE_DISCOUNT = 1e-9
PANELS, NODES = 6, 12
MILD_DISCOUNT = 0.5


@dataclass(frozen=True)
class Worlds:
    """Draws of what customers share, over the periods of a forecast.

    Attributes
    ----------
    purchases : (world, parameter)
    spend : (world, parameter)
        Without columns for a model of purchases alone.
    edges : (period + 1,)
        Calendar time of the periods' edges, in the data's unit, from 0 at the observation end.
    clock : (world, period + 1)
        Operational time passed at the edges: what the market makes of calendar time. Purchases happen in
        operational time.
    """

    purchases: Floats
    spend: Floats
    edges: Floats
    clock: Floats

    def __len__(self) -> int:
        return int(self.purchases.shape[0])


def draw_worlds(posterior: Posterior, edges: Floats, count: int, rng: np.random.Generator) -> Worlds:
    """Worlds from posterior draws: each draw once before any is used again, in random order."""
    rounds = math.ceil(count / posterior.draws)
    chosen = np.concatenate([rng.permutation(posterior.draws) for _ in range(rounds)])[:count]
    spend = [values[chosen] for values in posterior.spend.values()]
    return Worlds(
        purchases=np.stack([values[chosen] for values in posterior.purchases.values()], axis=1),
        spend=np.stack(spend, axis=1) if spend else np.empty((count, 0)),
        edges=edges,
        clock=np.tile(edges, (count, 1)),
    )


def period_edges(horizon: float, unit: TimeUnit, discount_rate: float) -> Floats:
    """Edges of the periods of a horizon: one time unit each, the last perhaps shorter.

    Of an infinite horizon one year each, for as long as a purchase is still worth something.
    """
    if math.isinf(horizon):
        year = DAYS_PER_YEAR / unit.days
        years = math.ceil(-math.log(NEGLIGIBLE_DISCOUNT) / discount_rate / year)
        return year * np.arange(years + 1.0)
    whole = np.arange(math.ceil(horizon - 1e-9), dtype=np.float64)
    return np.append(whole, horizon) if whole.size else np.zeros(2)


def discounting(start: float, end: float, discount_rate: float) -> tuple[Floats, Floats]:
    """Times and weights (time,) that make expected discounted purchases of expected cumulative ones.

    The sum of exp(-rate t) over purchases in (start, end] is, by parts, exp(-rate t) E(t) between the ends
    plus the rate times the integral of exp(-rate t) E(t); that integral by Gauss-Legendre on panels that
    shrink towards the start.
    """
    if end <= start:
        return np.array([start]), np.zeros(1)
    if discount_rate == 0.0:
        return np.array([end, start]), np.array([1.0, -1.0])
    if math.isinf(end):
        end = start - math.log(NEGLIGIBLE_DISCOUNT) / discount_rate
    nodes, node_weights = np.polynomial.legendre.leggauss(NODES)
    panels = 1 if discount_rate * (end - start) < MILD_DISCOUNT else PANELS
    borders = start + (end - start) * np.append(0.0, 4.0 ** np.arange(1 - panels, 1))
    half = np.diff(borders)[:, None] / 2
    times = (borders[:-1, None] + half * (1.0 + nodes)).ravel()
    weights = (half * node_weights).ravel() * discount_rate * np.exp(-discount_rate * times)
    return np.append(times, [end, start]), np.append(
        weights, [np.exp(-discount_rate * end), -np.exp(-discount_rate * start)]
    )
