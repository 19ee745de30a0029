"""What a fit leaves behind: equally weighted draws, the checks they were held against, and their origin."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.errors import FileFormatError

if TYPE_CHECKING:
    import xarray as xr

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Check:
    """One diagnostic: a figure, the threshold it is held against, and the remedy if it fails."""

    part: str
    check: str
    figure: float
    threshold: str
    passed: bool
    remedy: str


@dataclass(frozen=True)
class Posterior:
    """Draws, checks and provenance of a fitted model.

    Attributes
    ----------
    purchases, spend
        Parameter name to draws (draw,), in the data's units; ``spend`` is empty for a model of purchases
        alone.
    market
        What `lifecast.market` learned, as named arrays; empty for the textbook model.
    checks
        What the fit was held against.
    provenance
        JSON-ready: families, priors, method, seed, time unit, data fingerprint, versions.
    """

    purchases: Mapping[str, Floats]
    spend: Mapping[str, Floats]
    market: Mapping[str, Floats] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def draws(self) -> int:
        """How many there are."""
        return next(iter(self.purchases.values())).size

    def to_tree(self) -> "xr.DataTree":
        """An ArviZ-readable tree: group ``posterior`` (chain, draw); checks and provenance as attributes."""
        import xarray as xr

        variables = {
            name: (("chain", "draw"), values[None, :])
            for name, values in {**self.purchases, **self.spend}.items()
        }
        dataset = xr.Dataset(variables, coords={"chain": [0], "draw": np.arange(self.draws)})
        groups = {"/posterior": dataset}
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
            "purchase_parameters": json.dumps(list(self.purchases)),
            "spend_parameters": json.dumps(list(self.spend)),
            "checks": json.dumps([asdict(check) for check in self.checks]),
            "provenance": json.dumps(dict(self.provenance)),
        }
        return tree

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one netCDF file, beside its final place first: a failure leaves nothing half-written."""
        target = Path(path)
        beside = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            self.to_tree().to_netcdf(beside, engine="netcdf4")
            os.replace(beside, target)
        finally:
            beside.unlink(missing_ok=True)

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
            raise FileFormatError(f"{path}: no such file. Pass the path that model.save was given.")
        try:
            with xr.open_datatree(path, engine="netcdf4") as tree:
                attributes = dict(tree.attrs)
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
                return cls(
                    purchases={
                        name: variables[name] for name in json.loads(attributes["purchase_parameters"])
                    },
                    spend={name: variables[name] for name in json.loads(attributes["spend_parameters"])},
                    market=market,
                    checks=tuple(Check(**check) for check in json.loads(attributes["checks"])),
                    provenance=json.loads(attributes["provenance"]),
                )
        except Exception as error:
            raise FileFormatError(
                f"{path} cannot be read as a lifecast model ({type(error).__name__}: {error}). "
                "Needed: a netCDF file written by model.save; save the model again."
            ) from error
        raise FileFormatError(
            f"{path} has model format {version or 'unknown'}, this lifecast reads {FORMAT_VERSION}. "
            "Load it with the lifecast version that wrote it, or fit and save again."
        )
