"""Posteriors of pymc-marketing's CLV models as lifecast models."""

from typing import Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.errors import SettingsError
from lifecast.families import PURCHASE_FAMILIES, SPEND_FAMILIES
from lifecast.model import CLTV


def from_pymc_marketing(
    purchases: Any, spend: Any = None, *, family: str = "bg-nbd", time_unit: str | float, draws: int = 1000
) -> CLTV:
    """A lifecast model with the posterior draws that pymc-marketing sampled.

    Parameters
    ----------
    purchases : model or tree
        A fitted BetaGeoModel, ModifiedBetaGeoModel, ParetoNBDModel, BetaGeoBetaBinomModel or
        ShiftedBetaGeoModel, its ``idata``, or an opened netCDF file of it.
    spend : model or tree, optional
        The same of a GammaGammaModel.
    family : str, default "bg-nbd"
        lifecast's name for the family of ``purchases``.
    time_unit : str or float
        That of the data it was fitted to.
    draws : int, default 1000
        Draws kept, evenly from all chains.

    Returns
    -------
    CLTV
        With the sampled parameters and without a market.

    Raises
    ------
    SettingsError
        No posterior, or one without the family's parameters; those with covariates are not taken.
    """
    if family not in PURCHASE_FAMILIES:
        raise SettingsError(f"family={family!r}: needed one of {', '.join(PURCHASE_FAMILIES)}.")
    return CLTV.from_parameters(
        posterior_draws(purchases, PURCHASE_FAMILIES[family].parameters, draws),
        None if spend is None else posterior_draws(spend, SPEND_FAMILIES["gamma-gamma"].parameters, draws),
        families=(family, "gamma-gamma"),
        time_unit=time_unit,
    )


def posterior_draws(source: Any, names: tuple[str, ...], draws: int) -> dict[str, Floats]:
    """Draws (draw,) of the named parameters, evenly from all chains."""
    tree = getattr(source, "idata", source)
    posterior = getattr(tree, "posterior", None)
    if posterior is None:
        raise SettingsError(
            f"This {type(source).__name__} has no posterior. Pass a fitted model of pymc-marketing, or its "
            "idata."
        )
    missing = [name for name in names if name not in posterior]
    if missing:
        raise SettingsError(
            f"The posterior has {', '.join(map(str, posterior.data_vars))}, but no {missing[0]!r}. Needed: "
            f"{', '.join(names)}. Name the right family=."
        )
    found = {}
    for name in names:
        values = np.asarray(posterior[name].values, np.float64)
        if values.ndim != 2:
            raise SettingsError(
                f"{name!r} has the shape {values.shape}, but needed (chain, draw): models with covariates or "
                "cohorts are not taken. Fit a lifecast model with covariates= or groups= instead."
            )
        flat = values.ravel()
        found[name] = flat[np.linspace(0, flat.size - 1, min(draws, flat.size)).round().astype(np.int64)]
    return found
