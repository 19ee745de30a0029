"""Does Spark give the numbers of one machine, to the last bit, however it shares the work out?

With a real Spark of two cores, which tries a task up to four times.
"""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import lifecast as lc
from lifecast.histories import Histories
from lifecast.past import pack

pyspark = pytest.importorskip("pyspark", reason="pyspark is not installed: pip install lifecast[spark]")
if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
    pytest.skip("there is no Java, which Spark runs on", allow_module_level=True)


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from pyspark import cloudpickle
    from pyspark.sql import SparkSession

    settings = {
        # Short queries: what compiles them at leisure would never pay.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.codegen.wholeStage": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.log.level": "OFF",
        "spark.sql.adaptive.coalescePartitions.enabled": "false",  # small tables stay in several parts
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "3",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # tasks cannot import a test
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        builder = SparkSession.builder.master("local[2,4]")
        for name, value in settings.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        yield session
        session.stop()
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


def in_spark(spark: Any, log: pd.DataFrame, partitions: int) -> Any:
    """The log in Spark, its lines in any order."""
    shuffled = log.sample(frac=1.0, random_state=partitions)
    table = pa.Table.from_pandas(shuffled, preserve_index=False)
    return spark.createDataFrame(table).repartition(partitions)


def rough_log() -> pd.DataFrame:
    """Returns, gifts, several lines a day, names that are missing, attributes that change or are unknown."""
    rng = np.random.default_rng(5)
    lines = 3_000
    log = pd.DataFrame(
        {
            "Kunde": rng.integers(1, 400, lines).astype(float),
            "Tag": pd.Timestamp("2023-01-02") + pd.to_timedelta(rng.integers(0, 500, lines) * 18, "h"),
            "net.price": np.round(rng.lognormal(3, 1, lines), 2),
            "channel": rng.choice(["web", "shop", None], lines, p=[0.5, 0.4, 0.1]),
            "size": rng.normal(size=lines).round(1),
        }
    )
    log.loc[rng.random(lines) < 0.15, "net.price"] *= -1
    log.loc[rng.random(lines) < 0.05, "net.price"] = 0.0
    log.loc[rng.random(lines) < 0.02, "Kunde"] = np.nan
    return pd.concat([log, log.sample(frac=0.1, random_state=1)])


ROUGH = {"customer_id": "Kunde", "date": "Tag", "amount": "net.price"}
CASES: dict[str, tuple[Any, int, dict[str, Any]]] = {
    "CDNOW": (lambda: lc.datasets.load_cdnow(sample=True), 1, {"observation_end": "1997-09-30"}),
    "net of returns": (
        rough_log,
        3,
        ROUGH | {"attributes": ["channel", "size"], "merge_within": "week", "time_unit": "month"},
    ),
    "names, a few origins' customers": (
        lambda: rough_log().assign(Kunde=lambda log: "c" + log["Kunde"].astype(str).where(log["Kunde"] > 9)),
        7,
        ROUGH | {"returns": "drop", "observation_end": "2023-08-01"},
    ),
    "no amounts": (
        lambda: rough_log()[["Kunde", "Tag"]],
        3,
        {"customer_id": "Kunde", "date": "Tag", "time_unit": "day"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_is_a_log_summed_up_alike(spark: Any, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, partitions, settings = CASES[case]
    if "few" in case:  # as in a log of more than 100,000 customers
        monkeypatch.setattr("lifecast.past.CUSTOMERS", 150)
        monkeypatch.setattr("lifecast.spark_rfm.CUSTOMERS", 150)
    log = make()
    here = lc.rfm_summary(log, **settings)
    there = lc.rfm_summary(in_spark(spark, log, partitions), **settings)
    same_customers(there.customers.toArrow(), here)
    assert there.report == here.report
    assert here.report is not None and here.report.lines_merged > 0
    assert there.past is not None and here.past is not None
    (table, rest), (expected_table, expected_rest) = pack(there.past), pack(here.past)
    assert table.equals(expected_table) and rest == expected_rest
    assert (here.past.share < 1.0) == ("few" in case)
    names = settings.get("attributes", ())
    assert there.histories(names).fingerprint() == Histories.of(here, names).fingerprint()
    there.release()


def same_customers(found: pa.Table, expected: lc.RFM) -> None:
    table = pa.Table.from_pandas(expected.to_frame(), preserve_index=False)
    found = found.sort_by("customer_id")
    assert found.column_names == table.column_names
    for name in table.column_names:
        assert found[name].to_pylist() == table[name].to_pylist(), name
