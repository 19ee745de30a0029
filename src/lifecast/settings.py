"""What people pass to a model, checked and turned into what the model works with."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.errors import LifecastWarning, SettingsError
from lifecast.rfm import RFM
from lifecast.timeunit import DAYS_PER_YEAR, TimeUnit

MOST_SUMS = 30_000_000  # worlds times periods of a forecast
LARGEST_RATE = 1e6
LARGEST_MARGIN = 1e6


def known_parameters(family: Any, values: Mapping[str, float | Floats]) -> Floats:
    """Known parameters as a single draw, or draws of them: shape (draw, parameter).

    Raises
    ------
    SettingsError
        A parameter is missing, unknown, or not positive throughout, or numbers of draws differ.
    """
    if set(values) != set(family.parameters):
        raise SettingsError(
            f"{family.name} was given {sorted(values)}: needed exactly {', '.join(family.parameters)}."
        )
    columns = {name: np.atleast_1d(np.asarray(values[name], np.float64)) for name in family.parameters}
    for name, column in columns.items():
        bad = column[~(np.isfinite(column) & (column > 0.0))]
        if bad.size:
            raise SettingsError(f"{family.name} was given {name} = {bad[0]}: needed a positive number.")
    sizes = {column.shape for column in columns.values()}
    if len(sizes) > 1:
        raise SettingsError(f"{family.name} was given parameters of different shapes: {sorted(sizes)}.")
    return np.stack(list(columns.values()), axis=-1)


def is_number(value: Any) -> bool:
    """Whether a value is one real number: no text, truth value, nothing or array."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def is_whole(value: Any, least: int) -> bool:
    """Whether a value is a whole number, and not below the least that is allowed."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= least)


def check_interval(interval: float) -> None:
    """Refuse a level of an interval that is no probability.

    Raises
    ------
    SettingsError
    """
    if not (is_number(interval) and 0.0 < interval < 1.0):
        raise SettingsError(f"interval={interval!r}: needed a probability between 0 and 1, such as 0.9.")


def central(interval: float) -> Floats:
    """Probabilities of a central interval's lower bound, of the median, and of its upper bound.

    Raises
    ------
    SettingsError
        A level that is no probability.
    """
    check_interval(interval)
    return np.array([(1.0 - interval) / 2, 0.5, (1.0 + interval) / 2])


def tails(interval: float) -> Floats:
    """Probabilities of a central interval's lower and upper bound.

    Raises
    ------
    SettingsError
        A level that is no probability.
    """
    return central(interval)[[0, 2]]


def check_worlds(worlds: int) -> None:
    """Refuse a number of worlds that is none.

    Raises
    ------
    SettingsError
    """
    if not is_whole(worlds, 1):
        raise SettingsError(f"worlds={worlds!r}: needed a whole number, at least 1; 1000 is usual.")


def check_draws(draws: int) -> None:
    """Refuse a number of posterior draws that is none.

    Raises
    ------
    SettingsError
    """
    if not is_whole(draws, 1):
        raise SettingsError(f"draws={draws!r}: needed a whole number, at least 1; 1000 is usual.")


def check_seed(random_seed: int) -> None:
    """Refuse a seed that is none.

    Raises
    ------
    SettingsError
    """
    if not is_whole(random_seed, 0):
        raise SettingsError(
            f"random_seed={random_seed!r}: needed a whole number from 0 up. The same seed gives the same "
            "numbers again."
        )


def check_work(chunk_size: int | None, threads: int | None) -> None:
    """Refuse parts that a simulation cannot be cut into.

    Raises
    ------
    SettingsError
    """
    for name, value in (("chunk_size", chunk_size), ("threads", threads)):
        if value is not None and not is_whole(value, 1):
            raise SettingsError(f"{name}={value!r}: needed a whole number, at least 1, or None.")


def check_periods(horizon: float, worlds: int, unit: TimeUnit) -> None:
    """Refuse a horizon of so many periods that their sums would not fit into memory.

    Raises
    ------
    SettingsError
    """
    if np.isfinite(horizon) and horizon * worlds > MOST_SUMS:
        raise SettingsError(
            f"A horizon of {horizon:,.6g} {unit.name}s in {worlds:,} worlds: at most {MOST_SUMS:,} sums, one "
            "for each, can be kept. Use a longer time unit, a nearer horizon, or fewer worlds."
        )


def check_bounded(horizon: float, discount_rate: float) -> None:
    """Refuse an infinite horizon of which nothing is discounted.

    Raises
    ------
    SettingsError
    """
    if np.isinf(horizon) and discount_rate == 0.0:
        raise SettingsError(
            "An infinite horizon needs annual_discount_rate > 0; without it the value has no bound."
        )


def warn_of_percents(annual_discount_rate: float, margin: float | str) -> None:
    """Say so where a share seems to be given in percent."""
    for name, value, example in (
        ("annual_discount_rate", annual_discount_rate, "0.10 is 10% a year"),
        ("margin", margin, "0.35 is 35% of the amount"),
    ):
        if not isinstance(value, str) and is_number(value) and value > 1.0:
            warnings.warn(
                f"{name}={value:g} is {value:.0%}. Shares are no percents here: {example}.",
                LifecastWarning,
                stacklevel=4,
            )


def continuous_rate(annual_discount_rate: float, unit: TimeUnit) -> float:
    """The continuous rate per time unit that is worth the same over a year."""
    if not (is_number(annual_discount_rate) and 0 <= annual_discount_rate <= LARGEST_RATE):
        raise SettingsError(
            f"annual_discount_rate={annual_discount_rate!r}: needed 0 or more, such as 0.10 for 10% a year."
        )
    return float(np.log1p(annual_discount_rate)) * unit.days / DAYS_PER_YEAR


def margins(margin: float | str, rfm: RFM) -> Floats:
    """Each customer's margin, from one number or an attribute of the RFM."""
    if isinstance(margin, str):
        values = numbers_of(margin, rfm, "margin")
    elif is_number(margin):
        values = np.full(len(rfm), float(margin))
    else:
        raise SettingsError(f"margin={margin!r}: needed a number such as 0.3, or the name of an attribute.")
    if not np.all(np.abs(values) <= LARGEST_MARGIN):
        raise SettingsError(
            f"margin={margin!r}: {np.sum(~(np.abs(values) <= LARGEST_MARGIN)):,} of {len(rfm):,} values are "
            f"not finite or beyond {LARGEST_MARGIN:g}. "
            "Needed: a share of the amount for every customer, such as 0.3."
        )
    return values


def numbers_of(attribute: str, rfm: RFM, argument: str) -> Floats:
    """An attribute of the customers as numbers, one each, for an argument that may name one.

    Raises
    ------
    SettingsError
        The RFM has no such attribute, or it does not hold numbers.
    """
    if attribute not in rfm.attributes:
        raise SettingsError(
            f"{argument}={attribute!r}: the RFM has no such attribute. "
            f"Pass attributes=[{attribute!r}] to rfm_summary, or a number."
        )
    try:
        return np.asarray(rfm.attributes[attribute].to_numpy(zero_copy_only=False), np.float64)
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"{argument}={attribute!r}: the attribute does not hold numbers: {error}."
        ) from error
