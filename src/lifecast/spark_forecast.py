"""A forecast whose customers stay in Spark: simulated in its tasks, in the same worlds, to the same numbers.

A task answers for its customers and, in one more row of the same answer, adds up their draws. Spark counts
the answer of one attempt at a task and no other, however often it runs the task: nobody is counted twice.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast import errors
from lifecast.arrays import Floats
from lifecast.engines.spark import Batches, collected, column, in_tasks
from lifecast.forecast import period_table, total_table
from lifecast.matching import check_unit
from lifecast.outlook import Outlook
from lifecast.rfm import MONEY, PURCHASES, RFM
from lifecast.simulation import Reach
from lifecast.spark_rfm import SparkRFM
from lifecast.sums import Sums
from lifecast.timeunit import TimeUnit, in_words

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from pyspark.sql import DataFrame

# Customers that a task holds in memory at a time.
CUSTOMERS_AT_A_TIME = 200_000
# Tasks that add up the sums of all the others.
ADDERS = 8


@dataclass(frozen=True, eq=False, repr=False)
class SparkForecast:
    """What customers in Spark will buy and be worth, and how sure that is.

    Attributes
    ----------
    customers : pyspark.sql.DataFrame
        One row per customer, in no order; columns as those of a `Forecast`. Spark keeps it, in memory and on
        its disks, until `release`.
    portfolio, total : pandas.DataFrame
        As those of a `Forecast`.
    draws : dict of (world, period) arrays
        What the tables were reduced from: ``purchases``, ``value``, ``discounted_value``.
    sums : Sums
        The draws in a form that adds up exactly over forecasts of other customers.
    """

    customers: "DataFrame"
    portfolio: "pd.DataFrame"
    total: "pd.DataFrame"
    draws: dict[str, Floats]
    sums: Sums
    horizon: float
    interval: float
    time_unit: TimeUnit
    observation_end: date | None
    settings: dict[str, Any]
    _kept: "DataFrame"

    def __repr__(self) -> str:
        ahead = in_words(self.horizon, self.time_unit, self.observation_end)
        worlds = len(self.draws["purchases"])
        return f"<SparkForecast: {ahead}, {worlds:,} worlds, {100 * self.interval:g}% intervals>"

    def release(self) -> None:
        """Let Spark forget the customers that it keeps; where asked for, it simulates them again."""
        self._kept.unpersist()


def forecast_in_spark(
    rfm: SparkRFM, outlook: Outlook, interval: float, settings: dict[str, Any]
) -> SparkForecast:
    """Simulate the customers of an RFM in Spark, in its tasks."""
    from pyspark import StorageLevel
    from pyspark.sql import functions as F
    from pyspark.sql.types import BinaryType, DoubleType, StructField

    rfm.check_attributes(outlook.attributes)
    money = MONEY if rfm.has_amounts and outlook.spend_family is not None else ()
    names = ("customer_id", *PURCHASES, *money, *outlook.attributes)
    customers = rfm.customers.select(*(column(name).alias(f"c{i}") for i, name in enumerate(names)))
    made = rfm.report is not None
    task = Task(outlook, names, rfm.time_unit, rfm.observation_end, made, CUSTOMERS_AT_A_TIME)
    with clear_errors():
        reach = reach_of(customers, task)
        fields = [StructField("customer_id", customers.schema["c0"].dataType)]
        fields += [StructField(name, DoubleType()) for name in outlook.columns]
        fields += [StructField("sums", BinaryType())]
        kept = in_tasks(customers, lambda batches: task.answer(batches, reach), fields)
        kept = kept.persist(StorageLevel.MEMORY_AND_DISK)
        sums = added_up(kept.where(F.col("sums").isNotNull()).select("sums"), task)
    draws, edges, end = sums.draws, outlook.periods, rfm.observation_end
    return SparkForecast(
        customers=kept.where(F.col("sums").isNull()).drop("sums"),
        portfolio=period_table(draws, edges, rfm.time_unit, end, outlook.probabilities),
        total=total_table(draws, outlook.probabilities),
        draws=draws,
        sums=sums,
        horizon=outlook.horizon,
        interval=interval,
        time_unit=rfm.time_unit,
        observation_end=end,
        settings=settings,
        _kept=kept,
    )


def reach_of(customers: "DataFrame", task: "Task") -> Reach:
    """Which frequencies and ages occur among all customers, kind by kind."""
    from pyspark.sql.types import BinaryType, DoubleType, LongType, StructField

    kinds = {"kind": BinaryType(), "x": LongType(), "T": DoubleType()}
    fields = [StructField(name, kind) for name, kind in kinds.items()]
    table = collected(in_tasks(customers, task.reach, fields).distinct())
    kind = np.array(table["kind"].to_pylist(), object)
    x, T = table["x"].to_numpy(), table["T"].to_numpy()
    return {name: (x[kind == name], T[kind == name]) for name in set(kind)}


def added_up(sums: "DataFrame", task: "Task") -> Sums:
    """The sums of all tasks as one."""
    from pyspark.sql.types import BinaryType, StructField

    # Thousands of tasks have a megabyte each, perhaps: a few of them add up, and little comes here.
    parts = in_tasks(sums.repartition(ADDERS), task.add, [StructField("sums", BinaryType())])
    return task.total(collected(parts)["sums"].to_pylist())


@dataclass(frozen=True)
class Task:
    """What goes to Spark's tasks: the question, and how to read the customers.

    Attributes
    ----------
    outlook : Outlook
    names : tuple of str
        What the columns of the customers' table stand for, in order.
    unit : TimeUnit
    end : date or None
        The last day observed.
    made : bool
        Whether `rfm_summary` made the customers; those of any other table have to be checked.
    at_a_time : int
        Customers in memory at a time, at most.
    """

    outlook: Outlook
    names: tuple[str, ...]
    unit: TimeUnit
    end: date | None
    made: bool
    at_a_time: int

    def reach(self, batches: Batches) -> Batches:
        """Check the customers of a task; which frequencies and ages occur among them, kind by kind."""
        import pyarrow as pa

        for rfm in self._parts(batches):
            if not self.made:
                RFM.from_frame(rfm.to_frame(), self.unit)  # refuses what no customer can have done
            check_unit(rfm, self.unit, self.outlook.purchase_family)
            for kind, (x, T) in self.outlook.reach(rfm).items():
                rows = {"kind": pa.array([kind] * x.size, pa.binary()), "x": x, "T": T}
                yield from pa.table(rows).to_batches()

    def answer(self, batches: Batches, reach: Reach) -> Batches:
        """What is said of each customer of a task, and their sums in a row of its own."""
        import pyarrow as pa

        total, names = None, self.outlook.columns
        with one_thread():
            for rfm in self._parts(batches):
                columns, sums = self.outlook.answer(rfm, reach=reach, threads=1)
                total = sums if total is None else total + sums
                of_customers = {"customer_id": rfm.customer_id, **{name: columns[name] for name in names}}
                nothing = pa.nulls(len(rfm), pa.binary())
                yield from pa.table(of_customers | {"sums": nothing}).to_batches()
        if total is None:
            return
        nobody = {"customer_id": pa.nulls(1, rfm.customer_id.type)}
        nobody |= {name: pa.nulls(1, pa.float64()) for name in names}
        yield from pa.table(nobody | {"sums": pa.array([total.cells.tobytes()])}).to_batches()

    def add(self, batches: Batches) -> Batches:
        """The sums of some tasks as one."""
        import pyarrow as pa

        total = self.total(cells for batch in batches for cells in batch.column("sums").to_pylist())
        yield pa.record_batch({"sums": pa.array([total.cells.tobytes()])})

    def total(self, parts: Iterable[bytes]) -> Sums:
        """Add up sums as tasks write them."""
        outlook = self.outlook
        S, K, money = len(outlook.worlds), outlook.periods.size - 1, outlook.spend_family is not None
        total = Sums.none(1, S, K, money)
        for cells in parts:
            total = total + Sums(np.frombuffer(cells, np.float64).reshape(total.cells.shape), money)
        return total

    def _parts(self, batches: Batches) -> Iterator[RFM]:
        """The customers of a task, some at a time."""
        import pyarrow as pa

        waiting: list[pa.RecordBatch] = []
        room = self.at_a_time
        for batch in batches:
            while batch.num_rows:
                waiting.append(batch.slice(0, room))
                batch = batch.slice(waiting[-1].num_rows)
                room -= waiting[-1].num_rows
                if not room:
                    yield self._rfm(pa.Table.from_batches(waiting))
                    waiting, room = [], self.at_a_time
        if waiting:
            yield self._rfm(pa.Table.from_batches(waiting))

    def _rfm(self, table: "pa.Table") -> RFM:
        columns = dict(zip(self.names, table.columns, strict=True))
        numbers = {name: columns[name].to_numpy() for name in (*PURCHASES, *MONEY) if name in columns}
        return RFM(
            customer_id=columns["customer_id"].combine_chunks(),
            **numbers,
            time_unit=self.unit,
            observation_end=self.end,
            attributes={
                name: values.combine_chunks()
                for name, values in columns.items()
                if name not in numbers and name != "customer_id"
            },
        )


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep to one thread: Spark gives a task one core, and runs as many tasks as there are cores."""
    import numba
    from threadpoolctl import threadpool_limits

    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        numba.set_num_threads(before)


@contextmanager
def clear_errors() -> Iterator[None]:
    """Raise lifecast's own errors as such, without Spark's account of the task that raised them."""
    from pyspark.errors import PySparkException

    try:
        yield
    except PySparkException as error:
        found = re.search(r"^lifecast\.errors\.(\w+): (.*)$", str(error), re.MULTILINE)
        if found is None:
            raise
        raise getattr(errors, found[1])(found[2]) from None
