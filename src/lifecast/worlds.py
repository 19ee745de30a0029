"""A world is one draw of everything that customers share; every customer lives through the same worlds."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.encoding import Attributed
from lifecast.grouping import codes
from lifecast.kernels.gauss_legendre import gauss_legendre
from lifecast.market import Pace
from lifecast.population import Population
from lifecast.posterior import Posterior
from lifecast.timeunit import DAYS_PER_YEAR, TimeUnit

NEGLIGIBLE_DISCOUNT = 1e-9
FEW_STEPS = 128
NODES = 16  # of a panel over which 1 + t / scale grows e-fold


@dataclass(frozen=True)
class Shared:
    """What customers of one kind share in every world.

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

    @property
    def kind(self) -> bytes:
        """A name for the kind: the same for customers of the same parameters, whoever else is there."""
        digest = hashlib.blake2b(self.purchases.tobytes(), digest_size=16)
        digest.update(self.spend.tobytes())
        return digest.digest()


@dataclass(frozen=True)
class Worlds:
    """Draws of everything that customers share.

    Attributes
    ----------
    purchases : Population
    spend : Population or None
        None for a model of purchases alone.
    pace : Pace
    """

    purchases: Population
    spend: Population | None
    pace: Pace

    def __len__(self) -> int:
        return len(self.purchases)

    def by_kind(self, rfm: Attributed) -> Iterator[tuple[Integers, Shared]]:
        """Places of the customers of each kind, and what they share, one kind after the other.

        Customers are of one kind who are alike in the groups and covariates of both families.
        """
        none = np.empty((len(self), 0))
        of_purchases = self.purchases.encoding.kinds(rfm)
        if self.spend is None:
            for number in range(len(of_purchases)):
                theta = self.purchases.of(of_purchases.group[number], of_purchases.columns[number])
                yield np.flatnonzero(of_purchases.kind == number), Shared(theta, none, self.pace)
            return
        of_spend = self.spend.encoding.kinds(rfm)
        pairs, pair = codes(of_purchases.kind * len(of_spend) + of_spend.kind)
        for number, (p, s) in enumerate(zip(*np.divmod(pairs, len(of_spend)), strict=True)):
            yield (
                np.flatnonzero(pair == number),
                Shared(
                    self.purchases.of(of_purchases.group[p], of_purchases.columns[p]),
                    self.spend.of(of_spend.group[s], of_spend.columns[s]),
                    self.pace,
                ),
            )


def draw_worlds(posterior: Posterior, pace: Pace, rng: np.random.Generator) -> Worlds:
    """A world for each draw of the pace, each posterior draw used once before any is used again."""
    count = pace.clock.shape[0]
    rounds = math.ceil(count / posterior.draws)
    chosen = np.concatenate([rng.permutation(posterior.draws) for _ in range(rounds)])[:count]
    spend = None if posterior.spend is None else posterior.spend.chosen(chosen)
    return Worlds(posterior.purchases.chosen(chosen), spend, pace)


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
    shared: Shared, horizon: float, discount_rate: float, scale: float, whole_times: bool
) -> tuple[Floats, Floats]:
    """What makes purchases, and discounted ones at the world's prices, of expected cumulative purchases.

    The last two arguments are as in `discounting`.

    Returns
    -------
    times : (world, time)
        Operational times.
    weights : (world, time, 2)
        Sums over times with these weights are the two expectations.
    """
    pace = shared.pace
    stretches = pace.edges.size - 1
    times, weights, price = [np.array([horizon])], [np.zeros(1)], [np.zeros((len(shared), 1))]
    for i in range(stretches):
        end = horizon if i == stretches - 1 else pace.edges[i + 1]
        at, weight = discounting(pace.edges[i], end, discount_rate, scale, whole_times)
        times.append(at)
        weights.append(weight)
        price.append(np.broadcast_to(pace.price[:, i : i + 1], (len(shared), at.size)))
    table = np.zeros((len(shared), sum(at.size for at in times), 2))
    table[:, 0, 0] = 1.0
    table[:, :, 1] = np.concatenate(weights) * np.concatenate(price, axis=1)
    return pace.operational(np.concatenate(times)), table


