"""What plans and reports are made from: the log, the model, the costs, and a plan's settings."""

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lifecast.cli.inputs import is_log, read_rfm, settings
from lifecast.cli.printing import working
from lifecast.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd

    from lifecast.model import CLTV
    from lifecast.plan_specification import PlanSpecification
    from lifecast.rfm import RFM
    from lifecast.specification import Data

PERSON = "joined_customer"  # column of the log


@dataclass
class Case:
    """What a plan is made from, and what was found so far.

    Attributes
    ----------
    log : path, DataFrame or None
        None where the source is an RFM.
    of_the_log : dict
        How to read it, as `lifecast.rfm_summary` takes it.
    outlook : dict
        Discount rate, margin, interval, worlds and seed.
    results : dict
        What the command prints, by name.
    """

    log: Any
    of_the_log: dict[str, Any]
    model: "CLTV"
    rfm: "RFM"
    spec: "PlanSpecification"
    horizon: Any
    outlook: dict[str, Any]
    costs: "pd.DataFrame | None"
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def group(self) -> str | None:
        """The attribute of the model's groups."""
        return self.model.purchases.groups

    @property
    def columns(self) -> dict[str, Any]:
        """How cohorts and textbook measures read the log."""
        names = ("customer_id", "date", "amount", "date_format", "observation_end", "returns")
        chosen = {name: self.of_the_log[name] for name in names if name in self.of_the_log}
        if chosen.get("returns") == "refuse":  # there are none, then
            del chosen["returns"]
        return chosen

    @property
    def interval(self) -> dict[str, Any]:
        """The level of intervals, where it was chosen."""
        return {name: self.outlook[name] for name in ("interval",) if name in self.outlook}


def read_plan(spec: Path | None, **options: dict[str, Any]) -> "PlanSpecification":
    """The settings of the file, and the options given instead, by table."""
    from lifecast.plan_specification import PlanSpecification, read_plan_specification

    found = PlanSpecification() if spec is None else read_plan_specification(spec)
    for table, values in options.items():
        for name, value in values.items():
            check_option(name, value)
        found = found.model_copy(update={table: getattr(found, table).model_copy(update=values)})
    return found


def check_option(name: str, value: Any) -> None:
    """Refuse options that the file would refuse too."""
    if name == "objective" and value not in ("mean", "quantile", "cvar"):
        raise SettingsError(f'objective={value!r}: needed "mean", "quantile" or "cvar".')


def attributes_asked(asked: "PlanSpecification") -> list[str]:
    """The columns of the log that scenarios and the offer are about."""
    names = [levers.who.partition("=")[0] for levers in asked.scenario.values() if levers.who is not None]
    if asked.offer is not None:
        names += [name for name in (asked.offer.by, asked.offer.cost) if isinstance(name, str)]
    if isinstance(asked.forecast.margin, str):
        names.append(asked.forecast.margin)
    return names


def read_case(
    source: str,
    of_the_log: dict[str, Any],
    model: "CLTV",
    asked: "PlanSpecification",
    horizon: Any,
    outlook: dict[str, Any],
    costs: "pd.DataFrame | None",
    data: "Data | None" = None,
) -> tuple[Case, Any, Any]:
    """The case; and where accounts are joined, who is who, and the RFM of accounts.

    The model is then fitted anew: it was made from accounts. `data` is a run specification's.
    """
    from lifecast.from_log import rfm_summary
    from lifecast.specification import Data

    data, rest = data or Data(), (asked, horizon, outlook, costs)
    is_rfm = not is_log(source)
    if not is_rfm:
        needed = [*model.attributes_needed, *attributes_asked(asked)]
        attributes = list(dict.fromkeys(needed))
        of_the_log = {**of_the_log, "time_unit": model.time_unit, "attributes": attributes}
    if asked.identity is None:
        rfm = read_rfm(source, of_the_log, data, model.time_unit)
        return Case(None if is_rfm else source, of_the_log, model, rfm, *rest), None, None
    if is_rfm:
        raise SettingsError(f"{source} is an RFM: it is too late to join its accounts. Pass the log itself.")
    log, people, account = join(source, asked)
    of_people = {**of_the_log, "customer_id": PERSON}
    with working("Reading the log"):
        apart = rfm_summary(log, **{**settings(data), **of_the_log, "customer_id": account})
        rfm = rfm_summary(log, **{**settings(data), **of_people})
    with working("Fitting the model to people"):
        fitted = copy.copy(model).fit(rfm, random_seed=outlook["random_seed"])
    return Case(log, of_people, fitted, rfm, *rest), people, apart


def join(source: str, asked: "PlanSpecification") -> tuple[Any, Any, str]:
    """The log with a column of people, who they are, and the column of accounts."""
    from lifecast.identity import join_identities
    from lifecast.transactions import read_table

    assert asked.identity is not None
    chosen = settings(asked.identity)
    accounts, keys = chosen.pop("accounts", source), chosen.pop("keys")
    people = join_identities(accounts, keys=list(keys), **chosen)
    account = chosen.get("account", "account")
    path = Path(source)
    if not path.is_file():
        raise SettingsError(f"{source}: joining accounts needs the log in one file, .csv or .parquet.")
    log = read_table(path, ids=[account])
    if account not in log:
        raise SettingsError(
            f"The log has no column {account!r} of accounts; it has {', '.join(map(str, log))}. Say which "
            'one it is: account = "..." in [identity].'
        )
    log[PERSON] = people.customer_of(log[account]).to_numpy()
    return log, people, account


def days_of(horizon: Any, case: Case) -> float:
    """A horizon in days."""
    from lifecast.timeunit import parse_horizon

    return parse_horizon(horizon, case.rfm.time_unit, case.rfm.observation_end) * case.rfm.time_unit.days
