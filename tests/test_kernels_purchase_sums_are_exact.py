"""Are customers' sums those of whole numbers, not a digit lost on the way?"""

import math
from fractions import Fraction
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import lifecast as lc
from lifecast.kernels.purchase_sums import COARSE_UNITS, LOG_UNITS, MONDAY, add_up, squared_spread, to_double

SCALE = 2.0**40


def pair(whole: int) -> tuple[int, int]:
    return whole >> 32, whole & (2**32 - 1)


def test_is_a_pair_rounded_as_duckdb_rounds() -> None:
    rng = np.random.default_rng(1)
    edges = [
        sign * (2**power + step) for sign in (1, -1) for power in (0, 32, 63, 64, 94) for step in (-1, 0, 1)
    ]
    drawn = [int(rng.integers(-(2**62), 2**62)) >> int(rng.integers(60)) for _ in range(500)]
    wide = [one * int(rng.integers(2**32)) + 1 for one in drawn]
    numbers = edges + drawn + wide
    with duckdb.connect() as connection:
        connection.register(
            "numbers", pa.table({"place": range(len(numbers)), "text": list(map(str, numbers))})
        )
        sql = "SELECT CAST(CAST(text AS HUGEINT) AS DOUBLE) FROM numbers ORDER BY place"
        expected = [row[0] for row in connection.execute(sql).fetchall()]
    assert [to_double(*pair(number)) for number in numbers] == expected
    high, low = pair(numbers[-1])
    assert to_double(high - 5, low + (5 << 32)) == expected[-1]  # a pair that was not carried over


@pytest.mark.parametrize("most", [2, 2**12, 2**28, 2**31])
def test_is_the_spread_that_of_whole_numbers(most: int) -> None:
    rng = np.random.default_rng(2)
    for count in (1, 2, 3, 400, 30_000):
        numbers = rng.integers(-most, most, count).tolist()
        total, squares = sum(numbers), sum(number * number for number in numbers)
        exact = count * squares - total * total
        assert squared_spread(count, total, *pair(squares)) == pytest.approx(exact, rel=2**-51, abs=0)


def slow_twin(day: Any, units: Any, merge_days: int) -> tuple[list[int], list[float], int]:
    """One customer's counts, sums and money, in whole numbers of any size."""
    bought: dict[int, tuple[int, int]] = {}
    for when, money in zip(day.tolist(), units.tolist(), strict=True):
        block = (when - MONDAY) // merge_days
        first, so_far = bought.get(block, (when, 0))
        bought[block] = (first, so_far + money)
    days, money = zip(*bought.values(), strict=True)
    repeats = [one for one in money[1:] if one > 0]
    logs = [round(math.log(one / SCALE) * LOG_UNITS) for one in repeats]
    coarse = [round(math.log(one) * COARSE_UNITS) for one in repeats]
    spread = len(coarse) * sum(one * one for one in coarse) - sum(coarse) ** 2
    return (
        [len(days) - 1, days[0], days[-1] - days[0], len(repeats), sum(one == 0 for one in money)],
        [float(sum(money[1:]) / Fraction(SCALE)), float(sum(logs) / Fraction(LOG_UNITS)),
         float(spread / Fraction(COARSE_UNITS**2))],
        sum(money),
    )  # fmt: skip


@pytest.mark.parametrize("merge_days", [1, 7])
@pytest.mark.parametrize("largest", [5, 2**40, 2**61])
def test_do_sums_equal_a_slow_twin(largest: int, merge_days: int) -> None:
    rng = np.random.default_rng(3)
    sizes = rng.geometric(0.1, 200)
    starts = np.append(0, np.cumsum(sizes))
    day = np.concatenate([np.sort(rng.integers(-60, 60, size)) for size in sizes]).astype(np.int32)
    units = rng.integers(0, largest, day.size) * (rng.random(day.size) < 0.9)
    counts, sums, money = add_up(starts, day, units >> 32, units & (2**32 - 1), merge_days, SCALE)
    for customer, rows in enumerate(map(slice, starts[:-1], starts[1:])):
        expected = slow_twin(day[rows], units[rows], merge_days)
        assert counts[:, customer].tolist() == expected[0]
        np.testing.assert_allclose(sums[:, customer], expected[1], rtol=2**-51, atol=0)
        assert (int(money[0, customer]) << 32) + int(money[1, customer]) == expected[2]


def test_are_customers_whole_whose_lines_come_in_several_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    from lifecast.engines import duckdb_sums

    rng = np.random.default_rng(4)
    customer = np.repeat(["a", "b", "c", "d", "e"], [3, 9_000, 1, 5_000, 2])
    days = pd.to_timedelta(rng.integers(0, 900, customer.size), unit="D")
    log = pd.DataFrame(
        {
            "customer_id": customer,
            "date": pd.Timestamp("2020-01-01") + days,
            "amount": rng.gamma(2.0, 9.0, days.size),
        }
    ).sample(frac=1, random_state=5)
    whole = lc.rfm_summary(log)
    monkeypatch.setattr(duckdb_sums, "_LINES_AT_A_TIME", 2_048)
    in_batches = lc.rfm_summary(log)
    assert whole.customer_id.to_pylist() == ["a", "b", "c", "d", "e"]
    pd.testing.assert_frame_equal(in_batches.to_frame(), whole.to_frame(), check_exact=True)
    twin = log.groupby(["customer_id", "date"])["amount"].sum().groupby("customer_id")
    assert whole.frequency.tolist() == (twin.size() - 1).tolist()
    repeats = twin.apply(lambda amounts: amounts.iloc[1:].mean() if len(amounts) > 1 else 0.0)
    np.testing.assert_allclose(whole.monetary_value, repeats, rtol=1e-12)  # type: ignore[arg-type]
