"""How to split a budget over channels: what their customers are worth, and how many more money brings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import optimize

from lifecast.arrays import Floats
from lifecast.errors import DataError, SettingsError
from lifecast.planning.channels import Channels
from lifecast.planning.response import Response, given_response, learn_response
from lifecast.settings import check_interval

if TYPE_CHECKING:
    import pandas as pd

Objective = Literal["mean", "quantile", "cvar"]
FRONTIER = (1.0, 0.5, 0.25, 0.10, 0.05)  # shares of worlds averaged over, from the mean to the cautious
LEAST_SHARE = 1e-6  # of the budget: a power has no slope at zero, so up to here curves are straight lines


@dataclass(frozen=True, eq=False)
class Allocation:
    """A budget and what it is expected to bring.

    Attributes
    ----------
    table : DataFrame
        One row per channel: ``budget``, ``share``, ``new_customers``, ``value`` with bounds (of all the
        customers it brings), ``profit`` (value less budget), ``roi``, and ``value_of_next``, what one more
        unit of money there would bring.
    total : Series
        Of all channels: ``budget, value, profit``, ``profit_lower``, ``profit_upper`` and
        ``probability_profit``.
    frontier : DataFrame
        One row per allocation, from the one with the highest expected profit to the most cautious:
        ``worlds`` (the share of worst worlds whose mean it maximises), ``profit``, ``profit_lower``, ``sd``
        and the budget of each channel.
    monthly : DataFrame
        One row per channel and month: ``month``, ``budget``, ``new_customers``, ``value``.
    profit : (world,)
        Of the whole budget.
    """

    table: "pd.DataFrame"
    total: "pd.Series[float]"
    frontier: "pd.DataFrame"
    monthly: "pd.DataFrame"
    profit: Floats


def allocate(
    channels: Channels,
    budget: float,
    costs: "pd.DataFrame | None" = None,
    *,
    months: int = 12,
    curves: Mapping[Any, tuple[float, float, float]] | None = None,
    bounds: Mapping[Any, tuple[float, float]] | None = None,
    objective: Objective = "mean",
    level: float = 0.10,
    interval: float = 0.90,
    random_seed: int = 0,
) -> Allocation:
    """Split a budget over channels so that the profit is highest.

    Parameters
    ----------
    channels : Channels
        From `lifecast.channels`; a customer's value is that at its last horizon.
    budget : float
        For all the months together, spent evenly over them.
    costs : DataFrame, optional
        Cost history, a row per channel and month, from which response curves are learned; see
        `lifecast.channels`. Channels that never cost anything are left out.
    months : int, default 12
    curves : mapping, optional
        Known response curves instead: channel to (usual cost of a month, new customers that it brings,
        elasticity).
    bounds : mapping, optional
        Channel to the least and the most of the budget it may get.
    objective : "mean", "quantile" or "cvar", default "mean"
        Highest expected profit; for the cautious, its quantile at ``level``, or its mean over the worst
        ``level`` of worlds.
    level : float, default 0.1
    interval : float, default 0.9
    random_seed : int, default 0
        Of the draws of learned curves.

    Returns
    -------
    Allocation

    Raises
    ------
    SettingsError
        A budget that is not positive, bounds that it cannot meet, curves that do not level off, or neither
        costs nor curves.
    DataError
        A channel without cost history.

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
    check_interval(interval)
    rng = np.random.default_rng(random_seed)
    response = responses(channels, costs, curves, rng)
    place = [channels.names.index(name) for name in response.names]
    value = channels.value[:, place, -1]
    limits = checked_bounds(response.names, budget, months, bounds)
    if not 0.0 < level < 1.0:
        raise SettingsError(f"level={level}: needed a probability between 0 and 1, such as 0.1.")
    worst = {"mean": 1.0, "quantile": level, "cvar": level}
    if objective not in worst:
        raise SettingsError(f'objective={objective!r}: needed "mean", "quantile" or "cvar".')
    problem = Problem(response, value, budget, months, limits)
    best = problem.solve(worst[objective])
    if objective == "quantile":
        best = problem.climb_quantile(best, level)
    return report(problem, best, (1.0 - interval) / 2)


