"""One run of a command: what it may print, and where standard input and output are files."""

import inspect
import json
import math
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from lifecast.errors import SettingsError

STANDARD = "-"  # in place of a file's name: standard input, or output
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors and notes.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for programs.")]


@dataclass
class Session:
    """What a run may print.

    Attributes
    ----------
    quiet, as_json : bool
    data : bool
        Whether standard output carries a table; text then goes to standard error.
    stack : ExitStack
        What ends with the run.
    exit_code : int
        What the run ends with, where nothing went wrong.
    """

    quiet: bool = False
    as_json: bool = False
    data: bool = False
    stack: ExitStack = field(default_factory=ExitStack)
    exit_code: int = 0


current = Session()


def command(run: Callable[..., Mapping[str, Any]]) -> Callable[..., None]:
    """A command with the options --quiet and --json; what it returns is what --json prints."""
    signature = inspect.signature(run)
    more = {"quiet": Quiet, "as_json": AsJson}
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)
        for name, kind in more.items()
    ]

    @wraps(run)
    def of_session(*, quiet: bool, as_json: bool, **options: Any) -> None:
        with opened(quiet, as_json) as session:
            result = run(**options)
            if as_json and not session.data:
                print(json.dumps(as_plain(result), ensure_ascii=False, indent=2, allow_nan=False))
            if session.exit_code:
                raise typer.Exit(session.exit_code)

    given = [parameter.replace(kind=parameter.KEYWORD_ONLY) for parameter in signature.parameters.values()]
    of_session.__signature__ = signature.replace(parameters=[*given, *options])  # type: ignore[attr-defined]
    of_session.__annotations__ = {**run.__annotations__, **more}
    return of_session


@contextmanager
def opened(quiet: bool, as_json: bool) -> Iterator[Session]:
    """A session, for as long as a command runs."""
    global current
    before = current
    with ExitStack() as stack:
        current = Session(quiet, as_json, stack=stack)
        try:
            yield current
        finally:
            current = before


def as_plain(value: Any) -> Any:
    """A result as JSON can say it: tables as lists of rows, what is no number as null."""
    import numpy as np
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        kept = value if isinstance(value.index, pd.RangeIndex) else value.reset_index()
        return [as_plain(row) for row in kept.to_dict("records")]
    if isinstance(value, Mapping):
        return {str(name): as_plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(one) for one in value]
    if isinstance(value, np.generic):
        return as_plain(value.item())
    if value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def source(name: str) -> str:
    """A file to read: for "-" a copy of standard input, Parquet or CSV, that goes away with the run.

    Raises
    ------
    SettingsError
        There is nothing on standard input.
    """
    if name != STANDARD:
        return name
    content = sys.stdin.buffer.read()
    if not content:
        raise SettingsError("There is nothing on standard input. Pipe a CSV or Parquet file in, or name one.")
    folder = Path(current.stack.enter_context(tempfile.TemporaryDirectory()))
    copy = folder / ("standard-input.parquet" if content.startswith(b"PAR1") else "standard-input.csv")
    copy.write_bytes(content)
    return str(copy)


@contextmanager
def target(name: str, ending: str) -> Iterator[Path]:
    """A file to write: for "-" one whose content goes to standard output once it is whole.

    Parameters
    ----------
    name : str
    ending : str
        Which kind of file standard output carries.
    """
    if name != STANDARD:
        yield Path(name)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"standard-output{ending}"
        yield path
        sys.stdout.flush()
        sys.stdout.buffer.write(path.read_bytes())
        sys.stdout.buffer.flush()


def check_out(name: str | Path, endings: tuple[str, ...], binary: bool = False) -> None:
    """See before the work that its result will have a place; "-" makes the rest of the text go elsewhere.

    Raises
    ------
    SettingsError
        It has none.
    """
    from lifecast.export import check_target

    if str(name) != STANDARD:
        check_target(name, endings)
        return
    if binary and sys.stdout.isatty():
        raise SettingsError("A Parquet file cannot be shown on the screen. Name a file, or pipe it on.")
    current.data = True
