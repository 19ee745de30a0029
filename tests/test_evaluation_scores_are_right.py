"""Are the scores what their definitions say, and do they tell right forecasts from wrong ones?"""

import numpy as np
import pytest
import scoringrules

from lifecast import evaluation
from lifecast.kernels.scores import score_customers, score_draws, sort_amounts

LEVELS = np.array([0.5, 0.8, 0.9])


def scored(draws: np.ndarray, actual: float) -> np.ndarray:
    """The kernel's scores of all draws of one customer."""
    out = np.empty(4 + 3 * LEVELS.size)
    positive = np.sort(draws[draws > 0])
    score_draws(positive, draws.size - positive.size, actual, LEVELS, out)
    return out


def test_is_the_hit_rate_of_nobody_no_number() -> None:
    nobody = np.empty(0)
    assert np.isnan(evaluation.hit_rate(nobody, nobody))


@pytest.mark.parametrize("mean", [0.05, 0.9, 12.0])
@pytest.mark.parametrize("actual", [0.0, 1.0, 7.0, 40.0])
def test_does_the_kernel_score_draws_as_numpy_and_scoringrules_do(mean: float, actual: float) -> None:
    rng = np.random.default_rng(7)
    for draws in (
        rng.poisson(mean, 201).astype(float),
        rng.gamma(2.0, mean, 201) * (rng.uniform(size=201) < 0.4),
    ):
        score = scored(draws, actual)
        ends = np.quantile(draws, [(1 - LEVELS) / 2, (1 + LEVELS) / 2])
        np.testing.assert_allclose(score[0], draws.mean())
        assert score[1] == np.sum(draws < actual) / 202
        assert score[2] == (np.sum(draws <= actual) + 1) / 202
        np.testing.assert_allclose(
            score[3], scoringrules.crps_ensemble(actual, draws, estimator="fair"), atol=1e-12
        )
        np.testing.assert_array_equal(score[4:7], (ends[0] <= actual) & (actual <= ends[1]))
        held = [np.mean((lower <= draws) & (draws <= upper)) for lower, upper in ends.T]
        np.testing.assert_allclose(
            score[7:10], held, atol=1.5 / 201
        )  # ends may lie on a draw, but for rounding
        for j, level in enumerate(LEVELS):
            expected = evaluation.interval_score(actual, *ends[:, j], level)
            np.testing.assert_allclose(score[10 + j], expected, atol=1e-12)


