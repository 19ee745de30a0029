"""Groups of one family, partially pooled: what is typical, how far groups spread, and each group's own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.errors import SettingsError
from lifecast.families.density import LogDensity
from lifecast.inference.mode import find_mode
from lifecast.inference.pooling import BANK, better_banks, first_banks
from lifecast.methods import TRUSTED_K_HAT, Method, draw
from lifecast.posterior import Check

SPREAD_PRIOR = (np.log(0.25), 0.8)  # of the log of the standard deviation between groups, on any coordinate
ROUNDS = (1_000, 2_000)  # draws of the shared in each, at least
MOST_ROUNDS = 5  # where the bank of a group still misses its posterior: then of twice the points, and
WIDE = 1.6  # this much wider than draws of the one before, which were too close together
UNFIT = {
    "map": "since the mode of groups and their spread together lies where they do not differ at all",
    "nuts": "whose own parameters are integrated out by importance sampling",
}


@dataclass(frozen=True)
class Pooled:
    """Draws of what groups share, of every group, and of one that was not seen.

    Attributes
    ----------
    typical, spread : (draw, d)
    groups : (draw, group + 1, d)
        The last is a group not seen.
    checks : tuple of Check
    """

    typical: Floats
    spread: Floats
    groups: Floats
    checks: tuple[Check, ...]


def check_method(method: Method) -> None:
    """Refuse a method that cannot fit groups.

    Raises
    ------
    SettingsError
        It is "map" or "nuts".
    """
    if method in UNFIT:
        raise SettingsError(f'method="{method}" cannot fit groups, {UNFIT[method]}. Use method="auto".')


def pool(
    part: str,
    names: Sequence[Any],
    groups: Sequence[LogDensity],
    start: Floats,
    table: Floats,
    method: Method,
    draws: int,
    rng: np.random.Generator,
) -> Pooled:
    """Draw from the joint posterior of groups whose coordinates are normal around what is typical.

    Parameters
    ----------
    names, groups
        Each group, and its likelihood.
    start : (d,)
        The mode as if all groups were one.
    table : (d, 2)
        Mean and precision of the prior on what is typical.

    Raises
    ------
    SettingsError
        ``method`` is "map" or "nuts".
    """
    check_method(method)
    d = start.size
    log_spread = np.tile([SPREAD_PRIOR[0], SPREAD_PRIOR[1] ** -2], (d, 1))
    shared_table = np.concatenate([table, log_spread])
    begin = np.append(start, log_spread[:, 0])
    banks, more = first_banks(groups, start, rng), BANK
    for number in range(MOST_ROUNDS):
        size = ROUNDS[min(number, len(ROUNDS) - 1)]
        density = banks.density(shared_table, begin)
        mode = find_mode(density)
        drawn = draw(f"{part} groups", density, mode, "laplace", max(draws, size), rng)
        chosen = banks.draw(drawn.points, rng)
        k_hats = banks.k_hats(drawn.points.mean(axis=0))
        banks, begin = better_banks(groups, chosen, drawn.points, rng), mode.location
        if number + 1 >= len(ROUNDS):
            if np.all(k_hats < TRUSTED_K_HAT):
                break
            more *= 2
            banks = better_banks(groups, chosen, drawn.points, rng, more, WIDE)
    checks = [
        replace(check, remedy="Use a longer log, or merge the smallest groups.")
        if "k-hat" in check.check
        else check
        for check in drawn.checks
    ]  # not NUTS, which groups cannot have
    shared, chosen = drawn.points[:draws], chosen[:draws]
    typical, spread = shared[:, :d], np.exp(shared[:, d:])
    unseen = typical + spread * rng.standard_normal(typical.shape)
    k_hat = float(np.max(k_hats))
    check = Check(
        f"{part} groups", "largest k-hat of a group", k_hat, f"< {TRUSTED_K_HAT}", k_hat < TRUSTED_K_HAT,
        f"The posterior of {names[int(np.argmax(k_hats))]!r} is far from its approximation: read its "
        "parameters with care. Use a longer log, fewer covariates, or merge the smallest groups.",
    )  # fmt: skip
    everyone = np.concatenate([chosen, unseen[:, None]], axis=1)
    return Pooled(typical, spread, everyone, (*checks, check))
