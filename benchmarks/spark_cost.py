"""What a log in Spark costs in CPU seconds, on this machine's cores: the table of docs/spark.md.

Run: python benchmarks/spark_cost.py [customers]. Some minutes; needs Java and pyspark. Counted is the CPU
time of this process, of Spark's Java and of its Python workers together, after a small run of everything.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from simulated import cdnow_like_log

import lifecast as lc


def cpu_seconds() -> float:
    """CPU time of this process and of all that came of it, those that have ended included."""
    parent, spent = {}, {}
    for folder in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = Path("/proc", folder, "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        parent[int(folder)] = int(fields[1])
        spent[int(folder)] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    family, found = {os.getpid()}, True
    while found:
        found = {each for each, of in parent.items() if of in family and each not in family}
        family |= found
    return sum(spent[each] for each in family)


def session(folder: str) -> Any:
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "4g",
        "spark.log.level": "ERROR",
        "spark.sql.adaptive.coalescePartitions.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": folder,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    builder = SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def run(spark: Any, customers: int, folder: str, told: Callable[[str, float, float], None]) -> None:
    """All the way from a log of so many customers; `told` hears what, how much of it, and its CPU seconds."""
    path = Path(folder, f"{customers}.parquet")
    lines = cdnow_like_log(customers, path)
    log = spark.read.parquet(str(path))

    def measured(what: str, amount: float, job: Callable[[], Any]) -> Any:
        before = cpu_seconds()
        result = job()
        told(what, amount, cpu_seconds() - before)
        return result

    rfm = measured("RFM, of lines", lines, lambda: lc.rfm_summary(log))
    histories = measured("histories, of customers", customers, rfm.histories)
    model = measured("fit, of customers (on the driver)", customers, lambda: lc.CLTV().fit(histories))
    measured(
        "forecast, of customers",
        customers,
        lambda: model.forecast(rfm, "12 months", annual_discount_rate=0.1),
    )


def main() -> None:
    customers = int(sys.argv[1]) if len(sys.argv) > 1 else 400_000
    with tempfile.TemporaryDirectory() as folder:
        spark = session(folder)
        run(spark, 20_000, folder, lambda *_: None)

        def told(what: str, amount: float, seconds: float) -> None:
            print(f"| {what} | {amount:,.0f} | {seconds:.1f} | {amount / seconds:,.0f} |", flush=True)

        start = time.time()
        print("| what | how much | CPU seconds | a second and core |\n|---|---:|---:|---:|")
        run(spark, customers, folder, told)
        print(f"{time.time() - start:.0f} s on the clock")
        spark.stop()


if __name__ == "__main__":
    main()
