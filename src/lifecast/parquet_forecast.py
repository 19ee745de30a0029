"""A forecast whose customers go from one Parquet file into another, some at a time.

Memory hardly depends on how many there are. The numbers are those of a forecast in memory, to the last digit.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lifecast.export import check_target, written_beside
from lifecast.matching import check_unit, warn_of_strangers
from lifecast.outlook import Outlook
from lifecast.outputs import described, stable_schema
from lifecast.parquet_rfm import CUSTOMERS_AT_A_TIME, ParquetRFM
from lifecast.posterior import Posterior
from lifecast.rfm import RFM
from lifecast.saved_forecast import Members, SavedForecast
from lifecast.sums import Sums

if TYPE_CHECKING:
    import pyarrow as pa


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
) -> SavedForecast:
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
    families, worlds = (outlook.purchase_family, outlook.spend_family), len(outlook.worlds)
    reach = outlook.reach(rfm.histories(outlook.told_apart_by).purchases)
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
    return SavedForecast(
        draws=sums.draws,
        periods=outlook.periods,
        horizon=outlook.horizon,
        interval=interval,
        time_unit=rfm.time_unit,
        observation_end=rfm.observation_end,
        settings=settings,
        members=members,
        report=rfm.report,
    )
