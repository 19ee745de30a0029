"""Do the shifted beta-geometric's kernels say what the model says: published numbers, twins, extremes?"""

import math

import mpmath
import numpy as np
import pytest
from published_numbers import Published, published
from scipy import special, stats

from lifecast.kernels.shifted_beta_geometric import (
    expected_renewals,
    log_likelihood,
    log_likelihood_customer,
    log_likelihood_draws,
    log_likelihood_value,
    log_probability_of_count,
    renewals_pmf,
    simulate_renewals,
    sums_of_renewals,
    survive,
)

HIGH_END = (0.668, 3.806)  # Fader & Hardie (2007)
FORMULAS = [row for row in published("sbg") if row.is_formula]


@pytest.mark.parametrize("row", FORMULAS, ids=lambda row: row.id)
def test_does_each_published_lifetime_come_out(row: Published) -> None:
    assert row.quantity == "DERL"
    given = {name: float(value) for name, value in row.inputs.items()}
    alpha, beta, n, d = given["alpha"], given["beta"], given["n"], given["d"]
    # Of a customer who is about to renew for the n-th time: this renewal counts in full, the next 1/(1 + d).
    steps = np.arange(1, 3000)
    left = np.diff([expected_renewals(n - 1, float(t), alpha, beta) for t in range(steps.size + 1)])
    assert float(np.sum(left * (1 + d) ** (1.0 - steps))) == pytest.approx(row.value, abs=row.tolerance)


def test_is_the_retention_curve_a_ratio_of_beta_functions() -> None:
    alpha, beta = HIGH_END
    curve = np.diff([expected_renewals(0.0, float(t), alpha, beta) for t in range(13)])
    exact = np.exp(special.betaln(alpha, beta + np.arange(1, 13)) - special.betaln(alpha, beta))
    np.testing.assert_allclose(curve, exact, rtol=1e-12)


