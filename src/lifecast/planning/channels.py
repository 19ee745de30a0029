"""Where customers come from: what those of each channel are worth, and what they may cost."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.errors import DataError, SettingsError
from lifecast.families.contract import DiscreteTime
from lifecast.families.discrete_time import opportunities_meant
from lifecast.model import CLTV
from lifecast.settings import tails
from lifecast.timeunit import DAYS_PER_YEAR, parse_horizon

if TYPE_CHECKING:
    import pandas as pd

LATEST_YEARS = 10.0  # a cost not earned back by then counts as never
EVERY_ONE = 500  # opportunities that are looked at one by one


@dataclass(frozen=True, eq=False)
class Channels:
    """What channels bring and cost, as tables and as the draws behind them.

    Attributes
    ----------
    table : DataFrame
        One row per channel: ``new_customers``, ``cost`` and ``cac`` (cost per new customer) of the cost
        table; ``value, value_lower, value_upper``, expected lifetime value of a new customer (at the last
        horizon) and how sure it is; ``value_to_cac`` with bounds; ``probability_pays`` (value above cost);
        ``probability_best`` (highest return of all channels; those that cost nothing share it);
        ``highest_cac``, which still returns the target with the probability asked for;
        ``highest_commission``, the share of every purchase's value that could be given away besides and still
        do so; ``uplift, uplift_lower, uplift_upper``, by how much its customers are worth more than the
        rest's.
    roi : DataFrame
        One row per channel and horizon: ``roi``, (value - cost) / cost, with bounds, and
        ``probability_positive``.
    payback : DataFrame
        One row per channel: ``days, days_lower, days_upper`` until the expected value of a customer has
        reached its cost (infinite where it does not in ten years; with a calendar, within the horizons), and
        ``probability_ever``.
    value : (world, channel, horizon)
        Expected value of a new customer in every world.
    spread : (channel,)
        Standard deviation of one customer's value at the last horizon around what is expected of it.
    payback_days : (world, channel)
    cac : (channel,)
    names : tuple
        The channels, in the order of the draws.
    horizons : tuple of str
    """

    table: "pd.DataFrame"
    roi: "pd.DataFrame"
    payback: "pd.DataFrame"
    value: Floats
    spread: Floats
    payback_days: Floats
    cac: Floats
    names: tuple[Any, ...]
    horizons: tuple[str, ...]


def channels(
    model: CLTV,
    costs: "pd.DataFrame",
    *,
    horizons: Sequence[str] = ("30 days", "90 days", "365 days", "infinite"),
    annual_discount_rate: float = 0.10,
    margin: float = 1.0,
    target_roi: float = 0.0,
    probability: float = 0.90,
    interval: float = 0.90,
    worlds: int = 1000,
    random_seed: int = 0,
) -> Channels:
    """Value customers by where they come from, against what they cost.

    Parameters
    ----------
    model : CLTV
        Fitted with ``groups`` for its purchases (and for its spend, where customers of different channels
        pay differently): small channels are partially pooled.
    costs : DataFrame
        One row per channel, or per channel and period: a column named as the model's groups (or "channel"),
        ``cost`` and ``new_customers``. Periods are added up.
    horizons : sequence of str
        From the first purchase, which counts too; the last is what a customer's value means in ``table``.
        With families of opportunities (`BGBB`), each is the number of these it is meant to hold: "365 days"
        are four quarters.
    annual_discount_rate, margin, interval, worlds, random_seed
        As `CLTV.forecast` takes them.
    target_roi : float, default 0
        Return, (value - cost) / cost, that an acquisition has to bring; 0 is to earn its cost.
    probability : float, default 0.9
        How sure that has to be.

    Returns
    -------
    Channels

    Raises
    ------
    SettingsError
        The model has no groups.
    DataError
        The cost table lacks a column or a figure, or a channel that the model has not seen stands in it.

    Notes
    -----
    The value of a channel is that of the average over ever more of its customers; what is unsure about it is
    the parameters and the market. One customer's value varies far more: see `CLTV.new_customers`.

    Examples
    --------
    >>> import lifecast as lc
    >>> shop = lc.datasets.simulate_shop(customers=2000, random_seed=1)
    >>> rfm = lc.rfm_summary(shop.log, attributes=["channel"], observation_end=shop.end)
    >>> model = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(groups="channel"), market=None)
    >>> by_channel = lc.channels(model.fit(rfm), shop.costs, margin=0.4)
    >>> bool(by_channel.table.loc["referral", "value"] > by_channel.table.loc["social", "value"])
    True
    """
    import pandas as pd

    if not 0.0 < probability < 1.0:
        raise SettingsError(f"probability={probability}: needed a probability between 0 and 1, such as 0.9.")
    bounds = tails(interval)
    if not horizons:
        raise SettingsError('horizons=(): needed at least one, such as "365 days".')
    group = grouping(model)
    spent = add_costs(costs, group, known_groups(model))
    names = tuple(spent.index)
    kinds = pd.DataFrame({group: names}, index=pd.Index([str(name) for name in names]))
    settings: dict[str, Any] = {
        "customers": kinds,
        "annual_discount_rate": annual_discount_rate,
        "margin": margin,
        "worlds": worlds,
        "random_seed": random_seed,
    }
    cac = spent["cac"].to_numpy(np.float64)
    lengths = [length_of(horizon, model) for horizon in horizons]
    times, earned = growth(model, lengths, settings)
    last = model.new_customers(lengths[-1], **settings)
    value = np.stack(
        [
            *(worth_after(length, times, earned, model, settings) for length in lengths[:-1]),
            last.expected_value,
        ],
        axis=2,
    )
    at_once = isinstance(model.purchases, DiscreteTime)
    days = days_to_earn_back(model.time_unit.days * times, earned, cac, at_once)
    return Channels(
        table=value_table(spent, value[:, :, -1], cac, bounds, target_roi, probability),
        roi=roi_table(value, cac, names, horizons, bounds),
        payback=payback_table(days, names, bounds),
        value=value,
        spread=np.sqrt(np.mean((last.value - last.expected_value) ** 2, axis=0)),
        payback_days=days,
        cac=cac,
        names=names,
        horizons=tuple(horizons),
    )


def grouping(model: CLTV) -> str:
    """The attribute that the model's groups are of."""
    if model.purchases.groups is not None:
        return model.purchases.groups
    raise SettingsError(
        "The model has no groups, so all channels' customers are alike to it. Fit one with "
        'CLTV(BGNBD(groups="channel"), GammaGamma(groups="channel")) on an RFM made with '
        'attributes=["channel"], or with lifecast fit --groups channel.'
    )


