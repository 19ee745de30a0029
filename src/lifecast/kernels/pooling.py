"""Likelihood of what groups share, each group's own parameters integrated out by importance sampling.

A group's bank is a sample of its own coordinates psi from a proposal, with log weights l: log likelihood less
log proposal. Given normals N(mu_j, tau_j^2) over groups, the group's marginal likelihood is the mean over its
bank of exp(l) N(psi | mu, tau^2).
"""

import math

import numpy as np
from numba import njit, prange

from lifecast.arrays import Floats


@njit(cache=True, nogil=True)
def bank_logs(psi: Floats, l: Floats, mu: Floats, log_tau: Floats, logs: Floats) -> float:
    """Log weights of a bank (point, d) under the shared normals into `logs`; their largest."""
    d = mu.size
    precision = np.exp(-2.0 * log_tau)
    free = -np.sum(log_tau)
    largest = -math.inf
    for m in range(l.size):
        distance = 0.0
        for j in range(d):
            away = psi[m, j] - mu[j]
            distance += away * away * precision[j]
        logs[m] = l[m] + free - 0.5 * distance
        largest = max(largest, logs[m])
    return largest


@njit(cache=True, nogil=True)
def log_marginal(banks: Floats, l: Floats, mu: Floats, log_tau: Floats) -> float:
    """Sum over groups, given banks (group, point, d) and their log weights (group, point)."""
    logs = np.empty(l.shape[1])
    total = 0.0
    for g in range(l.shape[0]):
        largest = bank_logs(banks[g], l[g], mu, log_tau, logs)
        mass = 0.0
        for m in range(logs.size):
            mass += math.exp(logs[m] - largest)
        total += largest + math.log(mass / logs.size)
    return total


@njit(cache=True, nogil=True, parallel=True)
def log_marginal_draws(banks: Floats, l: Floats, points: Floats) -> Floats:
    """`log_marginal` at each row (mu, log tau) of points (draw, 2 d)."""
    d = banks.shape[2]
    values = np.empty(points.shape[0])
    for s in prange(points.shape[0]):
        values[s] = log_marginal(banks, l, points[s, :d], points[s, d:])
    return values


@njit(cache=True, nogil=True)
def log_marginal_gradient(banks: Floats, l: Floats, mu: Floats, log_tau: Floats) -> tuple[float, Floats]:
    """`log_marginal` and its derivatives by mu, then by log tau, shape (2 d,)."""
    d = mu.size
    precision = np.exp(-2.0 * log_tau)
    logs = np.empty(l.shape[1])
    gradient = np.zeros(2 * d)
    total = 0.0
    for g in range(l.shape[0]):
        largest = bank_logs(banks[g], l[g], mu, log_tau, logs)
        mass = 0.0
        for m in range(logs.size):
            logs[m] = math.exp(logs[m] - largest)
            mass += logs[m]
        total += largest + math.log(mass / logs.size)
        for m in range(logs.size):
            w = logs[m] / mass
            for j in range(d):
                away = banks[g, m, j] - mu[j]
                gradient[j] += w * away * precision[j]
                gradient[d + j] += w * (away * away * precision[j] - 1.0)
    return total, gradient


@njit(cache=True, nogil=True, parallel=True)
def choose_from_banks(banks: Floats, l: Floats, points: Floats, uniforms: Floats) -> Floats:
    """A draw of every group's coordinates given each row (mu, log tau) of points: (draw, group, d)."""
    G, d = l.shape[0], banks.shape[2]
    chosen = np.empty((points.shape[0], G, d))
    for s in prange(points.shape[0]):
        logs = np.empty(l.shape[1])
        for g in range(G):
            largest = bank_logs(banks[g], l[g], points[s, :d], points[s, d:], logs)
            mass = 0.0
            for m in range(logs.size):
                logs[m] = math.exp(logs[m] - largest)
                mass += logs[m]
            left = uniforms[s, g] * mass
            m = 0
            while m < logs.size - 1 and left > logs[m]:
                left -= logs[m]
                m += 1
            chosen[s, g] = banks[g, m]
    return chosen
