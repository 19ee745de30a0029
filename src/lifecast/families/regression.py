"""Covariates: what they add to a family's coordinates."""

from typing import Any

import numpy as np

from lifecast.arrays import Floats, Integers

EFFECT_SD = 1.0


def places(family: Any) -> Integers:
    """Which coordinates of a family its covariates shift."""
    coordinates = list(family.weak_priors)
    return np.array([coordinates.index(name) for name in family.covariate_coordinates], np.int64)


def effect_names(family: Any, columns: tuple[str, ...]) -> tuple[str, ...]:
    """A name for each effect: every column's on every coordinate that covariates shift."""
    return tuple(f"{place}: {column}" for column in columns for place in family.covariate_coordinates)


def shifted(family: Any, points: Floats, effects: Floats, columns: Floats) -> Floats:
    """Coordinates (..., d) with the effects (..., column * shifted coordinate) of these columns added."""
    if columns.size == 0:
        return points
    moved = points.copy()
    at = places(family)
    moved[..., at] += columns @ effects.reshape(*effects.shape[:-1], columns.size, at.size)
    return moved


def effect_gradient(family: Any, gradient: Floats, columns: Floats) -> Floats:
    """Derivatives by the effects, given those (d,) by the shifted coordinates."""
    return np.outer(columns, gradient[places(family)]).ravel()


def effect_priors(family: Any, columns: int) -> Floats:
    """Mean and precision of each effect, shape (effect, 2): weak, or flat where the family's priors are."""
    precision = 0.0 if family.priors == "flat" else EFFECT_SD**-2
    return np.tile([0.0, precision], (columns * len(family.covariate_coordinates), 1))