def test_are_the_plain_scores_those_of_scoringrules() -> None:
    rng = np.random.default_rng(7)
    actual = rng.gamma(1.0, 3.0, 200) * (rng.uniform(size=200) < 0.7)
    lower, upper = np.sort(rng.gamma(1.0, 3.0, (2, 200)), axis=0)
    draws = rng.gamma(1.0, 3.0, (200, 9))
    middle, sd = rng.normal(size=200), rng.uniform(0.01, 2.0, 200)
    with np.errstate(divide="ignore"):  # it takes the log of what came to nothing
        for ours, theirs in (
            (evaluation.crps(actual, draws), scoringrules.crps_ensemble(actual, draws, estimator="fair")),
            (
                evaluation.interval_score(actual, lower, upper, 0.8),
                scoringrules.interval_score(actual, lower, upper, 0.2),
            ),
            (
                evaluation.crps_lognormal(actual, middle, sd),
                scoringrules.crps_lognormal(actual, middle, sd),
            ),
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("size", [0, 1, 2, 17, 500])
def test_are_amounts_sorted_whatever_they_are(size: int) -> None:
    rng = np.random.default_rng(7)
    for amounts in (
        rng.gamma(1.5, 20.0, size),
        np.exp(rng.normal(0.0, 50.0, size)),
        10.0 * rng.integers(1, 4, size),
        np.full(size, 9.99),
        np.append(rng.uniform(1.0, 1.0 + 1e-9, size), [1e300, 5e-324]),
    ):
        ordered = amounts.copy()
        sort_amounts(ordered, np.empty(amounts.size), np.empty(amounts.size + 1, np.int64))
        np.testing.assert_array_equal(ordered, np.sort(amounts))


def test_does_the_kernel_add_up_what_it_scores() -> None:
    # Customer 0 buys in worlds 0 and 2, customer 1 never, customer 2 in world 2.
    first = np.array([0, 3, 3, 4])
    world = np.array([0, 0, 2, 2], np.int32)
    time = np.array([1.0, 5.0, 2.0, 4.0])
    amount = np.array([10.0, 20.0, 5.0, 1.0])
    totals = np.zeros((2, 2, 2, 3))
    scores = score_customers(
        first,
        world,
        time,
        amount,
        np.array([4.0, 6.0]),
        np.zeros((3, 2, 2)),
        np.array([0, 0, 1]),
        LEVELS,
        totals,
    )
    np.testing.assert_array_equal(totals[0, 0], [[1, 0, 1], [2, 0, 1]])
    np.testing.assert_array_equal(totals[0, 1], [[0, 0, 1], [0, 0, 1]])
    np.testing.assert_array_equal(totals[1, 0], [[10, 0, 5], [30, 0, 5]])
    np.testing.assert_array_equal(totals[1, 1], [[0, 0, 1], [0, 0, 1]])
    np.testing.assert_allclose(scores[:, :, :, 0].sum(axis=0).T, totals.sum(axis=1).mean(axis=-1))


def test_is_the_pit_of_a_right_count_uniform_and_of_a_wrong_one_not() -> None:
    from scipy.stats import kstest, poisson

    rng = np.random.default_rng(7)
    rate = rng.gamma(2.0, 2.0, 20_000)
    actual = rng.poisson(rate)
    right, wrong = (
        evaluation.randomised_pit(poisson.cdf(actual - 1, rate * by), poisson.cdf(actual, rate * by), rng)
        for by in (1.0, 1.5)
    )
    assert kstest(right, "uniform").pvalue > 0.01
    assert kstest(wrong, "uniform").pvalue < 1e-6
    lower, upper = evaluation.pit_band(actual.size, bins=20)
    for pit, inside in ((right, True), (wrong, False)):
        shares = np.histogram(pit, bins=20, range=(0, 1))[0] / pit.size
        assert (lower <= shares.min() and shares.max() <= upper) == inside


def test_does_the_right_forecast_score_best() -> None:
    rng = np.random.default_rng(7)
    actual = rng.normal(size=4_000)
    draws = rng.normal(size=(4_000, 50))

    def scores(shift: float, spread: float) -> tuple[float, float]:
        low, high = shift - 1.645 * spread, shift + 1.645 * spread
        return (
            float(evaluation.crps(actual, shift + spread * draws).mean()),
            float(evaluation.interval_score(actual, np.full(4_000, low), np.full(4_000, high), 0.9).mean()),
        )

    best = scores(0.0, 1.0)
    for other in (scores(0.5, 1.0), scores(0.0, 0.6), scores(0.0, 1.6)):
        assert best[0] < other[0]
        assert best[1] < other[1]


def test_is_the_log_score_that_of_a_distribution() -> None:
    draws = np.array([0, 0, 0, 1, 4])
    counts = np.arange(100_000)
    equal = np.bincount(draws, minlength=counts.size)
    probability = np.exp(-evaluation.log_score_of_counts(counts, equal, draws.size))
    assert probability.sum() == pytest.approx(1.0, abs=1e-5)
    assert np.all(probability > 0)


def test_do_ranking_measures_know_the_best_the_worst_and_ties() -> None:
    actual = np.array([0.0, 0.0, 0.0, 1.0, 2.0, 7.0])
    assert evaluation.gini(actual, actual) == pytest.approx(1.0)
    assert evaluation.gini(-actual, actual) == pytest.approx(-1.0)
    assert evaluation.gini(np.ones(6), actual) == pytest.approx(0.0)
    assert np.isnan(evaluation.gini(actual, np.ones(6)))
    assert evaluation.hit_rate(actual, actual, share=0.5) == 1.0
    assert evaluation.hit_rate(-actual, actual, share=0.5) == 0.0
    assert evaluation.hit_rate(np.ones(6), actual, share=0.5) == pytest.approx(0.5)
    customers, value = evaluation.gain_curve(np.ones(6), actual)
    np.testing.assert_allclose(customers, value)


def test_do_deciles_hold_all_customers_in_order() -> None:
    rng = np.random.default_rng(7)
    predicted = rng.gamma(1.0, 1.0, 1_003)
    table = evaluation.calibration_by_decile(predicted, 2 * predicted)
    assert table["customers"].sum() == 1_003
    assert table["predicted"].is_monotonic_increasing
    np.testing.assert_allclose(table["actual"], 2 * table["predicted"])


def test_is_the_lognormal_crps_that_of_its_draws() -> None:
    rng = np.random.default_rng(7)
    draws = np.exp(1.0 + 0.3 * rng.normal(size=200_000))
    exact = evaluation.crps_lognormal(np.array([2.0]), np.array([1.0]), np.array([0.3]))
    sample = evaluation.crps(np.array([2.0]), draws[None])
    np.testing.assert_allclose(exact, sample, rtol=0.01)
