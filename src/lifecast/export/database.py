"""Tables into a database through SQLAlchemy: all of them, or none."""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, quote_plus

from lifecast.errors import DataError, SettingsError
from lifecast.export.files import with_index

if TYPE_CHECKING:
    import pandas as pd
    import sqlalchemy as sa

IfExists = Literal["replace", "append", "refuse"]
ROWS_AT_A_TIME = 10_000
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9_+.-]*://")
_SECRET = re.compile(r"pass|pwd|secret|token|key", re.IGNORECASE)


def is_database(target: object) -> bool:
    """Whether a place to write to is a database's address rather than a file.

    Examples
    --------
    >>> is_database("postgresql://ann@db/shop"), is_database("cltv.parquet")
    (True, False)
    """
    return isinstance(target, str) and _ADDRESS.match(target) is not None


def write_database(
    tables: "Mapping[str, pd.DataFrame]", address: str, *, if_exists: IfExists = "replace"
) -> None:
    """Write tables into a database, all in one transaction: readers see the old rows or the new ones.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Name of the table, with its schema where that is another (``"marketing.cltv"``), to its rows. An index
        is written as leading columns, unless it only counts the rows.
    address : str
        As SQLAlchemy has it: ``"postgresql://user:password@host/database"``, ``"sqlite:///file.db"``. Its
        password is never printed.
    if_exists : "replace", "append" or "refuse", default "replace"
        What to do with a table that is there: "replace" its rows, "append" to them, or "refuse". Where it has
        the same columns it stays as it is, with its rights, views and indexes; else "replace" makes it
        anew and "append" is refused.

    Raises
    ------
    SettingsError
        The address cannot be used, the database refuses, or its driver is not installed.
    DataError
        A table that is there has other columns, or "refuse" was asked for.

    Notes
    -----
    MySQL and MariaDB end a transaction whenever a table is made: there, tables that are made anew are not
    covered by it. PostgreSQL, SQLite, SQL Server and others do it all at once.

    Examples
    --------
    >>> import tempfile, pandas as pd
    >>> table = pd.DataFrame({"customer_id": ["a", "b"], "cltv": [12.5, 3.0]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     address = f"sqlite:///{folder}/shop.db"
    ...     write_database({"cltv": table}, address)
    ...     write_database({"cltv": table}, address, if_exists="append")
    ...     print(len(pd.read_sql("select * from cltv", address)))
    4
    """
    if if_exists not in ("replace", "append", "refuse"):
        raise SettingsError(f'if_exists={if_exists!r}: needed "replace", "append" or "refuse".')
    engine, secrets = connect(address)
    import sqlalchemy as sa

    try:
        with engine.begin() as connection:
            for name, table in tables.items():
                flat = with_index(table)
                place = make_room(connection, name, flat, if_exists)
                for rows in rows_of(flat):
                    connection.execute(sa.insert(place), rows)
    except (sa.exc.SQLAlchemyError, OverflowError) as error:
        told = str(getattr(error, "orig", None) or error)
        # Without the cause: what it says may hold the password.
        raise SettingsError(
            f"{shown(address)} could not be written, and nothing was: {hidden(told, secrets)} Check the "
            "address, that the server can be reached, and that the user may write there."
        ) from None
    finally:
        engine.dispose()


def check_database(address: str) -> None:
    """See before the work that the database can be reached.

    Raises
    ------
    SettingsError
        It cannot.
    """
    write_database({}, address)


def shown(address: str) -> str:
    """A database's address as it may be printed: without its password, or anything else that may hold one.

    Examples
    --------
    >>> shown("postgresql://ann:s3cret@db:5432/shop?sslpassword=x")
    'postgresql://ann:***@db:5432/shop'
    """
    try:
        return parsed(address).set(query={}).render_as_string(hide_password=True)
    except Exception:  # whatever is wrong with it, it is not to be shown
        return f"{address.partition('://')[0]}://..."


def parsed(address: str) -> "sa.URL":
    """An address taken apart."""
    import sqlalchemy as sa

    if address.count("@") > 1:
        raise ValueError("where the password ends is not clear")
    return sa.make_url(address)


