"""Whom to make an offer: what it adds to each customer's value, against what it costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.errors import DataError, SettingsError
from lifecast.families.changed import Factor
from lifecast.forecast import Forecast
from lifecast.period_sums import grouped
from lifecast.planning.chosen import only
from lifecast.planning.expected import Change, expected_by_world
from lifecast.planning.response import Offers
from lifecast.settings import numbers_of, tails
from lifecast.simulation import Simulation

if TYPE_CHECKING:
    import pandas as pd

STRENGTHS = np.array([0.0, 0.5, 1.0, 2.0])  # of the effect, at which gains are worked out
KNOTS = 200  # lengths of lists whose gains are kept
AS_ASSUMED = 2  # where among them the effect is as assumed


@dataclass(frozen=True, eq=False)
class Treatment:
    """An offer: whom to make it, and what comes of it.

    Attributes
    ----------
    customers : DataFrame
        One row per customer, in the forecast's order: ``customer_id``; ``cltv`` as things are; ``gain,
        gain_lower, gain_upper``, by how much the offer is expected to raise it; ``cost``; ``profit`` (gain
        less cost); ``probability_pays``, that the expected gain is above the cost; ``break_even``, the share
        of the effect that would pay, 0.5 for half of it (infinite where twice the effect would not);
        ``deepest_discount``, the largest share of every price that could be given away besides the cost and
        leave a profit (missing where there is none without); ``treat``, who is on the list.
    segments : DataFrame
        One row per group: ``customers``; if all of them got the offer: ``gain`` and ``cost`` per customer,
        ``probability_pays, break_even, deepest_discount`` as above; and of those on the list: ``treated``,
        ``profit``.
    total : Series
        Of the list: ``treated, cost, gain, gain_lower, gain_upper, profit, profit_lower, profit_upper,
        probability_pays``.
    gain : (world,)
        Of the list, in every world.
    curve : Offers
        What ever more of the list cost and gain, the best first, for `lifecast.allocate`.
    """

    customers: "pd.DataFrame"
    segments: "pd.DataFrame"
    total: "pd.Series[float]"
    gain: Floats
    curve: Offers


def treat(
    forecast: Forecast,
    *,
    cost: float | str | Sequence[float],
    effect: Mapping[str, Factor],
    discount: float = 0.0,
    budget: float | None = None,
    by: Any = None,
) -> Treatment:
    """Choose the customers to whom an offer brings more than it costs.

    Parameters
    ----------
    forecast : Forecast
        With money; its horizon is that of the gain.
    cost : float, str or sequence
        Of the offer to one customer, in money, paid today: one figure, an attribute of the RFM, or one for
        each customer.
    effect : mapping
        Factors from today on of ``purchase_rate``, ``dropout`` and ``average_order``, as `scenario` takes
        them: ``{"dropout": 0.8}``. One that was measured is given by its draws (world,), so that its
        uncertainty counts: see `treatment_effect`.
    discount : float, default 0
        Share of every later price that the offer gives away.
    budget : float, optional
        The most that the offers may cost in all, in `lifecast.allocate` too; by default no limit.
    by : str or sequence, optional
        An attribute, or a value for each customer, for ``segments``; by default one segment.

    Returns
    -------
    Treatment

    Raises
    ------
    SettingsError
        A figure is out of range, the model has no spend, or its family cannot buy or leave differently.
    DataError
        ``cost`` or ``by`` has another length than the forecast has customers.

    Notes
    -----
    The list has those of highest profit per money spent, as long as the budget lasts: for equal costs no
    other list has more profit; for others it misses the best by less than one customer's profit. Gains are
    exact expectations in each world; intervals hold what is unsure about those, not what one customer happens
    to do. An offer to somebody who has left costs its cost and gains nothing, which is counted.

    Examples
    --------
    >>> import lifecast as lc
    >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    >>> forecast = lc.CLTV().fit(rfm).forecast(rfm, horizon=52, margin=0.3, worlds=100)
    >>> offer = lc.treat(forecast, cost=1.0, effect={"purchase_rate": 1.25}, budget=200.0)
    >>> int(offer.total["treated"])
    200
    """
    simulation = forecast.simulation
    if simulation.spend_family is None:
        raise SettingsError("This model has no spend, so no offer gains anything. Fit one with spend.")
    unknown = set(effect) - {"purchase_rate", "dropout", "average_order"}
    if unknown or not effect:
        raise SettingsError(
            f"effect={dict(effect)}: needed factors of purchase_rate, dropout or average_order, such as "
            '{"dropout": 0.8} for 20% fewer who leave.'
        )
    if not 0.0 <= discount < 1.0:
        raise SettingsError(f"discount={discount}: needed a share of the price, below 1.")
    if budget is not None and not budget >= 0.0:
        raise SettingsError(f"budget={budget}: needed an amount of money, or None for no limit.")
    Change(**effect).check(len(simulation.worlds))
    costs = costs_of(cost, simulation)
    labels, group = grouped(simulation, by)
    labels = ["all"] if by is None else labels
    bounds = tails(forecast.interval)
    found = work_out(
        simulation, forecast.horizon, Change(**effect), discount, costs, group, len(labels), bounds
    )
    found.columns["treat"] = listed(found.columns["gain"], costs, budget)
    return report(forecast, found, costs, labels, group, Change(**effect), discount, bounds)


@dataclass
class Found:
    """What is known of every customer and segment before anybody is chosen.

    Attributes
    ----------
    columns : dict of (customer,) arrays
    curve : (customer, strength)
        Mean gain at multiples of the effect.
    amounts : (customer, 2)
        Mean discounted amounts, without margin: as things are, and with the offer.
    gain_of_group : (group, world)
        If all of it got the offer.
    """

    columns: dict[str, Any]
    curve: Floats
    amounts: Floats
    gain_of_group: Floats


def costs_of(cost: Any, simulation: Simulation) -> Floats:
    """The cost of the offer to each customer."""
    n = len(simulation.rfm)
    if isinstance(cost, str):
        costs = numbers_of(cost, simulation.rfm, "cost")
    elif np.ndim(cost) == 0:
        costs = np.full(n, float(cost))
    else:
        costs = np.asarray(cost, np.float64)
    if costs.shape != (n,):
        raise DataError(f"cost= has shape {costs.shape}; needed one for each of the {n:,} customers.")
    if not np.all(np.isfinite(costs) & (costs >= 0.0)):
        raise SettingsError("cost= has figures that are negative or missing. Needed: money, 0 or more.")
    return costs


def work_out(
    simulation: Simulation,
    horizon: float,
    change: Change,
    discount: float,
    costs: Floats,
    group: Integers,
    groups: int,
    bounds: Floats,
) -> Found:
    """Expected gains of everybody, chunk by chunk."""
    n, worlds = len(simulation.rfm), len(simulation.worlds)
    names = ("cltv", "gain", "gain_lower", "gain_upper", "probability_pays")
    found = Found(
        {name: np.empty(n) for name in names}, np.empty((n, 4)), np.empty((n, 2)), np.zeros((groups, worlds))
    )
    changes = tuple(change.times(strength) for strength in STRENGTHS)
    for part in expected_by_world(simulation, horizon, changes):
        who = part.customer
        gains = gains_of(part.amount, simulation.margin[who], discount)
        gain = gains[AS_ASSUMED]
        lower, upper = np.quantile(gain, bounds, axis=1)
        columns = {
            "cltv": simulation.margin[who] * part.amount[0].mean(axis=1),
            "gain": gain.mean(axis=1),
            "gain_lower": lower,
            "gain_upper": upper,
            "probability_pays": np.mean(gain > costs[who, None], axis=1),
        }
        for name, values in columns.items():
            found.columns[name][who] = values
        found.curve[who] = gains.mean(axis=2).T
        found.amounts[who] = part.amount[[0, AS_ASSUMED]].mean(axis=2).T
        np.add.at(found.gain_of_group, group[who], gain)
    return found


def gains_of(amount: Floats, margin: Floats, discount: float) -> Floats:
    """Gains (change, customer, world) over the first of the changes' amounts, which is as things are."""
    gains: Floats = (margin - discount)[:, None] * amount - margin[:, None] * amount[0]
    return gains


