"""Model families, interchangeable: each binds kernels to one contract. Here stands the registry."""

from collections.abc import Mapping
from typing import Any

from lifecast.errors import SettingsError
from lifecast.families.bg_bb import BGBB
from lifecast.families.bg_nbd import BGNBD
from lifecast.families.gamma_gamma import GammaGamma
from lifecast.families.log_normal import LogNormal
from lifecast.families.mbg_nbd import MBGNBD
from lifecast.families.nbd import NBD
from lifecast.families.pareto_nbd import ParetoNBD
from lifecast.families.shifted_beta_geometric import ShiftedBetaGeometric

PURCHASE_FAMILIES: dict[str, Any] = {
    family.name: family
    for family in (
        BGNBD,
        MBGNBD,
        ParetoNBD,
        NBD,
        BGBB,
        ShiftedBetaGeometric,
    )
}
SPEND_FAMILIES: dict[str, Any] = {family.name: family for family in (GammaGamma, LogNormal)}


def describe(family: Any) -> dict[str, Any]:
    """A family's name and settings, ready for JSON and TOML."""
    return {"family": family.name, **vars(family)}


def build(description: Mapping[str, Any], registry: Mapping[str, Any]) -> Any:
    """The family that `describe` described.

    Raises
    ------
    SettingsError
        An unknown family or setting.
    """
    settings = dict(description)
    name = settings.pop("family", None)
    if name not in registry:
        raise SettingsError(f"Unknown family {name!r}: needed one of {', '.join(registry)}.")
    if isinstance(settings.get("priors"), Mapping):  # JSON and TOML know no tuples
        settings["priors"] = {
            coordinate: tuple(prior) if isinstance(prior, list) else prior
            for coordinate, prior in settings["priors"].items()
        }
    try:
        return registry[name](**settings)
    except TypeError as error:
        raise SettingsError(
            f"Family {name}: {error}. Its settings are {', '.join(vars(registry[name]()))}."
        ) from error
