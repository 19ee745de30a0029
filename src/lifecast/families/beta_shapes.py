"""A beta distribution's two shapes, and its coordinates: the logit of its mean and the log of their sum."""

import numpy as np
from scipy.special import expit

from lifecast.arrays import Floats


def beta_shapes(coordinates: Floats) -> Floats:
    """Coordinates (..., 2) to shapes (..., 2)."""
    concentration = np.exp(coordinates[..., 1])
    mean, rest = expit(coordinates[..., 0]), expit(-coordinates[..., 0])
    return np.stack([mean * concentration, rest * concentration], axis=-1)


def beta_coordinates(shapes: Floats) -> Floats:
    """Shapes (..., 2) to coordinates (..., 2)."""
    a, b = shapes[..., 0], shapes[..., 1]
    return np.stack([np.log(a / b), np.log(a + b)], axis=-1)


def beta_jacobian(coordinates: Floats) -> Floats:
    """Derivatives of the shapes by the coordinates (2,), shape (shape, coordinate)."""
    a, b = beta_shapes(coordinates)
    swap = a * b / (a + b)
    return np.array([[swap, a], [-swap, b]])
