"""How to split a budget over channels and retention: what more money brings, and what that is worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lifecast.arrays import Floats
from lifecast.errors import DataError, SettingsError
from lifecast.planning.actions import Treatment
from lifecast.planning.channels import Channels, read_costs
from lifecast.planning.response import Offers, Response, given_response, learn_response
from lifecast.planning.spending import Problem
from lifecast.settings import tails

if TYPE_CHECKING:
    import pandas as pd

Objective = Literal["mean", "quantile", "cvar"]
FRONTIER = (1.0, 0.5, 0.25, 0.10, 0.05)  # shares of worlds averaged over, from the mean to the cautious
RETENTION = "retention"
PAYS = 0.995  # what the last unit of money has to bring; less is not rounding


@dataclass(frozen=True, eq=False)
class Allocation:
    """A budget and what it is expected to bring.

    Attributes
    ----------
    table : DataFrame
        One row per channel, and the row "retention" where there are offers: ``budget``, ``share``,
        ``new_customers``, ``value`` with bounds (expected of all the customers it brings; of offers, the
        gain), ``outcome_lower, outcome_upper`` (of what these customers will really bring, luck included),
        ``profit`` (value less budget), ``roi``, and ``value_of_next``, what one more unit of money there
        would bring; with offers also ``treated``, how many customers get one.
    total : Series
        Of all: ``budget, value, profit``, ``profit_lower, profit_upper`` (of the expectation),
        ``outcome_lower, outcome_upper, probability_profit`` (of the real profit), and ``unspent``.
    frontier : DataFrame
        One row per allocation, from the one with the highest expected profit to the most cautious:
        ``worlds`` (the share of worst worlds whose mean it maximises), ``profit``, ``profit_lower``, ``sd``
        and the budget of each channel.
    monthly : DataFrame
        One row per channel and month: ``month``, ``budget``, ``new_customers``, ``value``. Offers are made in
        the first.
    profit : (world,)
        Of the whole budget, as expected in each world.
    outcome : (world,)
        The same with the luck of how many customers come and what each of them brings.
    """

    table: "pd.DataFrame"
    total: "pd.Series[float]"
    frontier: "pd.DataFrame"
    monthly: "pd.DataFrame"
    profit: Floats
    outcome: Floats

    @property
    def past_paying(self) -> tuple[str, ...]:
        """Where the last unit of the money is expected to bring less than itself."""
        spent = self.table[self.table["budget"] > 0.0]
        return tuple(str(name) for name in spent.index[spent["value_of_next"] < PAYS])

    @property
    def advice(self) -> str:
        """What to do about it, in words; empty where all of the money pays."""
        names = self.past_paying
        if not names:
            return ""
        return (
            f"The last of the money for {', '.join(names)} is expected to bring less than itself: a smaller "
            "budget there would mean more profit."
        )


def allocate(
    channels: Channels,
    budget: float,
    costs: "pd.DataFrame | None" = None,
    *,
    retention: Treatment | None = None,
    months: int = 12,
    curves: Mapping[Any, tuple[float, float, float]] | None = None,
    bounds: Mapping[Any, tuple[float, float]] | None = None,
    objective: Objective = "mean",
    level: float = 0.10,
    whole_customers: bool = False,
    interval: float = 0.90,
    random_seed: int = 0,
) -> Allocation:
    """Split a budget over channels, and offers to customers who are there, so that the profit is highest.

    Parameters
    ----------
    channels : Channels
        From `lifecast.channels`; a customer's value is that at its last horizon.
    budget : float
        For all the months together, spent evenly over them.
    costs : DataFrame, optional
        Cost history, a row per channel and month, from which response curves are learned; see
        `lifecast.channels`. Channels that never cost anything are left out.
    retention : Treatment, optional
        From `lifecast.treat`, with the same number of worlds: offers to ever more of its list, those of the
        highest profit per cost first, are another way to spend the money, up to the offer's own budget where
        it has one. Its gains should count up to the same horizon as channels' values.
    months : int, default 12
    curves : mapping, optional
        Known response curves instead: channel to (usual cost of a month, new customers that it brings,
        elasticity).
    bounds : mapping, optional
        Channel, or "retention", to the least and the most of the budget it may get.
    objective : "mean", "quantile" or "cvar", default "mean"
        Highest expected profit; for the cautious, its quantile at ``level``, or its mean over the worst
        ``level`` of worlds.
    level : float, default 0.1
    whole_customers : bool, default False
        Buy whole expected numbers of customers only, which matters where there are few. What is then left of
        the budget is not spent.
    interval : float, default 0.9
    random_seed : int, default 0
        Of the draws of learned curves, and of luck.

    Returns
    -------
    Allocation

    Raises
    ------
    SettingsError
        A budget that is not positive, bounds that it cannot meet, curves that do not level off, or neither
        costs nor curves.
    DataError
        A channel without cost history, or a cost table that lacks months, a column or a figure.

    Examples
    --------
    >>> import lifecast as lc
    >>> shop = lc.datasets.simulate_shop(customers=2000, random_seed=1)
    >>> rfm = lc.rfm_summary(shop.log, attributes=["channel"], observation_end=shop.end)
    >>> model = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(groups="channel"), market=None).fit(rfm)
    >>> plan = lc.allocate(lc.channels(model, shop.costs, margin=0.4), 20_000, shop.costs)
    >>> round(float(plan.table["budget"].sum()))
    20000
    """
    bounds_of = tails(interval)
    rng = np.random.default_rng(random_seed)
    response = responses(channels, costs, curves, rng)
    place = [channels.names.index(name) for name in response.names]
    value, spread = channels.value[:, place, -1], channels.spread[place]
    offers = None if retention is None else checked_offers(retention, response, channels)
    limits = checked_bounds(response.names, offers, budget, months, bounds)
    if not 0.0 < level < 1.0:
        raise SettingsError(f"level={level}: needed a probability between 0 and 1, such as 0.1.")
    worst = {"mean": 1.0, "quantile": level, "cvar": level}
    if objective not in worst:
        raise SettingsError(f'objective={objective!r}: needed "mean", "quantile" or "cvar".')
    problem = Problem(response, value, offers, budget, months, limits)
    best = problem.solve(worst[objective])
    if objective == "quantile":
        best = problem.climb_quantile(best, level)
    if whole_customers:
        best = problem.whole(best, worst[objective])
    return report(problem, best, lucky(problem, best, spread, rng), bounds_of)


def checked_offers(retention: Treatment, response: Response, channels: Channels) -> Offers:
    """The offers of a treatment, which must be of as many worlds as the channels."""
    worlds = channels.value.shape[0]
    if retention.curve.gain.shape[0] != worlds:
        raise SettingsError(
            f"retention= was worked out in {retention.curve.gain.shape[0]:,} worlds, the channels in "
            f"{worlds:,}. Pass the same worlds= to forecast and to channels."
        )
    if RETENTION in response.names:
        raise SettingsError(f"A channel is called {RETENTION!r}, which is what offers are called. Rename it.")
    if retention.curve.cost[-1] <= 0.0:
        raise SettingsError(
            "retention= has no offer that pays and costs anything: nothing to spend money on. Leave it out."
        )
    return retention.curve


def lucky(problem: Problem, shares: Floats, spread: Floats, rng: np.random.Generator) -> Floats:
    """What each source really brings, (world, source), where luck says how many come and how much they bring.

    Numbers are Poisson; the sum over so many customers is a gamma variate of its mean and variance. What is
    gained by offers is taken as expected.
    """
    found = problem.values(shares)
    number = rng.poisson(problem.new_customers(shares)).astype(np.float64)
    mean, variance = number * problem.value, number * spread**2
    varies = (mean > 0.0) & (variance > 0.0)
    shape = np.divide(mean**2, variance, out=np.ones_like(mean), where=varies)
    scale = np.divide(variance, mean, out=np.zeros_like(mean), where=varies)
    found[:, : problem.channels] = np.where(varies, rng.gamma(shape, scale), mean)
    return found


def responses(
    channels: Channels,
    costs: "pd.DataFrame | None",
    curves: Mapping[Any, tuple[float, float, float]] | None,
    rng: np.random.Generator,
) -> Response:
    """The curves given, or those that the cost history speaks for."""
    worlds = channels.value.shape[0]
    if curves is not None:
        unknown = [name for name in curves if name not in channels.names]
        if unknown:
            raise DataError(
                f"curves= has {unknown[0]!r}; the channels are {', '.join(map(str, channels.names))}."
            )
        for name, curve in curves.items():
            if not (np.shape(curve) == (3,) and np.all(np.greater(curve, 0.0)) and curve[2] <= 1.0):
                raise SettingsError(
                    f"curves= has {tuple(curve)} for {name!r}. Needed: (usual cost of a month, new customers "
                    "that it brings, elasticity), positive, with an elasticity of 1 at most."
                )
        if not curves:
            raise SettingsError("curves= has no channel. Pass one curve at least.")
        return given_response(curves, worlds)
    if costs is None:
        raise SettingsError(
            "Nothing says how many customers money brings. Pass the cost history (costs=), or curves=."
        )
    group = str(channels.table.index.name)
    rows = read_costs(costs, group)
    if "start" not in costs and not rows[group].duplicated().any():
        raise DataError(
            f"The cost table has one row per {group} and no start, so nothing says what a month has cost and "
            "brought. Pass a row per channel and month, with a column start; or curves=."
        )
    paid = [name for name, cac in zip(channels.names, channels.cac, strict=True) if cac > 0.0]
    if not paid:
        raise DataError(
            "No channel has cost anything so far, so nothing says what money brings. Pass curves=."
        )
    return learn_response(rows, paid, group, worlds, rng)


def checked_bounds(
    names: tuple[Any, ...],
    offers: Offers | None,
    budget: float,
    months: int,
    bounds: Mapping[Any, tuple[float, float]] | None,
) -> Floats:
    """Least and most of the budget for each channel and for retention, as shares."""
    if not (np.isfinite(budget) and budget > 0.0):
        raise SettingsError(f"budget={budget}: needed a positive amount of money.")
    if months < 1:
        raise SettingsError(f"months={months}: needed at least 1.")
    chosen = dict(bounds or {})
    most = dict.fromkeys(names, budget)
    if offers is not None:
        most[RETENTION] = min(budget, float(offers.cost[-1]))
    unknown = [name for name in chosen if name not in most]
    if unknown:
        raise SettingsError(
            f"bounds= has {unknown[0]!r}; the channels that cost money are {', '.join(map(str, names))}"
            + (f", and there is {RETENTION!r}." if offers is not None else ".")
        )
    limits = np.array([chosen.get(name, (0.0, budget)) for name in most], np.float64) / budget
    limits[:, 1] = np.minimum(limits[:, 1], np.array([*most.values()]) / budget)
    if np.any(limits[:, 0] < 0.0) or np.any(limits[:, 0] > limits[:, 1]):
        raise SettingsError("bounds= must be (least, most) with 0 <= least <= most, in money.")
    if limits[:, 0].sum() > 1.0 + 1e-9 or limits[:, 1].sum() < 1.0 - 1e-9:
        raise SettingsError(
            f"The bounds allow {limits[:, 0].sum() * budget:,.0f} to {limits[:, 1].sum() * budget:,.0f} in "
            f"all, the budget is {budget:,.0f}. Change one of them."
        )
    return limits


def report(problem: Problem, shares: Floats, came: Floats, bounds: Floats) -> Allocation:
    """Reduce the worlds of an allocation, once; ``came`` (world, source) is what luck makes of it."""
    import pandas as pd

    names = [*problem.response.names, *([RETENTION] if problem.offers is not None else [])]
    cost = shares * problem.budget
    brought = problem.new_customers(shares).mean(axis=0)
    value = problem.values(shares)
    lower, upper = np.quantile(value, bounds, axis=0)
    least, most = np.quantile(came, bounds, axis=0)
    mean = value.mean(axis=0)
    profit, outcome = problem.profits(shares), came.sum(axis=1) - cost.sum()
    table = pd.DataFrame(
        {
            "budget": cost,
            "share": shares,
            "new_customers": [*brought, *([0.0] if problem.offers is not None else [])],
            "value": mean,
            "value_lower": lower,
            "value_upper": upper,
            "outcome_lower": least,
            "outcome_upper": most,
            "profit": mean - cost,
            "roi": np.where(cost > 0.0, mean / np.maximum(cost, 1e-300) - 1.0, np.nan),
            "value_of_next": (problem.slopes(shares).mean(axis=0) / problem.budget) + 1.0,
        },
        index=pd.Index(names, name="channel"),
    )
    if problem.offers is not None:
        each = np.append(0.0, np.cumsum(problem.offers.cost_of_each))
        treated = np.searchsorted(each, cost[-1] * (1 + 1e-9), side="right") - 1
        table["treated"] = [*([0] * problem.channels), int(treated)]
    low, high = np.quantile(profit, bounds)
    least_of_all, most_of_all = np.quantile(outcome, bounds)
    total = pd.Series(
        {
            "budget": problem.budget,
            "value": float(mean.sum()),
            "profit": float(profit.mean()),
            "profit_lower": float(low),
            "profit_upper": float(high),
            "outcome_lower": float(least_of_all),
            "outcome_upper": float(most_of_all),
            "probability_profit": float(np.mean(outcome > 0.0)),
            "unspent": max(0.0, problem.budget - float(cost.sum())),
        }
    )
    return Allocation(
        table, total, frontier(problem, names, bounds), by_month(table, problem.months), profit, outcome
    )


def frontier(problem: Problem, names: Sequence[Any], bounds: Floats) -> "pd.DataFrame":
    """From the highest expected profit to the most cautious."""
    import pandas as pd

    rows = []
    for worst in FRONTIER:
        way = problem.solve(worst)
        profit = problem.profits(way)
        rows.append(
            [worst, profit.mean(), np.quantile(profit, bounds[0]), profit.std(), *(way * problem.budget)]
        )
    return pd.DataFrame(rows, columns=["worlds", "profit", "profit_lower", "sd", *names])


def by_month(table: "pd.DataFrame", months: int) -> "pd.DataFrame":
    """Channels' money evenly over the months, offers' in the first."""
    import pandas as pd

    columns = ["budget", "new_customers", "value"]
    once = table.index == RETENTION
    parts = []
    for month in range(1, months + 1):
        share = np.where(once, float(month == 1), 1.0 / months)
        parts.append(table[columns].mul(share, axis=0).assign(month=month))
    return pd.concat(parts).reset_index()[["channel", "month", *columns]]
