"""How long a posterior takes, beside lifetimes' point estimate of the same customers in the same run.

Run: python benchmarks/fitting.py. BG/NBD on CDNOW's 23,570 customers and on a million simulated ones, and 50
channels of a million customers, partially pooled. Compiled code is warmed up first.
"""

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from simulated import cdnow_like

import lifecast as lc


def timed(what: str, run: Callable[[], Any]) -> Any:
    clock = time.perf_counter()
    result = run()
    print(f"{what}: {time.perf_counter() - clock:.2f} s", flush=True)
    return result


def posterior(rfm: lc.RFM, groups: str | None = None) -> lc.CLTV:
    model = lc.CLTV(lc.BGNBD(groups=groups), spend=None, market=None)
    return model.fit(rfm, draws=1000, random_seed=1)


def with_channels(rfm: lc.RFM, channels: int) -> lc.RFM:
    share = 1.0 / np.arange(1, channels + 1)
    names = np.random.default_rng(3).choice(channels, len(rfm), p=share / share.sum())
    frame = rfm.to_frame()[["customer_id", "frequency", "recency", "T"]]
    return lc.RFM.from_frame(frame.assign(channel=[f"channel {name}" for name in names]), time_unit="week")


def main() -> None:
    from lifetimes import BetaGeoFitter

    warnings.simplefilter("ignore", lc.LifecastWarning)
    small = cdnow_like(3_000, seed=2)
    posterior(small)
    posterior(with_channels(small, 3), "channel")
    cdnow = lc.rfm_summary(lc.datasets.load_cdnow(), time_unit="week", observation_end="1997-09-30")
    for name, rfm in (("CDNOW's 23,570", cdnow), ("1,000,000", cdnow_like(1_000_000))):
        model = timed(f"posterior of {name} customers, 1,000 draws", lambda rfm=rfm: posterior(rfm))
        checks = model.diagnostics.set_index("check")["figure"]
        print(f"  effective draws {checks['effective draws']:,.0f}, k-hat {checks['Pareto k-hat']:.2f}")
        frame = rfm.to_frame()
        timed(
            f"lifetimes' point estimate of {name} customers",
            lambda frame=frame: BetaGeoFitter().fit(frame["frequency"], frame["recency"], frame["T"]),
        )
    many = with_channels(rfm, 50)
    timed("posterior of 1,000,000 customers in 50 channels", lambda: posterior(many, "channel"))


if __name__ == "__main__":
    main()
