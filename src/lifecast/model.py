"""The model that people hold: settings in the constructor, data in `fit`, one call to a forecast."""

import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from lifecast.arrays import Floats
from lifecast.calendar import Calendar
from lifecast.conventions import Settings
from lifecast.errors import LifecastWarning, SettingsError
from lifecast.families import PURCHASE_FAMILIES, SPEND_FAMILIES, build
from lifecast.families.bg_nbd import BGNBD
from lifecast.families.contract import DiscreteTime, PurchaseFamily, SpendFamily
from lifecast.families.gamma_gamma import GammaGamma
from lifecast.forecast import Forecast, forecast_in_memory
from lifecast.foresight import Foresight
from lifecast.histories import Elsewhere, Histories, as_histories
from lifecast.influence import OUTLIERS, Outliers
from lifecast.learning import learn, told
from lifecast.matching import check_families, check_same_unit, warn_of_strangers
from lifecast.methods import METHODS, Method
from lifecast.parquet_forecast import forecast_to_parquet
from lifecast.parquet_rfm import ParquetRFM
from lifecast.pooling import check_method
from lifecast.posterior import Posterior
from lifecast.rfm import RFM
from lifecast.settings import check_draws, check_seed, check_work
from lifecast.spark_forecast import forecast_in_spark
from lifecast.spark_rfm import SparkRFM
from lifecast.timeunit import TimeUnit

if TYPE_CHECKING:
    import pandas as pd


class CLTV(Foresight, Settings):
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
    >>> model
    <CLTV: bg-nbd and gamma-gamma, fitted to 2,357 customers to 1997-09-30, in weeks>
    >>> model.forecast(rfm, horizon=39, annual_discount_rate=0.10, random_seed=1)
    <Forecast: 2,357 customers, 39 weeks from 1997-09-30, 1,000 worlds, 90% intervals>
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

    def __repr__(self) -> str:
        families = " and ".join(family.name for family in (self.purchases, self.spend) if family is not None)
        market = "" if self.market else ", without a market"
        if self._posterior is None:
            return f"<CLTV: {families}{market}, not fitted>"
        about = self._posterior.provenance
        whom = f"fitted to {about['customers']:,} customers" if "customers" in about else "known parameters"
        end = f" to {about['observation_end']}" if about.get("observation_end") else ""
        return f"<CLTV: {families}{market}, {whom}{end}, in {about['time_unit']}s>"

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
            say what the parameters are with and without; customers left out are scored all the same. The
            market is learned from all: an RFM's past is summed up before anybody is known to stand out. A
            customer who is most of the sales should be taken out of the log itself.

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
            raise SettingsError(
                f'method={method!r}: needed "auto", "laplace", "nuts" or "map". The maximum likelihood is '
                'method="map" with priors="flat".'
            )
        if any(family is not None and family.groups for family in (self.purchases, self.spend)):
            check_method(method)  # before one of them is fitted in vain
        if outliers not in OUTLIERS:
            raise SettingsError(f'outliers={outliers!r}: needed "keep" or "leave out".')
        check_draws(draws)
        check_seed(random_seed)
        histories = as_histories(rfm, set(self.attributes_needed))
        self._posterior = learn(
            histories, self.purchases, self.spend, self.market is not None, self.calendar, method, draws,
            random_seed, outliers,
        )  # fmt: skip
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
        bought = build({"family": families[0]}, PURCHASE_FAMILIES)
        paid = None if spend is None else build({"family": families[1]}, SPEND_FAMILIES)
        return cls.knowing(told(bought, purchases, paid, spend, TimeUnit.parse(time_unit)))

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
            A number of time units, "12 months", a date, or ``math.inf`` (which needs a discount rate). With
            families of opportunities (`BGBB`), a length or a date means as many of these as fit into it, give
            or take 2%: 365 days hold four quarters.
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
            it is, and on how many cores. With ``to``, a `lifecast.SavedForecast` of the whole book that can
            be added up by an attribute, too: a `lifecast.parquet_forecast.ParquetForecast`.
        """
        if (to is None) == isinstance(rfm, ParquetRFM):
            raise SettingsError(
                "to= is for customers who come from a file, and they need it: pass a lifecast.ParquetRFM and "
                'to="customers.parquet". Write the forecast of an RFM in memory with export; in Spark, '
                "write forecast.customers."
            )
        check_work(chunk_size, threads)
        if isinstance(rfm, SparkRFM | ParquetRFM):
            check_same_unit(rfm.time_unit, self.time_unit)
        else:
            self._same_unit(rfm)
        outlook = self._outlook(rfm, horizon, annual_discount_rate, margin, interval, worlds, random_seed)
        settings = {
            "annual_discount_rate": annual_discount_rate,
            "margin": margin,
            "random_seed": random_seed,
        }
        work = chunk_size, threads, progress
        found: Any
        if isinstance(rfm, SparkRFM):
            found = forecast_in_spark(rfm, outlook, interval, settings)
        elif isinstance(rfm, ParquetRFM):
            assert to is not None
            found = forecast_to_parquet(rfm, to, self.learned, outlook, interval, settings, *work)
        else:
            warn_of_strangers(rfm, self.learned, self.spend)
            found = forecast_in_memory(rfm, outlook, interval, settings, *work)
        return found  # type: ignore[no-any-return]

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

    def without_market(self) -> "CLTV":
        """The textbook model with the same parameters: every world runs at an even pace.

        Returns
        -------
        CLTV
            A new model; this one is unchanged.
        """
        model = CLTV(self.purchases, self.spend, market=None)
        if self._posterior is not None:
            model._posterior = replace(self._posterior, market={})
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
        return cls.knowing(Posterior.load(path))

    @classmethod
    def knowing(cls, posterior: Posterior) -> "CLTV":
        """A model that knows a posterior already: its families, and its market if there is one.

        Parameters
        ----------
        posterior : lifecast.posterior.Posterior

        Returns
        -------
        CLTV
        """
        provenance = posterior.provenance
        spend = provenance["spend"]
        model = cls(
            purchases=build(provenance["purchases"], PURCHASE_FAMILIES),
            spend=None if spend is None else build(spend, SPEND_FAMILIES),
            market="auto" if posterior.market else None,
        )
        model._posterior = posterior
        market = model._market
        model.calendar = None if market is None else market.calendar
        return model
