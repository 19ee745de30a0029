"""How well intervals hold on real logs: rolling origins every 4 weeks after the first 26.

Run: python benchmarks/interval_coverage.py [log ...]. The logs other than CDNOW lie in ../shared/data, beside
the checkout. Printed per log and pooled: coverage of 90% and 50% intervals of the portfolio's purchases and
value, 4, 13, 26 and 39 weeks ahead, and the mean interval score relative to the actual, (width + 20 x miss) /
actual, of the model, of its textbook (the same without market) and of a ten-line self-backtest; then, of
customers with three or more repeat purchases, the coverage of 90% intervals of counts and value 13 and 26
weeks ahead.
"""

import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import lifecast as lc

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
HORIZONS = (4, 13, 26, 39)
FORECASTS = {"model": "", "textbook": "textbook_", "self-backtest": "self_"}


def parquet(name: str) -> Callable[[], str]:
    return lambda: str(DATA / f"{name}.parquet")


LOGS: dict[str, Callable[[], Any]] = {
    "CDNOW": lc.datasets.load_cdnow,
    "CDNOW sample": lambda: lc.datasets.load_cdnow(sample=True),
    "grocery": parquet("grocery"),
    "apparel": parquet("apparel"),
    "retail": parquet("online_retail_II_2009_2010"),
}


def rolled(log: Any) -> lc.Backtest:
    """The backtest of one log. Early fits may fail a check; that is part of what is measured."""
    weeks = lc.rfm_summary(log, past=False).T.max()
    origins = np.arange(26, weeks - min(HORIZONS) + 1e-9, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", lc.LifecastWarning)
        return lc.backtest(log, origins=origins, horizons=HORIZONS, worlds=500, random_seed=1)


def portfolio_lines(name: str, table: pd.DataFrame) -> None:
    for measure, part in table.groupby("measure"):
        part = part[part["actual"] > 0]
        for forecast, prefix in FORECASTS.items():

            def held(level: int, prefix: str = prefix, part: pd.DataFrame = part) -> float:
                lower, upper = part[f"{prefix}lower_{level}"], part[f"{prefix}upper_{level}"]
                return float(part["actual"].between(lower, upper).mean())

            lower, upper = part[f"{prefix}lower_90"], part[f"{prefix}upper_90"]
            miss = np.maximum(0.0, np.maximum(lower - part["actual"], part["actual"] - upper))
            score = ((upper - lower + 20 * miss) / part["actual"]).mean()
            bias = (part[f"{prefix}mean"] / part["actual"] - 1).mean()
            print(
                f"{name:<14}{measure:<11}{forecast:<15}{len(part):>5}{held(90):>8.0%}{held(50):>8.0%}"
                f"{score:>8.2f}{bias:>+8.1%}"
            )


def customer_lines(name: str, table: pd.DataFrame) -> None:
    known = table[(table["who"] == "3 or more repeats") & (table["customers"] > 0)]
    for (measure, horizon), part in known[known["horizon"].isin([13, 26])].groupby(["measure", "horizon"]):
        cells = [f"{name:<14}{measure:<11}{horizon:>6g}"]
        for forecast in ("model", "textbook"):
            these = part[part["forecast"] == forecast]
            if len(these):
                for figure in ("coverage_90", "expected_coverage_90"):
                    cells.append(f"{np.average(these[figure], weights=these['customers']):>10.1%}")
        print("".join(cells))


def main() -> None:
    chosen = sys.argv[1:] or list(LOGS)
    portfolio, customers = {}, {}
    for name in chosen:
        clock = time.perf_counter()
        result = rolled(LOGS[name]())
        portfolio[name], customers[name] = result.portfolio, result.customers
        print(f"{name}: {result}, {time.perf_counter() - clock:.1f} s", flush=True)
    print(f"\n{'portfolio':<14}{'':<11}{'':<15}{'n':>5}{'90%':>8}{'50%':>8}{'score':>8}{'bias':>8}")
    for name, table in portfolio.items():
        portfolio_lines(name, table)
    portfolio_lines("pooled", pd.concat(portfolio.values()))
    for horizon in HORIZONS:
        every = pd.concat(portfolio.values())
        portfolio_lines(f"  {horizon} weeks", every[every["horizon"] == horizon])
    print("\ncustomers with 3 or more repeats: coverage of 90% intervals, and what they promise")
    print(f"{'':<25}{'weeks':>6}{'model':>10}{'promised':>10}{'textbook':>10}{'promised':>10}")
    for name, table in customers.items():
        customer_lines(name, table)


if __name__ == "__main__":
    main()
