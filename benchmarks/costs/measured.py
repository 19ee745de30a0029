"""Runs one job of one tool in this process and prints what it cost, as JSON on the last line."""

import json
import resource
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

# From the path of the input: whatever is read or made before the clock starts, and the work itself, which
# returns figures to print beside its cost.
Job = Callable[[Path], Callable[[], dict[str, float] | None]]


def measure(jobs: dict[str, Job]) -> None:
    """Run the job that the command line names: JOB INPUT WARM_UP MEGABYTES."""
    warnings.simplefilter("ignore")
    name, given, small, megabytes = sys.argv[1:5]
    limit = int(megabytes) * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    result: dict[str, Any] = {}
    try:
        jobs[name](Path(small))()  # compiles, imports and fills caches
        work = jobs[name](Path(given))
        wall, cpu = time.perf_counter(), time.process_time()
        figures = work() or {}
        result = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu} | figures
    except MemoryError:
        result = {"failed": "out of memory"}
    print(json.dumps(result | {"megabytes": peak()}))


def peak() -> float:
    """Most memory of this process; getrusage would also tell that of the one that started it."""
    status = Path("/proc/self/status").read_text()
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kilobytes) / 1024
