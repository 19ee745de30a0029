"""An RFM whose customers stay in Parquet files: counted there, and read a part at a time."""

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Integers
from lifecast.encoding import attribute, no_attribute, no_group
from lifecast.engines.duckdb import quote
from lifecast.engines.duckdb_rfm import CustomerFiles
from lifecast.errors import DataError, LifecastError, SettingsError
from lifecast.histories import Histories, PurchaseHistories
from lifecast.log_report import LogReport
from lifecast.past import Past
from lifecast.rfm import COLUMNS, MONEY, PURCHASES, RFM
from lifecast.rfm_file import load_rfm, parquet_metadata, read_about
from lifecast.rfm_frame import check_numbers
from lifecast.timeunit import TimeUnit, parse_date

if TYPE_CHECKING:
    import pyarrow as pa

CUSTOMERS_AT_A_TIME = 250_000


@dataclass(frozen=True, eq=False)
class ParquetRFM:
    """Recency, frequency and monetary value of each customer, in Parquet.

    Made by ``rfm_summary(log, to="rfm.parquet")`` from a log, or by `ParquetRFM.open` from a file that
    `RFM.save` wrote, or from any table of customers in Parquet. Models fit it like an `RFM`, and forecast it
    into another file (`CLTV.forecast_to_parquet`), with the same numbers. Customers are counted and read
    where they lie, so that memory hardly depends on how many there are.

    Attributes
    ----------
    files : tuple of str
    customers : int
        How many.
    time_unit : TimeUnit
        The unit of recency and T.
    columns : tuple of str
        What the files hold.
    observation_end : date or None
        The last day observed; None where a bare table did not say.
    report : LogReport or None
        What was read, dropped, merged and netted; None for a bare table.
    past : Past or None
        The log at a few earlier observation ends, from which a market is learned; None for a bare table.
    memory_limit : str or None
        What DuckDB may use, such as "4GB"; beyond, it spills to disk. None for DuckDB's own limit.
    """

    files: tuple[str, ...]
    customers: int
    time_unit: TimeUnit
    columns: tuple[str, ...]
    observation_end: date | None = None
    report: LogReport | None = None
    past: Past | None = None
    memory_limit: str | None = None
    _saved: tuple[str, ...] | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        end = f" to {self.observation_end}" if self.observation_end else ""
        more = f" and {len(self.files) - 1} more" if len(self.files) > 1 else ""
        return f"<ParquetRFM {self.files[0]}{more}: {len(self):,} customers, in {self.time_unit}s{end}>"

    def __len__(self) -> int:
        return self.customers

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of what else is known of each customer."""
        if self._saved is not None:
            return self._saved
        return tuple(name for name in self.columns if name not in COLUMNS)

    @property
    def has_amounts(self) -> bool:
        """Whether the customers' amounts are known."""
        return "monetary_value" in self.columns

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        time_unit: str | float | TimeUnit | None = None,
        observation_end: Any = None,
        memory_limit: str | None = None,
    ) -> "ParquetRFM":
        """Open a file of customers, or several, without reading the customers into memory.

        Parameters
        ----------
        path : path
            What `RFM.save` or ``rfm_summary(log, to=...)`` wrote; or any Parquet file of customers, or a glob
            of them, with the columns that `RFM.from_frame` takes. Other columns are attributes, and so are
            the names of folders such as country=AT. Of several files that `RFM.save` wrote, one for each
            country say, the logs' pasts are left behind.
        time_unit : str, float or TimeUnit, optional
            The unit of recency and T, where it is not a saved RFM, which knows.
        observation_end : str or date, optional
            The last day observed, likewise.
        memory_limit : str, optional
            What DuckDB may use, such as "4GB"; beyond, it spills to disk.

        Raises
        ------
        DataError
            No such file; a column is missing; customers without a name, or of the same.
        SettingsError
            The time unit is missing, or is given for a file that knows.

        Examples
        --------
        >>> import tempfile, lifecast as lc
        >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     rfm.save(f"{folder}/rfm.parquet")
        ...     on_disk = lc.ParquetRFM.open(f"{folder}/rfm.parquet")
        ...     model = lc.CLTV(market=None).fit(on_disk)
        >>> len(on_disk)
        2357
        """
        place = os.fspath(path)
        files = files_of(place)
        known = [read_about(file) for file in files]
        customers = sum(parquet_metadata(file).num_rows for file in files)
        table = CustomerFiles(files, memory_limit)
        if len(known) == 1 and (about := known[0]) is not None:
            if time_unit is not None or observation_end is not None:
                raise SettingsError(
                    f"{place} was saved by lifecast and knows its time unit and observation end. Leave "
                    "time_unit= and observation_end= away."
                )
            names = tuple(about.pop("attributes"))
            about.pop("holdout")
            return cls(
                files, customers, columns=table.columns, memory_limit=memory_limit, _saved=names, **about
            )
        end = None if observation_end is None else parse_date(observation_end, "observation_end")
        unit, same_end = _common(place, files, known)
        if unit is not None and (time_unit is not None or end is not None):
            raise SettingsError(
                f"{place} were saved by lifecast and know their time unit and observation end. Leave "
                "time_unit= and observation_end= away."
            )
        time_unit, end = time_unit or unit, end or same_end
        if time_unit is None:
            raise SettingsError(
                f"{place} was not saved by lifecast: pass time_unit=, the unit of its recency and T, such as "
                '"week".'
            )
        columns = table.columns
        missing = [name for name in ("customer_id", *PURCHASES) if name not in columns]
        if missing:
            raise DataError(
                f"{place} has no column {missing[0]!r}; it has {', '.join(map(repr, columns))}. Rename its "
                "columns, or make the RFM from the log with rfm_summary."
            )
        for name in (*PURCHASES, *MONEY):
            if name in columns and not table.is_numeric(name):
                raise DataError(
                    f"{place}: column {name!r} does not hold numbers. Convert it first: recency and T count "
                    "time units, such as weeks."
                )
        nobody, again = table.names_again("customer_id")
        if nobody or again:
            raise DataError(
                f"{place}: {nobody:,} customers have no customer_id, and {again:,} have one that came "
                "before. Needed: one row per customer; rfm_summary makes it from a log."
            )
        if not customers:
            raise DataError(f"{place} has no customers. Pass a file with at least one row.")
        return cls(files, customers, TimeUnit.parse(time_unit), columns, end, memory_limit=memory_limit)

    def load(self) -> RFM:
        """Read all customers into memory."""
        if self._saved is not None:
            return load_rfm(self.files[0])
        whole = self.parts(self.attributes, len(self))
        return next(whole)

    def histories(self, attributes: Iterable[str] = ()) -> Histories:
        """Count in the files the customers who share a history: all that a fit needs.

        Parameters
        ----------
        attributes : iterable of str, default ()
            The attributes that are needed: groups and covariates of the families to fit.

        Raises
        ------
        SettingsError
            The customers have no such attribute.
        DataError
            Numbers that no customer can have.
        """
        names = self._known(attributes)
        purchases = self._counted(PURCHASES, names)
        spend = self._counted(("frequency", *self._money), names) if self.has_amounts else None
        self._check(purchases)
        if spend is not None:
            self._check(spend)
        return Histories.count(
            purchases, spend, names, self.time_unit, self.observation_end, self.report, self.past
        )

    def ages(self, attributes: Iterable[str] = ()) -> PurchaseHistories:
        """Frequencies and ages T that occur with these attributes, with a recency that could be.

        They are fewer than histories by far, and all that a forecast needs to know of other customers.

        Raises
        ------
        SettingsError
            The customers have no such attribute.
        DataError
            Numbers that no customer can have.
        """
        names = self._known(attributes)
        table = self._counted(("frequency", "T"), names)
        frequency, age = table["frequency"], table["T"]
        recency = np.where(frequency > 0, age, 0.0)
        self._check(table | {"recency": recency})
        return PurchaseHistories(
            frequency.astype(np.int64), recency, age, table["customers"].astype(np.float64),
            {name: table[name] for name in names},
        )  # fmt: skip

    def distinct(self, attribute: str) -> "tuple[pa.Array[Any], Integers]":
        """The values of an attribute, in no order, and how many customers have each.

        Raises
        ------
        SettingsError
            The customers have no such attribute.
        """
        if attribute not in self.attributes:
            raise no_group(attribute, self.attributes)
        counted = self._files.counted({"value": quote(attribute)})
        return counted["value"].combine_chunks(), counted["customers"].to_numpy()

    def parts(self, attributes: Iterable[str], customers: int = CUSTOMERS_AT_A_TIME) -> Iterator[RFM]:
        """The customers in the files' order, so many at a time, with these attributes.

        Raises
        ------
        SettingsError
            The customers have no such attribute.
        DataError
            Numbers that no customer can have.
        """
        import pyarrow as pa

        names = self._known(attributes)
        numbers = (*PURCHASES, *self._money)
        # Text whose file does not say that it is any; as rfm_summary reads it of a log.
        bytes_only = self._files.kinds["customer_id"] == "BLOB"
        select = {"c0": "CAST(customer_id AS VARCHAR)" if bytes_only else "customer_id"} | self._expressions(
            numbers, names
        )
        waiting: list[pa.RecordBatch] = []
        for batch in self._files.batches(select, customers):
            waiting.append(batch)
            if sum(each.num_rows for each in waiting) < customers:
                continue
            table = pa.Table.from_batches(waiting)
            yield self._rfm(table.slice(0, customers), numbers, names)
            waiting = table.slice(customers).to_batches()
        if waiting:
            yield self._rfm(pa.Table.from_batches(waiting), numbers, names)

    # -- inside ----------------------------------------------------------------------------------

    @property
    def _files(self) -> CustomerFiles:
        return CustomerFiles(self.files, self.memory_limit)

    @property
    def _money(self) -> tuple[str, ...]:
        """Columns of money; the number of amounts can be told from others."""
        if not self.has_amounts:
            return ()
        return tuple(name for name in MONEY if name in self.columns or name == "monetary_frequency")

    def _known(self, attributes: Iterable[str]) -> list[str]:
        names = sorted(set(attributes))
        for name in names:
            if name not in self.attributes:
                raise no_attribute(name, self.attributes)
        return names

    def _expressions(self, numbers: Sequence[str], attributes: Sequence[str]) -> dict[str, str]:
        """SQL by our own names for the columns: n0, n1, ... and a0, a1, ..."""
        spent = "CASE WHEN monetary_value > 0 THEN frequency ELSE 0 END"
        select = {
            f"n{i}": f"CAST({quote(name) if name in self.columns else spent} AS DOUBLE)"
            for i, name in enumerate(numbers)
        }
        return select | {f"a{i}": quote(name) for i, name in enumerate(attributes)}

    def _counted(self, numbers: Sequence[str], attributes: Sequence[str]) -> dict[str, Any]:
        table = self._files.counted(self._expressions(numbers, attributes))
        found: dict[str, Any] = {"customers": table["customers"].to_numpy()}
        found |= {name: table[f"n{i}"].to_numpy() for i, name in enumerate(numbers)}
        known = _Attributes({name: table[f"a{i}"].combine_chunks() for i, name in enumerate(attributes)})
        return found | {name: attribute(known, name) for name in attributes}

    def _check(self, table: dict[str, Any]) -> None:
        import pyarrow as pa

        numbers = {name: table[name] for name in (*PURCHASES, *MONEY) if name in table}
        one_purchase = {"recency": numbers["frequency"] > 0, "T": np.ones(numbers["frequency"].size)}
        nameless = pa.array(np.arange(numbers["frequency"].size))
        try:
            check_numbers(nameless, one_purchase | numbers, self.time_unit)
        except DataError:
            for _ in self.parts((), CUSTOMERS_AT_A_TIME):  # which say whose numbers they are
                pass
            raise

    def _rfm(self, table: "pa.Table", numbers: Sequence[str], attributes: Sequence[str]) -> RFM:
        import pyarrow as pa

        ids = table["c0"].combine_chunks()
        if pa.types.is_dictionary(ids.type):
            ids = ids.cast(ids.type.value_type)
        arrays = {name: table[f"n{i}"].to_numpy() for i, name in enumerate(numbers)}
        check_numbers(ids, arrays, self.time_unit)
        return RFM(
            customer_id=ids,
            **arrays,
            time_unit=self.time_unit,
            attributes={name: table[f"a{i}"].combine_chunks() for i, name in enumerate(attributes)},
            observation_end=self.observation_end,
            report=self.report,
        )


