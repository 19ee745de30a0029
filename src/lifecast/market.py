"""The market part of a world: how fast the common clock runs, what prices do, and how far customers drift.

Learned from the log's own past: the families are fitted again at earlier origins, their forecasts are held
against what came, and the errors that sampling does not explain become the spread, the bias and the present
state of the next one's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.error_process import ErrorProcess, Errors, Sizes
from lifecast.families.contract import PurchaseFamily, SpendFamily
from lifecast.fitting import fit
from lifecast.grouping import PurchaseRows
from lifecast.past import Past, PastOrigin, SpendSteadiness

BLOCKS = 13  # of even length, then each half as long again as the one before
STRETCH = 1.5
LARGEST_LOG_ERROR = 3.0
OVERDISPERSION = 1.3
FEWEST_EXPECTED = 3.0
DRIFTS = np.concatenate([[0.0], np.geomspace(0.003, 1.0, 12)])
DRIFT_SD = 0.3  # half-normal, of the shock's standard deviation
WELL_KNOWN = 3
DRIFT_DRAWS = 400


@dataclass(frozen=True)
class Pace:
    """Draws of what the market makes of calendar time, one per world.

    Attributes
    ----------
    edges : (stretch + 1,)
        Calendar times from 0 at the observation end, in the data's unit.
    clock : (world, stretch + 1)
        Operational time passed at the edges. Purchases happen in operational time.
    price : (world, stretch)
        What amounts are multiplied by.
    drift, spend_drift : (world,)
        Variance of the shock that each customer's own rate takes, and relative variance of its mean amount's.
    """

    edges: Floats
    clock: Floats
    price: Floats
    drift: Floats
    spend_drift: Floats

    def operational(self, times: Floats) -> Floats:
        """Operational time at calendar times (time,), shape (world, time); infinity stays infinite."""
        finite = np.isfinite(times)
        result = np.full((self.clock.shape[0], times.size), np.inf)
        for world, clock in enumerate(self.clock):
            result[world, finite] = np.interp(times[finite], self.edges, clock)
        return result


def steady_pace(end: float, worlds: int) -> Pace:
    """The textbook's market: time is time, prices stay, customers stay themselves."""
    edges = np.array([0.0, end])
    nothing = np.zeros(worlds)
    return Pace(edges, np.tile(edges, (worlds, 1)), np.ones((worlds, 1)), nothing, nothing)


@dataclass(frozen=True)
class Market:
    """What a log's past says of its market.

    Attributes
    ----------
    age : float
        Days from the log's first purchase to the observation end.
    block : float
        Days of a block, the finest time in which errors were seen.
    purchases, spend : ErrorProcess
        Of the clock and of prices.
    drift, spend_drift : (draw,)
        As in `Pace`.
    """

    age: float
    block: float
    purchases: ErrorProcess
    spend: ErrorProcess
    drift: Floats
    spend_drift: Floats

    def draw(self, end: float, days: float, worlds: int, rng: np.random.Generator) -> Pace:
        """A pace per world from now to ``end``, in units of the given number of days."""
        if end == 0.0:
            return steady_pace(end, worlds)
        edges = [0.0]
        length = self.block
        while edges[-1] < end * days * (1 - 1e-12):
            edges.append(edges[-1] + length)
            if len(edges) > BLOCKS:
                length *= STRETCH
        at = np.array(edges)
        lead = (at[1:] + at[:-1]) / 2
        at[-1] = end * days
        of_purchases, of_spend = rng.spawn(2)
        log_clock = self.purchases.draw(self.age, lead, worlds, of_purchases)
        log_price = self.spend.draw(self.age, lead, worlds, of_spend)
        speed = np.exp(np.clip(log_clock, -LARGEST_LOG_ERROR, LARGEST_LOG_ERROR))
        clock = np.concatenate([np.zeros((worlds, 1)), np.cumsum(speed * np.diff(at), axis=1)], axis=1)
        return Pace(
            edges=at / days,
            clock=clock / days,
            price=np.exp(np.clip(log_price, -LARGEST_LOG_ERROR, LARGEST_LOG_ERROR)),
            drift=of_purchases.choice(self.drift, worlds),
            spend_drift=of_spend.choice(self.spend_drift, worlds),
        )


