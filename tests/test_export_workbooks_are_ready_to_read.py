"""Does an Excel workbook hold what the tables held, formatted, and nothing that runs?"""

import zipfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lifecast.errors import SettingsError
from lifecast.export import workbook, write_table, write_workbook
from lifecast.export.workbook import sheet_names

TABLE = pd.DataFrame(
    {
        "customer_id": ["=cmd|' /C calc'!A0", "+1", "-7", "@SUM(1)", "Ann & <Bob>", "0012"],
        "p_alive": [0.0, 0.25, 0.5, 0.75, 1.0, np.nan],
        "cltv": [1234.5678, -2.0, np.inf, 0.0, np.nan, 1e-9],
        "purchases_actual": np.arange(6) * 1000,
        "start": pd.date_range("2026-01-01", periods=6),
        "seen": pd.to_datetime(["2026-01-01 12:30"] * 5 + [None]),
        "card": [10**17 + 1, 5, 6, 7, 8, 9],
        "active": [True, False, True, True, False, False],
    }
)


def cells(path: Path, sheet: str = "customers") -> list[list[openpyxl.cell.Cell]]:
    return [list(row) for row in openpyxl.load_workbook(path)[sheet].iter_rows()]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "a.xlsx"
    write_workbook({"customers": TABLE, "cash flow": TABLE.head(2)}, path)
    return path


def test_do_tables_come_back(written: Path) -> None:
    book = pd.read_excel(written, sheet_name=None)
    assert list(book) == ["customers", "cash flow"]
    back = book["customers"]
    assert list(back.columns) == list(TABLE.columns) and len(book["cash flow"]) == 2
    assert back["customer_id"].tolist() == TABLE["customer_id"].tolist()  # "0012" keeps its noughts
    for name in ("p_alive", "purchases_actual", "start", "seen", "active"):
        pd.testing.assert_series_equal(back[name], TABLE[name], check_dtype=False)
    assert [row[2].value for row in cells(written)[1:]] == [1234.5678, -2, "inf", 0, None, 1e-9]
    assert cells(written)[1][6].value == str(10**17 + 1)  # a double would hold 10**17


def test_is_nothing_a_formula(written: Path) -> None:
    first = [row[0] for row in cells(written)[1:]]
    assert [cell.data_type for cell in first] == ["s"] * 6
    assert [bool(cell.quotePrefix) for cell in first] == [True] * 4 + [False] * 2
    with zipfile.ZipFile(written) as parts:
        for name in parts.namelist():
            assert b"<f>" not in parts.read(name)
    # The check would see one: openpyxl by itself writes a formula.
    book = openpyxl.Workbook()
    book.active.append(["=1+1"])
    book.save(written)
    with zipfile.ZipFile(written) as parts:
        assert any(b"<f>" in parts.read(name) for name in parts.namelist())


def test_are_numbers_shares_and_dates_formatted(written: Path) -> None:
    row = {head.value: cell.number_format for head, cell in zip(*cells(written)[:2], strict=True)}
    assert row["p_alive"] == "0.0%"
    assert row["cltv"] == "#,##0.00" and row["purchases_actual"] == "#,##0"
    assert row["start"] == "yyyy-mm-dd" and row["seen"] == "yyyy-mm-dd hh:mm"
    sheet = openpyxl.load_workbook(written)["customers"]
    assert sheet.freeze_panes == "A2" and sheet.auto_filter.ref == "A1:H7"
    assert all(cell.font.b for cell in sheet[1])
    assert sheet.column_dimensions["A"].width > 15 and sheet.column_dimensions["B"].width < 15


def test_is_one_table_a_workbook_of_its_name(tmp_path: Path) -> None:
    write_table(TABLE, tmp_path / "customers.xlsx")
    assert cells(tmp_path / "customers.xlsx")[1][4].value == datetime(2026, 1, 1)


def test_may_formats_be_chosen(tmp_path: Path) -> None:
    write_workbook({"a": TABLE}, tmp_path / "a.xlsx", formats={"cltv": '0.00 "EUR"'})
    assert cells(tmp_path / "a.xlsx", "a")[1][2].number_format == '0.00 "EUR"'


