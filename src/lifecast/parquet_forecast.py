"""A forecast whose customers go from one Parquet file into another, some at a time.

Memory hardly depends on how many there are. The numbers are those of a forecast in memory, to the last digit.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lifecast.export import TABLE_ENDINGS, check_not_read, check_target, written_beside
from lifecast.grouped_forecast import GroupedForecast, reduced_by_group
from lifecast.matching import check_unit, warn_of_strangers
from lifecast.outlook import Outlook
from lifecast.outputs import described, stable_schema, write_file
from lifecast.parquet_rfm import CUSTOMERS_AT_A_TIME, ParquetRFM
from lifecast.period_sums import PeriodSums, label_groups
from lifecast.posterior import Posterior
from lifecast.rfm import RFM
from lifecast.saved_forecast import Members, SavedForecast
from lifecast.settings import margins
from lifecast.simulation import Simulation, watch
from lifecast.sums import Sums

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False, repr=False)
class ParquetForecast(SavedForecast):
    """The whole book's forecast, whose customers went from file to file; and the way back to them.

    Attributes
    ----------
    rfm : ParquetRFM
    outlook : Outlook
    """

    rfm: ParquetRFM
    outlook: Outlook

    def export(
        self, to: str | os.PathLike[str], *, table: Literal["portfolio", "total"] = "portfolio"
    ) -> None:
        """Write all customers' sums to a file, whole or not at all; the customers have theirs already.

        Parameters
        ----------
        to : path
            Ends in ".parquet" or ".csv", which get one table, or in ".xlsx", with a formatted sheet for each.
        table : "portfolio" or "total", default "portfolio"

        Raises
        ------
        SettingsError
            It cannot be written there.
        """
        check_target(to, TABLE_ENDINGS)
        outlook = self.outlook
        said = described(
            table, (outlook.purchase_family, outlook.spend_family), len(outlook.worlds), self.observation_end,
            self.horizon, self.time_unit, self.interval, self.settings,
        )  # fmt: skip
        total = self.total.rename_axis("measure").reset_index()
        write_file({"portfolio": self.portfolio, "total": total}, to, table, said)

    def by(
        self, by: str, *, threads: int | None = None, progress: Callable[[int], None] = lambda done: None
    ) -> GroupedForecast:
        """Add the forecast up by group: its futures are simulated again, to the same numbers.

        Parameters
        ----------
        by : str
            An attribute of the customers.
        threads : int, optional
        progress : callable, optional
            Called with the number of customers done.

        Returns
        -------
        GroupedForecast
            As `Forecast.by` gives it of customers in memory.

        Raises
        ------
        SettingsError
            The customers have no such attribute.

        Examples
        --------
        >>> import tempfile, lifecast as lc
        >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     rfm.to_frame().assign(bought_again=rfm.frequency > 0).to_parquet(f"{folder}/rfm.parquet")
        ...     on_disk = lc.ParquetRFM.open(f"{folder}/rfm.parquet", time_unit="week")
        ...     model = lc.CLTV(market=None).fit(on_disk)
        ...     forecast = model.forecast(on_disk, 13, to=f"{folder}/customers.parquet", worlds=50)
        ...     forecast.by("bought_again").groups
        (False, True)
        """
        import pyarrow.compute as pc

        outlook = self.outlook
        values, customers = self.rfm.distinct(by)
        labels, codes = label_groups(values.to_pandas())
        everyone = np.bincount(codes, weights=customers).astype(np.int64)
        periods = outlook.periods.size - 1
        cells = Sums.none(len(labels), len(outlook.worlds), periods, money=True)
        done = 0

        def tell(more: int) -> None:
            progress(done + more)

        for part in self.rfm.parts({*outlook.attributes, by}, CUSTOMERS_AT_A_TIME):
            group = codes[pc.index_in(part.attributes[by], values).to_numpy()]
            simulation = Simulation(
                part, outlook.worlds, outlook.purchase_family, outlook.spend_family,
                margins(outlook.margin, part), outlook.discount_rate, outlook.periods, outlook.seed,
            )  # fmt: skip
            sums = PeriodSums(simulation, outlook.worlds, group, len(labels), fixed_amounts=False)
            watch(
                part, outlook.worlds, outlook.purchase_family, outlook.spend_family, outlook.seed, sums,
                threads, tell,
            )  # fmt: skip
            cells, done = cells + sums.exact[-1], done + len(part)
        draws = cells.by_group
        return reduced_by_group(self, labels, everyone, {name: draws[name] for name in self.draws})


def forecast_to_parquet(
    rfm: ParquetRFM,
    to: str | os.PathLike[str],
    posterior: Posterior,
    outlook: Outlook,
    interval: float,
    settings: dict[str, Any],
    chunk_size: int | None = None,
    threads: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> ParquetForecast:
    """Simulate the customers of one file into another, which is written whole or not at all.

    Parameters
    ----------
    rfm : ParquetRFM
        In the posterior's unit of time.
    to : path
        Ends in ".parquet"; its customers stand in the order of the first file's.
    posterior : Posterior
    outlook : Outlook
    interval : float
        That of the outlook's probabilities.
    settings : dict
        What to say of the forecast, as `Forecast.settings`.
    chunk_size, threads, progress
        As `lifecast.CLTV.forecast` takes them.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_target(to, (".parquet",))
    for file in rfm.files:
        check_not_read(to, file)
    families, worlds = (outlook.purchase_family, outlook.spend_family), len(outlook.worlds)
    reach = outlook.reach(rfm.ages(outlook.told_apart_by))
    sums = Sums.none(1, worlds, outlook.periods.size - 1, money=outlook.spend_family is not None)
    members = Members(0, 0, 0)
    said = described(
        "customers", families, worlds, rfm.observation_end, outlook.horizon, rfm.time_unit, interval, settings
    )

    def answer(part: RFM) -> "pa.Table":
        nonlocal sums, members
        check_unit(part, rfm.time_unit, outlook.purchase_family)
        if not members.count:  # the first ones are taken to be like the others
            warn_of_strangers(part, posterior, outlook.spend_family)
        done = members.count
        columns, added = outlook.answer(
            part,
            reach=reach,
            chunk_size=chunk_size,
            threads=threads,
            progress=lambda more: progress(done + more),
        )
        sums, members = sums + added, members + Members.of(part)
        plain = pa.table(
            {"customer_id": part.customer_id, **{name: columns[name] for name in outlook.columns}}
        )
        return plain.cast(stable_schema(plain.schema, said))

    tables = map(answer, rfm.parts(outlook.attributes, CUSTOMERS_AT_A_TIME))
    with written_beside(to) as beside:
        first = next(tables)
        with pq.ParquetWriter(beside, first.schema) as writer:
            writer.write_table(first)
            del first
            for table in tables:
                writer.write_table(table)
    return ParquetForecast(
        draws=sums.draws,
        periods=outlook.periods,
        horizon=outlook.horizon,
        interval=interval,
        time_unit=rfm.time_unit,
        observation_end=rfm.observation_end,
        settings=settings,
        members=members,
        report=rfm.report,
        rfm=rfm,
        outlook=outlook,
    )
