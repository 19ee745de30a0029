"""Customers in Parquet to their values in Parquet: CPU seconds and peak of memory, by customers.

Run: python benchmarks/file_to_file.py [--customers 1000000 3000000 10000000] [--worlds 1000] [--write]. The
RFM of simulated customers lies in a file; a process of its own fits purchases and spend to it, and writes
every customer's discounted value over 12 months to another, after a warm-up on 3,000 customers. --write keeps
the figures in docs/file_to_file.json, and makes of them the table of docs/benchmarks.md.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
from costs.measured import peak
from simulated import cdnow_like

import lifecast as lc

FIGURES = Path(__file__).resolve().parent.parent / "docs" / "file_to_file.json"


def value(rfm: Path, to: Path, worlds: int) -> dict[str, float]:
    """Fit the customers of a file and write their values to another: CPU seconds of each, and all seconds."""
    clock, started = time.perf_counter(), time.process_time()
    customers = lc.ParquetRFM.open(rfm)
    model = lc.CLTV().fit(customers, random_seed=1)
    fitted = time.process_time()
    model.forecast(customers, "12 months", to=to, worlds=worlds, annual_discount_rate=0.1, random_seed=1)
    done = time.process_time()
    return {"fit": fitted - started, "forecast": done - fitted, "seconds": time.perf_counter() - clock}


def measure(customers: int, worlds: int, folder: Path) -> dict[str, Any]:
    """Simulate so many customers, and value them in a process of its own."""
    rfm = folder / f"rfm-{customers}.parquet"
    cdnow_like(customers).save(rfm)
    command = [sys.executable, __file__, "--file", str(rfm), "--worlds", str(worlds)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    rfm.unlink()
    return {"customers": customers, "worlds": worlds} | json.loads(ran.stdout.splitlines()[-1])


def in_own_process(rfm: Path, worlds: int) -> None:
    """Warm up, value the customers of a file, and print what it took."""
    warnings.simplefilter("ignore", lc.LifecastWarning)
    few = rfm.with_name("few.parquet")
    cdnow_like(3_000, seed=2).save(few)
    to = rfm.with_name("values.parquet")
    value(few, to, worlds)
    print(json.dumps(value(rfm, to, worlds) | {"megabytes": peak()}))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--customers", type=int, nargs="+", default=[1_000_000, 3_000_000, 10_000_000])
    parser.add_argument("--worlds", type=int, default=1000)
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.file:
        in_own_process(asked.file, asked.worlds)
        return
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        for customers in asked.customers:
            figures.append(measure(customers, asked.worlds, Path(folder)))
            print(json.dumps(figures[-1]), flush=True)
    print(pd.DataFrame(figures).round(1).to_string(index=False))
    if asked.write:
        machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
        FIGURES.write_text(json.dumps({"machine": machine, "figures": figures}, indent=1) + "\n")
        subprocess.run([sys.executable, str(FIGURES.parent / "make_benchmarks.py")], check=True)


if __name__ == "__main__":
    main()