def learn_market(
    past: Past,
    days: float,
    purchase_family: PurchaseFamily,
    spend_family: SpendFamily | None,
    spend_theta: Floats,
    rng: np.random.Generator,
) -> Market:
    """Learn the clock, prices and drift from the forecasts that could have been made earlier.

    Parameters
    ----------
    past : Past
        In units of ``days`` days.
    spend_theta : (1, parameter)
        The spend family's parameters today; past forecasts use them at the price level of their time.
    """
    clock_errors: list[tuple[Any, ...]] = []
    price_errors: list[tuple[Any, ...]] = []
    judged: list[tuple[PastOrigin, Floats, float]] = []
    for origin in past.origins:
        theta = fit_origin(purchase_family, origin)
        if theta is None:
            continue
        forecast = PastForecast.of(purchase_family, origin, theta, past.block)
        clock = forecast.clock_errors(origin.purchases)
        lead = (np.arange(clock[0].size) + 0.5) * past.block * days
        age = np.full(lead.size, origin.age * days)
        clock_errors.append((age, lead, *clock))
        later = float(origin.later @ origin.weight)
        judged.append((origin, theta, float(forecast.operational_time(later))))
        if spend_family is not None and origin.value is not None:
            price = forecast.price_errors(spend_family, spend_theta, origin, past.origins[-1])
            seen = np.isfinite(price[0])
            price_errors.append((age[seen], lead[seen], price[0][seen], price[1][seen]))
    span = past.age * days
    of_purchases, of_spend = rng.spawn(2)  # so that purchases do not depend on whether there is money
    return Market(
        age=span,
        block=past.block * days,
        purchases=ErrorProcess.learn(together(clock_errors), span, of_purchases),
        spend=ErrorProcess.learn(together(price_errors), span, of_spend),
        drift=draw_drift(purchase_family, judged, past, of_purchases),
        spend_drift=draw_spend_drift(spend_family, spend_theta, past.spend_steadiness, of_spend),
    )


