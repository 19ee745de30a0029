"""Where a forecast's variance comes from: its futures again, with one source of chance after another added.

The same random numbers serve every time, so that futures differ by what was added alone.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.forecast import Forecast
from lifecast.period_sums import PeriodSums, grouped
from lifecast.worlds import Worlds

if TYPE_CHECKING:
    import pandas as pd


def split_variance(
    forecast: Forecast,
    by: str | None = None,
    threads: int | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> "pd.DataFrame":
    """Split the variance of every total into parameters, market, personal drift, purchase timing and spend.

    The forecast is simulated up to four times more, on the same random numbers: first with purchase timing
    alone uncertain, the parameters and the market's path at their means over worlds, nobody drifting and
    every amount at its expectation; then with amounts drawn (spend), customers' shocks (drift), parameters
    and market added, in this order. Each part is the variance that its step adds; the last step is the
    forecast itself.

    Parameters
    ----------
    forecast : Forecast
    by : str, optional
        An attribute of the RFM: the totals of each of its values, rather than of all customers. Takes memory
        in proportion to the number of values times worlds times periods.
    threads : int, optional
        How many to simulate in; the result does not depend on it.
    progress : callable, optional
        Called with the share that is done, up to 1.

    Returns
    -------
    DataFrame
        One row per measure (``purchases``, ``value``, ``discounted_value``), ``group`` where ``by`` is given,
        and ``period`` (1, 2, ... and "total", the whole horizon). Variances ``parameters, market, drift,
        timing, spend``, in squares of the measure's unit, their sum ``total``, and ``sd``, its root.

        Periods' parts do not add up to the horizon's: what is shared moves all periods together.

    Raises
    ------
    SettingsError
        The RFM has no such attribute.

    Notes
    -----
    Timing is all that is a customer's own about purchases: whether it is alive, how fast it buys, when it
    buys and leaves. Spend likewise: its own mean, and each amount about it.

    A part that is nearly zero may come out slightly negative, by the noise of simulation; it is left so, and
    the parts add up. Where a model has no such source of chance (no market, known parameters), its part is
    zero exactly. With 1000 worlds a variance is known to some 5%, to some 10% where the market with its heavy
    tails dominates: read shares in whole tens of percent, or ask for more worlds.

    Examples
    --------
    >>> import lifecast as lc
    >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    >>> forecast = lc.CLTV().fit(rfm).forecast(rfm, horizon=13, worlds=100)
    >>> table = forecast.uncertainty()
    >>> whole = table[(table["measure"] == "purchases") & (table["period"] == "total")].iloc[0]
    >>> max(("parameters", "market", "drift", "timing", "spend"), key=lambda part: whole[part])
    'market'
    """
    simulation = forecast.simulation
    labels, group = grouped(simulation, by)
    steps = added_step_by_step(simulation.worlds)
    runs = sum(not same(*pair) for pair in pairwise(steps)) + 1
    done = 0.0

    def sums(worlds: Worlds, fixed_amounts: bool) -> list[Floats]:
        nonlocal done
        seen = PeriodSums(simulation, worlds, group, len(labels), fixed_amounts)
        forecast.watch(
            seen,
            worlds=worlds,
            threads=threads,
            progress=lambda customers: progress((done + customers / len(group)) / runs),
        )
        done += 1.0
        return [variances(each[: len(forecast.draws)]) for each in seen.sums]

    timing, spend = sums(steps[0], fixed_amounts=True)
    found = [timing, spend]
    for before, worlds in pairwise(steps):
        found.append(found[-1] if same(before, worlds) else sums(worlds, fixed_amounts=False)[-1])
    return as_table(found, forecast, labels, by)


def added_step_by_step(worlds: Worlds) -> tuple[Worlds, Worlds, Worlds, Worlds]:
    """Worlds that share everything; with drift; with parameters of their own too; and as they are."""
    pace = worlds.pace
    nothing = np.zeros(len(worlds))
    alike = Worlds(
        purchases=worlds.purchases.at_mean(),
        spend=None if worlds.spend is None else worlds.spend.at_mean(),
        pace=replace(
            pace, clock=at_mean(pace.clock), price=at_mean(pace.price), drift=nothing, spend_drift=nothing
        ),
    )
    drifting = replace(alike, pace=replace(alike.pace, drift=pace.drift, spend_drift=pace.spend_drift))
    unsure = replace(drifting, purchases=worlds.purchases, spend=worlds.spend)
    return alike, drifting, unsure, worlds


def at_mean(values: Floats) -> Floats:
    """Every world's values (world, ...) at their mean; to the last bit as they are where all are alike."""
    if np.all(values == values[:1]):
        return values
    return np.tile(values.mean(axis=0), (values.shape[0], 1))


def same(one: Worlds, other: Worlds) -> bool:
    """Whether nothing differs between these worlds."""
    paces = ((getattr(one.pace, part.name), getattr(other.pace, part.name)) for part in fields(one.pace))
    populations = [(one.purchases, other.purchases), (one.spend, other.spend)]
    draws = (
        (ours.arrays[name], theirs.arrays[name])
        for ours, theirs in populations
        if ours is not None and theirs is not None
        for name in ours.arrays
    )
    return all(np.array_equal(*pair) for pair in (*draws, *paces))


def variances(sums: Floats) -> Floats:
    """Over worlds, of each period and of the whole horizon: (measure, group, period + 1)."""
    whole = sums.sum(axis=-1, keepdims=True)
    spread: Floats = np.concatenate([sums, whole], axis=-1).var(axis=2)
    return spread


def as_table(found: list[Floats], forecast: Forecast, labels: list[Any], by: str | None) -> "pd.DataFrame":
    """One row per measure, group and period, given the variances (measure, group, period) after each step."""
    import pandas as pd

    order = ("timing", "spend", "drift", "parameters", "market")
    parts = dict(zip(order, np.diff(np.stack(found), axis=0, prepend=0.0), strict=True))
    measures, groups, periods = found[0].shape
    table = pd.DataFrame({"measure": np.repeat(list(forecast.draws), groups * periods)})
    if by is not None:
        table["group"] = np.tile(np.repeat(np.array(labels, dtype=object), periods), measures)
    table["period"] = np.tile(np.array([*range(1, periods), "total"], dtype=object), measures * groups)
    for name in ("parameters", "market", "drift", "timing", "spend"):
        table[name] = parts[name].ravel()
    table["total"] = found[-1].ravel()
    table["sd"] = np.sqrt(table["total"])
    return table