def test_do_survival_and_its_sum_keep_their_digits_over_a_wide_grid() -> None:
    rng = np.random.default_rng(1)
    near_one = [1.0, 1.0 + 1e-12, 1.0 - 3e-9, 1.0 + 9e-7, 1.0 - 2e-6, 1.0 + 1e-3]
    with mpmath.workdps(50):
        for k in range(300):
            n = int(rng.choice([1, 5, 64, 65, 300, 10_000, 1_000_000]))
            alpha = near_one[k // 2 % 6] if k % 2 else float(np.exp(rng.uniform(-7, 7)))
            beta = float(np.exp(rng.uniform(-4, 13)))
            a, b = mpmath.mpf(alpha), mpmath.mpf(beta)
            log_survival = (
                mpmath.loggamma(b + n)
                - mpmath.loggamma(b)
                + mpmath.loggamma(a + b)
                - mpmath.loggamma(a + b + n)
            )
            if a == 1:
                total = b * (mpmath.digamma(b + n + 1) - mpmath.digamma(b + 1))
            else:  # the sum telescopes
                total = b / (a - 1) * (1 - mpmath.exp(log_survival) * (b + n) / b)
            survival, renewals = survive(n, alpha, beta)
            assert renewals == pytest.approx(float(total), rel=1e-10)
            if log_survival > -600:
                assert survival == pytest.approx(float(mpmath.exp(log_survival)), rel=1e-11)


def test_is_the_likelihood_the_average_over_the_chance_to_leave() -> None:
    for alpha, beta in (HIGH_END, (3.0, 0.4)):
        leave = stats.beta(alpha, beta)
        for x, T in ((0, 0), (0, 4), (3, 4), (4, 4), (11, 30)):
            chance = leave.expect(lambda p, x=x, T=T: (1 - p) ** x * (p if x < T else 1.0))
            value = log_likelihood_customer(x, T, alpha, beta)
            assert value == pytest.approx(math.log(chance), rel=1e-7, abs=1e-9)


def test_does_the_likelihood_keep_its_digits_to_ten_thousand_opportunities() -> None:
    with mpmath.workdps(40):
        for alpha, beta in (HIGH_END, (1e-3, 0.02), (200.0, 5000.0)):
            for x, T in ((10_000, 10_000), (9_000, 10_000), (0, 10_000)):
                a, b = mpmath.mpf(alpha), mpmath.mpf(beta)
                stays = mpmath.loggamma(b + x) - mpmath.loggamma(b)
                stays += mpmath.loggamma(a + b) - mpmath.loggamma(a + b + x)
                exact = stays if x == T else stays + mpmath.log(a / (a + b + x))
                rows = np.array([x]), np.array([float(T)]), np.ones(1)
                for value in (
                    log_likelihood_customer(x, T, alpha, beta),
                    log_likelihood_value(*rows, alpha, beta),
                ):
                    assert value == pytest.approx(float(exact), rel=1e-11)


def rows(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    T = rng.integers(0, 40, count)
    return rng.integers(0, T + 1), T.astype(float), rng.integers(1, 9, count) * 1.0


def test_is_the_total_the_weighted_sum_and_the_gradient_its_slope() -> None:
    x, T, weight = rows(300, 2)
    for theta in (HIGH_END, (0.02, 30.0), (40.0, 0.3)):
        one_by_one = sum(
            w * log_likelihood_customer(int(n), int(age), *theta)
            for n, age, w in zip(x, T, weight, strict=True)
        )
        value, gradient = log_likelihood(x, T, weight, *theta)
        assert value == pytest.approx(one_by_one, rel=1e-13)
        for i in range(2):
            step = np.zeros(2)
            step[i] = 1e-4 * theta[i]
            f = [log_likelihood_value(x, T, weight, *(np.asarray(theta) + m * step)) for m in (-2, -1, 1, 2)]
            slope = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * step[i])
            assert gradient[i] == pytest.approx(slope, rel=1e-7, abs=1e-8 * abs(value) / theta[i])
    draws = np.exp(np.random.default_rng(3).normal(0, 0.3, (20, 2))) * HIGH_END
    together = log_likelihood_draws(x, T, weight, draws)
    assert together.tolist() == [log_likelihood_value(x, T, weight, *draw) for draw in draws]


def test_does_the_pmf_add_up_to_one_and_to_the_expectation() -> None:
    for t in (0, 1, 7, 200):
        pmf = np.array([renewals_pmf(n, float(t), *HIGH_END) for n in range(t + 2)])
        assert pmf.sum() == pytest.approx(1.0, rel=1e-12)
        expected = expected_renewals(0.0, float(t), *HIGH_END)
        assert pmf @ np.arange(t + 2) == pytest.approx(expected, rel=1e-12, abs=1e-15)
    x, T, n = np.array([2, 2, 2, 2]), np.array([2.0, 2.0, 3.0, 3.0]), np.array([1, 9, 0, 1])
    log_probabilities = log_probability_of_count(x, T, n, 7.0, np.array(HIGH_END))
    alpha, beta = HIGH_END
    assert log_probabilities[0] == pytest.approx(math.log(renewals_pmf(1, 7.0, alpha, beta + 2)), rel=1e-13)
    assert log_probabilities[1:].tolist() == [-math.inf, 0.0, -math.inf]


def test_does_the_infinite_horizon_close_the_finite_ones() -> None:
    assert expected_renewals(4.0, math.inf, 2.5, 3.0) == pytest.approx(7.0 / 1.5)
    assert expected_renewals(4.0, 1e13, 2.5, 3.0) == pytest.approx(7.0 / 1.5, rel=1e-10)
    assert expected_renewals(4.0, math.inf, *HIGH_END) == math.inf
    assert expected_renewals(4.0, 0.5, *HIGH_END) == 0.0


def test_are_weighted_sums_over_times_those_of_single_times() -> None:
    rng = np.random.default_rng(4)
    ages = np.array([0.0, 3.0, 40.0, 5000.0])
    times = np.tile(np.array([260.0, 1.0, 0.0, 7.5, 90.0, 3e4, 91.0, math.inf]), (2, 1))
    weights = rng.normal(size=(2, times.shape[1], 3))
    weights[:, -1, :2] = 0.0
    alpha, beta = np.array([0.668, 2.5]), np.array([3.806, 40.0])
    sums, order = np.zeros((3, 4, 2)), np.argsort(times, axis=1)
    sums_of_renewals(ages, times, weights, order, alpha, beta, sums, 0, 2)
    for s in range(2):
        for i, T in enumerate(ages):
            each = np.array([expected_renewals(T, t, alpha[s], beta[s]) for t in times[s]])
            of_finite = weights[s, :-1].T @ each[:-1]
            np.testing.assert_allclose(sums[:2, i, s], of_finite[:2], rtol=1e-9, atol=1e-11 * each[:-1].max())
            if s == 1:
                of_all = of_finite[2] + weights[s, -1, 2] * each[-1]
                assert sums[2, i, s] == pytest.approx(of_all, rel=1e-9, abs=1e-11 * each[-1])
            else:
                assert math.isinf(sums[2, i, s])


def test_are_simulated_renewals_distributed_as_the_pmf_says() -> None:
    customers, t = 50_000, 6
    alpha, beta = HIGH_END
    row = np.arange(customers) % 2  # one who has renewed twice, and one who has left
    buys = np.array([[(beta + 2) / (alpha + beta + 2)], [0.0]])
    keys = np.random.default_rng(5).integers(0, 2**63, customers).astype(np.uint64)
    edges = np.array([0.0, 2.5, 4.0, 6.0])
    first, _, stretch, time = simulate_renewals(
        np.array([2.0, 5.0]), buys, row, keys, np.array([HIGH_END]), edges, 10 * customers
    )
    count = np.diff(first)
    assert not count[row == 1].any()
    assert np.array_equal(stretch, np.searchsorted(edges, time) - 1)
    assert np.array_equal(time, np.concatenate([np.arange(1.0, n + 1) for n in count]))  # none is left out
    expected = [renewals_pmf(n, float(t), alpha, beta + 2) * (row == 0).sum() for n in range(t + 1)]
    assert stats.chisquare(np.bincount(count[row == 0], minlength=t + 1), expected).pvalue > 1e-4
