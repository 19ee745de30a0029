"""Does the same log give the same RFM, whatever it is kept in, however it is ordered and named?"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import lifecast as lc

END, HELD_END = "1997-09-30", "1998-06-30"


def summary(log: Any, **settings: Any) -> lc.RFM:
    return lc.rfm_summary(log, observation_end=END, holdout_end=HELD_END, **settings)


def assert_same(ours: lc.RFM, expected: lc.RFM) -> None:
    """To the last bit: sums do not depend on how the log was scanned."""
    pd.testing.assert_frame_equal(ours.to_frame(), expected.to_frame(), check_exact=True)
    assert ours.fingerprint() == expected.fingerprint()
    assert ours.report == expected.report


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    log = lc.datasets.load_cdnow(sample=True)
    log["channel"] = np.where(log["customer_id"] % 3 == 0, "web", "shop")
    return log


@pytest.fixture(scope="module")
def expected(log: pd.DataFrame) -> lc.RFM:
    return summary(log, attributes="channel")


def in_two(log: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return log.iloc[:2000], log.iloc[2000:][log.columns[::-1]]


def as_parquet_glob(log: pd.DataFrame, folder: Path) -> str:
    for number, part in enumerate(in_two(log)):
        part.to_parquet(folder / f"part-{number}.parquet")
    return str(folder / "*.parquet")


def as_csv_glob(log: pd.DataFrame, folder: Path) -> str:
    for number, part in enumerate(in_two(log)):
        part.to_csv(folder / f"part-{number}.csv", index=False)
    return str(folder / "*.csv")


def as_parquet(log: pd.DataFrame, folder: Path) -> Path:
    log.to_parquet(folder / "log.parquet")
    return folder / "log.parquet"


def as_csv(log: pd.DataFrame, folder: Path) -> Path:
    log.to_csv(folder / "log.csv", index=False)
    return folder / "log.csv"


def as_csv_with_a_pattern_in_its_name(log: pd.DataFrame, folder: Path) -> str:
    log.to_csv(folder / "log [1] 'new'*.csv.gz", index=False)
    return str(folder / "log [1] 'new'*.csv.gz")


KEPT_IN: list[Callable[[pd.DataFrame, Path], Any]] = [
    lambda log, _: pl.from_pandas(log),
    lambda log, _: pl.from_pandas(log).lazy(),
    lambda log, _: pa.Table.from_pandas(log),
    lambda log, _: pa.Table.from_pandas(log).to_reader(max_chunksize=500),
    lambda log, _: duckdb.from_arrow(pa.Table.from_pandas(log)),
    lambda log, _: log.assign(date=log["date"].dt.date, channel=log["channel"].astype("category")),
    lambda log, _: log.assign(date=log["date"].dt.strftime("%Y-%m-%d")),
    lambda log, _: log.assign(date=(log["date"] + pd.Timedelta("23h")).dt.tz_localize("UTC")),
    lambda log, _: log.assign(customer_id=log["customer_id"].astype(float), amount=log["amount"].astype(str)),
    as_parquet,
    as_csv,
    as_csv_with_a_pattern_in_its_name,
    as_parquet_glob,
    as_csv_glob,
]


@pytest.mark.parametrize("keep", KEPT_IN)
def test_is_the_rfm_the_same_whatever_the_log_is_kept_in(
    keep: Callable[[pd.DataFrame, Path], Any], log: pd.DataFrame, expected: lc.RFM, tmp_path: Path
) -> None:
    assert_same(summary(keep(log, tmp_path), attributes=["channel"]), expected)


def test_does_row_order_not_matter(log: pd.DataFrame, expected: lc.RFM) -> None:
    shuffled = log.sample(frac=1, random_state=np.random.default_rng(7))
    assert_same(summary(shuffled, attributes="channel"), expected)


def test_are_dates_read_in_the_given_format(log: pd.DataFrame, expected: lc.RFM) -> None:
    german = log.assign(date=log["date"].dt.strftime("%d.%m.%Y"))
    assert_same(summary(german, date_format="%d.%m.%Y", attributes="channel"), expected)
    number = log.assign(date=log["date"].dt.strftime("%Y%m%d").astype(int))
    assert_same(summary(number, date_format="%Y%m%d", attributes="channel"), expected)


@pytest.mark.parametrize("kind", ["pandas", "polars", "relation", "parquet", "csv"])
def test_may_columns_and_tables_have_hostile_names(kind: str, log: pd.DataFrame, tmp_path: Path) -> None:
    names = {
        "customer_id": 'the "id"; DROP TABLE x',
        "date": "SELECT",
        "amount": "ça coûte $end, ''",
        "channel": "a b",
    }
    renamed = log.rename(columns=names)
    hostile: Any = renamed
    if kind == "polars":
        hostile = pl.from_pandas(renamed)
    elif kind == "relation":
        connection = duckdb.connect()
        connection.register("frame", pa.Table.from_pandas(renamed))
        connection.execute('CREATE TABLE "order by ""1""" AS FROM frame')
        hostile = connection.sql('FROM "order by ""1"""')
    elif kind in {"parquet", "csv"}:
        hostile = tmp_path / f"it's; a.{kind}"
        renamed.to_parquet(hostile) if kind == "parquet" else renamed.to_csv(hostile, index=False)
    ours = summary(
        hostile,
        customer_id=names["customer_id"],
        date=names["date"],
        amount=names["amount"],
        attributes=[names["channel"]],
    )
    expected = summary(log, attributes=["channel"])
    assert ours.fingerprint() == expected.fingerprint()
    assert ours.attributes["a b"].equals(expected.attributes["channel"])


