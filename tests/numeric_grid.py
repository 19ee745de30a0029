"""Every figure that forecasts hang on beside mpmath at 50 digits, over more than any log holds.

Asked of the families as a fit and a forecast ask, so that tables, series and quadrature are in it. Each
`Quantity` draws an input, works it out in lifecast, and again from the papers' formulas.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

import lifecast as lc
from lifecast.families.contract import PurchaseFamily, SpendFamily
from lifecast.grouping import SpendHistory, group_purchases, group_spend

DIGITS = 50
ALLOWED = 1e-9
mp = mpmath.mp
Numbers = tuple[Any, ...]


@dataclass(frozen=True)
class Quantity:
    """A figure of a family: how inputs are drawn, what lifecast says, what the formula says.

    ``scale`` is what an error is relative to, at the least: 1 for log-likelihoods, whose errors are those of
    probabilities; 0 for figures that have to keep their digits however small they are. ``slow`` is how many
    times slower than the others the formula is in mpmath.
    """

    family: str
    name: str
    draw: Callable[[np.random.Generator], Numbers]
    ours: Callable[..., Any]
    exact: Callable[..., Any]
    scale: float = 0.0
    allowed: float = ALLOWED
    slow: int = 1


@dataclass(frozen=True)
class Worst:
    """The largest relative error of a quantity, and the input that it was made at."""

    error: float
    inputs: Numbers


def worst_error(quantity: Quantity, count: int, seed: int) -> Worst:
    """Largest error over a grid of so many inputs; a result that is no number has an infinite error."""
    rng = np.random.default_rng(seed)
    worst = Worst(0.0, ())
    for _ in range(max(1, count // quantity.slow)):
        inputs = quantity.draw(rng)
        found = np.atleast_1d(np.asarray(quantity.ours(*inputs), np.float64))
        with mpmath.workdps(DIGITS):
            expected = quantity.exact(*inputs)
            for value, exact in zip(
                found, expected if isinstance(expected, list) else [expected], strict=True
            ):
                if abs(exact) < mp.mpf("1e-290") and abs(value) < 1e-290:
                    continue  # below what a double holds
                if not np.isfinite(value):
                    return Worst(np.inf, inputs)
                error = float(abs(mp.mpf(float(value)) - exact) / max(abs(exact), mp.mpf(quantity.scale)))
                worst = max(worst, Worst(error, inputs), key=lambda each: each.error)
    return worst


# -- inputs ----------------------------------------------------------------------------------------------


def between(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def history(rng: np.random.Generator, most: int = 10_000) -> Numbers:
    x = int(rng.choice([n for n in (0, 0, 1, 2, 7, 26, 100, 1000, 10_000) if n <= most]))
    T = between(rng, 0.1, 1000)
    return x, T * float(rng.random()) if x else 0.0, T


def theta_of(rng: np.random.Generator, low: list[float], high: list[float]) -> tuple[float, ...]:
    return tuple(between(rng, *ends) for ends in zip(low, high, strict=True))


BETA_GEOMETRIC = [0.05, 0.1, 0.01, 0.05], [20.0, 200.0, 50.0, 300.0]
PARETO = [0.02, 0.01, 1e-3, 0.01], [20.0, 500.0, 100.0, 500.0]
NEGATIVE_BINOMIAL = [0.02, 0.01], [20.0, 500.0]
BETA_BERNOULLI = [0.02, 0.02, 0.01, 0.02], [200.0, 200.0, 100.0, 1000.0]
CONTRACT = [0.02, 0.02], [100.0, 1000.0]
GAMMA_GAMMA = [0.05, 1.05, 0.01], [50.0, 50.0, 1e4]
LOG_NORMAL = [0.01, 0.05, 0.05], [1e4, 2.0, 2.0]
Ranges = tuple[list[float], list[float]]


def customer(ranges: Ranges, most: int = 10_000) -> Callable[[np.random.Generator], Numbers]:
    return lambda rng: (*history(rng, most), theta_of(rng, *ranges))


def later(ranges: Ranges, most: int, *counts: int) -> Callable[[np.random.Generator], Numbers]:
    """A history, a horizon, and where asked for a number of purchases within it."""

    def draw(rng: np.random.Generator) -> Numbers:
        end = between(rng, 1e-3, 1e4)
        n = (int(rng.choice(counts)),) if counts else ()
        return *history(rng, most), end, *n, theta_of(rng, *ranges)

    return draw


def opportunities(ranges: Ranges, most: int) -> Callable[[np.random.Generator], Numbers]:
    def draw(rng: np.random.Generator) -> Numbers:
        T = int(rng.choice([n for n in (1, 3, 6, 40, 300) if n <= most]))
        x = int(rng.choice([0, 1, rng.integers(0, T + 1), T]))
        return x, float(rng.integers(x, T + 1)) if x else 0.0, float(T), theta_of(rng, *ranges)

    return draw


def renewed(rng: np.random.Generator) -> Numbers:
    T = int(rng.choice([1, 3, 12, 100, 10_000]))
    x = T if rng.random() < 0.5 else int(rng.integers(0, T))
    return x, float(x), float(T), theta_of(rng, *CONTRACT)


def amounts(ranges: Ranges) -> Callable[[np.random.Generator], Numbers]:
    def draw(rng: np.random.Generator) -> Numbers:
        n, mean = int(rng.choice([1, 2, 5, 30, 1000])), between(rng, 1e-3, 1e5)
        sd = float(rng.uniform(0.1, 1.0)) if n > 1 else 0.0
        return n, mean, float(np.log(mean)) - 0.4 * sd**2, sd, theta_of(rng, *ranges)

    return draw


# -- what lifecast says ----------------------------------------------------------------------------------


def one(*values: Any) -> tuple[np.ndarray, ...]:
    kinds = [np.int64, *[np.float64] * (len(values) - 1)]
    return tuple(np.array([value], kind) for value, kind in zip(values, kinds, strict=True))


def likelihood(family: PurchaseFamily) -> Callable[..., float]:
    return lambda x, t_x, T, theta: family.log_likelihood(group_purchases(*one(x, t_x, T)), np.array(theta))[
        0
    ]


def slopes(family: PurchaseFamily) -> Callable[..., Any]:
    """Each derivative times its parameter."""
    return lambda x, t_x, T, theta: (
        family.log_likelihood(group_purchases(*one(x, t_x, T)), np.array(theta))[1] * theta
    )


def alive(family: PurchaseFamily) -> Callable[..., float]:
    return lambda x, t_x, T, theta: family.probability_alive(*one(x, t_x, T), np.array([theta]))[0, 0]


def expected(family: PurchaseFamily) -> Callable[..., float]:
    def of(x: int, t_x: float, T: float, end: float, theta: Any) -> float:
        counts, _, ages = one(x, t_x, T)
        every = counts, ages, np.array([theta]), np.zeros(1)
        prepared = family.expected_purchases(*every, np.array([[end]]), np.ones((1, 1, 1)))
        return float(prepared(counts, ages)[0][0, 0])

    return of


def count(family: PurchaseFamily) -> Callable[..., float]:
    return lambda x, t_x, T, end, n, theta: float(
        family.log_probability_of_count(*one(x, t_x, T), np.array([n]), end, np.array(theta), 0.0)[0]
    )


def buys(family: PurchaseFamily) -> Callable[..., float]:
    def of(x: int, t_x: float, T: float, end: float, theta: Any) -> float:
        counts, _, ages = one(x, t_x, T)
        return float(
            family.probability_of_purchase(counts, ages, np.array([theta]), np.zeros(1), np.array([end]))[
                0, 0
            ]
        )

    return of


def of_amounts(n: int, m: float, logs: float, s: float) -> SpendHistory:
    return SpendHistory(*one(n, m, logs, s))


def paid(family: SpendFamily) -> Callable[..., float]:
    return lambda n, m, logs, s, theta: family.log_likelihood(
        group_spend(of_amounts(n, m, logs, s)), np.array(theta)
    )[0]


def paid_slopes(family: SpendFamily) -> Callable[..., Any]:
    return lambda n, m, logs, s, theta: (
        family.log_likelihood(group_spend(of_amounts(n, m, logs, s)), np.array(theta))[1] * theta
    )


def spends(family: SpendFamily) -> Callable[..., float]:
    return lambda n, m, logs, s, theta: float(
        family.expected_spend(of_amounts(n, m, logs, s), np.array([theta]))[0, 0]
    )


# -- what the papers' formulas say -----------------------------------------------------------------------


def exactly(formula: Callable[..., Any]) -> Callable[..., Any]:
    """The formula at 50 digits of the very doubles that lifecast got."""

    def of(*inputs: Any) -> Any:
        *plain, theta = inputs
        return formula(*map(mp.mpf, plain), *map(mp.mpf, theta))

    return of


def slopes_of(formula: Callable[..., Any]) -> Callable[..., list[Any]]:
    def of(*inputs: Any) -> list[Any]:
        *plain, theta = inputs
        given, at = [mp.mpf(value) for value in plain], [mp.mpf(value) for value in theta]

        def along(place: int) -> Any:
            def moved(value: Any) -> Any:
                return formula(*given, *at[:place], value, *at[place + 1 :])

            step = at[place] * mp.mpf(10) ** -12
            with mpmath.workdps(DIGITS + 40):
                slope = (moved(at[place] + step) - moved(at[place] - step)) / (2 * step)
            return slope * at[place]

        return [along(place) for place in range(len(at))]

    return of


def bg_parts(x: Any, t_x: Any, T: Any, r: Any, alpha: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Logs of the living part, and of the part that has left, of BG/NBD's likelihood [2005, eq. 6]."""
    shared = mp.loggamma(r + x) - mp.loggamma(r) + r * mp.log(alpha) - log_beta(a, b)
    living = shared + log_beta(a, b + x) - (r + x) * mp.log(alpha + T)
    if x == 0:
        return living, None
    return living, shared + log_beta(a + 1, b + x - 1) - (r + x) * mp.log(alpha + t_x)


