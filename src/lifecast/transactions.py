"""Any table of transactions, checked: who bought, on which day, for how much, and what is known of them."""

import os
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date as Date
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from lifecast.engines.duckdb import damage_told, limit_memory
from lifecast.engines.duckdb_source import Source, open_source
from lifecast.engines.duckdb_values import (
    attribute_value,
    called_nobody,
    customer_column,
    customer_known,
    day_of,
    first_value,
    money_of,
    recognised,
    written_number,
)
from lifecast.errors import DataError, LifecastWarning, SettingsError

if TYPE_CHECKING:
    import pandas as pd
    from duckdb import DuckDBPyConnection

# Names that leave no doubt, without case, blanks and underscores. "price" is not among them: it is often per
# piece.
_OBVIOUS = {
    "customer_id": "customerid customer custid customerno customernumber clientid client userid user buyerid",
    "date": "date orderdate invoicedate transactiondate purchasedate saledate datetime timestamp day",
    "amount": "amount totalamount orderamount value ordervalue transactionvalue revenue sales spend total",
}
# What Python's calendar knows, but for its first day, which programs write where they know none; and no more
# than any currency has.
LARGEST_AMOUNT = 1e100
_A_DAY = "day BETWEEN DATE '0001-01-02' AND DATE '9999-12-31'"
_AN_AMOUNT = f"abs(money) <= {LARGEST_AMOUNT!r}"
# What other programs have written for a missing value where it had become text, in small letters.
NOBODY = ("nan", "none", "null", "<na>", "n/a", r"\n", "undefined")
ROUNDING = 2.0**-61  # of the largest amount: sums are exact in such units
_DECIMAL_COMMA = re.compile(r"\d,\d{1,2}(?!\d)")
_DAY_FIRST = re.compile(r"\d{1,2}([-./ ])\d{1,2}\1\d{4}")


@dataclass(frozen=True, kw_only=True)
class LinesRead:
    """What a log was found to hold, wherever its lines are.

    Attributes
    ----------
    has_amount : bool
        Whether there are amounts.
    attributes : tuple of str
        The attributes' own names, in order.
    lines, lines_without_customer : int
        Lines read, and how many of them had no customer id.
    first, last : date
        The first and the last day with a line.
    largest_amount : float or None
        The largest amount or return, without sign; None without amounts.
    negative_lines : int
        Lines with a negative amount: returns.
    unread : tuple of str
        Columns that were not asked for, where none is the amount: it may be one of them.
    amounts_read : str
        Where amounts of a file have decimal commas or thousands set apart: how one of them was read.
    lines_of_nobody : int
        Lines whose customer is called what programs write for a missing value.
    """

    has_amount: bool
    attributes: tuple[str, ...]
    lines: int
    lines_without_customer: int
    first: Date
    last: Date
    largest_amount: float | None
    negative_lines: int
    unread: tuple[str, ...] = ()
    amounts_read: str = ""
    lines_of_nobody: int = 0


@dataclass(frozen=True, kw_only=True)
class Transactions(LinesRead):
    """A checked log, still in the engine.

    Attributes
    ----------
    connection : duckdb.DuckDBPyConnection
        A private connection with the view `lines`: customer_id, day (DATE), amount (DOUBLE, where the log
        has one), and the attributes as attribute_0, attribute_1, ...; lines without a customer id are left
        out.
    """

    connection: "DuckDBPyConnection"


def read_transactions(
    log: Any,
    *,
    customer_id: str | None = None,
    date: str | None = None,
    amount: str | None = None,
    attributes: Sequence[str] = (),
    date_format: str | None = None,
    memory_limit: str | None = None,
) -> Transactions:
    """Open a log of any kind and check every line of it.

    Parameters
    ----------
    log : DataFrame, Arrow table, DuckDB relation, or path
        Pandas or polars; anything that hands out an Arrow stream; a Parquet or CSV file, or a glob of them.
    customer_id, date, amount : str, optional
        Column names; by default the obvious ones, such as "Customer ID". Without an amount, purchases are
        only counted. In a CSV file they may have decimal commas, or thousands set apart, where some can mean
        nothing else. Of a timestamp only its day counts: of one with a time zone, the day in UTC, whatever
        the zone of the column or of this machine; of text, the day that is written, whatever offset follows.
    attributes : sequence of str, default ()
        Columns to keep, one value per customer.
    date_format : str, optional
        How dates are written where they are text or whole numbers, such as "%d/%m/%Y"; by default ISO 8601.
    memory_limit : str, optional
        What DuckDB may use, such as "4GB"; beyond, it spills to disk.

    Raises
    ------
    SettingsError
        Where a column is not there, or cannot be guessed.
    DataError
        Where the log is empty, or has dates or amounts that are missing or cannot be read.

    Examples
    --------
    >>> from lifecast.datasets import load_cdnow
    >>> read_transactions(load_cdnow(sample=True)).lines
    6919
    """
    source = open_source(log)
    limit_memory(source.connection, memory_limit)
    wanted = {"customer_id": customer_id, "date": date, "amount": amount}
    names = choose_columns(source.columns, wanted, attributes, source.folders)
    with damage_told():
        source.attach(names)
        return _check(source, names, tuple(attributes), date_format)


