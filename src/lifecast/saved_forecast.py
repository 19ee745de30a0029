"""A forecast of the whole book in a small file, to be held against what comes."""

import json
import os
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.book import customer_keys
from lifecast.errors import FileFormatError
from lifecast.export import check_target, written_beside
from lifecast.forecast import Forecast, period_table, total_table
from lifecast.log_report import LogReport
from lifecast.rfm import RFM
from lifecast.rfm_file import read_report
from lifecast.seal import check_seal, seal
from lifecast.settings import central
from lifecast.timeunit import TimeUnit, in_words

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1


@dataclass(frozen=True)
class Members:
    """Which customers a forecast is of, without their ids.

    Attributes
    ----------
    count : int
    digest : int
        The sum, modulo 2^64, of a hash of each id: the same in any order.
    repeat_purchases : int
        Of all of them together, up to the observation end.
    """

    count: int
    digest: int
    repeat_purchases: int

    @classmethod
    def of(cls, rfm: RFM) -> "Members":
        """Those of an RFM."""
        digest = int(np.sum(customer_keys(rfm.customer_id, 0), dtype=np.uint64))
        return cls(len(rfm), digest, int(rfm.frequency.sum()))

    def __add__(self, other: "Members") -> "Members":
        """Those of both."""
        return Members(
            self.count + other.count,
            (self.digest + other.digest) % 2**64,
            self.repeat_purchases + other.repeat_purchases,
        )


@dataclass(frozen=True, eq=False, repr=False)
class SavedForecast:
    """What `Forecast.save` kept: all customers' sums in every world, and how they were made.

    `lifecast.monitor` holds it against what came since. Customers one by one are not in it: `Forecast.export`
    writes them.

    Attributes
    ----------
    portfolio, total : DataFrame
        As the forecast's.
    draws : dict of (world, period) arrays
    horizon, interval, time_unit, observation_end, settings
        As the forecast's.
    periods : (period + 1,) array
        Edges of the periods, in time units from the observation end.
    members : Members
        Which customers it is of.
    report : LogReport or None
        How the log was read.
    """

    draws: dict[str, Floats]
    periods: Floats
    horizon: float
    interval: float
    time_unit: TimeUnit
    observation_end: date | None
    settings: dict[str, Any]
    members: Members
    report: LogReport | None

    def __repr__(self) -> str:
        ahead = in_words(self.horizon, self.time_unit, self.observation_end)
        worlds = len(next(iter(self.draws.values())))
        return (
            f"<{type(self).__name__}: {self.members.count:,} customers, {ahead}, {worlds:,} worlds, "
            f"{100 * self.interval:g}% intervals>"
        )

    @property
    def portfolio(self) -> "pd.DataFrame":
        """One row per period, as `Forecast.portfolio`."""
        return period_table(
            self.draws, self.periods, self.time_unit, self.observation_end, central(self.interval)
        )

    @property
    def total(self) -> "pd.DataFrame":
        """One row per measure, as `Forecast.total`."""
        return total_table(self.draws, central(self.interval))


def save_forecast(forecast: Forecast | SavedForecast, path: str | os.PathLike[str]) -> None:
    """Write the whole book's forecast to one netCDF file; see `Forecast.save`."""
    import xarray as xr

    check_target(path, (".nc",))
    about = {
        "horizon": "infinite" if np.isinf(forecast.horizon) else forecast.horizon,
        "interval": forecast.interval,
        "time_unit": asdict(forecast.time_unit),
        "observation_end": forecast.observation_end,
        "settings": forecast.settings,
        "members": asdict(forecast.members),
        "report": None if forecast.report is None else asdict(forecast.report),
    }
    kept = xr.Dataset(
        {name: (("world", "period"), values) for name, values in forecast.draws.items()}
        | {"edges": (("edge",), forecast.periods)},
        attrs={"lifecast_forecast": FORMAT, "about": json.dumps(about, default=date.isoformat)},
    )
    with written_beside(path) as beside:
        kept.to_netcdf(beside, engine="netcdf4")
        seal(beside)


def load_forecast(path: str | os.PathLike[str]) -> SavedForecast:
    """Read what `Forecast.save` wrote.

    Parameters
    ----------
    path : path

    Returns
    -------
    SavedForecast

    Raises
    ------
    FileFormatError
        Not a forecast of lifecast, damaged, or of a newer format.

    Examples
    --------
    >>> import tempfile, lifecast as lc
    >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    >>> forecast = lc.CLTV().fit(rfm).forecast(rfm, horizon=39, worlds=50)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     forecast.save(f"{folder}/autumn.nc")
    ...     saved = lc.load_forecast(f"{folder}/autumn.nc")
    >>> saved.total.equals(forecast.total), saved.members.count
    (True, 2357)
    """
    import xarray as xr

    if not Path(path).is_file():
        raise FileFormatError(f"{path}: no such file. Pass one that forecast.save wrote.")
    check_seal(path, "lifecast forecast")
    try:
        with xr.open_dataset(path, engine="netcdf4") as kept:
            if "lifecast_format" in kept.attrs:
                raise FileFormatError(
                    f"{path} is a model, not a forecast that was saved. Forecast with it, and keep that: "
                    "Forecast.save, or lifecast forecast --save."
                )
            version = int(kept.attrs.get("lifecast_forecast", 0))
            if version == FORMAT:
                about = json.loads(kept.attrs["about"])
                measures = {str(name): values.to_numpy() for name, values in kept.data_vars.items()}
                end, report = about["observation_end"], about["report"]
                return SavedForecast(
                    periods=measures.pop("edges"),
                    draws=measures,
                    horizon=np.inf if about["horizon"] == "infinite" else float(about["horizon"]),
                    interval=about["interval"],
                    time_unit=TimeUnit(**about["time_unit"]),
                    observation_end=None if end is None else date.fromisoformat(end),
                    settings=about["settings"],
                    members=Members(**about["members"]),
                    report=None if report is None else read_report(report),
                )
    except FileFormatError:
        raise
    except Exception as error:
        raise FileFormatError(
            f"{path} cannot be read as a lifecast forecast ({type(error).__name__}: {error}). "
            "Needed: a netCDF file written by forecast.save; save the forecast again."
        ) from error
    raise FileFormatError(
        f"{path} has forecast format {version or 'unknown'}, this lifecast reads {FORMAT}. Pass a file that "
        "forecast.save wrote (not model.save), or load it with the lifecast version that wrote it."
    )
