"""Fitted lifetimes models as lifecast models, and back; lifetimes' own parameters, which are the papers'."""

from typing import Any

from lifecast.errors import SettingsError
from lifecast.model import CLTV

FAMILIES = {
    "BetaGeoFitter": "bg-nbd",
    "ModifiedBetaGeoFitter": "mbg-nbd",
    "ParetoNBDFitter": "pareto-nbd",
    "BetaGeoBetaBinomFitter": "bg-bb",
    "GammaGammaFitter": "gamma-gamma",
}


def from_lifetimes(purchases: Any, spend: Any = None, *, time_unit: str | float) -> CLTV:
    """A lifecast model with the parameters that lifetimes fitted.

    Parameters
    ----------
    purchases : BetaGeoFitter, ModifiedBetaGeoFitter, ParetoNBDFitter or BetaGeoBetaBinomFitter
        Fitted.
    spend : GammaGammaFitter, optional
        Fitted.
    time_unit : str or float
        That of the frame it was fitted to: the ``freq`` of `summary_data_from_transaction_data` ("day" for
        "D", "week" for "W").

    Returns
    -------
    CLTV
        With known parameters and without a market: its intervals know of no doubt about the parameters. Fit a
        `CLTV` to the same log for that.

    Raises
    ------
    SettingsError
        A fitter of another kind, or one that is not fitted.

    Examples
    --------
    >>> import types, lifecast as lc
    >>> from lifecast.interop import from_lifetimes
    >>> Fitter = type("BetaGeoFitter", (), {})  # stands for lifetimes' own
    >>> fitter = Fitter()
    >>> fitter.params_ = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
    >>> round(from_lifetimes(fitter, time_unit="week").expected_purchases_new_customer(6), 3)
    0.281
    """
    families = [family_of(purchases)] + ([] if spend is None else [family_of(spend)])
    if families[0] == "gamma-gamma" or families[1:] not in ([], ["gamma-gamma"]):
        raise SettingsError(
            f"purchases= is a {type(purchases).__name__}, spend= a {type(spend).__name__}. Needed: a fitter "
            "of purchases first, and a GammaGammaFitter, or nothing, second."
        )
    return CLTV.from_parameters(
        dict(purchases.params_),
        None if spend is None else dict(spend.params_),
        families=(families[0], "gamma-gamma"),
        time_unit=time_unit,
    )


def family_of(fitter: Any) -> str:
    """The family of a fitter of lifetimes."""
    kind = type(fitter).__name__
    if kind not in FAMILIES:
        raise SettingsError(f"A {kind} is no model of lifetimes that lifecast knows: {', '.join(FAMILIES)}.")
    if not hasattr(fitter, "params_"):
        raise SettingsError(f"This {kind} is not fitted yet. Call its fit first.")
    return FAMILIES[kind]


def to_lifetimes(model: CLTV) -> tuple[Any, Any]:
    """Fitters of lifetimes with the posterior means, for code that still calls them.

    Returns
    -------
    purchases, spend
        ``spend`` is None for a model of purchases alone.

    Raises
    ------
    SettingsError
        lifetimes has no such family, or the model has groups or covariates, which it does not know.
    """
    import lifetimes
    import pandas as pd

    kinds = {name: kind for kind, name in FAMILIES.items()}
    fitters: list[Any] = []
    for family in (model.purchases, model.spend):
        if family is None:
            fitters.append(None)
            continue
        if family.name not in kinds or family.groups is not None or family.covariates:
            raise SettingsError(
                f"lifetimes has no such {family.name}; it has {', '.join(kinds)}, without groups and "
                "covariates."
            )
        fitter = getattr(lifetimes, kinds[family.name])()
        fitter.params_ = pd.Series(model.parameters["mean"][list(family.parameters)].to_dict())
        if hasattr(fitter, "conditional_expected_number_of_purchases_up_to_time"):
            fitter.predict = fitter.conditional_expected_number_of_purchases_up_to_time  # as its fit does
        fitters.append(fitter)
    return fitters[0], fitters[1]
