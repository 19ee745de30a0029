"""What a plan needs to know besides the log, the model and the costs: settings in a TOML file."""

import os
from collections.abc import Mapping
from datetime import date
from typing import Literal

from pydantic import Field

from lifecast.planning.budget import Objective
from lifecast.planning.cohorts import Period
from lifecast.specification import Outlook, Table, read_toml

_FACTOR = "a positive factor, such as 1.1 for 10% more"


class Segments(Table):
    """See `lifecast.segments`."""

    top: float | None = Field(default=None, description="a share of customers, such as 0.1", gt=0, lt=1)
    threshold: float | None = Field(default=None, description="a value from 0 up", ge=0)
    window: float | str | None = Field(default=None, description='a length such as "90 days"')


class Cohorts(Table):
    """See `lifecast.cohorts`."""

    period: Period | None = Field(default=None, description='"week", "month", "quarter" or "year"')
    by: str | None = Field(default=None, description="a column of the log")


class Textbook(Table):
    """See `lifecast.textbook_measures`."""

    period: float | str | None = Field(default=None, description='a length such as "3 months"')
    by: str | None = Field(default=None, description="a column of the log")


class Returns(Table):
    """See `lifecast.channels`."""

    target_roi: float | None = Field(default=None, description="a return such as 0.2", ge=-1)
    probability: float | None = Field(default=None, description="a probability such as 0.9", gt=0, lt=1)


class Levers(Table):
    """A scenario; see `lifecast.scenario`."""

    purchase_rate: float | None = Field(default=None, description=_FACTOR, gt=0)
    dropout: float | None = Field(default=None, description=_FACTOR, gt=0)
    average_order: float | None = Field(default=None, description=_FACTOR, gt=0)
    margin: float | None = Field(default=None, description="a factor, such as 1.1 for 10% more")
    commission: float | None = Field(default=None, description="a share of the value", ge=0, le=1)
    annual_discount_rate: float | None = Field(default=None, description="a number from 0 up", ge=0)
    who: str | None = Field(default=None, description='"attribute=value"')
    referred: float | None = Field(default=None, description="a share of new customers", ge=0, le=1)
    referral_uplift: float | None = Field(default=None, description="a share, such as 0.16", gt=-1)


class Offer(Table):
    """Whom to make an offer; see `lifecast.treat`."""

    cost: float | str = Field(description="money, or the name of an attribute")
    purchase_rate: float | None = Field(default=None, description=_FACTOR, gt=0)
    dropout: float | None = Field(default=None, description=_FACTOR, gt=0)
    average_order: float | None = Field(default=None, description=_FACTOR, gt=0)
    discount: float | None = Field(default=None, description="a share of the price", ge=0, lt=1)
    budget: float | None = Field(default=None, description="money", ge=0)
    by: str | None = Field(default=None, description="an attribute")

    @property
    def effect(self) -> dict[str, float]:
        """The factors that were set."""
        levers = {name: getattr(self, name) for name in ("purchase_rate", "dropout", "average_order")}
        return {name: factor for name, factor in levers.items() if factor is not None}


class Budget(Table):
    """See `lifecast.allocate`; with an offer, retention is one way to spend it."""

    amount: float | None = Field(default=None, description="a positive amount of money", gt=0)
    months: int | None = Field(default=None, description="a whole number from 1 up", ge=1)
    objective: Objective | None = Field(default=None, description='"mean", "quantile" or "cvar"')
    level: float | None = Field(default=None, description="a probability such as 0.1", gt=0, lt=1)
    whole_customers: bool | None = Field(default=None, description="true or false")
    bounds: dict[str, tuple[float, float]] | None = Field(
        default=None, description="channel = [least, most], in money"
    )
    curves: dict[str, tuple[float, float, float]] | None = Field(
        default=None, description="channel = [usual cost of a month, new customers it brings, elasticity]"
    )
    retention: bool = Field(default=True, description="true or false")


class Identity(Table):
    """Accounts that are one person; see `lifecast.join_identities`."""

    accounts: str | None = Field(
        default=None, description="a file with a row per account; by default the log itself"
    )
    account: str | None = Field(default=None, description="the column of accounts")
    keys: tuple[str, ...] = Field(description='columns, such as ["email", "phone"]')
    max_sharing: int | None = Field(default=None, description="a whole number from 2 up", ge=2)


class Watch(Table):
    """A forecast from an earlier day, held against what came; see `lifecast.monitor` and `segment_lift`."""

    since: date | None = Field(default=None, description="a date, such as 2024-06-30")
    every: int | None = Field(default=None, description="a whole number of time units from 1 up", ge=1)


class PlanSpecification(Table):
    r"""Settings of a plan. Every table and key may be absent; what is absent is as in Python.

    Attributes
    ----------
    forecast, segments, cohorts, textbook, channels, offer, budget, identity : Table
        Settings of the functions of the same subject, under the same names.
    watch : Table or false
        From which earlier day a forecast is held against what came; false for none.
    new_customers : str or false
        File of a plan of new customers, .csv or .parquet; by default as many come for as much as a year
        before, where there are costs by month; false for none.
    scenario : mapping of name to Table
    workbook : bool
        Whether all tables also go into one Excel workbook.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
    ...     _ = file.write('[offer]\ncost = 3.0\npurchase_rate = 1.2\n[scenario.loyal]\ndropout = 0.9\n')
    ...     _ = file.flush()
    ...     plan = read_plan_specification(file.name)
    >>> plan.offer.effect, plan.scenario["loyal"].dropout
    ({'purchase_rate': 1.2}, 0.9)
    """

    forecast: Outlook = Field(default=Outlook(), description="a table")
    segments: Segments = Field(default=Segments(), description="a table")
    cohorts: Cohorts = Field(default=Cohorts(), description="a table")
    textbook: Textbook = Field(default=Textbook(), description="a table")
    channels: Returns = Field(default=Returns(), description="a table")
    offer: Offer | None = Field(default=None, description="a table")
    budget: Budget = Field(default=Budget(), description="a table")
    identity: Identity | None = Field(default=None, description="a table")
    watch: Watch | Literal[False] = Field(default=Watch(), description="a table, or false")
    new_customers: str | Literal[False] | None = Field(
        default=None, description="the path of a .csv or .parquet file, or false"
    )
    scenario: dict[str, Levers] = Field(default={}, description="tables [scenario.name]")
    workbook: bool = Field(default=True, description="true or false")


_TABLES: Mapping[str, type[Table]] = {
    "forecast": Outlook,
    "segments": Segments,
    "cohorts": Cohorts,
    "textbook": Textbook,
    "channels": Returns,
    "offer": Offer,
    "budget": Budget,
    "identity": Identity,
    "watch": Watch,
    "scenario": Levers,
}


def read_plan_specification(path: str | os.PathLike[str]) -> PlanSpecification:
    """Read a plan's settings from a TOML file.

    Raises
    ------
    SettingsError
        Where the file is missing or not TOML, or has a key or value that cannot be meant; the message says
        which one, and what is needed.
    """
    return read_toml(path, PlanSpecification, _TABLES)
