"""A full posterior for a few thousand density evaluations: Laplace's approximation, mended by weighting.

A multivariate t around the mode proposes, Pareto-smoothed importance sampling [Vehtari et al. 2024] weighs
the proposals by the exact density, and the weighted draws are resampled to equal weights. The Pareto shape
k-hat says whether that can be trusted.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from lifecast.arrays import Floats
from lifecast.families.density import LogDensity
from lifecast.inference.mode import Mode

DEGREES_OF_FREEDOM = 7.0
WIDEST_SD = 4.0
GOOD_K_HAT = 0.4
REFITS = 3
FEWEST = 25  # proposals: their largest weights, a fifth, are too few for k-hat below that


@dataclass(frozen=True)
class Sample:
    """Draws from a posterior with the figures that say how far to trust them.

    Attributes
    ----------
    draws : (n, d)
        Equally weighted.
    k_hat : float
        Shape of the importance weights' tail; below 0.7 is fit for use.
    effective : float
        Number of independent draws that the weighted proposals are worth.
    """

    draws: Floats
    k_hat: float
    effective: float


def sample_around(mode: Mode, density: LogDensity, draws: int, rng: np.random.Generator) -> Sample:
    """Draws around the mode; the proposal is refitted to its own weighted draws while k-hat is poor."""
    proposals = max(2 * draws, FEWEST)
    center, covariance = mode.location, bounded_covariance(mode.precision)
    best: tuple[float, Floats, Floats] | None = None
    for _ in range(1 + REFITS):
        points, log_proposal = propose(center, covariance, proposals, rng)
        log_weights, k_hat = pareto_smoothed(density.values(points) - log_proposal)
        weights = np.exp(log_weights)
        if best is None or k_hat < best[0]:
            best = k_hat, points, weights
        if k_hat < GOOD_K_HAT:
            break
        center = weights @ points
        covariance = (points - center).T @ (weights[:, None] * (points - center))
        covariance = bounded_covariance(np.linalg.inv(covariance + 1e-10 * np.eye(center.size)))
    k_hat, points, weights = best  # type: ignore[misc]
    return Sample(points[resample(weights, draws, rng)], float(k_hat), float(1.0 / np.sum(weights**2)))


def bounded_covariance(precision: np.ndarray) -> Floats:
    """The inverse of a precision; its flat or rising directions get the widest standard deviation allowed."""
    eigenvalues, vectors = np.linalg.eigh(precision)
    variances = 1.0 / np.maximum(eigenvalues, WIDEST_SD**-2)
    covariance: Floats = (vectors * variances) @ vectors.T
    return covariance


def is_bounded(mode: Mode) -> bool:
    """Whether the density falls off around its mode in every direction within the widest sd allowed."""
    return mode.converged and bool(np.linalg.eigvalsh(mode.precision)[0] >= WIDEST_SD**-2)


def propose(
    center: Floats, covariance: Floats, count: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Draws of a multivariate t, shape (count, d), and their unnormalised log densities."""
    root = np.linalg.cholesky(covariance)
    normals = rng.standard_normal((count, center.size))
    mixing = rng.chisquare(DEGREES_OF_FREEDOM, count) / DEGREES_OF_FREEDOM
    standard = normals / np.sqrt(mixing)[:, None]
    distance = np.sum(standard**2, axis=1)
    log_density = -0.5 * (DEGREES_OF_FREEDOM + center.size) * np.log1p(distance / DEGREES_OF_FREEDOM)
    points: Floats = center + standard @ root.T
    return points, log_density


def pareto_smoothed(log_ratios: Floats) -> tuple[Floats, float]:
    """Normalised log weights, smoothed, and their k-hat."""
    from arviz_stats.base import array_stats

    possible = np.where(
        np.isfinite(log_ratios), log_ratios, np.min(log_ratios[np.isfinite(log_ratios)]) - 100.0
    )
    with np.errstate(all="ignore"):  # where weights are all alike or beyond numbers, k-hat says so
        smoothed, k_hat = array_stats.psislw(-possible)  # ArviZ expects log likelihoods and negates them
    normalised: Floats = smoothed - special.logsumexp(smoothed)
    return normalised, float(k_hat)


def resample(weights: Floats, count: int, rng: np.random.Generator) -> np.ndarray:
    """Indices of equally weighted draws: systematic resampling [Kitagawa 1996], then shuffled."""
    edges = np.cumsum(weights)
    positions = (rng.uniform() + np.arange(count)) / count * edges[-1]
    return rng.permutation(np.minimum(np.searchsorted(edges, positions), weights.size - 1))
