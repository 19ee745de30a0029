"""A run in a file: which families with which priors, from which data, fitted and forecast how."""

import os
import tomllib
from collections.abc import Mapping
from datetime import date
from typing import ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lifecast.errors import SettingsError
from lifecast.families import PURCHASE_FAMILIES, SPEND_FAMILIES, build
from lifecast.influence import Outliers
from lifecast.methods import Method
from lifecast.model import CLTV
from lifecast.parquet_rfm import ParquetRFM
from lifecast.rfm import RFM
from lifecast.timeunit import TimeUnit

Kind = TypeVar("Kind", bound="Table")


class Table(BaseModel):
    """A table of the file. A key without a default is None where it is absent: the caller's default holds.

    A field's description says what it needs to be, and is what an error quotes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(Table):
    """How a log becomes an RFM; see `lifecast.rfm_summary`."""

    time_unit: str | float | None = Field(
        default=None, description='"day", "week", "month", "quarter", "year" or a number of days'
    )
    observation_end: date | None = Field(default=None, description="a date, such as 1997-09-30")
    returns: Literal["net", "drop", "refuse"] | None = Field(
        default=None, description='"net", "drop" or "refuse"'
    )
    merge_within: Literal["day", "week"] | int | None = Field(
        default=None, description='"day", "week" or a number of days'
    )

    def check(self, rfm: RFM | ParquetRFM) -> None:
        """See that an RFM that is already made was made like this.

        Raises
        ------
        SettingsError
            It has another time unit or observation end.
        """
        unit = None if self.time_unit is None else TimeUnit.parse(self.time_unit)
        for name, asked, found in (
            ("time_unit", unit, rfm.time_unit),
            ("observation_end", self.observation_end, rfm.observation_end),
        ):
            if asked not in (None, found):
                raise SettingsError(
                    f"The specification's [data] has {name} = {asked}, but the RFM was made with {found}. "
                    "Make the RFM again from the log, or change the specification."
                )


class Family(Table):
    """A family by its name, with its settings; which settings there are, the family knows."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow", frozen=True)

    family: str
    priors: Literal["weak", "flat"] | dict[str, tuple[float, float]] = Field(
        default="weak", description='"weak", "flat", or a table of coordinate = [mean, sd]'
    )


class Purchases(Family):
    """The purchase family."""

    family: str = Field(default="bg-nbd", description=f"one of {', '.join(PURCHASE_FAMILIES)}")


class Spend(Family):
    """The spend family."""

    family: str = Field(default="gamma-gamma", description=f"one of {', '.join(SPEND_FAMILIES)}")


class Fit(Table):
    """How a model is fitted; see `CLTV.fit`."""

    method: Method | None = Field(default=None, description='"auto", "laplace", "nuts" or "map"')
    draws: int | None = Field(default=None, description="a whole number, such as 1000", ge=1)
    random_seed: int | None = Field(default=None, description="a whole number from 0 up", ge=0)
    outliers: Outliers | None = Field(default=None, description='"keep" or "leave out"')


class Outlook(Table):
    """How far and at what rates a model looks ahead; see `CLTV.forecast`."""

    horizon: float | date | str | None = Field(
        default=None,
        description='a number of time units, a length such as "12 months", a date, or "infinite"',
    )
    annual_discount_rate: float | None = Field(
        default=None, description="a number from 0 up, such as 0.10", ge=0
    )
    margin: float | str | None = Field(default=None, description="a number, or the name of an attribute")
    interval: float | None = Field(default=None, description="a probability such as 0.9", gt=0, lt=1)
    worlds: int | None = Field(default=None, description="a whole number, such as 1000", ge=1)
    random_seed: int | None = Field(default=None, description="a whole number from 0 up", ge=0)


