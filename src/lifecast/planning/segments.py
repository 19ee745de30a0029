"""Customers by what they may become: chances, classes to act on, and how good the ranking behind them is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.errors import DataError, SettingsError
from lifecast.evaluation import in_the_top
from lifecast.forecast import Forecast
from lifecast.grouped_forecast import GroupedForecast, forecast_by
from lifecast.planning.chances import value_name, work_out_chances
from lifecast.rfm import RFM
from lifecast.settings import check_interval, tails
from lifecast.timeunit import parse_horizon

if TYPE_CHECKING:
    import pandas as pd

USUAL_WINDOW = 90.0  # days
LOST, AT_RISK = 0.2, 0.5  # probability to still be a customer
CORE = 3.0  # times an average customer's chance of being among the best
RESAMPLES = 500


@dataclass(frozen=True, eq=False)
class Segments:
    """Every customer's chances and class, and what each class is worth.

    Attributes
    ----------
    customers : DataFrame
        One row per customer, in the forecast's order: ``customer_id``; ``segment``; ``potential`` ("value"
        where the expected value is among the highest share, "upside" where only the upper bound is, else
        empty); the expected value and its upper bound (``cltv, cltv_upper``; ``purchases,
        purchases_upper`` where the model has no spend); ``p_top`` (probability of being among the best
        share of customers by what they really bring), ``p_above`` (of bringing more than the threshold,
        where there is one), ``p_again`` (of buying within the window), ``p_left`` (of having left
        already); ``past_spend`` (repeat purchases so far; their number where there are no amounts); and
        quintiles, 5 the best: ``R`` (time since the last purchase), ``F`` (frequency), ``M`` (past spend).
    segments : DataFrame
        One row per class, indexed by ``segment``: ``customers``, ``customer_share``; ``purchases`` and
        ``discounted_value`` within the horizon with ``_lower`` and ``_upper``; ``share`` of all value (of
        purchases where there is no spend) with its bounds.
    rules : DataFrame
        One row per rule, indexed by ``segment``: ``rule`` in words and ``customers``. A customer belongs to
        the first that fits.
    forecast : GroupedForecast
        The forecast by class: draws that add up to the forecast's own.
    top : float
    """

    customers: "pd.DataFrame"
    segments: "pd.DataFrame"
    rules: "pd.DataFrame"
    forecast: GroupedForecast
    top: float


def segments(
    forecast: Forecast,
    *,
    top: float = 0.10,
    threshold: float | None = None,
    window: float | str | None = None,
    threads: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Segments:
    """Tell customers apart by what they will do, as sure or unsure as that is.

    Parameters
    ----------
    forecast : Forecast
        Its horizon, discount and margin say what value means.
    top : float, default 0.1
        Which share of customers are the best.
    threshold : float, optional
        A value: the probability of exceeding it is worked out too.
    window : float or str, optional
        Time within which to buy again, as a forecast's horizon; by default 90 days, or the horizon where
        that is shorter. Also how long a customer counts as new.
    threads : int, optional
    progress : callable, optional
        Called with the number of customers done, from 0 again in each of three passes.

    Returns
    -------
    Segments

    Raises
    ------
    SettingsError
        ``top`` is no share, the threshold is negative, or the window does not lie within the horizon.

    Notes
    -----
    Who is among the best is settled world by world, with the luck that customers have there; the
    probability is the share of worlds. Few are near 1: the best customers of a year are in good part the
    lucky ones. Those who bring nothing are never among the best.

    Examples
    --------
    >>> import lifecast as lc
    >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    >>> found = lc.segments(lc.CLTV().fit(rfm).forecast(rfm, horizon=39, worlds=100))
    >>> round(float(found.customers["p_top"].sum()))  # a tenth of 2,357
    236
    >>> int(found.segments["customers"].sum())
    2357
    """
    import pandas as pd

    if not 0.0 < top < 1.0:
        raise SettingsError(f"top={top}: needed a share of customers between 0 and 1, such as 0.1.")
    if threshold is not None and not threshold >= 0.0:
        raise SettingsError(f"threshold={threshold}: needed a value of 0 or more, such as 100.")
    rfm = forecast.simulation.rfm
    length = window_within(forecast, window)
    places = max(1, round(top * len(rfm)))
    chances = work_out_chances(
        forecast, places, np.inf if threshold is None else threshold, length, threads, progress
    )
    worth = value_name(forecast)
    spent = past_spend(rfm)
    table = pd.DataFrame(
        {
            "customer_id": forecast.customers["customer_id"],
            "segment": "",
            "potential": potential(forecast.customers[worth].to_numpy(), chances.upper, top),
            worth: forecast.customers[worth],
            f"{worth}_upper": chances.upper,
            "p_top": chances.top,
            "p_above": chances.above,
            "p_again": chances.again,
            "p_left": 1.0 - forecast.customers["p_alive"],
            "past_spend": spent,
            "R": quintiles(rfm.recency - rfm.T),
            "F": quintiles(rfm.frequency),
            "M": quintiles(spent),
        }
    )
    if threshold is None:
        table = table.drop(columns="p_above")
    rules = rules_for(table, rfm, top, length, f"{length * rfm.time_unit.days:g} days")
    names = np.array([rule.segment for rule in rules])
    first_that_fits = np.argmax([rule.fits for rule in rules], axis=0)
    table["segment"] = names[first_that_fits]
    by_segment = forecast_by(forecast, table["segment"], threads=threads, progress=progress)
    present = [name for name in names if name in by_segment.groups]
    return Segments(
        customers=table,
        segments=summary(by_segment, present, forecast.interval),
        rules=pd.DataFrame(
            {
                "rule": [rule.words for rule in rules],
                "customers": np.bincount(first_that_fits, minlength=len(rules)),
            },
            index=pd.Index(names, name="segment"),
        ),
        forecast=by_segment,
        top=top,
    )


@dataclass(frozen=True, eq=False)
class Rule:
    """A class, in words, and which customers (customer,) it fits."""

    segment: str
    words: str
    fits: Any


def rules_for(table: "pd.DataFrame", rfm: RFM, top: float, window: float, in_words: str) -> list[Rule]:
    """The rules, in order; the last fits everybody."""
    alive, best = 1.0 - table["p_left"].to_numpy(), table["p_top"].to_numpy()
    core = min(round(CORE * top, 9), 0.5)  # 3 x 0.1 is a little more than 0.3
    everybody = np.ones(len(rfm), bool)
    return [
        Rule("new", f"first purchase within the last {in_words}", window >= rfm.T),
        Rule("one-time", "one purchase, longer ago", rfm.frequency == 0),
        Rule("lost", f"still a customer with a probability below {LOST:.0%}", alive < LOST),
        Rule("at risk", f"still a customer with a probability below {AT_RISK:.0%}", alive < AT_RISK),
        Rule("core", f"among the best {top:.0%} with a probability of {core:.0%} or more", best >= core),
        Rule("growing", f"with a probability of {top:.0%}, everybody's average, or more", best >= top),
        Rule("occasional", "all others: repeat customers, below average", everybody),
    ]


def potential(value: Floats, upper: Floats, top: float) -> Any:
    """Which customers promise much on average, and which may surprise."""
    surprises = in_the_top(upper, top) == 1.0
    return np.where(in_the_top(value, top) == 1.0, "value", np.where(surprises, "upside", ""))


def past_spend(rfm: RFM) -> Floats:
    """What each customer's repeat purchases came to; their number where there are no amounts."""
    frequency = rfm.frequency.astype(np.float64)
    return frequency if rfm.monetary_value is None else frequency * rfm.monetary_value


