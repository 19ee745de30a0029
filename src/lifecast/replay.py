"""A log as it stood on an earlier day: what was known then, what came, and what rules of thumb would say."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date as Date
from datetime import timedelta
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.engines.duckdb_purchases import purchases
from lifecast.engines.duckdb_query import Ask, SummaryQuery
from lifecast.errors import SettingsError
from lifecast.from_log import days_to_merge, rfm_summary
from lifecast.rfm import RFM
from lifecast.timeunit import TimeUnit, parse_date, parse_horizon
from lifecast.transactions import Transactions, read_transactions

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Origin:
    """One day from which to forecast: what was known on it, and what came after it.

    The arrays are (customer, horizon, measure), in the order of the RFM: purchases first, then their amount
    where the log has amounts.

    Attributes
    ----------
    day : date
    rfm : RFM
        Of the log up to this day, as if nothing had followed.
    days : (horizon,)
        Days to the horizons that end within the log.
    actual
        What these customers bought up to each horizon.
    last_period
        What they bought, beyond their first purchases, in the equally long window up to this day. Where the
        log is younger than that, what they bought since it began, in proportion.
    history
        The historical-average formula: average purchase value times purchase frequency (repeat purchases per
        time since the first) times the horizon.
    group : (customer,) or None
        The group that each belongs to, as a number.
    group_names : tuple
        The groups by number; None stands for customers without one.
    """

    day: Date
    rfm: RFM
    days: Integers
    actual: Floats
    last_period: Floats
    history: Floats
    group: Integers | None
    group_names: tuple[Any, ...]


class Replay:
    """A log that is looked at from many earlier days.

    Parameters
    ----------
    log, customer_id, date, amount, merge_within, returns, date_format
        As `rfm_summary` takes them.
    time_unit : TimeUnit
    groups : str or None
        Column to group customers by.
    attributes : sequence of str
        Columns that the RFMs keep.
    past : bool
        Whether RFMs are to carry the log's past, from which a market is learned.
    """

    def __init__(
        self,
        log: Any,
        *,
        customer_id: str | None,
        date: str | None,
        amount: str | None,
        time_unit: TimeUnit,
        merge_within: str | int,
        returns: str,
        date_format: str | None,
        groups: str | None,
        attributes: Sequence[str],
        past: bool,
    ) -> None:
        self._attributes = tuple(attributes)
        self._kept = tuple(dict.fromkeys([*self._attributes, *([] if groups is None else [groups])]))
        read = read_transactions(
            log,
            customer_id=customer_id,
            date=date,
            amount=amount,
            attributes=self._kept,
            date_format=date_format,
        )
        # Held in memory once, so that no file is parsed again for every origin.
        self._lines: pa.Table = read.connection.sql("FROM lines").to_arrow_table()
        self.unit = time_unit
        self.first, self.last, self.has_amount = read.first, read.last, read.has_amount
        self._whole = self._opened(self._lines)
        self._merge_within, self._returns, self._groups, self._past = merge_within, returns, groups, past
        if returns == "refuse" and read.negative_lines:
            self.known(self.last)  # which says what is wrong

    def at(self, day: Date, days: Sequence[int]) -> Origin:
        """Look at the log from this day, up to so many days after it."""
        whole = self._summary(day)
        group, names = self._grouped(whole)
        rfm = self._told(whole)
        before = self._purchases(self._opened(self._lines_until(day)), Date.min, day)
        return Origin(
            day=day,
            rfm=rfm,
            days=np.array(days, np.int64),
            actual=np.stack(
                [self._sums(rfm, self._purchases(self._whole, day, day + timedelta(days=d))) for d in days],
                axis=1,
            ),
            last_period=np.stack([self._last_period(rfm, before, day, d) for d in days], axis=1),
            history=np.stack([self._average(rfm, d) for d in days], axis=1),
            group=group,
            group_names=names,
        )

    def known(self, day: Date) -> RFM:
        """The RFM of the lines up to this day: later ones are cut off before anything looks at them."""
        return self._told(self._summary(day))

    def _told(self, rfm: RFM) -> RFM:
        """With the attributes that were asked for, under their own names."""
        return replace(
            rfm, attributes={name: rfm.attributes[self._column(name)] for name in self._attributes}
        )

    def _column(self, name: str) -> str:
        return f"attribute_{self._kept.index(name)}"

    def _summary(self, day: Date) -> RFM:
        summary: RFM = rfm_summary(
            self._lines_until(day),
            customer_id="customer_id",
            date="day",
            amount="amount" if self.has_amount else None,
            time_unit=self.unit,
            observation_end=day,
            merge_within=self._merge_within,
            returns=self._returns,
            attributes=tuple(map(self._column, self._kept)),
            past=self._past,
        )
        return summary

    def _lines_until(self, day: Date) -> "pa.Table":
        import pyarrow.compute as pc

        return self._lines.filter(pc.field("day") <= day)

    def _opened(self, lines: "pa.Table") -> Transactions:
        return read_transactions(
            lines, customer_id="customer_id", date="day", amount="amount" if self.has_amount else None
        )

    def _grouped(self, rfm: RFM) -> tuple[Integers | None, tuple[Any, ...]]:
        if self._groups is None:
            return None, ()
        coded = rfm.attributes[self._column(self._groups)].dictionary_encode(null_encoding="encode")
        names = coded.dictionary.to_pylist()
        order = sorted(
            range(len(names)), key=lambda code: (names[code] is None, names[code] is not None and names[code])
        )
        place = np.argsort(order)
        return place[coded.indices.to_numpy()], tuple(names[code] for code in order)

    def _purchases(self, log: Transactions, after: Date, until: Date) -> "pa.Table":
        """Purchases, customer_id, day and value, after one day up to another, as a holdout sums them up."""
        query = SummaryQuery(
            end=until,
            held_end=None,
            merge_days=days_to_merge(self._merge_within),
            unit_days=self.unit.days,
            returns=self._returns,
            largest_amount=log.largest_amount,
            attributes=(),
        )
        ask = Ask(log.connection, query)
        bought = purchases(ask, net=self._returns == "net" and log.negative_lines > 0)
        value = ", CAST(money AS DOUBLE) / $scale AS value" if self.has_amount else ""
        return ask.table(
            f"SELECT customer_id, day{value} FROM ({bought}) ORDER BY customer_id, day",
            after=after,
            until=until,
        )

    def _places(self, rfm: RFM, bought: "pa.Table") -> Integers:
        """Each purchase's customer, as a place in the RFM; -1 where the customer is not in it."""
        import pyarrow.compute as pc

        places: Integers = (
            pc.index_in(bought["customer_id"], value_set=rfm.customer_id).fill_null(-1).to_numpy()
        )
        return places

    def _sums(self, rfm: RFM, bought: "pa.Table", counts: Any = True) -> Floats:
        """Number and amount of each customer's purchases, of those that count: (customer, measure)."""
        place = self._places(rfm, bought)
        counted = (place >= 0) & counts
        weights = [None] + ([bought["value"].to_numpy()[counted]] if self.has_amount else [])
        sums = [np.bincount(place[counted], weight, len(rfm)).astype(np.float64) for weight in weights]
        return np.stack(sums, axis=1)

    def _last_period(self, rfm: RFM, before: "pa.Table", day: Date, days: int) -> Floats:
        place = self._places(rfm, before)  # by customer, then by day
        repeat = np.append(False, place[1:] == place[:-1]) if place.size else np.zeros(0, bool)
        window = min(days, (day - self.first).days)
        if window <= 0:
            return np.zeros((len(rfm), 2 if self.has_amount else 1))
        ago = (np.datetime64(day) - before["day"].to_numpy().astype("datetime64[D]")).astype(np.int64)
        return self._sums(rfm, before, repeat & (ago < window)) * (days / window)

    def _average(self, rfm: RFM, days: int) -> Floats:
        watched = np.where(rfm.T > 0, rfm.T, 1.0)
        purchases = rfm.frequency / watched * (days / self.unit.days)
        if rfm.monetary_value is None:
            return purchases[:, None]
        return np.stack([purchases, purchases * rfm.monetary_value], axis=1)