class Specification(Table):
    r"""A whole run. Every table and every key may be absent; what is absent is as in Python.

    Attributes
    ----------
    purchases, spend : Family
        ``family`` and its settings. ``spend = false`` models purchases alone; where ``spend`` is absent, the
        default family is taken if there are amounts.
    market : "auto" or false
        False is the textbook model.
    calendar : str or None
        File of known days, .csv or .parquet; see `lifecast.CLTV`.
    data, fit, forecast : Table
        Settings of `lifecast.rfm_summary`, `CLTV.fit` and `CLTV.forecast`, under the same names.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
    ...     _ = file.write('spend = false\n[purchases]\nfamily = "bg-nbd"\npriors = "flat"\n')
    ...     _ = file.flush()
    ...     read_specification(file.name).model().purchases
    BGNBD(priors='flat', groups=None, covariates=())
    """

    data: Data = Field(default=Data(), description="a table")
    purchases: Purchases = Field(default=Purchases(), description="a table")
    spend: Spend | Literal[False] | None = Field(default=None, description="a table, or false")
    market: Literal["auto", False] = Field(default="auto", description='"auto", or false')
    calendar: str | None = Field(default=None, description="the path of a .csv or .parquet file of days")
    fit: Fit = Field(default=Fit(), description="a table")
    forecast: Outlook = Field(default=Outlook(), description="a table")

    def model(self, amounts: bool = True) -> CLTV:
        """The model that this describes, not fitted yet.

        Parameters
        ----------
        amounts : bool, default True
            Whether the data has amounts; without them, spend is modelled only where this asks for it.

        Raises
        ------
        SettingsError
            An unknown family, setting or prior.
        """
        purchases = build(self.purchases.model_dump(), PURCHASE_FAMILIES)
        spend = self.spend
        if spend is None:
            spend = Spend() if amounts else False
        spend_family = build(spend.model_dump(), SPEND_FAMILIES) if spend else None
        return CLTV(purchases, spend_family, market=self.market or None, calendar=self.calendar)


def read_specification(path: str | os.PathLike[str]) -> Specification:
    """Read a run specification from a TOML file.

    Raises
    ------
    SettingsError
        Where the file is missing or not TOML, or has a key or value that cannot be meant; the message says
        which one, and what is needed.
    """
    specification = read_toml(path, Specification, _TABLES)
    try:
        specification.model()
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from error
    return specification


def read_toml(path: str | os.PathLike[str], kind: type[Kind], tables: Mapping[str, type[Table]]) -> Kind:
    """Read a TOML file of a kind whose tables are given by name.

    Raises
    ------
    SettingsError
        As `read_specification` says.
    """
    try:
        with open(path, "rb") as file:
            found = tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"The specification {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError
        raise SettingsError(f"The specification {path} is not a TOML file: {error}.") from error
    try:
        return kind.model_validate(found)
    except ValidationError as error:
        raise SettingsError(f"{path}: {_said_plainly(error, kind, tables)}") from error


_TABLES: dict[str, type[Table]] = {
    "data": Data,
    "purchases": Purchases,
    "spend": Spend,
    "fit": Fit,
    "forecast": Outlook,
}


def _said_plainly(error: ValidationError, kind: type[Table], tables: Mapping[str, type[Table]]) -> str:
    """The first thing that is wrong, in the words of the field that it is wrong with."""
    first = error.errors()[0]
    table: type[Table] = kind
    names, needed = [], ""
    for name in map(str, first["loc"]):
        if name in table.model_fields:  # pydantic also names the branches of a union, and keys of mappings
            names.append(name)
            needed = table.model_fields[name].description or ""
            table = tables.get(name, table) if table is kind else table
    keys = ", ".join(table.model_fields)
    if first["type"] == "extra_forbidden":
        where = f"in [{names[0]}]" if names else "outside any table"
        return f"unknown key {first['loc'][-1]!r} {where}; the keys there are {keys}."
    found = "is missing" if first["type"] == "missing" else f"= {first['input']!r}"
    return f"{'.'.join(names)} {found}: needed {needed}."
