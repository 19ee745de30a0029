"""The model that people hold: settings in the constructor, data in `fit`, one call to a forecast."""

import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lifecast.arrays import Floats
from lifecast.calendar import Calendar
from lifecast.closed_forms import ClosedForms
from lifecast.conventions import Settings
from lifecast.diagnostics import diagnose_purchases, diagnose_spend
from lifecast.errors import LifecastWarning, SettingsError
from lifecast.families import PURCHASE_FAMILIES, SPEND_FAMILIES, build
from lifecast.families.bg_nbd import BGNBD
from lifecast.families.contract import DiscreteTime, PurchaseFamily, SpendFamily
from lifecast.families.gamma_gamma import GammaGamma
from lifecast.fitting import fit_purchases, fit_spend
from lifecast.forecast import Forecast, period_table, total_table
from lifecast.histories import Elsewhere, Histories, as_histories
from lifecast.influence import OUTLIERS, QUICK_DRAWS, Outliers, fit_knowing_outliers
from lifecast.market import (
    Market,
    flatten,
    learn_market,
    market_check,
    steady_pace,
    unflatten,
    unknown_past,
)
from lifecast.matching import check_families, check_same_unit, warn_of_strangers
from lifecast.methods import METHODS, Method
from lifecast.new_customers import NewCustomers, expected_curve, look_ahead, newly_acquired
from lifecast.outlook import Outlook
from lifecast.parquet_forecast import forecast_to_parquet
from lifecast.parquet_rfm import ParquetRFM
from lifecast.pooling import check_method
from lifecast.population import Population
from lifecast.posterior import Check, Posterior
from lifecast.provenance import described, origin
from lifecast.rfm import RFM
from lifecast.settings import (
    central,
    check_bounded,
    check_draws,
    check_periods,
    check_seed,
    check_work,
    check_worlds,
    continuous_rate,
    known_parameters,
    margins,
)
from lifecast.simulation import Observer, Simulation, watch
from lifecast.spark_forecast import forecast_in_spark
from lifecast.spark_rfm import SparkRFM
from lifecast.timeunit import TimeUnit, parse_horizon
from lifecast.worlds import Worlds, draw_worlds, period_edges

if TYPE_CHECKING:
    import pandas as pd