def mbg_parts(x: Any, t_x: Any, T: Any, r: Any, alpha: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """The same of MBG/NBD's [Batislam et al. 2007]."""
    shared = mp.loggamma(r + x) - mp.loggamma(r) + r * mp.log(alpha) - log_beta(a, b)
    living = shared + log_beta(a, b + x + 1) - (r + x) * mp.log(alpha + T)
    return living, shared + log_beta(a + 1, b + x) - (r + x) * mp.log(alpha + t_x)


def log_beta(a: Any, b: Any) -> Any:
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def whole(parts: Callable[..., tuple[Any, Any]]) -> Callable[..., Any]:
    def of(*inputs: Any) -> Any:
        living, left = parts(*inputs)
        return living if left is None else living + mp.log1p(mp.exp(left - living))

    return of


def share_alive(parts: Callable[..., tuple[Any, Any]]) -> Callable[..., Any]:
    def of(*inputs: Any) -> Any:
        living, left = parts(*inputs)
        return mp.mpf(1) if left is None else 1 / (1 + mp.exp(left - living))

    return of


def geometric_expectation(k: Any, w: Any, a: Any, B: Any) -> Any:
    """E[(1 - (1 + p w)^-k) / p], p ~ Beta(a, B), by the hypergeometric function in Pfaff's form."""
    return (a + B - 1) / (a - 1) * (1 - mp.hyp2f1(k, a - 1, a + B - 1, -w))


def bg_expectation(x: Any, t_x: Any, T: Any, t: Any, r: Any, alpha: Any, a: Any, b: Any) -> Any:
    return geometric_expectation(r + x, t / (alpha + T), a, b + x)


def mbg_expectation(x: Any, t_x: Any, T: Any, t: Any, r: Any, alpha: Any, a: Any, b: Any) -> Any:
    return geometric_expectation(r + x, t / (alpha + T), a, b + x + 1)


def geometric_count(n: Any, z: Any, k: Any, a: Any, B: Any) -> Any:
    """P(n purchases | alive), z = t / (A + t) [Fader, Hardie & Lee 2005, eq. 8, at the posterior]."""
    chance = mp.rf(k, n) / mp.factorial(n) * (1 - z) ** k * z**n
    if n > 0:
        chance += a / (B + n - 1) * mp.betainc(n, k, 0, z, regularized=True)
    return chance * mp.rf(B, n) / mp.rf(a + B, n)


def bg_count(x: Any, t_x: Any, T: Any, t: Any, n: Any, r: Any, alpha: Any, a: Any, b: Any) -> Any:
    living = share_alive(bg_parts)(x, t_x, T, r, alpha, a, b)
    chance = living * geometric_count(int(n), t / (alpha + T + t), r + x, a, b + x)
    return mp.log(chance + (1 - living if n == 0 else 0))


def mbg_count(x: Any, t_x: Any, T: Any, t: Any, n: Any, r: Any, alpha: Any, a: Any, b: Any) -> Any:
    living = share_alive(mbg_parts)(x, t_x, T, r, alpha, a, b)
    chance = living * geometric_count(int(n), t / (alpha + T + t), r + x, a, b + x + 1)
    return mp.log(chance + (1 - living if n == 0 else 0))


def buys_if_alive(x: Any, t_x: Any, T: Any, t: Any, r: Any, alpha: Any, *_: Any) -> Any:
    return -mp.expm1(-(r + x) * mp.log1p(t / (alpha + T)))


def pareto_parts(x: Any, t_x: Any, T: Any, r: Any, alpha: Any, s: Any, beta: Any) -> tuple[Any, Any]:
    """Logs of the living and the left part of Pareto/NBD's likelihood [Fader & Hardie 2005, note 009]."""
    larger, second = (alpha, s + 1) if alpha >= beta else (beta, r + x)

    def until(t: Any) -> Any:
        z = abs(alpha - beta) / (larger + t)
        return mp.hyp2f1(r + s + x, second, r + s + x + 1, z) * (larger + t) ** -(r + s + x)

    shared = mp.loggamma(r + x) - mp.loggamma(r) + r * mp.log(alpha) + s * mp.log(beta)
    living = (alpha + T) ** -(r + x) * (beta + T) ** -s
    return shared + mp.log(living), shared + mp.log(s / (r + s + x) * (until(t_x) - until(T)))


def pareto_expectation(x: Any, t_x: Any, T: Any, t: Any, r: Any, alpha: Any, s: Any, beta: Any) -> Any:
    B = beta + T
    return (r + x) / (alpha + T) * B / (s - 1) * (1 - (B / (B + t)) ** (s - 1))


def pareto_count(x: Any, t_x: Any, T: Any, t: Any, n: Any, r: Any, alpha: Any, s: Any, beta: Any) -> Any:
    """By integration over the moment of leaving."""
    k, A, B = r + x, alpha + T, beta + T

    def counted(u: Any) -> Any:
        coefficient = mp.gamma(k + n) / mp.gamma(k) / mp.factorial(n)
        return coefficient * (A / (A + u)) ** k * (u / (A + u)) ** n

    def left(y: Any) -> Any:
        u = t * mp.exp(-y)
        return counted(u) * s / B * (1 + u / B) ** -(s + 1) * u

    ends = [0, 0.05, 0.2, 0.5, 1, 2, 3, 4, 6, 8, 12, 20, 40, 80]
    chance = counted(t) * (B / (B + t)) ** s + mp.quad(left, ends)
    living = share_alive(pareto_parts)(x, t_x, T, r, alpha, s, beta)
    return mp.log(living * chance + (1 - living if n == 0 else 0))


def nbd_likelihood(x: Any, t_x: Any, T: Any, r: Any, alpha: Any) -> Any:
    return mp.loggamma(r + x) - mp.loggamma(r) + r * mp.log(alpha) - (r + x) * mp.log(alpha + T)


def nbd_count(x: Any, t_x: Any, T: Any, t: Any, n: Any, r: Any, alpha: Any) -> Any:
    k, A = r + x, alpha + T
    return (
        mp.loggamma(k + n)
        - mp.loggamma(k)
        - mp.loggamma(n + 1)
        + k * mp.log(A / (A + t))
        + n * mp.log(t / (A + t))
    )


def bg_bb_parts(x: Any, t_x: Any, T: Any, alpha: Any, beta: Any, gamma: Any, delta: Any) -> tuple[Any, Any]:
    """The same of BG/BB's [Fader, Hardie & Shang 2010, eq. 5]."""
    living = log_beta(alpha + x, beta + T - x) - log_beta(alpha, beta)
    living += log_beta(gamma, delta + T) - log_beta(gamma, delta)
    term = log_beta(alpha + x, beta + t_x - x) - log_beta(alpha, beta)
    term = mp.exp(term + log_beta(gamma + 1, delta + t_x) - log_beta(gamma, delta))
    left = mp.mpf(0)
    for j in range(int(t_x), int(T)):
        left += term
        term *= (beta + j - x) / (alpha + beta + j) * (delta + j) / (gamma + delta + j + 1)
    return living, mp.log(left) if left else None


def bg_bb_expectation(x: Any, t_x: Any, T: Any, t: Any, alpha: Any, beta: Any, gamma: Any, delta: Any) -> Any:
    total, still = mp.mpf(0), mp.mpf(1)
    for j in range(int(mp.floor(t))):
        still *= (delta + T + j) / (gamma + delta + T + j)
        total += still
    return (alpha + x) / (alpha + beta + T) * total


def survival(n: Any, alpha: Any, beta: Any) -> Any:
    return log_beta(alpha, beta + n) - log_beta(alpha, beta)


def sbg_likelihood(x: Any, t_x: Any, T: Any, alpha: Any, beta: Any) -> Any:
    if x == T:
        return survival(T, alpha, beta)
    return survival(x, alpha, beta) + mp.log(alpha / (alpha + beta + x))


def sbg_expectation(x: Any, t_x: Any, T: Any, t: Any, alpha: Any, beta: Any) -> Any:
    total, still = mp.mpf(0), mp.mpf(1)
    for j in range(int(mp.floor(t))):
        still *= (beta + T + j) / (alpha + beta + T + j)
        total += still
    return total


def gamma_gamma_amounts(n: Any, m: Any, logs: Any, s: Any, p: Any, q: Any, v: Any) -> Any:
    shared = mp.loggamma(p * n + q) - mp.loggamma(q) + q * mp.log(v) - (p * n + q) * mp.log(v + n * m)
    return shared + (p - 1) * n * logs - n * mp.loggamma(p)


def gamma_gamma_means(n: Any, m: Any, logs: Any, s: Any, p: Any, q: Any, v: Any) -> Any:
    shared = mp.loggamma(p * n + q) - mp.loggamma(q) + q * mp.log(v) - (p * n + q) * mp.log(v + n * m)
    return shared - mp.loggamma(p * n) + (p * n - 1) * mp.log(m) + p * n * mp.log(n)


def gamma_gamma_spend(n: Any, m: Any, logs: Any, s: Any, p: Any, q: Any, v: Any) -> Any:
    return p * (v + n * m) / (p * n + q - 1)


def log_normal_likelihood(n: Any, m: Any, logs: Any, s: Any, median: Any, tau: Any, sigma: Any) -> Any:
    both = sigma**2 + n * tau**2
    value = -n / 2 * mp.log(2 * mp.pi) - (n - 1) * mp.log(sigma) - mp.log(both) / 2
    return value - n * s**2 / (2 * sigma**2) - n * (logs - mp.log(median)) ** 2 / (2 * both) - n * logs


def log_normal_spend(n: Any, m: Any, logs: Any, s: Any, median: Any, tau: Any, sigma: Any) -> Any:
    precision = 1 / tau**2 + n / sigma**2
    mean = (mp.log(median) / tau**2 + n * logs / sigma**2) / precision
    return mp.exp(mean + 1 / (2 * precision) + sigma**2 / 2)


# -- all of them -----------------------------------------------------------------------------------------


def purchases(
    family: Any, ranges: Ranges, parts: Callable[..., Any], expectation: Callable[..., Any]
) -> list[Quantity]:
    """What every family that buys at any time has."""
    name = family.name
    return [
        Quantity(name, "log-likelihood", customer(ranges), likelihood(family), exactly(whole(parts)), 1.0),
        Quantity(
            name, "its gradient", customer(ranges, 1000), slopes(family), slopes_of(whole(parts)), 1.0, slow=4
        ),
        Quantity(name, "P(alive)", customer(ranges), alive(family), exactly(share_alive(parts))),
        Quantity(
            name, "expected purchases", later(ranges, 100), expected(family), exactly(expectation), slow=2
        ),
    ]


BG, MBG, PARETO_NBD, NBD = lc.BGNBD(), lc.MBGNBD(), lc.ParetoNBD(), lc.NBD()
BB, SBG = lc.BGBB(), lc.ShiftedBetaGeometric()
GG, GG_MEANS, LN = lc.GammaGamma(), lc.GammaGamma(fit_to="means"), lc.LogNormal()
COUNTS = 0, 1, 2, 7, 26

QUANTITIES: list[Quantity] = [
    *purchases(BG, BETA_GEOMETRIC, bg_parts, bg_expectation),
    Quantity(
        "bg-nbd", "log P(n purchases)", later(BETA_GEOMETRIC, 26, *COUNTS), count(BG), exactly(bg_count), 1.0
    ),
    Quantity("bg-nbd", "P(purchase)", later(BETA_GEOMETRIC, 1000), buys(BG), exactly(buys_if_alive)),
    *purchases(MBG, BETA_GEOMETRIC, mbg_parts, mbg_expectation),
    Quantity(
        "mbg-nbd",
        "log P(n purchases)",
        later(BETA_GEOMETRIC, 26, *COUNTS),
        count(MBG),
        exactly(mbg_count),
        1.0,
    ),
    *purchases(PARETO_NBD, PARETO, pareto_parts, pareto_expectation),
    Quantity(
        "pareto-nbd",
        "log P(n purchases)",
        later(PARETO, 26, *COUNTS),
        count(PARETO_NBD),
        exactly(pareto_count),
        1.0,
        slow=10,
    ),
    Quantity(
        "nbd", "log-likelihood", customer(NEGATIVE_BINOMIAL), likelihood(NBD), exactly(nbd_likelihood), 1.0
    ),
    Quantity("nbd", "its gradient", customer(NEGATIVE_BINOMIAL), slopes(NBD), slopes_of(nbd_likelihood), 1.0),
    Quantity(
        "nbd",
        "expected purchases",
        later(NEGATIVE_BINOMIAL, 1000),
        expected(NBD),
        exactly(lambda x, t_x, T, t, r, alpha: (r + x) / (alpha + T) * t),
    ),
    Quantity(
        "nbd",
        "log P(n purchases)",
        later(NEGATIVE_BINOMIAL, 1000, *COUNTS),
        count(NBD),
        exactly(nbd_count),
        1.0,
    ),
    Quantity(
        "bg-bb",
        "log-likelihood",
        opportunities(BETA_BERNOULLI, 300),
        likelihood(BB),
        exactly(whole(bg_bb_parts)),
        1.0,
    ),
    Quantity(
        "bg-bb",
        "its gradient",
        opportunities(BETA_BERNOULLI, 40),
        slopes(BB),
        slopes_of(whole(bg_bb_parts)),
        1.0,
        slow=4,
    ),
    Quantity(
        "bg-bb", "P(alive)", opportunities(BETA_BERNOULLI, 300), alive(BB), exactly(share_alive(bg_bb_parts))
    ),
    Quantity(
        "bg-bb",
        "expected purchases",
        lambda rng: (
            *(found := opportunities(BETA_BERNOULLI, 300)(rng))[:3],
            float(rng.choice([1, 5, 60, 500])),
            found[3],
        ),
        expected(BB),
        exactly(bg_bb_expectation),
    ),
    Quantity("sbg", "log-likelihood", renewed, likelihood(SBG), exactly(sbg_likelihood), 1.0),
    Quantity("sbg", "its gradient", renewed, slopes(SBG), slopes_of(sbg_likelihood), 1.0),
    Quantity(
        "sbg",
        "expected purchases",
        lambda rng: (
            (T := int(rng.choice([1, 12, 100]))),
            float(T),
            float(T),
            float(rng.choice([1, 5, 60, 500])),
            theta_of(rng, *CONTRACT),
        ),
        expected(SBG),
        exactly(sbg_expectation),
    ),
    Quantity(
        "gamma-gamma",
        "log-likelihood of amounts",
        amounts(GAMMA_GAMMA),
        paid(GG),
        exactly(gamma_gamma_amounts),
        1.0,
    ),
    Quantity(
        "gamma-gamma",
        "its gradient",
        amounts(GAMMA_GAMMA),
        paid_slopes(GG),
        slopes_of(gamma_gamma_amounts),
        1.0,
    ),
    Quantity(
        "gamma-gamma",
        "log-likelihood of means",
        amounts(GAMMA_GAMMA),
        paid(GG_MEANS),
        exactly(gamma_gamma_means),
        1.0,
    ),
    Quantity("gamma-gamma", "expected spend", amounts(GAMMA_GAMMA), spends(GG), exactly(gamma_gamma_spend)),
    Quantity(
        "log-normal", "log-likelihood", amounts(LOG_NORMAL), paid(LN), exactly(log_normal_likelihood), 1.0
    ),
    Quantity(
        "log-normal",
        "its gradient",
        amounts(LOG_NORMAL),
        paid_slopes(LN),
        slopes_of(log_normal_likelihood),
        1.0,
    ),
    Quantity("log-normal", "expected spend", amounts(LOG_NORMAL), spends(LN), exactly(log_normal_spend)),
]
