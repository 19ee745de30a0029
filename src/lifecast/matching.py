"""Whether customers can be scored with a model: the same unit of time, the same money, the same groups."""

import warnings
from collections import Counter
from typing import Any

import numpy as np

from lifecast.encoding import attribute
from lifecast.errors import DataError, LifecastWarning, SettingsError
from lifecast.families.contract import DiscreteTime, PurchaseFamily, SpendFamily
from lifecast.grouping import SpendHistory, spend_history
from lifecast.posterior import Posterior
from lifecast.rfm import RFM, check_rfm
from lifecast.timeunit import TimeUnit

ENOUGH_SPENDERS = 30
OTHER_CURRENCY = 5.0  # times the model's usual amount, or a fifth of it
MOST_NAMED = 5


def check_families(purchases: PurchaseFamily, spend: SpendFamily | None) -> None:
    """Refuse what is no family, or one in the other's place.

    Raises
    ------
    SettingsError
    """
    given: tuple[tuple[str, Any, str, str], ...] = (
        ("purchases", purchases, "simulate_purchases", "lifecast.BGNBD()"),
        ("spend", spend, "simulate_amounts", "lifecast.GammaGamma(), or None"),
    )
    for role, family, does, example in given:
        if family is None and role == "spend":
            continue
        if isinstance(family, type) or not hasattr(family, does):
            raise SettingsError(f"{role}={family!r} is no family of {role}. Pass one such as {example}.")


def check_unit(rfm: RFM, unit: TimeUnit, family: PurchaseFamily) -> None:
    """Refuse what is no RFM, or one that counts time in another unit than the model does.

    Raises
    ------
    SettingsError
        It is no RFM.
    DataError
        Another unit of time, or histories that the family cannot have made.
    """
    check_rfm(rfm)
    check_same_unit(rfm.time_unit, unit)
    if isinstance(family, DiscreteTime):
        family.check_histories(rfm.frequency, rfm.recency, rfm.T)


def check_same_unit(found: TimeUnit, needed: TimeUnit) -> None:
    """Refuse customers whose unit of time is not the model's.

    Raises
    ------
    DataError
    """
    if needed.days != found.days:
        raise DataError(
            f"The RFM counts time in {found.name}s, the model in {needed.name}s. "
            f"Make the RFM with time_unit={needed.name!r}."
        )


def warn_of_strangers(rfm: RFM, posterior: Posterior, spend: SpendFamily | None) -> None:
    """Say so where customers are hardly those that the model knows: other groups, other money, or none."""
    for population in posterior.populations:
        encoding = population.encoding
        if encoding.groups is None or not encoding.group_names:
            continue
        known = set(encoding.group_names)
        found = Counter(name for name in attribute(rfm, encoding.groups).to_pylist() if name not in known)
        if found:
            named = ", ".join(repr(name) for name, _ in found.most_common(MOST_NAMED))
            known_ones = ", ".join(map(repr, encoding.group_names[:MOST_NAMED]))
            _warn(
                f"{found.total():,} of {len(rfm):,} customers have a {encoding.groups!r} that the fit has "
                f"not seen ({named}; it knows {known_ones}): their parameters are drawn from the spread "
                "between its groups, and intervals are wide. Fit again with the new ones."
            )
            break
    if spend is None or posterior.spend is None:
        return
    if rfm.monetary_value is None:
        _warn(
            "This RFM has no amounts: every customer is taken to spend what the model's customers do on "
            "average. Pass amount= to rfm_summary, or use a model with spend=None."
        )
        return
    history = spend_history(rfm, spend.zero_amounts, ())
    amounts = history.m[history.n > 0]
    none, nothing = np.zeros(1, np.int64), np.zeros(1)
    usual = float(
        np.mean(spend.expected_spend(SpendHistory(none, nothing, nothing, nothing), posterior.spend.theta))
    )
    if amounts.size < ENOUGH_SPENDERS or not np.isfinite(usual):
        return
    ratio = float(np.median(amounts)) / usual
    if not 1 / OTHER_CURRENCY < ratio < OTHER_CURRENCY:
        _warn(
            f"Half of these customers spend less than {np.median(amounts):,.6g} a time, and the model's "
            f"customers {usual:,.6g} on average: {ratio:.2g} times as much. Are amounts in the currency of "
            "the fit? If these are other customers, fit again with them."
        )


def _warn(text: str) -> None:
    warnings.warn(text, LifecastWarning, stacklevel=4)
