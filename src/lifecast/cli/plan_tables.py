"""The tables of a plan, a function for each subject: from what was read to tables by name."""

import copy
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lifecast.cli.case import Case, days_of
from lifecast.cli.channel_values import read_costs, value_channels
from lifecast.cli.inputs import settings
from lifecast.cli.printing import note, working
from lifecast.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd

    from lifecast.forecast import Forecast
    from lifecast.planning.actions import Treatment
    from lifecast.planning.channels import Channels
    from lifecast.rfm import RFM

Tables = dict[str, "pd.DataFrame"]

LONGEST_WATCH = 365.0  # days between the earlier forecast and the log's end
WATCHED_SHARE = 0.25  # of the log, likewise
LOOKS = 28.0  # days, about, of a period in which a forecast is watched


def segment_tables(case: Case, forecast: "Forecast") -> Tables:
    """Every customer's chances and class, what classes bring, and the rules."""
    from lifecast.planning.segments import segments

    with working("Segments", total=len(case.rfm)) as progress:
        found = segments(forecast, progress=progress, **settings(case.spec.segments))
    case.results["segments"] = found
    return {
        "customers": found.customers,
        "segments": found.segments.reset_index(),
        "rules": found.rules.reset_index(),
    }


def cash_flow_tables(case: Case, forecast: "Forecast", coming: "pd.DataFrame | None") -> Tables:
    """What comes by month, of customers there and yet to come, and their equity."""
    from lifecast.planning.portfolio import cash_flow

    by_month = forecast.observation_end is not None and math.isfinite(forecast.horizon)
    with working("Cash flow", total=len(case.rfm)) as progress:
        flow = cash_flow(
            forecast, case.group, new_customers=coming, per="month" if by_month else "period",
            progress=progress,
        )  # fmt: skip
    case.results["cash_flow"] = flow
    equity = {} if flow.equity is None else {"equity": flow.equity.reset_index()}
    return {"cash_flow": flow.periods, **equity}


def newcomers(case: Case) -> "pd.DataFrame | None":
    """The plan of new customers in a file; or as many as came a year before, at the same cost."""
    import pandas as pd

    asked, end = case.spec.new_customers, case.rfm.observation_end
    if isinstance(asked, str):
        return read_costs(Path(asked), case.of_the_log.get("date_format"))
    costs = case.costs
    if asked is False or costs is None or end is None or not {"start", "new_customers"} <= set(costs):
        return None
    start = pd.to_datetime(costs["start"]) + pd.DateOffset(years=1)
    later = costs.assign(start=start)[start > pd.Timestamp(end)]
    return later if later["new_customers"].sum() > 0 else None


def cohort_tables(case: Case) -> Tables:
    """What became of customers, by when they first bought; nothing without a log."""
    from lifecast.planning.cohorts import cohorts

    if case.log is None:
        return {}
    with working("Cohorts"):
        found = cohorts(case.log, **case.columns, **settings(case.spec.cohorts), **case.interval)
    return {
        "cohorts": found.periods,
        "cohort_summary": found.summary,
        "retention": found.triangle().reset_index(),
        "second_purchase": found.second_purchase,
    }


def textbook_tables(case: Case) -> Tables:
    """The measures that everybody starts with, in all and by group; nothing without a log."""
    import pandas as pd

    from lifecast.planning.textbook import textbook_measures

    if case.log is None:
        return {}
    asked = settings(case.spec.textbook)
    margin = case.outlook.get("margin", 1.0)
    shared: dict[str, Any] = {**case.columns, **case.interval}
    shared |= {"margin": margin} if not isinstance(margin, str) else {}
    shared |= {"period": asked["period"]} if "period" in asked else {}
    by = asked.get("by", case.group)
    try:
        tables = [textbook_measures(case.log, **shared)]
        if by is not None:
            tables.append(textbook_measures(case.log, by=by, cac=paid_for(case, by), **shared))
            tables[0].insert(0, by, "all")
    except SettingsError as error:
        if "period" in asked:
            raise
        note(f"No textbook measures: {error}")
        return {}
    return {"textbook": pd.concat(tables, ignore_index=True)}


def paid_for(case: Case, by: str) -> Mapping[Any, float] | None:
    """Cost per new customer by group, where it is known of every group."""
    if case.costs is None or by != case.group or by not in case.rfm.attributes:
        return None
    column = by if by in case.costs else "channel"
    sums = case.costs.groupby(column)[["cost", "new_customers"]].sum()
    paid: dict[Any, float] = (sums["cost"] / sums["new_customers"]).to_dict()
    known = set(case.rfm.attributes[by].to_pandas())
    return paid if known <= set(paid) else None


