"""The mode of a log density and its curvature there."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from lifecast.arrays import Floats
from lifecast.families.density import LogDensity

GRADIENT_STEP = 1e-4
NEGLIGIBLE_SLOPE = 1e-3


@dataclass(frozen=True)
class Mode:
    """Where a log density is highest.

    Attributes
    ----------
    location : (d,)
    precision : (d, d)
        Minus the Hessian there.
    converged : bool
        Whether the slope there, in units of the local standard deviation, is negligible and the curvature
        that of a peak.
    """

    location: Floats
    precision: Floats
    converged: bool


def find_mode(density: LogDensity) -> Mode:
    """Newton's method in a trust region [Nocedal & Wright 2006, ch. 4] with the analytic gradient.

    The location is not a number where there is no mode and the search left the numbers.
    """

    def minus_gradient(point: Floats) -> Floats:
        return -density.value_and_gradient(point)[1]

    def minus_both(point: Floats) -> tuple[float, Floats]:
        value, gradient = density.value_and_gradient(point)
        return -value, -gradient

    def precision_at(point: Floats) -> Floats:
        steps = GRADIENT_STEP * np.eye(point.size)
        columns = [
            (minus_gradient(point + step) - minus_gradient(point - step)) / (2 * GRADIENT_STEP)
            for step in steps
        ]
        return (np.array(columns) + np.array(columns).T) / 2

    try:
        found = optimize.minimize(
            minus_both, density.start, jac=True, hess=precision_at, method="trust-exact",
            options={"gtol": 1e-6},
        )  # fmt: skip
    except (ValueError, np.linalg.LinAlgError):  # the density rises without end, until it is no number
        lost = np.full(density.start.size, np.nan)
        return Mode(lost, np.outer(lost, lost), False)
    location = np.asarray(found.x)
    precision = precision_at(location)
    for _ in range(3):  # to the last digits, so that the answer does not depend on where the search began
        if np.linalg.eigvalsh(precision)[0] <= 0:
            break
        step = np.linalg.solve(precision, -minus_gradient(location))
        if not np.all(np.abs(step) < 0.1):
            break
        location = location + step
        precision = precision_at(location)
    eigenvalues = np.linalg.eigvalsh(precision)
    slope = minus_gradient(location)
    peaked = eigenvalues[0] > 0
    flat = peaked and float(slope @ np.linalg.solve(precision, slope)) < NEGLIGIBLE_SLOPE**2
    return Mode(location, precision, bool(flat))
