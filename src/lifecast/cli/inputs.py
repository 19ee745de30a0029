"""What commands read: a log or an RFM, and a run specification."""

from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lifecast.cli.printing import note, working
from lifecast.cli.session import STANDARD
from lifecast.errors import SettingsError

if TYPE_CHECKING:
    from lifecast.parquet_rfm import ParquetRFM
    from lifecast.rfm import RFM
    from lifecast.specification import Data, Specification
    from lifecast.timeunit import TimeUnit


def read_spec(
    path: Path | None,
    purchases: str | None = None,
    spend: str | None = None,
    groups: str | None = None,
    covariates: list[str] | None = None,
) -> "Specification":
    """The run specification in a file; without one, that of the defaults.

    A family that is named replaces the file's, and has its own default settings. Groups and covariates are
    both families'.
    """
    from lifecast.specification import Specification, read_specification

    run = Specification() if path is None else read_specification(path)
    named = {"purchases": purchases, "spend": spend}
    families = {table: {"family": name} for table, name in named.items() if name is not None}
    named_run = Specification.model_validate({**dict(run), **families})
    shared = {
        name: value for name, value in (("groups", groups), ("covariates", covariates)) if value is not None
    }
    if not shared:
        return named_run
    own = named_run.model_dump()
    spend_table = {} if own["spend"] is None else own["spend"]
    own["purchases"] |= shared
    own["spend"] = False if spend_table is False else {**spend_table, **shared}
    return Specification.model_validate(own)


def settings(of: Any) -> dict[str, Any]:
    """The keys of a specification's table that were set."""
    return {name: value for name, value in of if value is not None}


def as_a_log(data: "Data") -> dict[str, Any]:
    """Of the settings of an RFM those that say how lines become purchases."""
    return {name: value for name, value in settings(data).items() if name in ("returns", "merge_within")}


def is_log(path: str) -> bool:
    """Whether a file, or a glob of files, is of transactions; else it is of customers, one row each."""
    from lifecast.parquet_rfm import holds_customers
    from lifecast.rfm_file import holds_rfm

    return not holds_rfm(path) and not holds_customers(path)


def read_rfm(path: str, options: dict[str, Any], data: "Data", time_unit: "TimeUnit | None" = None) -> "RFM":
    """The RFM in files, or that of a log, with what is to be looked into of it as notes."""
    from lifecast.from_log import rfm_summary

    if not is_log(path):
        return _open(path, options, data, time_unit).load()
    with working("Reading the log"):
        found = rfm_summary(path, **{**settings(data), **options})
    for remark in found.report.remarks if found.report is not None else ():
        note(remark)
    return found


def open_customers(
    path: str, options: dict[str, Any], data: "Data", time_unit: "TimeUnit | None" = None
) -> "RFM | ParquetRFM":
    """The RFM of a log; one that is in files stays there. A bare table's time unit is this, unless told."""
    if is_log(path):
        return read_rfm(path, options, data)
    return _open(path, options, data, time_unit)


def _open(
    path: str, options: dict[str, Any], data: "Data", time_unit: "TimeUnit | None" = None
) -> "ParquetRFM":
    from lifecast.parquet_rfm import ParquetRFM, files_of
    from lifecast.rfm_file import holds_rfm

    about: dict[str, Any] = {}
    if not holds_rfm(files_of(path)[0]):
        asked = {"time_unit": time_unit, **settings(data), **options}
        about = {name: asked[name] for name in ("time_unit", "observation_end") if name in asked}
    if others := [name for name in options if name not in about]:
        raise SettingsError(
            f"{path} is an RFM already, and {others[0]}= says how to read a log. Leave it away, or "
            "pass the log itself."
        )
    rfm = ParquetRFM.open(path, **about)
    data.check(rfm)
    return rfm


def refuse_overwriting(*paths: str | Path | None) -> None:
    """Outputs must differ from inputs and from each other; a database and standard output always do."""
    from lifecast.export import check_not_read, is_database

    known: set[Path] = set()
    globs = [str(path) for path in paths if path is not None and has_magic(str(path))]
    for path in paths:
        if path is not None and str(path) != STANDARD and not is_database(path):
            place = Path(path).resolve()
            if place in known:
                raise SettingsError(f"{path} would be overwritten by a result. Choose another name.")
            known.add(place)
            for read in globs:
                if read != str(path):
                    check_not_read(path, read)