def read_table(path: str | os.PathLike[str], ids: Sequence[str] = ()) -> "pd.DataFrame":
    """A table that goes with a log, such as one of costs, whole: read as the log and its attributes are.

    Parameters
    ----------
    path : path
        A CSV file, whatever parts its columns, or a Parquet file. Numbers in a CSV may have decimal commas,
        or thousands set apart, where some of their column can mean nothing else.
    ids : sequence of str, default ()
        Columns that stay text unless they are whole numbers, as customers' ids do.

    Raises
    ------
    DataError
        The file cannot be read.
    """
    source = open_source(path)
    ours = {f"column_{place}": name for place, name in enumerate(source.columns)}
    with damage_told():
        source.attach(ours)
        kinds = {name: ("BIGINT",) if name in ids else ("BIGINT", "DOUBLE") for name in source.columns}
        columns = []
        for column, name in ours.items():
            read = column if source.typed else recognised(source.connection, column, kinds[name])
            if read == column and not source.typed and name not in ids:
                read = written_number(source.connection, column) or column
            columns.append(f"{read} AS {column}")
        found: pd.DataFrame = source.connection.execute(f"SELECT {', '.join(columns)} FROM source").df()
    return found.set_axis(list(source.columns), axis=1)


def choose_columns(
    columns: tuple[str, ...],
    wanted: dict[str, str | None],
    attributes: Sequence[str],
    folders: tuple[str, ...] = (),
) -> dict[str, str]:
    """Our name to the log's own, for every column that is to be read.

    Columns that are names of folders have to be asked for: date=2024-11-20 may be the day of an export.
    """
    names = {}
    for role, name in wanted.items():
        found = existing_column(columns, name, role) if name is not None else _guess(columns, role, folders)
        if found is not None:
            names[role] = found
    for number, name in enumerate(attributes):
        names[f"attribute_{number}"] = existing_column(columns, name, "attributes")
    return names


def perhaps_amounts(columns: Sequence[str], names: dict[str, str]) -> tuple[str, ...]:
    """The columns that were not asked for, where none is the amount."""
    return () if "amount" in names else tuple(str(name) for name in columns if name not in names.values())


def existing_column(columns: tuple[str, ...], name: str, argument: str) -> str:
    """The name, where just one column has it."""
    times = columns.count(name)
    if times == 1:
        return name
    if times > 1:
        raise SettingsError(
            f"{argument}={name!r}: the log has {times} columns of that name. Rename all but one."
        )
    close = get_close_matches(str(name), list(map(str, columns)), n=1)
    raise SettingsError(
        f"{argument}={name!r}: the log has no such column{f' (perhaps {close[0]!r}?)' if close else ''}. "
        f"Its columns are {_listed(columns)}."
    )


def _guess(columns: tuple[str, ...], role: str, folders: tuple[str, ...]) -> str | None:
    """The one column with an obvious name; None for an amount that is not there."""
    own = [name for name in columns if name not in folders]
    if own.count(role) == 1:
        return role
    matches = [name for name in own if re.sub(r"[\W_]", "", str(name).lower()) in _OBVIOUS[role].split()]
    if len(matches) == 1:
        return matches[0]
    if not matches and role == "amount":
        return None
    if not matches and {"frequency", "recency", "T"} <= set(own):
        raise SettingsError(
            "These are customers, one row each, and not transactions: they have a frequency, a recency and a "
            "T. Fit or forecast them as they are, with RFM.from_frame or ParquetRFM.open in Python."
        )
    raise SettingsError(
        f"It is not obvious which column is the {role.replace('_', ' ')}"
        f"{f': {_listed(matches)} all might be' if matches else ''}. Pass {role}=; the log's columns are "
        f"{_listed(columns)}."
    )


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in columns[:30])
    return shown + (f" and {len(columns) - 30} more" if len(columns) > 30 else "")


