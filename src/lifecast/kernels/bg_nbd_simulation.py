"""Exact conditional simulation of a customer's future purchases under BG/NBD [Fader, Hardie & Lee 2005].

Latent traits are drawn late or never. One uniform decides whether the customer is alive, buys at all, and
when first: given the past, the gap is Lomax, the gamma mixture of exponentials. Only a customer who buys gets
a rate, from its posterior given that first gap. The chance of leaving is never drawn: it follows Polya's urn,
the beta mixture of coin tosses.

An action may multiply the hazard of leaving, lambda p. Below one, a toss that says leave holds only that
often. Above one, more tosses fall between purchases, so many times as often as the factor exceeds one; tosses
of one urn are exchangeable, so these can come after all the others. On the same random numbers a smaller
factor therefore never makes a life shorter.

A customer's lives in the worlds go on step by step together: the first purchase in every world, then the
second. What one draws next waits for what it drew before; what others draw does not. Who goes on is told
without a branch, since nobody could predict it, so that those who leave draw one gap in vain.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from lifecast.arrays import Floats, Integers, Keys
from lifecast.kernels.clock import calendar_time, stretch_at
from lifecast.kernels.drift import drifted
from lifecast.kernels.stream import (
    TIMING,
    first_bits,
    gamma_constants,
    mix64,
    next_exponential,
    next_exponentials,
    next_gammas_given,
    next_uniform,
    next_uniforms,
    to_uniform,
)
from lifecast.kernels.vectors import exponentials, logarithms


class Lives(NamedTuple):
    """A customer's lives in the worlds in which it buys, (life,) each.

    Attributes
    ----------
    world, state
        The world, and the state of its stream at the life's end.
    end
        Operational time.
    A
        alpha + T, after a shock.
    d, c
        Constants of the gamma variate that the rate is.
    gap
        Mean time between purchases.
    leavers, tosses, holds
        The urn: how many tosses say leave, of how many, and the share of those that hold.
    purchases
        So far.
    """

    world: Integers
    state: Keys
    end: Floats
    A: Floats
    d: Floats
    c: Floats
    gap: Floats
    leavers: Floats
    tosses: Floats
    holds: Floats
    purchases: Integers


class Going(NamedTuple):
    """Lives that go on: which, the state of their streams, when they buy, what they draw, (life,) each."""

    life: Integers
    state: Keys
    passed: Floats
    variate: Floats
    stays: np.ndarray


class Steps(NamedTuple):
    """Purchases of a customer, step by step: whose each is and when, (room,) each."""

    life: Integers
    passed: Floats


@njit(cache=True, nogil=True, error_model="numpy")
def simulate_purchases(
    x: Integers,
    T: Floats,
    p_alive: Floats,
    p_buys: Floats,
    row: Integers,
    keys: Keys,
    theta: Floats,
    drift: Floats,
    clock: Floats,
    edges: Floats,
    dropout_factor: Floats,
    capacity: int,
) -> tuple[Integers, np.ndarray, np.ndarray, Floats]:
    """Purchases of every customer in every world.

    Parameters
    ----------
    x, T : (row,)
        Frequency and age of the distinct histories.
    p_alive, p_buys : (row, world)
        Their probabilities of being alive, and of being alive and buying at least once.
    row, keys : (customer,)
        Each customer's history and random key.
    theta : (world, 4)
        r, alpha, a, b.
    drift : (world,)
        Variance of the shock that a customer's own rate takes.
    clock : (world, stretch + 1)
        Operational time passed at each edge, from 0; purchases happen in operational time.
    edges : (stretch + 1,)
        Calendar time of the edges, from 0; between two the clock runs evenly.
    dropout_factor : (world,)
        What an action multiplies every hazard of leaving by; one for none.
    capacity : int
        Room for purchases. More are only counted: call again with room for ``first[-1]``.

    Returns
    -------
    first : (customer + 1,)
        Customer i's purchases are ``first[i]:first[i + 1]``, by world, then by time.
    world, stretch : (purchase,)
    time : (purchase,)
        Calendar time from the start of the forecast.
    """
    n, S, K = row.size, theta.shape[0], edges.size - 1
    first = np.empty(n + 1, np.int64)
    world, stretch = np.empty(capacity, np.int32), np.empty(capacity, np.int32)
    time = np.empty(capacity)
    steps = Steps(np.empty(capacity, np.uint32), np.empty(capacity))
    lives = Lives(
        np.empty(S, np.uint32), np.empty(S, np.uint64), np.empty(S), np.empty(S), np.empty(S), np.empty(S),
        np.empty(S), np.empty(S), np.empty(S), np.empty(S), np.empty(S, np.int64),
    )  # fmt: skip
    going = Going(
        np.empty(S, np.uint32), np.empty(S, np.uint64), np.empty(S), np.empty(S), np.empty(S, np.bool_)
    )
    bits, buys = np.empty(S, np.uint64), np.empty(S, np.bool_)
    per_k, weaker, d, c, tosses = np.empty(S), np.empty(S), np.empty(S), np.empty(S), np.empty(S)
    later, logs, growth = np.empty(S), np.empty(S), np.empty(S)
    alpha, leavers, end = theta[:, 1].copy(), theta[:, 2].copy(), clock[:, K].copy()
    changed, sooner = bool(np.any(dropout_factor != 1.0)), dropout_factor.max() > 1.0
    count = 0
    for i in range(n):
        first[i] = count
        j = row[i]
        if i == 0 or x[j] != x[row[i - 1]]:
            for s in range(S):
                k, weaker[s] = drifted(theta[s, 0] + x[j], 1.0, drift[s])
                per_k[s] = 1.0 / k
                d[s], c[s] = gamma_constants(k + 1.0)
                tosses[s] = theta[s, 2] + theta[s, 3] + x[j]
        for s in range(S):
            bits[s] = first_bits(keys[i], s)
            buys[s] = to_uniform(bits[s]) < p_buys[j, s]
        buying = 0
        for s in range(S):
            lives.world[buying] = s
            buying += buys[s]
        for b in range(buying):
            s = lives.world[b]
            later[b] = 1.0 - to_uniform(bits[s]) / p_alive[j, s]
        logarithms(later[:buying], logs)
        for b in range(buying):
            logs[b] *= -per_k[lives.world[b]]
        exponentials(logs[:buying], growth)
        for b in range(buying):
            s = lives.world[b]
            lives.end[b] = end[s]
            lives.A[b] = (alpha[s] + T[j]) * weaker[s]
        for b in range(buying):
            s = lives.world[b]
            lives.d[b], lives.c[b] = d[s], c[s]
        for b in range(buying):
            s = lives.world[b]
            lives.leavers[b], lives.tosses[b] = leavers[s], tosses[s]
        for b in range(buying):
            going.life[b] = b
            going.passed[b] = min(lives.A[b] * (growth[b] - 1.0), lives.end[b])
        for b in range(buying):
            going.state[b] = mix64(bits[lives.world[b]] ^ TIMING)
        if changed:
            for b in range(buying):
                lives.holds[b] = min(dropout_factor[lives.world[b]], 1.0)
        made = live(lives, going, buying, changed, steps, capacity - count)
        if count + made > capacity:
            count += made
            continue
        if sooner:
            made = leave_sooner(lives, buying, dropout_factor, steps, made)
        for b in range(buying):
            lives.purchases[b], count = count, count + lives.purchases[b]
        for e in range(made):
            b = steps.life[e]
            s, place = lives.world[b], lives.purchases[b]
            lives.purchases[b] += 1
            slot = stretch_at(steps.passed[e], clock, s)
            world[place], stretch[place] = s, slot
            time[place] = calendar_time(steps.passed[e], clock, s, edges, slot)
    first[n] = count
    kept = min(count, capacity)
    return first, world[:kept], stretch[:kept], time[:kept]


@njit(cache=True, nogil=True, error_model="numpy")
def live(lives: Lives, going: Going, buying: int, changed: bool, steps: Steps, room: int) -> int:
    """Purchases of a customer's lives, whose first ones are given, until each leaves or comes to its end.

    Parameters
    ----------
    changed : bool
        Whether an action changes the hazard of leaving in any world; only then lives keep ``state`` and
        ``leavers`` for `leave_sooner`.
    room : int
        Steps that go beyond it are counted but not kept.

    Returns
    -------
    purchases : int
        Of all.
    """
    goes, made, step = buying, 0, 0
    while goes > 0:
        if made + goes <= room:
            steps.life[made : made + goes] = going.life[:goes]
            steps.passed[made : made + goes] = going.passed[:goes]
        made += goes
        next_uniforms(going.state[:goes], going.variate)
        for i in range(goes):
            b = going.life[i]
            going.variate[i] *= lives.tosses[b] + step
            going.stays[i] = not going.variate[i] < lives.leavers[b]
        for i in range(goes):
            lives.purchases[going.life[i]] = step + 1
        if changed:
            for i in range(goes):
                b = going.life[i]
                going.stays[i] = not going.variate[i] < lives.leavers[b] * lives.holds[b]
                lives.leavers[b] += going.variate[i] < lives.leavers[b]
        if step == 0:
            next_gammas_given(going.state[:goes], lives.d, lives.c, going.variate)
            for b in range(goes):
                lives.gap[b] = (lives.A[b] + going.passed[b]) / going.variate[b]
        if changed:
            for i in range(goes):
                lives.state[going.life[i]] = going.state[i]
        next_exponentials(going.state[:goes], going.variate)
        if changed:
            for i in range(goes):
                if going.stays[i]:
                    lives.state[going.life[i]] = going.state[i]
        for i in range(goes):
            b = going.life[i]
            going.passed[i] += going.variate[i] * lives.gap[b]
            going.stays[i] &= going.passed[i] <= lives.end[b]
        stay = 0
        for i in range(goes):
            going.life[stay], going.state[stay] = going.life[i], going.state[i]
            going.passed[stay] = going.passed[i]
            stay += going.stays[i]
        goes = stay
        step += 1
    return made


@njit(cache=True, nogil=True, error_model="numpy")
def leave_sooner(lives: Lives, buying: int, dropout_factor: Floats, steps: Steps, made: int) -> int:
    """Drop the purchases after a toss between them said leave, where an action has more of these fall.

    Parameters and result are those of `live`; ``made`` is its result.
    """
    last, until = np.zeros(buying), np.full(buying, math.inf)
    for e in range(made):
        last[steps.life[e]] = steps.passed[e]
    for b in range(buying):
        more = dropout_factor[lives.world[b]] - 1.0
        if more > 0.0:
            tosses = lives.tosses[b] + lives.purchases[b]
            until[b] = leaves_between(lives.state[b], lives.gap[b] / more, last[b], lives.leavers[b], tosses)
        lives.purchases[b] = 0
    kept = 0
    for e in range(made):
        b = steps.life[e]
        steps.life[kept], steps.passed[kept] = b, steps.passed[e]
        stays = steps.passed[kept] <= until[b]
        kept += stays
        lives.purchases[b] += stays
    return kept


@njit(cache=True, nogil=True)
def leaves_between(state: np.uint64, gap: float, last: float, leavers: float, tosses: float) -> float:
    """When the first of the tosses between purchases says leave; infinite if none does by the last one."""
    passed = 0.0
    while True:
        state, wait = next_exponential(state)
        passed += wait * gap
        if passed > last:
            return math.inf
        state, u = next_uniform(state)
        if u * tosses < leavers:
            return passed
        tosses += 1.0
