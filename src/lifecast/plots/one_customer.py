"""One customer: what was bought, how sure it is that the customer is still there, and what may come."""

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.errors import DataError, SettingsError
from lifecast.families.contract import DiscreteTime
from lifecast.forecast import Forecast
from lifecast.planning.chosen import only
from lifecast.planning.scenarios import add_up
from lifecast.plots.drawing import BAND, CAME, LINE, axes_of, finish, in_dates, short, span
from lifecast.plots.portfolio import fan
from lifecast.settings import tails
from lifecast.simulation import Simulation
from lifecast.tracking import purchase_days

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STEPS = 160
_STRIP, _GAP = 0.24, 0.06  # of the axes' height


def plot_customer(
    forecast: Forecast,
    customer: Any,
    log: Any,
    ax: "Axes | None" = None,
    *,
    customer_id: str | None = None,
    date: str | None = None,
    amount: str | None = None,
    merge_within: str | int = "day",
    date_format: str | None = None,
) -> "Axes":
    """Draw one customer's purchases, the probability of still being a customer over time, and what may come.

    Parameters
    ----------
    forecast : Forecast
        To a finite horizon.
    customer : id
        As in ``forecast.customers``.
    log, customer_id, date, amount, merge_within, date_format
        The log that was forecast from, by now perhaps longer, as `rfm_summary` took it.
    ax : matplotlib Axes, optional
        Where to draw; a new figure's by default.

    Returns
    -------
    matplotlib Axes
        With the number of purchases so far, and after the observation end the fan of what it may become;
        and what really came, where the log is longer. Above, in axes of its own, the probability of being a
        customer still, as it would have been on every day until then.

    Raises
    ------
    SettingsError
        The forecast knows no dates or has no end, its family counts opportunities, or there is no such
        customer.
    DataError
        The log says otherwise of the customer than the forecast.

    Examples
    --------
    >>> import lifecast as lc
    >>> log = lc.datasets.load_cdnow(sample=True)
    >>> rfm = lc.rfm_summary(log, observation_end="1997-09-30")
    >>> forecast = lc.CLTV().fit(rfm).forecast(rfm, 39, worlds=100)
    >>> plot_customer(forecast, 111, log).get_ylabel()
    'purchases so far'
    """
    from matplotlib.ticker import MaxNLocator

    simulation, unit, end = forecast.simulation, forecast.time_unit, forecast.observation_end
    if end is None or math.isinf(forecast.horizon) or isinstance(simulation.purchase_family, DiscreteTime):
        raise SettingsError(
            "Needed: a forecast made from a log, to a finite horizon, by a family that buys at any time."
        )
    ids = forecast.customers["customer_id"]
    places = np.flatnonzero((ids == customer).to_numpy())
    if not places.size:
        raise SettingsError(
            f"customer={customer!r}: there is none of that id in the forecast; the first is {ids.iloc[0]!r}."
        )
    one = only(simulation, places[:1])
    days = purchase_days(log, customer, end, customer_id, date, amount, merge_within, date_format)
    bought = days[days <= 0] / unit.days + one.rfm.T[0]  # time units since the first purchase
    if bought.size != one.rfm.frequency[0] + 1 or abs(bought[0]) > 1e-6:
        raise DataError(
            f"Up to {end} the log has {bought.size:,} purchases of customer {customer!r}, the forecast's RFM "
            f"{one.rfm.frequency[0] + 1:,}. Pass the log that was forecast from, and merge_within= as it was."
        )
    draws = add_up(one, None, lambda done: None)[0]  # (world, period)

    def day(t: Any) -> Any:
        """Time units after the observation end as dates."""
        return np.datetime64(end) + (np.asarray(t) * unit.days * 86400).astype("timedelta64[s]")

    ax = axes_of(ax)
    age, count = float(one.rfm.T[0]), bought.size
    ax.step(
        day(np.append(bought, age) - age), np.append(np.arange(1, count + 1), count), where="post",
        color=CAME, linewidth=1.5,
    )  # fmt: skip
    ax.plot(day(bought - age), np.arange(1, count + 1), "o", color=CAME, markersize=4, label="purchases")
    so_far = count + np.hstack([np.zeros((len(draws), 1)), np.cumsum(draws, axis=1)])
    fan(ax, day(simulation.periods), so_far, forecast.interval)
    later = days[days > 0] / unit.days
    later = later[later <= forecast.horizon]
    if later.size:
        ax.plot(
            day(later), count + np.arange(1, later.size + 1), "o", markerfacecolor="white", color=CAME,
            markersize=5, label="what came",
        )  # fmt: skip
    ax.axvline(day(0.0), color="0.4", linewidth=1, linestyle=(0, (1, 2)))
    ax.margins(x=0.02)
    ax.set_ylabel("purchases so far", loc="bottom")
    ax.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    in_dates(ax)
    times, alive = alive_over_time(one, bought)
    strip(ax, day(times - age), alive)
    total = np.sum(draws, axis=1)
    row = forecast.customers.iloc[int(places[0])]
    finish(
        ax,
        f"Customer {customer}: {count:,} purchases, still a customer with {alive[-1]:.0%}; "
        f"{short(row['purchases'])} more expected by {end + timedelta(days=forecast.horizon * unit.days)}, "
        f"{span(*np.quantile(total, tails(forecast.interval)))} with {forecast.interval:.0%}",
    )
    return ax


def strip(ax: "Axes", days: Any, alive: Floats) -> None:
    """Keep the upper part of the axes for the probability of being a customer still, in axes of its own."""
    top = ax.get_ylim()[1]
    ticks = [tick for tick in ax.get_yticks() if 0.0 <= tick <= top]
    ax.set_ylim(0.0, top / (1.0 - _STRIP - _GAP))
    ax.set_yticks(ticks)
    ax.spines["left"].set_bounds(0.0, top)
    above = ax.inset_axes((0.0, 1.0 - _STRIP, 1.0, _STRIP), sharex=ax)
    above.fill_between(days, alive, color=BAND, linewidth=0)
    above.plot(days, alive, color=LINE, linewidth=1.5)
    above.set_ylim(0.0, 1.05)
    above.set_yticks([0.0, 0.5, 1.0], ["0%", "50%", "100%"])
    above.set_ylabel("still a\ncustomer")
    above.tick_params(axis="x", labelbottom=False, length=0)
    above.spines[["top", "right"]].set_visible(False)
    above.patch.set_visible(False)
    above.grid(axis="y", color="0.9")


def alive_over_time(simulation: Simulation, bought: Floats) -> tuple[Floats, Floats]:
    """Times since the first purchase, and the probability then of being a customer still.

    Given what had been bought by then, at times ``bought`` (purchase,), and the parameters as known today.
    """
    age = float(simulation.rfm.T[0])
    # Just before a purchase, too, where the probability is at its lowest.
    times = np.unique(np.concatenate([np.linspace(0.0, age, _STEPS), bought, np.maximum(bought - 1e-6, 0.0)]))
    x = np.searchsorted(bought, times, side="right") - 1
    ((_, shared),) = simulation.worlds.by_kind(simulation.rfm)
    alive = simulation.purchase_family.probability_alive(x, bought[x], times, shared.purchases)
    return times, alive.mean(axis=1)