def known_groups(model: CLTV) -> list[Any]:
    """The channels that the model was fitted to."""
    names = model.group_parameters.index.get_level_values("group").unique()
    return list(names[:-1])  # the last is one not seen


def read_costs(costs: "pd.DataFrame", group: str) -> "pd.DataFrame":
    """The cost table's rows as numbers: the channel, named as the group, ``cost`` and ``new_customers``.

    Raises
    ------
    DataError
        A column or a figure is missing.
    """
    import pandas as pd

    column = group if group in costs.columns else "channel"
    missing = [name for name in (column, "cost", "new_customers") if name not in costs.columns]
    if missing:
        raise DataError(
            f"The cost table has no column {missing[0]!r}; it has {', '.join(map(str, costs.columns))}. "
            f"Needed: {group}, cost and new_customers, a row per channel, or per channel and period."
        )
    numbers = costs[["cost", "new_customers"]].apply(pd.to_numeric, errors="coerce")
    unread = costs[column].isna() | ~np.isfinite(numbers.to_numpy(np.float64)).all(axis=1)
    if unread.any():
        row = costs.loc[unread, [column, "cost", "new_customers"]].iloc[0]
        raise DataError(
            f"{int(unread.sum()):,} of {len(costs):,} rows of the cost table lack a {group}, a cost or new "
            f"customers (first: {', '.join(map(str, row))}). Needed: all three in every row, the last two as "
            "plain numbers, such as 1234.5, and 0 for none."
        )
    rows: pd.DataFrame = numbers.assign(**{group: costs[column]})
    return rows


def add_costs(costs: "pd.DataFrame", group: str, known: Sequence[Any]) -> "pd.DataFrame":
    """Cost, new customers and their ratio by channel."""
    rows = read_costs(costs, group)
    spent: pd.DataFrame = rows.groupby(group, sort=True)[["new_customers", "cost"]].sum()
    unknown = [name for name in spent.index if name not in known]
    if unknown:
        raise DataError(
            f"The cost table has {group} {unknown[0]!r}, which the model has not seen; it knows "
            f"{', '.join(map(repr, known))}. Leave the row out, or fit on customers of it."
        )
    bad = spent[(spent["cost"] < 0) | ~(spent["new_customers"] > 0)]
    if len(bad):
        raise DataError(
            f"{group} {bad.index[0]!r} has cost {bad['cost'].iloc[0]} and {bad['new_customers'].iloc[0]} new "
            "customers. Needed: a cost of 0 or more, and at least one new customer."
        )
    spent["cac"] = spent["cost"] / spent["new_customers"]
    return spent


def as_horizon(horizon: str) -> float | str:
    """A horizon that `CLTV.new_customers` takes."""
    return math.inf if horizon in ("infinite", "inf", "lifetime") else horizon


def length_of(horizon: str, model: CLTV) -> float:
    """A horizon in time units; whole ones where purchases happen at whole ones only."""
    length = parse_horizon(as_horizon(horizon), model.time_unit, None)
    return opportunities_meant(length) if isinstance(model.purchases, DiscreteTime) else length


