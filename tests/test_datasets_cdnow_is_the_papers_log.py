"""Is CDNOW, full and sample, the log that the papers describe?"""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from lifecast import datasets
from lifecast.errors import LifecastError


def test_does_the_full_log_have_its_customers_and_purchases() -> None:
    # Fader & Hardie (2001): 23,570 customers, 69,659 purchases to the end of June 1998.
    log = datasets.load_cdnow()
    assert (len(log), log["customer_id"].nunique()) == (69_659, 23_570)
    assert (log["amount"] == 0).sum() == 80
    assert (log["date"].min(), log["date"].max()) == (pd.Timestamp("1997-01-01"), pd.Timestamp("1998-06-30"))


def test_is_the_sample_a_part_of_the_full_log_under_the_same_ids() -> None:
    sample = datasets.load_cdnow(sample=True)
    full = datasets.load_cdnow()
    same = full[full["customer_id"].isin(sample["customer_id"])]
    columns = list(sample.columns)
    assert sample["customer_id"].nunique() == 2_357
    pd.testing.assert_frame_equal(
        sample.sort_values(columns, ignore_index=True), same.sort_values(columns, ignore_index=True)
    )


def test_does_loading_leave_lifetimes_alone() -> None:
    code = (
        "import sys, lifecast; lifecast.datasets.load_cdnow(sample=True); print('lifetimes' in sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "False"


def test_does_it_say_where_a_missing_file_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda self: False)
    with pytest.raises(LifecastError, match="pip install lifetimes"):
        datasets.load_cdnow()
