"""Does every registered family do what the contract says, and what its model's story says?

Each family's case (tests/family_cases) tells the story a second time without the kernels. The future is held
to the likelihood alone: what a customer does next is a ratio of densities of longer and shorter histories.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from family_cases import PurchaseCase, SpendCase, case_of
from scipy import stats
from scipy.special import comb, gammaln

import lifecast as lc
from lifecast.arrays import Floats, Integers
from lifecast.families import PURCHASE_FAMILIES, SPEND_FAMILIES
from lifecast.families.density import log_posterior
from lifecast.fitting import fit_purchases, fit_spend
from lifecast.grouping import (
    PurchaseRows,
    SpendHistory,
    SpendRows,
    group_purchases,
    group_spend,
    spend_history,
)
from lifecast.histories import Histories
from lifecast.worlds import discounting

DOUBTFUL = 1e-6  # of one figure among hundreds
ERRORS = stats.norm.isf(DOUBTFUL / 2)
DRIFT = 0.4


@pytest.fixture(scope="module", params=PURCHASE_FAMILIES)
def case(request: pytest.FixtureRequest) -> PurchaseCase:
    return case_of(request.param)


@pytest.fixture(scope="module", params=SPEND_FAMILIES)
def spend_case(request: pytest.FixtureRequest) -> SpendCase:
    return case_of(request.param)


@pytest.fixture(scope="module", params=[*PURCHASE_FAMILIES, *SPEND_FAMILIES])
def either_case(request: pytest.FixtureRequest) -> PurchaseCase | SpendCase:
    return case_of(request.param)


def test_has_every_registered_family_a_case_of_its_name() -> None:
    for name, family in {**PURCHASE_FAMILIES, **SPEND_FAMILIES}.items():
        assert isinstance(case_of(name).family, family)


# -- what the cases give ---------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Lives:
    """Customers from birth: what was seen of them until T, and what came later."""

    x: Integers
    t_x: Floats
    T: Floats
    traits: Floats
    alive: np.ndarray
    later: Integers


def lives(
    case: PurchaseCase,
    theta: Any,
    customers: int,
    rng: np.random.Generator,
    later: float = 0.0,
    drift: float = 0.0,
    ages: Floats | None = None,
) -> Lives:
    """By the model's story; ``later`` counts the purchases within that time after T."""
    traits, alive = case.born(rng, theta, customers)
    T = case.ages(rng, customers) if ages is None else ages
    times, alive = case.live(rng, traits, alive, T)
    x = np.sum(np.isfinite(times), axis=1)
    t_x = np.max(np.where(np.isfinite(times), times, 0.0), axis=1, initial=0.0)
    if drift and case.shock:
        traits = case.shock(rng, traits, x, T, theta, drift)
    after = case.live(rng, traits, alive, np.full(customers, later))[0]
    return Lives(x, t_x, T, traits, alive, np.sum(np.isfinite(after), axis=1))


def pasts(case: PurchaseCase, theta: Any) -> list[tuple[int, float, float]]:
    """A new customer, somebody who has just bought, and others across what is usual."""
    seen = lives(case, theta, 300, np.random.default_rng(11))
    order = np.lexsort((seen.t_x, seen.x))[np.linspace(0, 299, 6).astype(int)]
    usual = [(int(seen.x[i]), float(seen.t_x[i]), float(seen.T[i])) for i in order]
    return [past for past in [(0, 0.0, 0.0), (1, case.watched, case.watched), *usual] if case.possible(*past)]


def in_rows(histories: Iterable[tuple[int, float, float]]) -> PurchaseRows:
    x, t_x, T = zip(*histories, strict=True)
    return group_purchases(np.array(x, np.int64), np.array(t_x), np.array(T))


def log_density_of(case: PurchaseCase, x: int, t_x: float, T: float, theta: Any) -> float:
    if not case.possible(x, t_x, T):
        return -np.inf
    return case.family.log_likelihood(in_rows([(x, t_x, T)]), np.asarray(theta))[0]


def one_world(theta: Any) -> Floats:
    return np.asarray(theta, np.float64)[None, :]


def alive_of(case: PurchaseCase, x: Any, t_x: Any, T: Any, theta: Any) -> Floats:
    """P(alive) of histories at one theta."""
    return case.family.probability_alive(
        np.atleast_1d(x), np.atleast_1d(t_x), np.atleast_1d(T), one_world(theta)
    )[:, 0]