def growth(model: CLTV, lengths: Sequence[float], settings: dict[str, Any]) -> tuple[Floats, Floats]:
    """What a new customer is expected to have brought by when: times (time,), values (world, channel, time).

    For ten years; with a calendar, which ends somewhere, up to the last of the horizons, given in time units.
    """
    unit = model.time_unit
    latest = parse_horizon(f"{LATEST_YEARS * DAYS_PER_YEAR} days", unit, None)
    if model.calendar is not None:
        latest = max(lengths)
    if isinstance(model.purchases, DiscreteTime):
        latest = np.floor(latest)
        steps = np.arange(latest + 1) if latest <= EVERY_ONE else np.geomspace(1.0, latest, EVERY_ONE).round()
    else:
        steps = np.geomspace(min(3.0 / unit.days, latest), latest, 120)
    times = np.unique([0.0, *steps, *(length for length in lengths if length <= latest)])
    first = model.new_customers(0, **settings).expected_value  # the first purchase alone
    return times, first[:, :, None] + model.new_customer_curve(times, **settings)


def worth_after(
    length: float, times: Floats, earned: Floats, model: CLTV, settings: dict[str, Any]
) -> Floats:
    """Expected value of a new customer after that time, (world, channel); read off the growth within it."""
    if length <= times[-1]:
        worth: Floats = earned[:, :, np.searchsorted(times, length)]
        return worth
    return model.new_customers(length, **settings).expected_value


def days_to_earn_back(days: Floats, earned: Floats, cac: Floats, at_once: bool) -> Floats:
    """Days until a customer's expected value reaches its cost, (world, channel); infinite for never.

    Between the days (time,) it grows evenly, or comes all ``at_once`` on the later one.
    """
    found = np.empty(earned.shape[:2])
    for s, c in np.ndindex(*found.shape):
        if at_once:
            found[s, c] = np.append(days, np.inf)[np.searchsorted(earned[s, c], cac[c])]
        else:
            found[s, c] = np.interp(cac[c], earned[s, c], days, right=np.inf)
    return found


def value_table(
    spent: "pd.DataFrame", value: Floats, cac: Floats, bounds: Floats, target_roi: float, probability: float
) -> "pd.DataFrame":
    """One row per channel, given expected values (world, channel)."""
    table = spent.copy()
    lower, upper = np.quantile(value, bounds, axis=0)
    table["value"], table["value_lower"], table["value_upper"] = value.mean(axis=0), lower, upper
    with np.errstate(divide="ignore", invalid="ignore"):
        for name, worth in (("", table["value"]), ("_lower", lower), ("_upper", upper)):
            table[f"value_to_cac{name}"] = np.asarray(worth) / cac
        returns = value / cac
    table["probability_pays"] = np.mean(value > cac, axis=0)
    best = returns == returns.max(axis=1, keepdims=True)  # several, where several cost nothing
    table["probability_best"] = np.mean(best / best.sum(axis=1, keepdims=True), axis=0)
    cautious = np.quantile(value, 1.0 - probability, axis=0)
    table["highest_cac"] = cautious / (1.0 + target_roi)
    table["highest_commission"] = np.maximum(0.0, 1.0 - cac * (1.0 + target_roi) / cautious)
    uplift = uplifts(value, spent["new_customers"].to_numpy(np.float64))
    lower, upper = np.quantile(uplift, bounds, axis=0)
    table["uplift"], table["uplift_lower"], table["uplift_upper"] = uplift.mean(axis=0), lower, upper
    return table


def uplifts(value: Floats, new_customers: Floats) -> Floats:
    """By how much each channel's customers are worth more than the rest's, (world, channel), as a share."""
    total = value @ new_customers
    if new_customers.size == 1:
        return np.zeros_like(value)
    rest = (total[:, None] - value * new_customers) / (new_customers.sum() - new_customers)
    uplift: Floats = value / rest - 1.0
    return uplift


def roi_table(
    value: Floats, cac: Floats, names: Sequence[Any], horizons: Sequence[str], bounds: Floats
) -> "pd.DataFrame":
    """One row per channel and horizon; a channel that costs nothing has an infinite return."""
    import pandas as pd

    with np.errstate(divide="ignore"):
        roi = value / cac[:, None] - 1.0
    lower, upper = np.quantile(value, bounds, axis=0) / np.maximum(cac, 1e-300)[:, None] - 1.0
    free = (cac == 0.0)[:, None] & np.ones(len(horizons), bool)
    rows = {
        "roi": roi.mean(axis=0).ravel(),
        "roi_lower": np.where(free, np.inf, lower).ravel(),
        "roi_upper": np.where(free, np.inf, upper).ravel(),
        "probability_positive": np.mean(value > cac[:, None], axis=0).ravel(),
    }
    return pd.DataFrame(
        rows, index=pd.MultiIndex.from_product([names, horizons], names=["channel", "horizon"])
    )


def payback_table(days: Floats, names: Sequence[Any], bounds: Floats) -> "pd.DataFrame":
    """One row per channel: median and bounds over worlds."""
    import pandas as pd

    lower, median, upper = np.quantile(days, [bounds[0], 0.5, bounds[1]], axis=0, method="inverted_cdf")
    return pd.DataFrame(
        {
            "days": median,
            "days_lower": lower,
            "days_upper": upper,
            "probability_ever": np.mean(np.isfinite(days), axis=0),
        },
        index=pd.Index(names, name="channel"),
    )
