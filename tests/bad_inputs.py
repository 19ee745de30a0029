"""The battery: every bad or odd input that we could think of, and what must become of it.

`CASES` is read by tests/test_robust_bad_inputs.py, which holds lifecast to it, and by
docs/make_reliability.py, which writes the table of docs/reliability.md from how each case really ends.
"""

import gzip
import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from bad_requests import REQUESTS
from battery import MENTIONED, REFUSED, RIGHT, Case

import lifecast as lc
from lifecast.specification import read_specification

# -- tables of customers ---------------------------------------------------------------------------------


def table(**columns: Any) -> pd.DataFrame:
    plain = {"customer_id": ["a", "b"], "frequency": [0, 2], "recency": [0.0, 3.0], "T": [4.0, 4.0]}
    return pd.DataFrame(plain | columns)


def of_table(frame: Any, unit: Any = "week", **settings: Any) -> Callable[[Path], lc.RFM]:
    return lambda folder: lc.RFM.from_frame(frame, unit, **settings)


def customers(name: str, says: str, **columns: Any) -> Case:
    return Case("table of customers", name, of_table(table(**columns)), REFUSED, says)


def kept(name: str, check: Callable[[lc.RFM], bool], **columns: Any) -> Case:
    return Case("table of customers", name, of_table(table(**columns)), RIGHT, check=check)


def made_by_hand(folder: Path) -> lc.RFM:
    week = lc.RFM.from_frame(table(), "week").time_unit
    return lc.RFM(pa.array(["a"]), np.array([2]), np.array([4.1]), np.array([4.0]), week)