def expected_of(
    case: PurchaseCase, x: Any, T: Any, theta: Any, times: Any, drift: float = 0.0, weights: Any = None
) -> Floats:
    """Expected purchases of living customers at one theta: (time, row), or (sum, row) with weights."""
    x, T, times = np.atleast_1d(x), np.atleast_1d(T), np.atleast_1d(np.asarray(times, np.float64))
    weights = np.eye(times.size) if weights is None else weights
    closure = case.family.expected_purchases(
        x, T, one_world(theta), np.array([drift]), times[None, :], weights[None, :, :]
    )
    order = np.lexsort((T, x))
    sums = np.empty((weights.shape[1], x.size))
    sums[:, order] = closure(x[order], T[order])[:, :, 0]
    return sums


def log_pmf(
    case: PurchaseCase, past: tuple[int, float, float], n: Integers, t: float, theta: Any, drift: float = 0.0
) -> Floats:
    x, t_x, T = (np.full(n.size, value) for value in past)
    return case.family.log_probability_of_count(x, t_x, T, n, t, np.asarray(theta), drift)


def horizons(case: PurchaseCase) -> list[float]:
    spans = [0.02 * case.watched, 0.3 * case.watched, 1.5 * case.watched]
    return [float(np.ceil(span)) for span in spans] if case.whole_times else spans


# -- likelihood and what inference sees --------------------------------------------------------------------


def test_is_the_likelihood_the_average_over_traits(case: PurchaseCase) -> None:
    for theta in case.thetas:
        for past in pasts(case, theta):
            total, alive = case.log_density(*past, theta)
            assert log_density_of(case, *past, theta) == pytest.approx(total, rel=1e-8, abs=1e-8)
            assert alive_of(case, *past, theta)[0] == pytest.approx(np.exp(alive - total), rel=1e-7)


def test_do_rows_count_as_often_as_they_weigh(case: PurchaseCase) -> None:
    for theta in case.thetas:
        seen = lives(case, theta, 60, np.random.default_rng(3))
        histories = list(zip(seen.x, seen.t_x, seen.T, strict=True))
        alone = [log_density_of(case, *past, theta) for past in histories]
        rows = in_rows(histories + histories[:20])
        total = sum(alone) + sum(alone[:20])
        assert case.family.log_likelihood(rows, np.asarray(theta))[0] == pytest.approx(total, rel=1e-12)


@pytest.fixture(scope="module")
def density_and_family(either_case: PurchaseCase | SpendCase) -> list[tuple[Any, Any]]:
    """The log densities that inference sees, on a simulated shop, under several settings."""
    family = either_case.family
    shifted = {name: (mean + 0.5, 0.3 * sd) for name, (mean, sd) in list(family.weak_priors.items())[1:]}
    others = [dataclasses.replace(family, priors=priors) for priors in ("flat", shifted)]  # type: ignore[type-var]
    found = []
    for one in (family, *others, *either_case.other_settings):
        rows = scaled_rows(either_case, one)
        found.append((log_posterior(one, rows, one.start(rows)), one))
    return found


def scaled_rows(case: PurchaseCase | SpendCase, family: Any) -> PurchaseRows | SpendRows:
    """Rows of a simulated shop in units of their own scale, as a fit sees them."""
    rng = np.random.default_rng(5)
    if isinstance(case, PurchaseCase):
        seen = lives(case, case.thetas[0], 300, rng)
        return group_purchases(seen.x, seen.t_x, seen.T).scaled(scale_of(case, seen.T))
    rfm = spenders(case, case.thetas[0], 300, rng)
    history = spend_history(rfm, case.family.zero_amounts, case.family.likelihood_needs)
    return group_spend(history).scaled(float(history.m.mean()))


def scale_of(case: PurchaseCase, ages: Floats) -> float:
    """The unit of time that coordinates are in: the mean age, but opportunities stay whole."""
    return 1.0 if case.whole_times else float(ages.mean())


