"""What if: the same futures with customers who buy, stay or spend differently, or with other money terms."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.book import customer_keys
from lifecast.errors import SettingsError
from lifecast.families.changed import Factor, changed
from lifecast.forecast import Forecast
from lifecast.period_sums import PeriodSums
from lifecast.planning.chosen import chosen, only
from lifecast.planning.expected import AS_IT_IS, Change, expected_by_world
from lifecast.planning.newcomers import Newcomers, read_plan, watch_newcomers
from lifecast.settings import check_bounded, continuous_rate, tails
from lifecast.simulation import Simulation, watch

if TYPE_CHECKING:
    import pandas as pd

ONE_PERCENT = 0.01
VERSIONS = ("baseline", "scenario", "difference")


@dataclass(frozen=True, eq=False)
class Scenario:
    """A forecast under other circumstances, beside the forecast as it was.

    Attributes
    ----------
    total : DataFrame
        One row per measure (``purchases``, ``value``, ``discounted_value``), of all customers over the whole
        horizon: ``baseline``, ``scenario`` and ``difference``, each as mean, ``_lower`` and ``_upper``.
    portfolio : DataFrame
        The same for each period: ``measure, period, start, end``, then these columns.
    baseline, scenario : dict of (world, period) arrays
        What the tables were reduced from; world by world the difference is that of the same customers on the
        same random numbers.
    customers : int
        How many the change is about, of those who are there.
    """

    total: "pd.DataFrame"
    portfolio: "pd.DataFrame"
    baseline: dict[str, Floats]
    scenario: dict[str, Floats]
    customers: int


def scenario(
    forecast: Forecast,
    *,
    purchase_rate: Factor = 1.0,
    dropout: Factor = 1.0,
    average_order: Factor = 1.0,
    margin: float = 1.0,
    commission: float = 0.0,
    annual_discount_rate: float | None = None,
    who: Any = None,
    new_customers: "pd.DataFrame | None" = None,
    referred: float = 0.0,
    referral_uplift: float = 0.0,
    threads: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Scenario:
    """Forecast again as if something were different from now on, for all customers or for some.

    Parameters
    ----------
    forecast : Forecast
    purchase_rate : float or (world,), default 1
        Factor of how often living customers buy. BG/NBD customers leave after purchases, so who buys more
        often also leaves sooner.
    dropout : float or (world,), default 1
        Factor of the probability to leave after a purchase: 0.9 is 10% fewer who leave.
    average_order : float or (world,), default 1
        Factor of every amount.
    margin : float, default 1
        Factor of each customer's margin.
    commission : float, default 0
        Share of the value that is given away.
    annual_discount_rate : float, optional
        By default the forecast's. An infinite horizon ends where the forecast's own did.
    who : sequence of bool, or str, optional
        Whom all this is about: a truth value for each customer, or "attribute=value". By default everybody.
    new_customers : DataFrame, optional
        A plan of customers yet to come, as `cash_flow` takes it: they count too, before and after, and the
        change is about them as well.
    referred, referral_uplift : float, default 0
        A referral programme: the share of the new customers concerned who will come by it, and by how much
        more each purchase of theirs brings, 0.16 for 16%.
    threads : int, optional
    progress : callable, optional
        Called with the number of customers simulated.

    Returns
    -------
    Scenario

    Raises
    ------
    SettingsError
        A figure is out of range, an attribute is unknown, the family cannot buy or leave differently, or
        there are referrals without new customers.
    DataError
        ``who`` has another length than the forecast has customers, or the plan cannot be read.

    Notes
    -----
    The forecast is simulated again with each customer's own random numbers, so that a world differs from
    itself by the change alone: who buys more often makes the same purchases sooner, and then more; who leaves
    less readily makes those that were made anyway, and more.

    Examples
    --------
    >>> import lifecast as lc
    >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    >>> forecast = lc.CLTV().fit(rfm).forecast(rfm, horizon=26, worlds=100)
    >>> fewer_leave = lc.scenario(forecast, dropout=0.9)
    >>> bool(fewer_leave.total.loc["purchases", "difference"] > 0)
    True
    """
    if not (math.isfinite(margin) and 0.0 <= commission <= 1.0):
        raise SettingsError(
            f"margin={margin}, commission={commission}: needed a factor, and a share between 0 and 1."
        )
    simulation = forecast.simulation
    about_money = np.any(np.not_equal(average_order, 1.0)) or (margin, commission) != (1.0, 0.0)
    if simulation.spend_family is None and (about_money or annual_discount_rate is not None):
        raise SettingsError(
            "This model has no spend, so average_order, margin, commission and annual_discount_rate change "
            "nothing. Fit one with spend, or change purchase_rate or dropout."
        )
    check_referrals(referred, referral_uplift, new_customers)
    change = Change(purchase_rate, dropout, average_order)
    change.check(len(simulation.worlds))
    rate = simulation.discount_rate
    if annual_discount_rate is not None:
        rate = continuous_rate(annual_discount_rate, forecast.time_unit)
        check_bounded(forecast.horizon, rate)
    family = changed(simulation.purchase_family, purchase_rate, dropout)

    def after(some: Simulation) -> Simulation:
        """The same customers after the change, but for what each of their purchases costs them."""
        return replace(
            some, purchase_family=family, margin=some.margin * margin * (1.0 - commission), discount_rate=rate
        )

    places = chosen(simulation.rfm, who)
    some = only(simulation, places)
    count = len(places)
    everybody = np.stack([*forecast.draws.values()])
    measures = len(everybody)
    orders = change.spend_factor(len(simulation.worlds))[:, None]
    then = add_up(after(some), threads, progress)
    then[1:] *= orders
    if count == len(simulation.rfm):
        now = everybody
    else:
        now = add_up(some, threads, lambda done: progress(count + done))[:measures]
    before, draws = everybody, everybody - now + then[:measures]
    if new_customers is not None:
        come, would_come = coming(
            forecast, new_customers, who, after, orders, referred, referral_uplift, threads
        )
        before, draws = before + come[:measures], draws + would_come[:measures]
    baseline, changed_draws = (dict(zip(forecast.draws, each, strict=True)) for each in (before, draws))
    total, portfolio = tables(forecast, baseline, changed_draws)
    return Scenario(total, portfolio, baseline, changed_draws, count)


def check_referrals(referred: float, uplift: float, new_customers: Any) -> None:
    """Refuse shares that are none, and referrals of nobody."""
    if not (0.0 <= referred <= 1.0 and math.isfinite(uplift) and uplift > -1.0):
        raise SettingsError(
            f"referred={referred}, referral_uplift={uplift}: needed a share of new customers, and by how "
            "much more they bring, such as 0.16."
        )
    if referred > 0.0 and new_customers is None:
        raise SettingsError(
            "referred= is a share of the new customers, and there are none. Pass a plan as new_customers=."
        )


def coming(
    forecast: Forecast,
    plan: "pd.DataFrame",
    who: Any,
    after: Callable[[Simulation], Simulation],
    orders: Floats,
    referred: float,
    uplift: float,
    threads: int | None,
) -> tuple[Floats, Floats]:
    """What new customers bring as things are, and after the change: (measure, world, period) each.

    Who comes by referral is drawn by each customer's own random number, so that with a larger share the same
    ones do, and others.
    """
    if not (who is None or isinstance(who, str)):
        raise SettingsError(
            "who= is a value for each customer there, and those yet to come have none. Pass "
            '"attribute=value", or None for everybody.'
        )
    newcomers = read_plan(plan, forecast, None if who is None else who.partition("=")[0])
    rfm = newcomers.simulation.rfm
    kind = np.zeros(len(rfm), np.int64)  # 0 not concerned, 1 concerned, 2 by referral
    concerned = np.arange(len(rfm))
    if who is not None:
        name, _, value = who.partition("=")
        concerned = np.flatnonzero(rfm.attributes[name].to_pandas().astype(str) == value)
    drawn = customer_keys(rfm.customer_id, newcomers.simulation.seed + 1)[concerned]
    kind[concerned] = 1 + (drawn.astype(np.float64) / 2.0**64 < referred)
    before = by_kind_of_newcomer(newcomers, kind, threads)
    changed_ones = Newcomers(after(only(newcomers.simulation, concerned)), newcomers.arrival[concerned])
    then = by_kind_of_newcomer(changed_ones, kind[concerned], threads)
    then[1:] *= orders
    then[1:, 2] *= 1.0 + uplift
    return before.sum(axis=1), before[:, 0] + then[:, 1:].sum(axis=1)


def by_kind_of_newcomer(newcomers: Newcomers, kind: Integers, threads: int | None) -> Floats:
    """Purchases, value and discounted value: (measure, kind, world, period)."""
    simulation = newcomers.simulation
    sums = PeriodSums(simulation, simulation.worlds, kind, 3, fixed_amounts=False)
    watch_newcomers(newcomers, sums, True, threads, lambda done: None)
    return sums.sums[-1]


def add_up(simulation: Simulation, threads: int | None, progress: Callable[[int], None]) -> Floats:
    """Purchases, value and discounted value of all customers: (measure, world, period)."""
    everybody = np.zeros(len(simulation.rfm), np.int64)
    sums = PeriodSums(simulation, simulation.worlds, everybody, 1, fixed_amounts=False)
    watch(
        simulation.rfm, simulation.worlds, simulation.purchase_family, simulation.spend_family,
        simulation.seed, sums, threads, progress,
    )  # fmt: skip
    return sums.sums[-1][:, 0]


def tables(
    forecast: Forecast, before: dict[str, Floats], changed_draws: dict[str, Floats]
) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """Of the whole horizon, and by period."""
    import pandas as pd

    bounds = tails(forecast.interval)
    whole, by_period = {}, []
    for measure, baseline in before.items():
        versions = baseline, changed_draws[measure], changed_draws[measure] - baseline
        whole[measure] = reduced([draws.sum(axis=1) for draws in versions], bounds)
        periods = forecast.portfolio[["period", "start", "end"]].copy()
        periods.insert(0, "measure", measure)
        by_period.append(periods.assign(**reduced(versions, bounds)))
    return (
        pd.DataFrame.from_dict(whole, orient="index").rename_axis("measure"),
        pd.concat(by_period, ignore_index=True),
    )


def reduced(versions: Any, bounds: Floats) -> dict[str, Any]:
    """Mean and bounds over worlds of the three versions."""
    columns = {}
    for name, draws in zip(VERSIONS, versions, strict=True):
        columns[name] = draws.mean(axis=0)
        columns[f"{name}_lower"], columns[f"{name}_upper"] = np.quantile(draws, bounds, axis=0)
    return columns


def elasticities(forecast: Forecast, *, new_customers: "pd.DataFrame | None" = None) -> "pd.DataFrame":
    """What one percent of each lever is worth, from today on.

    Parameters
    ----------
    forecast : Forecast
        With money.
    new_customers : DataFrame, optional
        A plan of customers yet to come, as `cash_flow` takes it: what one percent more of them is worth, or
        what it is worth if each of them, referred say, brings one percent more.

    Returns
    -------
    DataFrame
        One row per lever, the most valuable first: ``change``, what is supposed; ``value, value_lower,
        value_upper``, by how much the expected discounted value of all customers grows; ``percent,
        percent_lower, percent_upper``, the same as a percentage of it. Levers that the family has not, and a
        discount rate of zero, have no row. The commission's percent is one of the value, given away.

    Raises
    ------
    SettingsError
        The model has no spend.

    Notes
    -----
    In closed form, world by world: intervals are those of the expectation, from parameters and market, and
    hold no noise of simulation, but for new customers' row. The others are of customers already there.

    Examples
    --------
    >>> import lifecast as lc
    >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    >>> forecast = lc.CLTV().fit(rfm).forecast(rfm, horizon=52, annual_discount_rate=0.10, worlds=100)
    >>> round(float(lc.elasticities(forecast).loc["average_order", "percent"]), 6)
    1.0
    """
    import pandas as pd

    simulation = forecast.simulation
    if simulation.spend_family is None:
        raise SettingsError("This model has no spend, so nothing is worth anything. Fit one with spend.")
    levers = {
        "purchase_rate": ("1% more often", Change(purchase_rate=1.0 + ONE_PERCENT)),
        "dropout": ("1% fewer leave after a purchase", Change(dropout=1.0 - ONE_PERCENT)),
        "average_order": ("1% larger", Change(average_order=1.0 + ONE_PERCENT)),
    }
    for name in ("purchase_rate", "dropout"):
        change = levers[name][1]
        try:
            changed(simulation.purchase_family, change.purchase_rate, change.dropout)
        except SettingsError:
            del levers[name]
    changes = AS_IT_IS, *(change for _, change in levers.values())
    values = total_value(forecast, changes)
    found = {name: (what, values[i + 1]) for i, (name, (what, _)) in enumerate(levers.items())}
    found["margin"] = ("1% higher", values[0] * (1.0 + ONE_PERCENT))
    found["commission"] = ("1% of the value given away", values[0] * (1.0 - ONE_PERCENT))
    if new_customers is not None:
        newcomers = read_plan(new_customers, forecast)
        everybody = np.zeros(len(newcomers.arrival), np.int64)
        worth = by_kind_of_newcomer(newcomers, everybody, None)[2, 0].sum(axis=1)
        found["new_customers"] = ("1% more come, or each brings 1% more", values[0] + ONE_PERCENT * worth)
    if simulation.discount_rate > 0.0:
        annual = forecast.settings["annual_discount_rate"] * (1.0 - ONE_PERCENT)
        rate = continuous_rate(annual, forecast.time_unit)
        found["discount_rate"] = ("1% lower", total_value(forecast, (AS_IT_IS,), rate)[0])
    bounds = tails(forecast.interval)
    rows = {}
    for name, (what, value) in found.items():
        row: dict[str, Any] = {"change": what}
        for column, draws in (("value", value - values[0]), ("percent", 100.0 * (value / values[0] - 1.0))):
            row[column] = draws.mean()
            row[f"{column}_lower"], row[f"{column}_upper"] = np.quantile(draws, bounds)
        rows[name] = row
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("lever")
    return table.sort_values("value", ascending=False, kind="stable")


def total_value(
    forecast: Forecast, changes: tuple[Change, ...], discount_rate: float | None = None
) -> Floats:
    """Expected discounted value of all customers: (change, world)."""
    simulation = forecast.simulation
    total = np.zeros((len(changes), len(simulation.worlds)))
    for part in expected_by_world(simulation, forecast.horizon, changes, discount_rate):
        total += np.einsum("c,kcw->kw", simulation.margin[part.customer], part.amount)
    return total
