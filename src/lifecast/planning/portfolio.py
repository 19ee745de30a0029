"""Cash flow: what those who are there, and those yet to come, bring period by period."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.errors import DataError, SettingsError
from lifecast.forecast import Forecast, period_table, total_table
from lifecast.grouped_forecast import forecast_by
from lifecast.period_sums import PeriodSums
from lifecast.planning.newcomers import Newcomers, read_plan, watch_newcomers
from lifecast.settings import central

if TYPE_CHECKING:
    import pandas as pd

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
        Customer equity, the discounted value of ``total``: one row per group and customers. None where the
        model has no spend.
    draws : dict of (group, 2, world, period) arrays
        Existing customers first, then new ones (zero without a plan). Over both, and over groups, they add
        up to those of everybody.
    groups : tuple
        In the order of the draws.
    new_customers : (group,)
        How many come within the horizon.
    """

    periods: "pd.DataFrame"
    total: "pd.DataFrame"
    equity: "pd.DataFrame | None"
    draws: dict[str, Floats]
    groups: tuple[Any, ...]
    new_customers: Any


def cash_flow(
    forecast: Forecast,
    by: "str | Sequence[Any] | pd.Series | None" = None,
    *,
    new_customers: "pd.DataFrame | None" = None,
    first_purchase: bool = True,
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
        ``by`` need. Other columns do no harm.
    first_purchase : bool, default True
        Whether new customers' first purchases count.
    threads : int, optional
    progress : callable, optional
        Called with the number of customers done, of the existing ones and then of the new ones.

    Returns
    -------
    CashFlow

    Raises
    ------
    SettingsError
        New customers cannot be grouped by a sequence.
    DataError
        A group is called "all"; or the plan lacks a column, starts before the forecast, has numbers of
        customers that are none, or brings nobody before the forecast ends.

    Notes
    -----
    New customers live through the same worlds as the existing ones: a good year is good for both. Every one
    of a plan is simulated, so that the sums carry the luck of so many and no more; arrivals are spread evenly
    over the plan's periods, and how many come is as sure as the plan. Costs are not deducted.

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

    groups, existing = existing_draws(forecast, by, threads, progress)
    shape = next(iter(existing.values())).shape
    coming = {name: np.zeros(shape) for name in existing}
    counts = np.zeros(len(groups), np.int64)
    if new_customers is not None:
        if not (by is None or isinstance(by, str)):
            raise SettingsError(
                "by= is a value for each customer there, and those yet to come have none. Pass the name of "
                "an attribute of the RFM, and a plan that has it too."
            )
        newcomers = read_plan(new_customers, forecast, by)
        labels = labels_of(newcomers, by)
        added = [label for label in dict.fromkeys(labels) if label not in groups]
        groups = (*groups, *added)
        place = {label: number for number, label in enumerate(groups)}
        group = np.array([place[label] for label in labels], np.int64)
        counts = np.bincount(group, minlength=len(groups))
        sums = PeriodSums(
            newcomers.simulation, newcomers.simulation.worlds, group, len(groups), fixed_amounts=False
        )
        watch_newcomers(newcomers, sums, first_purchase, threads, progress)
        nobody = np.zeros((len(added), *shape[1:]))
        existing = {name: np.concatenate([draws, nobody]) for name, draws in existing.items()}
        coming = {name: sums.sums[-1][number] for number, name in enumerate(existing)}
    if by is not None and ALL in groups:
        raise DataError(f"by= has a group called {ALL!r}, which is what everybody is called. Rename it.")
    draws = {name: np.stack([existing[name], coming[name]], axis=1) for name in existing}
    blocks = blocks_of(draws, groups, by is not None, new_customers is not None)
    probabilities = central(forecast.interval)
    edges, unit, end = forecast.simulation.periods, forecast.time_unit, forecast.observation_end
    names = ["group", "customers"]
    total: pd.DataFrame = pd.concat(
        {key: total_table(block, probabilities) for key, block in blocks.items()}, names=[*names, "measure"]
    )
    equity: Any = total.xs("discounted_value", level="measure") if "discounted_value" in draws else None
    return CashFlow(
        periods=pd.concat(
            {key: period_table(block, edges, unit, end, probabilities) for key, block in blocks.items()},
            names=names,
        )
        .reset_index(level=names)
        .reset_index(drop=True),
        total=total,
        equity=equity,
        draws=draws,
        groups=groups,
        new_customers=counts,
    )


def existing_draws(
    forecast: Forecast, by: Any, threads: int | None, progress: Callable[[int], None]
) -> tuple[tuple[Any, ...], dict[str, Floats]]:
    """Groups of the customers who are there, and their draws (group, world, period)."""
    if by is None:
        return (ALL,), {name: draws[None] for name, draws in forecast.draws.items()}
    grouped = forecast_by(forecast, by, threads=threads, progress=progress)
    return grouped.groups, grouped.draws


def labels_of(newcomers: Newcomers, by: str | None) -> list[Any]:
    """Each newcomer's group."""
    rfm = newcomers.simulation.rfm
    if by is None:
        return [ALL] * len(rfm)
    return list(rfm.attributes[by].to_pylist())


def blocks_of(
    draws: dict[str, Floats], groups: tuple[Any, ...], grouped: bool, with_new: bool
) -> dict[tuple[Any, str], dict[str, Floats]]:
    """Draws (world, period) of every group and kind of customers to be shown, with sums over both."""
    whole = {name: values.sum(axis=0) for name, values in draws.items()}
    shown = [
        (group, {name: values[number] for name, values in draws.items()})
        for number, group in enumerate(groups)
    ]
    blocks: dict[tuple[Any, str], dict[str, Floats]] = {}
    for group, each in [*shown, (ALL, whole)] if grouped else [(ALL, whole)]:
        blocks[group, "existing"] = {name: values[0] for name, values in each.items()}
        if with_new:
            blocks[group, "new"] = {name: values[1] for name, values in each.items()}
            blocks[group, ALL] = {name: values.sum(axis=0) for name, values in each.items()}
    return blocks
