"""Do the BG/BB kernels say what the model says: published numbers, slow twins, extremes?"""

import math
from collections.abc import Iterator

import mpmath
import numpy as np
import pytest
from published_numbers import Published, published
from scipy import stats

from lifecast.kernels.bg_bb import (
    expected_purchases_if_alive,
    log_likelihood,
    log_likelihood_customer,
    log_likelihood_draws,
    log_likelihood_value,
    log_purchase_pmf,
    probability_alive,
    probability_of_purchase,
)
from lifecast.kernels.bg_bb_simulation import simulate_purchases
from lifecast.kernels.bg_bb_worlds import probability_alive_table

Theta = tuple[float, float, float, float]
DONATIONS: Theta = (1.204, 0.750, 0.657, 2.783)  # Fader, Hardie & Shang (2010)
FORMULAS = [row for row in published("bg-bb") if row.is_formula and "d" not in row.inputs]


def answer(row: Published) -> float:
    given = {name: float(value) for name, value in row.inputs.items()}
    theta = given["alpha"], given["beta"], given["gamma"], given["delta"]
    x, t_x, T = int(given["x"]), int(given["t_x"]), int(given["T"])
    if row.quantity == "P(alive)":
        return probability_alive(x, t_x, T, *theta)
    assert row.quantity == "log-likelihood of a customer"
    return log_likelihood_customer(x, t_x, T, *theta)


@pytest.mark.parametrize("row", FORMULAS, ids=lambda row: row.id)
def test_does_each_published_formula_come_out(row: Published) -> None:
    assert answer(row) == pytest.approx(row.value, abs=row.tolerance, rel=0)


def exact_likelihood(x: int, t_x: int, T: int, theta: Theta) -> tuple[mpmath.mpf, mpmath.mpf]:
    """The likelihood, and its part in which the customer is alive, term by term as the paper has them."""
    alpha, beta, gamma, delta = map(mpmath.mpf, theta)

    def ratio(a: mpmath.mpf, b: mpmath.mpf, of_a: mpmath.mpf, of_b: mpmath.mpf) -> mpmath.mpf:
        logs = [mpmath.loggamma(v) for v in (a, b, of_a, of_b)]
        both = mpmath.loggamma(a + b) - mpmath.loggamma(of_a + of_b)
        return mpmath.exp(logs[0] + logs[1] - logs[2] - logs[3] - both)

    alive = ratio(alpha + x, beta + T - x, alpha, beta) * ratio(gamma, delta + T, gamma, delta)
    gone = mpmath.mpf(0)
    term = ratio(alpha + x, beta + t_x - x, alpha, beta) * ratio(gamma + 1, delta + t_x, gamma, delta)
    for j in range(t_x, T):
        gone += term
        term *= (beta + j - x) / (alpha + beta + j) * (delta + j) / (gamma + delta + j + 1)
    return alive + gone, alive


def wide_grid(count: int, seed: int, opportunities: list[int]) -> Iterator[tuple[int, int, int, Theta]]:
    """(x, t_x, T, theta) over far more than any log holds."""
    rng = np.random.default_rng(seed)

    def log_uniform(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    for _ in range(count):
        T = int(rng.choice(opportunities))
        x = int(rng.choice([0, min(T, 1), min(T, 3), rng.integers(0, T + 1), T]))
        t_x = int(rng.integers(x, T + 1)) if x else 0
        theta = (
            log_uniform(0.02, 200), log_uniform(0.02, 200), log_uniform(0.01, 100), log_uniform(0.02, 1000),
        )  # fmt: skip
        yield x, t_x, T, theta


@pytest.mark.parametrize(("count", "opportunities"), [(150, [1, 3, 6, 40, 300]), (6, [10_000])], ids=str)
def test_do_likelihood_and_probability_alive_keep_their_digits(count: int, opportunities: list[int]) -> None:
    with mpmath.workdps(30):
        for x, t_x, T, theta in wide_grid(count, 1, opportunities):
            likelihood, alive = exact_likelihood(x, t_x, T, theta)
            value = log_likelihood_customer(x, t_x, T, *theta)
            assert value == pytest.approx(float(mpmath.log(likelihood)), rel=1e-11)
            if alive / likelihood > 1e-290:
                exact = float(alive / likelihood)
                assert probability_alive(x, t_x, T, *theta) == pytest.approx(exact, rel=1e-11)


def rows(count: int, seed: int) -> tuple[np.ndarray, ...]:
    """Weighted rows of up to 60 opportunities, sorted by frequency."""
    histories = sorted((x, t_x, T) for x, t_x, T, _ in wide_grid(count, seed, [1, 6, 20, 60]))
    x, t_x, T = np.array(histories).T
    return x, t_x.astype(float), T.astype(float), np.random.default_rng(seed).integers(1, 9, count) * 1.0


def test_is_the_total_the_weighted_sum_of_the_customers() -> None:
    x, t_x, T, weight = rows(200, 3)
    one_by_one = sum(
        w * log_likelihood_customer(int(n), int(last), int(age), *DONATIONS)
        for n, last, age, w in zip(x, t_x, T, weight, strict=True)
    )
    assert log_likelihood_value(x, t_x, T, weight, *DONATIONS) == pytest.approx(one_by_one, rel=1e-13)
    value, _ = log_likelihood(x, t_x, T, weight, *DONATIONS)
    assert value == pytest.approx(one_by_one, rel=1e-13)
    alive = probability_alive_table(x, t_x, T, np.array([DONATIONS, (3.0, 9.0, 0.1, 40.0)]))
    for i, (n, last, age) in enumerate(zip(x, t_x, T, strict=True)):
        assert alive[i, 0] == pytest.approx(probability_alive(n, int(last), int(age), *DONATIONS), rel=1e-12)


@pytest.mark.parametrize("theta", [DONATIONS, (0.05, 9.0, 0.02, 300.0), (40.0, 5.0, 30.0, 0.3)], ids=str)
def test_is_the_gradient_the_slope_of_the_value(theta: Theta) -> None:
    one_by_one = rows(200, 4)
    _, gradient = log_likelihood(*one_by_one, *theta)
    for i, parameter in enumerate(theta):
        step = np.zeros(4)
        step[i] = 1e-4 * parameter
        f = [log_likelihood_value(*one_by_one, *(np.asarray(theta) + m * step)) for m in (-2, -1, 1, 2)]
        slope = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * step[i])
        assert gradient[i] == pytest.approx(slope, rel=1e-7, abs=1e-8 * abs(f[1]) / parameter)


