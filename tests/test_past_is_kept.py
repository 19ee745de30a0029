"""Does the past go where its RFM goes, and stay small whatever the number of customers?"""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_past_equals_a_slow_twin import simulated_log
from test_past_knows_nothing_later import numbers

import lifecast as lc
from lifecast import past as past_module


@pytest.mark.parametrize("columns", [["customer_id", "date", "amount"], ["customer_id", "date"]])
def test_does_a_file_give_back_the_past_to_the_last_bit(tmp_path: Path, columns: list[str]) -> None:
    rfm = lc.rfm_summary(simulated_log()[columns], holdout_end="2024-09-30", observation_end="2024-08-31")
    rfm.save(tmp_path / "rfm.parquet")
    back = lc.RFM.load(tmp_path / "rfm.parquet").past
    assert rfm.past is not None and back is not None and len(rfm.past.origins) >= 3
    assert numbers(back) == numbers(rfm.past)
    assert not back.origins[0].t_x.flags.writeable
    # The file is still a table that anyone can read.
    assert pd.read_parquet(tmp_path / "rfm.parquet").shape[0] == len(rfm)


def test_does_a_file_tell_an_empty_past_from_none(tmp_path: Path) -> None:
    one_day = pd.DataFrame({"customer_id": [1, 2], "date": ["2024-01-01"] * 2, "amount": [1.0, 2.0]})
    for log, wanted in ((one_day, True), (one_day, False), (simulated_log(), False)):
        rfm = lc.rfm_summary(log, past=wanted)
        rfm.save(tmp_path / "rfm.parquet")
        back = lc.RFM.load(tmp_path / "rfm.parquet").past
        assert (back is not None) == wanted == (rfm.past is not None)
        if back is not None and rfm.past is not None:
            assert numbers(back) == numbers(rfm.past) and back.origins == ()


def test_has_a_bare_table_no_past_and_does_the_past_not_show_in_tables() -> None:
    log = simulated_log()
    rfm, without = lc.rfm_summary(log), lc.rfm_summary(log, past=False)
    assert without.past is None
    pd.testing.assert_frame_equal(rfm.to_frame(), without.to_frame())
    assert lc.RFM.from_frame(rfm.to_frame(), time_unit="week").past is None
    assert rfm.fingerprint() == without.fingerprint()


def drawn(log: pd.DataFrame, most: int) -> pd.Series:
    """Which lines belong to the customers that are drawn: by the digests of their ids, and nothing else."""
    below = f"{(most << 32) // log['customer_id'].nunique():08x}"
    return log["customer_id"].map(lambda name: hashlib.md5(str(name).encode()).hexdigest() < below)


@pytest.mark.parametrize("whole_numbers", [False, True])
def test_is_a_big_log_sampled_by_customer(monkeypatch: pytest.MonkeyPatch, whole_numbers: bool) -> None:
    log = simulated_log(customers=2000)
    if whole_numbers:
        log["customer_id"] = log["customer_id"].str[1:].astype(int)
    log.loc[::7, "amount"] -= 30.0  # with returns
    monkeypatch.setattr(past_module, "CUSTOMERS", 1000)
    rfm = lc.rfm_summary(log)
    shuffled = lc.rfm_summary(log.sample(frac=1, random_state=1))
    assert rfm.past is not None and shuffled.past is not None and rfm.report is not None
    assert numbers(rfm.past) == numbers(shuffled.past)
    kept = pd.Series(rfm.customer_id.to_pylist(), name="customer_id").to_frame()
    sample = kept[drawn(kept, 1000)]["customer_id"]
    assert rfm.past.share == len(sample) / len(rfm)
    assert 0.45 < rfm.past.share < 0.55
    # What a smaller shop would remember that has just these customers.
    monkeypatch.setattr(past_module, "CUSTOMERS", 100_000)
    alone = lc.rfm_summary(log[log["customer_id"].isin(sample)], observation_end=rfm.observation_end).past
    assert alone is not None and alone.share == 1.0
    assert len(alone.origins) == len(rfm.past.origins) >= 3
    for ours, theirs in zip(rfm.past.origins, alone.origins, strict=True):
        for name in ("x", "t_x", "T", "later", "weight", "purchases"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
        np.testing.assert_allclose(ours.amount, theirs.amount, rtol=1e-12)
        np.testing.assert_allclose(ours.value, theirs.value, rtol=1e-12)


def test_does_the_past_stay_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past_module, "CUSTOMERS", 100)
    past = lc.rfm_summary(simulated_log(customers=2000)).past
    assert past is not None and 0.03 < past.share < 0.08
    assert all(len(origin.x) < 200 for origin in past.origins)
