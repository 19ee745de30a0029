"""The life of a shop: who joins from where on which day, buys what when, and leaves."""

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.errors import SettingsError
from lifecast.simulated_shop.channel import AMOUNT_SHAPE, DEFAULT_CHANNELS, SPEND_SHAPE, Channel
from lifecast.simulated_shop.keys import accounts_of, keys_of
from lifecast.simulated_shop.truth import Offered, Season, Truth
from lifecast.timeunit import DAYS_PER_YEAR, parse_date

if TYPE_CHECKING:
    import pandas as pd

_BUDGET_SPREAD = 0.4  # sd of the log of a month's cost


@dataclass(frozen=True)
class Offer:
    """An offer made on one day to a random share of all who had bought by then, lost ones included.

    Attributes
    ----------
    month : int, default 12
        Made on a month's first day: that many months after the log's start.
    share : float, default 0.5
        Treated; the rest are the control.
    rate_factor : float, default 1
        Multiplies the purchase rate of the treated from then on.
    dropout_factor : float, default 1
        Multiplies their probability to leave after a repeat purchase.
    """

    month: int = 12
    share: float = 0.5
    rate_factor: float = 1.0
    dropout_factor: float = 1.0


@dataclass(frozen=True)
class SimulatedShop:
    """What a shop knows of itself, and the truth.

    Attributes
    ----------
    log : DataFrame
        One row per purchase, in order of time: ``customer_id`` (the person), ``date``, ``amount``,
        ``channel`` (through which the person came), ``account`` (under which the person bought).
    customers : DataFrame
        One row per person, by id: ``customer_id``, ``channel``, ``first`` (date of the first purchase),
        ``in_test`` (customers when the offer was made), ``treated`` (and got it).
    costs : DataFrame
        One row per channel and month: ``channel``, ``start`` (first day), ``cost``, ``new_customers``.
    identities : DataFrame
        One row per account: ``account``, ``email``, ``phone``, ``loyalty_card``, as people typed them, and
        ``customer_id``, whom they belong to, which a shop would not know.
    start, end : date
        First and last day of the log.
    truth : Truth
    """

    log: "pd.DataFrame"
    customers: "pd.DataFrame"
    costs: "pd.DataFrame"
    identities: "pd.DataFrame"
    start: date
    end: date
    truth: Truth = field(repr=False)


