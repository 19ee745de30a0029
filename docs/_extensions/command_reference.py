"""The reference of the command line, written from the commands themselves below the page's own words."""

from typing import Any

import typer
from sphinx.application import Sphinx

from lifecast.cli import app as commands

PAGE = "docs/reference/command_line"


def reference() -> str:
    """All commands in Markdown, in the order in which --help lists them."""
    group: Any = typer.main.get_command(commands)
    return "\n\n".join(of_command(name, command) for name, command in group.commands.items())


def of_command(name: str, command: Any) -> str:
    """A command: what it does, how it is called, and what it can be told."""
    inner = getattr(command, "commands", {})
    if inner:
        return "\n\n".join(of_command(f"{name} {below}", one) for below, one in inner.items())
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
    needed = [f"{one.opts[0]} ..." for one in options if one.required]
    call = " ".join(["lifecast", name, *(one.metavar or one.name.upper() for one in arguments), *needed])
    rows = [row(one.metavar or one.name.upper(), one) for one in arguments]
    rows += [row(", ".join([*one.opts, *one.secondary_opts]), one) for one in options]
    parts = [f"## lifecast {name}", command.help, f"```text\n{call} [options]\n```"]
    if command.epilog:
        parts.append(f"```sh\n{command.epilog.removeprefix('Example: ')}\n```")
    if rows:
        parts.append("\n".join(["| option | | default |", "|---|---|---|", *rows]))
    return "\n\n".join(parts)


def row(name: str, option: Any) -> str:
    """An option's line of the table."""
    told = option.show_default if isinstance(option.show_default, str) else option.default
    if option.required:
        default = "needed"
    elif told in (None, False, ()) or callable(told):
        default = ""
    else:
        default = str(told)
    help_text = (option.help or "").replace("|", "\\|")
    return f"| `{name}` | {help_text} | {default} |"


def append(app: Sphinx, page: str, source: list[str]) -> None:
    """Put the reference below the page's own words."""
    if page == PAGE:
        source[0] += "\n" + reference() + "\n"


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx."""
    app.connect("source-read", append)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
