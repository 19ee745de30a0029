"""Logs in Spark: lines counted in Spark SQL, customers summed up in Spark's tasks as they are elsewhere.

Spark brings a customer's lines into one task, and there they go the way of a whole log elsewhere: the same
digits (two SQL engines already differ in the last digit of a logarithm).
What is added up across tasks is whole numbers, so that it does not matter how many tasks there are, and a
task that Spark runs again changes nothing.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lifecast.engines.duckdb import connect
from lifecast.engines.duckdb_customers import keep_customers
from lifecast.engines.duckdb_past import highest_digest
from lifecast.engines.duckdb_query import Ask, SummaryQuery

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Column, DataFrame
    from pyspark.sql.types import StructField

# Of a task's DuckDB, which goes to disk beyond it.
TASK_MEMORY = "1GB"
ROWS_PER_BATCH = 100_000

Batches = Iterator["pa.RecordBatch"]


def is_spark_frame(log: Any) -> bool:
    """Whether this is a Spark DataFrame, of a session here or of one far away (Spark Connect)."""
    return type(log).__module__.startswith("pyspark.sql.") and hasattr(log, "mapInArrow")


def in_tasks(frame: "DataFrame", function: Callable[[Batches], Batches], fields: "list[StructField]") -> Any:
    """The frame that a function makes of each partition's Arrow batches, in Spark's own tasks."""
    from pyspark.sql.types import StructType

    with warnings.catch_warnings():
        # Said of pandas 3 by whatever is near pandas in PySpark; Arrow goes in here, and Arrow comes out.
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        return frame.mapInArrow(function, StructType(fields))


def collected(frame: "DataFrame") -> "pa.Table":
    """All rows of a small frame."""
    table: pa.Table = frame.toArrow()
    return table


def column(name: str) -> "Column":
    """A column by its very name, whatever is in it."""
    from pyspark.sql import functions

    return functions.col("`" + name.replace("`", "``") + "`")


def count_lines(lines: "DataFrame", query: SummaryQuery) -> dict[str, Any]:
    """What `summarise` in DuckDB counts of all lines."""
    from pyspark.sql import functions as F

    day, amount = F.col("day"), F.col("amount")
    end, held_end = F.lit(query.end), F.lit(query.held_end or query.end)
    counts = {
        "lines_used": F.count_if(day <= end),
        "held_lines": F.count_if((day > end) & (day <= held_end)),
        "later_lines": F.count_if(day > held_end),
    }
    money = query.largest_amount is not None
    if money:
        # By way of a whole number: Spark makes a decimal of what a double prints as, of 17 digits.
        units = F.rint(amount * F.lit(query.money_scale)).cast("bigint").cast("decimal(20, 0)")
        counts |= {
            "returned_lines": F.count_if((amount < 0) & (day <= end)),
            "largest_amount": F.max(F.when(day <= end, F.abs(amount))),
            "returned_amount": F.sum(F.when((amount < 0) & (day <= end), -units)),
            "net_amount": F.sum(F.when(day <= end, units)),
        }
    found: dict[str, Any] = collected(
        lines.agg(*(value.alias(name) for name, value in counts.items()))
    ).to_pylist()[0]
    if not money:
        return found | {"returned_lines": 0}
    return found | {name: in_money(found[name], query) for name in ("returned_amount", "net_amount")}


def in_money(units: int | None, query: SummaryQuery) -> float:
    """Whole units of money as an amount, rounded as DuckDB rounds."""
    asked = "SELECT CAST($units AS HUGEINT) / $scale AS amount"
    with connect() as connection:
        return float(Ask(connection, query).row(asked, units=str(units or 0))["amount"])


def count_latecomers(lines: "DataFrame", query: SummaryQuery) -> int:
    """How many customers first bought after the end."""
    from pyspark.sql import functions as F

    bought = lines if query.largest_amount is None else lines.where(F.col("amount") >= 0)
    first = bought.groupBy("customer_id").agg(F.min("day").alias("day"))
    return int(first.where(F.col("day") > query.end).count())


def count_returning_only(lines: "DataFrame") -> int:
    """How many customers have returns, and no purchase."""
    from pyspark.sql import functions as F

    best = lines.groupBy("customer_id").agg(F.max("amount").alias("amount"))
    return int(best.where(F.col("amount") < 0).count())


def each_customer(lines: "DataFrame", query: SummaryQuery, net: bool) -> "DataFrame":
    """What `lifecast.engines.duckdb_customers` says of each customer, and what its totals are made of.

    Columns are those of `CustomerTables.customers`; and ``all_money`` in whole units, ``zero_purchases``.
    """
    from pyspark.sql.types import (
        BooleanType,
        DateType,
        DecimalType,
        DoubleType,
        LongType,
        StructField,
    )

    kinds: dict[str, Any] = {
        "customer_id": lines.schema["customer_id"].dataType,
        "frequency": LongType(),
        "first_day": DateType(),
        "recency_days": LongType(),
    }
    if query.largest_amount is not None:
        kinds |= {
            "repeat_amount": DoubleType(),
            "positive_repeats": LongType(),
            "repeat_logarithms": DoubleType(),
            "repeat_log_squares": DoubleType(),
            "all_money": DecimalType(38, 0),
            "zero_purchases": LongType(),
        }
    for name in query.attributes:
        kinds |= {name: lines.schema[name].dataType, f"{name}_changed": BooleanType()}
    fields = [StructField(name, kind) for name, kind in kinds.items()]
    joined = lines.where(lines["day"] <= query.end).repartition("customer_id")

    def run(batches: Batches) -> Batches:
        return sum_up(batches, query, net, list(kinds))

    return in_tasks(joined, run, fields)  # type: ignore[no-any-return]


def sum_up(batches: Batches, query: SummaryQuery, net: bool, names: list[str]) -> Batches:
    """Sum up the customers of one task, all of whose lines are here."""
    import pyarrow as pa

    first = next(batches, None)
    if first is None:
        return

    def everything() -> Batches:
        yield first
        yield from batches

    with connect(threads=1, memory_limit=TASK_MEMORY) as connection:
        connection.register("stream", pa.RecordBatchReader.from_batches(first.schema, everything()))
        connection.execute("CREATE TEMP TABLE lines AS SELECT * FROM stream")
        ask = Ask(connection, query)
        keep_customers(ask, net)
        traits = " LEFT JOIN traits USING (customer_id)" if query.attributes else ""
        table = ask.table(f"SELECT {', '.join(names)} FROM customers{traits}")
    kinds = {field.name: field.type for field in first.schema}
    fields = [pa.field(f.name, kinds.get(f.name, f.type)) for f in table.schema]
    yield from table.cast(pa.schema(fields)).to_batches(ROWS_PER_BATCH)


def open_sample(lines: "DataFrame", query: SummaryQuery, net: bool, customers: int, most: int) -> Ask:
    """The lines of all customers, or of about `most` of them, in DuckDB: for the past of the log.

    Those who are drawn are those whom `remember_purchases` draws.
    """
    from pyspark.sql import functions as F

    drawn = lines.where(lines["day"] <= query.end)
    if customers > most:
        digest = F.md5(F.col("customer_id").cast("string").cast("binary"))
        drawn = drawn.where(digest < highest_digest(customers, most))
    connection = connect()
    connection.register("lines", collected(drawn))
    ask = Ask(connection, replace(query, attributes=()))
    keep_customers(ask, net)
    return ask
