"""What more money brings: new customers by channels' power curves, and offers to customers who are there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

ELASTICITY = (0.7, 0.2)  # mean and sd of the prior
NOISE_SHAPE, NOISE_SCALE = 2.0, 0.08  # of the variance of a period's rate of new customers, as a share of it


@dataclass(frozen=True, eq=False)
class Response:
    """New customers of a period for its cost: ``usual * (cost / usual_cost) ** elasticity``.

    Attributes
    ----------
    names : tuple
        The channels.
    usual_cost : (channel,)
        Cost of a usual period.
    usual : (world, channel)
        New customers that it brings.
    elasticity : (world, channel)
        Percent more new customers for a percent more cost; below 1, returns diminish.
    """

    names: tuple[Any, ...]
    usual_cost: Floats
    usual: Floats
    elasticity: Floats

    def new_customers(self, cost: Floats) -> Floats:
        """New customers for costs (channel,) of a period, shape (world, channel)."""
        found: Floats = self.usual * (cost / self.usual_cost) ** self.elasticity
        return found

    def per_cost(self, cost: Floats) -> Floats:
        """Derivative of `new_customers` by the cost, shape (world, channel)."""
        found: Floats = self.elasticity * self.new_customers(cost) / np.maximum(cost, 1e-12 * self.usual_cost)
        return found


@dataclass(frozen=True, eq=False)
class Offers:
    """What offers to ever more customers cost and gain, those of the highest profit per cost first.

    Attributes
    ----------
    customers : (knot,)
        How many get one, from 0 to all of the list.
    cost : (knot,)
        Of the offers to so many.
    gain : (world, knot)
        By how much these are expected to raise the customers' value.
    cost_of_each : (customer,)
        In the order of the list.
    """

    customers: Any
    cost: Floats
    gain: Floats
    cost_of_each: Floats


def learn_response(
    costs: "pd.DataFrame", names: Sequence[Any], group: str, worlds: int, rng: np.random.Generator
) -> Response:
    """Draws of the channels' curves given a row per channel and period.

    New customers are negative binomial around a line in the log of the cost, so a period that cost money and
    brought nobody counts; one that cost nothing, or has no row, does not. Slopes have a normal prior around
    0.7, so a channel whose cost never varied keeps the prior's.

    Raises
    ------
    DataError
        A channel without new customers in the periods that cost something.
    """
    usual_cost, usual, elasticity = [], [], []
    for name in names:
        of_channel = costs[costs[group] == name]
        seen = of_channel[(of_channel["cost"] > 0) & (of_channel["new_customers"] >= 0)]
        if not seen["new_customers"].sum() > 0:
            raise DataError(
                f"{group} {name!r} has no period with a cost and new customers, so nothing says what more "
                "money would bring. Leave it out of the budget (channels=), or pass its curve."
            )
        x = np.log(seen["cost"].to_numpy(np.float64))
        level, slope = line_draws(x - x.mean(), seen["new_customers"].to_numpy(np.float64), worlds, rng)
        usual_cost.append(np.exp(x.mean()))
        usual.append(np.exp(level))
        elasticity.append(np.clip(slope, 0.05, 1.0))
    return Response(tuple(names), np.array(usual_cost), np.stack(usual, 1), np.stack(elasticity, 1))


def line_draws(x: Floats, came: Floats, worlds: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draws of level and slope of the log of expected counts, which vary by more than their counting.

    The further variance is drawn from an inverse-gamma posterior in which periods count for what they tell of
    it, then the line given it, from a normal around the mode: a step of Fisher's scoring away.
    """
    log_rate = most_likely(x, came)
    counting = np.exp(-log_rate)
    residual = came * counting - 1.0
    y = log_rate + residual
    told = (NOISE_SCALE / (NOISE_SCALE + counting)) ** 2
    excess = np.maximum(np.sum(told * (residual**2 - counting)), 0.0)
    variance = (NOISE_SCALE + 0.5 * excess) / rng.gamma(NOISE_SHAPE + 0.5 * told.sum(), 1.0, worlds)
    weight = 1.0 / (variance[:, None] + counting)
    precision = np.empty((worlds, 2, 2))
    precision[:, 0, 0] = weight.sum(axis=1)
    precision[:, 0, 1] = precision[:, 1, 0] = weight @ x
    precision[:, 1, 1] = weight @ x**2 + ELASTICITY[1] ** -2
    toward = np.stack([weight @ y, weight @ (x * y) + ELASTICITY[0] * ELASTICITY[1] ** -2], axis=1)
    covariance = np.linalg.inv(precision)
    mean = np.einsum("sij,sj->si", covariance, toward)
    root = np.linalg.cholesky(covariance)
    drawn = mean + np.einsum("sij,sj->si", root, rng.standard_normal((worlds, 2)))
    return drawn[:, 0], drawn[:, 1]


def most_likely(x: Floats, came: Floats) -> Floats:
    """The log of expected counts on the most likely line, at the prior mean of the further variance."""
    from scipy import optimize

    def loss(line: Floats) -> float:
        odds = np.log(NOISE_SCALE) + line[0] + line[1] * x
        likelihood = came * np.logaddexp(0.0, -odds) + np.logaddexp(0.0, odds) / NOISE_SCALE
        return float(likelihood.sum() + 0.5 * ((line[1] - ELASTICITY[0]) / ELASTICITY[1]) ** 2)

    level, slope = optimize.minimize(loss, [np.log(came.mean()), ELASTICITY[0]]).x
    found: Floats = level + slope * x
    return found


def given_response(curves: "Mapping[Any, tuple[float, float, float]]", worlds: int) -> Response:
    """Known curves: channel to (usual cost, usual new customers, elasticity), the same in every world."""
    table = np.array(list(curves.values()), np.float64)
    return Response(
        tuple(curves),
        table[:, 0],
        np.tile(table[:, 1], (worlds, 1)),
        np.tile(table[:, 2], (worlds, 1)),
    )