def watch_tables(case: Case) -> Tables:
    """A forecast from an earlier day against what came: by period, and what its ranking would have caught."""
    import pandas as pd

    from lifecast.from_log import rfm_summary
    from lifecast.planning.monitoring import monitor
    from lifecast.planning.segments import segment_lift, segments

    watch, then = case.spec.watch, earlier_day(case)
    if watch is False or case.log is None or then is None:
        return {}
    how = {**case.of_the_log, "observation_end": then, "holdout_end": case.rfm.observation_end}
    with working(f"Forecasting from {then}"):
        early = rfm_summary(case.log, **how)
        fitted = copy.copy(case.model).fit(early, random_seed=case.outlook["random_seed"])
        assert early.holdout is not None
        forecast = fitted.forecast(early, early.holdout.duration, **case.outlook)
        by_p_top = segments(forecast, **settings(case.spec.segments) | {"window": None})
        lift = segment_lift(by_p_top, early, **case.interval)
    every = watch.every or max(1, round(LOOKS / case.rfm.time_unit.days))
    summed = ["purchases"]
    if "value" in forecast.draws and not isinstance(case.outlook.get("margin"), str):
        summed.append("value")
    watched = {measure: monitor(forecast, early, measure=measure, every=every) for measure in summed}
    case.results["watched"] = (then, watched)
    tables = [each.table.assign(measure=measure) for measure, each in watched.items()]
    return {"lift": lift.reset_index(), "monitoring": pd.concat(tables, ignore_index=True)}


def earlier_day(case: Case) -> date | None:
    """The day asked for; or one that leaves a quarter of the log to watch, a year at most."""
    watch, report, end = case.spec.watch, case.rfm.report, case.rfm.observation_end
    if watch is not False and watch.since is not None:
        return watch.since
    if report is None or end is None:
        return None
    length = min(LONGEST_WATCH, WATCHED_SHARE * (end - report.first).days)
    return end - timedelta(days=round(length)) if length >= LOOKS else None


def channel_tables(case: Case, days: float) -> Tables:
    """What channels bring and cost; nothing without costs."""
    if case.costs is None:
        return {}
    found = value_channels(case.model, case.costs, days, case.outlook, **settings(case.spec.channels))
    case.results["channels"] = found
    return {
        "channels": found.table.reset_index(),
        "returns": found.roi.reset_index(),
        "payback": found.payback.reset_index(),
    }


def elasticity_tables(forecast: "Forecast", coming: "pd.DataFrame | None") -> Tables:
    """What one percent of each lever is worth; nothing without amounts."""
    from lifecast.planning.scenarios import elasticities

    if forecast.simulation.spend_family is None:
        return {}
    with working("Elasticities"):
        return {"elasticities": elasticities(forecast, new_customers=coming).reset_index()}


def scenario_tables(case: Case, forecast: "Forecast", coming: "pd.DataFrame | None") -> Tables:
    """The scenarios asked for; nothing without any."""
    import pandas as pd

    from lifecast.planning.scenarios import scenario

    found = {}
    for name, levers in case.spec.scenario.items():
        with working(f"Scenario {name}", total=len(case.rfm)) as progress:
            found[name] = scenario(forecast, new_customers=coming, progress=progress, **settings(levers))
    if not found:
        return {}
    case.results["scenarios"] = found
    totals = {name: each.total for name, each in found.items()}
    return {"scenarios": pd.concat(totals, names=["name", "measure"]).reset_index()}


def offer_tables(case: Case, forecast: "Forecast") -> Tables:
    """Whom to make the offer, and what it brings; nothing without one."""
    from lifecast.planning.actions import treat

    offer = case.spec.offer
    if offer is None:
        return {}
    with working("Whom to make the offer"):
        found = treat(
            forecast, cost=offer.cost, effect=offer.effect, discount=offer.discount or 0.0,
            budget=offer.budget, by=offer.by or case.group,
        )  # fmt: skip
    case.results["offer"] = found
    return {
        "treatment": found.customers,
        "treatment_segments": found.segments.reset_index(),
        "treatment_total": found.total.to_frame().T,
    }


def budget_tables(case: Case) -> Tables:
    """How to split the budget; nothing without one."""
    from lifecast.planning.budget import allocate

    asked = settings(case.spec.budget)
    retention = asked.pop("retention")
    amount = asked.pop("amount", None)
    by_channel: Channels | None = case.results.get("channels")
    if amount is None or by_channel is None:
        return {}
    offer: Treatment | None = case.results.get("offer") if retention else None
    plan = allocate(
        by_channel, amount, case.costs, retention=offer, random_seed=case.outlook["random_seed"], **asked,
        **case.interval,
    )  # fmt: skip
    case.results["allocation"] = plan
    return {
        "budget": plan.table.reset_index(),
        "budget_total": plan.total.to_frame().T,
        "budget_by_month": plan.monthly,
        "frontier": plan.frontier,
    }


def identity_tables(people: Any, apart: "RFM", case: Case) -> Tables:
    """Who was joined, by what and in spite of what; and what that does to frequency and value."""
    from lifecast.model import CLTV
    from lifecast.planning.identity_effect import identity_effect

    margin = case.outlook.get("margin", 1.0)
    families: list[Any] = [case.model.purchases, case.model.spend]  # of all together: no need of groups
    alone = [family and replace(family, groups=None) for family in families]
    textbook = CLTV(*alone, market=None)
    horizon = case.horizon if math.isfinite(days_of(case.horizon, case)) else "12 months"
    with working("What joining accounts changes"):
        effect = identity_effect(
            apart, case.rfm, model=textbook, horizon=horizon,
            margin=1.0 if isinstance(margin, str) else margin,
            annual_discount_rate=case.outlook["annual_discount_rate"],
            random_seed=case.outlook["random_seed"],
        )  # fmt: skip
    case.results["identity"] = people, effect
    return {
        "identity": people.accounts,
        "identity_keys": people.keys,
        "identity_conflicts": people.conflicts,
        "identity_giants": people.giants,
        "identity_shared_too_widely": people.shared_too_widely,
        "identity_effect": effect.reset_index(),
    }
