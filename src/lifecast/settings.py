"""What people pass to a model, checked and turned into what the model works with."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.errors import SettingsError
from lifecast.rfm import RFM
from lifecast.timeunit import DAYS_PER_YEAR, TimeUnit


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


def check_interval(interval: float) -> None:
    """Refuse a level of an interval that is no probability.

    Raises
    ------
    SettingsError
    """
    if not 0.0 < interval < 1.0:
        raise SettingsError(f"interval={interval}: needed a probability between 0 and 1, such as 0.9.")


def central(interval: float) -> Floats:
    """Probabilities of a central interval's lower bound, of the median, and of its upper bound.

    Raises
    ------
    SettingsError
        A level that is no probability.
    """
    check_interval(interval)
    return np.array([(1.0 - interval) / 2, 0.5, (1.0 + interval) / 2])


def check_worlds(worlds: int) -> None:
    """Refuse a number of worlds that is none.

    Raises
    ------
    SettingsError
    """
    if worlds < 1:
        raise SettingsError(f"worlds={worlds}: needed at least 1; 1000 is usual.")


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


def continuous_rate(annual_discount_rate: float, unit: TimeUnit) -> float:
    """The continuous rate per time unit that is worth the same over a year."""
    if not (np.isfinite(annual_discount_rate) and annual_discount_rate >= 0):
        raise SettingsError(
            f"annual_discount_rate={annual_discount_rate}: needed 0 or more, such as 0.10 for 10% a year."
        )
    return float(np.log1p(annual_discount_rate)) * unit.days / DAYS_PER_YEAR


def margins(margin: float | str, rfm: RFM) -> Floats:
    """Each customer's margin, from one number or an attribute of the RFM."""
    if isinstance(margin, str):
        if margin not in rfm.attributes:
            raise SettingsError(
                f"margin={margin!r}: the RFM has no such attribute. "
                f"Pass attributes=[{margin!r}] to rfm_summary, or a number."
            )
        values = np.asarray(rfm.attributes[margin].to_numpy(zero_copy_only=False), np.float64)
    else:
        values = np.full(len(rfm), float(margin))
    if not np.all(np.isfinite(values)):
        raise SettingsError(
            f"margin={margin!r}: {np.sum(~np.isfinite(values)):,} of {len(rfm):,} values are not finite. "
            "Needed: a share of the amount for every customer, such as 0.3."
        )
    return values
