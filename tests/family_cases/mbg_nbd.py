"""MBG/NBD's story [Batislam, Denizel & Filiztekin 2007], told without the package's kernels."""

import dataclasses
from typing import Any

import numpy as np

import lifecast as lc
from family_cases import beta_nodes, bg_nbd, gamma_nodes, log_mean
from lifecast.arrays import Floats


def born(rng: np.random.Generator, theta: Any, customers: int) -> tuple[Floats, np.ndarray]:
    traits, _ = bg_nbd.born(rng, theta, customers)
    return traits, rng.random(customers) >= traits[:, 1]  # the first purchase is followed by a toss too


def log_density(x: int, t_x: float, T: float, theta: Any) -> tuple[float, float]:
    r, alpha, a, b = theta
    rate, of_rate = gamma_nodes(r, alpha)
    log_p, log_rest, of_p = beta_nodes(a, b)
    alive = log_mean(x * np.log(rate) - rate * T, of_rate) + log_mean((x + 1) * log_rest, of_p)
    dead = log_mean(x * np.log(rate) - rate * t_x, of_rate) + log_mean(log_p + x * log_rest, of_p)
    return float(np.logaddexp(alive, dead)), alive


CASE = dataclasses.replace(
    bg_nbd.CASE,
    family=lc.MBGNBD(),
    thetas=((0.525, 6.183, 0.891, 1.614), (2.0, 9.0, 3.0, 4.5), (0.8, 30.0, 0.4, 5.0)),
    born=born,
    log_density=log_density,
)