def hidden(text: str, secrets: list[str]) -> str:
    """One paragraph of another library's words, without any of the secrets."""
    for secret in secrets:
        for form in {secret, quote(secret, safe=""), quote_plus(secret)}:
            text = text.replace(form, "***")
    return " ".join(text.split()).rstrip(".") + "."


def connect(address: str) -> "tuple[sa.Engine, list[str]]":
    """An engine for an address, and the secrets in it.

    Raises
    ------
    SettingsError
        It is no address, or its driver or SQLAlchemy is not installed.
    """
    try:
        import sqlalchemy as sa
    except ModuleNotFoundError as error:
        raise SettingsError(
            "A database needs SQLAlchemy and a driver. Run pip install 'lifecast[sql]'."
        ) from error
    try:
        url = parsed(address)
        if url.drivername in ("postgresql", "postgres"):
            url = url.set(drivername="postgresql+psycopg")
        engine = sa.create_engine(url)
    except (sa.exc.ArgumentError, ValueError):
        raise SettingsError(
            f"{shown(address)} is no database address. Needed: dialect://user:password@host/database, with "
            "signs such as @ and / in the password written as %40 and %2F."
        ) from None
    except (sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise SettingsError(
            f"{shown(address)} needs a driver that is not installed ({error}). For PostgreSQL run pip "
            "install 'lifecast[sql]'; for others see SQLAlchemy's list of dialects."
        ) from None
    if url.get_backend_name() == "sqlite":
        # Python's driver begins a transaction only at the first insert: a table dropped before would stay so.
        sa.event.listen(engine, "connect", lambda raw, _: setattr(raw, "isolation_level", None))
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    queried = [str(value) for key, value in url.query.items() if _SECRET.search(key)]
    return engine, [secret for secret in [str(url.password or ""), *queried] if secret]


def make_room(
    connection: "sa.Connection", name: str, table: "pd.DataFrame", if_exists: IfExists
) -> "sa.Table":
    """The database's table, made where it is not there and emptied where its rows are to be replaced."""
    import sqlalchemy as sa

    schema, _, bare = name.rpartition(".")
    columns = [sa.Column(str(column), sql_type(table[column])) for column in table.columns]
    place = sa.Table(bare, sa.MetaData(), *columns, schema=schema or None)
    inspector = sa.inspect(connection)
    if not inspector.has_table(bare, schema=schema or None):
        place.create(connection)
        return place
    if if_exists == "refuse":
        raise DataError(f"The database has a table {name}. Choose another name, or replace or append to it.")
    there = {column["name"] for column in inspector.get_columns(bare, schema=schema or None)}
    asked = {column.name for column in columns}
    if there == asked:
        if if_exists == "replace":
            connection.execute(sa.delete(place))
        return place
    if if_exists == "append":
        lacks, has = sorted(asked - there), sorted(there - asked)
        raise DataError(
            f"The table {name} has other columns: it lacks {', '.join(lacks) or 'none'}, and has besides "
            f"{', '.join(has) or 'none'}. Replace it, or choose another name."
        )
    place.drop(connection)
    place.create(connection)
    return place


def sql_type(column: "pd.Series") -> "sa.types.TypeEngine[Any]":
    """What holds a column's values: the same whatever the rows, so that appending goes on working."""
    import sqlalchemy as sa
    from pandas.api import types

    if types.is_bool_dtype(column):
        return sa.Boolean()
    if types.is_integer_dtype(column):
        return sa.BigInteger()
    if types.is_float_dtype(column):
        return sa.Double()
    if types.is_datetime64_any_dtype(column):
        return sa.DateTime(timezone=getattr(column.dtype, "tz", None) is not None)
    return sa.Text()


def rows_of(table: "pd.DataFrame") -> Iterator[list[dict[str, Any]]]:
    """Rows as Python's own values, missing ones as None, some at a time."""
    from pandas.api import types

    for begin in range(0, len(table), ROWS_AT_A_TIME):
        part = table.iloc[begin : begin + ROWS_AT_A_TIME]
        columns: dict[str, list[Any]] = {}
        for name, values in part.items():
            plain = values.astype(object).where(values.notna(), None)
            as_they_are = types.is_numeric_dtype(values) or types.is_datetime64_any_dtype(values)
            columns[str(name)] = [
                value if as_they_are or value is None else str(value) for value in plain.tolist()
            ]
        names = list(columns)
        yield [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