NO_COUNT = "a frequency that is negative or fractional"
TABLES = [
    customers("a frequency of NaN", "a frequency that is missing or infinite", frequency=[0, np.nan]),
    customers("a frequency of None", "a frequency that is missing", frequency=[0, None]),
    customers("a frequency of pandas.NA", "missing", frequency=pd.array([0, pd.NA], dtype="Int64")),
    customers("an infinite frequency", "a frequency that is missing or infinite", frequency=[0, np.inf]),
    customers("a negative frequency", NO_COUNT, frequency=[-1, 2]),
    customers("a fractional frequency", f"{NO_COUNT} \\(first: 'b', frequency 1.5\\)", frequency=[0, 1.5]),
    customers("a frequency of 10^18", "frequency above 10,000,000", frequency=[0, 10**18]),
    customers(
        "frequencies that are dates",
        "'frequency' does not hold numbers but datetime64",
        frequency=pd.to_datetime(["2024-01-01", "NaT"]),
    ),
    customers("frequencies that are truth values", "does not hold numbers but bool", frequency=[False, True]),
    customers("complex frequencies", "does not hold numbers but complex", frequency=[0, 2j]),
    customers("a T of NaN", "T that is missing or infinite", T=[np.nan, 4.0]),
    customers("an infinite T", "T that is missing or infinite", T=[np.inf, 4.0]),
    customers("a negative T", "recency > T", T=[-1.0, 4.0]),
    customers("a T in words", "'T' does not hold numbers", T=["soon", "4"]),
    customers(
        "a T of dates", "'T' does not hold numbers but datetime64", T=pd.to_datetime(["2024-01-01"] * 2)
    ),
    customers("a T of time spans", "does not hold numbers but timedelta64", T=pd.to_timedelta([4, 4], "D")),
    customers("a T of NaT", "'T' does not hold numbers", T=pd.to_datetime(["NaT", "NaT"])),
    customers("a T of 10^300", "more than ten thousand years in weeks", T=[1e300, 4.0]),
    customers(
        "recency > T",
        r"recency > T in weeks \(first: 'b', frequency 2, recency 4.5, T 4\). Pass a later",
        recency=[0.0, 4.5],
    ),
    customers("a negative recency", "negative recency", recency=[0.0, -1.0]),
    customers("a recency without repeat purchase", "recency = 0 with frequency > 0", recency=[1.0, 3.0]),
    customers("repeat purchases without recency", "recency = 0 with frequency > 0", recency=[0.0, 0.0]),
    customers("a negative mean amount", "negative monetary_value", monetary_value=[0.0, -2.0]),
    customers("an amount without repeat purchase", "but no repeat purchase", monetary_value=[5.0, 2.0]),
    customers("a mean amount of NaN", "monetary_value that is missing", monetary_value=[0.0, np.nan]),
    customers(
        "an infinite mean amount", "monetary_value that is missing or infinite", monetary_value=[0.0, np.inf]
    ),
    customers("a mean amount of 10^300", "no amount of any currency", monetary_value=[0.0, 1e300]),
    customers("a mean amount of 10^-310", "no amount of any currency", monetary_value=[0.0, 1e-310]),
    customers(
        "more amounts than purchases",
        "monetary_frequency that does not fit",
        monetary_value=[0.0, 2.0],
        monetary_frequency=[0, 3],
    ),
    customers(
        "an amount, but none counted",
        "monetary_frequency that does not fit",
        monetary_value=[0.0, 2.0],
        monetary_frequency=[0, 0],
    ),
    customers(
        "a mean of logs above the log of the mean",
        "above the logarithm",
        monetary_value=[0.0, 2.0],
        monetary_log_mean=[0.0, 0.7],
    ),
    customers(
        "a mean of logs of -10^300",
        "logarithm of no amount",
        monetary_value=[0.0, 2.0],
        monetary_log_mean=[0.0, -1e300],
    ),
    customers(
        "a negative spread of logs",
        "monetary_log_sd that is negative",
        monetary_value=[0.0, 2.0],
        monetary_log_sd=[0.0, -0.1],
    ),
    customers(
        "a spread of logs without amounts",
        "without two amounts to differ",
        monetary_value=[0.0, 2.0],
        monetary_log_sd=[0.1, 0.1],
    ),
    customers("an id twice", r"a customer_id that came before \(first: 'a'\)", customer_id=["a", "a"]),
    customers("an id of None", "1 of 2 customers have no customer_id", customer_id=["a", None]),
    customers("an id of NaN", "1 of 2 customers have no customer_id", customer_id=[1.0, np.nan]),
    customers("ids of mixed type", "'customer_id' mixes kinds of values", customer_id=[1, "b"]),
    customers("the ids 1 and '1'", "'customer_id' mixes kinds of values", customer_id=[1, "1"]),
    customers("the ids 1 and 1.0", "a customer_id that came before", customer_id=[1, 1.0]),
    customers("ids that are lists", "customer_id holds values of type list", customer_id=[[1, 2], [3, 4]]),
    customers("an id of 2^70", "some that a table cannot keep", customer_id=[2**70, 1]),
    customers(
        "an id with half a character",
        "some that a table cannot keep",
        customer_id=pd.Series(["\ud800", "b"], dtype=object),
    ),
    customers("an attribute of mixed type", "'x' mixes kinds of values", x=[1, "a"]),
    customers("a complex attribute", "'x' mixes kinds of values", x=[1j, 2j]),
    Case(
        "table of customers",
        "attributes named 5 and '5'",
        of_table(pd.concat([table(), pd.DataFrame({5: [1, 2], "5": [3, 4]})], axis=1)),
        REFUSED,
        "read the same",
    ),
    Case(
        "table of customers",
        "a column twice",
        of_table(pd.concat([table(), table()[["T"]]], axis=1)),
        REFUSED,
        "Two columns of the table have the same name",
    ),
    Case(
        "table of customers",
        "no customer_id",
        of_table(table().drop(columns="customer_id")),
        REFUSED,
        "no column customer_id",
    ),
    Case(
        "table of customers",
        "no recency",
        of_table(table().drop(columns="recency")),
        REFUSED,
        "no column 'recency'",
    ),
    Case("table of customers", "an empty frame", of_table(table().iloc[:0]), REFUSED, "no customers"),
    Case("table of customers", "a list", of_table([1, 2]), REFUSED, "a list was passed"),
    Case("table of customers", "nothing", of_table(None), REFUSED, "a NoneType was passed"),
    Case("table of customers", "a time unit of 0", of_table(table(), 0), REFUSED, "not a unit of time"),
    Case(
        "table of customers", "a time unit of NaN", of_table(table(), math.nan), REFUSED, "not a unit of time"
    ),
    Case(
        "table of customers",
        "a time unit of 10^-300 days",
        of_table(table(), 1e-300),
        REFUSED,
        "between 1e-6",
    ),
    Case(
        "table of customers",
        "a day-first observation end",
        of_table(table(), observation_end="31/12/2020"),
        REFUSED,
        "is not a date. Write it as 'YYYY-MM-DD'",
    ),
    Case(
        "table of customers",
        "an observation end of NaT",
        of_table(table(), observation_end=pd.NaT),
        REFUSED,
        "is not a date",
    ),
    Case("table of customers", "an RFM made by hand with recency > T", made_by_hand, REFUSED, "recency > T"),
    Case(
        "table of customers",
        "a polars frame",
        of_table(pl.DataFrame(table().to_dict("list"))),
        RIGHT,
        check=lambda rfm: rfm.frequency.tolist() == [0, 2],
    ),
    Case(
        "table of customers",
        "an Arrow table",
        of_table(pa.table(table())),
        RIGHT,
        check=lambda rfm: rfm.recency.tolist() == [0.0, 3.0],
    ),
    kept("a customer seen on the last day only (T = 0)", lambda rfm: rfm.T[0] == 0, T=[0.0, 4.0]),
    kept("recency = T", lambda rfm: rfm.recency[1] == rfm.T[1], recency=[0.0, 4.0]),
    kept("numbers as text", lambda rfm: rfm.frequency.tolist() == [0, 2], frequency=["0", "2"]),
    kept(
        "an id of ten million characters",
        lambda rfm: len(rfm.customer_id[0].as_py()) == 10_000_000,
        customer_id=["x" * 10_000_000, "b"],
    ),
    kept(
        "unicode ids: é in one character and in two are two customers",
        lambda rfm: len(rfm) == 2,
        customer_id=["\u00e9", "e\u0301"],
    ),
    kept("an id of no characters", lambda rfm: len(rfm) == 2, customer_id=["", "b"]),
    kept("a mean amount of 10^-9", lambda rfm: rfm.monetary_value[1] == 1e-9, monetary_value=[0.0, 1e-9]),
    kept("a mean amount of 10^12", lambda rfm: rfm.monetary_value[1] == 1e12, monetary_value=[0.0, 1e12]),
]


# -- transaction logs ------------------------------------------------------------------------------------

DAYS = ["2024-01-01", "2024-01-09", "2024-01-02"]
SQL = 'x"; DROP TABLE source; --'