def test_are_indexes_written_where_they_say_something(tmp_path: Path) -> None:
    total = pd.DataFrame({"mean": [1.0, 2.0]}, index=pd.Index(["purchases", "value"], name="measure"))
    by = TABLE.set_index(["customer_id", "start"])[["cltv"]]
    write_workbook({"total": total, "by": by}, tmp_path / "a.xlsx")
    book = pd.read_excel(tmp_path / "a.xlsx", sheet_name=None)
    assert list(book["total"]) == ["measure", "mean"]
    assert list(book["by"]) == ["customer_id", "start", "cltv"]


def test_are_values_of_any_kind_kept(tmp_path: Path) -> None:
    odd = [pd.NaT, pd.NA, np.float64(2.5), np.int64(7), np.bool_(True), Decimal("0.10")]
    path = tmp_path / "a.xlsx"
    write_workbook({"odd": pd.DataFrame({"value": pd.Series(odd, dtype=object)})}, path)
    assert [row[0].value for row in cells(path, "odd")[1:]] == [None, None, 2.5, 7, True, "0.10"]


def test_are_ids_with_gaps_shown_without_decimals(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_workbook({"customers": pd.DataFrame({"customer_id": [12345.0, np.nan, 7.0]})}, path)
    assert [row[0].number_format for row in cells(path)[1:]] == ["0"] * 3


def test_is_a_workbook_without_tables_one_that_opens(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_workbook({}, path)
    assert [len(sheet) for sheet in pd.read_excel(path, sheet_name=None).values()] == [0]


def test_are_dates_before_excel_and_in_zones_text(tmp_path: Path) -> None:
    dates = pd.DataFrame({"d": [date(1899, 5, 1), date(2026, 1, 2), datetime(1899, 1, 1)]}, dtype=object)
    zoned = pd.DataFrame({"d": pd.to_datetime(["2026-01-01 10:00+02:00"])})
    write_workbook({"dates": dates, "zoned": zoned}, tmp_path / "a.xlsx")
    assert [row[0].value for row in cells(tmp_path / "a.xlsx", "dates")[1:]] == [
        *("1899-05-01", datetime(2026, 1, 2), "1899-01-01T00:00:00")
    ]
    assert cells(tmp_path / "a.xlsx", "zoned")[1][0].value == "2026-01-01T10:00:00+02:00"


def test_is_what_excel_cannot_hold_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = pd.DataFrame({"customer_id": np.arange(workbook.ROWS, dtype=np.int32)})
    with pytest.raises(SettingsError, match=r"1,048,576 rows.*1,048,575 rows.*\.parquet"):
        write_workbook({"customers": long}, tmp_path / "a.xlsx")
    with pytest.raises(SettingsError, match=r"'note' has a text of 32,768 characters"):
        write_workbook({"t": pd.DataFrame({"note": ["x" * 32768]})}, tmp_path / "a.xlsx")
    with pytest.raises(SettingsError, match=r"must end in \.xlsx"):
        write_workbook({"customers": TABLE}, tmp_path / "a.xls")
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(SettingsError, match=r"pip install 'lifecast\[excel\]'"):
        write_workbook({"customers": TABLE}, tmp_path / "a.xlsx")
    assert list(tmp_path.iterdir()) == []


def test_does_a_full_sheet_fit() -> None:
    workbook.check_fits("customers", pd.DataFrame({"a": np.zeros(workbook.ROWS - 1, np.int8)}))


@given(st.lists(st.text(max_size=40), max_size=8))
def test_are_sheet_names_always_legal(names: list[str]) -> None:
    found = sheet_names(names)
    assert len(found) == len(names) == len({name.lower() for name in found})
    for name in found:
        assert 1 <= len(name) <= 31 and name.lower() != "history"
        assert not set(name) & set("[]:*?/\\") and not name.startswith("'") and not name.endswith("'")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=20), min_size=1, max_size=5))
def test_does_any_text_come_back_but_for_what_xml_cannot_hold(tmp_path: Path, texts: list[str]) -> None:
    path = tmp_path / "a.xlsx"
    write_workbook({"t": pd.DataFrame({"text": texts})}, path)
    for row, text in zip(cells(path, "t")[1:], texts, strict=True):
        expected = "".join("\ufffd" if ord(c) < 32 and c not in "\t\n\r" else c for c in text)
        expected = expected.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")
        assert (row[0].value or "").replace("\r\n", "\n").replace("\r", "\n") == expected.replace(
            "\r\n", "\n"
        ).replace("\r", "\n")
