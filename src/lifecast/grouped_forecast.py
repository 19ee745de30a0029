"""A forecast by group: the same futures, added up for each value of an attribute, or of any column."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.forecast import Forecast, period_table, total_table
from lifecast.period_sums import PeriodSums, grouped
from lifecast.saved_forecast import SavedForecast
from lifecast.settings import central

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class GroupedForecast:
    """Draws by group, and their reductions.

    Attributes
    ----------
    groups : tuple
        In order.
    customers : (group,) array
        How many each has.
    draws : dict of (group, world, period) arrays
        ``purchases``, ``value``, ``discounted_value``; over groups they add up to the forecast's own draws,
        to the last bit up to a million typical amounts in a world and period.
    portfolio, total : DataFrame
        As the forecast's, with a first column or index level ``group``.
    """

    groups: tuple[Any, ...]
    customers: Any
    draws: dict[str, Floats]
    portfolio: "pd.DataFrame"
    total: "pd.DataFrame"


def forecast_by(
    forecast: Forecast,
    by: "str | Sequence[Any] | pd.Series",
    *,
    threads: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> GroupedForecast:
    """Add a forecast up by group: its futures are simulated again, to the same numbers.

    Parameters
    ----------
    forecast : Forecast
    by : str, sequence or Series
        An attribute of the RFM, or a value for each customer in the forecast's order.
    threads : int, optional
    progress : callable, optional
        Called with the number of customers done.

    Returns
    -------
    GroupedForecast

    Raises
    ------
    SettingsError
        The RFM has no such attribute.
    DataError
        The sequence has another length than the forecast has customers.

    Examples
    --------
    >>> import lifecast as lc
    >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    >>> forecast = lc.CLTV().fit(rfm).forecast(rfm, horizon=13, worlds=100)
    >>> grouped = forecast.by(rfm.frequency > 0)
    >>> bool((grouped.draws["value"].sum(axis=0) == forecast.draws["value"]).all())
    True
    """
    simulation = forecast.simulation
    labels, group = grouped(simulation, by)
    sums = PeriodSums(simulation, simulation.worlds, group, len(labels), fixed_amounts=False)
    forecast.watch(sums, threads=threads, progress=progress)
    draws = {name: sums.sums[-1][place] for place, name in enumerate(forecast.draws)}
    return reduced_by_group(forecast, labels, np.bincount(group, minlength=len(labels)), draws)


def reduced_by_group(
    forecast: Forecast | SavedForecast, labels: Sequence[Any], customers: Any, draws: dict[str, Floats]
) -> GroupedForecast:
    """Draws (group, world, period) by measure with what they are reduced to, as the forecast's own are."""
    import pandas as pd

    probabilities = central(forecast.interval)
    by_group = [{name: values[place] for name, values in draws.items()} for place in range(len(labels))]
    names = pd.Index(labels, name="group")
    unit, end = forecast.time_unit, forecast.observation_end
    return GroupedForecast(
        tuple(labels),
        customers,
        draws,
        portfolio=pd.concat(
            [period_table(each, forecast.periods, unit, end, probabilities) for each in by_group],
            keys=names,
        ).reset_index(level=0),
        total=pd.concat([total_table(each, probabilities) for each in by_group], keys=names),
    )
