"""The market part of a world: how fast the common clock runs, what prices do, and how far customers drift.

Learned from the log's own past: the families are fitted again at earlier origins, their forecasts are held
against what came, and the errors that sampling does not explain become the spread, the bias and the present
state of the next one's.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date as Date
from datetime import timedelta

import numpy as np

from lifecast.arrays import Floats
from lifecast.calendar import Calendar
from lifecast.error_process import ErrorProcess, Errors, Sizes
from lifecast.errors import SettingsError
from lifecast.families.contract import PurchaseFamily, SpendFamily
from lifecast.past import Past, PastOrigin, SpendSteadiness, past_schedule
from lifecast.past_forecast import PastForecast, shared_noise
from lifecast.posterior import Check

BLOCKS = 13  # of even length, then each half as long again as the one before
STRETCH = 1.5
LARGEST_LOG_ERROR = 3.0
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
        stretch = np.clip(np.searchsorted(self.edges, times, side="right") - 1, 0, self.edges.size - 2)
        over = np.where(np.isfinite(times), self.clock[:, -1:], np.inf)
        with np.errstate(invalid="ignore"):  # at infinity, and where a horizon has no length
            speed = np.diff(self.clock, axis=1) / np.diff(self.edges)
            passed = self.clock[:, stretch] + speed[:, stretch] * (times - self.edges[stretch])
        return np.ascontiguousarray(np.where(times < self.edges[-1], passed, over))


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
    calendar : Calendar or None
        All days that it was given.
    today : date or None
        The observation end, where there is a calendar.
    """

    age: float
    block: float
    purchases: ErrorProcess
    spend: ErrorProcess
    drift: Floats
    spend_drift: Floats
    calendar: Calendar | None = None
    today: Date | None = None

    def draw(
        self, end: float, days: float, worlds: int, rng: np.random.Generator, today: Date | None = None
    ) -> Pace:
        """A pace per world from now to ``end``, in units of the given number of days.

        A calendar is read from ``today`` on, by default from the observation end of the fit.

        Raises
        ------
        SettingsError
            The calendar lacks days from today to the end.
        """
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
        speed, clock_effects = self.purchases.draw(lead, worlds, of_purchases)
        price, price_effects = self.spend.draw(lead, worlds, of_spend)
        speed = np.exp(np.clip(speed, -LARGEST_LOG_ERROR, LARGEST_LOG_ERROR))
        price = np.exp(np.clip(price, -LARGEST_LOG_ERROR, LARGEST_LOG_ERROR))
        if self.calendar is not None:
            ahead = days_of(self.calendar, today or self.today, 0.0, end * days)
            cuts = ahead.changes()
            fine = np.union1d(at, cuts[cuts < at[-1]])
            of_block = np.searchsorted(at, fine[:-1], side="right") - 1
            speed = speed[:, of_block] * ahead.pace(clock_effects, fine)
            price = price[:, of_block] * ahead.always_open().pace(price_effects, fine)
            at = fine
        clock = np.concatenate([np.zeros((worlds, 1)), np.cumsum(speed * np.diff(at), axis=1)], axis=1)
        return Pace(
            edges=at / days,
            clock=clock / days,
            price=price,
            drift=of_purchases.choice(self.drift, worlds),
            spend_drift=of_spend.choice(self.spend_drift, worlds),
        )

    def effects(self, with_amounts: bool) -> list[tuple[str, str, float, float, float]]:
        """Column, measure, median and central 90% interval of what a calendar's columns multiply by at 1."""
        if self.calendar is None:
            return []
        rows = []
        processes = {"purchases": self.purchases} | ({"amounts": self.spend} if with_amounts else {})
        for measure, process in processes.items():
            assert process.calendar is not None
            factors = np.exp(process.sizes.effects / process.calendar.scale)
            for name, (lower, median, upper) in zip(
                self.calendar.names, np.quantile(factors, [0.05, 0.5, 0.95], axis=0).T, strict=True
            ):
                rows.append((name, measure, float(median), float(lower), float(upper)))
        return rows