def log(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": [1, 1, 2], "date": DAYS, "amount": [5.0, 6.0, 7.0]} | columns)


def of_log(frame: Any, **settings: Any) -> Callable[[Path], lc.RFM]:
    return lambda folder: lc.rfm_summary(frame, **settings)


def lines(name: str, says: str, settings: dict[str, Any] | None = None, **columns: Any) -> Case:
    return Case("transaction log", name, of_log(log(**columns), **settings or {}), REFUSED, says)


def read(
    name: str, check: Callable[[lc.RFM], bool], settings: dict[str, Any] | None = None, **columns: Any
) -> Case:
    return Case("transaction log", name, of_log(log(**columns), **settings or {}), RIGHT, check=check)


def dated(*days: str) -> pd.DataFrame:
    return log(date=list(days))


def plain(rfm: lc.RFM) -> bool:
    """The three lines, read right, in weeks."""
    return bool(
        rfm.frequency.tolist() == [1, 0]
        and np.allclose(rfm.recency, [8 / 7, 0])
        and np.allclose(rfm.T, [8 / 7, 1])
        and (rfm.monetary_value is None or rfm.monetary_value.tolist() == [6.0, 0.0])
    )


RENAMED = log().set_axis(["select", "from", "order"], axis=1)
BOUGHT_BY_SQL = ["'; DROP TABLE x; --", "'; DROP TABLE x; --", '"; SELECT 1']
LOGS = [
    lines(
        "a missing date",
        "1 of 3 lines have no date .*first: missing.*date_format",
        date=["2024-01-01", None, "2024-01-02"],
    ),
    lines(
        "a date of NaT", "1 of 3 lines have no date", date=pd.to_datetime(["2024-01-01", "NaT", "2024-01-02"])
    ),
    lines(
        "day-first dates",
        r"3 of 3 lines have no date .*first: '03/02/2024'.*date_format='%d/%m/%Y'",
        date=["03/02/2024", "04/02/2024", "05/02/2024"],
    ),
    lines("30 February", "1 of 3 lines have no date .*first: '2024-02-30'", date=["2024-02-30", *DAYS[1:]]),
    lines("a date of 'infinity'", "1 of 3 lines have no date", date=["infinity", *DAYS[1:]]),
    lines(
        "the year 99999", "1 of 3 lines have no date .*first: '99999-01-01'", date=["99999-01-01", *DAYS[1:]]
    ),
    lines(
        "0001-01-01, which programs write for no date",
        "1 of 3 lines have no date",
        date=["0001-01-01", *DAYS[1:]],
    ),
    lines("44 BC", "1 of 3 lines have no date", date=["0044-03-15 (BC)", *DAYS[1:]]),
    lines("dates as seconds", r"column of BIGINT.*date_format", date=[1_700_000_000] * 3),
    lines("dates as floats", "column of DOUBLE, not of dates", date=[1.0, 2.0, 3.0]),
    lines(
        "a missing amount",
        "1 of 3 lines have a missing or infinite amount.*first: nan|missing",
        amount=[5.0, np.nan, 1.0],
    ),
    lines("an infinite amount", "missing or infinite amount.*first: -inf", amount=[5.0, -np.inf, 1.0]),
    lines("an amount of 10^300", "missing or infinite amount.*first: 1e", amount=[5.0, 1e300, 1.0]),
    lines("an amount with a decimal comma", r"'amount' \(first: '6,50'\)", amount=["5", "6,50", "7"]),
    lines("an amount of '1,000.50'", "first: '1,000.50'", amount=["1,000.50", "6", "7"]),
    lines("an amount of '€5'", "first: '€5'", amount=["€5", "6", "7"]),
    lines("an amount of 'nan'", "first: 'nan'", amount=["nan", "6", "7"]),
    lines("complex amounts", "mixes kinds of values", amount=[1j, 2, 3]),
    lines("amounts that are truth values", "column of BOOLEAN", amount=[True, False, True]),
    lines("returns alone", "No purchase was made", amount=[-1.0, -2.0, -3.0]),
    lines("no customer id at all", r"no line with a customer id \(3 lines in all\)", customer_id=[None] * 3),
    lines("ids of spaces", "no line with a customer id", customer_id=["", " ", None]),
    lines("fractional ids", r"not whole numbers \(first: 1.5\)", customer_id=[1.5, 1.0, 2.0]),
    lines("an infinite id", r"not whole numbers \(first: inf\)", customer_id=[np.inf, 1.0, 2.0]),
    lines("ids of mixed type", "mixes kinds of values", customer_id=[1, "a", 2]),
    lines("an id of 2^70", "some that a table cannot keep", customer_id=[2**70, 1, 2]),
    lines(
        "an id with half a character",
        "some that a table cannot keep",
        customer_id=pd.Series(["\ud800", "a", "b"], dtype=object),
    ),
    lines(
        "an observation end before everything",
        "No purchase .*runs from 2024-01-01 to 2024-01-09",
        {"observation_end": "1990-01-01"},
    ),
    lines("a holdout without observation end", "Pass both", {"holdout_end": "2024-12-31"}),
    lines(
        "a holdout of a billion periods",
        "more than 1,000,000 periods",
        {"observation_end": "2024-01-05", "holdout_end": "2054-01-09", "time_unit": 1e-6},
    ),
    lines("an unknown time unit", "not a unit", {"time_unit": "fortnight"}),
    lines("merging within 0 days", "merge_within=0 is not a period", {"merge_within": 0}),
    lines("a returns policy that there is not", "'net', 'drop' or 'refuse'", {"returns": "ignore"}),
    lines(
        "returns where they are refused",
        "1 of 3 lines have a negative amount",
        {"returns": "refuse"},
        amount=[5.0, -6.0, 7.0],
    ),
    lines(
        "an attribute called frequency", "name of a column of the RFM itself", {"attributes": ["frequency"]}
    ),
    lines(
        "a column that is not there",
        r"customer_id='customer'.*perhaps 'customer_id'",
        {"customer_id": "customer"},
    ),
    lines(
        "a date format holding SQL",
        "3 of 3 lines have no date",
        {"date_format": "%d/%m/%Y'); DROP TABLE source; --"},
        date=["01/01/2024"] * 3,
    ),
    Case("transaction log", "an empty frame", of_log(log().iloc[:0]), REFUSED, "no line with a customer id"),
    Case("transaction log", "a frame without columns", of_log(pd.DataFrame()), REFUSED, "not obvious"),
    Case(
        "transaction log",
        "two columns that might be the amount",
        of_log(log().rename(columns={"amount": "sales"}).assign(revenue=1.0)),
        REFUSED,
        "all might be",
    ),
    Case("transaction log", "a list", of_log([1, 2, 3]), REFUSED, "type builtins.list cannot be read"),
    read("a log out of order", plain),  # replaced below by the same lines, shuffled
    read("one line", lambda rfm: len(rfm) == 1 and rfm.T.tolist() == [0.0]),  # replaced below by one line
    read("a column named select, one named from, one named order", plain),  # replaced below
    read(
        "ids that are SQL",
        lambda rfm: sorted(rfm.customer_id.to_pylist()) == sorted(set(BOUGHT_BY_SQL)),
        customer_id=BOUGHT_BY_SQL,
    ),
    read(
        "an attribute whose name is SQL",
        lambda rfm: rfm.attributes[SQL].to_pylist() == [1, 2],
        {"attributes": [SQL]},
        **{SQL: [1, 1, 2]},
    ),
    read(
        "day-first dates, told so",
        lambda rfm: np.allclose(rfm.T, [2 / 7, 0]),
        {"date_format": "%d/%m/%Y"},
        date=["03/02/2024", "04/02/2024", "05/02/2024"],
    ),
    read("dates before 1970", plain, date=["1869-01-01", "1869-01-09", "1869-01-02"]),
    read("dates after 2262", plain, date=["2300-01-01", "2300-01-09", "2300-01-02"]),
    read(
        "numpy dates of the year 3000",
        plain,
        date=np.array(["3000-01-01", "3000-01-09", "3000-01-02"], "datetime64[s]"),
    ),
    read(
        "the years 2 to 9999",
        lambda rfm: np.allclose(rfm.T * 7, [0, 3_651_693]),
        date=["9999-12-31", "9999-12-31", "0002-01-01"],
    ),
    read("dates of Python", plain, date=[date(2024, 1, 1), date(2024, 1, 9), date(2024, 1, 2)]),
    read(
        "instants of several time zones, as text: days are as written",
        lambda rfm: np.allclose(rfm.T, [8 / 7, 1]),
        date=["2024-01-01T23:30:00-05:00", "2024-01-09T23:30:00+05:00", "2024-01-02T00:00:00+00:00"],
    ),
    read(
        "a column in New York's time: days are those of UTC",
        lambda rfm: np.allclose(rfm.T, [8 / 7, 1]),
        date=pd.to_datetime([f"{day} 23:30" for day in DAYS]).tz_localize("America/New_York"),
    ),
    read(
        "instants with and without a zone",
        plain,
        date=[datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 9), datetime(2024, 1, 2)],
    ),
    read(
        "amounts of 10^-9", lambda rfm: rfm.monetary_value.tolist() == [2e-9, 0.0], amount=[1e-9, 2e-9, 3e-9]
    ),
    read(
        "amounts of 10^12", lambda rfm: rfm.monetary_value.tolist() == [2e12, 0.0], amount=[1e12, 2e12, 3e12]
    ),
    read("decimal amounts", plain, amount=[Decimal("5.10"), Decimal("6"), Decimal("7")]),
    read("amounts as text with spaces", plain, amount=[" 5 ", "6", " 7"]),
    read(
        "amounts of zero alone", lambda rfm: rfm.monetary_value.tolist() == [0.0, 0.0], amount=[0.0, 0.0, 0.0]
    ),
    read("the ids 'a' and 'a '", lambda rfm: len(rfm) == 3, customer_id=["a", "a ", "b"]),
    read(
        "ids beyond 2^63",
        lambda rfm: rfm.customer_id.to_pylist() == ["18446744073709551615", "2"],
        customer_id=np.array([2**64 - 1, 2**64 - 1, 2], np.uint64),
    ),
    read("ids of bytes", lambda rfm: len(rfm) == 2, customer_id=[b"\xff", b"\xff", b"b"]),
    read("an observation end far after", lambda rfm: rfm.T[0] > 400_000, {"observation_end": "9999-12-31"}),
    Case(
        "transaction log",
        "amounts of 10^-9 beside 10^12",
        of_log(log(amount=[1e-9, 1e-9, 1e12])),
        MENTIONED,
        "the smallest lose digits or count as 0",
    ),
    Case(
        "transaction log",
        "lines without a customer id",
        of_log(log(customer_id=[1, 1, None])),
        MENTIONED,
        "without a customer id +1 +dropped",
        lambda rfm: len(rfm) == 1,
    ),
    Case(
        "transaction log",
        "returns, netted",
        of_log(
            log(amount=[5.0, 6.0, 7.0]).pipe(
                lambda frame: pd.concat([frame, log(amount=[-6.0, -6.0, -6.0]).iloc[1:2]])
            )
        ),
        MENTIONED,
        "return",
        lambda rfm: rfm.monetary_value.tolist() == [0.0, 0.0],
    ),
    Case(
        "transaction log",
        "customers first seen after the observation end",
        of_log(log(), observation_end="2024-01-01"),
        MENTIONED,
        "first seen later +1 +left out",
        lambda rfm: len(rfm) == 1,
    ),
]
REPLACED = {
    "a log out of order": of_log(log().iloc[[1, 2, 0]]),
    "one line": of_log(log().iloc[:1]),
    "a column named select, one named from, one named order": of_log(
        RENAMED, customer_id="select", date="from", amount="order"
    ),
}
LOGS = [Case(c.area, c.name, REPLACED.get(c.name, c.run), c.ends, c.says, c.check) for c in LOGS]


