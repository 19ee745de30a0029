"""Cash flow: what those who are there, and those yet to come, bring period by period."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.errors import DataError, SettingsError
from lifecast.forecast import Forecast, period_table, total_table
from lifecast.grouped_forecast import forecast_by
from lifecast.period_sums import PeriodSums, grouped
from lifecast.planning.months import SumsBetween, month_edges
from lifecast.planning.newcomers import Newcomers, plan_costs, read_plan, watch_newcomers
from lifecast.settings import central
from lifecast.simulation import Simulation

if TYPE_CHECKING:
    import pandas as pd

Per = Literal["period", "month"]

ALL = "all"


@dataclass(frozen=True, eq=False)
class CashFlow:
    """Purchases and money by group, by whether customers are there yet, and by period.

    Attributes
    ----------
    periods : DataFrame
        One row per ``group``, ``customers`` ("existing", "new", "all") and ``period``, with its ``start`` and
        ``end``, then ``purchases``, ``value`` and ``discounted_value``, each as mean, ``_lower``,
        ``_median``, ``_upper``. After the groups comes the group "all", of everybody.
    total : DataFrame
        The same over the whole horizon, indexed by group, customers and measure: ``mean, lower, median,
        upper``.
    equity : DataFrame or None
        Customer equity, the discounted value of ``total``: one row per group and customers; where the plan
        has costs also ``cost`` (discounted) and ``net`` (mean less cost). None where the model has no spend.
    draws : dict of (group, 2, world, period) arrays
        Existing customers first, then new ones (zero without a plan). Over both, and over groups, they add
        up to those of everybody.
    costs : dict of (group, period) arrays, or None
        ``cost`` and ``discounted_cost`` of acquiring the new customers; None where the plan says nothing.
    groups : tuple
        In the order of the draws.
    new_customers : (group,)
        How many come within the horizon.
    """

    periods: "pd.DataFrame"
    total: "pd.DataFrame"
    equity: "pd.DataFrame | None"
    draws: dict[str, Floats]
    costs: dict[str, Floats] | None
    groups: tuple[Any, ...]
    new_customers: Any


def cash_flow(
    forecast: Forecast,
    by: "str | Sequence[Any] | pd.Series | None" = None,
    *,
    new_customers: "pd.DataFrame | None" = None,
    first_purchase: bool = True,
    per: Per = "period",
    threads: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> CashFlow:
    """Work out the cash flow of a forecast, with customers yet to come.

    Parameters
    ----------
    forecast : Forecast
        Its periods, horizon, discount, margin and interval are those of the cash flow.
    by : str, sequence or Series, optional
        An attribute of the RFM, or a value for each customer in the forecast's order; by default everybody
        is in one group, "all".
    new_customers : DataFrame, optional
        A plan: ``start`` (a date, or time units after the observation end), ``new_customers`` (how many come
        between this start and the next later one in the plan; the last lasts as long as the one before, or
        to the forecast's end), and the attributes that the model's groups and covariates, the margin and
        ``by`` need. With a column ``cost``, what it costs to acquire them, spent evenly over that time, is
        held against what comes. Other columns do no harm.
    first_purchase : bool, default True
        Whether new customers' first purchases count.
    per : "period" or "month", default "period"
        The forecast's own periods, or calendar months: futures are then simulated again, to the same numbers.
    threads : int, optional
    progress : callable, optional
        Called with the number of customers done, of the existing ones and then of the new ones.

    Returns
    -------
    CashFlow

    Raises
    ------
    SettingsError
        New customers cannot be grouped by a sequence; or the forecast has no calendar months.
    DataError
        A group is called "all"; or the plan lacks a column, starts before the forecast, has numbers of
        customers or costs that are none, or brings nobody before the forecast ends.

    Notes
    -----
    New customers live through the same worlds as the existing ones: a good year is good for both. Every one
    of a plan is simulated, so that the sums carry the luck of so many and no more; arrivals are spread evenly
    over the plan's periods, and how many come is as sure as the plan. Draws are before costs.

    Gupta, Lehmann & Stuart (2004), "Valuing customers", on the value of customers there and yet to come.

    Examples
    --------
    >>> import lifecast as lc
    >>> import pandas as pd
    >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    >>> forecast = lc.CLTV().fit(rfm).forecast(rfm, horizon=26, annual_discount_rate=0.1, worlds=100)
    >>> plan = pd.DataFrame({"start": ["1997-10-01", "1998-01-01"], "new_customers": [300, 200]})
    >>> flow = lc.cash_flow(forecast, new_customers=plan)
    >>> flow.equity.index.to_list()
    [('all', 'existing'), ('all', 'new'), ('all', 'all')]
    """
    import pandas as pd

    if per not in ("period", "month"):
        raise SettingsError(f'per={per!r}: needed "period" or "month".')
    edges, months = (forecast.simulation.periods, None) if per == "period" else month_edges(forecast)
    groups, existing = existing_draws(forecast, by, None if months is None else edges, threads, progress)
    shape = next(iter(existing.values())).shape
    coming = {name: np.zeros(shape) for name in existing}
    counts = np.zeros(len(groups), np.int64)
    costs = None
    if new_customers is not None:
        if not (by is None or isinstance(by, str)):
            raise SettingsError(
                "by= is a value for each customer there, and those yet to come have none. Pass the name of "
                "an attribute of the RFM, and a plan that has it too."
            )
        newcomers = read_plan(new_customers, forecast, by)
        labels = labels_of(newcomers, by)
        costs_by_group = plan_costs(new_customers, forecast, by, edges)
        named = [*dict.fromkeys(labels), *costs_by_group]
        added = [label for label in dict.fromkeys(named) if label not in groups]
        groups = (*groups, *added)
        place = {label: number for number, label in enumerate(groups)}
        group = np.array([place[label] for label in labels], np.int64)
        counts = np.bincount(group, minlength=len(groups))
        sums = observer(newcomers.simulation, group, len(groups), None if months is None else edges)
        watch_newcomers(newcomers, sums, first_purchase, threads, progress)
        nobody = np.zeros((len(added), *shape[1:]))
        existing = {name: np.concatenate([draws, nobody]) for name, draws in existing.items()}
        coming = {name: sums.sums[-1][number] for number, name in enumerate(existing)}
        if costs_by_group and "value" in existing:
            nothing = np.zeros((2, edges.size - 1))
            spent = np.stack([costs_by_group.get(label, nothing) for label in groups], axis=1)
            costs = {"cost": spent[0], "discounted_cost": spent[1]}
    if by is not None and ALL in groups:
        raise DataError(f"by= has a group called {ALL!r}, which is what everybody is called. Rename it.")
    draws = {name: np.stack([existing[name], coming[name]], axis=1) for name in existing}
    blocks = blocks_of(draws, costs, groups, by is not None, new_customers is not None)
    probabilities = central(forecast.interval)
    unit, end = forecast.time_unit, forecast.observation_end
    names = ["group", "customers"]
    total: pd.DataFrame = pd.concat(
        {key: total_table(block.draws, probabilities) for key, block in blocks.items()},
        names=[*names, "measure"],
    )
    equity: Any = total.xs("discounted_value", level="measure") if "discounted_value" in draws else None
    if costs is not None:
        equity = equity.assign(cost=[block.costs[1].sum() for block in blocks.values()])
        equity["net"] = equity["mean"] - equity["cost"]
    periods = {
        key: with_costs(period_table(block.draws, edges, unit, end, probabilities), block, costs is not None)
        for key, block in blocks.items()
    }
    by_period = pd.concat(periods, names=names).reset_index(level=names).reset_index(drop=True)
    if months is not None:
        by_period.insert(2, "month", np.tile(months, len(blocks)))
    return CashFlow(by_period, total, equity, draws, costs, groups, counts)


def observer(
    simulation: Simulation, group: Integers, groups: int, edges: Floats | None
) -> PeriodSums | SumsBetween:
    """Sums by group in the forecast's periods, or between edges."""
    if edges is not None:
        return SumsBetween(simulation, group, groups, edges)
    return PeriodSums(simulation, simulation.worlds, group, groups, fixed_amounts=False)


def existing_draws(
    forecast: Forecast,
    by: Any,
    edges: Floats | None,
    threads: int | None,
    progress: Callable[[int], None],
) -> tuple[tuple[Any, ...], dict[str, Floats]]:
    """Groups of the customers who are there, and their draws (group, world, period)."""
    if edges is not None:
        labels, group = grouped(forecast.simulation, by)
        sums = SumsBetween(forecast.simulation, group, len(labels), edges)
        forecast.watch(sums, threads=threads, progress=progress)
        draws = {name: sums.total[place] for place, name in enumerate(forecast.draws)}
        return (tuple(labels) if by is not None else (ALL,)), draws
    if by is None:
        return (ALL,), {name: draws[None] for name, draws in forecast.draws.items()}
    found = forecast_by(forecast, by, threads=threads, progress=progress)
    return found.groups, found.draws


def labels_of(newcomers: Newcomers, by: str | None) -> list[Any]:
    """Each newcomer's group."""
    rfm = newcomers.simulation.rfm
    if by is None:
        return [ALL] * len(rfm)
    return list(rfm.attributes[by].to_pylist())


@dataclass(frozen=True, eq=False)
class Block:
    """Draws (world, period) of some customers; their costs, plain and discounted (2, period)."""

    draws: dict[str, Floats]
    costs: Floats


def blocks_of(
    draws: dict[str, Floats],
    costs: dict[str, Floats] | None,
    groups: tuple[Any, ...],
    is_grouped: bool,
    with_new: bool,
) -> dict[tuple[Any, str], Block]:
    """Every group and kind of customers to be shown, with sums over both."""
    periods = next(iter(draws.values())).shape[-1]
    nothing = np.zeros((2, periods))
    spent = np.zeros((2, len(groups), periods)) if costs is None else np.stack([*costs.values()])
    shown: list[tuple[Any, dict[str, Floats], Floats]] = [
        (group, {name: values[number] for name, values in draws.items()}, spent[:, number])
        for number, group in enumerate(groups)
    ]
    whole = ALL, {name: values.sum(axis=0) for name, values in draws.items()}, spent.sum(axis=1)
    blocks: dict[tuple[Any, str], Block] = {}
    for group, each, cost in [*shown, whole] if is_grouped else [whole]:
        blocks[group, "existing"] = Block({name: values[0] for name, values in each.items()}, nothing)
        if with_new:
            blocks[group, "new"] = Block({name: values[1] for name, values in each.items()}, cost)
            blocks[group, ALL] = Block({name: values.sum(axis=0) for name, values in each.items()}, cost)
    return blocks


def with_costs(table: "pd.DataFrame", block: Block, known: bool) -> "pd.DataFrame":
    """A table of periods with what was spent in each, and what is left."""
    if not known:
        return table
    table["cost"] = block.costs[0]
    for bound in ("", "_lower", "_median", "_upper"):
        table[f"net_value{bound}"] = table[f"value{bound}"] - table["cost"]
    return table
