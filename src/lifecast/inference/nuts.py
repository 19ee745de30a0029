"""The No-U-Turn sampler [Hoffman & Gelman 2014], in nutpie's implementation, on a log density.

Chains run in coordinates in which the density around its mode is round, so that most of the tuning is done
before they begin; they start as far apart as the curvature at the mode says draws lie.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.errors import FitError
from lifecast.families.density import LogDensity
from lifecast.inference.laplace import bounded_covariance
from lifecast.inference.mode import Mode

CHAINS = 4
TUNING = 500
FEWEST_PER_CHAIN = 1000  # fewer, and r-hat cannot tell 1.01 from 1
DEEPEST = 8  # trees of 255 steps: in round coordinates, more is a sign of a density without bounds
HALVINGS = 30  # of the way from the mode to where a chain was to begin, until there is a slope to follow
ACCEPTED = 0.95


@dataclass(frozen=True)
class Chains:
    """Draws of several independent chains with the figures that say how far to trust them.

    Attributes
    ----------
    draws : (chain, draw, d)
    divergences : int
        How often the sampler's path broke down: places where the draws may miss some of the density.
    r_hat : float
        Spread over all chains relative to that within one, of the worst coordinate; 1 where they agree
        [Vehtari et al. 2021].
    effective : float
        Number of independent draws they are worth, in the bulk, of the worst coordinate.
    """

    draws: Floats
    divergences: int
    r_hat: float
    effective: float

    def thinned(self, count: int) -> Floats:
        """So many of the draws (count, d), evenly from every chain."""
        flat: Floats = self.draws.reshape(-1, self.draws.shape[-1])
        return flat[np.linspace(0, flat.shape[0] - 1, count).round().astype(np.int64)]


def sample_chains(mode: Mode, density: LogDensity, draws: int, rng: np.random.Generator) -> Chains:
    """At least so many draws, in four chains; the same for the same state of the generator.

    Raises
    ------
    FitError
        The sampler broke down.
    """
    from arviz_stats.base import array_stats

    root = np.asarray(np.linalg.cholesky(bounded_covariance(mode.precision)), np.float64)
    per_chain = max(FEWEST_PER_CHAIN, -(-draws // CHAINS))
    trace = run_nutpie(mode.location, root, density, per_chain, int(rng.integers(2**63)))
    points = np.asarray(trace["posterior"]["point"])
    coordinates = np.moveaxis(points, -1, 0)
    return Chains(
        points,
        int(np.sum(np.asarray(trace["sample_stats"]["diverging"]))),
        float(np.max(array_stats.rhat(coordinates))),
        float(np.min(array_stats.ess(coordinates))),
    )


def run_nutpie(center: Floats, root: Floats, density: LogDensity, per_chain: int, seed: int) -> Any:
    """The trace of chains in coordinates z, of which the density's own are center + root @ z."""
    with warnings.catch_warnings():  # of the versions of ArviZ, on import
        warnings.simplefilter("ignore")
        import nutpie
        from nutpie.compiled_pyfunc import from_pyfunc

    d = center.size

    def log_density(z: Floats) -> tuple[float, Floats]:
        try:
            with np.errstate(all="ignore"):  # far out it overflows, and the sampler turns back
                value, gradient = density.value_and_gradient(center + root @ z)
                return value, gradient @ root
        except ArithmeticError:  # as compiled functions do where numpy would give an infinity
            return -np.inf, np.zeros(d)

    def begin(seed: int) -> Floats:
        z: Floats = np.random.default_rng(seed).standard_normal(d)
        for _ in range(HALVINGS):
            value, gradient = log_density(z)
            if np.isfinite(value) and np.all(np.isfinite(gradient)) and np.all(gradient != 0.0):
                break
            z = z / 2.0
        return z

    def make_expand(*_: int) -> Callable[[Floats], dict[str, Floats]]:
        return lambda z: {"point": center + root @ z}

    model = from_pyfunc(
        d,
        lambda: log_density,
        make_expand,
        [np.dtype(np.float64)],
        [(d,)],
        ["point"],
        make_initial_point_fn=begin,
    )
    sampler = nutpie.sample(
        model,
        draws=per_chain,
        tune=TUNING,
        chains=CHAINS,
        seed=seed,
        target_accept=ACCEPTED,
        maxdepth=DEEPEST,
        progress_bar=False,
        blocking=False,  # else an interrupt would pass for the end
    )
    try:
        return sampler.wait()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the sampler is no Exception
        raise FitError(
            f"NUTS broke down ({str(error).splitlines()[0]}): the posterior has no bounds somewhere. "
            'Use priors="weak", or a longer log.'
        ) from error