def test_is_nothing_left_behind_in_the_connection_of_a_relation(log: pd.DataFrame) -> None:
    connection = duckdb.connect()
    connection.from_arrow(pa.Table.from_pandas(log)).create("sales")
    objects = """SELECT view_name FROM duckdb_views() WHERE NOT internal
        UNION ALL SELECT table_name FROM duckdb_tables()"""
    before = connection.execute(objects).fetchall()
    summary(connection.table("sales"))
    assert connection.execute(objects).fetchall() == before == [("sales",)]


def test_are_obvious_columns_found_in_any_spelling(log: pd.DataFrame) -> None:
    named = log.rename(
        columns={"customer_id": "Customer ID", "date": "InvoiceDate", "amount": "Total_Amount"}
    )
    assert summary(named).fingerprint() == summary(log).fingerprint()


def test_is_a_log_without_amounts_an_rfm_without_money(log: pd.DataFrame) -> None:
    rfm = summary(log[["customer_id", "date"]])
    assert rfm.monetary_value is None and rfm.monetary_log_mean is None and rfm.monetary_frequency is None
    assert rfm.holdout is not None and rfm.holdout.value is None and rfm.holdout.period_value is None
    assert list(rfm.to_frame()) == [
        "customer_id",
        "frequency",
        "recency",
        "T",
        "frequency_holdout",
        "duration_holdout",
    ]


def test_does_the_customer_007_stay_apart_from_customer_7(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("customer,date\n007,2024-01-01\n7,2024-01-02\n")
    assert lc.rfm_summary(tmp_path / "log.csv").customer_id.to_pylist() == ["007", "7"]


def test_is_the_first_known_value_of_an_attribute_kept_and_a_change_said() -> None:
    log = pd.DataFrame(
        {
            "customer_id": [1, 1, 1, 2, 3],
            "date": ["2024-01-03", "2024-01-01", "2024-01-02", "2024-01-01", "2024-01-05"],
            "channel": ["web", None, "shop", None, "web"],
            "age": [30.0, 30.0, 30.0, None, 4.5],
        }
    )
    rfm = lc.rfm_summary(log, attributes=["channel", "age"])
    assert rfm.attributes["channel"].to_pylist() == ["shop", None, "web"]
    assert rfm.attributes["age"].to_pylist() == [30.0, None, 4.5]
    assert rfm.report is not None and rfm.report.attributes_changed == {"channel": 1}
    assert "Attribute 'channel' changes" in str(rfm.report)
