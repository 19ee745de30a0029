"""Model families, interchangeable: each binds kernels to one contract. Here stands the registry."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from lifecast.errors import SettingsError


class Registry(Mapping[str, Any]):
    """Family classes by name, each imported when it is first asked for: their kernels take long to load."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self.places = places

    def __getitem__(self, name: str) -> Any:
        module, _, family = self.places[name].partition(":")
        return getattr(import_module(f"lifecast.families.{module}"), family)

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


PURCHASE_FAMILIES = Registry(
    {
        "bg-nbd": "bg_nbd:BGNBD",
        "mbg-nbd": "mbg_nbd:MBGNBD",
        "pareto-nbd": "pareto_nbd:ParetoNBD",
        "nbd": "nbd:NBD",
        "bg-bb": "bg_bb:BGBB",
        "sbg": "shifted_beta_geometric:ShiftedBetaGeometric",
    }
)
SPEND_FAMILIES = Registry({"gamma-gamma": "gamma_gamma:GammaGamma", "log-normal": "log_normal:LogNormal"})


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
