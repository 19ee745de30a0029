"""The mode of a log density and its curvature there."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from lifecast.arrays import Floats
from lifecast.families.density import LogDensity

# How far from a point gradients are taken, and their weights in its curvature: two near by on the way up; at
# the top six, far apart, so that gradients' last digits, which machines and libraries differ in, stay last;
# but not so far that groups' densities, sums over banks of draws, are not smooth between them.
QUICK_STEP, QUICK = 1e-4, ((1, 1 / 2),)
FARTHEST_STEP, EXACT = 0.01, ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60))  # [Fornberg 1988, table 1]
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
        return slopes_change(minus_gradient, point, np.full(point.size, QUICK_STEP), QUICK)

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
    sd = 1.0 / np.sqrt(np.maximum(np.diagonal(precision), FARTHEST_STEP**-2))
    precision = slopes_change(minus_gradient, location, sd, EXACT)
    eigenvalues = np.linalg.eigvalsh(precision)
    slope = minus_gradient(location)
    peaked = eigenvalues[0] > 0
    flat = peaked and float(slope @ np.linalg.solve(precision, slope)) < NEGLIGIBLE_SLOPE**2
    return Mode(location, precision, bool(flat))


def slopes_change(
    gradient: Callable[[Floats], Floats],
    point: Floats,
    steps: Floats,
    stencil: tuple[tuple[int, float], ...],
) -> Floats:
    """Second derivatives (d, d) by central differences of the gradient, with a step (d,) per coordinate."""
    columns = []
    for step in np.diag(steps):
        apart = [weight * (gradient(point + n * step) - gradient(point - n * step)) for n, weight in stencil]
        columns.append(np.sum(apart, axis=0) / step.sum())
    change: Floats = np.array(columns)
    return (change + change.T) / 2
