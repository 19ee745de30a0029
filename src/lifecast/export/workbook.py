"""Tables into an Excel workbook that is ready to be read: one sheet each, nothing in it run as a formula."""

import math
import os
import re
from collections.abc import Iterator, Mapping
from copy import copy
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from lifecast.errors import SettingsError
from lifecast.export.files import check_target, with_index, written_beside

if TYPE_CHECKING:
    import pandas as pd

ROWS = 1_048_576  # of a sheet, its header among them: what Excel can hold
COLUMNS = 16_384
CHARACTERS = 32_767  # of a cell
DIGITS = 10**15  # whole numbers from here on lose digits in Excel, which counts in doubles

PERCENT, COUNT, AMOUNT, FINE, PLAIN = "0.0%", "#,##0", "#,##0.00", "0.000", "0"
DAY, MOMENT = "yyyy-mm-dd", "yyyy-mm-dd hh:mm"
_SHARE = re.compile(r"(p_alive|p_purchase|share|probability|coverage|churn|skill|bias|roi|irr)(_.*)?")
_LABEL = re.compile(r"(.*_)?(id|period|year|month)")  # numbers that name something: no thousands separators
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # what XML 1.0 cannot hold
_NOT_IN_A_NAME = re.compile(r"[\[\]:*?/\\\x00-\x1f]")


def write_workbook(
    tables: "Mapping[str, pd.DataFrame]",
    path: str | os.PathLike[str],
    *,
    formats: Mapping[str, str] | None = None,
) -> None:
    """Write tables into one Excel workbook, a sheet each, with a frozen header that sorts and filters.

    Numbers, shares, dates and times have formats of their own. Text stays text: what begins with ``=``,
    ``+``, ``-`` or ``@`` is marked as text and keeps its value, so that no customer's name becomes a
    formula. Whole numbers of more than 15 digits are written as text, because Excel would round them;
    infinite ones too.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Sheet's name to its table. A name that Excel does not allow is made one that it does. An index is
        written as leading columns, unless it only counts the rows.
    path : path
        Ends in ".xlsx". A file that is there is replaced, once the new one is whole.
    formats : mapping of str to str, optional
        Column's name to an Excel number format such as ``"0.00%"``, where its own is not the right one.
        Otherwise columns named as shares (``p_alive``, ``share_...``, ``probability_...``) are percentages.

    Raises
    ------
    SettingsError
        A table has more rows than a sheet can hold (1,048,575) or a text is longer than a cell can (32,767),
        the path cannot be written, or openpyxl is not installed.

    Examples
    --------
    >>> import tempfile, pandas as pd
    >>> table = pd.DataFrame({"customer_id": ["=1+1"], "p_alive": [0.5]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_workbook({"customers": table}, f"{folder}/forecast.xlsx")
    ...     print(pd.read_excel(f"{folder}/forecast.xlsx").to_dict("records"))
    [{'customer_id': '=1+1', 'p_alive': 0.5}]
    """
    check_target(path, (".xlsx",))
    flat = {name: with_index(table) for name, table in tables.items()}
    for name, table in flat.items():
        check_fits(name, table)
    try:
        from openpyxl import Workbook
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"{path} cannot be written: Excel needs openpyxl. Run pip install 'lifecast[excel]', or choose "
            ".csv or .parquet."
        ) from error
    book = Workbook(write_only=True)  # streams rows: a million of them fit in memory
    for title, table in zip(sheet_names(list(flat)), flat.values(), strict=True):
        fill(book.create_sheet(title), table, formats or {})
    if not flat:
        book.create_sheet("empty")
    with written_beside(path) as beside:
        book.save(beside)


def check_fits(name: str, table: "pd.DataFrame") -> None:
    """See that a sheet can hold a table.

    Raises
    ------
    SettingsError
        It cannot.
    """
    rows, columns = table.shape
    if rows > ROWS - 1 or columns > COLUMNS:
        raise SettingsError(
            f"{name} has {rows:,} rows and {columns:,} columns; an Excel sheet holds {ROWS - 1:,} rows below "
            f"its header and {COLUMNS:,} columns. Write .parquet or .csv, or pass fewer customers."
        )
    texts = table.select_dtypes(exclude=["number", "bool", "datetime", "timedelta"])
    for column, cells in texts.items():
        longest = max((len(cell) for cell in cells if isinstance(cell, str)), default=0)
        if longest > CHARACTERS:
            raise SettingsError(
                f"{name}: column {column!r} has a text of {longest:,} characters; a cell of Excel holds "
                f"{CHARACTERS:,}. Shorten it, or write .parquet or .csv."
            )


def sheet_names(names: list[str]) -> list[str]:
    r"""Names that Excel allows, each once: 31 characters, none of ``[]:*?/\``, told apart without case.

    Examples
    --------
    >>> sheet_names(["customers", "Customers", "a/b", "x" * 40])
    ['customers', 'Customers 2', 'a b', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx']
    """
    taken = {"history"}  # Excel's own
    found = []
    for name in names:
        legal = _NOT_IN_A_NAME.sub(" ", str(name)).strip("' ")[:31].strip("' ") or "sheet"
        candidate, number = legal, 1
        while candidate.lower() in taken:
            number += 1
            candidate = f"{legal[: 30 - len(str(number))]} {number}"
        taken.add(candidate.lower())
        found.append(candidate)
    return found