def quintiles(values: Any) -> Integers:
    """1 to 5, the highest values 5; customers who tie get the quintile of their middle."""
    _, rank, ties = np.unique(values, return_inverse=True, return_counts=True)
    middle = (np.cumsum(ties) - ties / 2) / rank.size
    found: Integers = (1 + np.minimum(np.floor(5 * middle), 4)).astype(np.int64)[rank.ravel()]
    return found


def summary(by_segment: GroupedForecast, order: Sequence[str], interval: float) -> "pd.DataFrame":
    """One row per class: customers, sums within the horizon, and the share of all value."""
    import pandas as pd

    places = [by_segment.groups.index(name) for name in order]
    customers = by_segment.customers[places]
    table = {"customers": customers, "customer_share": customers / customers.sum()}
    bounds = tails(interval)
    measures = [name for name in ("purchases", "discounted_value") if name in by_segment.draws]
    shown: dict[str, Floats] = {
        name: by_segment.draws[name].sum(axis=2)[places] for name in measures
    }  # (segment, world)
    total = shown[measures[-1]].sum(axis=0)
    shown["share"] = shown[measures[-1]] / np.where(total > 0.0, total, 1.0)
    for name, draws in shown.items():
        table[name] = draws.mean(axis=1)
        table[f"{name}_lower"], table[f"{name}_upper"] = np.quantile(draws, bounds, axis=1)
    return pd.DataFrame(table, index=pd.Index(order, name="segment"))


