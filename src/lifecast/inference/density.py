"""What every inference method sees: a log density of a few unconstrained parameters, and nothing of where it comes from."""

from collections.abc import Callable
from dataclasses import dataclass

from lifecast.arrays import Floats


@dataclass(frozen=True)
class LogDensity:
    """An unnormalised log density on an unconstrained scale.

    Attributes
    ----------
    value_and_gradient
        Point (d,) to the log density there and its gradient (d,).
    values
        Points (n, d) to their log densities (n,).
    start : (d,)
        Where to begin the search for the mode.
    """

    value_and_gradient: Callable[[Floats], tuple[float, Floats]]
    values: Callable[[Floats], Floats]
    start: Floats
