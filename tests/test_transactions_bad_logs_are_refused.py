"""Does a log that cannot be used say how much is wrong, what first, and what to do?"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import lifecast as lc
from lifecast.errors import DataError, SettingsError
from lifecast.transactions import read_transactions


def log(**columns: Any) -> pd.DataFrame:
    plain = {
        "customer_id": [1, 1, 2],
        "date": ["2024-01-01", "2024-01-09", "2024-01-02"],
        "amount": [5.0, 6.0, 7.0],
    }
    return pd.DataFrame(plain | columns)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"date": ["2024-01-01", None, "2024-01-02"]},
            r"1 of 3 lines have no date .*first: missing.*date_format",
        ),
        ({"date": ["31/01/2024", "2024-01-09", "x"]}, r"2 of 3 lines have no date .*first: '31/01/2024'"),
        ({"date": pd.to_datetime(["2024-01-01", "NaT", "2024-01-02"])}, r"1 of 3 lines have no date"),
        (
            {"amount": [5.0, np.nan, np.inf]},
            r"2 of 3 lines have a missing or infinite amount.*first: missing",
        ),
        ({"amount": [5.0, -np.inf, 1.0]}, r"first: -inf"),
        ({"amount": ["5", "6,50", "7"]}, r"1 of 3 lines .*'amount' \(first: '6,50'\).*decimal=','"),
        ({"customer_id": [None, None, None]}, r"no line with a customer id \(3 lines in all\)"),
        ({"customer_id": ["", " ", None]}, r"no line with a customer id"),
        ({"customer_id": [1.5, 1.0, 2.0]}, r"not whole numbers \(first: 1.5\)"),
        ({"customer_id": [1, "a", 2]}, r"mixes kinds of values"),
    ],
)
def test_do_bad_values_say_how_many_and_which_first(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        lc.rfm_summary(log(**columns))


@pytest.mark.parametrize(
    ("table", "settings", "message"),
    [
        (
            log(),
            {"customer_id": "customer"},
            r"customer_id='customer'.*perhaps 'customer_id'.*'date', 'amount'",
        ),
        (log(), {"attributes": ["age"]}, r"attributes='age': the log has no such column"),
        (log(), {"attributes": ["frequency"]}, "name of a column of the RFM itself"),
        (log().rename(columns={"date": "when"}), {}, r"which column is the date. Pass date=.*'when'"),
        (
            log().rename(columns={"amount": "sales"}).assign(revenue=1.0),
            {},
            r"'sales', 'revenue' all might be",
        ),
        (log(date=[20240101, 20240109, 20240102]), {}, r"column of BIGINT.*date_format='%Y%m%d'"),
        (log(amount=[True, False, True]), {}, r"amount='amount' is a column of BOOLEAN"),
        (log(), {"time_unit": "fortnight"}, "not a unit"),
        (log(), {"merge_within": "month"}, "merge_within='month' is not a period"),
        (log(), {"merge_within": 0}, "merge_within=0 is not a period"),
        (log(), {"returns": "ignore"}, "'net', 'drop' or 'refuse'"),
        (log(), {"observation_end": "2023-12-31"}, r"No purchase .*runs from 2024-01-01 to 2024-01-09"),
        (log(), {"holdout_end": "2024-12-31"}, "Pass both"),
        (log(), {"observation_end": "2024-01-05", "holdout_end": "2024-01-05"}, "Pass both"),
        ([1, 2, 3], {}, "type builtins.list cannot be read"),
        ("log.xlsx", {}, "not named like a Parquet or CSV file"),
    ],
)
def test_do_bad_settings_say_what_to_pass(table: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        lc.rfm_summary(table, **settings)


def test_are_returns_refused_on_request() -> None:
    with pytest.raises(DataError, match="1 of 3 lines have a negative amount"):
        lc.rfm_summary(log(amount=[5.0, -6.0, 7.0]), returns="refuse")


def test_is_an_empty_log_refused() -> None:
    with pytest.raises(DataError, match="no line with a customer id"):
        lc.rfm_summary(log().iloc[:0])
    with pytest.raises(DataError, match="no line with a customer id"):
        lc.rfm_summary(pl.DataFrame(schema={"customer_id": pl.Int64, "date": pl.Date}))


def test_does_a_missing_or_damaged_file_say_which(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.parquet' cannot be read"):
        lc.rfm_summary(tmp_path / "none.parquet")
    with pytest.raises(DataError, match=r"\*\.csv' cannot be read"):
        lc.rfm_summary(str(tmp_path / "*.csv"))
    (tmp_path / "bad.parquet").write_bytes(b"not a parquet file at all")
    with pytest.raises(DataError, match=r"bad\.parquet' cannot be read"):
        lc.rfm_summary(tmp_path / "bad.parquet")
    lines = ["customer_id,date", *["1,2024-01-01"] * 30_000, "1,2024-01-01,5,6,7"]
    (tmp_path / "torn.csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match="cannot be read"):
        lc.rfm_summary(tmp_path / "torn.csv")


def test_are_lines_without_a_customer_dropped_and_counted_whatever_else_they_lack() -> None:
    rfm = lc.rfm_summary(log(customer_id=[1, 1, None], date=["2024-01-01", "2024-01-09", None]))
    assert rfm.report is not None
    assert (len(rfm), rfm.report.lines, rfm.report.lines_without_customer) == (1, 3, 1)


def test_does_a_log_say_that_no_column_is_plainly_the_amount(tmp_path: Path) -> None:
    """When it is read, and again where amounts are needed; what was read is not offered."""
    unnamed = log().rename(columns={"amount": "betrag"}).assign(shop="a", sort="b")
    rfm = lc.rfm_summary(unnamed, attributes="shop")
    assert rfm.report is not None and rfm.report.perhaps_amounts == ("betrag", "sort")
    offered = "If it is one of 'betrag', 'sort', say so: amount="
    assert offered in str(rfm.report)
    rfm.save(tmp_path / "rfm.parquet")
    assert lc.RFM.load(tmp_path / "rfm.parquet").report == rfm.report
    with pytest.raises(DataError, match=f"has no amounts.*{offered}"):
        lc.CLTV(market=None).fit(rfm)
    for told in (log(), log()[["customer_id", "date"]]):
        report = lc.rfm_summary(told).report
        assert report is not None and "amount" not in str(report.remarks)


def test_are_very_many_columns_not_all_named() -> None:
    plain = log().drop(columns="amount")
    wide = pd.DataFrame(1, plain.index, [f"c{number}" for number in range(500)])
    report = lc.rfm_summary(pd.concat([plain, wide], axis=1)).report
    assert report is not None and "'c19', ..., say so" in report.about_amounts


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["5", "6,50", "1.234,5", "-7"], [5.0, 6.5, 1234.5, -7.0]),
        (["1.234", "1.234,00", "-1.000.000", "7"], [1234.0, 1234.0, -1_000_000.0, 7.0]),
        (["1,234.50", "1,234", "12", "-.5"], None),
        (["1,234.50", "1,234", "12", "-0.5"], [1234.5, 1234.0, 12.0, -0.5]),
        (["1,234", "12", "5", "6"], None),
        (["1.234", "12", "5", "6.5"], [1.234, 12.0, 5.0, 6.5]),
        (["6,50", "1.5", "5", "6"], None),
        (["6,50", "1,234.50", "5", "6"], None),
        (["6,50", "", "5", "6"], None),
        (["6,50", "5 EUR", "5", "6"], None),
    ],
)
def test_are_amounts_of_other_countries_read_where_they_can_mean_one_thing(
    tmp_path: Path, written: list[str], read: list[float] | None
) -> None:
    """And told; where there is doubt, or nothing that can be read, the file is refused."""
    file = tmp_path / "log.csv"
    lines = pd.DataFrame({"customer_id": [1, 2, 3, 4], "date": "2024-01-01", "amount": written})
    more = lines.assign(date="2024-02-01", amount="100")  # so that returns have what to be netted against
    pd.concat([lines, more]).to_csv(file, sep=";", index=False)
    if read is None:
        with pytest.raises(DataError, match="of 8 lines have a missing or infinite amount"):
            lc.rfm_summary(file)
        return
    found = read_transactions(file).connection.sql("SELECT amount FROM lines").fetchnumpy()["amount"]
    np.testing.assert_array_equal(found, [*read, 100, 100, 100, 100])
    report = lc.rfm_summary(file, returns="drop").report
    assert report is not None and ("not written plainly" in str(report)) == ("," in "".join(written))


def test_does_the_hint_part_days_as_the_log_does() -> None:
    with pytest.raises(DataError, match=r"first: '31\.12\.2023'.*date_format='%d\.%m\.%Y'"):
        lc.rfm_summary(log(date=["31.12.2023"] * 3))


def test_is_a_last_day_that_has_not_come_remarked() -> None:
    log = lc.datasets.load_cdnow(sample=True).head(500)
    log.loc[7, "date"] = pd.Timestamp("9999-12-31")
    report = lc.rfm_summary(log, past=False).report
    assert report is not None and len(report.remarks) == 1
    assert "last day observed, 9999-12-31, has not come yet" in report.remarks[0]
    told = lc.rfm_summary(log, observation_end="1998-06-30", past=False).report
    assert told is not None and not any("has not come" in remark for remark in told.remarks)


@pytest.mark.parametrize("kind", ["pandas", "category", "csv", "parquet"])
def test_is_a_customer_called_as_programs_call_nobody_remarked(kind: str, tmp_path: Path) -> None:
    log = lc.datasets.load_cdnow(sample=True).head(500)
    names = log["customer_id"].astype(str)
    names[3], names[7], names[9] = "nan", "NULL ", "Nancy"
    log = log.assign(customer_id=names.astype("category") if kind == "category" else names)
    where = {"csv": tmp_path / "log.csv", "parquet": tmp_path / "log.parquet"}.get(kind)
    if where is not None:
        log.to_csv(where, index=False) if kind == "csv" else log.to_parquet(where, index=False)
    report = lc.rfm_summary(log if where is None else where, past=False).report
    assert report is not None and report.lines_of_nobody == 2
    assert any("2 lines are of a customer called nan, NULL or the like" in it for it in report.remarks)
    plain = lc.rfm_summary(lc.datasets.load_cdnow(sample=True).head(500), past=False).report
    assert plain is not None and plain.lines_of_nobody == 0
