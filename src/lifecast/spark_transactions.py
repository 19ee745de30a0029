"""A Spark DataFrame of transactions, checked in one pass of Spark SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lifecast.engines.spark import collected
from lifecast.errors import DataError, SettingsError
from lifecast.transactions import (
    LARGEST_AMOUNT,
    NOBODY,
    LinesRead,
    choose_columns,
    perhaps_amounts,
    refuse_unreadable,
    warn_of_rounding,
)

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_WHOLE = {"tinyint", "smallint", "int", "bigint"}
_NUMBERS = _WHOLE | {"float", "double"}


@dataclass(frozen=True, kw_only=True)
class SparkTransactions(LinesRead):
    """A checked log, still in Spark.

    Attributes
    ----------
    frame : pyspark.sql.DataFrame
        The lines: customer_id, day (date), amount (double, where the log has one), and the attributes as
        attribute_0, attribute_1, ...; lines without a customer id are left out.
    """

    frame: "DataFrame"


def read_spark_transactions(
    log: "DataFrame",
    *,
    customer_id: str | None = None,
    date: str | None = None,
    amount: str | None = None,
    attributes: Sequence[str] = (),
    date_format: str | None = None,
) -> SparkTransactions:
    """Check every line of a log in Spark. Parameters and errors are those of `read_transactions`.

    Dates and amounts have to be typed as such: text is Spark's to parse. A timestamp's day is the one in
    Spark's session time zone, as everywhere in Spark.
    """
    from pyspark.sql import functions as F

    wanted = {"customer_id": customer_id, "date": date, "amount": amount}
    names = choose_columns(tuple(log.columns), wanted, attributes)
    if date_format is not None:
        raise SettingsError(
            f"date_format={date_format!r}: in Spark, text is made a date before. Pass "
            f"log.withColumn({names['date']!r}, to_date({names['date']!r}, ...)) and no date_format."
        )
    # By place: Spark does not tell "Date" from "date", and takes a dot in a name for a path.
    places = {ours: log.columns.index(theirs) for ours, theirs in names.items()}
    source = log.toDF(*(f"c{place}" for place in range(len(log.columns))))
    source = source.select(*(F.col(f"c{place}").alias(ours) for ours, place in places.items()))
    types = dict(source.dtypes)
    known, customer = _customer(types["customer_id"])
    day = _day(types["date"], names["date"])
    has_amount = "amount" in types
    money = _money(types["amount"], names["amount"]) if has_amount else F.lit(0.0)
    bad_day = known & day.isNull()
    bad_money = known & ~F.coalesce(F.abs(money) <= LARGEST_AMOUNT, F.lit(False))
    found = collected(
        source.agg(
            F.count("*").alias("lines"),
            F.count_if(~known).alias("unknown"),
            F.min(day).alias("first"),
            F.max(day).alias("last"),
            F.count_if(bad_day).alias("bad_days"),
            F.count_if(bad_money).alias("bad_amounts"),
            F.max(F.when(known, F.abs(money))).alias("largest"),
            F.min(F.when(known & (money != 0), F.abs(money))).alias("smallest"),
            F.count_if(known & (money < 0)).alias("negative"),
            F.count_if(_called_nobody(types["customer_id"])).alias("nobody"),
        )
    ).to_pylist()[0]

    def example(what: str) -> str:
        bad = {"date": bad_day, "amount": bad_money, "customer_id": _fractional()}[what]
        value = source.where(bad).select(what).first()
        return "missing" if value is None or value[0] is None else repr(value[0])

    refuse_unreadable(
        names, found["lines"], found["unknown"], found["bad_days"], found["bad_amounts"], example
    )
    warn_of_rounding(found["smallest"] or 0.0, found["largest"] or 0.0)
    if types["customer_id"] in ("float", "double") and source.where(_fractional()).limit(1).count():
        raise DataError(
            f"Customer ids in {names['customer_id']!r} are not whole numbers (first: "
            f"{example('customer_id')}). Pass whole numbers or text."
        )
    columns = [customer.alias("customer_id"), day.alias("day")]
    if has_amount:
        columns.append(money.alias("amount"))
    columns += [F.col(name) for name in types if name.startswith("attribute_")]
    return SparkTransactions(
        frame=source.where(known).select(*columns),
        has_amount=has_amount,
        attributes=tuple(attributes),
        lines=found["lines"],
        lines_without_customer=found["unknown"],
        first=found["first"],
        last=found["last"],
        largest_amount=found["largest"] if has_amount else None,
        negative_lines=found["negative"],
        unread=perhaps_amounts(log.columns, names),
        lines_of_nobody=found["nobody"],
    )


def _fractional() -> "Column":
    """Whether an id that is a float is no whole number."""
    from pyspark.sql import functions as F

    number = F.col("customer_id").cast("double")
    odd = (number != F.rint(number)) | (F.abs(number) > 9e15)
    return F.coalesce(~F.isnan(number) & odd, F.lit(False))


def _customer(kind: str) -> "tuple[Column, Column]":
    """Whether a line names its customer, and the customer as a whole number or text."""
    from pyspark.sql import functions as F

    it = F.col("customer_id")
    if kind in ("float", "double"):
        return it.isNotNull() & ~F.isnan(it), it.cast("bigint")
    if kind in _WHOLE:
        return it.isNotNull(), it.cast("bigint")
    text = it.cast("string")
    return F.coalesce(F.trim(text) != "", F.lit(False)), text


def _called_nobody(kind: str) -> "Column":
    from pyspark.sql import functions as F

    return F.lower(F.trim(F.col("customer_id"))).isin(*NOBODY) if kind == "string" else F.lit(False)


def _day(kind: str, name: str) -> "Column":
    from pyspark.sql import functions as F

    if kind == "date" or kind.startswith("timestamp"):
        return F.col("date").cast("date")
    raise SettingsError(
        f"date={name!r} is a column of {kind}, not of dates. Choose another column, or pass "
        f"log.withColumn({name!r}, to_date({name!r}, 'yyyy-MM-dd')), in the way the dates are written."
    )


def _money(kind: str, name: str) -> Any:
    from pyspark.sql import functions as F

    if kind in _NUMBERS or kind.startswith("decimal"):
        return F.col("amount").cast("double")
    raise SettingsError(
        f"amount={name!r} is a column of {kind}, not of numbers. Choose another column, or pass "
        f"log.withColumn({name!r}, col({name!r}).cast('double'))."
    )
