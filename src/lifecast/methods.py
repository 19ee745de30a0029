"""Inference methods by name: which draws from a log density, and what its draws are held against."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from lifecast.arrays import Floats
from lifecast.families.density import LogDensity
from lifecast.inference.laplace import is_bounded, sample_around
from lifecast.inference.mode import Mode
from lifecast.inference.nuts import sample_chains
from lifecast.posterior import Check

Method = Literal["auto", "laplace", "nuts", "map"]
METHODS: tuple[Method, ...] = get_args(Method)
TRUSTED_K_HAT = 0.7
TRUSTED_R_HAT = 1.01
ENOUGH_DRAWS = 400.0


@dataclass(frozen=True)
class Drawn:
    """Equally weighted draws, the method that made them, and the checks.

    Attributes
    ----------
    points : (draw, d)
    method : "laplace", "nuts" or "map"
    checks : tuple of Check
    """

    points: Floats
    method: Method
    checks: tuple[Check, ...]


def draw(
    part: str, density: LogDensity, mode: Mode, method: Method, draws: int, rng: np.random.Generator
) -> Drawn:
    """Draw from a density whose mode is known.

    "auto" draws as "laplace" does, and where a check of that fails, again as "nuts" does; but not from a
    density that hardly falls off in some direction, as with flat priors and few data: chains would wander.
    """
    if method == "map":
        return Drawn(mode.location[None, :], "map", ())
    if method == "nuts":
        return by_chains(part, density, mode, draws, rng)
    weighted = by_weights(part, density, mode, draws, rng)
    failed = [check for check in weighted.checks if not check.passed]
    if method == "laplace" or not failed or not is_bounded(mode):
        return weighted
    chains = by_chains(part, density, mode, draws, rng)
    reason = Check(
        part, f"method NUTS: {failed[0].check} by Laplace", failed[0].figure, f"not {failed[0].threshold}",
        True, "None needed: NUTS drew this part of the posterior instead.",
    )  # fmt: skip
    return Drawn(chains.points, chains.method, (reason, *chains.checks))


def by_weights(part: str, density: LogDensity, mode: Mode, draws: int, rng: np.random.Generator) -> Drawn:
    """Laplace's approximation with Pareto-smoothed importance sampling."""
    sample = sample_around(mode, density, draws, rng)
    checks = (
        Check(
            part, "Pareto k-hat", sample.k_hat, f"< {TRUSTED_K_HAT}", sample.k_hat < TRUSTED_K_HAT,
            'The posterior is not close enough to its approximation; use method="nuts", or a longer log.',
        ),
        enough_draws(part, sample.effective, draws),
    )  # fmt: skip
    return Drawn(sample.draws, "laplace", checks)


def by_chains(part: str, density: LogDensity, mode: Mode, draws: int, rng: np.random.Generator) -> Drawn:
    """The No-U-Turn sampler."""
    chains = sample_chains(mode, density, draws, rng)
    checks = (
        Check(
            part, "r-hat", chains.r_hat, f"< {TRUSTED_R_HAT}", chains.r_hat < TRUSTED_R_HAT,
            "The chains disagree: parameters are barely identified. Use tighter priors or a longer log, or "
            "ask for more draws.",
        ),
        Check(
            part, "divergences", float(chains.divergences), "= 0", chains.divergences == 0,
            "The sampler could not follow the posterior everywhere, and draws may be missing there. Use "
            "tighter priors or a longer log.",
        ),
        enough_draws(part, chains.effective, draws),
    )  # fmt: skip
    return Drawn(chains.thinned(draws), "nuts", checks)


def enough_draws(part: str, effective: float, draws: int) -> Check:
    """Whether draws are worth enough independent ones: 400, or half of those asked for if these are few."""
    effective, enough = min(effective, float(draws)), min(ENOUGH_DRAWS, draws / 2)
    return Check(
        part, "effective draws", effective, f">= {enough:g}", effective >= enough, "Ask for more draws."
    )
