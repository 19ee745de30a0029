"""Expected purchases under BG/NBD of many histories in many worlds at once, as series.

Given that a customer lives, expected purchases depend on its past through x and w = t / (alpha + T) only, and
smoothly so. A Chebyshev series per distinct x and world [Trefethen 2019, ch. 3] therefore serves every age.
What the frequencies of a world have in common is worked out once: where in time and in p to look, what the
times and their weights make of a series in time, and the logs.
"""

import math

import numpy as np
from numba import njit

from lifecast.arrays import Floats, Integers
from lifecast.kernels.bg_nbd_rates import few_counts, logs_at, nodes_in_p, rates_at, rates_by_counts
from lifecast.kernels.chebyshev import chebyshev_points, clenshaw
from lifecast.kernels.drift import drifted


@njit(cache=True, nogil=True)
def size_in_time(reach: float) -> int:
    """Points that a series in time needs for ten digits over that many e-folds, in steps of four."""
    return 4 * math.ceil(2.5 + 1.75 * reach)


@njit(cache=True, nogil=True)
def size_in_age(reach: float) -> int:
    """The same of a series in age; customers may be all of one age, as new ones are."""
    return 8 + math.ceil(5.0 * reach) if reach > 0.0 else 1


@njit(cache=True, nogil=True)
def classes(
    x: Integers, youngest: Floats, oldest: Floats, theta: Floats, drift: float
) -> tuple[Integers, Floats, Floats, Floats]:
    """Where the functions of time bend, and the range of A = alpha + T, shocked, of those that bend alike.

    Expected purchases over w = t / A are a series in log(1 + bend w). They bend where w reaches 1, or sooner
    where a customer who buys often will have left by then: there k E[p] w reaches 1. Frequencies next to each
    other are of one class while a power of two bounds all their bends.

    Parameters
    ----------
    x, youngest, oldest : (distinct x,)
        Frequencies, and the range of T that each occurs with.
    theta : (4,)

    Returns
    -------
    first : (class + 1,)
        Frequencies ``first[c]:first[c + 1]`` are of class c.
    bend, low, high : (class,)
    """
    r, alpha, a, b = theta
    first, bend = np.zeros(x.size + 1, np.int64), np.zeros(x.size)
    low, high = np.empty(x.size), np.empty(x.size)
    found = 0
    for i in range(x.size):
        k, slower = drifted(r + x[i], 1.0, drift)
        own = 2.0 ** math.ceil(math.log2(max(1.0, k * a / (a + b + x[i]))))
        if own != bend[max(found - 1, 0)]:
            first[found], bend[found] = i, own
            low[found], high[found] = math.inf, 0.0
            found += 1
        low[found - 1] = min(low[found - 1], slower * (alpha + youngest[i]))
        high[found - 1] = max(high[found - 1], slower * (alpha + oldest[i]))
    first[found] = x.size
    return first[: found + 1], bend[:found], low[:found], high[:found]


@njit(cache=True, nogil=True, error_model="numpy")
def moments_of_times(
    A: Floats, bend: float, reach: float, size: int, times: Floats, weights: Floats
) -> Floats:
    """What times and weights make of each term of a series in time, at each A: shape (sum, term, A)."""
    moments = np.zeros((weights.shape[1], size, A.size))
    y, before, term = np.empty(A.size), np.empty(A.size), np.empty(A.size)
    for j in range(times.size):
        if times[j] == 0.0 or math.isinf(times[j]):
            continue
        for m in range(weights.shape[1]):
            weight = weights[j, m]
            if weight == 0.0:
                continue  # few times are in more than one sum
            for n in range(A.size):
                before[n] = times[j] / A[n]
                y[n] = 2.0 * math.log(1.0 + bend * before[n]) / reach - 1.0
                term[n] = before[n] * y[n]
            for c in range(size):
                for n in range(A.size):  # the recurrence of Chebyshev polynomials
                    moments[m, c, n] += weight * before[n]
                    before[n], term[n] = term[n], 2.0 * y[n] * term[n] - before[n]
    return moments


@njit(cache=True, nogil=True, error_model="numpy")
def fill_series(
    rates: Floats,
    ever: float,
    to_time_series: Floats,
    moments: Floats,
    limit: Floats,
    to_age_series: Floats,
    series: Floats,
) -> None:
    """One frequency's series in age (sum, term), from its rates at the points in time.

    Parameters
    ----------
    rates : (time,)
    ever
        Expected purchases without end.
    to_time_series : (time, time) or larger
        As `transforms` has them: from the value at each point to each term.
    moments : (sum, time, age)
        Of `moments_of_times`, at the points in age.
    limit : (sum,)
        Weights of times without end.
    to_age_series : (age, age)
    """
    terms, value = np.zeros(rates.size), np.empty(moments.shape[2])
    for m in range(rates.size):
        for c in range(terms.size):
            terms[c] += to_time_series[m, c] * rates[m]
    for m in range(limit.size):
        if limit[m] != 0.0 and math.isinf(ever):
            series[m, 0] = math.inf
            continue
        value[:] = limit[m] * ever if limit[m] != 0.0 else 0.0
        for c in range(terms.size):
            for n in range(value.size):
                value[n] += terms[c] * moments[m, c, n]
        for n in range(value.size):
            for q in range(value.size):
                series[m, q] += to_age_series[n, q] * value[n]


