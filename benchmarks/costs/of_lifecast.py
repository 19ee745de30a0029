"""What lifecast takes: JOB INPUT WARM_UP MEGABYTES; see measured.py."""

from pathlib import Path
from typing import Any

from measured import Job, measure

import lifecast as lc


def rfm(path: Path) -> Any:
    return lambda: lc.rfm_summary(str(path), time_unit="day", observation_end="1997-09-30") and None


def point(path: Path) -> Any:
    known = lc.RFM.load(path)
    model = lc.CLTV(lc.BGNBD(priors="flat"), spend=None, market=None)
    return lambda: model.fit(known, method="map") and None


def posterior(path: Path) -> Any:
    known = lc.RFM.load(path)
    model = lc.CLTV(spend=None, market=None)

    def work() -> dict[str, float]:
        checks = model.fit(known, draws=1000, random_seed=1).diagnostics.set_index("check")["figure"]
        return {"effective": float(checks["effective draws"])}

    return work


def value(path: Path) -> Any:
    known = lc.RFM.load(path)
    model = lc.CLTV().fit(known, random_seed=1)
    return lambda: model.forecast(known, "12 months", annual_discount_rate=0.1, random_seed=1) and None


JOBS: dict[str, Job] = {"rfm": rfm, "point": point, "posterior": posterior, "value": value}

if __name__ == "__main__":
    measure(JOBS)