def segment_lift(
    segments: Segments,
    actual: "RFM | Sequence[float] | Floats",
    *,
    shares: Sequence[float] = (0.05, 0.10, 0.20),
    interval: float = 0.90,
    random_seed: int = 0,
) -> "pd.DataFrame":
    """How much of what came is caught by choosing customers by a forecast, and by what they spent before.

    Parameters
    ----------
    segments : Segments
    actual : RFM or (customer,)
        What came after the forecast: the RFM that was forecast from, made with a ``holdout_end``, or what
        each customer brought, in the forecast's order.
    shares : sequence of float
        Which shares of customers to choose.
    interval : float, default 0.9
    random_seed : int, default 0
        Of the bootstrap.

    Returns
    -------
    DataFrame
        One row per ranking ("p_top", "expected value", "past spend", "perfect") and share: ``caught``, the
        part of the value that came from the chosen, with ``caught_lower, caught_upper``; ``lift`` over
        choosing by lot; ``over_past_spend``, ``caught`` less that of ranking by past spend, with its bounds.
        Bounds are a bootstrap's over customers, the ranking given.

    Raises
    ------
    DataError
        No holdout, other customers, or nothing came.

    Examples
    --------
    >>> import lifecast as lc
    >>> log = lc.datasets.load_cdnow(sample=True)
    >>> rfm = lc.rfm_summary(log, observation_end="1997-09-30", holdout_end="1998-06-30")
    >>> found = lc.segments(lc.CLTV().fit(rfm).forecast(rfm, horizon=39, worlds=100))
    >>> lift = lc.segment_lift(found, rfm)
    >>> bool(lift.loc[("expected value", 0.1), "lift"] > 4)
    True
    """
    import pandas as pd

    check_interval(interval)
    customers = segments.customers
    came = what_came(actual, customers["customer_id"])
    worth = "cltv" if "cltv" in customers else "purchases"
    rankings = {
        "p_top": customers["p_top"].to_numpy(),
        "expected value": customers[worth].to_numpy(),
        "past spend": customers["past_spend"].to_numpy(),
        "perfect": came,
    }
    chosen = np.array(
        [[in_the_top(ranking, share) for share in shares] for ranking in rankings.values()]
    )  # (ranking, share, customer)
    rng = np.random.default_rng(random_seed)
    again = np.empty((RESAMPLES, len(rankings), len(shares)))
    for draw in again:
        resampled = rng.poisson(1.0, came.size) * came
        draw[:] = chosen @ resampled / max(float(resampled.sum()), np.finfo(np.float64).tiny)
    caught = chosen @ came / came.sum()
    past = list(rankings).index("past spend")
    bounds = tails(interval)
    lower, upper = np.quantile(again, bounds, axis=0)
    more_lower, more_upper = np.quantile(again - again[:, past : past + 1], bounds, axis=0)
    return pd.DataFrame(
        {
            "caught": caught.ravel(),
            "caught_lower": lower.ravel(),
            "caught_upper": upper.ravel(),
            "lift": (caught / np.asarray(shares)).ravel(),
            "over_past_spend": (caught - caught[past]).ravel(),
            "over_past_spend_lower": more_lower.ravel(),
            "over_past_spend_upper": more_upper.ravel(),
        },
        index=pd.MultiIndex.from_product([list(rankings), shares], names=["ranking", "share"]),
    )


def what_came(actual: "RFM | Sequence[float] | Floats", ids: "pd.Series") -> Floats:
    """What each customer brought after the forecast."""
    if isinstance(actual, RFM):
        if actual.holdout is None:
            raise DataError("This RFM holds out nothing. Make it with rfm_summary(..., holdout_end=...).")
        if actual.customer_id.to_pylist() != list(ids):
            raise DataError(
                f"The RFM's {len(actual):,} customers are not the forecast's {len(ids):,}, in their order. "
                "Pass the RFM that was forecast from."
            )
        held = actual.holdout
        came = np.asarray(held.frequency if held.value is None else held.value, np.float64)
    else:
        came = np.asarray(actual, np.float64)
        if came.shape != (len(ids),):
            raise DataError(
                f"actual has {came.size:,} values, the forecast {len(ids):,} customers. Pass one for each, "
                "in the order of forecast.customers."
            )
    if not came.sum() > 0.0:
        raise DataError("Nothing came after the forecast, so no ranking caught any of it.")
    return came


def window_within(forecast: Forecast, window: float | str | None) -> float:
    """The window in time units."""
    unit = forecast.time_unit
    if window is None:
        return min(USUAL_WINDOW / unit.days, forecast.horizon)
    length = parse_horizon(window, unit, forecast.observation_end)
    if not 0.0 < length <= forecast.horizon:
        raise SettingsError(
            f"window={window!r} is {length:g} {unit.name}s, the forecast's horizon {forecast.horizon:g}. "
            "Pass a window within the horizon."
        )
    return length