def simulate_shop(
    customers: int = 5000,
    *,
    months: int = 24,
    channels: tuple[Channel, ...] = DEFAULT_CHANNELS,
    season: float = 0.2,
    offer: Offer | None = None,
    horizon_days: float = 365.0,
    start: Any = "2023-01-01",
    random_seed: int = 0,
) -> SimulatedShop:
    """Simulate a shop with channels and their costs, people with several accounts, a season and an offer.

    Each customer buys as BG/NBD says in the shop's own time, and spends as Gamma-Gamma says. Monthly budgets
    vary, and with them the number of new customers, as each channel's response curve says.

    Parameters
    ----------
    customers : int, default 5000
        All who ever bought.
    months : int, default 24
        Whole months that the log covers; customers join throughout.
    channels : tuple of Channel
        By default seven, from 40% of customers down to a partner who brings one in 200.
    season : float, default 0.2
        Purchases come up to so much more often in December, and less in June; below 1, 0 for none.
    offer : Offer, optional
        By default none.
    horizon_days : float, default 365
        How long after the log's end the truth's future runs.
    start : str or date, default "2023-01-01"
        First day of the log: the first of a month.
    random_seed : int, default 0

    Returns
    -------
    SimulatedShop

    Raises
    ------
    SettingsError
        Where an argument is out of range.

    Examples
    --------
    >>> shop = simulate_shop(customers=1000, random_seed=1)
    >>> shop.customers["channel"].value_counts().idxmax()
    'search'
    >>> list(shop.costs.columns)
    ['channel', 'start', 'cost', 'new_customers']
    """
    import pandas as pd

    first_day = parse_date(start, "start")
    _check(customers, months, channels, season, first_day, horizon_days, offer)
    rng = np.random.default_rng(random_seed)
    edges = pd.date_range(first_day, periods=months + 1, freq="MS")
    month_days = np.asarray((edges - edges[0]).days, np.float64)
    names = np.array([channel.name for channel in channels])

    share = np.array([channel.share for channel in channels])
    usual = customers / months * share / share.sum()
    usual_cost = usual * np.array([channel.cost_per_customer for channel in channels])
    budget = np.exp(_BUDGET_SPREAD * rng.standard_normal((len(channels), months)))  # relative to the usual
    costs = usual_cost[:, None] * budget
    elasticity = np.array([channel.elasticity for channel in channels])
    response = usual[:, None] * np.where(costs > 0, budget, 1.0) ** elasticity[:, None]
    # As many customers as were asked for: the curves themselves are scaled to bring them.
    scale = customers / response.sum()
    usual, response = usual * scale, response * scale
    cell = np.repeat(np.arange(costs.size), rng.multinomial(customers, response.ravel() / customers))
    joined, month = cell // months, cell % months
    born = np.floor(month_days[month] + rng.uniform(size=customers) * np.diff(month_days)[month])
    order = np.lexsort((joined, born))
    joined, month, born = joined[order], month[order], born[order]
    ids = np.arange(1, customers + 1)

    parameters = {
        name: np.array([channel.parameters("year")[name] for channel in channels])[joined]
        for name in ("r", "alpha", "a", "b", "v")
    }
    rate = rng.gamma(parameters["r"], 1.0 / parameters["alpha"])  # per year
    dropout = rng.beta(parameters["a"], parameters["b"])
    nu = rng.gamma(SPEND_SHAPE, 1.0 / parameters["v"])
    clock = Season(season, float(first_day.timetuple().tm_yday - 1))
    end_day = month_days[-1]

    life = _Life(rng, clock, born + rng.uniform(size=customers), rate, dropout, end_day + horizon_days)
    offered, in_test, treated = None, np.zeros(customers, bool), np.zeros(customers, bool)
    if offer is not None:
        day = month_days[offer.month]
        life.live_until(day)
        in_test = born < day
        treated = in_test & (rng.uniform(size=customers) < offer.share)
        alive = life.alive & in_test
        factors = offer.rate_factor, offer.dropout_factor
        offered = Offered(day, *factors, in_test, rate.copy(), dropout.copy(), alive)
        rate[treated] *= offer.rate_factor
        dropout[treated] *= offer.dropout_factor
    life.live_until(end_day)
    alive_at_end = life.alive.copy()
    life.live_until(end_day + horizon_days)

    who, day = life.purchases()
    lines = pd.DataFrame(
        {
            "customer_id": ids[who],
            "date": edges[0] + pd.to_timedelta(np.floor(day).astype(np.int64), unit="D"),
            "amount": np.maximum(np.round(rng.gamma(AMOUNT_SHAPE, 1.0, who.size) / nu[who], 2), 0.01),
            "channel": names[joined[who]],
        }
    )
    person, code = accounts_of(rng, customers)
    lines["account"] = _account_used(rng, who, person, code)
    last = edges[-1] - pd.Timedelta(1, "D")
    log, future = lines[day < end_day], lines[day >= end_day].reset_index(drop=True)

    later = future.groupby("customer_id").agg(purchases=("date", "nunique"), value=("amount", "sum"))
    traits = pd.DataFrame(
        {
            "customer_id": ids,
            "rate": rate,
            "dropout": dropout,
            "mean_spend": AMOUNT_SHAPE / nu,
            "alive": alive_at_end,
        }
    ).join(later, on="customer_id")
    traits = traits.fillna({"purchases": 0, "value": 0.0}).astype({"purchases": np.int64})
    truth = Truth(
        traits,
        channels,
        future,
        horizon_days,
        clock,
        end_day,
        pd.DataFrame({"channel": names[joined], "day": born}),
        offered,
        {name: (float(n), float(cost)) for name, n, cost in zip(names, usual, usual_cost, strict=True)},
    )
    traits["expected_value"] = truth.future_value()
    traits.insert(
        len(traits.columns) - 1, "expected_purchases", traits["expected_value"] / traits["mean_spend"]
    )
    return SimulatedShop(
        log=log.reset_index(drop=True),
        customers=pd.DataFrame(
            {
                "customer_id": ids,
                "channel": names[joined],
                "first": edges[0] + pd.to_timedelta(born.astype(np.int64), unit="D"),
                "in_test": in_test,
                "treated": treated,
            }
        ),
        costs=pd.DataFrame(
            {
                "channel": np.repeat(names, months),
                "start": np.tile(edges[:-1], len(names)),
                "cost": np.round(costs.ravel(), 2),
                "new_customers": np.bincount(joined * months + month, minlength=costs.size),
            }
        ),
        identities=keys_of(rng, ids[person], code),
        start=first_day,
        end=last.date(),
        truth=truth,
    )