class CLTV(ClosedForms, Settings):
    """Customer lifetime value: a family of purchases, a family of spend, and their joint posterior.

    Parameters
    ----------
    purchases : purchase family, default BGNBD()
    spend : spend family or None, default GammaGamma()
        None models purchases alone, for logs without amounts.
    market : "auto" or None, default "auto"
        "auto" lets the worlds share a market: a clock that runs fast or slow, prices that move and
        customers that drift, learned from the forecasts that could have been made earlier in the same log.
        None is the textbook model.
    calendar : table, optional
        What is known of the days: a column ``date``, every day of the log and of the horizons to come, and
        columns of numbers that are 0 on ordinary days, such as ``christmas`` or ``promotion``. What each does
        to purchases and to amounts is learned from the log (`calendar_effects`) and forecast for the days
        that have it. A column ``open`` says instead by itself what share of an ordinary day's business a day
        can do: 0 where the shop is closed. Any table, or the path of a CSV or Parquet file.

    Examples
    --------
    >>> import lifecast as lc
    >>> log = lc.datasets.load_cdnow(sample=True)
    >>> rfm = lc.rfm_summary(log, time_unit="week", observation_end="1997-09-30")
    >>> model = lc.CLTV().fit(rfm, random_seed=1)
    >>> forecast = model.forecast(rfm, horizon=39, annual_discount_rate=0.10, random_seed=1)
    >>> len(forecast.customers)
    2357
    """

    def __init__(
        self,
        purchases: PurchaseFamily = BGNBD(),
        spend: SpendFamily | None = GammaGamma(),
        *,
        market: Literal["auto"] | None = "auto",
        calendar: Any = None,
    ) -> None:
        if market not in ("auto", None):
            raise SettingsError(f'market={market!r}: needed "auto", or None for the textbook model.')
        check_families(purchases, spend)
        if calendar is not None and (market is None or isinstance(purchases, DiscreteTime)):
            raise SettingsError(
                "A calendar says when the market runs fast or slow, and this model has no market. Leave the "
                'calendar out, or use market="auto" and a family that buys at any time.'
            )
        self.purchases = purchases
        self.spend = spend
        self.market = market
        self.calendar = None if calendar is None else Calendar.read(calendar)
        self._posterior: Posterior | None = None
        self._market: Market | None = None

    # -- fitting ---------------------------------------------------------------------------------

    def fit(
        self,
        rfm: RFM | Histories | Elsewhere,
        y: None = None,
        *,
        method: Method = "auto",
        draws: int = 1000,
        random_seed: int = 0,
        outliers: Outliers = "keep",
    ) -> "CLTV":
        """Learn the parameters that customers share.

        Parameters
        ----------
        rfm : RFM, or Histories
            Customers, in memory or elsewhere (`ParquetRFM`, `SparkRFM`), or only how many of them share each
            history: the posterior is the same.
        y : None
            Ignored: scikit-learn's pipelines pass one.
        method : "auto", "laplace", "nuts" or "map"
            "laplace" draws from the whole posterior by importance sampling around its mode, which takes about
            a second; "nuts" by the No-U-Turn sampler in four chains, which takes longer and copes with any
            shape. "auto" (default) is "laplace", and "nuts" for a family that it does not serve well; the
            diagnostics say so. "map" keeps the mode alone (the maximum likelihood with flat priors).
        draws : int, default 1000
            Number of equally weighted posterior draws.
        random_seed : int, default 0
        outliers : "keep" or "leave out", default "keep"
            Whether customers who alone move the parameters by more than two posterior standard deviations,
            such as a test account with 5,000 purchases, take part. The diagnostics name them either way, and
            say what the parameters are with and without; customers left out are scored all the same.

        Returns
        -------
        CLTV
            The model itself.

        Raises
        ------
        DataError
            Nothing can be learned from this RFM, or the spend family needs a column that it lacks.
        """
        if method not in METHODS:
            raise SettingsError(f'method={method!r}: needed "auto", "laplace", "nuts" or "map".')
        if any(family is not None and family.groups for family in (self.purchases, self.spend)):
            check_method(method)  # before one of them is fitted in vain
        if outliers not in OUTLIERS:
            raise SettingsError(f'outliers={outliers!r}: needed "keep" or "leave out".')
        check_draws(draws)
        check_seed(random_seed)
        rng = np.random.default_rng(random_seed)
        if isinstance(rfm, SparkRFM):
            rfm = rfm.histories(set(self.attributes_needed))
        histories = as_histories(rfm, set(self.attributes_needed))
        purchases, bought_by, purchase_checks = fit_knowing_outliers(
            lambda those: fit_purchases(self.purchases, those, method, draws, rng),
            lambda those: fit_purchases(
                self.purchases, those, "laplace", QUICK_DRAWS, np.random.default_rng([random_seed, 4])
            ),
            histories, "purchases", outliers,
        )  # fmt: skip
        spend, paid_by = None, histories
        spend_checks: tuple[Check, ...] = ()
        if (family := self.spend) is not None:
            spend, paid_by, spend_checks = fit_knowing_outliers(
                lambda those: fit_spend(family, those, method, draws, rng),
                lambda those: fit_spend(
                    family, those, "laplace", QUICK_DRAWS, np.random.default_rng([random_seed, 5])
                ),
                histories, "spend", outliers,
            )  # fmt: skip
        self._market = None
        if self.market == "auto" and not isinstance(self.purchases, DiscreteTime):
            self._market = learn_market(
                histories.past
                or unknown_past(float(np.max(histories.purchases.T)), histories.time_unit.days),
                histories.time_unit.days,
                self.purchases,
                self.spend,
                np.empty((1, 0)) if spend is None else spend.population.theta.mean(axis=0, keepdims=True),
                np.random.default_rng([random_seed, 2]),
                self.calendar,
                histories.observation_end,
            )
        check_rng = np.random.default_rng([random_seed, 3])
        self._posterior = Posterior(
            purchases=purchases.population,
            spend=None if spend is None else spend.population,
            market={} if self._market is None else flatten(self._market),
            checks=purchases.checks
            + purchase_checks
            + diagnose_purchases(bought_by, purchases.population, check_rng)
            + (() if spend is None else spend.checks + spend_checks)
            + (() if spend is None else diagnose_spend(paid_by, spend.population, check_rng))
            + (() if self.market is None else (market_check(self._market),)),
            provenance=described(self.purchases, self.spend)
            | {"method": method, "draws": draws, "random_seed": random_seed, "outliers": outliers}
            | {"drawn_by": {part.family: part.method for part in (purchases, spend) if part is not None}}
            | origin(histories),
        )
        for check in self._posterior.checks:
            if not check.passed:
                warnings.warn(
                    f"{check.part}: {check.check} {check.figure:.4g}, needed {check.threshold}. "
                    f"{check.remedy}",
                    LifecastWarning,
                    stacklevel=2,
                )
        return self

    @classmethod
    def from_parameters(
        cls,
        purchases: Mapping[str, float | Floats],
        spend: Mapping[str, float | Floats] | None = None,
        *,
        families: tuple[str, ...] = ("bg-nbd", "gamma-gamma"),
        time_unit: str | float = "week",
    ) -> "CLTV":
        """A model whose parameters are known: published ones, or those of a model fitted elsewhere.

        Parameters
        ----------
        purchases, spend
            Parameter name to value, or to draws of it (draw,), in the given time unit and the data's
            currency.
        families
            Names of the purchase and the spend family.
        time_unit
            Unit of the parameters; only an RFM in this unit can be scored.

        Returns
        -------
        CLTV
            Without a market: nothing is known of one.

        Raises
        ------
        SettingsError
            A parameter is missing, unknown or out of its support, or the families have different numbers of
            draws.

        Examples
        --------
        >>> import lifecast as lc
        >>> published = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
        >>> model = lc.CLTV.from_parameters(published, time_unit="week")
        >>> round(model.expected_purchases_new_customer(6), 3)
        0.281
        """
        model = cls(
            purchases=build({"family": families[0]}, PURCHASE_FAMILIES),
            spend=None if spend is None else build({"family": families[1]}, SPEND_FAMILIES),
            market=None,
        )
        unit = TimeUnit.parse(time_unit)
        bought = known_parameters(model.purchases, purchases)
        paid = None if spend is None else known_parameters(model.spend, spend)
        count = max(len(bought), 1 if paid is None else len(paid))
        if not {len(bought), count if paid is None else len(paid)} <= {1, count}:
            raise SettingsError("The families were given different numbers of draws. Pass as many of both.")
        model._posterior = Posterior(
            purchases=Population.alike(model.purchases, np.tile(bought, (count // len(bought), 1))),
            spend=None
            if paid is None
            else Population.alike(model.spend, np.tile(paid, (count // len(paid), 1))),
            provenance=described(model.purchases, model.spend)
            | {"method": "known parameters", "time_unit": unit.name, "days": unit.days},
        )
        return model

    # -- forecasts -------------------------------------------------------------------------------

    def forecast(
        self,
        rfm: RFM | SparkRFM | ParquetRFM,
        horizon: float | str | date,
        *,
        to: str | os.PathLike[str] | None = None,
        annual_discount_rate: float = 0.0,
        margin: float | str = 1.0,
        interval: float = 0.90,
        worlds: int = 1000,
        random_seed: int = 0,
        chunk_size: int | None = None,
        threads: int | None = None,
        progress: Callable[[int], None] = lambda done: None,
    ) -> Forecast:
        """Simulate every customer's future and say what it is worth.

        Parameters
        ----------
        rfm : RFM, SparkRFM or ParquetRFM
            Customers to score, in the time unit of the fit.
        horizon
            A number of time units, "12 months", a date, or ``math.inf`` (which needs a discount rate).
        to : path, optional
            Where customers go who come from a `ParquetRFM`: a Parquet file, written whole or not at all.
        annual_discount_rate : float, default 0
            Value at time t counts (1 + rate) ** -years(t), continuously, at each purchase's own time.
        margin : float or str, default 1
            Share of an amount that is value: a number, or the name of an attribute of the RFM.
        interval : float, default 0.9
            Probability that the central intervals hold.
        worlds : int, default 1000
        random_seed : int, default 0
            The same seed gives the same numbers in any order, chunking or number of threads.
        chunk_size, threads : int, optional
            Customers simulated at a time, and threads; they change speed and memory only.
        progress : callable, optional
            Called with the number of customers done.

        Returns
        -------
        Forecast
            Of customers in Spark, a `lifecast.spark_forecast.SparkForecast`; Spark itself then says how far
            it is, and on how many cores. With ``to``, a `lifecast.SavedForecast` of the whole book.
        """
        asked = (horizon, annual_discount_rate, margin, interval, worlds, random_seed)
        settings = {
            "annual_discount_rate": annual_discount_rate,
            "margin": margin,
            "random_seed": random_seed,
        }
        if isinstance(rfm, SparkRFM):
            if to is not None:
                raise SettingsError(
                    "to= is for customers who come from a file. Of a forecast in Spark, customers stay in "
                    "Spark: write forecast.customers."
                )
            check_same_unit(rfm.time_unit, self._unit())
            found: Any = forecast_in_spark(rfm, self._outlook(rfm, *asked), interval, settings)
            return found  # type: ignore[no-any-return]
        if (to is None) == isinstance(rfm, ParquetRFM):
            raise SettingsError(
                "to= is for customers who come from a file, and they need it: pass a lifecast.ParquetRFM and "
                'to="customers.parquet"; or an RFM in memory, and write its forecast with export.'
            )
        if isinstance(rfm, ParquetRFM):
            assert to is not None
            check_same_unit(rfm.time_unit, self._unit())
            check_work(chunk_size, threads)
            written: Any = forecast_to_parquet(
                rfm, to, self._fitted(), self._outlook(rfm, *asked), interval, settings, chunk_size, threads,
                progress,
            )  # fmt: skip
            return written  # type: ignore[no-any-return]
        self._same_unit(rfm)
        check_work(chunk_size, threads)
        outlook = self._outlook(rfm, *asked)
        warn_of_strangers(rfm, self._fitted(), self.spend)
        columns, sums = outlook.answer(rfm, chunk_size=chunk_size, threads=threads, progress=progress)
        import pandas as pd

        customers = pd.DataFrame({"customer_id": rfm.customer_id.to_pandas(), **columns})
        unit, end, edges = rfm.time_unit, rfm.observation_end, outlook.periods
        draws = sums.draws
        return Forecast(
            customers=customers,
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
                rfm, outlook.worlds, self.purchases, self.spend, margins(margin, rfm), outlook.discount_rate,
                edges, random_seed,
            ),
        )  # fmt: skip

    def predict(self, rfm: RFM, horizon: float | str | date = "365 days", **outlook: Any) -> "pd.DataFrame":
        """The table of customers that `forecast` makes, with intervals: how a scikit-learn pipeline ends.

        Parameters
        ----------
        rfm, horizon, **outlook
            As `forecast` takes them.
        """
        return self.forecast(rfm, horizon, **outlook).customers

    def __sklearn_is_fitted__(self) -> bool:
        """Whether `fit` was called."""
        return self._posterior is not None

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
        posterior = self._fitted()
        unit = self._unit()
        length = parse_horizon(horizon, unit, None)
        rate = continuous_rate(annual_discount_rate, unit)
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
            to their middle, so a few percent of a year apart is close enough.
        customers, annual_discount_rate, margin, worlds, random_seed
            As `new_customers` takes them.

        Returns
        -------
        (world, kind, time) array
            Without the first purchase's own amount; kinds in the order of `new_customers`.
        """
        spend = self._need_spend()
        rfm = newly_acquired(self._fitted(), customers, self._unit())
        drawn = self._worlds(float(times[-1]), self._unit(), worlds, random_seed)
        rate = continuous_rate(annual_discount_rate, self._unit())
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

    def without_market(self) -> "CLTV":
        """The textbook model with the same parameters: every world runs at an even pace.

        Returns
        -------
        CLTV
            A new model; this one is unchanged.
        """
        model = CLTV(self.purchases, self.spend, market=None)
        model._posterior = None if self._posterior is None else replace(self._posterior, market={})
        return model

    def to_sql(
        self,
        horizon: float | str,
        *,
        table: str = "rfm",
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
    ) -> str:
        """Write the point forecast as a SQL query for the warehouse; see `lifecast.interop.sql.to_sql`."""
        from lifecast.interop.sql import to_sql

        return to_sql(self, horizon, table=table, annual_discount_rate=annual_discount_rate, margin=margin)

    # -- keeping ---------------------------------------------------------------------------------

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "CLTV":
        """Read a model that `save` wrote; no code in the file is run.

        Parameters
        ----------
        path : path

        Returns
        -------
        CLTV
            Which forecasts as the one that was saved, bit for bit.

        Raises
        ------
        FileFormatError
            Not a lifecast model, damaged, or of a newer format.
        """
        posterior = Posterior.load(path)
        spend = posterior.provenance["spend"]
        model = cls(
            purchases=build(posterior.provenance["purchases"], PURCHASE_FAMILIES),
            spend=None if spend is None else build(spend, SPEND_FAMILIES),
            market="auto" if posterior.market else None,
        )
        model._posterior = posterior
        model._market = unflatten(posterior.market) if posterior.market else None
        model.calendar = None if model._market is None else model._market.calendar
        return model

    # -- inside ----------------------------------------------------------------------------------

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
        length = parse_horizon(horizon, unit, end)
        rate = continuous_rate(annual_discount_rate, unit)
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
        posterior = self._fitted()
        if self._market is None:
            pace = steady_pace(end, count)
        else:
            pace = self._market.draw(end, unit.days, count, np.random.default_rng([seed, 1]), today)
        return draw_worlds(posterior, pace, np.random.default_rng([seed, 0]))
