"""What a fitted model expects of customers, by its papers' formulas: no market, and no simulation."""

from collections.abc import Mapping
from datetime import date
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.errors import SettingsError
from lifecast.expectations import expectations, times_or_zero
from lifecast.families.contract import DiscreteTime
from lifecast.families.discrete_time import opportunities_meant
from lifecast.learned import Learned
from lifecast.market import steady_pace
from lifecast.new_customers import newly_acquired
from lifecast.rfm import RFM
from lifecast.settings import continuous_rate, margins
from lifecast.timeunit import TimeUnit, parse_horizon
from lifecast.worlds import Worlds, discounting

if TYPE_CHECKING:
    import pandas as pd


class ClosedForms(Learned):
    """Posterior means of what each customer, or a new one, is expected to do."""

    def probability_alive(self, rfm: RFM) -> "pd.Series":
        """Posterior mean probability that each customer is alive at the observation end.

        Parameters
        ----------
        rfm : RFM
            Customers to score, in the time unit of the fit.

        Returns
        -------
        pandas.Series, (customer,)
            Indexed by customer_id. Like all closed forms here it is of the textbook model: the market changes
            sums and intervals, and what is expected by a few percent.

        Examples
        --------
        >>> import lifecast as lc
        >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
        >>> model = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
        >>> round(float(model.probability_alive(rfm)[4]), 3)
        0.727
        """
        return self._expected(rfm, "p_alive", 0.0, 0.0, 0.0)

    def expected_purchases(self, rfm: RFM, horizon: float | str | date) -> "pd.Series":
        """Posterior mean of each customer's expected purchases within the horizon.

        Parameters
        ----------
        rfm : RFM
        horizon : float, str or date
            From the observation end, as `forecast` takes it.

        Returns
        -------
        pandas.Series, (customer,)
            Indexed by customer_id.

        Examples
        --------
        >>> import lifecast as lc
        >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
        >>> model = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
        >>> round(float(model.expected_purchases(rfm, 39)[4]), 3)
        1.226

        Notes
        -----
        Of BG/NBD: Fader, Hardie & Lee (2005), equation 10; that customer is the paper's example. The other
        families' equations are in their cards.
        """
        return self._expected(
            rfm, "purchases", 0.0, self._length(horizon, rfm.time_unit, rfm.observation_end), 0.0
        )

    def expected_spend(self, rfm: RFM) -> "pd.Series":
        """Posterior mean of each customer's expected amount per purchase, whether alive or not.

        Parameters
        ----------
        rfm : RFM
            With amounts.

        Returns
        -------
        pandas.Series, (customer,)
            In the data's currency, indexed by customer_id. Without a repeat purchase, the population's mean.

        Raises
        ------
        SettingsError
            The model has no spend family.
        """
        self._need_spend()
        return self._expected(rfm, "spend", 0.0, 0.0, 0.0)

    def expected_value(
        self,
        rfm: RFM,
        horizon: float | str | date,
        *,
        annual_discount_rate: float = 0.0,
        start: float | str | date = 0,
        margin: float | str = 1.0,
    ) -> "pd.Series":
        """Posterior mean of each customer's expected value between start and horizon.

        In closed form given the parameters, up to quadrature; discounted to the observation end.

        Parameters
        ----------
        rfm : RFM
            With amounts.
        horizon : float, str or date
            As `forecast` takes it; ``math.inf`` needs a discount rate.
        annual_discount_rate : float, default 0
            0.1 is 10% a year, continuously.
        start : float, str or date, default 0
            Where the window begins, counted like the horizon.
        margin : float or str, default 1
            Share of an amount that is value: a number, or the name of an attribute of the RFM.

        Returns
        -------
        pandas.Series, (customer,)
            In the data's currency, indexed by customer_id.

        Raises
        ------
        SettingsError
            The model has no spend family, or the horizon has no end and value is not discounted.

        Examples
        --------
        >>> import lifecast as lc
        >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
        >>> published = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
        >>> model = lc.CLTV.from_parameters(published, {"p": 6.25, "q": 3.74, "v": 15.44})
        >>> round(float(model.expected_value(rfm, "12 months", annual_discount_rate=0.1)[4]), 1)
        36.9
        """
        self._need_spend()
        begin = self._length(start, rfm.time_unit, rfm.observation_end)
        end = self._length(horizon, rfm.time_unit, rfm.observation_end)
        rate = continuous_rate(annual_discount_rate, rfm.time_unit)
        return self._expected(rfm, "value", begin, end, rate) * margins(margin, rfm)

    def expected_purchases_new_customer(
        self, horizon: float | str, customer: Mapping[str, Any] | None = None
    ) -> float:
        """Posterior mean of a new customer's expected repeat purchases within the horizon.

        Parameters
        ----------
        horizon : float or str
            From the first purchase, which does not count: a number of time units, or "12 months".
        customer : mapping, optional
            Its group and covariates, such as ``{"channel": "search"}``. By default a typical group, which
            need not be the average customer's, and covariates at their mean or first category.

        Returns
        -------
        float

        Examples
        --------
        >>> import lifecast as lc
        >>> model = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
        >>> round(model.expected_purchases_new_customer(52), 3)
        1.446
        """
        theta = self._of_new_customer(customer)
        length = self._length(horizon, self.time_unit)
        draws = theta.shape[0]
        x, T = np.zeros(1, np.int64), np.zeros(1)
        expected = self.purchases.expected_purchases(
            x, T, theta, np.zeros(draws), np.full((draws, 1), length), np.ones((draws, 1, 1))
        )
        alive = self.purchases.probability_alive(x, T, T, theta)  # some leave with the first purchase
        return float(np.mean(times_or_zero(alive, expected(x, T)[0])))

    def purchase_pmf(self, n: int, horizon: float | str, customer: Mapping[str, Any] | None = None) -> float:
        """Posterior mean probability that a new customer makes n repeat purchases within the horizon.

        Parameters
        ----------
        n : int
            Repeat purchases, 0 or more.
        horizon : float or str
            From the first purchase: a number of time units, or "12 months".
        customer : mapping, optional
            As `expected_purchases_new_customer` takes it.

        Returns
        -------
        float

        Raises
        ------
        SettingsError
            ``n`` is not one whole number from 0 up.

        Examples
        --------
        >>> import lifecast as lc
        >>> model = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
        >>> round(model.purchase_pmf(0, 39), 4)
        0.5738
        """
        if np.ndim(n) or n < 0 or n != int(n):
            raise SettingsError(f"n={n!r}: needed one whole number of repeat purchases, from 0 up.")
        length = self._length(horizon, self.time_unit)
        none, zero = np.zeros(1, np.int64), np.zeros(1)
        count = np.array([int(n)])
        probabilities = [
            np.exp(self.purchases.log_probability_of_count(none, zero, zero, count, length, theta, 0.0)[0])
            for theta in self._of_new_customer(customer)
        ]
        return float(np.mean(probabilities))

    def _length(self, horizon: float | str | date, unit: TimeUnit, end: date | None = None) -> float:
        """A horizon in time units; of a length or a date, the whole opportunities, where there are these."""
        length = parse_horizon(horizon, unit, end)
        if isinstance(self.purchases, DiscreteTime) and not isinstance(horizon, Real):
            return opportunities_meant(length)
        return length

    def _of_new_customer(self, customer: Mapping[str, Any] | None) -> Floats:
        """Parameters of purchases (draw, parameter) of one kind of customer, or of a typical one."""
        import pandas as pd

        population = self.learned.purchases
        if customer is None:
            return population.theta
        described = newly_acquired(self.learned, pd.DataFrame([dict(customer)]), self.time_unit)
        ((_, theta),) = population.by_kind(described)
        return theta

    def _expected(self, rfm: RFM, what: str, start: float, end: float, rate: float) -> "pd.Series":
        import pandas as pd

        self._same_unit(rfm)
        posterior = self.learned
        worlds = Worlds(posterior.purchases, posterior.spend, steady_pace(end, posterior.draws))
        whole_times = isinstance(self.purchases, DiscreteTime)
        values = expectations(
            rfm, worlds, self.purchases, self.spend, what,
            lambda scale: discounting(start, end, rate, scale, whole_times),
        )  # fmt: skip
        return pd.Series(values, index=pd.Index(rfm.customer_id.to_pandas(), name="customer_id"), name=what)
