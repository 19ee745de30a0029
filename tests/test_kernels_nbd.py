"""Do the NBD kernels give the known numbers, and keep their digits at the extremes?

Twins, gradients and the future are in the battery that all families pass (test_families_battery.py).
"""

import mpmath
import numpy as np
import pytest
from published_numbers import Published, published

from lifecast.grouping import group_purchases
from lifecast.kernels.nbd import log_likelihood, log_probability_of_count

FORMULAS = [row for row in published("nbd") if row.is_formula]


def log_chance(x: int, T: float, n: int, t: float, theta: tuple[float, ...]) -> float:
    return log_probability_of_count(np.array([x]), np.array([T]), np.array([n]), t, np.array(theta), 0.0)[0]


@pytest.mark.parametrize("row", FORMULAS, ids=lambda row: row.id)
def test_does_each_known_formula_come_out(row: Published) -> None:
    assert row.quantity == "P(X(t)=n)"
    r, alpha, n, t = (float(row.inputs[name]) for name in ("r", "alpha", "n", "t"))
    chance = np.exp(log_chance(0, 0.0, int(n), t, (r, alpha)))
    assert chance == pytest.approx(row.value, abs=row.tolerance, rel=0)


def test_do_likelihood_and_counts_keep_their_digits_over_a_wide_grid() -> None:
    rng = np.random.default_rng(2)
    with mpmath.workdps(40):
        for _ in range(200):
            x, n = (int(rng.choice([0, 0, 1, 2, 26, 1000])) for _ in range(2))
            T, t, r, alpha = np.exp(
                rng.uniform(np.log([0.01, 1e-6, 0.05, 0.1]), np.log([1000, 1e6, 20, 200]))
            )
            rows = group_purchases(np.array([x]), np.array([0.0]), np.array([T]))
            x_values, x_code, _, _, T_values, T_code, weight = rows.coded
            value, _ = log_likelihood(x_values, x_code, T_values, T_code, weight, r, alpha)
            k, A = mpmath.mpf(r) + x, mpmath.mpf(alpha) + mpmath.mpf(T)
            exact = mpmath.loggamma(k) - mpmath.loggamma(r) + r * mpmath.log(alpha) - k * mpmath.log(A)
            assert value == pytest.approx(float(exact), rel=1e-12, abs=1e-12)
            count = mpmath.loggamma(k + n) - mpmath.loggamma(k) - mpmath.loggamma(n + 1)
            count += k * mpmath.log(A / (A + t)) + (n * mpmath.log(t / (A + t)) if n else 0)
            assert log_chance(x, T, n, t, (r, alpha)) == pytest.approx(float(count), rel=1e-11, abs=1e-11)


def test_does_nobody_buy_in_no_time() -> None:
    assert log_chance(3, 10.0, 0, 0.0, (0.5, 4.0)) == 0.0
    assert log_chance(3, 10.0, 1, 0.0, (0.5, 4.0)) == -np.inf