def test_is_the_gradient_the_derivative(density_and_family: list[tuple[Any, Any]]) -> None:
    rng = np.random.default_rng(7)
    for density, _ in density_and_family:
        start = density.start
        for point in [start, *(start + rng.normal(0.0, 1.0, (5, start.size)))]:
            gradient = density.value_and_gradient(point)[1]
            steps = 1e-5 * np.eye(start.size)
            differences = (density.values(point + steps) - density.values(point - steps)) / 2e-5
            scale = np.abs(gradient).max() + 1.0
            np.testing.assert_allclose(gradient / scale, differences / scale, atol=2e-6)


def test_do_one_point_and_many_have_the_same_density(density_and_family: list[tuple[Any, Any]]) -> None:
    for density, _ in density_and_family:
        points = density.start + np.random.default_rng(8).normal(0.0, 0.5, (5, density.start.size))
        one_by_one = [density.value_and_gradient(point)[0] for point in points]
        np.testing.assert_allclose(density.values(points), one_by_one, rtol=1e-12)


def test_is_the_jacobian_the_derivative_of_the_parameters(either_case: PurchaseCase | SpendCase) -> None:
    family = either_case.family
    points = np.random.default_rng(9).normal(0.0, 1.0, (5, len(family.weak_priors)))
    np.testing.assert_allclose(family.unconstrain(family.constrain(points)), points, rtol=1e-12, atol=1e-12)
    assert set(family.covariate_coordinates) <= set(family.weak_priors)
    for point in points:
        steps = 1e-6 * np.eye(point.size)
        differences = (family.constrain(point + steps) - family.constrain(point - steps)).T / 2e-6
        np.testing.assert_allclose(family.jacobian(point), differences, rtol=1e-7, atol=1e-7)


def test_does_the_unit_of_time_not_matter(case: PurchaseCase) -> None:
    if case.whole_times:
        return  # a chance to buy has no unit
    for theta in map(np.asarray, case.thetas):
        seen = lives(case, theta, 50, np.random.default_rng(4))
        rows = group_purchases(seen.x, seen.t_x, seen.T)
        same = case.family.log_likelihood(rows.scaled(7.0), theta)[0] - seen.x.sum() * np.log(7.0)
        rescaled = case.family.rescale(theta, 7.0)
        assert case.family.log_likelihood(rows, rescaled)[0] == pytest.approx(same, rel=1e-10)


def test_do_the_priors_say_what_they_are_asked(either_case: PurchaseCase | SpendCase) -> None:
    family: Any = type(either_case.family)
    weak = family().weak_priors
    name, (mean, sd) = next(iter(weak.items()))
    own = family(priors={name: (mean + 1.0, 2 * sd)})
    assert own != family() and own.weak_priors == weak
    with pytest.raises(lc.SettingsError, match="Unknown prior 'log_x'"):
        family(priors={"log_x": (0.0, 1.0)})
    for nonsense in [(0.0, 0.0), (np.nan, 1.0), (0.0, np.inf), (0.0,), "wide", None]:
        with pytest.raises(lc.SettingsError, match="positive sd"):
            family(priors={name: nonsense})
    with pytest.raises(lc.SettingsError, match='needed "weak", "flat"'):
        family(priors="strong")


# -- the future, from the likelihood ------------------------------------------------------------------------


def pmf_from_densities(
    case: PurchaseCase, past: tuple[int, float, float], n: int, t: float, theta: Any
) -> float:
    """P(n purchases within t | past): densities of all the longer histories over that of the past.

    They depend on the time s of the last purchase alone; the n - 1 before it may lie anywhere.
    """
    x, t_x, T = past
    now = log_density_of(case, *past, theta)
    if n == 0:
        return float(np.exp(log_density_of(case, x, t_x, T + t, theta) - now))
    if case.whole_times:
        last = np.arange(n, t + 1.0)
        places = comb(last - 1.0, n - 1)
    else:
        points, point_weights = np.polynomial.legendre.leggauss(60)
        last = 0.5 * t * (1.0 + points)
        places = 0.5 * t * point_weights * np.exp((n - 1) * np.log(last) - gammaln(n))
    densities = [log_density_of(case, x + n, T + s, T + t, theta) - now for s in last]
    return float(np.sum(places * np.exp(densities)))


