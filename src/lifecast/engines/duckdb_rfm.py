"""Customers in Parquet files, in DuckDB: equal histories counted, customers in order, some at a time."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from lifecast.engines.duckdb import connect, limit_memory, parquet_table, quote
from lifecast.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

_NUMERIC = {
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"),
    *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL"),
}


@dataclass(frozen=True)
class CustomerFiles:
    """Parquet files of customers, as one table.

    Attributes
    ----------
    files : tuple of str
    memory_limit : str or None
        What DuckDB may use, such as "4GB"; beyond, it spills to disk. By default four fifths of all memory.
    """

    files: tuple[str, ...]
    memory_limit: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self.kinds)

    @cached_property
    def kinds(self) -> dict[str, str]:
        """What DuckDB calls the type of each column, by its name."""
        with self._opened() as connection:
            described = connection.execute("DESCRIBE customers").fetchall()
        return {name: str(kind) for name, kind, *_ in described}

    def is_numeric(self, column: str) -> bool:
        """Whether a column holds numbers."""
        return self.kinds[column].split("(")[0] in _NUMERIC

    def counted(self, select: Mapping[str, str]) -> "pa.Table":
        """Distinct rows of some expressions, given by name, and how many ``customers`` have them."""
        sql = _select(select, ", count(*) AS customers") + " GROUP BY ALL"
        with self._opened() as connection:
            return connection.sql(sql).to_arrow_table()

    def batches(self, select: Mapping[str, str], rows: int) -> "Iterator[pa.RecordBatch]":
        """Every customer's, in the files' order, so many at a time."""
        with self._opened() as connection:
            yield from connection.sql(_select(select)).to_arrow_reader(rows)

    def names_again(self, column: str) -> tuple[int, int]:
        """How many rows of a column are null or NaN, and how many have a value that came before."""
        name = quote(column)
        number = self.kinds[column] in ("FLOAT", "DOUBLE")
        nobody = f"{name} IS NULL OR isnan({name})" if number else f"{name} IS NULL"
        sql = f"""SELECT count(*) FILTER ({nobody}), coalesce(sum(times - 1), 0)
            FROM (SELECT {name}, count(*) AS times FROM customers GROUP BY {name})"""
        with self._opened() as connection:
            nameless, again = connection.execute(sql).fetchall()[0]
        return int(nameless), int(again)

    @contextmanager
    def _opened(self) -> "Iterator[DuckDBPyConnection]":
        """The files as the view `customers`; what DuckDB says against them is an error of ours."""
        import duckdb

        with connect() as connection:
            limit_memory(connection, self.memory_limit)
            try:
                table, _ = parquet_table(connection, list(self.files))
                table.create_view("customers")
                yield connection
            except duckdb.Error as error:
                raise DataError(
                    f"{self.files[0]} cannot be read as a table of customers: {str(error).splitlines()[0]}"
                ) from error


def _select(select: Mapping[str, str], more: str = "") -> str:
    columns: Sequence[str] = [f"{sql} AS {quote(name)}" for name, sql in select.items()]
    return f"SELECT {', '.join(columns)}{more} FROM customers"
