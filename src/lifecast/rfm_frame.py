"""A bare table of customers, checked: what an RFM can and cannot mean."""

from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.errors import DataError, SettingsError
from lifecast.timeunit import TimeUnit

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

_MONEY = ("monetary_value", "monetary_log_mean", "monetary_log_sd", "monetary_frequency")
_NUMBERS = ("frequency", "recency", "T", *_MONEY)
_HOLDOUT = ("frequency_holdout", "monetary_value_holdout", "duration_holdout")
# Beyond any customer and any currency: numbers like these are a wrong column, unit or file.
MOST_PURCHASES = 10_000_000
LONGEST_DAYS = 3_652_500.0  # ten thousand years
LARGEST_AMOUNT, SMALLEST_AMOUNT = 1e100, 1e-100


def read_frame(table: Any, unit: TimeUnit) -> dict[str, Any]:
    """The fields of an RFM (`customer_id`, `frequency`, ..., `attributes`) out of a table, or an error."""
    df = _as_pandas(table)
    if "customer_id" not in df.columns:
        if df.index.name != "customer_id":
            raise DataError(
                "The table has no column customer_id, nor an index of that name. Rename the column that "
                "names the customers, or use df.rename_axis('customer_id')."
            )
        df = df.reset_index()
    missing = [name for name in ("frequency", "recency", "T") if name not in df.columns]
    if missing:
        raise DataError(
            f"The table has no column {missing[0]!r}; it has {', '.join(map(repr, df.columns))}. Rename its "
            "columns, or make the RFM from the log with rfm_summary."
        )
    if not len(df):
        raise DataError("The table has no customers. Pass at least one row.")
    if not df.columns.is_unique:
        raise DataError("Two columns of the table have the same name. Rename one of them.")
    numbers = {name: _numbers(df, name) for name in _NUMBERS if name in df.columns}
    customer_id = _arrow(df["customer_id"])
    checks = _Checks(df["customer_id"], numbers, unit)
    checks.ids()
    checks.run()
    if "monetary_value" in numbers:
        spent = np.where(numbers["monetary_value"] > 0, numbers["frequency"], 0)
        numbers["monetary_frequency"] = numbers.get("monetary_frequency", spent)
    others = [name for name in df.columns if name not in ("customer_id", *_NUMBERS, *_HOLDOUT)]
    if len({str(name) for name in others}) < len(others):
        raise DataError("Two columns of the table have names that read the same, 5 and '5' say. Rename one.")
    return numbers | {
        "customer_id": customer_id,
        "attributes": {str(name): _arrow(df[name]) for name in others},
    }


def check_numbers(customer_id: "pa.Array[Any]", numbers: dict[str, Any], unit: TimeUnit) -> None:
    """Refuse numbers (customer,) by name that no customers can have.

    Raises
    ------
    DataError
        How many customers have them, which first, and what to do.
    """
    given = {name: np.asarray(values, np.float64) for name, values in numbers.items() if values is not None}
    _Checks(customer_id.to_pandas(), given, unit).run()


def _as_pandas(table: Any) -> "pd.DataFrame":
    import pandas as pd
    import pyarrow as pa

    if isinstance(table, pd.DataFrame):
        return table
    if hasattr(table, "__arrow_c_stream__"):
        frame: pd.DataFrame = pa.table(table).to_pandas()
        return frame
    raise SettingsError(
        f"A table of customers was needed, and a {type(table).__qualname__} was passed. Pass a pandas or "
        "polars DataFrame or an Arrow table, one row per customer."
    )


def _arrow(column: "pd.Series[Any]") -> "pa.Array[Any]":
    import pyarrow as pa

    try:
        values = pa.array(column, from_pandas=True)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError) as error:
        raise DataError(
            f"Column {column.name!r} mixes kinds of values, or holds some that a table cannot keep: {error}. "
            "Convert it first, to text say."
        ) from error
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if column.name == "customer_id":
        values = _ids(values)
    return values.cast(pa.string()) if values.type == pa.large_string() else values


def _ids(values: "pa.Array[Any]") -> "pa.Array[Any]":
    """Ids as numbers or text: categories as what they are of, bytes as the text that they spell."""
    import pyarrow as pa

    kind = values.type
    if pa.types.is_dictionary(kind):
        values = values.cast(kind.value_type)
    bytes_only = (
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    )
    try:
        known = values.cast(pa.binary()).cast(pa.string()) if bytes_only else values
    except pa.ArrowInvalid:
        known = None
    if known is None or pa.types.is_nested(kind):
        raise DataError(
            f"customer_id holds values of type {kind}. Pass one number or text for each customer"
            f"{', such as the hexadecimal digits of the bytes' if bytes_only else ''}."
        )
    return known


def _numbers(df: "pd.DataFrame", name: str) -> Floats:
    if getattr(df[name].dtype, "kind", "O") in "mMcb":  # what numpy would turn into numbers without a word
        raise DataError(
            f"Column {name!r} does not hold numbers but {df[name].dtype}. Convert it first: recency and T "
            "count time units, such as weeks."
        )
    try:
        return df[name].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError(f"Column {name!r} does not hold numbers: {error}. Convert it first.") from error