@dataclass(frozen=True)
class Problem:
    """Profit of the ways to spend a budget.

    Attributes
    ----------
    response : Response
    value : (world, channel)
        Of a new customer.
    budget : float
    months : int
    limits : (channel, 2)
        Least and most of the budget, as shares.
    """

    response: Response
    value: Floats
    budget: float
    months: int
    limits: Floats

    def monthly_cost(self, shares: Floats) -> Floats:
        """Cost of a month of each channel."""
        cost: Floats = np.maximum(shares, LEAST_SHARE) * self.budget / self.months
        return cost

    def new_customers(self, shares: Floats) -> Floats:
        """New customers in all months, (world, channel)."""
        of_month = self.response.new_customers(self.monthly_cost(shares))
        brought: Floats = self.months * of_month * np.minimum(shares / LEAST_SHARE, 1.0)
        return brought

    def profits(self, shares: Floats) -> Floats:
        """Profit in every world, (world,)."""
        brought = self.new_customers(shares)
        profit: Floats = np.sum(self.value * brought, axis=1) - self.budget * np.sum(shares)
        return profit

    def slopes(self, shares: Floats) -> Floats:
        """Derivative of the profit by the shares, (world, channel)."""
        cost = self.monthly_cost(shares)
        straight = self.response.new_customers(cost) / cost
        per_cost = np.where(shares < LEAST_SHARE, straight, self.response.per_cost(cost))
        slopes: Floats = self.budget * (self.value * per_cost - 1.0)
        return slopes

    def solve(self, worst: float) -> Floats:
        """Shares that maximise the mean profit over the worst share of worlds (1: over all).

        That mean is concave where returns diminish [Rockafellar & Uryasev 2000], so any local maximum is the
        best.
        """
        count = max(1, round(worst * self.value.shape[0]))

        def minus(shares: Floats) -> float:
            return -float(np.partition(self.profits(shares), count - 1)[:count].mean()) / self.budget

        def minus_slopes(shares: Floats) -> Floats:
            tail = np.argpartition(self.profits(shares), count - 1)[:count]
            slopes: Floats = -self.slopes(shares)[tail].mean(axis=0) / self.budget
            return slopes

        start: Floats = self.limits[:, 0] + (1.0 - self.limits[:, 0].sum()) * self.room()
        found = optimize.minimize(
            minus,
            start,
            jac=minus_slopes,
            method="SLSQP",
            bounds=optimize.Bounds(self.limits[:, 0], self.limits[:, 1]),
            constraints=optimize.LinearConstraint(np.ones((1, start.size)), 1.0, 1.0),
            options={"maxiter": 500, "ftol": 1e-10},
        )
        within: Floats = np.clip(np.asarray(found.x), self.limits[:, 0], self.limits[:, 1])
        shares: Floats = within / within.sum()
        return shares

    def room(self) -> Floats:
        """How far each channel's share can grow, adding up to one."""
        room = self.limits[:, 1] - self.limits[:, 0]
        shares: Floats = room / room.sum() if room.sum() > 0.0 else np.full(room.size, 1.0 / room.size)
        return shares

    def climb_quantile(self, shares: Floats, level: float) -> Floats:
        """Move money between pairs of channels as long as the quantile of the profit rises."""
        best, highest, step = shares, float(np.quantile(self.profits(shares), level)), 0.05
        while step > 1e-3:
            moved = False
            for give, take in np.ndindex(shares.size, shares.size):
                amount = min(step, best[give] - self.limits[give, 0], self.limits[take, 1] - best[take])
                if give == take or amount <= 0.0:
                    continue
                other = best.copy()
                other[give] -= amount
                other[take] += amount
                reached = float(np.quantile(self.profits(other), level))
                if reached > highest:
                    best, highest, moved = other, reached, True
            step = step if moved else step / 2
        return best


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
    column = group if group in costs.columns else "channel"
    paid = [name for name, cac in zip(channels.names, channels.cac, strict=True) if cac > 0.0]
    if not paid:
        raise DataError(
            "No channel has cost anything so far, so nothing says what money brings. Pass curves=."
        )
    return learn_response(costs, paid, column, worlds, rng)