@njit(cache=True, nogil=True)
def transforms(largest: int) -> tuple[Floats, Floats]:
    """Chebyshev's points (size, point), and from values there to terms (size, point, term), of every size."""
    points, to_series = np.empty((largest + 1, largest)), np.empty((largest + 1, largest, largest))
    for size in range(size_in_time(0.0), largest + 1, 4):
        points[size, :size], to_terms = chebyshev_points(size)
        to_series[size, :size, :size] = to_terms.T
    return points, to_series


@njit(cache=True, nogil=True)
def sizes(
    x: Integers, youngest: Floats, oldest: Floats, theta: Floats, drift: Floats, latest: Floats
) -> tuple[int, int]:
    """Points that the longest series in time and in age of any world need; ``latest`` (world,) time."""
    in_time, in_age = 1, 1
    for s in range(latest.size):
        _, bend, low, high = classes(x, youngest, oldest, theta[s], drift[s])
        for c in range(bend.size):
            in_time = max(in_time, size_in_time(math.log1p(bend[c] * latest[s] / low[c])))
            in_age = max(in_age, size_in_age(math.log(high[c] / low[c])))
    return in_time, in_age


@njit(cache=True, nogil=True)
def expectations_by_age(
    x: Integers,
    youngest: Floats,
    oldest: Floats,
    theta: Floats,
    drift: Floats,
    times: Floats,
    weights: Floats,
    latest: Floats,
    in_time: int,
    series: Floats,
    middle: Floats,
    half: Floats,
    first_world: int,
    last_world: int,
) -> None:
    """Weighted sums over times of expected purchases if alive, as Chebyshev series in log(alpha + T).

    Parameters
    ----------
    x, youngest, oldest : (distinct x,)
        Frequencies, ascending, and the range of T that each occurs with.
    theta : (world, 4)
    drift : (world,)
        Variance of the shock that a customer's own rate takes.
    times : (world, time)
        Operational times; an infinite one stands for the limit.
    weights : (world, time, sum)
    latest : (world,)
        Of the finite times.
    in_time
        Of `sizes`.
    series : (distinct x, world, sum, term)
        Zero; what is worked out, of worlds from the first up to the last.
    middle, half : (distinct x, world)
        Likewise: of the range of log(alpha + T) that a series is for.
    """
    points_in_time, to_time_series = transforms(in_time)
    points_in_age, to_terms = chebyshev_points(series.shape[3])
    to_age_series = to_terms.T.copy()
    for s in range(first_world, last_world):
        r, _, a, b = theta[s]
        limit = np.zeros(weights.shape[2])
        for j in range(times.shape[1]):
            if math.isinf(times[s, j]):
                limit += weights[s, j]
        first, bend, low, high = classes(x, youngest, oldest, theta[s], drift[s])
        for c in range(bend.size):
            log_low, width = math.log(low[c]), math.log(high[c] / low[c])
            reach = math.log1p(bend[c] * latest[s] / low[c])
            size = size_in_time(reach)
            w = np.expm1(0.5 * reach * (1.0 + points_in_time[size, :size])) / bend[c]
            A = np.exp(log_low + 0.5 * width * (1.0 + points_in_age))
            moments = moments_of_times(A, bend[c], reach, size, times[s], weights[s])
            least, most = x[first[c]], x[first[c + 1] - 1]
            rates, logs = np.zeros(size), np.empty((0, 0))
            step, log_p, log_q = 0.0, np.empty(0), np.empty(0)
            for i in range(first[c], first[c + 1]):
                k, slower = drifted(r + x[i], 1.0, drift[s])
                middle[i, s], half[i, s] = log_low + 0.5 * width - math.log(slower), 0.5 * width
                if latest[s] > 0.0 and few_counts(k, latest[s] / low[c]):
                    rates_by_counts(k, a, b + x[i], w, rates)
                elif latest[s] > 0.0:
                    if logs.size == 0:
                        bends = (r + most + 1.0) * latest[s] / low[c]
                        step, log_p, log_q = nodes_in_p(a, b + least, b + most, bends)
                        logs = logs_at(log_p, w)
                    rates_at(k, a, b + x[i], w, step, log_p, log_q, logs, rates)
                ever = (a + b + x[i] - 1.0) / (a - 1.0) if a > 1.0 else math.inf
                fill_series(rates, ever, to_time_series[size], moments, limit, to_age_series, series[i, s])


@njit(cache=True, nogil=True)
def expectations_of_rows(
    x_code: Integers, T: Floats, theta: Floats, series: Floats, middle: Floats, half: Floats
) -> Floats:
    """The sums of `expectations_by_age` at given histories, shape (sum, row, world).

    ``x_code`` (row,) says which distinct frequency, T (row,) the age. Rows come sorted by both, so that equal
    ones are worked out once.
    """
    S, M = theta.shape[0], series.shape[2]
    table = np.empty((M, x_code.size, S))
    for i in range(x_code.size):
        j = x_code[i]
        if i > 0 and j == x_code[i - 1] and T[i] == T[i - 1]:
            table[:, i] = table[:, i - 1]
            continue
        for s in range(S):
            y = 0.0
            if half[j, s] > 0.0:
                y = (math.log(theta[s, 1] + T[i]) - middle[j, s]) / half[j, s]
            for m in range(M):
                table[m, i, s] = clenshaw(series[j, s, m], y)
    return table