def together(parts: list[tuple[Any, ...]]) -> Errors:
    """Errors of several origins as one."""
    if not parts:
        return Errors.none()
    return Errors(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def fit_origin(family: PurchaseFamily, origin: PastOrigin) -> Floats | None:
    """The family's mode at an earlier origin, shape (1, parameter); None if nothing was seen."""
    scale = float(origin.weight @ origin.T / np.sum(origin.weight)) if origin.weight.size else 0.0
    if scale <= 0.0:
        return None
    repeaters = int(origin.weight @ (origin.x > 0))
    part = fit(family, rows_of(origin).scaled(scale), scale, repeaters, "map", 1, np.random.default_rng(0))
    return np.stack(list(part.draws.values()), axis=1)


def rows_of(origin: PastOrigin) -> PurchaseRows:
    """The histories as the families take them."""
    return PurchaseRows(origin.x, origin.t_x, origin.T, origin.weight, np.empty(0, np.int64))


@dataclass(frozen=True)
class PastForecast:
    """What a fit at an earlier origin would have forecast for the whole book.

    Attributes
    ----------
    block : float
    grid : (time,)
        Operational times from the origin, whole blocks first.
    expected : (time,)
        Purchases expected up to them.
    buyers : (row,)
        Purchases expected of each history over the blocks that were forecast.
    """

    block: float
    grid: Floats
    expected: Floats
    buyers: Floats

    @classmethod
    def of(cls, family: PurchaseFamily, origin: PastOrigin, theta: Floats, block: float) -> "PastForecast":
        """Expected purchases under the parameters ``theta`` (1, parameter)."""
        blocks = origin.purchases.size
        grid = block * np.concatenate([np.arange(blocks + 1.0), (blocks + 1) * np.geomspace(1.1, 8.0, 8)])
        each = np.eye(grid.size)[None]
        expected = family.expected_purchases(origin.x, origin.T, theta, np.zeros(1), grid[None], each)
        p_alive = family.probability_alive(origin.x, origin.t_x, origin.T, theta)[:, 0]
        of_rows = expected(origin.x, origin.T)[:, :, 0] * (p_alive * origin.weight)
        return cls(block, grid, of_rows.sum(axis=1), of_rows[blocks])

    def operational_time(self, purchases: Floats | float) -> Floats:
        """How long the clock must have run for so many purchases to be expected."""
        beyond = np.maximum(np.asarray(purchases) - self.expected[-1], 0.0)
        last_pace = (self.grid[-1] - self.grid[-2]) / (self.expected[-1] - self.expected[-2])
        time: Floats = np.interp(purchases, self.expected, self.grid) + beyond * last_pace
        return time

    def clock_errors(self, purchases: Floats) -> tuple[Floats, Floats]:
        """Log of the clock's pace in each block, and what sampling gives it, each (block,)."""
        forecast = np.maximum(np.diff(self.expected[: purchases.size + 1]), 1e-9)
        passed = np.diff(self.operational_time(np.concatenate([[0.0], np.cumsum(purchases)])))
        half_a_purchase = 0.5 * self.block / forecast
        return np.log(np.maximum(passed, half_a_purchase) / self.block), np.sqrt(
            OVERDISPERSION / np.maximum(forecast, FEWEST_EXPECTED)
        )

    def price_errors(
        self, family: SpendFamily, theta: Floats, origin: PastOrigin, today: PastOrigin
    ) -> tuple[Floats, Floats]:
        """Log of each block's mean amount over its forecast, NaN without purchases; its sampling error."""
        amount, value = nonnegative(origin.amount), nonnegative(origin.value)
        unknown = np.full(value.size, np.nan)
        level = mean_amount(amount, origin) / mean_amount(nonnegative(today.amount), today)
        if not (np.isfinite(level) and level > 0.0):
            return unknown, unknown
        mean = amount / np.maximum(origin.weight * origin.x, 1.0)
        spend = family.expected_spend(origin.x, mean, family.rescale(theta, level))[:, 0]
        forecast = float(self.buyers @ spend / self.buyers.sum())
        bought = (origin.purchases > 0) & (value > 0)
        purchases = np.where(bought, origin.purchases, 1.0)
        log_ratio = np.where(bought, np.log(np.where(bought, value, 1.0) / purchases / forecast), np.nan)
        return log_ratio, np.sqrt(family.relative_variance(theta)[0] / purchases)


def nonnegative(amounts: Floats | None) -> Floats:
    """The amounts, returns that outweigh purchases counted as none."""
    assert amounts is not None
    return np.maximum(amounts, 0.0)


def mean_amount(amount: Floats, origin: PastOrigin) -> float:
    """Mean repeat amount seen by an origin; NaN without repeat purchases."""
    repeats = float(origin.weight @ origin.x)
    return float(amount.sum()) / repeats if repeats > 0 else np.nan


def draw_drift(
    family: PurchaseFamily,
    judged: list[tuple[PastOrigin, Floats, float]],
    past: Past,
    rng: np.random.Generator,
) -> Floats:
    """Draws of the drift's variance, given how well-known customers' later counts spread.

    Origins at about a half and three quarters of the log are judged, at half weight each since they share
    purchases. The clock is set so that the whole book's count is right: what is left is personal.
    """
    log_posterior = -0.5 * DRIFTS / DRIFT_SD**2
    for fraction in (0.5, 0.75) if judged else ():
        origin, theta, passed = min(judged, key=lambda one: abs(one[0].age - fraction * past.age))
        known = origin.x >= WELL_KNOWN
        if not known.any() or not passed > 0.0:
            continue
        for i, drift in enumerate(DRIFTS):
            log_probability = family.log_probability_of_count(
                origin.x[known],
                origin.t_x[known],
                origin.T[known],
                origin.later[known],
                float(passed),
                theta[0],
                float(drift),
            )
            log_posterior[i] += 0.5 * float(origin.weight[known] @ log_probability)
    return draw_from_grid(log_posterior, rng)


def draw_spend_drift(
    family: SpendFamily | None, theta: Floats, steadiness: SpendSteadiness | None, rng: np.random.Generator
) -> Floats:
    """Draws of the relative variance that customers' mean amounts drift by.

    The log of the ratio of a customer's two means has a known centre and variance while the customer is
    steady; what the ratios spread beyond it, around a common shift, is drift.
    """
    if family is None or steadiness is None or not steadiness.customers.sum() > 0:
        return np.zeros(DRIFT_DRAWS)
    before = family.log_mean_moments(steadiness.n_before, theta)
    after = family.log_mean_moments(steadiness.n_after, theta)
    centre, sampling = after[0] - before[0], after[1] + before[1]
    count, mean = steadiness.customers, steadiness.sum_log_ratio / steadiness.customers
    log_posterior = -0.5 * DRIFTS / DRIFT_SD**2
    for i, drift in enumerate(DRIFTS):
        variance = sampling + drift
        shift = np.sum(count * (mean - centre) / variance) / np.sum(count / variance)
        around = centre + shift
        squares = steadiness.sum_squared_log_ratio - 2 * around * steadiness.sum_log_ratio + count * around**2
        log_posterior[i] += -0.5 * float(np.sum(squares / variance + count * np.log(variance)))
    return draw_from_grid(log_posterior, rng)


def draw_from_grid(log_posterior: Floats, rng: np.random.Generator) -> Floats:
    """Draws of the grid of drifts with these log probabilities."""
    weight = np.exp(log_posterior - log_posterior.max())
    return rng.choice(DRIFTS, DRIFT_DRAWS, p=weight / weight.sum())


def flatten(market: Market) -> dict[str, Floats]:
    """A market as named arrays, for a file."""
    arrays = {"age": np.array([market.age]), "block": np.array([market.block])}
    for name, process in (("purchases", market.purchases), ("spend", market.spend)):
        for part in ("errors", "sizes"):
            arrays |= {f"{name}_{part}_{key}": value for key, value in vars(getattr(process, part)).items()}
    return arrays | {"drift": market.drift, "spend_drift": market.spend_drift}


def unflatten(arrays: Mapping[str, Floats]) -> Market:
    """The market that `flatten` took apart."""

    def process(name: str) -> ErrorProcess:
        return ErrorProcess(
            Errors(*(arrays[f"{name}_errors_{field.name}"] for field in fields(Errors))),
            Sizes(*(arrays[f"{name}_sizes_{field.name}"] for field in fields(Sizes))),
        )

    return Market(
        age=float(arrays["age"][0]),
        block=float(arrays["block"][0]),
        purchases=process("purchases"),
        spend=process("spend"),
        drift=arrays["drift"],
        spend_drift=arrays["spend_drift"],
    )
