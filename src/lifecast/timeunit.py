"""How long one unit of time is, and horizons and dates as people write them."""

import math
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from numbers import Real
from typing import Any

from lifecast.errors import SettingsError

DAYS_PER_YEAR = 365.25
SHORTEST_DAYS, LONGEST_DAYS = 1e-6, 1e6

_NAMED_DAYS = {
    "day": 1.0,
    "week": 7.0,
    "month": DAYS_PER_YEAR / 12,
    "quarter": DAYS_PER_YEAR / 4,
    "year": DAYS_PER_YEAR,
}
_SPELLINGS = {spelling: name for name in _NAMED_DAYS for spelling in (name, name + "s", name[0])}
_QUANTITY = re.compile(r"\s*([-+]?[\d.]+(?:e[-+]?\d+)?)\s*([a-z]+)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class TimeUnit:
    """A unit of time: its name and its length in days.

    Attributes
    ----------
    name : str
        "day", "week", "month", "quarter", "year", or a length such as "7.5 days".
    days : float
        Length in days; a year is 365.25 days, a quarter and a month their parts of it.

    Examples
    --------
    >>> TimeUnit.parse("weeks")
    TimeUnit(name='week', days=7.0)
    >>> TimeUnit.parse(7.5)
    TimeUnit(name='7.5 days', days=7.5)
    """

    name: str
    days: float

    @classmethod
    def parse(cls, unit: "str | float | TimeUnit") -> "TimeUnit":
        """Read a unit: a name ("week", "weeks", "W"), a length ("2 weeks"), or a number of days.

        Raises
        ------
        SettingsError
            Where the unit is unknown, or its length is not a number of days between 1e-6 and 1e6.
        """
        if isinstance(unit, TimeUnit):
            return unit
        if isinstance(unit, str):
            name = _SPELLINGS.get(unit.strip().lower())
            if name is not None:
                return cls(name, _NAMED_DAYS[name])
            quantity = _quantity(unit)
            days = math.nan if quantity is None else quantity[0] * quantity[1].days
        elif isinstance(unit, Real) and not isinstance(unit, bool):
            days = float(unit)
        else:
            days = math.nan
        if not SHORTEST_DAYS <= days <= LONGEST_DAYS:
            raise SettingsError(
                f"time_unit={unit!r} is not a unit of time. Use 'day', 'week', 'month', 'quarter', 'year', "
                "or a number of days between 1e-6 and 1e6."
            )
        for name, named_days in _NAMED_DAYS.items():
            if days == named_days:
                return cls(name, days)
        return cls(f"{days:g} days", days)

    def __str__(self) -> str:
        return self.name


def parse_date(value: Any, argument: str) -> date:
    """Read a calendar date: an ISO string, a date, or a datetime (pandas and numpy ones too).

    Parameters
    ----------
    value : str, date, datetime, pandas.Timestamp or numpy.datetime64
        The date; a time of day is cut off.
    argument : str
        What the caller calls it, for the error.

    Raises
    ------
    SettingsError
        Where it is no date.

    Examples
    --------
    >>> parse_date("1997-09-30", "observation_end")
    datetime.date(1997, 9, 30)
    """
    if hasattr(value, "dtype") and hasattr(value, "astype"):  # numpy.datetime64, of any precision
        value = value.astype("datetime64[D]").item() if value.dtype.kind == "M" else None
    if isinstance(value, str):
        with suppress(ValueError):
            value = datetime.fromisoformat(value.strip())
    if isinstance(value, datetime) and value == value:  # pandas.NaT is a datetime that differs from itself
        return value.date()
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise SettingsError(f"{argument}={value!r} is not a date. Write it as 'YYYY-MM-DD' or pass a date.")


def parse_horizon(horizon: Any, unit: TimeUnit, observation_end: date | None) -> float:
    """Read a forecast horizon and return it in time units, counted from the observation end.

    Parameters
    ----------
    horizon : float, str, date, datetime, pandas.Timestamp or numpy.datetime64
        A number of units (39); a length ("12 months", "39 weeks", "90 days"); a date, which needs an
        observation end; `math.inf` or "infinite". Zero is allowed.
    unit : TimeUnit
        The unit of the answer.
    observation_end : date or None
        The last day observed, from which a date is counted.

    Returns
    -------
    float
        The horizon in time units, 0 to infinity.

    Raises
    ------
    SettingsError
        Where it is negative, not a number, unreadable, or a date without an observation end.

    Examples
    --------
    >>> from datetime import date
    >>> parse_horizon("91 days", TimeUnit.parse("week"), None)
    13.0
    >>> parse_horizon("1998-06-30", TimeUnit.parse("week"), date(1997, 9, 30))
    39.0
    """
    length = _horizon_length(horizon, unit, observation_end)
    if math.isnan(length) or length < 0:
        raise SettingsError(
            f"horizon={horizon!r} does not look ahead. Pass a number of {unit.name}s from 0 up, a length "
            "such as '12 months', a date after the observation end, or math.inf."
        )
    return length


def in_words(horizon: float, unit: TimeUnit, observation_end: date | None) -> str:
    """A horizon in units of time as people read it: 12 weeks from 1997-09-30."""
    length = "all time" if math.isinf(horizon) else f"{horizon:g} {unit}s"
    return f"{length} from {observation_end}" if observation_end else length


def _horizon_length(horizon: Any, unit: TimeUnit, observation_end: date | None) -> float:
    if isinstance(horizon, bool):
        return math.nan
    if isinstance(horizon, Real):
        return float(horizon)
    if isinstance(horizon, str):
        if horizon.strip().lower() in {"inf", "infinite", "infinity"}:
            return math.inf
        quantity = _quantity(horizon)
        if quantity is not None:
            return quantity[0] * (quantity[1].days / unit.days)
        with suppress(ValueError):
            return float(horizon)
    try:
        end = parse_date(horizon, "horizon")
    except SettingsError as error:
        raise SettingsError(
            f"horizon={horizon!r} is neither a number of {unit.name}s, nor a length such as '12 months', nor "
            "a date such as '2026-12-31'."
        ) from error
    if observation_end is None:
        raise SettingsError(
            f"horizon={horizon!r} is a date, but the RFM has no observation end to count from. Pass "
            "observation_end= to RFM.from_frame, or a horizon in time units."
        )
    return (end - observation_end).days / unit.days


def _quantity(text: str) -> tuple[float, TimeUnit] | None:
    """Read "12 months" as (12.0, month); None where it is not a number and a unit."""
    match = _QUANTITY.fullmatch(text)
    name = _SPELLINGS.get(match[2].lower()) if match else None
    if match is None or name is None:
        return None
    try:
        return float(match[1]), TimeUnit(name, _NAMED_DAYS[name])
    except ValueError:
        return None