@dataclass(frozen=True)
class _Attributes:
    attributes: "dict[str, pa.Array[Any]]"

    def __len__(self) -> int:
        return max(map(len, self.attributes.values()), default=0)


def _common(
    place: str, files: tuple[str, ...], known: "list[dict[str, Any] | None]"
) -> "tuple[TimeUnit | None, date | None]":
    """The time unit and the observation end of saved RFMs, where all have the same; None of bare tables."""
    said = [None if one is None else (one["time_unit"], one["observation_end"]) for one in known]
    for file, one in zip(files, said, strict=True):
        if one != said[0]:
            first, other = (
                "nothing known" if it is None else f"{it[0]}s to {it[1]}" for it in (said[0], one)
            )
            raise DataError(
                f"{place}: the files do not go together: {files[0]} ({first}), {file} ({other}). Pass files "
                "of one time unit and observation end."
            )
    return (None, None) if said[0] is None else said[0]


def holds_customers(path: str | os.PathLike[str]) -> bool:
    """Whether Parquet files have one row per customer, rather than transactions; False for anything else."""
    try:
        names = parquet_metadata(files_of(os.fspath(path))[0]).schema.to_arrow_schema().names
    except LifecastError:
        return False
    return set(names) >= {"customer_id", *PURCHASES}


def files_of(path: str) -> tuple[str, ...]:
    """The file of that name, or those that a glob means, in order.

    Raises
    ------
    DataError
        There is none.
    """
    if os.path.isdir(path):
        within = os.path.join(path, "**", "*.parquet")
        raise DataError(f"{path} is a folder. Pass a glob of its files, such as {within!r}.")
    files = (path,) if os.path.isfile(path) else tuple(sorted(glob.glob(path, recursive=True)))
    if not files:
        raise DataError(f"{path}: no such file. Pass a Parquet file of customers, or a glob of them.")
    return files
