"""What lifecast takes: JOB INPUT WARM_UP MEGABYTES; see measured.py.

Fits and forecasts begin at the file, and forecasts end in one: reading and writing are counted.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from measured import Job, measure

import lifecast as lc


def rfm(path: Path) -> Any:
    return lambda: lc.rfm_summary(str(path), time_unit="day", observation_end="1997-09-30") and None


def point(path: Path) -> Any:
    model = lc.CLTV(lc.BGNBD(priors="flat"), spend=None, market=None)
    return lambda: model.fit(lc.ParquetRFM.open(path), method="map") and None


def posterior(path: Path) -> Any:
    model = lc.CLTV(spend=None, market=None)

    def work() -> dict[str, float]:
        model.fit(lc.ParquetRFM.open(path), draws=1000, random_seed=1)
        checks = model.diagnostics.set_index("check")["figure"]
        return {"effective": float(checks["effective draws"])}

    return work


def value(path: Path) -> Any:
    customers = lc.ParquetRFM.open(path)
    model = lc.CLTV().fit(customers, random_seed=1)

    def work() -> None:
        with TemporaryDirectory() as folder:
            model.forecast(
                customers, "12 months", to=f"{folder}/cltv.parquet", annual_discount_rate=0.1, random_seed=1
            )

    return work


JOBS: dict[str, Job] = {"rfm": rfm, "point": point, "posterior": posterior, "value": value}

if __name__ == "__main__":
    measure(JOBS)
