"""What an offer did, from a randomised test: treated customers held against a control."""

import copy
import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lifecast.arrays import Floats
from lifecast.errors import DataError, LifecastWarning, SettingsError
from lifecast.forecast import Forecast
from lifecast.model import CLTV
from lifecast.planning.expected import AS_IT_IS, Change, expected_by_world
from lifecast.rfm import RFM
from lifecast.settings import check_interval, tails

if TYPE_CHECKING:
    import pandas as pd

Lever = Literal["purchase_rate", "dropout", "average_order"]

# Factors at which the lever's consequences are worked out; what lies between is interpolated.
FACTORS: dict[str, tuple[float, ...]] = {
    "purchase_rate": (0.4, 0.6, 0.8, 0.95, 1.05, 1.25, 1.6, 2.2, 3.0),
    "dropout": (0.02, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95, 1.05, 1.25, 1.6, 2.5, 4.0),
    "average_order": (1.25,),
}
FEWEST = 30  # customers on either side
FAR_FROM_ZERO = 5.0  # standard errors
UNLIKELY = 4.0  # standard errors apart before the test: not drawn by lot


@dataclass(frozen=True, eq=False)
class TreatmentEffect:
    """What the offer of a test did to a customer, on average over all in the test.

    Attributes
    ----------
    table : DataFrame
        Rows ``purchases`` and ``value``, in the time watched, and ``cltv``, discounted value to the horizon:
        ``control``, what a customer without the offer brings; ``effect`` with ``effect_lower, effect_upper``;
        ``percent`` of the control with bounds; ``probability_positive``.
    factor : (draw,)
        Of the lever: what `treat` and `scenario` take for its effect.
    effect : dict of (draw,) arrays
        Behind the table.
    lever : str
    treated, control : int
        Customers on either side.
    """

    table: "pd.DataFrame"
    factor: Floats
    effect: dict[str, Floats]
    lever: str
    treated: int
    control: int


def treatment_effect(
    rfm: RFM,
    treated: Any = "treated",
    *,
    horizon: Any = "12 months",
    annual_discount_rate: float = 0.0,
    margin: float | str = 1.0,
    lever: Lever = "purchase_rate",
    model: CLTV | None = None,
    interval: float = 0.90,
    draws: int = 1000,
    random_seed: int = 0,
) -> TreatmentEffect:
    """Estimate what an offer does, from customers who got it by lot and others who did not.

    Parameters
    ----------
    rfm : RFM
        Of the log up to the day before the offer, with what came after it as its holdout:
        ``rfm_summary(log, observation_end=..., holdout_end=..., attributes=["treated"])``.
    treated : str or sequence of bool
        An attribute, or a truth value for each customer.
    horizon, annual_discount_rate, margin
        Of the effect on CLTV, as `CLTV.forecast` takes them, from the day of the offer on.
    lever : "purchase_rate", "dropout" or "average_order"
        What the offer is taken to have changed for good, which says how the effect goes on after the time
        watched.
    model : CLTV, optional
        Its families are fitted to the time before the offer; by default ``CLTV(market=None)``. It is left as
        it is.
    interval : float, default 0.9
        Probability that the intervals hold.
    draws, random_seed : int

    Returns
    -------
    TreatmentEffect

    Raises
    ------
    DataError
        The RFM has no holdout or no amounts, one side is too small or bought too little, or the lever
        cannot have done what was seen.
    SettingsError
        The attribute is unknown or no truth values, the model has no spend, or a figure is out of range.

    Warns
    -----
    LifecastWarning
        Before the offer, the model expected much more of one side than of the other: no lot was drawn. Or the
        lever can hardly have done what was seen.

    Notes
    -----
    In the time watched, the effect is the difference of the two sides' means, each adjusted by a regression
    on what the model expected of its customers before the offer. Only the lot makes this valid, no model: the
    better the forecast, the narrower the interval [Lin 2013, "Agnostic notes on regression adjustments to
    experimental data"; Deng et al. 2013, CUPED]. Beyond that time, the model says how much an effect of this
    size by this lever brings to the horizon, per money brought so far. That part rests on the lever: an offer
    that only moved purchases forward, or that wears off, brings less.

    Customers count as they were assigned, lost ones included: the effect is that of making the offer.

    Examples
    --------
    >>> import lifecast as lc
    >>> offer = lc.datasets.Offer(month=12, rate_factor=1.5)
    >>> shop = lc.datasets.simulate_shop(customers=3000, offer=offer, random_seed=1)
    >>> log = shop.log.merge(shop.customers[["customer_id", "treated"]])
    >>> rfm = lc.rfm_summary(
    ...     log, observation_end="2023-12-31", holdout_end="2024-12-31", attributes=["treated"], past=False
    ... )
    >>> bool(lc.treatment_effect(rfm, draws=200).table.loc["purchases", "effect_lower"] > 0)
    True
    """
    if lever not in FACTORS:
        raise SettingsError(f"lever={lever!r}: needed one of {', '.join(FACTORS)}.")
    check_interval(interval)
    if rfm.holdout is None or rfm.holdout.value is None:
        raise DataError(
            "A test needs what customers bought after the offer, with amounts. Pass observation_end= (the "
            "day before the offer) and holdout_end= (the last day watched) to rfm_summary."
        )
    got_it = assigned(rfm, treated)
    rng = np.random.default_rng([random_seed, 7])
    fitted = copy.copy(CLTV(market=None) if model is None else model)
    if fitted.spend is None:
        raise SettingsError("This model has no spend, so it knows no CLTV. Pass one with spend.")
    fitted.fit(rfm, draws=draws, random_seed=random_seed)
    watched = rfm.holdout.duration
    settings: dict[str, Any] = {"margin": margin, "worlds": draws, "random_seed": random_seed}
    at_first = fitted.forecast(rfm, watched, **settings)
    to_the_horizon = fitted.forecast(rfm, horizon, annual_discount_rate=annual_discount_rate, **settings)

    worth = at_first.simulation.margin
    outcomes = np.column_stack([rfm.holdout.frequency, worth * rfm.holdout.value])
    forecasts = at_first.customers[["purchases", "cltv"]].to_numpy(np.float64)
    with_it, without = (adjusted_mean(outcomes, forecasts, side) for side in (got_it, ~got_it))
    check_the_lot(forecasts[:, 0], got_it)
    check_what_came(with_it, without)
    sides = [rng.multivariate_normal(*side, size=draws) for side in (with_it, without)]
    effect = sides[0] - sides[1]  # (draw, 2)

    mean = [side[:, 1] / side[:, 0] for side in sides]  # amounts, of a purchase
    ratio = mean[0] / mean[1] if lever == "average_order" else sides[0][:, 0] / sides[1][:, 0]
    factor, per_value, cltv = consequences(at_first, to_the_horizon, lever, ratio, (1.0 - interval) / 2)
    effects = {"purchases": effect[:, 0], "value": effect[:, 1], "cltv": effect[:, 1] * per_value}
    controls = {"purchases": sides[1][:, 0], "value": sides[1][:, 1], "cltv": cltv / len(rfm)}
    return TreatmentEffect(
        as_table(effects, controls, tails(interval)),
        factor,
        effects,
        lever,
        int(got_it.sum()),
        int((~got_it).sum()),
    )