def listed(gain: Floats, cost: Floats, budget: float | None) -> Any:
    """Who is on the list: the most profit per cost first, while the budget lasts."""
    if budget is None:
        return gain > cost
    on_list = np.zeros(gain.size, bool)
    left = budget * (1.0 + 1e-12)
    for place in by_profit_per_cost(gain, cost):
        if cost[place] <= left:
            on_list[place] = True
            left -= cost[place]
    return on_list


def by_profit_per_cost(gain: Floats, cost: Floats) -> Any:
    """Places of those who pay, the most profit per cost first."""
    with np.errstate(divide="ignore"):
        order = np.argsort(-np.where(gain > cost, (gain - cost) / cost, -np.inf), kind="stable")
    return order[: int(np.sum(gain > cost))]


def shorter_lists(
    forecast: Forecast, best_first: Integers, cost: Floats, change: Change, discount: float
) -> Offers:
    """What the first so many of the list cost and gain, up to all of it."""
    simulation = forecast.simulation
    worlds = len(simulation.worlds)
    last = np.unique(np.linspace(0, best_first.size, KNOTS + 1).round().astype(np.int64))[1:]  # of each part
    part_of = np.searchsorted(last, np.arange(best_first.size), side="right")
    gains = np.zeros((last.size, worlds))
    if best_first.size:
        some = only(simulation, best_first)
        for part in expected_by_world(some, forecast.horizon, (change.times(0.0), change)):
            who = part.customer
            found = gains_of(part.amount, some.margin[who], discount)[1]
            np.add.at(gains, part_of[who], found)
    return Offers(
        customers=np.append(0, last),
        cost=np.append(0.0, np.cumsum(cost[best_first])[last - 1]),
        gain=np.vstack([np.zeros(worlds), np.cumsum(gains, axis=0)]).T,
        cost_of_each=cost[best_first],
    )