def test_is_the_chance_of_each_count_what_the_likelihood_implies(case: PurchaseCase) -> None:
    for theta in case.thetas[:2]:
        for past in pasts(case, theta)[::2]:
            for t in horizons(case)[1:]:
                n = np.array([n for n in (0, 1, 2, 7) if n <= t or not case.whole_times])
                implied = [pmf_from_densities(case, past, int(one), t, theta) for one in n]
                np.testing.assert_allclose(
                    np.exp(log_pmf(case, past, n, t, theta)), implied, rtol=1e-8, atol=1e-12
                )


@pytest.mark.parametrize("drift", [0.0, DRIFT])
def test_do_chances_add_up_to_one_and_to_the_expectation(case: PurchaseCase, drift: float) -> None:
    for theta in case.thetas:
        for past in pasts(case, theta)[::3]:
            x, _, T = past
            alive = alive_of(case, *past, theta)[0]
            for t in horizons(case)[:2]:
                enough = int(t) if case.whole_times else most_purchases(case, x, T, theta, t, drift)
                n = np.arange(enough + 1)
                chances = np.exp(log_pmf(case, past, n, t, theta, drift))
                assert chances.sum() == pytest.approx(1.0, abs=1e-9)
                expected = expected_of(case, x, T, theta, t, drift)[0, 0]
                assert (n * chances).sum() == pytest.approx(alive * expected, rel=1e-7, abs=1e-12)
                buys = case.family.probability_of_purchase(
                    np.array([x]), np.array([T]), one_world(theta), np.array([drift]), np.array([t])
                )[0, 0]
                assert 1.0 - chances[0] == pytest.approx(alive * buys, rel=1e-8, abs=1e-14)


def most_purchases(case: PurchaseCase, x: int, T: float, theta: Any, t: float, drift: float) -> int:
    """Beyond this many, counts are as good as impossible."""
    n = 64
    while log_pmf(case, (x, T, T), np.array([n]), t, theta, drift)[0] > -35.0 and n < 100_000:
        n *= 2
    return n


@pytest.mark.parametrize("drift", [0.0, DRIFT])
def test_do_expected_purchases_grow_from_nothing_to_their_limit(case: PurchaseCase, drift: float) -> None:
    steps = np.arange(9.0) if case.whole_times else np.geomspace(1e-3, 1e3, 8) * case.watched
    times = np.array([0.0, *np.sort(steps)[1:], 1e4 * case.watched, np.inf])
    for theta in case.thetas:
        x, _, T = map(np.array, zip(*pasts(case, theta), strict=True))
        expected = expected_of(case, x, T, theta, times, drift)
        assert np.all(expected[0] == 0.0)
        assert np.all(np.diff(expected[:-1], axis=0) > 0.0)
        late, ever = expected[-2], expected[-1]
        finite = np.isfinite(ever)
        assert np.all(late[finite] <= ever[finite] * (1.0 + 1e-9))
        assert np.all((ever - late)[finite] <= 0.5 * (ever - expected[1])[finite] + 1e-12)
        assert np.all(late[~finite] > 1.5 * expected[-4][~finite])  # it does grow on


@pytest.mark.parametrize("drift", [0.0, DRIFT])
def test_is_discounted_value_the_sum_over_purchases(case: PurchaseCase, drift: float) -> None:
    rate = 0.1 / case.watched
    for theta in case.thetas[:2]:
        x, _, T = map(np.array, zip(*pasts(case, theta)[::2], strict=True))
        scale = case.family.time_scale(x, T, one_world(theta), np.array([drift]))
        for start, end in [(0.0, horizons(case)[-1]), (horizons(case)[1], np.inf), (0.0, np.inf)]:
            times, weights = discounting(start, end, rate, scale, case.whole_times)
            value = expected_of(case, x, T, theta, times, drift, weights[:, None])[0]
            exact = brute_force_discounting(case, x, T, theta, drift, start, end, rate)
            np.testing.assert_allclose(value, exact, rtol=3e-8)