# -- files -----------------------------------------------------------------------------------------------

HEAD = "customer_id,date,amount\n"
PLAIN = HEAD + "1,2024-01-01,5\n1,2024-01-09,6\n2,2024-01-02,7\n"
MANY = 900_000


def of_file(name: str, content: str | bytes, **settings: Any) -> Callable[[Path], lc.RFM]:
    def run(folder: Path) -> lc.RFM:
        path = folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return lc.rfm_summary(path, **settings)

    return run


@cache
def long_csv() -> str:
    return "".join(f"{i % 5000},2024-01-{1 + i % 28:02d},5\n" for i in range(MANY))


def late(line: str | bytes) -> Callable[[Path], lc.RFM]:
    """A CSV file whose line 900,002 is this one."""

    def run(folder: Path) -> lc.RFM:
        text = line.encode() if isinstance(line, str) else line
        content = HEAD.encode() + long_csv().encode() + text + b"\n" + b"1,2024-01-01,5\n" * 1000
        return of_file("long.csv", content)(folder)

    return run


@cache
def parquet() -> bytes:
    count = 100_000
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(count) % 300, "D")
    frame = pd.DataFrame({"customer_id": np.arange(count) % 777, "date": days, "amount": 5.0})
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(frame), sink, row_group_size=1000)
    return bytes(sink.getvalue())


