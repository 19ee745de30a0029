"""Do a forecast's tables arrive everywhere in the columns and types that docs/outputs.md promises?"""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

import lifecast as lc
from lifecast.outputs import SCHEMA_VERSION, TABLES, Table


@pytest.fixture(scope="module")
def forecast() -> lc.Forecast:
    rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    model = lc.CLTV.from_parameters(
        {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, {"p": 6.25, "q": 3.74, "v": 15.44}
    )
    return model.forecast(rfm, 39, annual_discount_rate=0.1, worlds=40, random_seed=3)


def documented(root: Path) -> dict[str, dict[str, str]]:
    """Column to type, by table, as the page lists them."""
    page = (root / "docs" / "outputs.md").read_text(encoding="utf-8")
    assert f"Schema version **{SCHEMA_VERSION}**" in page
    found: dict[str, dict[str, str]] = {}
    for name, body in re.findall(r"### (\w+):.*?\n\n((?:\|.*\n)+)", page):
        rows = [line.split("|")[1:3] for line in body.splitlines()[2:]]
        found[name] = {
            column: kind.strip() for columns, kind in rows for column in re.findall(r"`(\w+)`", columns)
        }
    return found


def test_are_columns_and_types_as_documented(forecast: lc.Forecast, root: Path) -> None:
    promised = documented(root)
    assert tuple(promised) == TABLES
    for name in TABLES:
        schema = forecast.to_arrow(name).schema
        assert list(promised[name]) == schema.names, name
        for field in schema:
            kind = "timestamp" if pa.types.is_timestamp(field.type) else str(field.type)
            assert kind in promised[name][field.name].split(" or "), field


def test_does_parquet_say_what_it_holds(forecast: lc.Forecast, tmp_path: Path) -> None:
    for name in TABLES:
        forecast.export(tmp_path / "a.parquet", table=name)
        pd.testing.assert_frame_equal(
            pd.read_parquet(tmp_path / "a.parquet"),
            forecast.to_arrow(name).to_pandas(),
        )
        about = json.loads(pq.read_schema(tmp_path / "a.parquet").metadata[b"lifecast"])
        assert about["table"] == name and about["schema_version"] == SCHEMA_VERSION
    assert about["horizon"] == 39 and about["time_unit"] == "week" and about["worlds"] == 40
    assert about["observation_end"] == "1997-09-30" and about["annual_discount_rate"] == 0.1
    assert about["families"] == ["bg-nbd", "gamma-gamma"] and about["lifecast"]


def test_do_files_hold_the_forecast_to_the_last_digit(forecast: lc.Forecast, tmp_path: Path) -> None:
    forecast.export(tmp_path / "a.csv")
    pd.testing.assert_frame_equal(pa_csv.read_csv(tmp_path / "a.csv").to_pandas(), forecast.customers)
    forecast.export(tmp_path / "a.xlsx")
    book = pd.read_excel(tmp_path / "a.xlsx", sheet_name=None)
    assert list(book) == ["customers", "portfolio", "total", "about"]
    # Excel keeps 15 digits and more of a double; openpyxl writes all of them.
    pd.testing.assert_frame_equal(book["customers"], forecast.customers, check_dtype=False, rtol=1e-15)
    assert dict(book["about"].to_numpy())["time_unit"] == "week"


def test_are_other_frames_the_same(forecast: lc.Forecast) -> None:
    frame = forecast.to_polars()
    assert isinstance(frame, pl.DataFrame) and frame.columns == list(forecast.customers.columns)
    np.testing.assert_array_equal(frame["cltv"].to_numpy(), forecast.customers["cltv"].to_numpy())
    assert forecast.to_polars("portfolio")["start"].dtype == pl.Datetime("us")


def test_are_types_the_same_for_textual_ids_and_no_money(forecast: lc.Forecast) -> None:
    table = pd.DataFrame(
        {"customer_id": ["a", "b"], "frequency": [0, 2], "recency": [0.0, 3.0], "T": [9.0, 9.0]}
    )
    model = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
    schema = model.forecast(lc.RFM.from_frame(table, time_unit="week"), 4, worlds=5).to_arrow().schema
    assert schema.field("customer_id").type == pa.string()
    assert schema.names == forecast.to_arrow().schema.names[:4]


def test_does_a_database_keep_run_after_run(forecast: lc.Forecast, tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/shop.db"
    forecast.export(address, name="cltv")
    forecast.export(address, name="cltv", if_exists="append")
    engine = sa.create_engine(address)
    for name in TABLES:
        rows = pd.read_sql(f"select * from cltv_{name}", engine)
        promised = list(forecast.to_arrow(name).schema.names)
        assert list(rows) == ["observation_end", "horizon", "time_unit", *promised, "schema_version"]
        assert len(rows) == 2 * forecast.to_arrow(name).num_rows
    assert set(rows["observation_end"]) == {"1997-09-30"} and set(rows["horizon"]) == {39.0}
    engine.dispose()


@pytest.mark.parametrize("table", ["customer", "draws"])
def test_is_a_table_that_is_none_refused(forecast: lc.Forecast, tmp_path: Path, table: Table) -> None:
    with pytest.raises(lc.SettingsError, match="a forecast has customers, portfolio, total"):
        forecast.export(tmp_path / "a.csv", table=table)
    assert list(tmp_path.iterdir()) == []
