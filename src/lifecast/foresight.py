"""What a fitted model foresees by simulation: worlds, customers in them, and customers yet to come."""

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from lifecast.arrays import Floats
from lifecast.closed_forms import ClosedForms
from lifecast.market import steady_pace
from lifecast.new_customers import NewCustomers, expected_curve, look_ahead, newly_acquired
from lifecast.outlook import Outlook
from lifecast.parquet_rfm import ParquetRFM
from lifecast.rfm import RFM
from lifecast.settings import (
    central,
    check_bounded,
    check_periods,
    check_seed,
    check_worlds,
    continuous_rate,
    margins,
    warn_of_percents,
)
from lifecast.simulation import Observer, watch
from lifecast.spark_rfm import SparkRFM
from lifecast.timeunit import TimeUnit
from lifecast.worlds import Worlds, draw_worlds, period_edges

if TYPE_CHECKING:
    import pandas as pd


class Foresight(ClosedForms):
    """The worlds of a fitted model, and what is simulated in them."""

    def new_customers(
        self,
        horizon: float | str,
        *,
        customers: "pd.DataFrame | None" = None,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        first_purchase: bool = True,
        interval: float = 0.90,
        worlds: int = 1000,
        random_seed: int = 0,
    ) -> NewCustomers:
        """What customers not yet acquired will be worth, from their first purchase on.

        Parameters
        ----------
        horizon : float or str
            From the first purchase, as `forecast` takes it.
        customers : DataFrame, optional
            One row per kind of customer, named by its index, with the attributes that the model's groups and
            covariates need. By default one for each group, or a single one where there are no groups.
        annual_discount_rate, interval, worlds, random_seed
            As `forecast` takes them.
        margin : float, default 1
        first_purchase : bool, default True
            Whether the value includes the amount of the first purchase itself.

        Returns
        -------
        NewCustomers
            The mean, the spread between customers and the uncertainty of the mean, told apart.

        Raises
        ------
        SettingsError
            The model has no spend family, or ``customers`` lacks an attribute.

        Examples
        --------
        >>> import lifecast as lc
        >>> published = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
        >>> model = lc.CLTV.from_parameters(published, {"p": 6.25, "q": 3.74, "v": 15.44}, time_unit="week")
        >>> new = model.new_customers("1 year", first_purchase=False)
        >>> round(float(new.table.loc["new customer", "purchases"]), 3)  # 52.18 weeks
        1.449
        """
        spend = self._need_spend()
        probabilities = central(interval)
        check_worlds(worlds)
        posterior = self.learned
        unit = self.time_unit
        length = self._length(horizon, unit)
        rate = continuous_rate(annual_discount_rate, unit)
        warn_of_percents(annual_discount_rate, margin)
        check_bounded(length, rate)
        rfm = newly_acquired(posterior, customers, unit)
        drawn = self._worlds(period_edges(length, unit, rate)[-1], unit, worlds, random_seed)
        return look_ahead(
            rfm, drawn, self.purchases, spend, margins(margin, rfm), rate, length, first_purchase,
            probabilities, random_seed,
        )  # fmt: skip

    def new_customer_curve(
        self,
        times: Floats,
        *,
        customers: "pd.DataFrame | None" = None,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        worlds: int = 1000,
        random_seed: int = 0,
    ) -> Floats:
        """How the expected value of customers not yet acquired grows after their first purchase.

        Parameters
        ----------
        times : (time,)
            In time units from the first purchase, ascending from 0. Between two of them value is discounted
            to their middle, so a few percent of a year apart is close enough; with opportunities, to the last
            of these.
        customers, annual_discount_rate, margin, worlds, random_seed
            As `new_customers` takes them.

        Returns
        -------
        (world, kind, time) array
            Without the first purchase's own amount; kinds in the order of `new_customers`.
        """
        spend = self._need_spend()
        rfm = newly_acquired(self.learned, customers, self.time_unit)
        drawn = self._worlds(float(times[-1]), self.time_unit, worlds, random_seed)
        rate = continuous_rate(annual_discount_rate, self.time_unit)
        return expected_curve(rfm, drawn, self.purchases, spend, margins(margin, rfm), rate, times)

    def watch(
        self,
        rfm: RFM,
        horizon: float,
        observer: Observer,
        *,
        worlds: int = 1000,
        random_seed: int = 0,
        threads: int | None = None,
        progress: Callable[[int], None] = lambda done: None,
    ) -> None:
        """Show an observer every purchase that `forecast` with the same arguments simulates.

        For sums and scores of one's own: draws are made again rather than kept.

        Parameters
        ----------
        rfm, horizon, worlds, random_seed, threads, progress
            As `forecast` takes them; the horizon in time units, finite.
        observer : lifecast.simulation.Observer
        """
        self._same_unit(rfm)
        drawn = self._worlds(horizon, rfm.time_unit, worlds, random_seed, rfm.observation_end)
        watch(rfm, drawn, self.purchases, self.spend, random_seed, observer, threads, progress)

    def _outlook(
        self,
        customers: RFM | SparkRFM | ParquetRFM,
        horizon: float | str | date,
        annual_discount_rate: float,
        margin: float | str,
        interval: float,
        worlds: int,
        seed: int,
    ) -> Outlook:
        """What `forecast` is asked about customers of this time unit and observation end."""
        unit, end = customers.time_unit, customers.observation_end
        length = self._length(horizon, unit, end)
        rate = continuous_rate(annual_discount_rate, unit)
        warn_of_percents(annual_discount_rate, margin)
        check_bounded(length, rate)
        check_worlds(worlds)
        check_seed(seed)
        check_periods(length, worlds, unit)
        edges = period_edges(length, unit, rate)
        return Outlook(
            worlds=self._worlds(edges[-1], unit, worlds, seed, end),
            purchase_family=self.purchases,
            spend_family=self.spend,
            margin=margin,
            discount_rate=rate,
            horizon=length,
            periods=edges,
            probabilities=central(interval),
            seed=seed,
        )

    def _worlds(self, end: float, unit: TimeUnit, count: int, seed: int, today: date | None = None) -> Worlds:
        market = self._market
        if market is None:
            pace = steady_pace(end, count)
        else:
            pace = market.draw(end, unit.days, count, np.random.default_rng([seed, 1]), today)
        return draw_worlds(self.learned, pace, np.random.default_rng([seed, 0]))