def test_do_draws_in_parallel_equal_single_values() -> None:
    one_by_one = rows(100, 5)
    theta = np.exp(np.random.default_rng(6).normal(0, 0.3, (20, 4))) * DONATIONS
    together = log_likelihood_draws(*one_by_one, theta)
    assert together.tolist() == [log_likelihood_value(*one_by_one, *row) for row in theta]


def test_does_the_likelihood_of_all_orders_add_up_to_one() -> None:
    T = 7
    for theta in (DONATIONS, (0.2, 3.0, 4.0, 0.5)):
        total = sum(
            math.comb(t_x - 1, x - 1) * math.exp(log_likelihood_customer(x, t_x, T, *theta))
            for t_x in range(1, T + 1)
            for x in range(1, t_x + 1)
        )
        assert total + math.exp(log_likelihood_customer(0, 0, T, *theta)) == pytest.approx(1.0, rel=1e-13)


def averaged_over_traits(x: int, T: int, theta: Theta, of_traits) -> float:
    """The mean of a function of (p, theta) of a living customer, by Gauss-Jacobi quadrature."""
    from scipy.special import roots_jacobi

    alpha, beta, gamma, delta = theta

    def nodes(a: float, b: float) -> tuple[np.ndarray, np.ndarray]:
        at, weight = roots_jacobi(120, b - 1.0, a - 1.0)
        return (at + 1.0) / 2.0, weight / weight.sum()

    p, of_p = nodes(alpha + x, beta + T - x)
    leave, of_leave = nodes(gamma, delta + T)
    return float(of_p @ of_traits(p[:, None], leave[None, :]) @ of_leave)


@pytest.mark.parametrize("theta", [DONATIONS, (0.3, 4.0, 1.0, 9.0), (12.0, 5.0, 3.0, 40.0)], ids=str)
@pytest.mark.parametrize(("x", "T"), [(0, 0), (2, 6), (30, 41)])
def test_is_the_future_the_average_over_traits(x: int, T: int, theta: Theta) -> None:
    for t in (1, 4, 50, 90):
        step = np.arange(1, t + 1)[:, None, None]
        expected = averaged_over_traits(
            x, T, theta, lambda p, leave, step=step: (p * (1 - leave) ** step).sum(axis=0)
        )
        assert expected_purchases_if_alive(x, float(T), float(t), *theta) == pytest.approx(
            expected, rel=1e-10
        )
        buys = averaged_over_traits(
            x, T, theta,
            lambda p, leave, step=step: (p * (1 - p) ** (step - 1) * (1 - leave) ** step).sum(axis=0),
        )  # fmt: skip
        assert probability_of_purchase(x, float(T), float(t), *theta) == pytest.approx(buys, rel=1e-10)


def test_does_the_infinite_horizon_close_the_finite_ones() -> None:
    alpha, beta, _, delta = DONATIONS
    forever = expected_purchases_if_alive(3, 20.0, math.inf, alpha, beta, 2.5, delta)
    assert forever == pytest.approx((alpha + 3) / (alpha + beta + 20) * (delta + 20) / 1.5)
    late = expected_purchases_if_alive(3, 20.0, 1e12, alpha, beta, 2.5, delta)
    assert late == pytest.approx(forever, rel=1e-10)
    assert expected_purchases_if_alive(3, 20.0, math.inf, *DONATIONS) == math.inf
    assert expected_purchases_if_alive(3, 20.0, 0.99, *DONATIONS) == 0.0