def learn_market(
    past: Past,
    days: float,
    purchase_family: PurchaseFamily,
    spend_family: SpendFamily | None,
    spend_theta: Floats,
    rng: np.random.Generator,
    calendar: Calendar | None = None,
    today: Date | None = None,
) -> Market:
    """Learn the clock, prices and drift from the forecasts that could have been made earlier.

    Parameters
    ----------
    past : Past
        In units of ``days`` days.
    spend_theta : (1, parameter)
        The spend family's parameters today; past forecasts use them at the price level of their time.
    calendar : Calendar, optional
        Known days, and the past's observation end.
    today : date, optional
        The observation end.

    Raises
    ------
    SettingsError
        The calendar lacks days of the log.
    """
    of_purchases, of_spend = rng.spawn(2)  # so that purchases do not depend on whether there is money
    span, block = past.age * days, past.block * days
    edges = np.maximum(span - block * np.arange(max(1.0, np.round(span / block)), -0.5, -1.0), 0.0)
    known = None if calendar is None else days_of(calendar, today, -span, 0.0)
    clock, prices = Gathered(), Gathered()
    judged: list[tuple[PastOrigin, PastForecast]] = []
    for origin in past.origins:
        forecast = PastForecast.of(purchase_family, origin, past.block, of_purchases)
        if forecast is None:
            continue
        judged.append((origin, forecast))
        lead: Floats = (np.arange(origin.purchases.size, dtype=np.float64) + 0.5) * past.block * days
        errors = forecast.clock_errors(origin.purchases)
        if known is not None:
            blocks = origin.age * days + block * np.arange(errors.size + 1.0)
            errors = np.where(known.closed(blocks), np.nan, errors)
        clock.add(origin.age * days, lead, errors, forecast.noise)
        if spend_family is not None and origin.value is not None:
            prices.add(
                origin.age * days,
                lead,
                *forecast.price_errors(spend_family, spend_theta, origin, past.origins[-1]),
            )
    return Market(
        age=span,
        block=block,
        purchases=ErrorProcess.learn(clock.errors(block), edges, known, of_purchases),
        spend=ErrorProcess.learn(
            prices.errors(block), edges, None if known is None else known.always_open(), of_spend
        ),
        drift=draw_drift(purchase_family, judged, past, of_purchases),
        spend_drift=draw_spend_drift(spend_family, spend_theta, past.spend_steadiness, of_spend),
        calendar=calendar,
        today=None if calendar is None else today,
    )


class Gathered:
    """Errors of one kind, origin by origin, on their way to one table."""

    def __init__(self) -> None:
        self.parts: list[tuple[Floats, Floats, Floats]] = []
        self.noise: list[Floats] = []

    def add(self, age: float, lead: Floats, log_ratio: Floats, noise: Floats) -> None:
        """Take an origin's errors (block,) and their covariance; blocks without an error are left out."""
        seen = np.isfinite(log_ratio)
        self.parts.append((np.full(int(seen.sum()), age), lead[seen], log_ratio[seen]))
        self.noise.append(noise[np.ix_(seen, seen)])

    def errors(self, block: float) -> Errors:
        """All of them, with the noise that they share."""
        if not self.parts:
            return Errors.none()
        age, lead, log_ratio = (np.concatenate(columns) for columns in zip(*self.parts, strict=True))
        origin = np.repeat(np.arange(len(self.parts)), [part[0].size for part in self.parts])
        position = np.round((age + lead) / block - 0.5, 3)
        return Errors(age, lead, log_ratio, shared_noise(position, origin, self.noise))


