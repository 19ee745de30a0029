"""A channel: how its customers buy, leave and spend, and what they cost."""

from dataclasses import dataclass

import numpy as np

from lifecast.errors import SettingsError
from lifecast.timeunit import DAYS_PER_YEAR, TimeUnit

# How much customers of one channel differ: shapes that all channels share.
RATE_SHAPE = 0.8  # r: the coefficient of variation of purchase rates is 1.1
DROPOUT_CONCENTRATION = 4.0  # a + b
AMOUNT_SHAPE = 4.0  # p: the coefficient of variation of one customer's amounts is 0.5
SPEND_SHAPE = 5.0  # q: that of customers' mean spends is 0.58


@dataclass(frozen=True)
class Channel:
    """A source of customers: means over its customers, and the price of one.

    Customers differ around these means as BG/NBD and Gamma-Gamma say: purchase rates are gamma distributed,
    chances to leave beta, mean spends inverse gamma.

    Attributes
    ----------
    name : str
    share : float
        Of all customers, positive; shares are relative to those of the other channels.
    purchases_per_year : float
        Mean purchase rate of a customer who stays.
    dropout : float
        Mean probability to leave for good after a repeat purchase, between 0 and 1.
    mean_spend : float
        Mean amount of a purchase.
    cost_per_customer : float, default 0
        At the usual monthly budget; 0 for a channel that costs nothing.
    elasticity : float, default 0.7
        New customers grow with the monthly cost to this power, above 0 and at most 1.

    Raises
    ------
    SettingsError
        Where a figure is out of its range.

    Examples
    --------
    >>> search = Channel("search", 0.4, purchases_per_year=4, dropout=0.25, mean_spend=40)
    >>> {name: round(value, 3) for name, value in search.parameters("week").items()}
    {'r': 0.8, 'alpha': 10.436, 'a': 1.0, 'b': 3.0, 'p': 4.0, 'q': 5.0, 'v': 40.0}
    """

    name: str
    share: float
    purchases_per_year: float
    dropout: float
    mean_spend: float
    cost_per_customer: float = 0.0
    elasticity: float = 0.7

    def __post_init__(self) -> None:
        ranges = {
            "share": self.share > 0,
            "purchases_per_year": self.purchases_per_year > 0,
            "dropout": 0 < self.dropout < 1,
            "mean_spend": self.mean_spend > 0,
            "cost_per_customer": self.cost_per_customer >= 0,
            "elasticity": 0 < self.elasticity <= 1,
        }
        for field, good in ranges.items():
            if not (good and np.isfinite(getattr(self, field))):
                raise SettingsError(
                    f"Channel {self.name!r} has {field}={getattr(self, field)}. Needed: positive figures, "
                    "dropout below 1, elasticity at most 1; a cost may be 0."
                )

    def parameters(self, time_unit: str | float | TimeUnit) -> dict[str, float]:
        """Its parameters in the papers' names, for times in this unit: r, alpha, a, b, p, q, v."""
        years = TimeUnit.parse(time_unit).days / DAYS_PER_YEAR
        return {
            "r": RATE_SHAPE,
            "alpha": RATE_SHAPE / (self.purchases_per_year * years),
            "a": DROPOUT_CONCENTRATION * self.dropout,
            "b": DROPOUT_CONCENTRATION * (1.0 - self.dropout),
            "p": AMOUNT_SHAPE,
            "q": SPEND_SHAPE,
            "v": self.mean_spend * (SPEND_SHAPE - 1.0) / AMOUNT_SHAPE,
        }


DEFAULT_CHANNELS = (
    Channel("search", 0.40, 4.0, 0.25, 40.0, cost_per_customer=30.0, elasticity=0.60),
    Channel("social", 0.25, 3.0, 0.40, 35.0, cost_per_customer=22.0, elasticity=0.50),
    Channel("direct", 0.15, 4.5, 0.20, 42.0),
    Channel("referral", 0.12, 5.0, 0.18, 42.0, cost_per_customer=20.0, elasticity=0.80),
    Channel("partner A", 0.05, 3.5, 0.30, 55.0, cost_per_customer=45.0, elasticity=0.75),
    Channel("partner B", 0.025, 5.5, 0.15, 60.0, cost_per_customer=60.0, elasticity=0.75),
    Channel("partner C", 0.005, 2.0, 0.45, 30.0, cost_per_customer=35.0, elasticity=0.75),
)