def checked_bounds(
    names: tuple[Any, ...],
    budget: float,
    months: int,
    bounds: Mapping[Any, tuple[float, float]] | None,
) -> Floats:
    """Least and most of the budget for each channel, as shares."""
    if not (np.isfinite(budget) and budget > 0.0):
        raise SettingsError(f"budget={budget}: needed a positive amount of money.")
    if months < 1:
        raise SettingsError(f"months={months}: needed at least 1.")
    chosen = dict(bounds or {})
    unknown = [name for name in chosen if name not in names]
    if unknown:
        raise SettingsError(
            f"bounds= has {unknown[0]!r}; the channels that cost money are {', '.join(map(str, names))}."
        )
    limits = np.array([chosen.get(name, (0.0, budget)) for name in names], np.float64) / budget
    limits[:, 1] = np.minimum(limits[:, 1], 1.0)
    if np.any(limits[:, 0] < 0.0) or np.any(limits[:, 0] > limits[:, 1]):
        raise SettingsError("bounds= must be (least, most) with 0 <= least <= most, in money.")
    if limits[:, 0].sum() > 1.0 + 1e-9 or limits[:, 1].sum() < 1.0 - 1e-9:
        raise SettingsError(
            f"The bounds allow {limits[:, 0].sum() * budget:,.0f} to {limits[:, 1].sum() * budget:,.0f} in "
            f"all, the budget is {budget:,.0f}. Change one of them."
        )
    return limits


def report(problem: Problem, shares: Floats, tail: float) -> Allocation:
    """Reduce the worlds of an allocation, once."""
    import pandas as pd

    names = pd.Index(problem.response.names, name="channel")
    cost = shares * problem.budget
    brought = problem.new_customers(shares)
    value = problem.value * brought
    lower, upper = np.quantile(value, [tail, 1.0 - tail], axis=0)
    mean = value.mean(axis=0)
    profit = problem.profits(shares)
    table = pd.DataFrame(
        {
            "budget": cost,
            "share": shares,
            "new_customers": brought.mean(axis=0),
            "value": mean,
            "value_lower": lower,
            "value_upper": upper,
            "profit": mean - cost,
            "roi": np.where(cost > 0.0, mean / np.maximum(cost, 1e-300) - 1.0, np.nan),
            "value_of_next": (problem.slopes(shares).mean(axis=0) / problem.budget) + 1.0,
        },
        index=names,
    )
    low, high = np.quantile(profit, [tail, 1.0 - tail])
    total = pd.Series(
        {
            "budget": problem.budget,
            "value": float(mean.sum()),
            "profit": float(profit.mean()),
            "profit_lower": float(low),
            "profit_upper": float(high),
            "probability_profit": float(np.mean(profit > 0.0)),
        }
    )
    rows = []
    for worst in FRONTIER:
        way = problem.solve(worst)
        outcome = problem.profits(way)
        rows.append(
            [worst, outcome.mean(), np.quantile(outcome, tail), outcome.std(), *(way * problem.budget)]
        )
    frontier = pd.DataFrame(rows, columns=["worlds", "profit", "profit_lower", "sd", *names])
    monthly = pd.concat(
        [
            (table[["budget", "new_customers", "value"]] / problem.months).assign(month=month)
            for month in range(1, problem.months + 1)
        ]
    ).reset_index()[["channel", "month", "budget", "new_customers", "value"]]
    return Allocation(table, total, frontier, monthly, profit)
