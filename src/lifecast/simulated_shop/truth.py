"""What only a simulation knows: customers' own traits, their future, and the values that follow from them.

A customer buys at a rate lambda and leaves after each repeat purchase with probability p, so that purchases
are expected at the rate lambda exp(-lambda p u) after the time u: (1 - exp(-lambda p u)) / p of them until
then [BG/NBD given its traits; Fader, Hardie & Lee 2005]. The season is a clock: u is the shop's own time.
"""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from lifecast.arrays import Floats
from lifecast.errors import SettingsError
from lifecast.simulated_shop.channel import Channel
from lifecast.timeunit import DAYS_PER_YEAR

if TYPE_CHECKING:
    import pandas as pd

_PEAK_DAY = 345.0  # of the year: mid-December
_NEGLIGIBLE = 1e-9


@dataclass(frozen=True)
class Season:
    """The shop's clock: between 1 - height and 1 + height times as fast as the calendar, in a yearly wave.

    Attributes
    ----------
    height : float
    start : float
        Day of the year on which day 0 falls.
    """

    height: float
    start: float

    def clock(self, day: Floats) -> Floats:
        """Operational days passed since day 0."""
        year = 2.0 * math.pi / DAYS_PER_YEAR
        phase = year * (self.start - _PEAK_DAY)
        wave: Floats = np.sin(year * day + phase) - math.sin(phase)
        return day + self.height / year * wave

    def calendar(self, passed: Floats, last: float) -> Floats:
        """The day on which so much operational time has passed, up to the day `last`."""
        knots = np.linspace(0.0, last, math.ceil(8 * last) + 1)
        return np.interp(passed, self.clock(knots), knots)


@dataclass(frozen=True)
class Truth:
    """The truth of a simulated shop.

    Attributes
    ----------
    customers : DataFrame
        One row per customer, by id: ``customer_id``; as they are when the log ends: ``rate`` (purchases per
        year), ``dropout`` (probability to leave after a repeat purchase), ``mean_spend``, ``alive``; and of
        the time after the log, until ``future`` ends: ``purchases`` (days with one) and ``value`` as they
        came, ``expected_purchases`` and ``expected_value`` given all that is known of the customer.
    channels : tuple of Channel
    future : DataFrame
        What the same customers bought after the log's end: the log's own columns.
    horizon_days : float
        How long after the log's end the future ends.
    """

    customers: "pd.DataFrame"
    channels: tuple[Channel, ...]
    future: "pd.DataFrame"
    horizon_days: float
    _season: Season = field(repr=False)
    _end_day: float = field(repr=False)
    _joined: "pd.DataFrame" = field(repr=False)  # channel and day, one row per customer
    _offer: "Offered | None" = field(repr=False)
    _budget: dict[str, tuple[float, float]] = field(repr=False)  # usual customers and cost of a month

    def value_per_customer(self, days: float, annual_discount_rate: float = 0.0) -> "pd.Series[float]":
        """What a customer of each channel is expected to be worth, the first purchase included.

        The mean over all customers whom the channel might bring on the days on which it brought some, not
        over those whom it happened to bring; without the offer.

        Parameters
        ----------
        days : float
            From the first purchase on; `math.inf` for the whole life.
        annual_discount_rate : float, default 0
            Discounted to the first purchase, continuously.

        Returns
        -------
        pandas.Series
            Indexed by channel; in the log's currency.

        Examples
        --------
        >>> from lifecast.datasets import simulate_shop
        >>> value = simulate_shop(customers=1000, random_seed=1).truth.value_per_customer(365, 0.10)
        >>> bool(value["search"] > value["social"])
        True
        """
        import pandas as pd

        rate = _continuous(annual_discount_rate)
        edges = _steps(days, rate)
        kept = np.exp(-0.5 * rate * (edges[1:] + edges[:-1]))
        values = {}
        for channel in self.channels:
            born, times = np.unique(
                self._joined["day"][self._joined["channel"] == channel.name].to_numpy(), return_counts=True
            )
            passed = self._season.clock(born[:, None] + edges) - self._season.clock(born)[:, None]
            repeats = np.diff(_expected_purchases(channel, passed), axis=1) @ kept  # (day of joining,)
            mean = float(np.average(repeats, weights=times)) if born.size else math.nan
            values[channel.name] = channel.mean_spend * (1.0 + mean)
        return pd.Series(values, name="value").rename_axis("channel")

    def future_value(
        self,
        days: float | None = None,
        annual_discount_rate: float = 0.0,
        *,
        rate_factor: float = 1.0,
        dropout_factor: float = 1.0,
    ) -> Floats:
        """What each customer is expected to be worth after the log's end, given all that is known of them.

        Parameters
        ----------
        days : float, optional
            By default until `future` ends; `math.inf` for the rest of their lives.
        annual_discount_rate : float, default 0
            Discounted to the log's end, continuously.
        rate_factor, dropout_factor : float, default 1
            What an offer at the log's end would multiply every living customer's rate and dropout by.

        Returns
        -------
        (customer,) array
            In the order of `customers`.
        """
        traits = self.customers
        return self._expected_value(
            self._end_day,
            self.horizon_days if days is None else days,
            _continuous(annual_discount_rate),
            traits["rate"].to_numpy() * rate_factor,
            traits["dropout"].to_numpy() * dropout_factor,
            traits["alive"].to_numpy(),
        )

    def offer_gain(self, days: float, annual_discount_rate: float = 0.0) -> "pd.Series[float]":
        """What the offer is expected to add to each customer of the test, treated or not, from its day on.

        Parameters
        ----------
        days : float
            From the day of the offer on; `math.inf` for the rest of their lives.
        annual_discount_rate : float, default 0
            Discounted to the day of the offer, continuously.

        Returns
        -------
        pandas.Series
            Indexed by customer_id; zero for those who had left by then.

        Raises
        ------
        SettingsError
            Where the shop made no offer.
        """
        import pandas as pd

        if self._offer is None:
            raise SettingsError(
                "This shop made no offer. Pass offer=lc.datasets.Offer(...) to simulate_shop."
            )
        offer, rate = self._offer, _continuous(annual_discount_rate)
        with_it, without = (
            self._expected_value(
                offer.day, days, rate, offer.rate * faster, offer.dropout * looser, offer.alive
            )
            for faster, looser in ((offer.rate_factor, offer.dropout_factor), (1.0, 1.0))
        )
        ids = self.customers["customer_id"]
        return pd.Series(with_it - without, index=pd.Index(ids), name="gain")[offer.in_test]

    def new_customers(self, channel: str, monthly_cost: float) -> float:
        """How many customers a channel is expected to bring in a month for this cost: its response curve."""
        customers, cost = self._budget[channel]
        elasticity = next(c.elasticity for c in self.channels if c.name == channel)
        return customers * (monthly_cost / cost) ** elasticity if cost > 0.0 else customers

    def _expected_value(
        self, day: float, days: float, discount: float, rate: Floats, dropout: Floats, alive: np.ndarray
    ) -> Floats:
        """Expected value of the purchases in so many days after a day, (customer,)."""
        edges = _steps(days, discount)
        passed = self._season.clock(day + edges) - self._season.clock(np.array([day]))
        leaving = (rate * dropout / DAYS_PER_YEAR)[alive]
        left = np.ones(leaving.size)  # share of their purchases yet to come
        made = np.zeros(leaving.size)
        for k in range(edges.size - 1):
            now = left * -np.expm1(-leaving * (passed[k + 1] - passed[k]))
            made += np.exp(-0.5 * discount * (edges[k] + edges[k + 1])) * now
            left -= now
        values = np.zeros(alive.size)
        values[alive] = made / dropout[alive] * self.customers["mean_spend"].to_numpy()[alive]
        return values


