"""Is a task's answer that of one machine, however Spark cuts its lines and customers into batches?

Spark's tasks run in processes of their own; here their functions run in this one, on batches cut by hand.
"""

from collections.abc import Iterator
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import lifecast as lc
from lifecast.engines.duckdb_query import SummaryQuery
from lifecast.engines.spark import sum_up
from lifecast.outlook import Outlook
from lifecast.rfm import MONEY, PURCHASES
from lifecast.settings import central
from lifecast.spark_forecast import Task

pytest.importorskip("threadpoolctl", reason="threadpoolctl is not installed")

END = date(1997, 9, 30)
CUTS = [1_000_000, 7, 1]  # lines, or customers, in a batch
Batches = Iterator[pa.RecordBatch]


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return lc.datasets.load_cdnow(sample=True).query("customer_id < 1500")


@pytest.fixture(scope="module")
def rfm(log: pd.DataFrame) -> lc.RFM:
    some = log.assign(rate=np.where(log["customer_id"] % 2, 0.2, 0.4))
    return lc.rfm_summary(some, observation_end=END, attributes=["rate"], past=False)


@pytest.fixture(scope="module")
def model() -> lc.CLTV:
    return lc.CLTV.from_parameters(
        {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, {"p": 6.25, "q": 3.74, "v": 15.44}
    )


def batches(table: pa.Table, rows: int) -> Batches:
    """A table in batches of so many rows, the first of them empty, as Spark sends some."""
    yield pa.RecordBatch.from_pylist([], table.schema)
    yield from table.combine_chunks().to_batches(rows)


def forecast(model: lc.CLTV, rfm: lc.RFM) -> lc.Forecast:
    return model.forecast(rfm, 26, annual_discount_rate=0.1, margin="rate", worlds=30, random_seed=1)


def task(model: lc.CLTV, rfm: lc.RFM, *, at_a_time: int = 100_000, made: bool = True) -> Task:
    asked = forecast(model, rfm)
    outlook = Outlook(
        asked.simulation.worlds,
        model.purchases,
        model.spend,
        "rate",
        asked.simulation.discount_rate,
        asked.horizon,
        asked.periods,
        central(asked.interval),
        asked.simulation.seed,
    )
    names = ("customer_id", *PURCHASES, *MONEY, "rate")
    return Task(outlook, names, rfm.time_unit, rfm.observation_end, made, at_a_time)


def columns(rfm: lc.RFM, names: tuple[str, ...]) -> pa.Table:
    """The customers as the task gets them: columns by place."""
    frame = rfm.to_frame()
    return pa.table({f"c{place}": pa.array(frame[name]) for place, name in enumerate(names)})


def answered(task: Task, rfm: lc.RFM, rows: int) -> tuple[pd.DataFrame, list[bytes]]:
    """Customers' rows of a task's answer, and its rows of sums."""
    table = columns(rfm, task.names)
    reach = {}
    for batch in task.reach(batches(table, rows)):
        kind = batch.column("kind")[0].as_py()
        x, T = reach.get(kind, (np.empty(0, np.int64), np.empty(0)))
        reach[kind] = np.append(x, batch.column("x")), np.append(T, batch.column("T"))
    found = pa.Table.from_batches(task.answer(batches(table, rows), reach)).to_pandas()
    sums = found["sums"].notna()
    return found[~sums].drop(columns="sums"), found.loc[sums, "sums"].tolist()


@pytest.mark.parametrize(("rows", "at_a_time"), [(CUTS[0], 100_000), (CUTS[1], 50), (CUTS[2], 11)])
def test_is_a_tasks_forecast_that_of_one_machine(
    model: lc.CLTV, rfm: lc.RFM, rows: int, at_a_time: int
) -> None:
    here = forecast(model, rfm)
    job = task(model, rfm, at_a_time=at_a_time)
    there, sums = answered(job, rfm, rows)
    expected = here.customers[list(there)]
    pd.testing.assert_frame_equal(there.reset_index(drop=True), expected, check_dtype=False, check_exact=True)
    assert len(sums) == 1
    total = job.total(sums)
    assert np.array_equal(total.cells, here.sums.cells)


def test_do_the_sums_of_tasks_add_up(model: lc.CLTV, rfm: lc.RFM) -> None:
    job = task(model, rfm)
    whole = forecast(model, rfm)
    frame = rfm.to_frame()
    parts = []
    reach = job.outlook.reach(rfm)
    for place in range(3):
        some = lc.RFM.from_frame(frame[place::3], rfm.time_unit, observation_end=END)
        answer = pa.Table.from_batches(job.answer(batches(columns(some, job.names), 40), reach))
        parts.append(answer.filter(pa.compute.is_valid(answer["sums"])).select(["sums"]))
    (added,) = job.add(iter([batch for part in parts for batch in part.to_batches()]))
    assert np.array_equal(job.total(added.column("sums").to_pylist()).cells, whole.sums.cells)


def test_has_a_task_without_customers_no_answer(model: lc.CLTV, rfm: lc.RFM) -> None:
    job = task(model, rfm)
    nobody = columns(rfm, job.names).slice(0, 0)
    assert list(job.reach(batches(nobody, 10))) == list(job.answer(batches(nobody, 10), {})) == []


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("frequency", 1.5, "with frequency > 0|fractional"),
        ("monetary_value", -1.0, "negative monetary_value"),
        ("monetary_value", np.nan, "missing or infinite"),
        ("customer_id", None, "came before"),  # that of the next customer
    ],
)
def test_are_customers_checked_that_no_log_made(
    model: lc.CLTV, rfm: lc.RFM, name: str, wrong: float | None, message: str
) -> None:
    job = task(model, rfm, made=False)
    table = columns(rfm, job.names)
    place = job.names.index(name)
    values = table.column(place).to_numpy().copy()
    if wrong is not None:
        values = values.astype(np.float64)
    values[3] = values[4] if wrong is None else wrong
    with pytest.raises(lc.DataError, match=message):
        list(job.reach(batches(table.set_column(place, f"c{place}", pa.array(values)), 50)))


@pytest.mark.parametrize("rows", CUTS[:2])
def test_is_a_tasks_summary_that_of_one_machine(log: pd.DataFrame, rfm: lc.RFM, rows: int) -> None:
    lines = pa.table(
        {
            "customer_id": pa.array(log["customer_id"]),
            "day": pa.array(log["date"].dt.date),
            "amount": pa.array(log["amount"]),
        }
    )
    largest = float(log["amount"].max())
    query = SummaryQuery(END, None, 1, 7.0, "net", largest, ())
    names = ["customer_id", "frequency", "recency_days", "repeat_amount"]
    seen = lines.filter(pa.compute.less_equal(lines["day"], pa.scalar(END)))
    found = pa.Table.from_batches(sum_up(batches(seen, rows), query, False, names)).to_pandas()
    found = found.set_index("customer_id").loc[rfm.customer_id.to_pylist()]
    assert found["frequency"].tolist() == rfm.frequency.tolist()
    np.testing.assert_array_equal(found["recency_days"] / 7, rfm.recency)
    np.testing.assert_allclose(found["repeat_amount"], rfm.frequency * rfm.monetary_value, rtol=1e-14)


def test_has_a_task_without_lines_no_customers() -> None:
    query = SummaryQuery(END, None, 1, 7.0, "net", None, ())
    assert list(sum_up(iter([]), query, False, ["customer_id", "frequency"])) == []