def fill(sheet: Any, table: "pd.DataFrame", formats: Mapping[str, str]) -> None:
    """Write a table to an empty sheet of a workbook that streams."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter

    names = [str(column) for column in table.columns]
    columns = [table.iloc[:, place] for place in range(len(names))]
    chosen = [
        formats.get(name) or number_format(name, column) for name, column in zip(names, columns, strict=True)
    ]
    last = get_column_letter(max(len(names), 1))
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:{last}{len(table) + 1}"
    for place, (name, column, layout) in enumerate(zip(names, columns, chosen, strict=True), start=1):
        sheet.column_dimensions[get_column_letter(place)].width = width(name, column, layout)
    header = []
    for name in names:
        cell = WriteOnlyCell(sheet, value=_UNPRINTABLE.sub("\ufffd", name))
        cell.data_type = "s"
        cell.font = Font(bold=True)
        cell.fill = PatternFill("solid", fgColor="E8EDF2")
        cell.alignment = Alignment(wrap_text=True, vertical="top")
        header.append(cell)
    sheet.append(header)

    plain = [WriteOnlyCell(sheet) for _ in names]  # each is written, then takes the next row's value
    guarded = WriteOnlyCell(sheet)
    guarded.quotePrefix = True  # Excel takes "=..." for a formula once somebody edits the cell
    for cell, layout in zip(plain, chosen, strict=True):
        cell.number_format = layout

    def filled(value: Any, cell: Any) -> Any:
        value = cell_value(value)
        if not isinstance(value, str):
            cell.value = value
            return cell
        if not value.startswith(_FORMULA):
            return value
        marked = copy(guarded)
        marked.value = value
        marked.data_type = "s"  # openpyxl takes "=..." for a formula, too
        return marked

    for row in rows_of(columns):
        sheet.append([filled(value, cell) for value, cell in zip(row, plain, strict=True)])


def rows_of(columns: "list[pd.Series]") -> Iterator[tuple[Any, ...]]:
    """Row by row, as Python's own values; a few thousand at a time, so that memory holds no copy of all."""
    length = 10_000
    for begin in range(0, len(columns[0]) if columns else 0, length):
        yield from zip(
            *(column.iloc[begin : begin + length].astype(object) for column in columns), strict=True
        )


def cell_value(value: Any) -> Any:
    """What a cell can hold of a value: a number, text, a date, a truth or nothing."""
    import pandas as pd

    if hasattr(value, "item"):  # a numpy scalar
        value = value.item()
    if isinstance(value, str):
        return _UNPRINTABLE.sub("\ufffd", value)
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < DIGITS else str(value)
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return value if math.isfinite(value) else str(value)
    if isinstance(value, pd.Timestamp):
        value = value.to_pydatetime(warn=False)
    if isinstance(value, date):  # a datetime is one
        aware = isinstance(value, datetime) and value.tzinfo is not None
        # Excel knows no zones, and its calendar begins in 1900 with a leap day that there was not.
        return value.isoformat() if aware or (value.year, value.month) < (1900, 3) else value
    return _UNPRINTABLE.sub("\ufffd", str(value))


def number_format(name: str, column: "pd.Series") -> str:
    """The format in which a column of that name and kind is read most easily."""
    from pandas.api import types

    if types.is_bool_dtype(column):
        return "General"
    if types.is_integer_dtype(column):
        return PLAIN if _LABEL.fullmatch(name) else COUNT
    if types.is_float_dtype(column):
        if _SHARE.fullmatch(name):
            return PERCENT
        if _LABEL.fullmatch(name) and bool((column.dropna() % 1 == 0).all()):
            return PLAIN
        return AMOUNT if column.abs().max() >= 100 else FINE
    if types.is_datetime64_any_dtype(column):
        moments = column.dropna()
        return DAY if bool((moments == moments.dt.normalize()).all()) else MOMENT
    if any(isinstance(value, date) and not isinstance(value, datetime) for value in column.head(100)):
        return DAY
    return "General"


def width(name: str, column: "pd.Series", layout: str) -> float:
    """Characters that a column needs, from its name and its first rows; long texts are cut on the screen."""
    values = [value for value in map(cell_value, column.head(200).astype(object)) if value is not None]
    digits = {COUNT: 0, AMOUNT: 2, FINE: 3}.get(layout)
    if digits is not None:
        texts = [f"{value:,.{digits}f}" for value in values if not isinstance(value, str)]
    elif layout in (DAY, MOMENT):
        texts = [layout]
    elif layout == PERCENT:
        texts = ["100.0%"]
    else:
        texts = [str(value) for value in values]
    # The button that filters covers some of the name.
    return min(max([len(name) + 4, 8, *(len(text) + 2 for text in texts)]), 50)
