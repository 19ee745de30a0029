"""Random streams that belong to a customer and a world, and the variates drawn from them.

A stream is a 64-bit counter passed through a mixing function (SplitMix64: Steele, Lea & Flood 2014, "Fast
splittable pseudorandom number generators"). Its start is a hash of (seed, customer id, world, purpose), so a
customer's draws are the same in any row order, chunk, thread or partition, and a world's draws do not shift
when another world draws more of them.
"""

import math

import numpy as np
from numba import njit

from lifecast.arrays import Floats, Integers, Keys

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
TWO_ON = np.uint64(2 * int(GOLDEN) % 2**64)
FNV_OFFSET = np.uint64(0xCBF29CE484222325)
FNV_PRIME = np.uint64(0x100000001B3)
TIMING = np.uint64(0x632BE59BD9B4E019)
SPEND = np.uint64(0xD1B54A32D192ED03)
UNIT = 2.0**-53

LAYERS = 128  # of equal area under exp(-z^2 / 2); the base holds the tail too
BASE = 3.442619855899
AREA = 9.91256303526217e-3


def ziggurat() -> tuple[Floats, Floats]:
    """Right edge of each layer, from the base's nominal one up to 0; each edge relative to the one below."""
    edges = [AREA * math.exp(0.5 * BASE**2), BASE]
    while len(edges) < LAYERS:
        edges.append(math.sqrt(-2.0 * math.log(AREA / edges[-1] + math.exp(-0.5 * edges[-1] ** 2))))
    edge = np.array([*edges, 0.0])
    return edge, edge[1:] / edge[:-1]


EDGE, RATIO = ziggurat()

STEPS = 256  # the same under exp(-z)
STEP_BASE = 7.69711747013104972
STEP_AREA = 3.9496598225815571993e-3


def exponential_ziggurat() -> tuple[Floats, Floats]:
    """`ziggurat` of the exponential density."""
    edges = [STEP_AREA * math.exp(STEP_BASE), STEP_BASE]
    while len(edges) < STEPS:
        edges.append(-math.log(STEP_AREA / edges[-1] + math.exp(-edges[-1])))
    edge = np.array([*edges, 0.0])
    return edge, edge[1:] / edge[:-1]


STEP, STEP_RATIO = exponential_ziggurat()


@njit(cache=True, nogil=True, inline="always")
def mix64(z: np.uint64) -> np.uint64:
    """SplitMix64's finaliser: a bijection of 64-bit integers whose output bits look independent."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def hash_texts(texts: np.ndarray, offsets: Integers, seed: np.uint64) -> Keys:
    """One key per text and seed: FNV-1a over ``texts[offsets[i]:offsets[i + 1]]``, mixed with the seed."""
    keys = np.empty(offsets.size - 1, np.uint64)
    salt = mix64(seed + GOLDEN)
    for i in range(keys.size):
        h = FNV_OFFSET
        for j in range(offsets[i], offsets[i + 1]):
            h = (h ^ np.uint64(texts[j])) * FNV_PRIME
        keys[i] = mix64(mix64(h) ^ salt)
    return keys


@njit(cache=True, nogil=True, inline="always")
def first_bits(key: np.uint64, world: int) -> np.uint64:
    """The first 64 random bits of a customer in a world."""
    return mix64(key + GOLDEN * np.uint64(world + 1))


@njit(cache=True, nogil=True, inline="always")
def to_uniform(bits: np.uint64) -> float:
    """A uniform strictly between 0 and 1 from random bits.

    52 of them: with the half in the middle, 53 would round, and the largest to 1.
    """
    return (float(bits >> np.uint64(12)) + 0.5) * (2.0 * UNIT)


@njit(cache=True, nogil=True, inline="always")
def stream_start(key: np.uint64, world: int, purpose: np.uint64) -> np.uint64:
    """Where the stream of one customer, world and purpose begins, after its first bits."""
    return mix64(first_bits(key, world) ^ purpose)


@njit(cache=True, nogil=True, inline="always")
def next_uniform(state: np.uint64) -> tuple[np.uint64, float]:
    """Advance the stream; a uniform strictly between 0 and 1."""
    state = state + GOLDEN
    return state, to_uniform(mix64(state))


@njit(cache=True, nogil=True, inline="always")
def next_normal(state: np.uint64) -> tuple[np.uint64, float]:
    """A standard normal variate by the ziggurat [Marsaglia & Tsang 2000, in the form of Doornik 2005]."""
    while True:
        state = state + GOLDEN
        bits = mix64(state)
        layer = bits & np.uint64(LAYERS - 1)
        u = float(bits >> np.uint64(11)) * (2.0 * UNIT) - 1.0
        if abs(u) < RATIO[layer]:
            return state, u * EDGE[layer]
        if layer == 0:
            return normal_tail(state, u)
        z = u * EDGE[layer]
        below = math.exp(-0.5 * (EDGE[layer] * EDGE[layer] - z * z))
        above = math.exp(-0.5 * (EDGE[layer + np.uint64(1)] * EDGE[layer + np.uint64(1)] - z * z))
        state, v = next_uniform(state)
        if above + v * (below - above) < 1.0:
            return state, z


@njit(cache=True, nogil=True)
def normal_tail(state: np.uint64, side: float) -> tuple[np.uint64, float]:
    """A normal variate beyond the ziggurat's base, on the given side [Marsaglia 1964]."""
    while True:
        state, u = next_uniform(state)
        state, v = next_uniform(state)
        beyond = -math.log(u) / BASE
        if -2.0 * math.log(v) >= beyond * beyond:
            return state, BASE + beyond if side > 0.0 else -BASE - beyond