def assigned(rfm: RFM, treated: Any) -> Any:
    """Who got the offer, as truth values."""
    if isinstance(treated, str):
        if treated not in rfm.attributes:
            raise SettingsError(
                f"treated={treated!r}: the RFM has the attributes {', '.join(rfm.attributes) or '(none)'}. "
                f"Pass attributes=[{treated!r}] to rfm_summary."
            )
        treated = rfm.attributes[treated].to_pandas()
    flags = np.asarray(treated)
    if flags.shape != (len(rfm),) or not np.all(np.isin(flags, (0, 1))):
        raise SettingsError(
            f"treated= has shape {flags.shape} and type {flags.dtype}; needed true or false for each of the "
            f"{len(rfm):,} customers."
        )
    flags = flags.astype(bool)
    if min(flags.sum(), (~flags).sum()) < FEWEST:
        raise DataError(
            f"{flags.sum():,} customers got the offer and {(~flags).sum():,} did not. Needed: at least "
            f"{FEWEST} on either side."
        )
    return flags


def adjusted_mean(outcomes: Floats, forecasts: Floats, side: Any) -> tuple[Floats, Floats]:
    """Mean outcomes of one side, had its customers been all those of the test, and their covariance.

    By regression within the side on the forecasts (customer, 2); outcomes are (customer, 2).
    """
    centred = forecasts - forecasts.mean(axis=0)
    spread = centred.std(axis=0)
    regressors = np.column_stack([np.ones(len(centred)), centred / np.where(spread > 0.0, spread, 1.0)])
    ours = regressors[side]
    coefficients, *_ = np.linalg.lstsq(ours, outcomes[side], rcond=None)
    leverage = np.einsum("ij,jk,ik->i", ours, np.linalg.pinv(ours.T @ ours), ours)
    residuals = (outcomes[side] - ours @ coefficients) / np.sqrt(np.maximum(1.0 - leverage, 1e-6))[:, None]
    weights = ours @ np.linalg.pinv(ours.T @ ours)[0]  # of each outcome in the mean
    return coefficients[0], (residuals * (weights**2)[:, None]).T @ residuals


def check_what_came(*sides: tuple[Floats, Floats]) -> None:
    """Refuse sides that bought so little that nothing can be told in proportion to it."""
    for means, covariance in sides:
        if not means[0] > FAR_FROM_ZERO * math.sqrt(covariance[0, 0]):
            raise DataError(
                f"The customers of one side made {means[0]:.3g} purchases each, give or take "
                f"{math.sqrt(covariance[0, 0]):.3g}: too few to compare. Watch longer, or more of them."
            )


