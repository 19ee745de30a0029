"""Text, figures and tables on the terminal."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from lifecast.cli import session

WIDTH = 100


def console(*, stderr: bool = False) -> Console:
    """Text as it is, without markup or colours of its own: customer ids may hold brackets."""
    width = min(WIDTH, shutil.get_terminal_size((WIDTH, 40)).columns)
    return Console(stderr=stderr, width=width, markup=False, highlight=False)


def show(what: Any, **style: Any) -> None:
    """Print on stdout; on stderr where stdout carries data, and not at all where nobody is to read it."""
    now = session.current
    if not (now.quiet or now.as_json):
        console(stderr=now.data).print(what, **style)


def say(text: Any = "") -> None:
    """Print text, wrapped at words."""
    show(str(text))


def headline(text: str) -> None:
    """Print the title of what comes next."""
    say()
    show(text, style="bold underline")


def note(text: str) -> None:
    """Say something short on stderr."""
    console(stderr=True).print(f"Note: {text}")


def number(value: float) -> str:
    """Four digits, or all of those before the point."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def money(value: float) -> str:
    """An amount, with cents where they count."""
    return f"{value:,.0f}" if abs(value) >= 10 or value == 0 else f"{value:.2f}"


def count(value: float) -> str:
    """A large number, to the nearest whole one."""
    return f"{value:,.0f}"


def table(columns: list[str], rows: list[list[str]], words: tuple[str, ...] = ()) -> None:
    """Print a table; its first column and those named in `words` lean left, numbers right."""
    printed = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1))
    for place, column in enumerate(columns):
        if place == 0 or (column and column in words):  # ids and words may be long
            printed.add_column(column, overflow="fold")
        else:
            printed.add_column(column, justify="left" if column in words else "right", no_wrap=True)
    for row in rows:
        printed.add_row(*row)
    show(printed)


@contextmanager
def working(text: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A progress bar with the time left, on stderr where that is a terminal; call it with the number done."""
    screen = console(stderr=True)
    columns = [TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()]
    if total is not None:
        columns += [TextColumn("left"), TimeRemainingColumn()]
    hidden = session.current.quiet or not screen.is_terminal
    with Progress(*columns, console=screen, transient=True, disable=hidden) as progress:
        task = progress.add_task(text, total=total)
        yield lambda done: progress.update(task, completed=done)