def brute_force_discounting(
    case: PurchaseCase, x: Any, T: Any, theta: Any, drift: float, start: float, end: float, rate: float
) -> Floats:
    """The sum of exp(-rate t) over expected purchases in (start, end], in many small steps."""
    end = min(end, start + 40.0 / rate)
    if case.whole_times:
        times = np.arange(start, end + 1.0)
        expected = expected_of(case, x, T, theta, times, drift)
        return np.exp(-rate * times[1:]) @ np.diff(expected, axis=0)
    points, point_weights = np.polynomial.legendre.leggauss(12)
    smallest = 1e-3 * case.watched
    corners = np.log(np.geomspace(start + smallest, end + smallest, 41))
    middle, half = 0.5 * (corners[1:] + corners[:-1]), 0.5 * np.diff(corners)
    logs = (middle[:, None] + half[:, None] * points).ravel()
    times = np.exp(logs) - smallest
    # by parts, in the logarithm of time
    steps = (half[:, None] * point_weights).ravel() * np.exp(logs) * rate * np.exp(-rate * times)
    weights = np.concatenate([steps, [np.exp(-rate * end), -np.exp(-rate * start)]])
    return expected_of(case, x, T, theta, np.append(times, [end, start]), drift, weights[:, None])[0]


# -- the future, as it comes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("drift", [0.0, DRIFT])
def test_do_customers_who_live_by_the_story_do_what_is_expected(case: PurchaseCase, drift: float) -> None:
    """Alive or not, how many purchases, and how often each number: among customers alike in frequency."""
    theta, t = case.thetas[0], horizons(case)[2]
    seen = lives(case, theta, 20_000, np.random.default_rng(21), t, drift)
    alive = alive_of(case, seen.x, seen.t_x, seen.T, theta)
    expected = alive * expected_of(case, seen.x, seen.T, theta, t, drift)[0]
    chances = [
        np.exp(
            case.family.log_probability_of_count(
                seen.x, seen.t_x, seen.T, np.full(seen.x.size, n), t, np.asarray(theta), drift
            )
        )
        for n in range(4)
    ]
    likely = alive > np.median(alive)
    alike = [seen.x == 0, seen.x == 1, seen.x > 1, likely, ~likely]
    for some in (group for group in alike if group.sum() > 300):
        assert_mean(seen.alive[some] - alive[some], np.sqrt(np.mean((alive * (1.0 - alive))[some])))
        assert_mean(seen.later[some] - expected[some], np.sqrt(expected[some].mean()))
        for n, chance in enumerate(chances):
            assert_mean((seen.later[some] == n) - chance[some], np.sqrt(np.mean(chance[some])))


def assert_mean(differences: Floats, least_sd: float) -> None:
    """That these have mean zero, as far as one can see; an sd from few rare events is not believed."""
    sd = max(float(np.std(differences)), float(least_sd))
    assert abs(np.mean(differences)) <= ERRORS * sd / np.sqrt(differences.size) + 1e-12


@dataclasses.dataclass(frozen=True)
class Simulated:
    """Futures of many customers of each past in several worlds at once, each world with its own theta."""

    past: list[tuple[int, float, float]]
    theta: Floats
    drift: Floats
    clock: Floats
    edges: Floats
    alive: Floats  # (past, world)
    buys: Floats  # (past, world), and alive
    counts: Integers  # (past, copy, world, stretch)
    purchases: tuple[Any, ...]


COPIES = 20_000


def simulated(case: PurchaseCase) -> Simulated:
    theta = np.array(case.thetas, np.float64)
    S = len(theta)
    past = sorted(pasts(case, theta[0]), key=lambda one: (one[0], one[2], one[1]))
    x, t_x, T = map(np.array, zip(*past, strict=True))
    drift = np.where(np.arange(S) % 2 == 1, DRIFT, 0.0)
    if case.whole_times:
        edges = np.array([0.0, 2.0, 3.0, 6.0])
        clock = np.tile(edges, (S, 1))
    else:
        edges = case.watched * np.array([0.0, 0.1, 0.5, 0.8])
        paces = np.linspace(0.5, 2.0, 3 * S).reshape(S, 3)
        clock = np.hstack([np.zeros((S, 1)), np.cumsum(paces * np.diff(edges), axis=1)])
    alive = case.family.probability_alive(x, t_x, T, theta)
    buys = alive * case.family.probability_of_purchase(x, T, theta, drift, clock[:, -1])
    row = np.repeat(np.arange(x.size), COPIES)
    keys = np.random.default_rng(12).integers(0, 2**64, row.size, np.uint64)
    purchases = case.family.simulate_purchases(x, T, alive, buys, row, keys, theta, drift, clock, edges, 0.1)
    first, world, stretch, _ = purchases
    customer = np.repeat(np.arange(row.size), np.diff(first))
    counts = np.bincount((customer * S + world) * 3 + stretch, minlength=row.size * S * 3)
    counts = counts.reshape(x.size, COPIES, S, 3)
    return Simulated(past, theta, drift, clock, edges, alive, buys, counts, (x, T, row, keys, purchases))


