"""How good a forecast was: proper scores, coverage, calibration and ranking, as plain functions of arrays.

Forecast and actual arrays are aligned: one entry per forecast. The last axis of draws is the draw.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats, Integers

if TYPE_CHECKING:
    import pandas as pd


def coverage(actual: Floats, lower: Floats, upper: Floats) -> float:
    """Share of intervals, ends included, that hold what came; of a 90% interval it should be 0.9.

    Of counts a little more, since an interval's ends are whole purchases.

    Examples
    --------
    >>> coverage(np.array([1.0, 5.0]), np.array([0.0, 0.0]), np.array([2.0, 2.0]))
    0.5
    """
    return float(np.mean((lower <= actual) & (actual <= upper)))


def interval_score(actual: Floats, lower: Floats, upper: Floats, level: float) -> Floats:
    """Width of each interval, plus 2 / (1 - level) times by how much it missed; lower is better.

    Proper: on average nobody beats the true quantiles, so cover cannot be bought with width
    [Gneiting & Raftery 2007, eq. 43].

    Examples
    --------
    >>> interval_score(np.array([1.0, 5.0]), np.array([0.0, 0.0]), np.array([2.0, 4.0]), 0.9)
    array([ 2., 24.])
    """
    missed = np.maximum(np.maximum(lower - actual, actual - upper), 0.0)
    scores: Floats = upper - lower + 2.0 / (1.0 - level) * missed
    return scores


def crps(actual: Floats, draws: Floats) -> Floats:
    """Continuous ranked probability score of each forecast's draws (..., draw), in the data's unit.

    Lower is better; of a point forecast it is the absolute error [Gneiting & Raftery 2007, eq. 21]. Fair: its
    mean does not depend on the number of draws, at least two [Ferro 2014].

    Examples
    --------
    >>> crps(np.array([3.0]), np.array([[0.0, 2.0]]))
    array([1.])
    """
    count = draws.shape[-1]
    distance = np.mean(np.abs(draws - actual[..., None]), axis=-1)
    spread = np.sort(draws, axis=-1) @ (2.0 * np.arange(1, count + 1) - count - 1)
    scores: Floats = distance - spread / count / (count - 1)
    return scores


def crps_lognormal(actual: Floats, log_mean: Floats, log_sd: Floats) -> Floats:
    """CRPS of log-normal forecasts, given the mean and sd of the log [Baran & Lerch 2015].

    Examples
    --------
    >>> crps_lognormal(np.array([1.0]), np.array([0.0]), np.array([0.1])).round(3)
    array([0.023])
    """
    from scipy.special import ndtr

    standard = (np.log(np.maximum(actual, np.finfo(np.float64).tiny)) - log_mean) / log_sd
    beyond = ndtr(log_sd - standard) - ndtr(log_sd / np.sqrt(2.0))
    mean = np.exp(log_mean + log_sd**2 / 2)
    scores: Floats = actual * (2.0 * ndtr(standard) - 1.0) + 2.0 * mean * beyond
    return scores


def randomised_pit(below: Floats, up_to: Floats, rng: np.random.Generator) -> Floats:
    """Probability integral transform of what came: uniform on (0, 1) where forecasts are right.

    Parameters
    ----------
    below, up_to
        Forecast probabilities of less than what came, and of no more than that. They differ where the
        forecast has mass at a point, such as of counts; the PIT is drawn between them.
    rng
        Where the draws come from.

    Notes
    -----
    Czado, Gneiting & Held (2009), "Predictive model assessment for count data"; Smith (1985).

    Examples
    --------
    >>> pit = randomised_pit(np.array([0.0]), np.array([0.8]), np.random.default_rng(7))
    >>> bool(0 <= pit[0] <= 0.8)
    True
    """
    pit: Floats = below + rng.uniform(size=np.shape(below)) * (up_to - below)
    return pit


def pit_band(number: float, bins: int, level: float = 0.99) -> tuple[float, float]:
    """Between which shares all bins of a uniform histogram of so many values lie, with probability `level`.

    Binomial, with Bonferroni's correction for looking at all bins at once.

    Examples
    --------
    >>> lower, upper = pit_band(10_000, bins=10)
    >>> lower < 0.1 < upper
    True
    """
    from scipy.stats import binom

    tail = (1.0 - level) / 2 / bins
    lower, upper = (float(binom.ppf(p, int(number), 1.0 / bins)) for p in (tail, 1.0 - tail))
    return lower / number, upper / number


def log_score_of_counts(actual: Floats, equal_draws: Integers, draws: int) -> Floats:
    """Minus the log of the forecast probability of each count; lower is better [Good 1952].

    The forecast is the draws' shares and, for counts that no draw has shown, a little of the distribution
    1 / ((n + 1) (n + 2)): together a proper distribution.

    Parameters
    ----------
    actual : (forecast,)
    equal_draws : (forecast,)
        How many of the draws equal the actual count.
    draws : int
        How many draws there are.

    Examples
    --------
    >>> log_score_of_counts(np.array([0, 3]), np.array([9, 0]), 9).round(2)
    array([0.05, 5.3 ])
    """
    rest = 1.0 / (actual + 1.0) / (actual + 2.0)
    scores: Floats = -np.log((equal_draws + rest) / (draws + 1.0))
    return scores


def bias(predicted: Floats, actual: Floats) -> float:
    """Mean of predicted less actual: positive where too much was promised.

    Examples
    --------
    >>> bias(np.array([2.0, 4.0]), np.array([1.0, 3.0]))
    1.0
    """
    return float(np.mean(predicted - actual))


def mae(predicted: Floats, actual: Floats) -> float:
    """Mean absolute error.

    Examples
    --------
    >>> mae(np.array([2.0, 4.0]), np.array([1.0, 6.0]))
    1.5
    """
    return float(np.mean(np.abs(predicted - actual)))


def rmse(predicted: Floats, actual: Floats) -> float:
    """Root of the mean squared error; the mean is the forecast that keeps it lowest.

    Examples
    --------
    >>> rmse(np.array([2.0, 4.0]), np.array([2.0, 6.0])) == 2**0.5
    True
    """
    return float(np.sqrt(np.mean((predicted - actual) ** 2)))


def calibration_by_decile(predicted: Floats, actual: Floats, bins: int = 10) -> "pd.DataFrame":
    """Mean predicted beside mean actual of equally many customers each, from the lowest predicted up.

    Returns
    -------
    DataFrame
        One row per bin: ``decile`` (from 1), ``customers``, ``predicted``, ``actual``.

    Examples
    --------
    >>> table = calibration_by_decile(np.arange(20.0), np.arange(20.0) + 1)
    >>> float(table["actual"].iloc[0] - table["predicted"].iloc[0])
    1.0
    """
    import pandas as pd

    parts = np.array_split(np.argsort(predicted, kind="stable"), bins)
    rows = [
        {
            "decile": k,
            "customers": part.size,
            "predicted": predicted[part].mean(),
            "actual": actual[part].mean(),
        }
        for k, part in enumerate(parts, start=1)
        if part.size
    ]
    return pd.DataFrame(rows, columns=["decile", "customers", "predicted", "actual"])


def gain_curve(predicted: Floats, actual: Floats) -> tuple[Floats, Floats]:
    """Which share of all value the best customers make, best predicted first.

    Also called cumulative gains; mirrored, the concentration curve [Lorenz 1905]. Customers of equal
    prediction come together: the curve is straight between them.

    Returns
    -------
    customers, value : (point,)
        Cumulative shares, both from 0 to 1.

    Examples
    --------
    >>> customers, value = gain_curve(np.array([3.0, 2.0, 1.0, 0.0]), np.array([6.0, 2.0, 0.0, 0.0]))
    >>> value
    array([0.  , 0.75, 1.  , 1.  , 1.  ])
    """
    _, rank, size = np.unique(-predicted, return_inverse=True, return_counts=True)
    value = np.bincount(rank.ravel(), weights=actual, minlength=size.size)
    total = value.sum()
    shares = np.cumsum(value) / total if total > 0.0 else np.cumsum(size) / predicted.size
    return np.append(0.0, np.cumsum(size) / max(predicted.size, 1)), np.append(0.0, shares)


def gini(predicted: Floats, actual: Floats) -> float:
    """How well a prediction ranks customers: 1 as well as possible, 0 no better than chance.

    Twice the area between the gain curve and the diagonal, over that of the perfect ranking; NaN where all
    customers are worth the same.

    Examples
    --------
    >>> gini(np.array([3.0, 2.0, 1.0]), np.array([30.0, 20.0, 10.0]))
    1.0
    """

    def area(order_by: Floats) -> float:
        customers, value = gain_curve(order_by, actual)
        return float(np.sum(np.diff(customers) * (value[1:] + value[:-1])) - 1.0)

    best = area(actual)
    return area(predicted) / best if best > 1e-12 else float("nan")


def in_the_top(values: Floats, share: float) -> Floats:
    """Each entry's part in the top share: 1 in it, 0 not, and of those that tie for the last places a part.

    Examples
    --------
    >>> in_the_top(np.array([5.0, 1.0, 1.0, 0.0]), 0.5)
    array([1. , 0.5, 0.5, 0. ])
    """
    places = max(1, round(share * values.size))
    last = np.partition(values, values.size - places)[values.size - places]
    above, ties = values > last, values == last
    part: Floats = above + ties * ((places - above.sum()) / ties.sum())
    return part


def hit_rate(predicted: Floats, actual: Floats, share: float = 0.10) -> float:
    """Which part of the customers predicted to be the top share turned out to be in it.

    Ties for the last places count in parts, as if they were broken by lot.

    Examples
    --------
    >>> hit_rate(np.array([9.0, 8.0, 1.0, 0.0]), np.array([7.0, 0.0, 9.0, 0.0]), share=0.5)
    0.5
    """
    if not predicted.size:
        return float("nan")
    top: Any = in_the_top(predicted, share)
    return float(np.sum(top * in_the_top(actual, share)) / np.sum(top))


def skill(score: float, of_baseline: float) -> float:
    """By which part a score is better (lower) than a baseline's; 0 as good, negative worse.

    Examples
    --------
    >>> skill(0.5, of_baseline=1.0)
    0.5
    """
    return 1.0 - score / of_baseline if of_baseline > 0.0 else float("nan")