def _check(
    source: Source, names: dict[str, str], attributes: tuple[str, ...], date_format: str | None
) -> Transactions:
    connection = source.connection
    types = {name: str(kind) for name, kind, *_ in connection.execute("DESCRIBE source").fetchall()}
    has_amount = "amount" in types
    anyone = customer_known(types["customer_id"])
    nobody = called_nobody(types["customer_id"], NOBODY)
    day = day_of(types["date"], names["date"], date_format)
    money = money_of(types["amount"], names["amount"]) if has_amount else "0.0"
    dated, paid = (f"coalesce({condition}, false)" for condition in (_A_DAY, _AN_AMOUNT))

    def count(money: str) -> tuple[str, tuple[Any, ...]]:
        read = f"(SELECT *, {day} AS day, {money} AS money FROM source)"
        return read, connection.execute(
            f"""SELECT count(*), count(*) FILTER (NOT {anyone}), min(day), max(day),
                count(*) FILTER ({anyone} AND NOT {dated}), count(*) FILTER ({anyone} AND NOT {paid}),
                max(abs(money)) FILTER ({anyone}), min(abs(money)) FILTER ({anyone} AND money <> 0),
                count(*) FILTER ({anyone} AND money < 0), count(*) FILTER ({nobody})
            FROM {read}"""
        ).fetchall()[0]

    read, counts = count(money)
    unusual = ""
    if counts[5] and not source.typed and (written := written_number(connection, "amount")) is not None:
        money = written
        read, counts = count(money)
        plainly = "TRY_CAST(amount AS DOUBLE) IS NULL AND money IS NOT NULL"
        unusual = " as ".join(first_value(connection, read, what, plainly) for what in ("amount", "money"))
    lines, unknown, first, last, bad_days, bad_amounts, largest, smallest, negative, nameless = counts
    refuse_unreadable(
        names, lines, unknown, bad_days, bad_amounts,
        lambda what: first_value(
            connection, read, what, f"{anyone} AND NOT {dated if what == 'date' else paid}"
        ),
    )  # fmt: skip
    warn_of_rounding(smallest or 0.0, largest or 0.0)
    customer = customer_column(connection, types["customer_id"], names["customer_id"], source.typed)
    columns = [f"{customer} AS customer_id", f"{day} AS day"] + ([f"{money} AS amount"] if has_amount else [])
    columns += [
        attribute_value(connection, name, types[name], source.typed) for name in types if name[:4] == "attr"
    ]
    # Text is parsed once, into a table; everything else is quicker read again than kept.
    kind = "VIEW" if source.typed else "TABLE"
    connection.execute(f"CREATE TEMP {kind} lines AS SELECT {', '.join(columns)} FROM source WHERE {anyone}")
    return Transactions(
        connection=connection,
        has_amount=has_amount,
        attributes=attributes,
        lines=lines,
        lines_without_customer=unknown,
        first=first,
        last=last,
        largest_amount=largest if has_amount else None,
        negative_lines=negative,
        unread=perhaps_amounts(source.columns, names),
        amounts_read=unusual,
        lines_of_nobody=nameless,
    )


def refuse_unreadable(
    names: dict[str, str],
    lines: int,
    unknown: int,
    bad_days: int,
    bad_amounts: int,
    example: Callable[[str], str],
) -> None:
    """Refuse a log without customers, or with dates or amounts that cannot be read.

    `example("date")` and `example("amount")` show the first such value.

    Raises
    ------
    DataError
    """
    if lines == unknown:
        raise DataError(
            f"The log has no line with a customer id ({lines:,} lines in all). Pass the lines of a shop's "
            f"sales; the customer id was read from {names['customer_id']!r}."
        )
    if bad_days:
        first = example("date")
        between = found[1] if (found := _DAY_FIRST.search(first)) else "/"
        raise DataError(
            f"{bad_days:,} of {lines:,} lines have no date that can be read in {names['date']!r} "
            f"(first: {first}). Remove or repair them, or say how dates are written, such as "
            f"date_format='%d{between}%m{between}%Y'."
        )
    if bad_amounts:
        first = example("amount")
        comma = " Amounts have decimal points; pandas.read_csv(..., sep=';', decimal=',') reads commas."
        raise DataError(
            f"{bad_amounts:,} of {lines:,} lines have a missing or infinite amount, or none that can be "
            f"read, in {names['amount']!r} (first: {first}). Remove or repair them; a gift or sample is 0."
            + (comma if _DECIMAL_COMMA.search(first) else "")
        )


def warn_of_rounding(smallest: float, largest: float) -> None:
    """Say so where sums do not hold six digits of the smallest amount, so large is the largest."""
    if 0.0 < smallest < largest * ROUNDING * 1e6:
        warnings.warn(
            f"The log's amounts, signs apart, run from {smallest:g} to {largest:g}. They are added up in "
            f"steps of {largest * ROUNDING:.1g}, so the smallest lose digits or count as 0. See whether the "
            "largest are amounts at all.",
            LifecastWarning,
            stacklevel=2,
        )
