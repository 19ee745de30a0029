"""The settings that every family has: priors, groups and covariates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from lifecast.conventions import inner_settings
from lifecast.errors import SettingsError
from lifecast.families.priors import Priors, prior_table


@dataclass(frozen=True)
class FamilySettings:
    """What a family is told by its user.

    Parameters
    ----------
    priors : "weak", "flat" or mapping
        "weak" (default) puts normals on the family's scale-free coordinates. "flat" makes the mode the
        maximum likelihood estimate. A mapping from coordinate to (mean, sd) replaces some of the weak ones.
    groups : str, optional
        An attribute of the RFM, such as "channel": each of its values has its own parameters, partially
        pooled, so that a small group borrows from the others.
    covariates : sequence of str, default ()
        Attributes that shift the family's covariate coordinates: numbers (standardised), or categories.
    """

    priors: Priors = "weak"
    groups: str | None = None
    covariates: Sequence[str] = ()

    name: ClassVar[str]
    weak_priors: ClassVar[Mapping[str, tuple[float, float]]]

    def __post_init__(self) -> None:
        prior_table(self.priors, self.weak_priors)
        names = (self.covariates,) if isinstance(self.covariates, str) else tuple(self.covariates)
        object.__setattr__(self, "covariates", names)
        twice = [name for name in names if names.count(name) > 1 or name == self.groups]
        if twice:
            raise SettingsError(
                f"{self.name}: {twice[0]!r} stands more than once among covariates={list(names)} and "
                f"groups={self.groups!r}. Name each attribute once."
            )

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The settings by name, as scikit-learn asks for them."""
        return dict(inner_settings(self))

    def __sklearn_clone__(self) -> "FamilySettings":
        """Itself: it cannot be changed."""
        return self
