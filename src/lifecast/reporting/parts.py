"""What a page is made of: sections of words, figures and tables. No layout, and no HTML."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["text", "words", "count", "number", "money", "share", "chance", "date"]
NOTHING = "–"


@dataclass(frozen=True)
class Cell:
    """What is read, and what rows are sorted by."""

    text: str
    order: float | str


@dataclass(frozen=True)
class Column:
    """A heading over cells of one kind."""

    name: str
    heading: str
    kind: Kind = "text"

    @property
    def style(self) -> str:
        """The class that the style sheet knows: numbers lean right, sentences need room."""
        return self.kind if self.kind in ("text", "words", "date") else "number"


@dataclass(frozen=True)
class Table:
    """A table that sorts, and that can be searched where it is long."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    folded: bool = False

    @property
    def is_long(self) -> bool:
        """Whether a search helps."""
        return len(self.rows) > 8


@dataclass(frozen=True)
class Figure:
    """An image, and what it says."""

    source: str
    says: str


@dataclass(frozen=True)
class KeyFigure:
    """One number that people came for."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it, in this order.

    Attributes
    ----------
    name : str
        Of the link that leads to it.
    heading : str
    words : paragraphs
    warnings : paragraphs that must not be overlooked
    key_figures, figures, tables
    """

    name: str
    heading: str
    words: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    key_figures: tuple[KeyFigure, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()


def table_of(
    frame: "pd.DataFrame", caption: str, columns: Sequence[Column], *, folded: bool = False
) -> Table:
    """A DataFrame as a table of the columns that it has."""
    shown = tuple(column for column in columns if column.name in frame)
    values = zip(*(frame[column.name].to_list() for column in shown), strict=True)
    rows = tuple(
        tuple(cell(value, column.kind) for value, column in zip(row, shown, strict=True)) for row in values
    )
    return Table(caption, shown, rows, folded)


def with_bounds(name: str, heading: str, kind: Kind, bounds: str = "90% interval") -> tuple[Column, ...]:
    """A column and those of its interval."""
    return (
        Column(name, heading, kind),
        Column(f"{name}_lower", f"{heading}, from", kind),
        Column(f"{name}_upper", "to", kind),
    )


def cell(value: Any, kind: Kind) -> Cell:
    """A value as it is read, and as it is sorted."""
    if value is None or value != value:  # NaN, NaT
        return Cell(NOTHING, "" if kind in ("text", "words", "date") else -math.inf)
    if kind in ("text", "words"):
        return Cell(str(value), str(value).casefold())
    if kind == "date":
        text = f"{value:%Y-%m-%d}" if hasattr(value, "year") else f"{value:g}"
        return Cell(text, text if hasattr(value, "year") else float(value))
    return Cell(READERS[kind](float(value)), float(value))


def count(value: float) -> str:
    """To the nearest whole one."""
    return without_end(value) or f"{value:,.0f}"


def money(value: float) -> str:
    """With cents where they count."""
    return without_end(value) or (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.2f}")


def number(value: float) -> str:
    """Three digits, or all of those before the point."""
    return without_end(value) or (f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}")


def share(value: float) -> str:
    """In percent."""
    return without_end(value) or f"{value:.0%}"


def chance(value: float) -> str:
    """A probability; a share of simulated worlds is never sure."""
    if value < 0.01:
        return "< 1%"
    return "> 99%" if value > 0.99 else f"{value:.0%}"


def chance_in_words(value: float) -> str:
    """The same within a sentence."""
    return chance(value).replace("< ", "less than ").replace("> ", "more than ")


def without_end(value: float) -> str:
    """The sign of infinity, and nothing for a number."""
    return "" if math.isfinite(value) else "∞" if value > 0 else "−∞"


READERS = {"count": count, "money": money, "number": number, "share": share, "chance": chance}
