"""Does a database get all tables or none, keep what it had, and never see a password printed?"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from postgres import PASSWORD, running_postgres

from lifecast.errors import DataError, SettingsError
from lifecast.export import is_database, shown, write_database

CUSTOMERS = pd.DataFrame(
    {
        "customer_id": ["a", "b'; drop table cltv; --", "ç"],
        "cltv": [12.5, np.nan, np.inf],
        "purchases": np.array([1, 2, 3], np.int64),
        "seen": pd.to_datetime(["2026-01-01 12:30", None, "2026-02-03 00:00"]),
        "active": [True, False, True],
    }
)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with running_postgres() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/shop.db"
        return
    address = request.getfixturevalue("postgres")
    yield address
    query(address, "drop schema public cascade; create schema public")


def query(address: str, text: str) -> list[tuple[object, ...]]:
    engine = sa.create_engine(address.replace("postgresql:", "postgresql+psycopg:"))
    try:
        with engine.begin() as connection:
            done = connection.execute(sa.text(text))
            return [tuple(row) for row in done] if done.returns_rows else []
    finally:
        engine.dispose()


def test_do_rows_come_back_with_their_types(database: str) -> None:
    write_database({"cltv": CUSTOMERS}, database)
    if database.startswith("postgresql"):
        found = query(
            database,
            "select data_type from information_schema.columns where table_name = 'cltv' "
            "order by ordinal_position",
        )
        assert [row[0] for row in found] == [
            *("text", "double precision", "bigint", "timestamp without time zone", "boolean")
        ]
    rows = query(database, "select customer_id, cltv, purchases, seen, active from cltv order by purchases")
    assert [row[0] for row in rows] == CUSTOMERS["customer_id"].tolist()
    assert [row[1] for row in rows] == [12.5, None, np.inf]
    assert [row[2] for row in rows] == [1, 2, 3]
    assert [str(row[3])[:16] for row in rows] == ["2026-01-01 12:30", "None", "2026-02-03 00:00"]
    assert [bool(row[4]) for row in rows] == [True, False, True]


def test_may_rows_be_appended_replaced_or_refused(database: str) -> None:
    steps: list[tuple[Literal["refuse", "append", "replace"], int]]
    steps = [("refuse", 3), ("append", 6), ("append", 9), ("replace", 3)]
    for if_exists, rows in steps:
        write_database({"cltv": CUSTOMERS}, database, if_exists=if_exists)
        assert query(database, "select count(*) from cltv") == [(rows,)]
    with pytest.raises(DataError, match="has a table cltv"):
        write_database({"cltv": CUSTOMERS}, database, if_exists="refuse")
    with pytest.raises(DataError, match=r"it lacks none, and has besides seen\."):
        write_database({"cltv": CUSTOMERS.drop(columns="seen")}, database, if_exists="append")
    assert query(database, "select count(*) from cltv") == [(3,)]
    write_database({"cltv": CUSTOMERS.drop(columns="seen")}, database)  # another shape is made anew
    assert len(query(database, "select * from cltv")[0]) == 4


def test_does_a_replaced_table_keep_its_views(database: str) -> None:
    write_database({"cltv": CUSTOMERS}, database)
    query(database, "create view best as select max(purchases) as most from cltv")
    write_database({"cltv": CUSTOMERS.assign(purchases=[7, 8, 9])}, database)
    assert query(database, "select most from best") == [(9,)]


@pytest.mark.parametrize("if_exists", ["append", "replace"])
def test_is_nothing_changed_where_a_later_table_fails(
    database: str, if_exists: Literal["append", "replace"]
) -> None:
    write_database({"cltv": CUSTOMERS, "periods": CUSTOMERS}, database)
    huge = CUSTOMERS.assign(purchases=np.array([2**64 - 1] * 3, np.uint64))
    with pytest.raises(SettingsError, match="nothing was"):
        write_database({"cltv": CUSTOMERS.head(1), "periods": huge}, database, if_exists=if_exists)
    for name in ("cltv", "periods"):
        assert query(database, f"select count(*) from {name}") == [(3,)]


def test_is_a_new_shape_taken_back_where_its_rows_fail(database: str) -> None:
    """A dropped and newly made table comes back, in SQLite too: its driver would not have begun yet."""
    write_database({"cltv": CUSTOMERS}, database)
    huge = pd.DataFrame({"customer_id": np.array([2**64 - 1], np.uint64)})
    with pytest.raises(SettingsError, match="nothing was"):
        write_database({"cltv": huge}, database)
    assert len(query(database, "select * from cltv")) == 3


def test_may_a_table_stand_in_another_schema(postgres: str) -> None:
    query(postgres, "create schema marketing")
    write_database({"marketing.cltv": CUSTOMERS}, postgres)
    write_database({"marketing.cltv": CUSTOMERS}, postgres, if_exists="append")
    assert query(postgres, "select count(*) from marketing.cltv") == [(6,)]
    query(postgres, "drop schema marketing cascade")


def test_do_many_rows_and_no_rows_arrive(database: str) -> None:
    many = pd.DataFrame({"customer_id": np.arange(25_001), "cltv": np.linspace(0, 1, 25_001)})
    write_database({"cltv": many, "none": many.head(0)}, database)
    assert query(database, "select count(*), sum(customer_id) from cltv") == [(25_001, 25_000 * 25_001 // 2)]
    assert query(database, "select count(*) from none") == [(0,)]


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ann:{}@127.0.0.1:1/shop?connect_timeout=1",
        "postgresql://ann@127.0.0.1:1/shop?connect_timeout=1&password={}",
        "postgresql://ann:{}@127.0.0.1:port/shop",
        "nosuch+driver://ann:{}@host/shop",
        "sqlite://ann:{}@host/shop",
    ],
)
@pytest.mark.parametrize(
    "password", ["hunter2secret", "hunter2%2Fsecret", "hunter2?secret", "hunter2@secret"]
)
def test_is_a_password_never_shown(address: str, password: str) -> None:
    with pytest.raises(SettingsError) as caught:
        write_database({"cltv": CUSTOMERS}, address.format(password))
    assert caught.value.__cause__ is None and caught.value.__suppress_context__
    for part in ("hunter2", "secret"):
        assert part not in str(caught.value)
        assert part not in shown(address.format(password))


def test_is_a_wrong_password_not_shown_either(postgres: str) -> None:
    with pytest.raises(SettingsError, match="password authentication failed") as caught:
        write_database({"cltv": CUSTOMERS}, postgres.replace("s3cret", "hunter2"))
    assert "hunter2" not in str(caught.value)
    assert PASSWORD not in shown(postgres) and shown(postgres) == "postgresql://ann:***@/postgres"


def test_is_what_is_missing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_database("sqlite:///a.db") and not is_database("a.csv") and not is_database(Path("a.csv"))
    with pytest.raises(SettingsError, match="unable to open"):
        write_database({"cltv": CUSTOMERS}, "sqlite:////nowhere/shop.db")
    with pytest.raises(SettingsError, match="driver that is not installed"):
        write_database({"cltv": CUSTOMERS}, "mysql+pymysql://ann@host/shop")
    with pytest.raises(SettingsError, match="if_exists='overwrite'"):
        write_database({}, "sqlite://", if_exists="overwrite")  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(SettingsError, match=r"pip install 'lifecast\[sql\]'"):
        write_database({"cltv": CUSTOMERS}, "sqlite://")