@dataclass(frozen=True)
class Offered:
    """An offer as it was made, with customers' traits on that day, (customer,) each."""

    day: float
    rate_factor: float
    dropout_factor: float
    in_test: np.ndarray
    rate: Floats
    dropout: Floats
    alive: np.ndarray


def _continuous(annual_discount_rate: float) -> float:
    """The rate per day."""
    return math.log1p(annual_discount_rate) / DAYS_PER_YEAR


def _steps(days: float, discount: float) -> Floats:
    """Edges of steps so short that discounting at their middles is exact to 1e-6: days, and later months."""
    if math.isinf(days):
        if discount <= 0.0:
            raise SettingsError("days=inf needs annual_discount_rate > 0; without it value has no bound.")
        days = -math.log(_NEGLIGIBLE) / discount
    if discount == 0.0:
        return np.array([0.0, days])
    daily = np.arange(0.0, min(days, 3 * DAYS_PER_YEAR))
    monthly = np.arange(3 * DAYS_PER_YEAR, days, DAYS_PER_YEAR / 12)
    return np.concatenate([daily, monthly, [days]])


def _expected_purchases(channel: Channel, passed: Floats) -> Floats:
    """Expected repeat purchases of a new customer of the channel after these operational days.

    Over the gamma distribution of rates in closed form, over the beta distribution of p by Gauss-Jacobi.
    """
    from scipy.interpolate import CubicSpline
    from scipy.special import roots_jacobi

    if not np.max(passed) > 0.0:
        return np.zeros_like(passed)
    parameters = channel.parameters("day")
    r, alpha, a, b = (parameters[name] for name in ("r", "alpha", "a", "b"))
    nodes, weights = roots_jacobi(100, b - 1.0, a - 1.0)
    p, weights = 0.5 * (1.0 + nodes), weights / weights.sum()
    grid = np.expm1(np.linspace(0.0, np.log1p(np.max(passed)), 4000))
    expected = -(np.expm1(-r * np.log1p(p * grid[:, None] / alpha)) / p) @ weights
    smooth: Floats = CubicSpline(np.log1p(grid), expected)(np.log1p(passed))
    return smooth
