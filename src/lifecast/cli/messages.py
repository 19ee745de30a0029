"""Errors and warnings in the words of the command line."""

import re
import warnings
from typing import Any

import typer
from typer.core import TyperGroup

from lifecast.cli.printing import console, note
from lifecast.errors import LifecastError, LifecastWarning

_ARGUMENTS = (
    "customer_id|date|amount|time_unit|observation_end|holdout_end|merge_within|returns|date_format|attributes|"
    "method|draws|random_seed|horizon|annual_discount_rate|margin|interval|worlds|origins|horizons|groups"
)
_OPTIONS = {"customer_id": "--customer", "attributes": "--attribute", "random_seed": "--seed"} | {
    "horizons": "--horizon"
}
_ARGUMENT = re.compile(rf"(?<![\w.-])({_ARGUMENTS})=(?=(\S?))")


def as_options(text: str) -> str:
    """A message about arguments (time_unit='week') in the words of the command line (--time-unit 'week')."""

    def option(match: re.Match[str]) -> str:
        name = _OPTIONS.get(match[1], f"--{match[1].replace('_', '-')}")
        return name if match[2] in ("", ";", ",", ".", ":") else f"{name} "

    return _ARGUMENT.sub(option, text)


class Commands(TyperGroup):
    """Bad input ends in one paragraph and exit code 2; warnings of lifecast become short notes."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        pass_on = warnings.showwarning

        def show(message: Any, category: type[Warning], *where: Any, **further: Any) -> None:
            if issubclass(category, LifecastWarning):
                note(as_options(str(message)))
            else:
                pass_on(message, category, *where, **further)

        with warnings.catch_warnings():
            warnings.simplefilter("always", LifecastWarning)
            warnings.showwarning = show
            try:
                return super().invoke(ctx)
            except (LifecastError, OSError) as error:
                paragraph = " ".join(as_options(str(error)).split())
                console(stderr=True).print(f"Error: {paragraph}")
                raise typer.Exit(2) from error
