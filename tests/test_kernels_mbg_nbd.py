"""Do the MBG/NBD kernels give the published numbers, and keep their digits at the extremes?

Twins, gradients and the future are in the battery that all families pass (test_families_battery.py).
"""

import mpmath
import numpy as np
import pytest
from published_numbers import Published, published

import lifecast as lc
from lifecast.grouping import group_purchases
from lifecast.kernels.bg_nbd import expected_purchases_if_alive
from lifecast.kernels.mbg_nbd import log_likelihood, log_likelihood_value, probability_alive

FORMULAS = [row for row in published("mbg-nbd") if row.is_formula]


def answer(row: Published) -> float:
    given = row.inputs
    r, alpha, a, b = theta = tuple(float(given[name]) for name in ("r", "alpha", "a", "b"))
    if row.quantity == "log-likelihood of a customer":
        return log_likelihood_value(*coded(int(given["x"]), float(given["t_x"]), float(given["T"])), *theta)
    assert row.quantity == "E[X(t)]"
    stays = probability_alive(0, 0.0, 0.0, *theta)
    return stays * expected_purchases_if_alive(0, 0.0, float(given["t"]), r, alpha, a, b + 1.0)


def coded(x: int, t_x: float, T: float):
    return group_purchases(np.array([x]), np.array([t_x]), np.array([T])).coded


@pytest.mark.parametrize("row", FORMULAS, ids=lambda row: row.id)
def test_does_each_published_formula_come_out(row: Published) -> None:
    assert answer(row) == pytest.approx(row.value, abs=row.tolerance, rel=0)


def test_does_the_card_hold_the_published_formulas() -> None:
    assert len(FORMULAS) == 4


def test_do_likelihood_and_probability_alive_keep_their_digits_over_a_wide_grid() -> None:
    rng = np.random.default_rng(2)
    with mpmath.workdps(40):
        for _ in range(200):
            x = int(rng.choice([0, 0, 1, 2, 7, 26, 100, 1000]))
            T = float(np.exp(rng.uniform(np.log(0.01), np.log(1000))))
            t_x = T * rng.random() if x else 0.0
            theta = tuple(np.exp(rng.uniform(np.log([0.05, 0.1, 0.01, 0.05]), np.log([20, 200, 50, 300]))))
            r, alpha, a, b = map(mpmath.mpf, theta)
            alive = mpmath.log(mpmath.beta(a, b + x + 1)) - (r + x) * mpmath.log(alpha + mpmath.mpf(T))
            dead = mpmath.log(mpmath.beta(a + 1, b + x)) - (r + x) * mpmath.log(alpha + mpmath.mpf(t_x))
            shared = mpmath.gamma(r + x) / mpmath.gamma(r) * alpha**r / mpmath.beta(a, b)
            odds_dead = mpmath.exp(dead - alive)
            total = pytest.approx(
                float(mpmath.log(shared) + alive + mpmath.log1p(odds_dead)), rel=1e-12, abs=1e-12
            )
            assert log_likelihood_value(*coded(x, t_x, T), *theta) == total
            assert log_likelihood(*coded(x, t_x, T), *theta)[0] == total
            if odds_dead < 1e290:
                exact = float(1 / (1 + odds_dead))
                assert probability_alive(x, t_x, T, *theta) == pytest.approx(exact, rel=1e-12)


def test_is_silence_no_sign_of_life() -> None:
    """The longer a one-time buyer is silent, the surer he has left; in BG/NBD he lives forever."""
    T = np.array([0.0, 1.0, 10.0, 100.0, 1e6])
    theta = np.array([[0.525, 6.183, 0.891, 1.614]])
    alive = lc.MBGNBD().probability_alive(np.zeros(5, np.int64), np.zeros(5), T, theta)[:, 0]
    assert alive[0] == pytest.approx(1.614 / (0.891 + 1.614), rel=1e-14)
    assert np.all(np.diff(alive) < 0.0) and alive[-1] < 0.01
