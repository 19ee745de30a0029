"""Are a mode and its curvature found to the last digits, so that every machine draws the same?"""

import numpy as np

from lifecast.families.density import LogDensity
from lifecast.inference.mode import find_mode


def test_is_the_curvature_at_the_mode_free_of_the_gradients_last_digits() -> None:
    """Gradients differ in their last digits between machines and libraries; a posterior must not."""
    rng = np.random.default_rng(2)
    count = 2000.0

    def value_and_gradient(point: np.ndarray) -> tuple[float, np.ndarray]:  # of a log Gamma variate
        value = float(np.sum(count * (point - np.exp(point))))
        rounding = 1e-15 * count * rng.standard_normal(point.size)
        return value, count * (1.0 - np.exp(point)) + rounding

    density = LogDensity(value_and_gradient, lambda points: points[:, 0], np.array([0.3, -0.2]))
    mode = find_mode(density)
    assert mode.converged
    np.testing.assert_allclose(mode.location, 0.0, atol=1e-14)
    np.testing.assert_allclose(mode.precision, count * np.eye(2), rtol=2e-12, atol=2e-12 * count)


def test_is_a_density_without_a_mode_told_from_one_with() -> None:
    def rises_for_ever(point: np.ndarray) -> tuple[float, np.ndarray]:
        inside = np.where(point < 700.0, point, np.nan)  # as formulas leave the numbers far out
        return float(np.sum(inside)), inside / inside

    def levels_off(point: np.ndarray) -> tuple[float, np.ndarray]:
        return float(-np.sum(np.exp(-point))), np.exp(-point)

    start = np.array([0.3, -0.2])
    lost = find_mode(LogDensity(rises_for_ever, lambda points: points[:, 0], start))
    assert np.isnan(lost.location).all() and not lost.converged
    flat = find_mode(LogDensity(levels_off, lambda points: points[:, 0], start))
    assert np.all(np.exp(-flat.location) < 1e-5)  # as high as it gets