def scrambled() -> bytes:
    content = bytearray(parquet())
    third = len(content) // 3
    content[third : third + 200] = np.random.default_rng(1).bytes(200)
    return bytes(content)


def saved(folder: Path) -> Path:
    path = folder / "rfm.parquet"
    of_file("log.csv", PLAIN, observation_end="2024-02-01")(folder).save(path)
    return path


def torn_rfm(folder: Path) -> lc.RFM:
    path = saved(folder)
    path.write_bytes(path.read_bytes()[:-300])
    return lc.RFM.load(path)


def forged_rfm(folder: Path) -> lc.RFM:
    path = saved(folder)
    found = pq.ParquetFile(path).read()
    place = found.column_names.index("frequency")
    pq.write_table(found.set_column(place, "frequency", pa.array([-1] * len(found))), path)
    return lc.RFM.load(path)


def described_wrong(folder: Path) -> lc.RFM:
    path = saved(folder)
    found = pq.ParquetFile(path).read()
    pq.write_table(found.replace_schema_metadata({"lifecast_rfm": "{"}), path)
    return lc.RFM.load(path)


def no_place(folder: Path) -> Any:
    return lc.RFM.from_frame(table(), "week").save(folder / "no" / "rfm.parquet")


def globbed(folder: Path) -> lc.RFM:
    (folder / "a.csv").write_text(PLAIN)
    (folder / "b.csv").write_text("kunde,date,amount\n3,2024-01-01,5\n")
    return lc.rfm_summary(str(folder / "*.csv"))


def after_a_kill(folder: Path) -> lc.RFM:
    """A folder of logs, into which a killed process was writing another."""
    (folder / "a.csv").write_text(PLAIN)
    left = folder / ".lifecast.x1.part"
    left.mkdir()
    (left / "b.csv").write_text("customer")
    return lc.rfm_summary(str(folder / "*.csv"))


def of_path(path: str) -> Callable[[Path], lc.RFM]:
    return lambda folder: lc.rfm_summary(path)


