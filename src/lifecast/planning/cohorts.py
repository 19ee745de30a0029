"""Cohort tables: what became of customers, by when they first bought."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lifecast.engines.duckdb_measures import cohort_cells, waits_for_second
from lifecast.errors import SettingsError
from lifecast.planning.kaplan_meier import median_day, read_off, share_by_day
from lifecast.planning.purchases import Purchases, read_purchases
from lifecast.settings import check_interval

if TYPE_CHECKING:
    import pandas as pd

Period = Literal["week", "month", "quarter", "year"]
_OFFSETS = {"week": "W-SUN", "month": "M", "quarter": "Q", "year": "Y"}
_WINDOWS = (30, 90, 365)


@dataclass(frozen=True)
class Cohorts:
    """What became of the customers who first bought in the same week, month, quarter or year.

    Attributes
    ----------
    periods : DataFrame
        One row per cohort and calendar period since: ``cohort`` and ``start`` (first days), ``period`` (0 is
        the cohort's own), ``complete`` (False where the log ends within it), ``customers`` (of the cohort),
        ``active`` (of them, with a purchase), ``purchases``, ``retention`` (active per customer); and with
        amounts ``revenue``, ``revenue_per_customer`` and, cumulated from period 0,
        ``cumulative_revenue_per_customer``.
    summary : DataFrame
        One row per cohort: ``cohort``, ``customers``, ``purchases``, ``revenue``, ``repeat_rate`` (share with
        a second purchase so far), ``second_purchase_30``, ``_90``, ``_365`` (share with one within so many
        days, by Kaplan & Meier; NaN where nobody has been watched for so long) and ``median_days_to_second``
        (of all customers, infinite where fewer than half came back).
    second_purchase : DataFrame
        Over all cohorts, one row per day after the first purchase: ``days``, ``at_risk``, ``bought``,
        ``share`` (with a second purchase by then, by Kaplan & Meier), ``lower``, ``upper``.
    by : str or None
        The column, first in every table, by which customers are grouped.

    Notes
    -----
    Young cohorts have had less time: compare retention and cumulated revenue at the same period, and second
    purchases by the Kaplan & Meier columns, never by ``repeat_rate``. Where a log begins in mid-life, its
    first cohort holds old customers.
    """

    periods: "pd.DataFrame"
    summary: "pd.DataFrame"
    second_purchase: "pd.DataFrame"
    by: str | None

    def triangle(self, measure: str = "retention") -> "pd.DataFrame":
        """One measure of `periods` as a table of cohorts by periods since.

        Periods that the log's end cuts short are left out.

        Parameters
        ----------
        measure : str, default "retention"
            A column of `periods`, such as "retention" or "revenue".

        Returns
        -------
        pandas.DataFrame, (cohort, period)
            NaN where a cohort has not got so far.

        Raises
        ------
        SettingsError
            Where the measure is no column of `periods`.
        """
        if measure not in self.periods:
            raise SettingsError(
                f"measure={measure!r}: needed a column of periods, one of {list(self.periods.columns)}."
            )
        index = ["cohort"] if self.by is None else [self.by, "cohort"]
        whole = self.periods[self.periods["complete"]]
        return whole.pivot(index=index, columns="period", values=measure)


def cohorts(
    log: Any,
    *,
    customer_id: str | None = None,
    date: str | None = None,
    amount: str | None = None,
    by: str | None = None,
    period: Period = "month",
    observation_end: Any = None,
    returns: str = "net",
    interval: float = 0.90,
    date_format: str | None = None,
) -> Cohorts:
    """Follow the customers who first bought in the same calendar period, from a log of any size.

    Parameters
    ----------
    log : DataFrame, Arrow table, DuckDB relation, or path
        As in `rfm_summary`.
    customer_id, date, amount : str, optional
        Column names; by default the obvious ones. Without an amount there is no revenue.
    by : str, optional
        A column by whose first known value customers are also grouped, such as a channel.
    period : "week", "month", "quarter" or "year", default "month"
        Calendar periods, of cohorts and after; weeks begin on Mondays.
    observation_end : str or date, optional
        The last day observed; by default the log's last day.
    returns : "net" or "drop", default "net"
        As in `rfm_summary`: revenue is what was kept.
    interval : float, default 0.9
        Level of the interval around the share with a second purchase.
    date_format : str, optional
        As in `rfm_summary`.

    Returns
    -------
    Cohorts
        Purchases and revenue of all cohorts, periods and groups add up to those of the log.

    Raises
    ------
    DataError
        Where dates or amounts are missing or unreadable.
    SettingsError
        Where an argument is out of range or names no column.

    Examples
    --------
    >>> from lifecast.datasets import load_cdnow
    >>> tables = cohorts(load_cdnow(sample=True), period="month")
    >>> tables.summary["customers"].tolist()
    [781, 857, 719]
    >>> tables.triangle("retention").iloc[:, :4].round(3).values.tolist()[0]
    [1.0, 0.159, 0.122, 0.09]
    """
    import pandas as pd

    if period not in _OFFSETS:
        raise SettingsError(f"period={period!r}: needed 'week', 'month', 'quarter' or 'year'.")
    check_interval(interval)
    bought = read_purchases(
        log,
        customer_id=customer_id,
        date=date,
        amount=amount,
        by=by,
        observation_end=observation_end,
        returns=returns,
        date_format=date_format,
    )
    members, cells = (table.to_pandas() for table in cohort_cells(bought.ask, period))
    waits = waits_for_second(bought.ask, period).to_pandas()
    periods = _every_period(members, cells, period, bought)
    summary = _summary(periods, waits)
    curves = []
    for group, rows in waits.groupby("grouped", dropna=False, sort=False):
        curves.append(_curve(rows, interval))
        curves[-1].insert(0, "grouped", group)
    second = pd.concat(curves, ignore_index=True)
    named = [
        table.drop(columns="grouped") if by is None else table.rename(columns={"grouped": by})
        for table in (periods, summary, second)
    ]
    return Cohorts(named[0], named[1], named[2], by)


def _every_period(
    members: "pd.DataFrame", cells: "pd.DataFrame", period: Period, bought: Purchases
) -> "pd.DataFrame":
    """The cells, with those in which nobody bought, up to the end of the log."""
    import pandas as pd

    last = pd.Period(bought.end, freq=_OFFSETS[period])
    cohort = pd.PeriodIndex(members["cohort"], freq=_OFFSETS[period])
    length = np.array([(last - start).n + 1 for start in cohort])
    grid = members.loc[members.index.repeat(length)].reset_index(drop=True)
    grid["period"] = np.arange(len(grid)) - np.repeat(np.cumsum(length) - length, length)
    calendar = cohort.repeat(length) + grid["period"].to_numpy()
    table = grid.merge(cells, how="left", on=["grouped", "cohort", "period"])
    measures = [name for name in ("active", "purchases", "revenue") if name in cells]
    table[measures] = table[measures].fillna(0)
    table = table.astype({"active": np.int64, "purchases": np.int64})
    table["cohort"] = pd.to_datetime(table["cohort"])
    table["start"] = calendar.start_time
    table["complete"] = (calendar < last) | (last.end_time.date() <= bought.end)
    table = table[["grouped", "cohort", "period", "start", "complete", "customers", *measures]].copy()
    table["retention"] = table["active"] / table["customers"]
    if "revenue" in table:
        table["revenue_per_customer"] = table["revenue"] / table["customers"]
        cumulated = table.groupby(["grouped", "cohort"], dropna=False)["revenue_per_customer"].cumsum()
        table["cumulative_revenue_per_customer"] = cumulated
    return table


def _curve(waits: "pd.DataFrame", interval: float = 0.90) -> "pd.DataFrame":
    days, bought, customers = (waits[name].to_numpy() for name in ("days", "bought", "customers"))
    return share_by_day(days, bought, customers, interval)


def _summary(periods: "pd.DataFrame", waits: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    keys = ["grouped", "cohort"]
    sums = {name: (name, "sum") for name in ("purchases", "revenue") if name in periods}
    table = periods.groupby(keys, dropna=False, sort=False).agg(customers=("customers", "first"), **sums)
    rows = []
    for _, cohort in waits.groupby(keys, dropna=False, sort=False):
        curve, watched = _curve(cohort), float(cohort["days"].max())
        came_back = cohort["customers"][cohort["bought"]].sum() / cohort["customers"].sum()
        shares = {f"second_purchase_{days}": read_off(curve, days, watched) for days in _WINDOWS}
        rows.append({"repeat_rate": came_back} | shares | {"median_days_to_second": median_day(curve)})
    return pd.concat([table, pd.DataFrame(rows, index=table.index)], axis=1).reset_index()
