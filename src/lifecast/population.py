"""What a family's customers share, draw by draw: everybody, or each group, and what covariates add."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.encoding import Encoding
from lifecast.families.regression import effect_names, shifted
from lifecast.rfm import RFM


@dataclass(frozen=True, eq=False)
class Population:
    """Draws of a family's parameters.

    Attributes
    ----------
    family : purchase or spend family
    theta : (draw, parameter)
        The family's parameters, for covariates at their mean or first category; with groups, a typical one's.
    effects : (draw, effect)
        What covariates add to coordinates; by column, then by coordinate.
    encoding : Encoding
    spread : (draw, coordinate + effect)
        Standard deviation between groups; no columns without groups.
    group_theta : (draw, group + 1, parameter)
        Each group's own; the last is a group that was not seen. Without groups there are none at all.
    group_effects : (draw, group + 1, effect)
    """

    family: Any
    theta: Floats
    effects: Floats
    encoding: Encoding
    spread: Floats
    group_theta: Floats
    group_effects: Floats

    @classmethod
    def alike(cls, family: Any, theta: Floats) -> "Population":
        """A population without groups and covariates."""
        draws, parameters = theta.shape
        none = np.empty((draws, 0))
        nobody = np.empty((draws, 0, parameters))
        return cls(family, theta, none, Encoding(), none, nobody, np.empty((draws, 0, 0)))

    def __len__(self) -> int:
        return int(self.theta.shape[0])

    def of(self, group: int, columns: Floats) -> Floats:
        """Parameters (draw, parameter) of customers of one kind; see `lifecast.encoding.Kinds`."""
        grouped = self.encoding.groups is not None
        theta = self.group_theta[:, group] if grouped else self.theta
        if columns.size == 0:
            return theta
        effects = self.group_effects[:, group] if grouped else self.effects
        family = self.family
        moved: Floats = family.constrain(shifted(family, family.unconstrain(theta), effects, columns))
        return moved

    def by_kind(self, rfm: RFM) -> Iterator[tuple[Integers, Floats]]:
        """Places of the customers of each kind, and their parameters (draw, parameter)."""
        kinds = self.encoding.kinds(rfm)
        for number in range(len(kinds)):
            theta = self.of(int(kinds.group[number]), kinds.columns[number])
            yield np.flatnonzero(kinds.kind == number), theta

    def chosen(self, draws: Any) -> "Population":
        """The population of some draws, given their places."""
        taken: dict[str, Any] = {name: values[draws] for name, values in self.arrays.items()}
        return replace(self, **taken)

    def at_mean(self) -> "Population":
        """Every draw at the mean of all."""
        means: dict[str, Any] = {
            name: values if np.all(values == values[:1]) else np.broadcast_to(values.mean(0), values.shape)
            for name, values in self.arrays.items()
        }
        return replace(self, **means)

    @property
    def arrays(self) -> dict[str, Floats]:
        """All draws, by name."""
        names = ("theta", "effects", "spread", "group_theta", "group_effects")
        return {name: getattr(self, name) for name in names}

    def named(self) -> Mapping[str, Floats]:
        """Draws (draw,) of the typical customer's parameters, effects and spreads, by name."""
        coordinates = (*self.family.weak_priors, *self.effect_names)
        return {
            **dict(zip(self.family.parameters, self.theta.T, strict=True)),
            **dict(zip(self.effect_names, self.effects.T, strict=True)),
            **dict(zip((f"sd of {name}" for name in coordinates), self.spread.T, strict=False)),
        }

    def named_by_group(self) -> Mapping[str, Floats]:
        """Draws (draw, group + 1) of each group's parameters and effects, by name; empty without groups."""
        if self.encoding.groups is None:
            return {}
        by_parameter = np.moveaxis(self.group_theta, 2, 0)
        by_effect = np.moveaxis(self.group_effects, 2, 0)
        return {
            **dict(zip(self.family.parameters, by_parameter, strict=True)),
            **dict(zip(self.effect_names, by_effect, strict=True)),
        }

    @property
    def effect_names(self) -> tuple[str, ...]:
        """Names of the effects, such as "log_rate: age"."""
        return effect_names(self.family, self.encoding.columns)