def draw_drift(
    family: PurchaseFamily,
    judged: list[tuple[PastOrigin, PastForecast]],
    past: Past,
    rng: np.random.Generator,
) -> Floats:
    """Draws of the drift's variance, given how well-known customers' later counts spread.

    Origins at about a half and three quarters of the log are judged, at half weight each since they share
    purchases. The clock is set so that the whole book's count is right: what is left is personal.
    """
    log_posterior = -0.5 * DRIFTS / DRIFT_SD**2
    for fraction in (0.5, 0.75) if judged else ():
        origin, forecast = min(judged, key=lambda one: abs(one[0].age - fraction * past.age))
        passed = float(forecast.operational_time(float(origin.later @ origin.weight)))
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
                forecast.theta[0],
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
    weight = np.exp(log_posterior - np.max(log_posterior))
    return rng.choice(DRIFTS, DRIFT_DRAWS, p=weight / weight.sum())


def days_of(calendar: Calendar, today: Date | None, begin: float, end: float) -> Calendar:
    """The calendar from so many days after today to so many.

    Raises
    ------
    SettingsError
        It lacks some of them, or nobody knows what day it is.
    """
    if today is None:
        raise SettingsError(
            "A calendar needs to know what day it is, and this RFM has no observation_end. Make the RFM with "
            "rfm_summary, or pass observation_end to RFM.from_frame."
        )
    return calendar.over(today + timedelta(days=round(begin)), today + timedelta(days=math.ceil(end - 1e-9)))


def unknown_past(longest: float, days: float) -> Past:
    """The past of customers without a log, the longest known for so many units of ``days`` days."""
    age = max(1, round(longest * days))
    block, _ = past_schedule(age, math.inf)
    return Past(block / days, age / days, (), None, 1.0)


def market_check(market: Market | None) -> Check:
    """Whether the market was learned from the log, is the prior's, or is none: purchases have fixed dates."""
    seen = 0 if market is None else len(market.purchases.errors)
    remedy = (
        "The market's spread is the prior's: make the RFM from a longer log with rfm_summary, "
        "or leave the market out with CLTV(market=None)."
    )
    if market is None:
        remedy = (
            "Opportunities to buy come at fixed dates, so no market moves them. Intervals take customers to "
            "be independent of each other, and are too narrow where good and bad years come to all. "
            "CLTV(market=None) is the same model."
        )
    return Check("market", "past forecasts judged", float(seen), ">= 1", seen >= 1, remedy)


def flatten(market: Market) -> dict[str, Floats]:
    """A market as named arrays, for a file."""
    arrays = {"age": np.array([market.age]), "block": np.array([market.block])}
    for name, process in (("purchases", market.purchases), ("spend", market.spend)):
        for part in ("errors", "sizes"):
            arrays |= {f"{name}_{part}_{key}": value for key, value in vars(getattr(process, part)).items()}
        arrays[f"{name}_edges"] = process.edges
        for key, value in (process.calendar.to_arrays() if process.calendar else {}).items():
            arrays[f"{name}_calendar_{key}"] = value
    for key, value in (market.calendar.to_arrays() if market.calendar else {}).items():
        arrays[f"calendar_{key}"] = value
    if market.today is not None:
        arrays["today"] = np.array([float(market.today.toordinal())])
    return arrays | {"drift": market.drift, "spend_drift": market.spend_drift}


def unflatten(arrays: Mapping[str, Floats]) -> Market:
    """The market that `flatten` took apart."""

    def calendar(prefix: str) -> Calendar | None:
        named = {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}
        return Calendar.from_arrays(named) if named else None

    def process(name: str) -> ErrorProcess:
        return ErrorProcess(
            Errors(*(arrays[f"{name}_errors_{field.name}"] for field in fields(Errors))),
            Sizes(*(arrays[f"{name}_sizes_{field.name}"] for field in fields(Sizes))),
            arrays[f"{name}_edges"],
            calendar(f"{name}_calendar_"),
        )

    return Market(
        age=float(arrays["age"][0]),
        block=float(arrays["block"][0]),
        purchases=process("purchases"),
        spend=process("spend"),
        drift=arrays["drift"],
        spend_drift=arrays["spend_drift"],
        calendar=calendar("calendar_"),
        today=Date.fromordinal(int(arrays["today"][0])) if "today" in arrays else None,
    )