@pytest.fixture(scope="module")
def futures(case: PurchaseCase) -> Simulated:
    return simulated(case)


def test_is_the_mean_of_simulated_futures_what_is_expected(case: PurchaseCase, futures: Simulated) -> None:
    for i, (x, _, T) in enumerate(futures.past):
        for s, theta in enumerate(futures.theta):
            until = expected_of(case, x, T, theta, futures.clock[s], futures.drift[s])[:, 0]
            expected = futures.alive[i, s] * np.diff(until)
            for stretch in range(3):
                found = futures.counts[i, :, s, stretch]
                assert_mean(found - expected[stretch], np.sqrt(expected[stretch]))
            assert_mean(futures.counts[i, :, s].sum(axis=1) - expected.sum(), np.sqrt(expected.sum()))


def test_are_counts_in_simulated_futures_as_likely_as_is_said(case: PurchaseCase, futures: Simulated) -> None:
    for i, past in enumerate(futures.past):
        for s, theta in enumerate(futures.theta):
            counts = np.bincount(futures.counts[i, :, s].sum(axis=1))
            n = np.arange(counts.size)
            chances = np.exp(log_pmf(case, past, n, float(futures.clock[s, -1]), theta, futures.drift[s]))
            assert stats.binomtest(int(counts[0]), COPIES, min(chances[0], 1.0)).pvalue > DOUBTFUL
            assert 1.0 - chances[0] == pytest.approx(futures.buys[i, s], rel=1e-8, abs=1e-14)
            common = np.flatnonzero(COPIES * chances >= 10)
            observed = np.append(counts[common], COPIES - counts[common].sum())
            expected = COPIES * np.append(chances[common], max(1.0 - chances[common].sum(), 0.0))
            if expected[-1] < 5.0:
                observed, expected = observed[:-1], expected[:-1]
                expected = expected * observed.sum() / expected.sum()
            if observed.size > 1:
                assert stats.chisquare(observed, expected).pvalue > DOUBTFUL


def test_do_simulated_purchases_come_in_order_and_in_their_stretch(futures: Simulated) -> None:
    first, world, stretch, time = futures.purchases[-1]
    assert first[0] == 0 and first[-1] == world.size > 1000
    assert np.all(time <= futures.edges[stretch + 1]) and np.all(time >= futures.edges[stretch])
    customer = np.repeat(np.arange(first.size - 1), np.diff(first))
    same = (np.diff(customer) == 0) & (np.diff(world) == 0)
    assert np.all(np.diff(time)[same] > 0.0)
    assert np.all(np.diff(world)[np.diff(customer) == 0] >= 0)


def test_does_a_customer_buy_the_same_in_any_company_and_room(case: PurchaseCase, futures: Simulated) -> None:
    x, T, row, keys, (first, world, _, time) = futures.purchases
    of_some = slice(3 * COPIES, 3 * COPIES + 500)
    arguments = x, T, futures.alive, futures.buys, row[of_some], keys[of_some]
    for expected in (0.0, 50.0):
        alone = case.family.simulate_purchases(
            *arguments, futures.theta, futures.drift, futures.clock, futures.edges, expected
        )
        bought = slice(first[of_some.start], first[of_some.stop])
        np.testing.assert_array_equal(alone[0], first[of_some.start : of_some.stop + 1] - bought.start)
        np.testing.assert_array_equal(alone[1], world[bought])
        np.testing.assert_array_equal(alone[3], time[bought])


# -- inference -----------------------------------------------------------------------------------------------


def shop(case: PurchaseCase, theta: Any, customers: int, rng: np.random.Generator, ages: Floats) -> lc.RFM:
    """An RFM of customers who live by the story."""
    seen = lives(case, theta, customers, rng, ages=ages)
    return rfm_of(seen.x, seen.t_x, seen.T)


