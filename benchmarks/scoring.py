"""How long, and how much memory: fit and score simulated CDNOW-like customers in 1,000 worlds over 12 months.

Run: python benchmarks/scoring.py [customers]. Compiled code is warmed up on 2,000 customers first; the time
of that is told apart.
"""

import resource
import sys
import time

from simulated import cdnow_like

import lifecast as lc


def main() -> None:
    customers = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    clock = time.perf_counter()
    small = cdnow_like(2_000, seed=2)
    lc.CLTV().fit(small).forecast(small, "12 months", annual_discount_rate=0.1, worlds=50)
    print(f"warm-up on 2,000 customers: {time.perf_counter() - clock:.2f} s")
    rfm = cdnow_like(customers)
    clock = time.perf_counter()
    model = lc.CLTV().fit(rfm, random_seed=1)
    print(f"fit, {customers:,} customers: {time.perf_counter() - clock:.2f} s")
    clock = time.perf_counter()
    forecast = model.forecast(rfm, "12 months", annual_discount_rate=0.1, worlds=1000, random_seed=1)
    print(f"forecast, {customers:,} customers x 1,000 worlds: {time.perf_counter() - clock:.2f} s")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    print(forecast.total.round(0))


if __name__ == "__main__":
    main()
