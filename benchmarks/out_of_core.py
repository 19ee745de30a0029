"""From a log of any size to every customer's value without holding either in memory: seconds and memory.

Run: python benchmarks/out_of_core.py [--transactions 100000000] [--worlds 1000] [--memory-limit 4GB]
[--write]. A simulated shop's transactions, in one Parquet file per quarter, become an RFM in Parquet, the
posterior of purchases and of spend with the market, and the customers' forecasts in Parquet. Every stage is a
process of its own, after a warm-up in that process; what a stage took and its peak of memory are printed. The
files stay in --folder, if one is given: a log that is there is used again. --write keeps the figures in
docs/out_of_core.json, and makes of them the table of docs/benchmarks.md.
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

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from costs.measured import peak

import lifecast as lc

FIGURES = Path(__file__).resolve().parent.parent / "docs" / "out_of_core.json"
FIRST, DAYS, QUARTER = np.datetime64("2022-01-01"), 1096, 92
A_TIME = 500_000  # customers simulated together
PURCHASES = 12.9  # of a customer on average


def simulate(customers: int, ids: np.ndarray, seed: int) -> pa.Table:
    """Transactions of BG/NBD customers who join over the first two years, in the order of days."""
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 2 * DAYS // 3, customers)
    rate, leave = rng.gamma(0.6, 1 / 14.0, customers), rng.beta(0.6, 5.0, customers)
    at, alive, found = start.astype(float), np.arange(customers), []
    while alive.size:
        found.append((alive, np.floor(at[alive]).astype(np.int32)))
        stay = alive if len(found) == 1 else alive[rng.uniform(size=alive.size) > leave[alive]]
        at[stay] += rng.exponential(1.0, stay.size) / rate[stay]
        alive = stay[at[stay] < DAYS]
    who, day = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.argsort(day, kind="stable")
    who, day = who[order], day[order]
    amount = np.round(rng.gamma(3.6, size=who.size) / rng.gamma(4.5, 1 / 34.0, customers)[who], 2)
    return pa.table({"customer_id": ids[who], "date": FIRST + day, "amount": amount})


def make_log(transactions: int, folder: Path) -> int:
    """Write the log, a file per quarter, so that customers' lines are in many; how many lines there are."""
    customers = max(1, round(transactions / PURCHASES))
    ids = np.random.default_rng(1).permutation(customers).astype(np.int64) * 7 + 1_000_000
    edges = np.append(np.arange(0, DAYS, QUARTER), DAYS)
    writers: list[pq.ParquetWriter] = []
    lines = 0
    for seed, begin in enumerate(range(0, customers, A_TIME)):
        mine = ids[begin : begin + A_TIME]
        table = simulate(mine.size, mine, seed)
        lines += len(table)
        if not writers:
            writers = [
                pq.ParquetWriter(folder / f"log-{quarter:02}.parquet", table.schema)
                for quarter in range(edges.size - 1)
            ]
        rows = np.searchsorted(table["date"].to_numpy(), FIRST + edges)
        for writer, first, last in zip(writers, rows[:-1], rows[1:], strict=True):
            writer.write_table(table.slice(first, last - first))
    for writer in writers:
        writer.close()
    return lines


def warm_up(stage: str) -> None:
    """Load the compiled code that a stage runs, and no more: its memory counts as the stage's."""
    rfm = lc.rfm_summary(simulate(3_000, np.arange(3_000), 7))
    market = None if stage == "fit of purchases alone" else "auto"
    if "fit" in stage:
        lc.CLTV(market=market).fit(rfm, draws=50)
    elif stage == "forecast":
        parameters = {"r": 0.6, "alpha": 2.0, "a": 0.6, "b": 5.0}, {"p": 3.6, "q": 4.5, "v": 34.0}
        known = lc.CLTV.from_parameters(*parameters, time_unit="week")
        known.forecast(rfm, 10, worlds=20, annual_discount_rate=0.1)


def run_stage(stage: str, folder: Path, worlds: int, memory_limit: str) -> str:
    """Run one stage and say what came of it."""
    if stage == "rfm":
        log, to = f"{folder}/log-*.parquet", folder / "rfm.parquet"
        return str(lc.rfm_summary(log, to=to, memory_limit=memory_limit))
    rfm = lc.ParquetRFM.open(folder / "rfm.parquet", memory_limit=memory_limit)
    if stage == "fit of purchases alone":
        model = lc.CLTV(spend=None, market=None).fit(rfm, random_seed=1)
    elif stage == "fit":
        model = lc.CLTV().fit(rfm, random_seed=1)
        model.save(folder / "model.nc")
    else:
        model = lc.load(folder / "model.nc")
        outlook = model.forecast(
            rfm,
            "12 months",
            to=folder / "cltv.parquet",
            worlds=worlds,
            annual_discount_rate=0.1,
            random_seed=1,
        )
        return f"{outlook.members.count:,} customers x {worlds:,} worlds\n{outlook.total.round(0)}"
    effective = model.diagnostics.query("check == 'effective draws'")["figure"].min()
    return f"{effective:,.0f} effective draws"


def keep(figures: list[dict], folder: Path, worlds: int, memory_limit: str) -> None:
    """Write what was measured, and of what, for the docs."""
    kept = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "transactions": sum(pq.read_metadata(log).num_rows for log in folder.glob("log-*.parquet")),
        "customers": pq.read_metadata(folder / "rfm.parquet").num_rows,
        "worlds": worlds,
        "memory_limit": memory_limit,
        "figures": figures,
    }
    FIGURES.write_text(json.dumps(kept, indent=1) + "\n")
    subprocess.run([sys.executable, str(FIGURES.parent / "make_benchmarks.py")], check=True)


STAGES = ("rfm", "fit of purchases alone", "fit", "forecast")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--transactions", type=int, default=100_000_000)
    parser.add_argument("--worlds", type=int, default=1000)
    parser.add_argument("--memory-limit", default="4GB", help="DuckDB's")
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    warnings.simplefilter("ignore", lc.LifecastWarning)
    if asked.stage:
        warm_up(asked.stage)
        clock, cpu = time.perf_counter(), time.process_time()
        said = run_stage(asked.stage, asked.folder, asked.worlds, asked.memory_limit)
        figures = {
            "said": said,
            "seconds": time.perf_counter() - clock,
            "cpu": time.process_time() - cpu,
            "peak": peak(),
        }
        print(json.dumps(figures))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.folder or Path(scratch)
        folder.mkdir(exist_ok=True)
        if not any(folder.glob("log-*.parquet")):
            print(f"simulated {make_log(asked.transactions, folder):,} transactions", flush=True)
        figures = []
        for stage in STAGES:
            command = [sys.executable, __file__, "--stage", stage, "--folder", str(folder)]
            command += ["--worlds", str(asked.worlds), "--memory-limit", asked.memory_limit]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found = json.loads(done.stdout.splitlines()[-1])
            figures.append({"stage": stage} | found)
            print(
                f"{stage}: {found['seconds']:.1f} s ({found['cpu']:.1f} s of CPU), "
                f"peak {found['peak']:,.0f} MB; {found['said']}",
                flush=True,
            )
        if asked.write:
            keep(figures, folder, asked.worlds, asked.memory_limit)


if __name__ == "__main__":
    main()