def rfm_of(x: Integers, t_x: Floats, T: Floats, **money: Floats) -> lc.RFM:
    import pandas as pd

    columns = {"customer_id": np.arange(x.size), "frequency": x, "recency": t_x, "T": T, **money}
    return lc.RFM.from_frame(pd.DataFrame(columns), time_unit="week")


def spenders(case: SpendCase, theta: Any, customers: int, rng: np.random.Generator) -> lc.RFM:
    """An RFM of customers with one to six amounts each, by the story."""
    count = 1 + np.minimum(rng.geometric(0.4, customers), 5)
    amounts = case.amounts(rng, theta, case.born(rng, theta, customers), count)
    money = {
        "monetary_value": np.nanmean(amounts, axis=1),
        "monetary_log_mean": np.nanmean(np.log(amounts), axis=1),
        "monetary_log_sd": np.nanstd(np.log(amounts), axis=1),
    }
    return rfm_of(count, np.ones(customers), np.full(customers, 2.0), **money)


def fitted(case: Any, family: Any, rfm: lc.RFM, draws: int, rng: np.random.Generator) -> Floats:
    """Posterior draws (draw, parameter) in the data's units."""
    fit = fit_purchases if isinstance(case, PurchaseCase) else fit_spend
    return fit(family, Histories.of(rfm), "laplace", draws, rng).population.theta


def test_are_the_parameters_of_a_shop_found_again(either_case: PurchaseCase | SpendCase) -> None:
    case, family = either_case, either_case.family
    for seed, theta in enumerate(case.thetas[:2]):
        rng = np.random.default_rng(seed)
        if isinstance(case, PurchaseCase):
            rfm = shop(case, theta, 3000, rng, case.ages(rng, 3000))
        else:
            rfm = spenders(case, theta, 3000, rng)
        logs = np.log(fitted(case, family, rfm, 1000, rng))
        away = np.abs(np.log(theta) - logs.mean(axis=0)) / logs.std(axis=0)
        assert np.all(away < 4.5)
        assert logs.std(axis=0).min() < 0.3  # and something was learned


def ranks(case: Any, data_sets: int, customers: int, seed: int) -> Floats:
    """Simulation-based calibration [Talts et al. 2018]: rank of the truth among draws, (data set, figure).

    Truths come from the prior. The figures are the parameters and the likelihood, which sees how the data
    were used [Modrák et al. 2023].
    """
    family = dataclasses.replace(case.family, priors=dict(case.tight))
    assert set(case.tight) == set(family.weak_priors)
    mean, sd = np.array([case.tight[name] for name in family.weak_priors]).T
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(data_sets):
        point = rng.normal(mean, sd)
        if isinstance(case, PurchaseCase):
            ages = case.ages(rng, customers)  # fixes the scale that the prior is in before anybody buys
            theta = family.rescale(family.constrain(point), scale_of(case, ages))
            rfm = shop(case, theta, customers, rng, ages)
            rows: Any = group_purchases(rfm.frequency, rfm.recency, rfm.T)
        else:
            theta = family.constrain(point)
            rfm = spenders(case, theta, customers, rng)
            rows = group_spend(spend_history(rfm, family.zero_amounts, family.likelihood_needs))
        draws = fitted(case, family, rfm, 200, rng)
        likelihood = family.log_likelihood_draws(rows, np.vstack([draws, theta]))
        figures = np.column_stack([np.vstack([draws, theta]), likelihood])
        found.append(np.mean(figures[:-1] < figures[-1], axis=0))
    return np.array(found)


def uniformity(ranks: Floats, bins: int) -> Floats:
    """p-value of the chi-square test that ranks are uniform, per figure."""
    counts = [np.histogram(column, np.linspace(0.0, 1.0, bins + 1))[0] for column in ranks.T]
    return np.array([stats.chisquare(count).pvalue for count in counts])


def test_are_ranks_of_the_truth_uniform_in_a_few_shops(either_case: PurchaseCase | SpendCase) -> None:
    assert np.all(uniformity(ranks(either_case, 20, 250, seed=31), 4) > 1e-4)


@pytest.mark.slow
def test_are_ranks_of_the_truth_uniform_in_many_shops(either_case: PurchaseCase | SpendCase) -> None:
    assert np.all(uniformity(ranks(either_case, 300, 250, seed=32), 10) > 1e-3)


# -- spend ---------------------------------------------------------------------------------------------------