def break_even(curve: Floats, cost: Floats) -> Floats:
    """The smallest share of the effect whose gain reaches the cost, up to 2; infinite beyond.

    ``curve`` (row, strength) has gains at `STRENGTHS`; a cubic goes through them.
    """
    grid = np.linspace(0.0, STRENGTHS[-1], 401)
    cubic = np.vander(grid, 4) @ np.linalg.inv(np.vander(STRENGTHS, 4))  # (grid, strength)
    shares = np.empty(cost.size)
    for begin in range(0, cost.size, 10_000):
        rows = slice(begin, begin + 10_000)
        above = curve[rows] @ cubic.T - cost[rows, None]
        first = np.argmax(above >= 0.0, axis=1)
        row = np.arange(first.size)
        before = np.maximum(first - 1, 0)
        low, high = above[row, before], above[row, first]
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.where(first > 0, -low / (high - low), 0.0)
        shares[rows] = np.where(high >= 0.0, grid[before] + step * grid[1], np.inf)
    return shares


def deepest_discount(margin_of: Floats, amount: Floats, value: Floats, cost: Floats) -> Floats:
    """The share of prices that leaves nothing of the offer's profit; missing where there is none.

    Given, with the offer, its value at full prices and amounts without margin; value as things are; cost.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (margin_of - value - cost) / amount
    return np.where(share > 0.0, np.minimum(share, 1.0), np.nan)


def report(
    forecast: Forecast,
    found: Found,
    costs: Floats,
    labels: Sequence[Any],
    group: Integers,
    change: Change,
    discount: float,
    bounds: Floats,
) -> Treatment:
    """The tables."""
    import pandas as pd

    simulation, columns = forecast.simulation, found.columns
    columns["cost"], columns["profit"] = costs, columns["gain"] - costs
    columns["break_even"] = break_even(found.curve, costs)
    now, then = found.amounts.T
    worth = simulation.margin * then, then, simulation.margin * now, costs
    columns["deepest_discount"] = deepest_discount(*worth)
    names = (
        "cltv", "gain", "gain_lower", "gain_upper", "cost", "profit", "probability_pays", "break_even",
        "deepest_discount", "treat",
    )  # fmt: skip
    on_list = columns["treat"]

    def add(values: Any) -> Floats:
        return np.bincount(group, values, len(labels)).astype(np.float64)

    size, cost_of_group = add(np.ones(group.size)), add(costs)
    curve = np.stack([add(values) for values in found.curve.T], axis=1)
    segments = pd.DataFrame(
        {
            "customers": size.astype(np.int64),
            "gain": add(columns["gain"]) / size,
            "cost": cost_of_group / size,
            "probability_pays": np.mean(found.gain_of_group > cost_of_group[:, None], axis=1),
            "break_even": break_even(curve, cost_of_group),
            "deepest_discount": deepest_discount(*(add(values) for values in worth)),
            "treated": add(on_list).astype(np.int64),
            "profit": add(np.where(on_list, columns["profit"], 0.0)),
        },
        index=pd.Index(labels, name="segment"),
    )
    best_first = by_profit_per_cost(columns["gain"], costs)
    offers = shorter_lists(forecast, best_first[on_list[best_first]], costs, change, discount)
    gain = offers.gain[:, -1]
    spent = float(costs[on_list].sum())
    lower, upper = np.quantile(gain, bounds)
    total = pd.Series(
        {
            "treated": float(on_list.sum()),
            "cost": spent,
            "gain": gain.mean(),
            "gain_lower": lower,
            "gain_upper": upper,
            "profit": gain.mean() - spent,
            "profit_lower": lower - spent,
            "profit_upper": upper - spent,
            "probability_pays": float(np.mean(gain > spent)),
        }
    )
    customers = pd.DataFrame({"customer_id": forecast.customers["customer_id"]}).assign(
        **{name: columns[name] for name in names}
    )
    return Treatment(customers, segments, total, gain, offers)