@njit(cache=True, nogil=True, inline="always")
def next_exponential(state: np.uint64) -> tuple[np.uint64, float]:
    """An exponential variate of mean one by the ziggurat; the tail is an exponential again."""
    beyond = 0.0
    while True:
        state = state + GOLDEN
        bits = mix64(state)
        layer = bits & np.uint64(STEPS - 1)
        u = to_uniform(bits)
        z = u * STEP[layer]
        if u < STEP_RATIO[layer]:
            return state, beyond + z
        if layer == 0:
            beyond += STEP_BASE
            continue
        below, above = math.exp(z - STEP[layer]), math.exp(z - STEP[layer + np.uint64(1)])
        state, v = next_uniform(state)
        if below + v * (above - below) < 1.0:
            return state, beyond + z


@njit(cache=True, nogil=True, inline="always")
def gamma_constants(shape: float) -> tuple[float, float]:
    """What `next_gamma_given` wants to know of a shape of one or more."""
    d = shape - 1.0 / 3.0
    return d, 1.0 / math.sqrt(9.0 * d)


@njit(cache=True, nogil=True, inline="always")
def next_gamma_given(state: np.uint64, d: float, c: float) -> tuple[np.uint64, float]:
    """A gamma variate of scale one and a shape of one or more, by its constants [Marsaglia & Tsang 2000].

    Their squeeze lets 7% of the variates through to the logs, where nearly all are accepted. That they are
    with a chance of at least 1 - 3/4 d x^4 / (1 + min(x, 0)), by the series of log(1 + x), spares most of
    these; with a margin for rounding, so that the variates are the same.
    """
    while True:
        state, z = next_normal(state)
        x = c * z
        cube = 1.0 + x
        if cube <= 0.0:
            continue
        cube = cube * cube * cube
        state, u = next_uniform(state)
        fourth = (x * x) * (x * x)
        if not (1.0 - u) * (1.0 + min(x, 0.0)) <= 0.76 * d * fourth + 1e-12 * (1.0 + d):
            return state, d * cube
        if math.log(u) < 0.5 * z * z + d * (1.0 - cube + math.log(cube)):
            return state, d * cube


@njit(cache=True, nogil=True)
def next_gamma(state: np.uint64, shape: float) -> tuple[np.uint64, float]:
    """A gamma variate of scale one; shapes below one go through shape + 1 and a power of a uniform."""
    d, c = gamma_constants(shape if shape >= 1.0 else shape + 1.0)
    state, variate = next_gamma_given(state, d, c)
    if shape >= 1.0:
        return state, variate
    state, e = next_exponential(state)
    return state, variate * math.exp(-e / shape)


@njit(cache=True, nogil=True, error_model="numpy")
def next_uniforms(state: Keys, variate: Floats) -> None:
    """`next_uniform` of many streams: advances each state, and fills in its variate, (stream,) each.

    This and its like below make the very variates of the functions that they are named after, by vector
    instructions: those take no branches, so every stream gets its first candidate, and what is refused, two
    or three of a hundred, is drawn anew.
    """
    for i in range(state.size):
        state[i] += GOLDEN
        variate[i] = to_uniform(mix64(state[i]))


@njit(cache=True, nogil=True, error_model="numpy")
def next_exponentials(state: Keys, variate: Floats) -> None:
    """`next_exponential` of many streams, as in `next_uniforms`."""
    for i in range(state.size):
        bits = mix64(state[i] + GOLDEN)
        layer = bits & np.uint64(STEPS - 1)
        u = to_uniform(bits)
        variate[i] = u * STEP[layer] if u < STEP_RATIO[layer] else -1.0
    for i in range(state.size):
        if variate[i] < 0.0:
            after, variate[i] = next_exponential(state[i])
            state[i] = after - GOLDEN
    for i in range(state.size):
        state[i] += GOLDEN


@njit(cache=True, nogil=True, error_model="numpy")
def next_gammas_given(state: Keys, d: Floats, c: Floats, variate: Floats) -> None:
    """`next_gamma_given` of many streams, as in `next_uniforms`."""
    for i in range(state.size):
        bits = mix64(state[i] + GOLDEN)
        layer = bits & np.uint64(LAYERS - 1)
        u = float(bits >> np.uint64(11)) * (2.0 * UNIT) - 1.0
        x = c[i] * (u * EDGE[layer])
        rest = 1.0 - to_uniform(mix64(state[i] + TWO_ON))
        squeeze = rest * (1.0 + min(x, 0.0)) - (0.76 * d[i] * ((x * x) * (x * x)) + 1e-12 * (1.0 + d[i]))
        cube = 1.0 + x
        fits = min(min(RATIO[layer] - abs(u), squeeze), cube)
        cube = cube * cube * cube
        variate[i] = d[i] * cube if fits > 0.0 else -1.0
    for i in range(state.size):
        if variate[i] < 0.0:
            after, variate[i] = next_gamma_given(state[i], d[i], c[i])
            state[i] = after - TWO_ON
    for i in range(state.size):
        state[i] += TWO_ON