def seen(amounts: Floats) -> SpendHistory:
    """What an RFM says of customers with these amounts, (customer, amount)."""
    customers, n = amounts.shape
    if n == 0:
        return SpendHistory(np.zeros(customers, np.int64), *np.zeros((3, customers)))
    logs = np.log(amounts)
    return SpendHistory(np.full(customers, n), amounts.mean(axis=1), logs.mean(axis=1), logs.std(axis=1))


def test_is_the_likelihood_of_amounts_the_average_over_levels(spend_case: SpendCase) -> None:
    case, rng = spend_case, np.random.default_rng(6)
    for theta in case.thetas:
        count = np.array([1, 2, 5, 12])
        for amounts in case.amounts(rng, theta, case.born(rng, theta, count.size), count):
            of_one = amounts[np.isfinite(amounts)]
            rows = group_spend(seen(of_one[None, :]))
            value = case.family.log_likelihood(rows, np.asarray(theta))[0]
            assert value == pytest.approx(case.log_density(of_one, theta), rel=1e-8)


def test_do_spenders_by_the_story_spend_what_is_expected(spend_case: SpendCase) -> None:
    case, rng = spend_case, np.random.default_rng(22)
    for theta in case.thetas:
        for n in (0, 1, 6):
            levels = case.born(rng, theta, 20_000)
            count = np.full(levels.shape[0], n + 1)
            amounts = case.amounts(rng, theta, levels, count)
            history = seen(amounts[:, :n])
            expected = case.family.expected_spend(history, one_world(theta))[:, 0]
            linear = case.family.credibility_spend(history.n, history.m, one_world(theta))[:, 0]
            truth = case.mean(theta, levels)
            for some in (history.m <= np.median(history.m), history.m >= np.median(history.m)):
                assert_mean((truth - expected)[some], 0.0)
                assert_mean((amounts[:, n] - expected)[some], 0.0)
            assert_mean(truth - linear, 0.0)
            assert_mean((truth - linear) * (history.m - history.m.mean()), 0.0)


def test_do_simulated_amounts_have_the_mean_that_is_expected(spend_case: SpendCase) -> None:
    case, each = spend_case, 4000
    theta = np.array(case.thetas, np.float64)
    S = len(theta)
    scale = float(np.mean(case.mean(theta[0], case.born(np.random.default_rng(1), theta[0], 1000))))
    n, level = np.array([0, 1, 5, 20]), np.array([0.0, 0.6, 1.0, 1.5])
    logs = np.log(scale * np.where(n > 0, level, 1.0)) * (n > 0)
    history = SpendHistory(n, scale * level, logs, np.zeros(n.size))
    customers = n.size * each
    keys = np.random.default_rng(13).integers(0, 2**64, customers, np.uint64)
    first, world = np.arange(customers + 1) * S, np.tile(np.arange(S), customers)
    for drift in (np.zeros(S), np.full(S, 0.1)):
        amounts = case.family.simulate_amounts(
            history.of(np.repeat(np.arange(n.size), each)), keys, first, world, theta, drift
        ).reshape(n.size, each, S)
        expected = case.family.expected_spend(history, theta)
        for i in range(n.size):
            for s in range(S):
                assert_mean(amounts[i, :, s] - expected[i, s], 0.0)


def test_are_the_moments_of_spend_those_of_the_story(spend_case: SpendCase) -> None:
    case, rng = spend_case, np.random.default_rng(23)
    theta = case.thetas[-1]
    levels = case.born(rng, theta, 100_000)
    amounts = case.amounts(rng, theta, levels, np.full(100_000, 4))
    single = amounts[:, 0]
    variance = case.family.relative_variance(one_world(theta))[0]
    assert single.var() / single.mean() ** 2 == pytest.approx(variance, rel=0.05)
    means = case.mean(theta, levels)
    known_nothing = case.family.mean_variance(np.array([0]), one_world(theta))[0]
    assert means.var() / means.mean() ** 2 == pytest.approx(known_nothing, rel=0.05)
    logs = np.log(amounts.mean(axis=1) / means)
    mean, log_variance = case.family.log_mean_moments(np.array([4]), one_world(theta))
    assert logs.mean() == pytest.approx(float(mean[0]), abs=0.01)
    assert logs.var() == pytest.approx(float(log_variance[0]), rel=0.03)
