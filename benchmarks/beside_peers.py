"""What lifecast costs beside lifetimes and pymc-marketing, by size, in one run on one machine.

Run: python benchmarks/beside_peers.py [--largest 1000000] [--write]. Every figure is one job in a process of
its own, warmed up on 3,000 customers first, so that compiling is not counted; memory is that process's peak.
The peers live in an environment of their own, built once under benchmarks/.peers (minutes). The whole takes
about half an hour, nearly all of it the peers'. --write keeps the figures in docs/benchmarks.json, and makes
of them the tables of docs/benchmarks.md and docs/images/costs.png.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from environment import peers_interpreter
from simulated import cdnow_like, cdnow_like_log

import lifecast as lc

HERE = Path(__file__).resolve().parent
FIGURES = HERE.parent / "docs" / "benchmarks.json"
SMALL = 3_000
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
PATIENCE = 1_800  # seconds
MEGABYTES = 20_000  # of address space, on a machine of 23 GB

# The largest size that each tool is asked for: beyond it pymc-marketing's sampler takes an hour or more. Its
# value of a million customers is asked for because it ends at once, out of memory.
LARGEST = {
    ("lifecast", "rfm"): 10_000_000,
    ("lifetimes", "rfm"): 10_000_000,
    ("pymc-marketing", "rfm"): 10_000_000,
    ("lifecast", "point"): 10_000_000,
    ("lifetimes", "point"): 10_000_000,
    ("pymc-marketing", "point"): 10_000_000,
    ("lifecast", "posterior"): 10_000_000,
    ("pymc-marketing", "posterior"): 100_000,
    ("lifecast", "value"): 10_000_000,
    ("lifetimes", "value"): 1_000_000,
    ("pymc-marketing", "value"): 1_000_000,
}
START_UP = {
    "import lifecast": [sys.executable, "-c", "import lifecast"],
    "lifecast --help": [str(Path(sys.executable).parent / "lifecast"), "--help"],
    "from a cold start to CDNOW's forecast": [
        sys.executable,
        "-c",
        "import lifecast as lc\n"
        "rfm = lc.rfm_summary(lc.datasets.load_cdnow(), time_unit='week', observation_end='1997-09-30')\n"
        "lc.CLTV().fit(rfm).forecast(rfm, 39)",
    ],
}


@dataclass(frozen=True)
class Input:
    """Files of one size: what a job reads, and the small one that it warms up on."""

    name: str
    size: int
    path: Path
    small: Path


def inputs(folder: Path, largest: int) -> tuple[list[Input], list[Input]]:
    """Logs by transactions, and RFMs by customers."""
    logs, rfms = [], []
    small_log, small_rfm = folder / "small-log.parquet", folder / "small-rfm.parquet"
    cdnow_like_log(SMALL, small_log, seed=2)
    cdnow_like(SMALL, seed=2).save(small_rfm)
    cdnow = lc.datasets.load_cdnow()
    cdnow = cdnow[cdnow["date"] <= "1997-09-30"]
    cdnow.to_parquet(folder / "cdnow-log.parquet", index=False)
    lc.rfm_summary(cdnow, time_unit="week", observation_end="1997-09-30").save(folder / "cdnow-rfm.parquet")
    customers = cdnow["customer_id"].nunique()
    logs.append(Input("CDNOW", len(cdnow), folder / "cdnow-log.parquet", small_log))
    rfms.append(Input("CDNOW", customers, folder / "cdnow-rfm.parquet", small_rfm))
    for size in (size for size in SIZES if size <= largest):
        log, rfm = folder / f"log-{size}.parquet", folder / f"rfm-{size}.parquet"
        logs.append(Input("simulated", cdnow_like_log(size // 2, log), log, small_log))
        cdnow_like(size).save(rfm)
        rfms.append(Input("simulated", size, rfm, small_rfm))
    return logs, rfms


def cost(tool: str, interpreter: str, job: str, given: Input) -> dict[str, Any]:
    """Run one job in its own process."""
    script = HERE / "costs" / f"of_{tool.replace('-', '_')}.py"
    command = [interpreter, str(script), job, str(given.path), str(given.small), str(MEGABYTES)]
    about = {"tool": tool, "job": job, "data": given.name, "size": given.size}
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return about | {"failed": f"not done in {PATIENCE // 60} minutes"}
    if ran.returncode:
        return about | {"failed": ran.stderr.strip().splitlines()[-1][:200] if ran.stderr else "killed"}
    return about | json.loads(ran.stdout.strip().splitlines()[-1])


def start_up() -> list[dict[str, Any]]:
    """Seconds from starting a process to its end; the best of three, caches of compiled code being there."""
    found = []
    for name, command in START_UP.items():
        seconds = []
        for _ in range(3):
            clock = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds.append(time.perf_counter() - clock)
        found.append({"tool": "lifecast", "job": name, "seconds": min(seconds)})
    return found


def measure(largest: int, interpreter: str) -> pd.DataFrame:
    """All figures, printed as they come."""
    interpreters = {"lifecast": sys.executable, "lifetimes": interpreter, "pymc-marketing": interpreter}
    found = start_up()
    with tempfile.TemporaryDirectory() as folder:
        logs, rfms = inputs(Path(folder), largest)
        for (tool, job), most in LARGEST.items():
            for given in logs if job == "rfm" else rfms:
                if given.size <= 1.2 * most:
                    found.append(cost(tool, interpreters[tool], job, given))
                    print(json.dumps(found[-1]), flush=True)
    return pd.DataFrame(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--largest", type=int, default=1_000_000, help="customers, and transactions")
    parser.add_argument("--peers", help="interpreter that has pymc-marketing and lifetimes")
    parser.add_argument("--python", help="Python 3.12 or newer, to build the peers' environment with")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md and its figure")
    asked = parser.parse_args()
    figures = measure(asked.largest, asked.peers or peers_interpreter(asked.python))
    print(figures.to_string())
    if asked.write:
        machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
        kept = {"machine": machine, "figures": json.loads(figures.to_json(orient="records"))}
        FIGURES.write_text(json.dumps(kept, indent=1))
        subprocess.run([sys.executable, str(HERE.parent / "docs" / "make_benchmarks.py")], check=True)


if __name__ == "__main__":
    main()
