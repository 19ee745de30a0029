"""Do the things hold that hold for any customers: whatever the unit, the order, the company, the horizon?"""

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lifecast as lc

BUYS = {
    "bg-nbd": {"r": 0.24, "alpha": 4.4, "a": 0.8, "b": 2.4},
    "mbg-nbd": {"r": 0.5, "alpha": 6.0, "a": 0.9, "b": 2.0},
    "pareto-nbd": {"r": 0.55, "alpha": 10.6, "s": 0.6, "beta": 11.7},
    "nbd": {"r": 0.4, "alpha": 9.0},
}
PAYS = {"p": 6.25, "q": 3.74, "v": 15.44}
CASES = settings(max_examples=15, deadline=None, derandomize=True)


def known(name: str) -> lc.CLTV:
    return lc.CLTV.from_parameters(BUYS[name], PAYS, families=(name, "gamma-gamma"), time_unit="week")


MODELS = {name: known(name) for name in BUYS}


@st.composite
def tables(draw: Any) -> pd.DataFrame:
    """A few customers of any kind."""
    count = draw(st.integers(1, 6))
    age = np.array(draw(st.lists(st.floats(0.5, 300.0), min_size=count, max_size=count)))
    frequency = np.array(draw(st.lists(st.sampled_from([0, 0, 1, 2, 9, 60]), min_size=count, max_size=count)))
    share = np.array(draw(st.lists(st.floats(0.01, 1.0), min_size=count, max_size=count)))
    mean = np.array(draw(st.lists(st.floats(0.01, 1e5), min_size=count, max_size=count)))
    again = frequency > 0
    return pd.DataFrame(
        {
            "customer_id": [f"c{number}" for number in range(count)],
            "frequency": frequency,
            "recency": np.where(again, age * share, 0.0),
            "T": age,
            "monetary_value": np.where(again, mean, 0.0),
        }
    )


def rfm_of(table: pd.DataFrame, unit: str = "week") -> lc.RFM:
    return lc.RFM.from_frame(table, unit)


@pytest.mark.parametrize("name", ["bg-nbd", "mbg-nbd", "pareto-nbd"])
@given(table=tables(), longer=st.floats(0.1, 100.0))
@CASES
def test_does_silence_lower_the_chance_to_be_alive(name: str, table: pd.DataFrame, longer: float) -> None:
    now = MODELS[name].probability_alive(rfm_of(table))
    later = MODELS[name].probability_alive(rfm_of(table.assign(T=table["T"] + longer)))
    assert ((now >= 0) & (now <= 1)).all()
    if name == "mbg-nbd":  # there one-time buyers may have left at once, and waiting says nothing of others
        return
    assert (later <= now + 1e-12).all()


@pytest.mark.parametrize("name", BUYS)
@given(table=tables(), days=st.floats(0.5, 40.0), money=st.floats(1e-6, 1e6))
@CASES
def test_do_unit_and_currency_not_matter(name: str, table: pd.DataFrame, days: float, money: float) -> None:
    week = MODELS[name].expected_value(rfm_of(table), 39, annual_discount_rate=0.1)
    stretch = 7 / days
    times = {key: value * stretch for key, value in BUYS[name].items() if key in ("alpha", "beta")}
    pays = PAYS | {"v": PAYS["v"] * money}
    other = lc.CLTV.from_parameters(BUYS[name] | times, pays, families=(name, "gamma-gamma"), time_unit=days)
    moved = table.assign(
        recency=table["recency"] * stretch,
        T=np.maximum(table["T"] * stretch, table["recency"] * stretch),
        monetary_value=table["monetary_value"] * money,
    )
    rfm = lc.RFM.from_frame(moved, days)
    found = other.expected_value(rfm, 39 * stretch, annual_discount_rate=0.1)
    np.testing.assert_allclose(found, week * money, rtol=2e-8)


@pytest.mark.parametrize("name", BUYS)
@given(table=tables(), ends=st.tuples(st.floats(0.0, 60.0), st.floats(0.0, 60.0)))
@CASES
def test_do_horizons_add_up_and_begin_at_nothing(
    name: str, table: pd.DataFrame, ends: tuple[float, float]
) -> None:
    model, rfm = MODELS[name], rfm_of(table)
    first, last = sorted(ends)
    whole = model.expected_value(rfm, last, annual_discount_rate=0.1)
    early = model.expected_value(rfm, first, annual_discount_rate=0.1)
    late = model.expected_value(rfm, last, annual_discount_rate=0.1, start=first)
    np.testing.assert_allclose(early + late, whole, rtol=1e-7, atol=1e-9 * float(whole.max() + 1))
    assert (late >= -1e-9 * (whole.max() + 1)).all()
    assert (model.expected_value(rfm, 0) == 0).all()


@given(table=tables())
@CASES
def test_is_the_future_worth_nothing_to_who_discounts_all_of_it(table: pd.DataFrame) -> None:
    model, rfm = MODELS["bg-nbd"], rfm_of(table)
    rates = [0.0, 0.1, 10.0, 1e3, 1e6]
    values = [model.expected_value(rfm, 52, annual_discount_rate=rate).sum() for rate in rates]
    assert all(more >= less for more, less in itertools.pairwise(values))
    assert values[-1] < 0.5 * values[0]


@given(table=tables(), order=st.randoms(use_true_random=False), parts=st.integers(1, 3))
@settings(max_examples=6, deadline=None, derandomize=True)
def test_do_order_chunks_threads_and_parts_change_nothing(
    table: pd.DataFrame, order: Any, parts: int
) -> None:
    model = MODELS["bg-nbd"]
    plan = {"horizon": 20, "worlds": 40, "random_seed": 5}
    whole = model.forecast(rfm_of(table), **plan).customers.set_index("customer_id")
    places = list(range(len(table)))
    order.shuffle(places)
    shuffled = rfm_of(table.iloc[places])
    again = model.forecast(shuffled, **plan, chunk_size=parts, threads=parts).customers.set_index(
        "customer_id"
    )
    drawn = ["cltv_lower", "cltv_median", "cltv_upper"]
    pd.testing.assert_frame_equal(again.loc[whole.index, drawn], whole[drawn], check_exact=True)
    some = model.forecast(rfm_of(table.iloc[::2]), **plan).customers.set_index("customer_id")
    pd.testing.assert_frame_equal(some[drawn], whole.loc[some.index, drawn], check_exact=True)


@given(table=tables())
@settings(max_examples=10, deadline=None, derandomize=True)
def test_do_tables_come_back_from_files(table: pd.DataFrame, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("rfm") / "rfm.parquet"
    rfm = rfm_of(table)
    rfm.save(path)
    back = lc.RFM.load(path)
    assert back.fingerprint() == rfm.fingerprint()
    assert back.customer_id.equals(rfm.customer_id) and math.isclose(back.time_unit.days, 7.0)
