"""Errors and warnings in the words of the command line."""

import ast
import re
import shlex
import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import typer
from typer.core import TyperGroup

from lifecast.cli.printing import console, note
from lifecast.errors import LifecastError, LifecastWarning

# Where an option is not simply called after Python's argument.
_ARGUMENTS = {
    "customer": ("customer_id",),
    "attribute": ("attributes",),
    "covariate": ("covariates",),
    "seed": ("random_seed",),
    "horizon": ("horizon", "horizons"),
}

# Python that has words of its own on the command line.
_PHRASES = (
    (re.compile(r"(?:a model with |CLTV\()spend=None\)?"), "spend = false in a specification (--spec)"),
    (re.compile(r"""\w+\((fit_to=["']\w+["'])\)"""), r"a specification (--spec) with \1 under [spend]"),
    (re.compile(r"forecast\.export\('([^']*)'\)"), r"lifecast forecast --out \1"),
    (re.compile(r"\b(?:model|forecast|RFM|rfm)\.save\b"), "lifecast"),
    (re.compile(r"\bto rfm_summary\b(?!\()"), "to lifecast rfm"),
    (re.compile(r"\bwith rfm_summary\b(?!\()"), "with lifecast rfm"),
)
_CALL = re.compile(r"(\w\([^()]*\))")  # Python code: left as it is
_VALUE = r"""'[^']*'|"[^"]*"|\[[^\]]*\]|[^\s;,:()]*[^\s;,:().]"""
_ARGUMENT = re.compile(rf"(?<![\w.(\"-])(\w+)=({_VALUE})?(?=[\s;,:.)]|$)")


def as_options(text: str, options: Mapping[str, str]) -> str:
    """A message about arguments (time_unit='week') in the words of a command (--time-unit week).

    Parameters
    ----------
    text : str
    options : mapping of str to str
        Argument's name to the option of the command. Arguments that the command has no option for stay
        Python's, and so does Python code in the text.

    Examples
    --------
    >>> options = {"time_unit": "--time-unit", "horizon": "--horizon"}
    >>> as_options("time_unit='week' and top=2: pass horizon=.", options)
    '--time-unit week and top=2: pass --horizon.'
    """
    for phrase, words in _PHRASES:
        text = phrase.sub(words, text)

    def option(match: re.Match[str]) -> str:
        name = options.get(match[1])
        if name is None or match[2] == "None":
            return match[0]
        return name if match[2] is None else " ".join(f"{name} {value}" for value in values(match[2]))

    parts = _CALL.split(text)  # every second one is a call
    return "".join(part if place % 2 else _ARGUMENT.sub(option, part) for place, part in enumerate(parts))


def values(written: str) -> list[str]:
    """What was written in Python, as words of a shell: each element of a list by itself."""
    with suppress(ValueError, SyntaxError):
        found = ast.literal_eval(written)
        return [shlex.quote(str(one)) for one in (found if isinstance(found, list | tuple) else [found])]
    return [written]


def options_of(command: Any) -> dict[str, str]:
    """Python's arguments that a command has options for."""
    found = {}
    for parameter in command.params:
        long = [name for name in parameter.opts if name.startswith("--")]
        if long:
            for argument in _ARGUMENTS.get(parameter.name, (parameter.name,)):
                found[argument] = long[0]
    return found


class Commands(TyperGroup):
    """Bad input ends in one paragraph and exit code 2; warnings of lifecast become short notes."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        pass_on = warnings.showwarning

        def said(text: object) -> str:
            command = self.commands.get(ctx.invoked_subcommand or "")
            return as_options(str(text), {} if command is None else options_of(command))

        def show(message: Any, category: type[Warning], *where: Any, **further: Any) -> None:
            if issubclass(category, LifecastWarning):
                note(said(message))
            else:
                pass_on(message, category, *where, **further)

        with warnings.catch_warnings():
            warnings.simplefilter("always", LifecastWarning)
            warnings.showwarning = show
            try:
                return super().invoke(ctx)
            except (LifecastError, OSError) as error:
                paragraph = " ".join(said(error).split())
                console(stderr=True).print(f"Error: {paragraph}")
                raise typer.Exit(2) from error
