"""What people get: draws reduced to means, quantiles and probabilities once, at the very end."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lifecast.arrays import Floats
from lifecast.log_report import LogReport
from lifecast.outlook import Outlook
from lifecast.rfm import RFM
from lifecast.settings import margins
from lifecast.simulation import Observer, Simulation, watch
from lifecast.sums import Sums
from lifecast.timeunit import TimeUnit, in_words
from lifecast.worlds import Worlds

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from lifecast.saved_forecast import Members


@dataclass(frozen=True, repr=False)
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
    sums: Sums
    horizon: float
    interval: float
    time_unit: TimeUnit
    observation_end: date | None
    settings: dict[str, Any]
    simulation: Simulation

    def __repr__(self) -> str:
        ahead = in_words(self.horizon, self.time_unit, self.observation_end)
        return (
            f"<Forecast: {len(self.customers):,} customers, {ahead}, {len(self.simulation.worlds):,} "
            f"worlds, {100 * self.interval:g}% intervals>"
        )

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

    @property
    def periods(self) -> Floats:
        """Edges of the portfolio's periods, (period + 1,), in time units from the observation end."""
        return self.simulation.periods

    @property
    def members(self) -> "Members":
        """Which customers it is of, as a saved forecast knows them."""
        from lifecast.saved_forecast import Members

        return Members.of(self.simulation.rfm)

    @property
    def report(self) -> LogReport | None:
        """How the log was read; None where the RFM came from a bare table."""
        return self.simulation.rfm.report

    def save(self, path: str | os.PathLike[str]) -> None:
        """Keep the whole book's forecast in a small file, to be held against what comes.

        All customers' sums in every world, and how they were made: what `lifecast.monitor` needs. Customers
        one by one are written by `export`.

        Parameters
        ----------
        path : path
            Ends in ".nc" (netCDF); `lifecast.load_forecast` takes it back.
        """
        from lifecast.saved_forecast import save_forecast

        save_forecast(self, path)

    def export(
        self,
        to: str | os.PathLike[str],
        *,
        table: Literal["customers", "portfolio", "total"] = "customers",
        name: str = "lifecast",
        if_exists: Literal["replace", "append", "refuse"] = "replace",
    ) -> None:
        """Write the tables to a file or a database, whole or not at all.

        Parameters
        ----------
        to : path or str
            A file that ends in ".parquet" or ".csv" gets one table, ".xlsx" a formatted sheet for each. Or a
            database's address, such as ``"postgresql://user:password@host/database"``, which gets
            ``lifecast_customers``, ``lifecast_portfolio`` and ``lifecast_total`` in one transaction, with the
            columns ``observation_end, horizon, time_unit`` before and ``schema_version`` after the others.
        table : "customers", "portfolio" or "total", default "customers"
            Which table a ".parquet" or ".csv" file gets.
        name : str, default "lifecast"
            What the database's tables begin with; "marketing.cltv" puts them into the schema marketing.
        if_exists : "replace", "append" or "refuse", default "replace"
            What to do with tables that the database has. Files are replaced.

        Raises
        ------
        SettingsError
            It cannot be written there.

        Examples
        --------
        >>> import tempfile, lifecast as lc
        >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
        >>> forecast = lc.CLTV().fit(rfm).forecast(rfm, horizon=39, worlds=50)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     forecast.export(f"{folder}/cltv.xlsx")
        ...     forecast.export(f"sqlite:///{folder}/shop.db")
        """
        from lifecast.outputs import export

        export(self, to, table=table, name=name, if_exists=if_exists)

    def to_arrow(self, table: Literal["customers", "portfolio", "total"] = "customers") -> "pa.Table":
        """One of the tables in Arrow; the schema's metadata say what was forecast and how."""
        from lifecast.outputs import to_arrow

        return to_arrow(self, table)

    def to_polars(self, table: Literal["customers", "portfolio", "total"] = "customers") -> "pl.DataFrame":
        """One of the tables as a polars frame (pip install 'lifecast[polars]')."""
        import polars as pl

        frame = pl.from_arrow(self.to_arrow(table))
        assert isinstance(frame, pl.DataFrame)
        return frame

    def plot_portfolio(
        self, measure: str = "purchases", ax: Any = None, actual: Any = None, *, cumulative: bool = False
    ) -> Any:
        """Draw the portfolio period by period; see `lifecast.plots.plot_portfolio`."""
        from lifecast.plots import plot_portfolio

        return plot_portfolio(self, measure=measure, ax=ax, actual=actual, cumulative=cumulative)

    def plot_uncertainty(self, measure: str = "purchases", ax: Any = None, table: Any = None) -> Any:
        """Draw where the variance comes from, period by period; see `lifecast.plots.plot_uncertainty`."""
        from lifecast.plots import plot_uncertainty

        return plot_uncertainty(self, measure=measure, ax=ax, table=table)


def forecast_in_memory(
    rfm: RFM,
    outlook: Outlook,
    interval: float,
    settings: dict[str, Any],
    chunk_size: int | None,
    threads: int | None,
    progress: Callable[[int], None],
) -> Forecast:
    """Simulate the customers of an RFM and reduce what they do to tables.

    Parameters
    ----------
    interval : float
        That of the outlook's probabilities.
    settings : dict
        What to say of the forecast, as `Forecast.settings`.
    chunk_size, threads, progress
        As `lifecast.CLTV.forecast` takes them.
    """
    import pandas as pd

    columns, sums = outlook.answer(rfm, chunk_size=chunk_size, threads=threads, progress=progress)
    unit, end, edges = rfm.time_unit, rfm.observation_end, outlook.periods
    draws = sums.draws
    return Forecast(
        customers=pd.DataFrame({"customer_id": rfm.customer_id.to_pandas(), **columns}),
        portfolio=period_table(draws, edges, unit, end, outlook.probabilities),
        total=total_table(draws, outlook.probabilities),
        draws=draws,
        sums=sums,
        horizon=outlook.horizon,
        interval=interval,
        time_unit=unit,
        observation_end=end,
        settings=settings,
        simulation=Simulation(
            rfm, outlook.worlds, outlook.purchase_family, outlook.spend_family, margins(outlook.margin, rfm),
            outlook.discount_rate, edges, outlook.seed,
        ),
    )  # fmt: skip


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
