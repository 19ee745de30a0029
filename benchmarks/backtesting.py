"""How long a backtest takes: CDNOW's 23,570 customers, 20 origins, horizons of 4, 13, 26 and 39 weeks.

Run: python benchmarks/backtesting.py. Compiled code is warmed up on the sample of 2,357 first; the time of
that is told apart. CPU time beside the clock's tells how far other work on the machine has slowed it.
"""

import time
import warnings

import lifecast as lc

HORIZONS = (4, 13, 26, 39)


def timed(log: object, origins: int) -> str:
    clock, busy = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", lc.LifecastWarning)
        result = lc.backtest(log, origins=origins, horizons=HORIZONS, random_seed=1)
    return f"{result}, {time.perf_counter() - clock:.1f} s, CPU {time.process_time() - busy:.1f} s"


def main() -> None:
    print(f"warm-up: {timed(lc.datasets.load_cdnow(sample=True), 1)}")
    print(timed(lc.datasets.load_cdnow(), 20))


if __name__ == "__main__":
    main()
