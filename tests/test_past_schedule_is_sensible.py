"""Do blocks and origins suit logs from days to decades, and from a few purchases to many?"""

import numpy as np
import pandas as pd
import pytest

import lifecast as lc
from lifecast.past import past_schedule


@pytest.mark.parametrize("age_days", [*range(3, 60), 100, 273, 365, 366, 545, 730, 1000, 3653, 10_000])
@pytest.mark.parametrize("purchases_per_day", [0.05, 0.3, 1.0, 15.0, 1e6])
def test_do_origins_leave_enough_before_and_after(age_days: int, purchases_per_day: float) -> None:
    block, back = past_schedule(age_days, purchases_per_day)
    needed = 15 / purchases_per_day
    assert block >= min(1, age_days) and (block >= needed or not back.size)
    assert block == max(np.clip(round(age_days / 13), 1, 30), min(np.ceil(needed), age_days))
    assert back.size <= 12
    if age_days - block < max(age_days / 4, 2 * block):
        assert not back.size
        return
    assert back[-1] == 1 and np.all(np.diff(back) < 0)
    assert np.ptp(np.diff(back, append=0)[:-1]) <= 1 if back.size > 1 else True  # evenly spread
    earliest = age_days - block * back[0]
    assert earliest >= max(age_days / 4, 2 * block)
    assert earliest - block < max(age_days / 4, 2 * block)  # and no edge before it would do


@pytest.mark.parametrize(
    ("age_days", "purchases_per_day", "block", "back"),
    [
        (272, 100.0, 21, [9, 8, 7, 6, 5, 4, 3, 2, 1]),  # CDNOW's first 39 weeks
        (272, 0.5, 30, [6, 5, 4, 3, 2, 1]),  # 15 purchases take 30 days
        (272, 0.15, 100, []),  # and here 100: a block each before, between and after has no room
        (10_000, 1e6, 30, [250, 227, 205, 182, 159, 137, 114, 92, 69, 46, 24, 1]),
        (3, 1e6, 1, [1]),
        (2, 1e6, 1, []),
        (0, 1e6, 1, []),
        (365, 0.0, 365, []),
    ],
)
def test_are_some_schedules_as_expected(
    age_days: int, purchases_per_day: float, block: int, back: list[int]
) -> None:
    chosen, origins = past_schedule(age_days, purchases_per_day)
    assert (chosen, origins.tolist()) == (block, back)


def shop(customers: int, days: list[int]) -> pd.DataFrame:
    log = pd.DataFrame([(c, d) for c in range(customers) for d in days], columns=["customer_id", "day"])
    log["date"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(log.pop("day"), unit="D")
    return log.assign(amount=5.0)


@pytest.mark.parametrize(
    "log",
    [
        shop(100, [0]),  # a day
        shop(100, [0, 1]),  # two
        shop(2, [0, 100, 200]),  # hardly anyone
        pd.DataFrame({"customer_id": range(365), "date": pd.date_range("2024-01-01", periods=365)}),  # once
    ],
)
def test_has_a_log_that_is_too_short_or_shows_no_repeat_no_origins(log: pd.DataFrame) -> None:
    past = lc.rfm_summary(log).past
    assert past is not None and past.origins == () and past.spend_steadiness is None
    assert past.share == 1.0 and past.block > 0.0


def test_are_blocks_longer_where_few_purchases_happen() -> None:
    busy, quiet = (
        lc.rfm_summary(shop(100, list(range(0, 360, 4)))),
        lc.rfm_summary(shop(2, list(range(0, 360, 4)))),
    )
    assert busy.past is not None and quiet.past is not None
    assert busy.past.block < quiet.past.block
    for past in (busy.past, quiet.past):
        assert past.origins and past.origins[-1].purchases.mean() >= 14