def discounting(
    start: float, end: float, discount_rate: float, scale: float, whole_times: bool = False
) -> tuple[Floats, Floats]:
    """Times (time,) and weights (time,) that turn expected cumulative purchases into discounted ones.

    The sum of exp(-rate t) over purchases in (start, end] is, by parts, exp(-rate t) E(t) between the ends
    plus the rate times the integral of exp(-rate t) E(t); that integral by Gauss-Legendre in
    log(1 + t / scale), in which E is smooth, as the family says. Where purchases happen at whole times only,
    it is a sum over these.
    """
    if end <= start:
        return np.array([start]), np.zeros(1)
    if discount_rate == 0.0:
        return np.array([end, start]), np.array([1.0, -1.0])
    end = min(end, start - math.log(NEGLIGIBLE_DISCOUNT) / discount_rate)
    if whole_times:
        return discounting_steps(whole(start), whole(end), discount_rate, scale)
    first, reach = math.log1p(start / scale), math.log((scale + end) / (scale + start))
    points, point_weights = gauss_legendre(nodes_in_time(reach, discount_rate * (end - start)))
    times = scale * np.expm1(first + reach * points)
    weights = reach * point_weights * (scale + times) * discount_rate * np.exp(-discount_rate * times)
    return np.append(times, [end, start]), np.append(
        weights, [np.exp(-discount_rate * end), -np.exp(-discount_rate * start)]
    )


def nodes_in_time(reach: float, drop: float) -> int:
    """Nodes that `discounting` needs for nine digits.

    Over ``reach``, in which 1 + t / scale grows by its exponential, E bends; the discount by ``drop``, of its
    log, bends too, which counts where E hardly does.
    """
    return math.ceil(2.0 + max(5.0 * reach + 0.6 * drop, 2.0 * reach + 3.0 * math.sqrt(drop)))


def discounting_steps(first: int, last: int, discount_rate: float, scale: float) -> tuple[Floats, Floats]:
    """`discounting` of purchases at the whole times first + 1, ..., last alone.

    Few times are all nodes. Many are parted into panels: in each the weight of a time goes to 16 nodes, by
    their shares in the value there of the polynomial in log(1 + t / scale) through them.
    """
    times = np.arange(first, last + 1, dtype=np.float64)
    if times.size == 1:
        return times, np.zeros(1)
    weights = -np.expm1(-discount_rate) * np.exp(-discount_rate * times)
    weights[0] = -np.exp(-discount_rate * (first + 1))
    weights[-1] = np.exp(-discount_rate * last)
    if times.size <= FEW_STEPS:
        return times, weights
    place = np.log1p(times / scale)
    panel = np.floor(place[1:-1] - place[1]).astype(np.int64)
    nodes, node_weights = [times[[0, -1]]], [weights[[0, -1]]]
    for steps in np.split(np.arange(1, last - first), np.flatnonzero(np.diff(panel)) + 1):
        chosen = steps if steps.size <= 4 * NODES else steps[spread(place[steps])]
        nodes.append(times[chosen])
        node_weights.append(weights[steps] @ shares(place[steps], place[chosen]))
    return np.concatenate(nodes), np.concatenate(node_weights)


def whole(time: float) -> int:
    """Whole time units passed; one that misses its end by rounding alone counts."""
    return math.floor(time + 1e-9)


def spread(values: Floats) -> Integers:
    """Indices of the ascending values nearest to Chebyshev's points between their ends, these included."""
    middle, half = (values[0] + values[-1]) / 2, (values[-1] - values[0]) / 2
    points = middle - half * np.cos(np.pi * np.arange(NODES) / (NODES - 1))
    above = np.clip(np.searchsorted(values, points), 1, values.size - 1)
    nearest = np.where(points - values[above - 1] < values[above] - points, above - 1, above)
    return np.unique(nearest)


def shares(values: Floats, nodes: Floats) -> Floats:
    """Lagrange's polynomials of the nodes at the values, (value, node), in barycentric form [Berrut 2004]."""
    differences = nodes[:, None] - nodes
    np.fill_diagonal(differences, 1.0)
    barycentric = 1.0 / differences.prod(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = barycentric / (values[:, None] - nodes)
        at_values: Floats = terms / terms.sum(axis=1, keepdims=True)
    hit = values[:, None] == nodes
    return np.where(hit.any(axis=1, keepdims=True), hit, at_values)
