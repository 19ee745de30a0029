"""Does memory grow when one process scores again and again, and do two writers of one file ever mix?

Run: python benchmarks/load.py [--customers 1000000] [--runs 10] [--record]. Two processes at once score and
write other numbers into one file, again and again, while a third looks whose file stands there. Then one
process scores simulated CDNOW-like customers in 1,000 worlds over 12 months so many times over, one thread,
and prints the memory that it holds after each. --record keeps what was found in docs/reliability/load.json.
"""

import argparse
import gc
import hashlib
import json
import multiprocessing
import os
import time
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
from simulated import cdnow_like

import lifecast as lc

RECORD = Path(__file__).resolve().parent.parent / "docs" / "reliability" / "load.json"
CUSTOMERS = 20_000  # of each writer
SEEDS = (1, 2)


def held() -> float:
    """Megabytes that this process holds; what Arrow keeps for later is given back first."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def score_again_and_again(customers: int, runs: int) -> list[int]:
    """Megabytes held before the first run, and after each."""
    small = cdnow_like(2_000, seed=2)
    model = lc.CLTV().fit(small, random_seed=1)
    model.forecast(small, "12 months", annual_discount_rate=0.1, worlds=50)  # compiles
    rfm = cdnow_like(customers)
    found = [round(held())]
    for run in range(1, runs + 1):
        clock = time.process_time()
        forecast = model.forecast(rfm, "12 months", annual_discount_rate=0.1, worlds=1000, threads=1)
        clock = time.process_time() - clock
        assert len(forecast.customers) == customers
        del forecast
        found.append(round(held()))
        print(f"run {run}: {found[-1]:,} MB held, {clock:.0f} s of computing", flush=True)
    return found


def write(to: Path, seed: int, times: int) -> None:
    """Score the same customers with a seed of one's own, and write them, so many times."""
    rfm = cdnow_like(CUSTOMERS)
    model = lc.CLTV(market=None).fit(rfm, random_seed=1)
    for _ in range(times):
        model.forecast(rfm, "12 months", worlds=100, threads=1, random_seed=seed).export(to)


def two_at_once(times: int) -> dict[str, int]:
    """How often a file was looked at while two processes wrote it, and how often it was either's, whole."""
    processes = multiprocessing.get_context("spawn")
    with TemporaryDirectory() as folder:
        to = Path(folder) / "customers.parquet"
        whole = []
        for seed in SEEDS:
            write(to, seed, 1)
            whole.append(hashlib.sha256(to.read_bytes()).hexdigest())
        assert len(set(whole)) == len(SEEDS)
        writers = [processes.Process(target=write, args=(to, seed, times)) for seed in SEEDS]
        for writer in writers:
            writer.start()
        looks = []
        while any(writer.is_alive() for writer in writers):
            looks.append(hashlib.sha256(to.read_bytes()).hexdigest())
            time.sleep(0.02)
        assert [writer.exitcode for writer in writers] == [0, 0]
        assert list(Path(folder).iterdir()) == [to]
    either = sum(look in whole for look in looks)
    changes = sum(before != after for before, after in pairwise(looks))
    print(f"{len(looks):,} looks at a file with two writers: {either:,} whole, {changes:,} changes seen")
    return {"writes": times * len(SEEDS), "looks": len(looks), "whole": either, "changes": changes}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--record", action="store_true")
    asked = parser.parse_args()
    writers = two_at_once(20)
    megabytes = score_again_and_again(asked.customers, asked.runs)
    if asked.record:
        found = {"customers": asked.customers, "megabytes": megabytes, "two at once": writers}
        RECORD.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
