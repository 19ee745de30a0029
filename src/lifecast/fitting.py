"""From histories to a posterior: group, scale, find the mode, draw, and check."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.encoding import learn_encoding
from lifecast.errors import DataError, FitError
from lifecast.families.contract import DiscreteTime, PurchaseFamily, SpendFamily
from lifecast.families.density import Rows, log_likelihood, with_prior
from lifecast.families.priors import prior_table
from lifecast.families.regression import effect_priors
from lifecast.grouping import PurchaseRows, SpendRows, group_purchases, group_spend, spend_history
from lifecast.histories import Histories, PurchaseHistories, SpendHistories
from lifecast.inference.mode import find_mode
from lifecast.methods import Method, draw
from lifecast.pooling import pool
from lifecast.population import Population
from lifecast.posterior import Check

FEW_REPEAT_BUYERS = 50


@dataclass(frozen=True)
class Part:
    """The posterior of one family: its population, the method that drew it, and the checks."""

    population: Population
    method: Method
    checks: tuple[Check, ...]

    @property
    def family(self) -> str:
        """Name of the family."""
        return str(self.population.family.name)


def fit_purchases(
    family: PurchaseFamily, histories: Histories, method: Method, draws: int, rng: np.random.Generator
) -> Part:
    """Posterior of a purchase family.

    Raises
    ------
    DataError
        No customer was watched for any time.
    """
    table = histories.purchases

    def rows(members: Any) -> PurchaseRows:
        columns = (table.frequency, table.recency, table.T, table.customers)
        return group_purchases(*(column[members] for column in columns))

    everybody = rows(slice(None))
    scale = float(np.average(everybody.T, weights=everybody.weight)) if len(everybody) else 0.0
    if not scale > 0.0:
        raise DataError(
            f"{len(histories):,} customers were watched for {scale:g} {histories.time_unit.name}s on "
            "average: nothing can be learned. Needed: customers whose first purchase lies before the "
            "observation end. Check observation_end and the dates."
        )
    if isinstance(family, DiscreteTime):
        each = np.repeat(np.arange(len(everybody)), everybody.weight.astype(np.int64))
        family.check_histories(everybody.x[each], everybody.t_x[each], everybody.T[each])
        scale = 1.0
    return fit(family, table, rows, everybody, scale, histories.repeat_buyers, method, draws, rng)


def fit_spend(
    family: SpendFamily, histories: Histories, method: Method, draws: int, rng: np.random.Generator
) -> Part:
    """Posterior of a spend family.

    Raises
    ------
    DataError
        The histories have no money, or lack the column that the likelihood needs.
    """
    table = histories.spend
    if table is None:
        raise DataError(
            "This RFM has no amounts, but the model has a spend family. Pass amount= to rfm_summary, or use "
            "CLTV(spend=None)."
            + ("" if histories.report is None else f" {histories.report.about_amounts}").rstrip()
        )
    history = spend_history(table, family.zero_amounts, family.likelihood_needs)

    def rows(members: Any) -> SpendRows:
        return group_spend(history.of(members), table.customers[members])

    everybody = rows(slice(None))
    amounts = everybody.weight * everybody.n
    scale = float(np.average(everybody.m, weights=amounts)) if len(everybody) else usual_amount(histories)
    spenders = int(everybody.weight.sum())
    return fit(family, table, rows, everybody, scale, spenders, method, draws, rng)


def usual_amount(histories: Histories) -> float:
    """Mean amount of a log's purchases, for spend's prior where no customer bought twice.

    Raises
    ------
    DataError
        A bare table, or a log without a positive amount: nothing says what a purchase is worth.
    """
    report = histories.report
    if report is None or not report.purchased_amount > 0.0:
        raise DataError(
            f"None of the {len(histories):,} customers has a repeat purchase with an amount, and nothing "
            "else says what a purchase is worth. Make the RFM from the log with rfm_summary, or use "
            "CLTV(spend=None)."
        )
    return report.purchased_amount / (report.purchases - report.zero_purchases)


def fit(
    family: Any,
    table: PurchaseHistories | SpendHistories,
    rows: Callable[[Any], Rows],
    everybody: Rows,
    scale: float,
    repeaters: int,
    method: Method,
    draws: int,
    rng: np.random.Generator,
) -> Part:
    """Mode, draws and checks of one family, given the rows of some of the histories, and of all."""
    encoding = learn_encoding(table, family.groups, family.covariates)
    kinds = encoding.kinds(table)
    everybody = everybody.scaled(scale)
    of_kinds = [(everybody, kinds.columns[0])]
    if len(kinds) > 1:
        of_kinds = [
            (rows(kinds.kind == kind).scaled(scale), kinds.columns[kind]) for kind in range(len(kinds))
        ]
    columns = len(encoding.columns)
    start = np.append(family.start(everybody), np.zeros(columns * len(family.covariate_coordinates)))
    priors = np.concatenate([prior_table(family.priors, family.weak_priors), effect_priors(family, columns)])
    density = with_prior(log_likelihood(family, of_kinds, start), priors)
    mode = find_mode(density)
    if not np.all(np.isfinite(mode.location)):
        raise FitError(
            f"The search for the mode of {family.name} left the numbers after {repeaters:,} repeat buyers. "
            'Use priors="weak", or a longer log.'
        )
    checks = (
        Check(
            family.name, "repeat buyers", float(repeaters), f">= {FEW_REPEAT_BUYERS}",
            repeaters >= FEW_REPEAT_BUYERS,
            "The priors speak louder than the data and intervals are wide; use a longer log.",
        ),
        Check(
            family.name, "mode found", float(mode.converged), "= 1", mode.converged,
            "The likelihood has a flat ridge: parameters are not identified. "
            "Use weak priors or a longer log.",
        ),
    )  # fmt: skip
    if encoding.groups is None:
        drawn = draw(family.name, density, mode, method, draws, rng)
        theta, effects = to_parameters(family, drawn.points, scale)
        alike = Population.alike(family, theta)
        return Part(replace(alike, encoding=encoding, effects=effects), drawn.method, checks + drawn.checks)
    groups = [
        log_likelihood(family, [of_kinds[kind] for kind in np.flatnonzero(kinds.group == group)], start)
        for group in range(len(encoding.group_names))
    ]
    pooled = pool(family.name, encoding.group_names, groups, mode.location, priors, method, draws, rng)
    theta, effects = to_parameters(family, pooled.typical, scale)
    group_theta, group_effects = to_parameters(family, pooled.groups, scale)
    population = Population(family, theta, effects, encoding, pooled.spread, group_theta, group_effects)
    return Part(population, "laplace", checks + pooled.checks)


def to_parameters(family: Any, points: Floats, scale: float) -> tuple[Floats, Floats]:
    """Parameters in the data's units, and covariates' effects, of points (..., coordinate + effect)."""
    size = len(family.weak_priors)
    return family.rescale(family.constrain(points[..., :size]), scale), points[..., size:]