def check_the_lot(forecasts: Floats, got_it: Any) -> None:
    """Warn where what was expected of the two sides before the offer differs by more than a lot makes it."""
    sides = forecasts[got_it], forecasts[~got_it]
    error = math.sqrt(sum(side.var() / side.size for side in sides))
    apart = abs(sides[0].mean() - sides[1].mean()) / error if error > 0.0 else 0.0
    if apart > UNLIKELY:
        warnings.warn(
            f"Before the offer, {sides[0].mean():.3g} purchases were expected of a treated customer and "
            f"{sides[1].mean():.3g} of another: {apart:.1f} standard errors apart. These sides were not "
            "drawn by lot, so what differs after the offer need not be its effect. Draw one the next time.",
            LifecastWarning,
            stacklevel=3,
        )


def consequences(
    watched: Forecast, later: Forecast, lever: Lever, ratio: Floats, tail: float
) -> tuple[Floats, Floats, Floats]:
    """From the ratio of the two sides to the lever's factor, and to what the effect brings by the horizon.

    Returns
    -------
    factor : (world,)
    per_value : (world,)
        Discounted value to the horizon for each money that the effect brought in the time watched.
    cltv : (world,)
        Value to the horizon of all customers without the offer.
    """
    tried = np.array(FACTORS[lever])
    changes = (AS_IT_IS, *(Change(**{lever: factor}) for factor in tried))
    purchases, soon = totals(watched, changes)
    _, late = totals(later, changes)
    gained = (late[1:] - late[0]) / (soon[1:] - soon[0])
    if lever == "average_order":  # a straight line
        return ratio, gained[0], late[0]
    responses = np.log(purchases / purchases[0])  # 0 for no change
    check_the_lever(lever, np.log(np.maximum(ratio, 1e-9)), responses, tail)
    logs = np.append(0.0, np.log(tried))
    factor, per_value = np.empty(ratio.size), np.empty(ratio.size)
    for s in range(ratio.size):
        rising = np.argsort(responses[:, s])
        log_factor = np.interp(math.log(max(ratio[s], 1e-9)), responses[rising, s], logs[rising])
        factor[s] = math.exp(log_factor)
        per_value[s] = np.interp(log_factor, logs[1:], gained[:, s])
    return factor, per_value, late[0]


def check_the_lever(lever: Lever, response: Floats, responses: Floats, tail: float) -> None:
    """See that the lever can have done what was seen, given log ratios (world,) and (change, world).

    Where no factor tried does as much, the farthest one stands for it.

    Raises
    ------
    DataError
        It cannot have, in most worlds.

    Warns
    -----
    LifecastWarning
        It cannot have in more worlds than lie beyond one end of the interval.
    """
    beyond = float(np.mean((response < responses.min(axis=0)) | (response > responses.max(axis=0))))
    if beyond <= tail:
        return
    reach = 100.0 * np.expm1([responses.min(axis=0).mean(), responses.max(axis=0).mean()])
    found = (
        f"The treated bought {100.0 * np.expm1(np.median(response)):+.0f}% as against the control, and by "
        f"another {lever} a customer buys {reach[0]:+.0f}% to {reach[1]:+.0f}% in the time watched"
    )
    others = " or ".join(f'lever="{other}"' for other in FACTORS if other != lever)
    if beyond > 0.5:
        raise DataError(f"{found}: this offer did something else. Pass {others}.")
    warnings.warn(
        f"{found}: in {beyond:.0%} of the draws the offer did more than that. There it is taken to have done "
        f"as much as the lever can. Perhaps {others} says better what it did.",
        LifecastWarning,
        stacklevel=4,
    )


def totals(forecast: Forecast, changes: tuple[Change, ...]) -> tuple[Floats, Floats]:
    """Expected purchases and discounted value of all customers: (change, world) each."""
    simulation = forecast.simulation
    purchases, value = np.zeros((2, len(changes), len(simulation.worlds)))
    for part in expected_by_world(simulation, forecast.horizon, changes):
        purchases += part.purchases.sum(axis=1)
        value += np.einsum("c,kcw->kw", simulation.margin[part.customer], part.amount)
    return purchases, value


def as_table(effects: dict[str, Floats], controls: dict[str, Floats], bounds: Floats) -> "pd.DataFrame":
    """Reduce the draws, once."""
    import pandas as pd

    rows = {}
    for measure, effect in effects.items():
        row: dict[str, Any] = {"control": controls[measure].mean()}
        percent = 100.0 * effect / controls[measure]
        for name, values in (("effect", effect), ("percent", percent)):
            row[name] = values.mean()
            row[f"{name}_lower"], row[f"{name}_upper"] = np.quantile(values, bounds)
        row["probability_positive"] = float(np.mean(effect > 0.0))
        rows[measure] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("measure")
