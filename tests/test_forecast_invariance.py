"""Does anything that should not matter change a forecast?"""

import numpy as np
import pandas as pd
import pytest

import lifecast as lc

ACCIDENTS = {
    "chunks of 7": {"chunk_size": 7},
    "chunks of 7000": {"chunk_size": 7000},
    "one thread": {"threads": 1},
    "two threads": {"threads": 2},
}


@pytest.fixture(scope="module")
def rfm() -> lc.RFM:
    return lc.rfm_summary(lc.datasets.load_cdnow(sample=True), time_unit="week", observation_end="1997-09-30")


@pytest.fixture(scope="module")
def model(rfm: lc.RFM) -> lc.CLTV:
    return lc.CLTV().fit(rfm, random_seed=1)


def forecast_of(model: lc.CLTV, rfm: lc.RFM, **settings: int) -> lc.Forecast:
    return model.forecast(rfm, 39, annual_discount_rate=0.1, worlds=200, random_seed=3, **settings)


@pytest.mark.parametrize("accident", ACCIDENTS)
def test_do_chunks_or_threads_change_any_customer(model: lc.CLTV, rfm: lc.RFM, accident: str) -> None:
    changed = forecast_of(model, rfm, **ACCIDENTS[accident])
    pd.testing.assert_frame_equal(changed.customers, forecast_of(model, rfm).customers, check_exact=True)


def test_does_row_order_change_any_customer(model: lc.CLTV, rfm: lc.RFM) -> None:
    shuffled = lc.RFM.from_frame(rfm.to_frame().sample(frac=1, random_state=2), time_unit="week")
    changed = forecast_of(model, shuffled).customers
    assert list(changed["customer_id"]) == shuffled.customer_id.to_pylist()
    expected = forecast_of(model, rfm).customers
    pd.testing.assert_frame_equal(
        changed.sort_values("customer_id", ignore_index=True), expected, check_exact=True
    )


def test_does_the_company_of_others_change_a_customer(model: lc.CLTV, rfm: lc.RFM) -> None:
    few = lc.RFM.from_frame(rfm.to_frame().iloc[::50], time_unit="week")
    alone = forecast_of(model, few).customers.set_index("customer_id")
    together = forecast_of(model, rfm).customers.set_index("customer_id").loc[alone.index]
    drawn = ["cltv_lower", "cltv_median", "cltv_upper"]
    pd.testing.assert_frame_equal(alone[drawn], together[drawn], check_exact=True)
    pd.testing.assert_frame_equal(alone, together, rtol=1e-9)


def test_do_customers_add_up_to_the_portfolio(model: lc.CLTV, rfm: lc.RFM) -> None:
    whole = forecast_of(model, rfm)
    table = rfm.to_frame()
    parts = [
        forecast_of(model, lc.RFM.from_frame(table[table["frequency"] == 0], time_unit="week")),
        forecast_of(model, lc.RFM.from_frame(table[table["frequency"] > 0], time_unit="week")),
    ]
    for measure, draws in whole.draws.items():
        np.testing.assert_allclose(sum(part.draws[measure] for part in parts), draws, rtol=1e-9)


def test_does_the_seed_matter_and_only_the_seed(model: lc.CLTV, rfm: lc.RFM) -> None:
    again = forecast_of(model, rfm).customers
    other = model.forecast(rfm, 39, annual_discount_rate=0.1, worlds=200, random_seed=4).customers
    pd.testing.assert_frame_equal(again, forecast_of(model, rfm).customers, check_exact=True)
    assert not np.array_equal(other["cltv_upper"], again["cltv_upper"])


@pytest.mark.parametrize("unit", ["day", "month"])
def test_does_the_time_unit_change_a_forecast(unit: str) -> None:
    log = lc.datasets.load_cdnow(sample=True)

    def in_unit(unit: str) -> lc.Forecast:
        rfm = lc.rfm_summary(log, time_unit=unit, observation_end="1997-09-30")
        return (
            lc.CLTV().fit(rfm, random_seed=1)
            .forecast(rfm, "39 weeks", annual_discount_rate=0.1, worlds=100, random_seed=3)
        )  # fmt: skip

    weeks, other = in_unit("week"), in_unit(unit)
    pd.testing.assert_frame_equal(other.customers, weeks.customers, rtol=1e-6, atol=1e-9)
    pd.testing.assert_frame_equal(other.total, weeks.total, rtol=1e-6)


def test_do_cents_give_a_hundred_times_dollars() -> None:
    log = lc.datasets.load_cdnow(sample=True)

    def in_money(scale: float) -> lc.Forecast:
        rfm = lc.rfm_summary(
            log.assign(amount=log["amount"] * scale), time_unit="week", observation_end="1997-09-30"
        )
        return lc.CLTV().fit(rfm, random_seed=1).forecast(rfm, 39, worlds=100, random_seed=3)

    dollars, cents = in_money(1.0), in_money(100.0)
    money = [name for name in dollars.customers if name.startswith(("cltv", "spend"))]
    pd.testing.assert_frame_equal(
        cents.customers[money], 100 * dollars.customers[money], rtol=1e-6, atol=1e-9
    )
    rest = [name for name in dollars.customers if name not in money]
    pd.testing.assert_frame_equal(cents.customers[rest], dollars.customers[rest], rtol=1e-9)