def _check(
    customers: int,
    months: int,
    channels: tuple[Channel, ...],
    season: float,
    start: date,
    horizon_days: float,
    offer: Offer | None,
) -> None:
    names = [channel.name for channel in channels]
    wrong = {
        f"customers={customers}: needed at least 1.": customers < 1,
        f"months={months}: needed at least 1.": months < 1,
        f"channels named {names}: needed at least one, each with a name of its own.": not names
        or len(set(names)) < len(names),
        f"season={season}: needed 0 or more, below 1.": not 0 <= season < 1,
        f"start={start}: needed the first of a month.": start.day != 1,
        f"horizon_days={horizon_days}: needed more than 0.": not 0 < horizon_days < np.inf,
        f"{offer}: needed a month within the log's {months}, a share between 0 and 1, positive factors.": (
            offer is not None
            and not (
                0 < offer.month < months
                and 0 < offer.share < 1
                and offer.rate_factor > 0
                and offer.dropout_factor > 0
            )
        ),
    }
    for message, is_so in wrong.items():
        if is_so:
            raise SettingsError(message)


class _Life:
    """Customers buying and leaving, each in the clock's time, from one moment to the next."""

    def __init__(
        self,
        rng: np.random.Generator,
        clock: Season,
        born: Floats,
        rate: Floats,
        dropout: Floats,
        last: float,
    ) -> None:
        self._rng, self._clock, self._last = rng, clock, last
        self._rate, self._dropout = rate, dropout  # shared: they may change between two calls
        self._now = clock.clock(born)
        self.alive = np.ones(born.size, bool)
        self._who, self._when = [np.arange(born.size)], [born]

    def live_until(self, day: float) -> None:
        """Let everyone who has joined by then buy until that day."""
        stop = float(self._clock.clock(np.array([day]))[0])
        who = np.flatnonzero(self.alive & (self._now < stop))
        at = self._now.copy()
        while who.size:
            at[who] += self._rng.exponential(DAYS_PER_YEAR / self._rate[who])
            who = who[at[who] < stop]
            self._who.append(who)
            self._when.append(self._clock.calendar(at[who], self._last))
            leaves = self._rng.uniform(size=who.size) < self._dropout[who]
            self.alive[who[leaves]] = False
            who = who[~leaves]
        self._now = np.maximum(self._now, stop)

    def purchases(self) -> tuple[Integers, Floats]:
        """Customer and day of every purchase, in order of time."""
        who, when = np.concatenate(self._who), np.concatenate(self._when)
        order = np.lexsort((who, when))
        return who[order], when[order]


def _account_used(rng: np.random.Generator, who: Integers, person: Integers, code: np.ndarray) -> np.ndarray:
    """The account of each purchase: any of the person's."""
    accounts = np.bincount(person, minlength=int(np.max(person)) + 1)
    first = np.cumsum(accounts) - accounts
    chosen = (rng.uniform(size=who.size) * accounts[who]).astype(np.int64)
    used: np.ndarray = code[first[who] + chosen]
    return used
