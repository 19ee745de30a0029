"""What lifetimes 0.11.3 takes: JOB INPUT WARM_UP MEGABYTES; see measured.py."""

from pathlib import Path
from typing import Any

import pandas as pd
from lifetimes import BetaGeoFitter, GammaGammaFitter
from lifetimes.utils import summary_data_from_transaction_data
from measured import Job, measure


def rfm(path: Path) -> Any:
    def work() -> None:
        log = pd.read_parquet(path)
        summary_data_from_transaction_data(
            log, "customer_id", "date", "amount", freq="D", observation_period_end="1997-09-30"
        )

    return work


def customers(path: Path) -> tuple[pd.DataFrame, tuple[pd.Series, pd.Series, pd.Series]]:
    table = pd.read_parquet(path)
    return table, (table["frequency"], table["recency"], table["T"])


def point(path: Path) -> Any:
    _, past = customers(path)
    return lambda: BetaGeoFitter().fit(*past) and None


def value(path: Path) -> Any:
    table, past = customers(path)
    purchases = BetaGeoFitter().fit(*past)
    repeaters = table[(table["frequency"] > 0) & (table["monetary_value"] > 0)]  # it takes no zeros
    spend = GammaGammaFitter().fit(repeaters["frequency"], repeaters["monetary_value"])

    def work() -> None:
        spend.customer_lifetime_value(
            purchases, *past, table["monetary_value"], time=12, discount_rate=0.008, freq="W"
        )

    return work


JOBS: dict[str, Job] = {"rfm": rfm, "point": point, "value": value}

if __name__ == "__main__":
    measure(JOBS)
