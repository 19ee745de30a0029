"""What a fit leaves behind: equally weighted draws, the checks they were held against, and their origin."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.encoding import Encoding
from lifecast.errors import FileFormatError
from lifecast.export.files import written_beside
from lifecast.families import PURCHASE_FAMILIES, SPEND_FAMILIES, build
from lifecast.families.regression import effect_names
from lifecast.population import Population
from lifecast.seal import check_seal, seal

if TYPE_CHECKING:
    import xarray as xr

FORMAT_VERSION = 2
UNSEEN = "(a group not seen)"


@dataclass(frozen=True)
class Check:
    """One diagnostic: a figure, the threshold it is held against, and the remedy, empty unless it failed."""

    part: str
    check: str
    figure: float
    threshold: str
    passed: bool
    remedy: str
    told_anyway: bool = False  # what its words say matters to those who pass, too

    def __post_init__(self) -> None:
        """A check that passed needs no remedy."""
        if self.passed and not self.told_anyway:
            object.__setattr__(self, "remedy", "")


@dataclass(frozen=True)
class Posterior:
    """Draws, checks and provenance of a fitted model.

    Attributes
    ----------
    purchases, spend : Population
        Draws in the data's units; ``spend`` is None for a model of purchases alone.
    market
        What `lifecast.market` learned, as named arrays; empty for the textbook model.
    checks
        What the fit was held against.
    provenance
        JSON-ready: families, priors, method, seed, time unit, data fingerprint, versions.
    """

    purchases: Population
    spend: Population | None
    market: Mapping[str, Floats] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def draws(self) -> int:
        """How many there are."""
        return len(self.purchases)

    @property
    def populations(self) -> tuple[Population, ...]:
        """Those of the families that the model has."""
        return (self.purchases,) if self.spend is None else (self.purchases, self.spend)

    def to_tree(self) -> "xr.DataTree":
        """An ArviZ-readable tree: group ``posterior`` (chain, draw); checks and provenance as attributes."""
        import xarray as xr

        populations = {"purchases": self.purchases} | ({} if self.spend is None else {"spend": self.spend})
        groups = {"/posterior": xr.merge(as_dataset(*part) for part in populations.items())}
        if self.market:
            groups["/market"] = xr.Dataset(
                {
                    name: ([f"{name}_{axis}" for axis in range(values.ndim)], values)
                    for name, values in self.market.items()
                }
            )
        tree = xr.DataTree.from_dict(groups)
        tree.attrs = {
            "lifecast_format": FORMAT_VERSION,
            "encodings": json.dumps(
                {part: population.encoding.to_json() for part, population in populations.items()}
            ),
            "checks": json.dumps([asdict(check) for check in self.checks]),
            "provenance": json.dumps(dict(self.provenance)),
        }
        return tree

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one netCDF file, beside its final place first: a failure leaves nothing half-written."""
        with written_beside(path) as beside:
            self.to_tree().to_netcdf(beside, engine="netcdf4")
            seal(beside)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Posterior":
        """Read what `save` wrote.

        Raises
        ------
        FileFormatError
            Not a file of lifecast, damaged, or of a newer format.
        """
        import xarray as xr

        if not Path(path).is_file():
            raise FileFormatError(f"{path}: no such file. Pass one that model.save wrote.")
        check_seal(path, "lifecast model")
        try:
            with xr.open_datatree(path, engine="netcdf4") as tree:
                attributes = dict(tree.attrs)
                if "lifecast_forecast" in attributes:
                    raise FileFormatError(
                        f"{path} is a forecast that was saved, not a model. Pass the model that it was made "
                        "with."
                    )
                variables = {
                    str(name): np.asarray(v.values[0], np.float64)
                    for name, v in tree["posterior"].data_vars.items()
                }
                market = {
                    str(name): np.asarray(v.values, np.float64)
                    for name, v in (tree["market"].data_vars.items() if "market" in tree.children else ())
                }
            version = int(attributes.get("lifecast_format", 0))
            if version == FORMAT_VERSION:
                provenance = json.loads(attributes["provenance"])
                encodings = {
                    part: Encoding.from_json(found)
                    for part, found in json.loads(attributes["encodings"]).items()
                }
                populations = {
                    part: as_population(part, build(provenance[part], registry), encodings[part], variables)
                    for part, registry in (("purchases", PURCHASE_FAMILIES), ("spend", SPEND_FAMILIES))
                    if part in encodings
                }
                return cls(
                    purchases=populations["purchases"],
                    spend=populations.get("spend"),
                    market=market,
                    checks=tuple(Check(**check) for check in json.loads(attributes["checks"])),
                    provenance=provenance,
                )
        except FileFormatError:
            raise
        except Exception as error:
            raise FileFormatError(
                f"{path} cannot be read as a lifecast model ({type(error).__name__}: {error}). "
                "Needed: a netCDF file written by model.save; save the model again."
            ) from error
        raise FileFormatError(
            f"{path} has model format {version or 'unknown'}, this lifecast reads {FORMAT_VERSION}. "
            "Load it with the lifecast version that wrote it, or fit and save again."
        )


def as_dataset(part: str, population: Population) -> "xr.Dataset":
    """A population's draws as labelled variables (chain, draw, ...); ``part`` is "purchases" or "spend".

    Each parameter has its name; with groups, each group's stand beside it as ``<parameter>_of_group``.
    """
    import xarray as xr

    effects = list(population.effect_names)
    names = [str(name) for name in population.encoding.group_names]
    labels = {
        "chain": [0],
        "draw": np.arange(len(population)),
        f"{part}_effect": effects,
        f"{part}_coordinate": [*population.family.weak_priors, *effects],
        f"{part}_group": [*names, UNSEEN],
    }
    group, effect = f"{part}_group", f"{part}_effect"
    theta = zip(population.family.parameters, population.theta.T, strict=True)
    variables: dict[str, tuple[tuple[str, ...], Floats]] = {name: ((), values) for name, values in theta}
    if effects:
        variables[f"{part}_effects"] = ((effect,), population.effects)
    if population.encoding.groups is not None:
        variables[f"{part}_spread"] = ((f"{part}_coordinate",), population.spread)
        for place, name in enumerate(population.family.parameters):
            variables[f"{name}_of_group"] = ((group,), population.group_theta[:, :, place])
        if effects:
            variables[f"{part}_effects_of_group"] = ((group, effect), population.group_effects)
    dataset = xr.Dataset(
        {name: (("chain", "draw", *dims), values[None]) for name, (dims, values) in variables.items()}
    )
    return dataset.assign_coords({name: labels[str(name)] for name in dataset.dims})


def as_population(part: str, family: Any, encoding: Encoding, variables: Mapping[str, Floats]) -> Population:
    """What `as_dataset` wrote, given its variables (draw, ...) by name."""
    theta = np.stack([variables[name] for name in family.parameters], axis=-1)
    draws, effects = theta.shape[0], len(effect_names(family, encoding.columns))
    if encoding.groups is None:
        alike = Population.alike(family, theta)
        return replace(alike, encoding=encoding, effects=variables.get(f"{part}_effects", alike.effects))
    nothing = np.empty((draws, len(encoding.group_names) + 1, 0))
    return Population(
        family,
        theta,
        effects=variables[f"{part}_effects"] if effects else np.empty((draws, 0)),
        encoding=encoding,
        spread=variables[f"{part}_spread"],
        group_theta=np.stack([variables[f"{name}_of_group"] for name in family.parameters], axis=-1),
        group_effects=variables[f"{part}_effects_of_group"] if effects else nothing,
    )
