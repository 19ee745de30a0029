"""What people get: draws reduced to means, quantiles and probabilities once, at the very end."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.simulation import Observer, Simulation, watch
from lifecast.sums import Sums
from lifecast.timeunit import TimeUnit
from lifecast.worlds import Worlds

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Forecast:
    """What customers will buy and be worth, and how sure that is.

    Attributes
    ----------
    customers : DataFrame
        One row per customer, in the order given: ``customer_id``; posterior means ``p_alive``, ``purchases``,
        ``p_purchase`` (at least one purchase), ``spend_per_purchase``, ``cltv`` (discounted value);
        ``cltv_lower, cltv_median, cltv_upper`` of what the customer will really spend; ``cltv_mean_lower,
        cltv_mean_upper`` of its expectation. Money columns only where the model has spend.
    portfolio : DataFrame
        One row per period: ``period``, ``start``, ``end`` (dates where the data has them), then
        ``purchases``, ``value`` and ``discounted_value``, each as mean, ``_lower``, ``_median``, ``_upper``.
    total : DataFrame
        The same measures for the whole horizon, one row each: ``mean, lower, median, upper``.
    draws : dict of (world, period) arrays
        What the tables were reduced from: ``purchases``, ``value``, ``discounted_value``.
    sums : Sums
        The draws in a form that adds up exactly over forecasts of other customers.
    simulation : Simulation
        What the draws were simulated from.
    """

    customers: "pd.DataFrame"
    portfolio: "pd.DataFrame"
    total: "pd.DataFrame"
    draws: dict[str, Floats]
    sums: Sums = field(repr=False)
    horizon: float
    interval: float
    time_unit: TimeUnit
    observation_end: date | None
    settings: dict[str, Any]
    simulation: Simulation = field(repr=False)

    def watch(
        self,
        observer: Observer,
        *,
        worlds: Worlds | None = None,
        threads: int | None = None,
        progress: Callable[[int], None] = lambda done: None,
    ) -> None:
        """Show an observer the forecast's purchases again, to the last bit; or those of other worlds.

        Parameters
        ----------
        observer : lifecast.simulation.Observer
        worlds : Worlds, optional
            By default the forecast's own.
        threads : int, optional
        progress : callable, optional
            Called with the number of customers done.
        """
        simulation = self.simulation
        expected = np.asarray(self.customers["purchases"], np.float64)
        watch(
            simulation.rfm, worlds or simulation.worlds, simulation.purchase_family, simulation.spend_family,
            simulation.seed, observer, threads, progress, np.where(np.isfinite(expected), expected, 1.0),
        )  # fmt: skip

    def by(
        self,
        by: Any,
        *,
        threads: int | None = None,
        progress: Callable[[int], None] = lambda done: None,
    ) -> Any:
        """Add the forecast up by group; see `lifecast.grouped_forecast.forecast_by`."""
        from lifecast.grouped_forecast import forecast_by

        return forecast_by(self, by, threads=threads, progress=progress)

    def uncertainty(
        self,
        by: str | None = None,
        *,
        threads: int | None = None,
        progress: Callable[[float], None] = lambda share: None,
    ) -> "pd.DataFrame":
        """Split the variance of every total into its sources; see `lifecast.uncertainty.split_variance`."""
        from lifecast.uncertainty import split_variance

        return split_variance(self, by, threads, progress)

    def plot_portfolio(self, measure: str = "purchases", ax: Any = None, actual: Any = None) -> Any:
        """Draw the portfolio period by period; see `lifecast.plots.plot_portfolio`."""
        from lifecast.plots import plot_portfolio

        return plot_portfolio(self, measure=measure, ax=ax, actual=actual)

    def plot_uncertainty(self, measure: str = "purchases", ax: Any = None, table: Any = None) -> Any:
        """Draw where the variance comes from, period by period; see `lifecast.plots.plot_uncertainty`."""
        from lifecast.plots import plot_uncertainty

        return plot_uncertainty(self, measure=measure, ax=ax, table=table)


def period_table(
    draws: dict[str, Floats],
    edges: Floats,
    unit: TimeUnit,
    observation_end: date | None,
    probabilities: Floats,
) -> "pd.DataFrame":
    """One row per period, each measure reduced over worlds."""
    import pandas as pd

    def moment(t: float) -> Any:
        return t if observation_end is None else pd.Timestamp(observation_end) + timedelta(days=t * unit.days)

    table: dict[str, Any] = {
        "period": np.arange(1, edges.size),
        "start": [moment(t) for t in edges[:-1]],
        "end": [moment(t) for t in edges[1:]],
    }
    for measure, values in draws.items():
        table[measure] = values.mean(axis=0)
        for label, bound in zip(
            ("lower", "median", "upper"), np.quantile(values, probabilities, axis=0), strict=True
        ):
            table[f"{measure}_{label}"] = bound
    return pd.DataFrame(table)


def total_table(draws: dict[str, Floats], probabilities: Floats) -> "pd.DataFrame":
    """One row per measure, summed over periods in each world, then reduced over worlds."""
    import pandas as pd

    table = {}
    for measure, values in draws.items():
        totals = values.sum(axis=1)
        lower, median, upper = np.quantile(totals, probabilities)
        table[measure] = {"mean": totals.mean(), "lower": lower, "median": median, "upper": upper}
    return pd.DataFrame.from_dict(table, orient="index")
