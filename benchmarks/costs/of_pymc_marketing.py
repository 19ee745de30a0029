"""What pymc-marketing 1.3 takes: JOB INPUT WARM_UP MEGABYTES; see measured.py."""

from pathlib import Path
from typing import Any

import arviz as az
import pandas as pd
from measured import Job, measure
from pymc_marketing.clv import BetaGeoModel, GammaGammaModel
from pymc_marketing.clv.utils import rfm_summary

SEED = 1


def rfm(path: Path) -> Any:
    def work() -> None:
        log = pd.read_parquet(path)
        rfm_summary(log, "customer_id", "date", "amount", time_unit="D", observation_period_end="1997-09-30")

    return work


def customers(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path)[["customer_id", "frequency", "recency", "T", "monetary_value"]]


def point(path: Path) -> Any:
    table = customers(path)
    return lambda: BetaGeoModel().fit(table, method="map", progressbar=False) and None


def posterior(path: Path) -> Any:
    table = customers(path)

    def work() -> dict[str, float]:
        model = BetaGeoModel()
        model.fit(table, nuts_sampler="nutpie", draws=1000, tune=1000, chains=4, random_seed=SEED,
                  progressbar=False)  # fmt: skip
        effective = az.ess(model.posterior)
        return {"effective": min(float(effective[name]) for name in ("r", "alpha", "a", "b"))}

    return work


def value(path: Path) -> Any:
    """The value alone: its 1,000 posterior draws are of 2,000 customers, which the clock does not see."""
    table = customers(path)
    few = table.head(2_000)
    purchases, spend = BetaGeoModel(), GammaGammaModel()
    for model, rows in ((purchases, few), (spend, few[few["frequency"] > 0])):
        model.fit(rows, nuts_sampler="nutpie", draws=250, tune=500, chains=4, random_seed=SEED,
                  progressbar=False)  # fmt: skip

    def work() -> None:
        spend.expected_customer_lifetime_value(
            purchases, table, future_t=12, discount_rate=0.008, time_unit="W"
        )

    return work


JOBS: dict[str, Job] = {"rfm": rfm, "point": point, "posterior": posterior, "value": value}

if __name__ == "__main__":
    measure(JOBS)