def horizons_in_days(horizons: Any, unit: TimeUnit) -> dict[int, float]:
    """Whole days of each horizon, ascending, and the same in time units.

    Raises
    ------
    SettingsError
        Where there is none, or one is no length of at least a day.
    """
    given = [horizons] if isinstance(horizons, str | Real) else list(horizons)
    if not given:
        raise SettingsError("horizons=[]: pass at least one, such as 13 or '3 months'.")
    lengths = {}
    for horizon in given:
        if not isinstance(horizon, str | Real):
            raise SettingsError(
                f"horizons: {horizon!r} is no length. Pass numbers of {unit}s, or '3 months'."
            )
        length = parse_horizon(horizon, unit, None) * unit.days
        if not (math.isfinite(length) and round(length) >= 1):
            raise SettingsError(f"horizons: {horizon!r} is not a finite length of at least a day.")
        lengths[round(length)] = round(length) / unit.days
    return dict(sorted(lengths.items()))


def origin_days(origins: Any, unit: TimeUnit, first: Date, last: Date, shortest: int) -> list[Date]:
    """The days to forecast from, ascending, each once.

    Raises
    ------
    SettingsError
        Where there is none, one is no day, or one lies outside the log.
    """
    if isinstance(origins, int | np.integer) and not isinstance(origins, bool):
        span, begin = (last - first).days - shortest, (last - first).days // 2
        if origins < 1 or span < begin or begin < 1:
            raise SettingsError(
                f"origins={origins}: needed at least 1, and a log (now {first} to {last}) of which a half is "
                f"longer than the shortest horizon, {shortest} days. Pass dates, or shorter horizons=."
            )
        steps = np.linspace(begin, span, int(origins)) if origins > 1 else np.array([float(begin)])
        return [first + timedelta(days=int(step)) for step in sorted(set(np.floor(steps)))]
    if isinstance(origins, str | Real | Date) or not hasattr(origins, "__iter__"):
        raise SettingsError(f"origins={origins!r}: needed how many, or a list of dates or of {unit}s.")
    days = set()
    for origin in origins:
        number = float(origin) if isinstance(origin, Real) and not isinstance(origin, bool) else math.nan
        if math.isfinite(number):
            day = first + timedelta(days=round(number * unit.days))
        else:
            day = parse_date(origin, "origins")
        if not first <= day <= last:
            raise SettingsError(f"origins: {day} lies outside the log, which runs from {first} to {last}.")
        days.add(day)
    if not days:
        raise SettingsError("origins=[]: pass at least one, or how many.")
    return sorted(days)