FILES = [
    Case("file", "an empty CSV", of_file("a.csv", ""), REFUSED, "not obvious|cannot be read"),
    Case("file", "a CSV of a header alone", of_file("a.csv", HEAD), REFUSED, "no line with a customer id"),
    Case(
        "file",
        "a CSV without a header",
        of_file("a.csv", PLAIN[len(HEAD) :]),
        REFUSED,
        "not obvious which column",
    ),
    Case(
        "file",
        "a CSV in Latin-1",
        of_file("a.csv", (HEAD + "Jos\xe9,2024-01-01,5\n").encode("latin-1")),
        REFUSED,
        "utf-8",
    ),
    Case(
        "file",
        "a CSV in UTF-16",
        of_file("a.csv", PLAIN.encode("utf-16")),
        REFUSED,
        "cannot be read|not obvious",
    ),
    Case(
        "file",
        "a CSV with a line too short",
        of_file("a.csv", HEAD + "1,2024-01-01,5\n1,2024-01-09\n"),
        REFUSED,
    ),
    Case(
        "file",
        "a CSV with a line too long",
        of_file("a.csv", HEAD + "1,2024-01-01,5\n1,2024-01-09,6,7\n"),
        REFUSED,
    ),
    Case(
        "file",
        "a CSV whose quote is never closed",
        of_file("a.csv", HEAD + '"a,2024-01-01,5\nb,2024-01-09,6\n'),
        REFUSED,
        "cannot be read",
    ),
    Case(
        "file",
        "a CSV with a line of five million characters",
        of_file("a.csv", HEAD + "x" * 5_000_000 + ",2024-01-01,5\n"),
        REFUSED,
        "cannot be read",
    ),
    Case(
        "file",
        "a CSV with a bad date at line 900,002",
        late("oops,not a date,5"),
        REFUSED,
        "1 of 901,001 lines have no date .*'not a date'",
    ),
    Case("file", "a CSV with a line too long at 900,002", late("1,2,3,4,5,6"), REFUSED, "Line: 900002"),
    Case("file", "a CSV with a line too short at 900,002", late("oops"), REFUSED, "Line: 900002"),
    Case(
        "file", "a CSV with an open quote at line 900,002", late('"1,2024-01-01,5'), REFUSED, "Line: 900002"
    ),
    Case(
        "file",
        "a CSV with bytes that are no text at line 900,002",
        late(b"\xff\xfe,2024-01-01,5"),
        REFUSED,
        "Line: 900002",
    ),
    Case(
        "file",
        "a compressed CSV, truncated",
        of_file("a.csv.gz", gzip.compress(PLAIN.encode() * 9999)[:-200]),
        REFUSED,
        "cannot be read",
    ),
    Case("file", "a CSV that is called .gz", of_file("a.csv.gz", PLAIN), REFUSED, "GZIP"),
    Case(
        "file",
        "a truncated Parquet",
        of_file("a.parquet", parquet()[: len(parquet()) // 2]),
        REFUSED,
        "cannot be read",
    ),
    Case(
        "file", "a Parquet with scrambled pages", of_file("a.parquet", scrambled()), REFUSED, "cannot be read"
    ),
    Case("file", "an empty Parquet", of_file("a.parquet", b""), REFUSED, "cannot be read"),
    Case("file", "a file that is not there", of_path("/nowhere/log.parquet"), REFUSED, "cannot be read"),
    Case("file", "an Excel file", of_file("a.xlsx", b"PK"), REFUSED, "not named like a Parquet or CSV file"),
    Case("file", "a folder", lambda folder: lc.rfm_summary(folder), REFUSED, "is a folder. Pass a glob"),
    Case("file", "an address on a network", of_path("http://127.0.0.1:9/log.csv"), REFUSED, "cannot be read"),
    Case(
        "file",
        "an RFM in place of a log",
        lambda folder: lc.rfm_summary(saved(folder)),
        REFUSED,
        "are customers, one row each, and not transactions",
    ),
    Case("file", "an RFM file, truncated", torn_rfm, REFUSED, "not a Parquet file that can be read"),
    Case("file", "an RFM file with a negative frequency", forged_rfm, REFUSED, "negative or fractional"),
    Case(
        "file",
        "an RFM file whose description is damaged",
        described_wrong,
        REFUSED,
        "cannot be read as an RFM",
    ),
    Case(
        "file",
        "an RFM file that is not there",
        lambda folder: lc.RFM.load(folder / "no"),
        REFUSED,
        "no such file",
    ),
    Case("file", "a place to write to that does not exist", no_place, REFUSED, "there is no folder"),
    Case(
        "file",
        "a CSV with Windows line ends",
        of_file("a.csv", PLAIN.replace("\n", "\r\n")),
        RIGHT,
        check=plain,
    ),
    Case("file", "a CSV with a byte order mark", of_file("a.csv", "\ufeff" + PLAIN), RIGHT, check=plain),
    Case("file", "a CSV with semicolons", of_file("a.csv", PLAIN.replace(",", ";")), RIGHT, check=plain),
    Case(
        "file",
        "a CSV whose first quotes are at line 900,002",
        late('"1","2024-01-01","5"'),
        RIGHT,
        check=lambda rfm: len(rfm) == 5000,
    ),
    Case(
        "file",
        "a CSV with a line break in an id",
        of_file("a.csv", HEAD + '"a\nb",2024-01-01,5\n"a\nb",2024-01-09,6\n'),
        RIGHT,
        check=lambda rfm: rfm.customer_id.to_pylist() == ["a\nb"],
    ),
    Case("file", "a compressed CSV", of_file("a.csv.gz", gzip.compress(PLAIN.encode())), RIGHT, check=plain),
    Case(
        "file",
        "a file name with quotes, brackets and SQL",
        of_file('it\'s [1] "x"; DROP.csv', PLAIN),
        RIGHT,
        check=plain,
    ),
    Case(
        "file",
        "a folder in which a killed process left a file half written",
        after_a_kill,
        RIGHT,
        check=plain,
    ),
    Case(
        "file",
        "a glob of files with other columns",
        globbed,
        MENTIONED,
        "without a customer id +1 +dropped",
        lambda rfm: len(rfm) == 2,
    ),
]


# -- fits and forecasts ----------------------------------------------------------------------------------


@cache
def shop(count: int = 300) -> pd.DataFrame:
    """Some customers of an ordinary shop."""
    rng = np.random.default_rng(1)
    age = rng.uniform(20, 40, count)
    frequency = rng.poisson(rng.gamma(0.8, 1 / 5, count) * age / 2)
    recency = np.where(frequency > 0, age * rng.beta(np.maximum(frequency, 1), 1), 0.0)
    mean = np.where(frequency > 0, rng.gamma(6, 5, count), 0.0)
    return pd.DataFrame(
        {
            "customer_id": np.arange(count),
            "frequency": frequency,
            "recency": recency,
            "T": age,
            "monetary_value": mean,
        }
    )


def fitted(frame: pd.DataFrame, purchases: Any = None, **settings: Any) -> lc.CLTV:
    spend = lc.GammaGamma(fit_to="means") if "monetary_value" in frame else None
    model = lc.CLTV(purchases or lc.BGNBD(), spend, market=None)
    return model.fit(lc.RFM.from_frame(frame, "week"), draws=200, **settings)


def both(frame: pd.DataFrame, purchases: Any = None) -> Callable[[Path], lc.Forecast]:
    """Fit and forecast."""
    return lambda folder: fitted(frame, purchases).forecast(lc.RFM.from_frame(frame, "week"), 26, worlds=50)


def sane(forecast: lc.Forecast) -> bool:
    """Everything a number, nothing below zero, and means inside their own bounds."""
    numbers = forecast.customers.drop(columns="customer_id")
    ordered = "cltv" not in numbers or bool((numbers["cltv_mean_lower"] <= numbers["cltv_mean_upper"]).all())
    return bool(np.isfinite(numbers).all().all() and (numbers >= 0).all().all() and ordered)


def spends(amount: float) -> Callable[[lc.Forecast], bool]:
    return lambda forecast: (
        sane(forecast) and bool(np.allclose(forecast.customers["spend_per_purchase"], amount, rtol=1e-4))
    )


def alike(**columns: Any) -> pd.DataFrame:
    return shop().assign(**columns)


def with_one_more(**history: Any) -> pd.DataFrame:
    return pd.concat([shop(), pd.DataFrame([{"customer_id": -1} | history])])


@cache
def ordinary() -> lc.CLTV:
    return fitted(shop())


def ask(**settings: Any) -> Callable[[Path], lc.Forecast]:
    plan = {"horizon": 10, "worlds": 20} | settings
    return lambda folder: ordinary().forecast(lc.RFM.from_frame(shop(), "week"), **plan)


def score(frame: Any, unit: str = "week") -> Callable[[Path], lc.Forecast]:
    return lambda folder: ordinary().forecast(lc.RFM.from_frame(frame, unit), 10, worlds=20)


@cache
def by_channel() -> lc.CLTV:
    frame = (
        shop(600).assign(channel=np.where(np.arange(600) % 2, "web", "shop")).drop(columns="monetary_value")
    )
    return lc.CLTV(lc.BGNBD(groups="channel"), None, market=None).fit(
        lc.RFM.from_frame(frame, "week"), draws=200
    )


def of_channel(**columns: Any) -> Callable[[Path], lc.Forecast]:
    return lambda folder: by_channel().forecast(
        lc.RFM.from_frame(shop().drop(columns="monetary_value").assign(**columns), "week"), 10, worlds=20
    )


NOBODY_AGAIN = shop().query("frequency == 0")
WITHOUT_MONEY = NOBODY_AGAIN.drop(columns="monetary_value")
FEW = "repeat buyers .*, needed >= 50"
FITS = [
    Case(
        "fit",
        "a table in place of an RFM",
        lambda folder: lc.CLTV().fit(shop()),
        REFUSED,
        "An RFM was needed",
    ),
    Case(
        "fit",
        "an RFM without amounts and a model of spend",
        lambda folder: lc.CLTV(market=None).fit(lc.RFM.from_frame(WITHOUT_MONEY, "week")),
        REFUSED,
        "This RFM has no amounts",
    ),
    Case(
        "fit",
        "nobody watched for any time",
        both(alike(frequency=0, recency=0.0, T=0.0, monetary_value=0.0)),
        REFUSED,
        "nothing can be learned",
    ),
    Case(
        "fit",
        "one-time buyers alone, with a family of spend",
        both(NOBODY_AGAIN),
        REFUSED,
        "None of the .* has a repeat purchase",
    ),
    Case(
        "fit",
        "a method that there is not",
        lambda folder: fitted(shop(), method="magic"),
        REFUSED,
        "method='magic'",
    ),
    Case("fit", "a seed of -1", lambda folder: fitted(shop(), random_seed=-1), REFUSED, "random_seed=-1"),
    Case(
        "fit",
        "a family of spend for purchases",
        lambda folder: lc.CLTV(lc.GammaGamma()),
        REFUSED,
        "no family of purchases",
    ),
    Case(
        "fit",
        "a family's class for the family",
        lambda folder: lc.CLTV(lc.BGNBD),
        REFUSED,
        "no family of purchases",
    ),
    Case(
        "fit",
        "a family of purchases for spend",
        lambda folder: lc.CLTV(spend=lc.BGNBD()),
        REFUSED,
        "no family of spend",
    ),
    Case("fit", "one customer", both(shop().query("frequency == 3").head(1)), MENTIONED, FEW, sane),
    Case("fit", "one-time buyers alone", both(WITHOUT_MONEY), MENTIONED, FEW, sane),
    Case(
        "fit", "one-time buyers alone, Pareto/NBD", both(WITHOUT_MONEY, lc.ParetoNBD()), MENTIONED, FEW, sane
    ),
    Case(
        "fit",
        "everyone identical",
        both(alike(frequency=3, recency=10.0, T=30.0, monetary_value=12.0)),
        MENTIONED,
        "the family does not fit",
        spends(12.0),
    ),
    Case(
        "fit",
        "everyone identical, Pareto/NBD",
        both(alike(frequency=3, recency=10.0, T=30.0, monetary_value=12.0), lc.ParetoNBD()),
        MENTIONED,
        "the family does not fit",
        spends(12.0),
    ),
    Case(
        "fit",
        "everyone with a frequency of 10,000",
        both(alike(frequency=10_000, recency=30.0, T=31.0, monetary_value=3.0).head(60)),
        MENTIONED,
        "",
        spends(3.0),
    ),
    Case(
        "fit",
        "everyone bought today",
        both(alike(recency=np.where(shop()["frequency"] > 0, shop()["T"], 0.0))),
        MENTIONED,
        "The data say next to nothing of log_dropout",
        sane,
    ),
    Case(
        "fit",
        "amounts of 10^-9",
        both(alike(monetary_value=shop()["monetary_value"] * 1e-9)),
        RIGHT,
        check=lambda f: sane(f) and f.customers["cltv"].mean() < 1e-6,
    ),
    Case(
        "fit",
        "amounts of 10^12",
        both(alike(monetary_value=shop()["monetary_value"] * 1e12)),
        RIGHT,
        check=lambda f: sane(f) and f.customers["cltv"].mean() > 1e12,
    ),
    Case(
        "fit",
        "times of 10^6 weeks",
        both(alike(T=shop()["T"] * 1000, recency=shop()["recency"] * 1000)),
        RIGHT,
        check=sane,
    ),
]
FITS += [
    Case(
        "fit",
        "one customer of frequency 5,000",
        both(with_one_more(frequency=5_000, recency=30.0, T=31.0, monetary_value=20.0)),
        MENTIONED,
        "A customer with 5,000 repeat purchases.* alone moves what all share",
        sane,
    ),
    Case(
        "fit",
        "one customer who pays 10^12",
        both(with_one_more(frequency=3, recency=30.0, T=31.0, monetary_value=1e12)),
        MENTIONED,
        "A customer with 3 amounts of 1e\\+12 on average alone moves what all share",
        sane,
    ),
]
FORECASTS = [
    Case("forecast", f"{name}={value!r}", ask(**{name: value}), REFUSED, says)
    for name, value, says in [
        ("horizon", -1, "does not look ahead"),
        ("horizon", math.nan, "does not look ahead"),
        ("horizon", "soon", "neither a number of weeks, nor a length"),
        ("horizon", None, "neither a number of weeks, nor a length"),
        ("horizon", math.inf, "needs annual_discount_rate"),
        ("horizon", 1e300, "at most 30,000,000 sums"),
        ("horizon", "2030-01-01", "no observation end to count from"),
        ("worlds", 0, "worlds=0"),
        ("worlds", 1.5, "needed a whole number"),
        ("worlds", "many", "needed a whole number"),
        ("random_seed", -1, "random_seed=-1"),
        ("random_seed", None, "random_seed=None"),
        ("annual_discount_rate", -0.5, "needed 0 or more"),
        ("annual_discount_rate", math.nan, "needed 0 or more"),
        ("annual_discount_rate", "0.1", "needed 0 or more"),
        ("annual_discount_rate", 1e300, "needed 0 or more"),
        ("margin", math.nan, "not finite"),
        ("margin", 1e300, "not finite or beyond"),
        ("margin", "profit", "no such attribute"),
        ("margin", None, "needed a number"),
        ("interval", 90, "a probability between 0 and 1"),
        ("interval", math.nan, "a probability between 0 and 1"),
        ("interval", "0.9", "a probability between 0 and 1"),
        ("chunk_size", 0, "chunk_size=0"),
        ("threads", -1, "threads=-1"),
    ]
] + [
    Case("forecast", "margin=35", ask(margin=35), MENTIONED, "0.35 is 35%"),
    Case(
        "forecast", "annual_discount_rate=10", ask(annual_discount_rate=10), MENTIONED, "0.10 is 10% a year"
    ),
    Case(
        "forecast",
        "a table in place of an RFM",
        lambda folder: ordinary().forecast(shop(), 10),
        REFUSED,
        "An RFM was needed",
    ),
    Case(
        "forecast",
        "an RFM in days for a model in weeks",
        score(shop(), "day"),
        REFUSED,
        "counts time in days, the model in weeks",
    ),
    Case(
        "forecast",
        "a model that is not fitted",
        lambda folder: lc.CLTV().forecast(lc.RFM.from_frame(shop(), "week"), 10),
        REFUSED,
        "not fitted",
    ),
    Case(
        "forecast",
        "an RFM without the model's groups",
        of_channel(),
        REFUSED,
        "needs the attribute 'channel'",
    ),
    Case(
        "forecast",
        "groups that are numbers, where the fit's are texts",
        of_channel(channel=1),
        REFUSED,
        "Give the column the same type",
    ),
    Case(
        "forecast",
        "groups that the fit has not seen",
        of_channel(channel="mars"),
        MENTIONED,
        "300 of 300 customers have a 'channel' that the fit has not seen .'mars'; it knows",
        lambda f: bool(np.isfinite(f.customers["purchases"]).all()),
    ),
    Case(
        "forecast",
        "customers without a group",
        of_channel(channel=None),
        MENTIONED,
        "has not seen",
        lambda f: bool(np.isfinite(f.customers["purchases"]).all()),
    ),
    Case(
        "forecast",
        "an RFM in cents for a model in dollars",
        score(shop().assign(monetary_value=shop()["monetary_value"] * 100)),
        MENTIONED,
        "Are amounts in the currency of the fit",
        sane,
    ),
    Case(
        "forecast",
        "an RFM without amounts for a model with spend",
        score(shop().drop(columns="monetary_value")),
        MENTIONED,
        "This RFM has no amounts",
        sane,
    ),
    Case(
        "forecast",
        "a horizon of 0",
        ask(horizon=0),
        RIGHT,
        check=lambda f: sane(f) and f.customers["cltv"].max() == 0,
    ),
    Case("forecast", "a seed of 2^70", ask(random_seed=2**70), RIGHT, check=sane),
    Case(
        "forecast",
        "a customer of frequency 10,000",
        score(
            pd.concat(
                [
                    shop(),
                    shop()
                    .head(1)
                    .assign(customer_id=-1, frequency=10_000, recency=31.0, T=31.0, monetary_value=20.0),
                ]
            )
        ),
        RIGHT,
        check=lambda f: sane(f) and 2_200 < f.customers["purchases"].iloc[-1] < 2_400,
    ),
]


# -- specifications and models ---------------------------------------------------------------------------


def of_text(text: str) -> Callable[[Path], Any]:
    def run(folder: Path) -> Any:
        (folder / "run.toml").write_text(text)
        return read_specification(folder / "run.toml")

    return run


def of_model(change: Callable[[bytes], bytes]) -> Callable[[Path], Any]:
    def run(folder: Path) -> Any:
        path = folder / "model.nc"
        ordinary().save(path)
        path.write_bytes(change(path.read_bytes()))
        return lc.load(path)

    return run


OTHERS = [
    Case("specification", "not TOML", of_text("[purchases"), REFUSED, "is not a TOML file"),
    Case("specification", "an unknown key", of_text("[fit]\nmethode = 1"), REFUSED, "unknown key 'methode'"),
    Case(
        "specification",
        "an unknown family",
        of_text('[purchases]\nfamily = "os.system"'),
        REFUSED,
        "Unknown family 'os.system'",
    ),
    Case("specification", "draws of NaN", of_text("[fit]\ndraws = nan"), REFUSED, "fit.draws"),
    Case(
        "specification",
        "a prior of no width",
        of_text("[purchases]\npriors = {log_r = [0.0, 0.0]}"),
        REFUSED,
        "log_r",
    ),
    Case(
        "specification",
        "a prior of NaN",
        of_text("[purchases]\npriors = {log_r = [nan, 1.0]}"),
        REFUSED,
        "log_r",
    ),
    Case(
        "model file",
        "half a file",
        of_model(lambda content: content[: len(content) // 2]),
        REFUSED,
        "cannot be read as a lifecast model",
    ),
    Case(
        "model file",
        "an empty file",
        of_model(lambda content: b""),
        REFUSED,
        "cannot be read as a lifecast model",
    ),
    Case(
        "model file",
        "a pickle",
        of_model(lambda content: b"\x80\x04\x8c\x05posix\x8c\x06system\x93."),
        REFUSED,
        "cannot be read as a lifecast model",
    ),
    Case(
        "model file",
        "a file that is not there",
        lambda folder: lc.load(folder / "no.nc"),
        REFUSED,
        "no such file",
    ),
]

CASES: list[Case] = [*TABLES, *LOGS, *FILES, *FITS, *FORECASTS, *OTHERS, *REQUESTS]