class _Checks:
    """Each check says how many customers fail it, which first, and what to do."""

    def __init__(self, customer_id: "pd.Series[Any]", numbers: dict[str, Floats], unit: TimeUnit) -> None:
        self.customer_id, self.numbers, self.unit = customer_id, numbers, unit

    def refuse(self, wrong: "npt.NDArray[np.bool_]", what: str, shown: tuple[str, ...], advice: str) -> None:
        if not wrong.any():
            return
        first = int(np.argmax(wrong))
        values = ", ".join(f"{name} {self.numbers[name][first]:g}" for name in shown)
        who = repr(self.customer_id.iloc[[first]].tolist()[0])
        raise DataError(
            f"{np.count_nonzero(wrong):,} of {len(wrong):,} customers have {what} (first: "
            f"{who}{', ' if values else ''}{values}). {advice}"
        )

    def ids(self) -> None:
        ids = self.customer_id
        self.refuse(ids.isna().to_numpy(), "no customer_id", (), "Remove these rows, or name them.")
        self.refuse(
            ids.duplicated().to_numpy(),
            "a customer_id that came before",
            (),
            "Pass one row per customer; rfm_summary makes it from a log.",
        )

    def run(self) -> None:
        numbers = self.numbers
        for name, values in numbers.items():
            self.refuse(
                ~np.isfinite(values), f"a {name} that is missing or infinite", (name,), "Repair these rows."
            )
        frequency, recency, age = numbers["frequency"], numbers["recency"], numbers["T"]
        counted = "It counts repeat purchases: 0, 1, 2, ..."
        for name in ("frequency", "monetary_frequency"):
            if name in numbers:
                wrong = (numbers[name] < 0) | (numbers[name] != np.floor(numbers[name]))
                self.refuse(wrong, f"a {name} that is negative or fractional", (name,), counted)
                above = numbers[name] > MOST_PURCHASES
                self.refuse(above, f"a {name} above {MOST_PURCHASES:,}", (name,), counted)
        times = ("frequency", "recency", "T")
        since_first = "Recency runs from the first to the last purchase, not from the last to today."
        self.refuse(recency < 0, "a negative recency", times, since_first)
        self.refuse(
            recency > age,
            f"recency > T in {self.unit.name}s",
            times,
            f"Pass a later observation_end, or check the time unit. {since_first}",
        )
        self.refuse(
            (recency == 0) != (frequency == 0),
            "recency = 0 with frequency > 0, or the reverse",
            times,
            since_first,
        )
        self.refuse(
            age * self.unit.days > LONGEST_DAYS,
            f"a T of more than ten thousand years in {self.unit.name}s",
            times,
            "Check the time unit.",
        )
        if "monetary_value" in numbers:
            self.money(frequency, numbers["monetary_value"])

    def money(self, frequency: Floats, value: Floats) -> None:
        shown = ("frequency", "monetary_value")
        repeats = "It is the mean amount of the repeat purchases, the first purchase left out; 0 without any."
        self.refuse(value < 0, "a negative monetary_value", shown, f"Net returns first. {repeats}")
        self.refuse(
            (value > LARGEST_AMOUNT) | ((value > 0) & (value < SMALLEST_AMOUNT)),
            f"a monetary_value that is no amount of any currency, beyond {LARGEST_AMOUNT:g} or below "
            f"{SMALLEST_AMOUNT:g}",
            shown,
            "Check the column.",
        )
        self.refuse(
            (frequency == 0) & (value > 0), "a monetary_value, but no repeat purchase", shown, repeats
        )
        if "monetary_frequency" in self.numbers:
            count = self.numbers["monetary_frequency"]
            self.refuse(
                (count > frequency) | ((count > 0) != (value > 0)),
                "a monetary_frequency that does not fit",
                (*shown, "monetary_frequency"),
                "It counts the positive amounts among the repeat purchases. If in doubt, leave it out.",
            )
        if "monetary_log_mean" in self.numbers:
            count = self.numbers.get("monetary_frequency", np.where(value > 0, frequency, 0))
            spent = count > 0
            positive_mean = np.where(spent, value * frequency / np.maximum(count, 1), 1.0)
            self.refuse(
                np.abs(self.numbers["monetary_log_mean"]) > np.log(LARGEST_AMOUNT),
                "a monetary_log_mean that is the logarithm of no amount",
                (*shown, "monetary_log_mean"),
                "It is the mean of the logarithms of the positive repeat amounts. If in doubt, leave it out.",
            )
            self.refuse(
                spent & (self.numbers["monetary_log_mean"] > np.log(positive_mean) + 1e-6),
                "a monetary_log_mean above the logarithm of their mean amount",
                (*shown, "monetary_log_mean"),
                "It is the mean of the logarithms of the positive repeat amounts. If in doubt, leave it out.",
            )
        if "monetary_log_sd" in self.numbers:
            count = self.numbers.get("monetary_frequency", np.where(value > 0, frequency, 0))
            spread = self.numbers["monetary_log_sd"]
            self.refuse(
                (spread < 0) | ((spread > 0) & (count < 2)) | (spread > np.log(LARGEST_AMOUNT)),
                "a monetary_log_sd that is negative or beyond all amounts, or without two amounts to differ",
                (*shown, "monetary_log_sd"),
                "It is the standard deviation of the logarithms of the positive repeat amounts. If in doubt, "
                "leave it out.",
            )
