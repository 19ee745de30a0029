"""What a case of the battery of bad inputs is, and how one is tried."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lifecast as lc
from lifecast.errors import LifecastError, LifecastWarning

REFUSED, RIGHT, MENTIONED = "refused", "right", "right, with a mention"
ANYTHING = ""


@dataclass(frozen=True)
class Case:
    """One input: where it goes, what it is, how to pass it, how that must end, and words of the message.

    ``run`` gets an empty folder; what it gives is held to ``check`` where the input is not refused. For those
    that are mentioned, ``says`` is in a warning, or in the text that the result shows.
    """

    area: str
    name: str
    run: Callable[[Path], Any]
    ends: str
    says: str = ANYTHING
    check: Callable[[Any], bool] = lambda found: True


@dataclass(frozen=True)
class Ending:
    """How a case ended: refused, right, or right with a mention; and in what words."""

    how: str
    words: str
    found: Any = None


def play(case: Case, folder: Path) -> Ending:
    """Run a case and see how it ends; an exception that is not lifecast's own passes through."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = case.run(folder)
        except LifecastError as error:
            return Ending(REFUSED, f"{type(error).__name__}: {error}")
    others = [str(each.message) for each in caught if not issubclass(each.category, LifecastWarning)]
    if others:
        raise AssertionError(f"{case.name}: warnings that are not lifecast's: {others}")
    words = [str(each.message) for each in caught]
    if isinstance(found, lc.RFM) and found.report is not None:
        words.append(str(found.report))
    told = " ".join(words)
    mentioned = case.ends == MENTIONED and bool(told)
    return Ending(MENTIONED if mentioned else RIGHT, told if mentioned else "", found)
