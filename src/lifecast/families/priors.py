"""Priors on the unconstrained scale: independent normals on named, scale-free coordinates."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from lifecast.arrays import Floats
from lifecast.errors import SettingsError

Priors = Literal["weak", "flat"] | Mapping[str, tuple[float, float]]


def prior_table(priors: Priors, weak: Mapping[str, tuple[float, float]]) -> Floats:
    """Mean and precision of each coordinate, shape (coordinate, 2); a flat prior has precision zero.

    Raises
    ------
    SettingsError
        An unknown name, or a standard deviation that is not positive.
    """
    if priors == "flat":
        return np.array([[mean, 0.0] for mean, _ in weak.values()])
    if isinstance(priors, str) and priors != "weak":
        raise SettingsError(
            f'priors={priors!r}: needed "weak", "flat", or a mapping of {list(weak)} to (mean, sd).'
        )
    chosen = dict(weak) if priors == "weak" else {**weak, **priors}
    unknown = [name for name in chosen if name not in weak]
    if unknown:
        raise SettingsError(f"Unknown prior {unknown[0]!r}: the coordinates of this family are {list(weak)}.")
    table = []
    for name, prior in chosen.items():
        try:
            mean, sd = map(float, prior)
        except (TypeError, ValueError):
            mean = sd = np.nan
        if not (np.isfinite(mean) and np.isfinite(sd) and sd > 0):
            raise SettingsError(
                f"Prior {name!r} is {prior!r}: needed (mean, sd), finite and with a positive sd."
            )
        table.append([mean, sd**-2])
    return np.array(table)


def log_prior(points: Floats, table: Floats) -> Floats:
    """Unnormalised log density of the points (..., coordinate), shape (...)."""
    logs: Floats = -0.5 * np.sum((points - table[:, 0]) ** 2 * table[:, 1], axis=-1)
    return logs


def log_prior_gradient(point: Floats, table: Floats) -> Floats:
    """Its gradient at one point, shape (coordinate,)."""
    return -(point - table[:, 0]) * table[:, 1]
