"""From an RFM to a posterior: group, scale, find the mode, draw, and check."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.errors import DataError, FitError
from lifecast.families.contract import DiscreteTime, PurchaseFamily, SpendFamily
from lifecast.families.density import log_posterior
from lifecast.grouping import group_purchases, group_spend, spend_history
from lifecast.inference.mode import find_mode
from lifecast.methods import Method, draw
from lifecast.posterior import Check
from lifecast.rfm import RFM

FEW_REPEAT_BUYERS = 50


@dataclass(frozen=True)
class Part:
    """The posterior of one family: parameter name to draws, the method that drew them, and the checks."""

    family: str
    draws: Mapping[str, Floats]
    method: Method
    checks: tuple[Check, ...]


def fit_purchases(
    family: PurchaseFamily, rfm: RFM, method: Method, draws: int, rng: np.random.Generator
) -> Part:
    """Posterior of a purchase family.

    Raises
    ------
    DataError
        No customer was watched for any time.
    """
    rows = group_purchases(rfm.frequency, rfm.recency, rfm.T)
    scale = float(np.mean(rfm.T)) if len(rfm) else 0.0
    if not scale > 0.0:
        raise DataError(
            f"{len(rfm):,} customers were watched for {scale:g} {rfm.time_unit.name}s on average: "
            "nothing can be learned. Needed: customers whose first purchase lies before the observation end. "
            "Check observation_end and the dates."
        )
    if isinstance(family, DiscreteTime):
        family.check_histories(rfm.frequency, rfm.recency, rfm.T)
        scale = 1.0
    repeaters = int(np.sum(rfm.frequency > 0))
    return fit(family, rows.scaled(scale), scale, repeaters, method, draws, rng)


def fit_spend(family: SpendFamily, rfm: RFM, method: Method, draws: int, rng: np.random.Generator) -> Part:
    """Posterior of a spend family.

    Raises
    ------
    DataError
        The RFM has no money, or lacks the column that the likelihood needs.
    """
    if rfm.monetary_value is None:
        raise DataError(
            "This RFM has no amounts, but the model has a spend family. Pass amount= to rfm_summary, or use "
            "CLTV(spend=None)."
        )
    if rfm.monetary_log_mean is None and not family.zero_amounts:
        raise DataError(
            'This RFM has no monetary_log_mean, which fit_to="amounts" needs. Make the RFM from the log with '
            'rfm_summary, or use GammaGamma(fit_to="means").'
        )
    number, mean = spend_history(rfm, family.zero_amounts)
    log_mean = np.zeros(len(rfm)) if rfm.monetary_log_mean is None else rfm.monetary_log_mean
    rows = group_spend(number, mean, log_mean)
    scale = float(np.sum(number * mean) / np.sum(number)) if len(rows) else usual_amount(rfm)
    return fit(family, rows.scaled(scale), scale, int(np.sum(number > 0)), method, draws, rng)


def usual_amount(rfm: RFM) -> float:
    """Mean amount of a log's purchases, for spend's prior where no customer bought twice.

    Raises
    ------
    DataError
        A bare table, or a log without a positive amount: nothing says what a purchase is worth.
    """
    report = rfm.report
    if report is None or not report.purchased_amount > 0.0:
        raise DataError(
            f"None of the {len(rfm):,} customers has a repeat purchase with an amount, and nothing else says "
            "what a purchase is worth. Make the RFM from the log with rfm_summary, or use CLTV(spend=None)."
        )
    return report.purchased_amount / (report.purchases - report.zero_purchases)


def fit(
    family: Any,
    rows: Any,
    scale: float,
    repeaters: int,
    method: Method,
    draws: int,
    rng: np.random.Generator,
) -> Part:
    """Mode, draws and checks of one family on rows in units of their own scale."""
    density = log_posterior(family, rows, family.start(rows))
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
    drawn = draw(family.name, density, mode, method, draws, rng)
    theta = family.rescale(family.constrain(drawn.points), scale)
    of_parameters = dict(zip(family.parameters, theta.T.copy(), strict=True))
    return Part(family.name, of_parameters, drawn.method, checks + drawn.checks)
