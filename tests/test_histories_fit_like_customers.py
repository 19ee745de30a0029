"""Is a fit of counted histories that of the customers, to the last bit, in any order?"""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from shops import shop

import lifecast as lc
from lifecast.diagnostics import some_of
from lifecast.histories import Histories, columns_of

SETTINGS: dict[str, Any] = {"draws": 200, "random_seed": 3}


@pytest.fixture(scope="module")
def rfm() -> lc.RFM:
    """Two channels, an age with gaps of a quarter, amounts in whole currency so that histories coincide."""
    log = shop(1500, 400, 5)
    rng = np.random.default_rng(1)
    log["amount"] = np.round(rng.gamma(3.0, 5.0, len(log)))
    log["channel"] = np.where(log["customer_id"] % 3 == 0, "shop", "web")
    log["age"] = log["customer_id"] % 29 / 4
    return lc.rfm_summary(log, attributes=["channel", "age"])


def shuffled(rfm: lc.RFM, seed: int) -> lc.RFM:
    """The same customers in another order."""
    order = pa.array(np.random.default_rng(seed).permutation(len(rfm)))
    columns = {
        name: None if values is None else values[order.to_numpy()]
        for name in ("frequency", "recency", "T", *MONEY)
        for values in [getattr(rfm, name)]
    }
    return lc.RFM(
        customer_id=rfm.customer_id.take(order),
        **columns,
        time_unit=rfm.time_unit,
        attributes={name: values.take(order) for name, values in rfm.attributes.items()},
        observation_end=rfm.observation_end,
        report=rfm.report,
        past=rfm.past,
    )


MONEY = ("monetary_value", "monetary_log_mean", "monetary_log_sd", "monetary_frequency")


def slow_counts(rfm: lc.RFM, columns: list[str]) -> dict[tuple[Any, ...], int]:
    counted: dict[tuple[Any, ...], int] = {}
    for row in rfm.to_frame()[columns].itertuples(index=False):
        counted[tuple(row)] = counted.get(tuple(row), 0) + 1
    return counted


@pytest.mark.parametrize("attributes", [[], ["channel"], ["channel", "age"]])
def test_is_every_customer_counted_once(rfm: lc.RFM, attributes: list[str]) -> None:
    histories = Histories.of(rfm, attributes)
    of_purchases, of_spend = ["frequency", "recency", "T"], ["frequency", *MONEY]
    for table, names in ((histories.purchases, of_purchases), (histories.spend, of_spend)):
        columns = as_frame(table)
        keys = columns[[*names, *attributes]].itertuples(index=False, name=None)
        assert dict(zip(keys, columns["customers"], strict=True)) == slow_counts(rfm, [*names, *attributes])
    assert len(histories) == len(rfm)
    assert histories.repeat_buyers == np.count_nonzero(rfm.frequency)
    assert histories.fingerprint() == rfm.fingerprint()
    assert (histories.past, histories.report) == (rfm.past, rfm.report)


def test_do_attributes_change_nothing_that_no_family_asks_for(rfm: lc.RFM) -> None:
    more = Histories.of(rfm, ["channel", "age"])
    apart = lc.CLTV(market=None).fit(more, **SETTINGS)  # those alike but for these are counted as one again
    plain = lc.CLTV(market=None).fit(rfm, **SETTINGS)
    pd.testing.assert_frame_equal(apart.parameters, plain.parameters, check_exact=True)


@pytest.mark.parametrize(
    "model",
    [
        lc.CLTV(market=None),
        lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(covariates=["channel"]), market=None),
        lc.CLTV(lc.BGNBD(covariates=["age"]), lc.LogNormal(groups="channel"), market=None),
    ],
)
def test_is_the_posterior_the_same_to_the_last_bit(rfm: lc.RFM, model: lc.CLTV) -> None:
    expected = model.fit(rfm, **SETTINGS).posterior
    for customers in (Histories.of(rfm, ["age", "channel"]), shuffled(rfm, 1)):
        found = model.fit(customers, **SETTINGS).posterior
        assert found.identical(expected)


def test_is_a_history_counted_in_parts_the_same(rfm: lc.RFM) -> None:
    """As partitions would hand them over: some rows several times, in any order."""
    whole = Histories.of(rfm, ["channel"])
    assert whole.spend is not None
    rng = np.random.default_rng(4)

    def in_parts(table: Any) -> dict[str, Any]:
        columns = columns_of(table)
        part = np.floor(columns["customers"] * rng.uniform(size=len(table)))
        order = rng.permutation(2 * len(table))
        twice = {
            name: pa.concat_arrays([values, values]).take(pa.array(order))
            if isinstance(values, pa.Array)
            else np.tile(values, 2)[order]
            for name, values in columns.items()
        }
        weights = np.append(part, columns["customers"] - part)[order]
        there = weights > 0
        return {
            name: values.filter(pa.array(there)) if isinstance(values, pa.Array) else values[there]
            for name, values in (twice | {"customers": weights}).items()
        }

    parts = Histories.count(
        in_parts(whole.purchases), in_parts(whole.spend), ["channel"], rfm.time_unit, rfm.observation_end
    )
    for table, other in ((whole.purchases, parts.purchases), (whole.spend, parts.spend)):
        pd.testing.assert_frame_equal(as_frame(table), as_frame(other))


def as_frame(table: Any) -> pd.DataFrame:
    return pd.DataFrame({name: np.asarray(values) for name, values in columns_of(table).items()})


def test_does_a_fit_say_which_attribute_is_missing(rfm: lc.RFM) -> None:
    model = lc.CLTV(lc.BGNBD(groups="channel"), None, market=None)
    with pytest.raises(lc.SettingsError, match=r"needs the attribute 'channel'; .*age"):
        model.fit(Histories.of(rfm, ["age"]), **SETTINGS)


def test_are_all_customers_looked_at_or_every_so_many_th() -> None:
    rows, customers = np.array([1, 3, 4]), np.array([0.0, 30_000.0, 0.0, 9_000.0, 1_000.0])
    rng = np.random.default_rng(1)
    chosen = some_of(rows, customers, rng)
    assert np.bincount(chosen, minlength=5).tolist() == [0, 15_000, 0, 4_500, 500]
    few = some_of(rows, customers / 1000, rng)
    assert np.bincount(few, minlength=5).tolist() == [0, 30, 0, 9, 1]
