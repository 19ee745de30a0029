"""What scikit-learn asks of an estimator: settings listed, changed and copied, without the data."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from inspect import signature
from typing import Any, Self

from lifecast.errors import SettingsError


class Settings:
    """An object whose constructor's arguments are its attributes, under the same names."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments by name; with ``deep``, theirs too, as ``purchases__priors``."""
        own = {
            name: getattr(self, name) for name in signature(type(self).__init__).parameters if name != "self"
        }
        if not deep:
            return own
        theirs = {
            f"{name}__{inner}": setting
            for name, value in own.items()
            for inner, setting in inner_settings(value).items()
        }
        return own | theirs

    def set_params(self, **params: Any) -> Self:
        """Change settings; ``purchases__priors="flat"`` changes one of the purchase family's.

        What was fitted is gone, since it was fitted with other settings.

        Raises
        ------
        SettingsError
            There is no such setting, or it cannot have that value.
        """
        settings = self.get_params(deep=False)
        inner: dict[str, dict[str, Any]] = {}
        for name, value in params.items():
            outer, parted, own = name.partition("__")
            known = settings if not parted else inner_settings(settings.get(outer))
            if (own or outer) not in known:
                raise SettingsError(
                    f"There is no setting {name!r}. There are {', '.join(self.get_params())}."
                )
            if parted:
                inner.setdefault(outer, {})[own] = value
            else:
                settings[outer] = value
        for outer, changes in inner.items():
            settings[outer] = replace(settings[outer], **changes)
        fresh = type(self)(**settings)
        self.__dict__.clear()
        self.__dict__.update(fresh.__dict__)
        return self

    def __sklearn_clone__(self) -> Self:
        """The same settings, without data."""
        return type(self)(**self.get_params(deep=False))

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn may take for granted."""
        from sklearn.utils import Tags, TargetTags

        return Tags(estimator_type=None, target_tags=TargetTags(required=False))


def inner_settings(value: Any) -> Mapping[str, Any]:
    """The settings of a setting, where it has any: a family's."""
    if not is_dataclass(value) or isinstance(value, type):
        return {}
    return {field.name: getattr(value, field.name) for field in fields(value) if field.init}