@pytest.mark.parametrize("t", [1, 6, 300])
@pytest.mark.parametrize("theta", [DONATIONS, (0.3, 4.0, 1.0, 9.0), (12.0, 5.0, 3.0, 40.0)], ids=str)
def test_does_the_pmf_add_up_to_one_and_to_the_expectation(t: int, theta: Theta) -> None:
    pmf = np.exp([log_purchase_pmf(n, float(t), *theta) for n in range(t + 2)])
    assert pmf.sum() == pytest.approx(1.0, rel=1e-12)
    expected = expected_purchases_if_alive(0, 0.0, float(t), *theta)
    assert pmf @ np.arange(t + 2) == pytest.approx(expected, rel=1e-11)
    assert 1.0 - pmf[0] == pytest.approx(probability_of_purchase(0, 0.0, float(t), *theta), rel=1e-11)


def test_does_the_pmf_keep_its_digits_to_thousands_of_opportunities() -> None:
    with mpmath.workdps(30):
        for n, _, t, theta in wide_grid(8, 9, [2000]):
            alpha, beta, gamma, delta = map(mpmath.mpf, theta)
            exact = mpmath.mpf(0)
            alive = mpmath.rf(alpha, n) / mpmath.rf(alpha + beta, n)
            alive *= mpmath.rf(delta, n) / mpmath.rf(gamma + delta, n)
            for j in range(n, t):
                exact += alive * gamma / (gamma + delta + j)
                alive *= (j + 1) / mpmath.mpf(j + 1 - n) * (beta + j - n) / (alpha + beta + j)
                alive *= (delta + j) / (gamma + delta + j)
            exact = mpmath.log(exact + alive)
            assert log_purchase_pmf(n, float(t), *theta) == pytest.approx(float(exact), rel=1e-11)


def test_is_a_horizon_that_misses_an_opportunity_by_rounding_alone_counted() -> None:
    assert expected_purchases_if_alive(0, 0.0, 3.0 - 1e-12, *DONATIONS) == expected_purchases_if_alive(
        0, 0.0, 3.0, *DONATIONS
    )


def test_are_gaps_between_simulated_purchases_those_of_the_model() -> None:
    """The chance of every order of purchases in five opportunities, to customers with a past."""
    customers, t = 60_000, 5
    x, T = np.array([2]), np.array([4.0])
    theta = np.array([DONATIONS])
    alive = np.array([[0.8]])
    buys = alive * probability_of_purchase(2, 4.0, float(t), *DONATIONS)
    first, _, stretch, time = simulate_purchases(
        x, T, alive, buys, np.zeros(customers, np.int64),
        np.random.default_rng(3).integers(0, 2**63, customers).astype(np.uint64),
        theta, np.array([0.0, 1.5, 3.0, 5.0]), 10 * customers,
    )  # fmt: skip
    assert np.array_equal(stretch, np.searchsorted([0.0, 1.5, 3.0, 5.0], time) - 1)
    order = np.zeros(customers, np.int64)  # a bit for each opportunity used
    np.add.at(order, np.repeat(np.arange(customers), np.diff(first)), 2 ** (time.astype(np.int64) - 1))
    observed = np.bincount(order, minlength=2**t)
    alpha, beta, gamma, delta = DONATIONS
    updated = (alpha + 2, beta + 2, gamma, delta + 4)
    expected = np.zeros(2**t)
    for code in range(2**t):
        used = [j + 1 for j in range(t) if code >> j & 1]
        chance = math.exp(log_likelihood_customer(len(used), max(used, default=0), t, *updated))
        expected[code] = customers * (0.8 * chance + (0.2 if code == 0 else 0.0))
    assert stats.chisquare(observed, expected).pvalue > 1e-4


def test_do_simulated_purchases_survive_extreme_parameters() -> None:
    thetas = np.array(
        [(1e-3, 1e3, 1e-3, 1e3), (1e3, 1e-3, 1e-3, 1e3), (1e3, 1e-3, 1e3, 1e-3), (0.01, 0.01, 0.01, 0.01)]
    )
    for end in (1.0, 10_000.0):
        buys = np.array([[probability_of_purchase(0, 0.0, end, *theta) for theta in thetas]])
        first, world, _, time = simulate_purchases(
            np.array([0]), np.zeros(1), np.ones((1, 4)), buys, np.zeros(200, np.int64),
            np.arange(200, dtype=np.uint64), thetas, np.array([0.0, end]), 5_000_000,
        )  # fmt: skip
        assert first[-1] == time.size
        assert np.all((time >= 1) & (time <= end) & (time == np.floor(time)))
        customer = np.repeat(np.arange(200), np.diff(first))
        together = (np.diff(customer) == 0) & (np.diff(world) == 0)
        assert np.all(np.diff(time)[together] >= 1)
        assert np.bincount(world, minlength=4)[1] > 180 * end  # they buy every time, and stay
