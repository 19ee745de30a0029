"""The sections of the page, each made of one result."""

import math
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast import plots
from lifecast.families.contract import DiscreteTime
from lifecast.forecast import Forecast
from lifecast.model import CLTV
from lifecast.reporting.images import image
from lifecast.reporting.parts import (
    Cell,
    Column,
    Figure,
    KeyFigure,
    Section,
    Table,
    cell,
    chance_in_words,
    count,
    money,
    number,
    share,
    table_of,
    with_bounds,
)

if TYPE_CHECKING:
    import pandas as pd

    from lifecast.backtesting import Backtest
    from lifecast.planning.budget import Allocation
    from lifecast.planning.channels import Channels
    from lifecast.planning.portfolio import CashFlow
    from lifecast.planning.segments import Segments

BEST = 100  # customers in the table: more belong into a file
SURE = 0.9
FEW_HELD = 0.5  # of past forecasts in their intervals; they miss together, so a few misses say little
MEASURES = {"purchases": "Purchases", "value": "Value", "discounted_value": "Discounted value"}
SOURCES = {
    "market": "what all customers share from week to week: seasons, promotions, good and bad years",
    "parameters": "how well the log tells what customers are like",
    "drift": "customers whose habits change",
    "timing": "the luck of who stays and when they buy",
    "spend": "the luck of what they pay",
}


def summary(
    forecast: Forecast, model: CLTV | None, allocation: "Allocation | None", past: "Backtest | None"
) -> Section:
    """What matters most, in words and numbers."""
    customers, total = forecast.customers, forecast.total.to_dict("index")
    until, interval = horizon_in_words(forecast), f"{forecast.interval:.0%}"
    alive = float(customers["p_alive"].sum())
    bought = spread(total["purchases"], count)
    words = [
        f"{len(customers):,} customers are known{up_to(forecast)}. About {alive:,.0f} of them "
        f"({alive / len(customers):.0%}) are probably still customers; nobody says goodbye, so this is "
        "reckoned from how often and how lately each one bought.",
        f"{until} they are expected to buy {count(total['purchases']['mean'])} times. The {interval} "
        f"interval is {bought}: if the model is right, the true number lies in it with {interval} "
        "probability.",
    ]
    figures = [
        KeyFigure("Customers", count(len(customers)), f"{count(alive)} probably still there"),
        KeyFigure("Purchases to come", count(total["purchases"]["mean"]), bought),
    ]
    worth = worth_of(forecast)
    if worth != "purchases":
        value = total["discounted_value"]
        words.append(
            f"What they will spend is worth {money(value['mean'])} today ({spread(value, money)})"
            f"{terms_in_words(forecast)}."
        )
        figures.append(KeyFigure("Value of the customers", money(value["mean"]), spread(value, money)))
    shares = best_tenth(customers[worth].to_numpy(np.float64))
    if shares is not None:
        of = "value" if worth == "cltv" else "purchases"
        these = "this value" if of == "value" else "these purchases"
        words.append(f"The best tenth of the customers are expected to bring {shares:.0%} of {these}.")
        figures.append(KeyFigure(f"Of the {of} from the best tenth", share(shares)))
    if allocation is not None:
        plan = allocation.total
        words.append(
            f"A budget of {money(plan['budget'])} for new customers, spent as proposed below, is expected to "
            f"return a profit of {money(plan['profit'])} ({money(plan['profit_lower'])} to "
            f"{money(plan['profit_upper'])}); it pays with a probability of "
            f"{chance_in_words(plan['probability_profit'])}."
        )
        figures.append(
            KeyFigure(
                "Profit of the budget",
                money(plan["profit"]),
                f"{money(plan['profit_lower'])} to {money(plan['profit_upper'])}",
            )
        )
    return Section("summary", "Summary", tuple(words), doubts(forecast, model, past), tuple(figures))


def doubts(forecast: Forecast, model: CLTV | None, past: "Backtest | None") -> tuple[str, ...]:
    """What stands against trusting the page."""
    found = []
    log = forecast.simulation.rfm.report
    if log is not None and log.left_truncated:
        found.append("The log seems to begin in mid-life: see Data.")
    if model is not None:
        failed = int((~model.diagnostics["passed"].astype(bool)).sum()) if len(model.diagnostics) else 0
        if failed:
            checks = "check of the model failed" if failed == 1 else "checks of the model failed"
            found.append(f"{failed} {checks}: see Diagnostics before acting on these figures.")
    if past is not None:
        held = held_by(past)
        if held.mean() < FEW_HELD:
            found.append(
                f"Only {int(held.sum())} of {len(held)} past forecasts lay in their {past.interval:.0%} "
                "interval: take these intervals for too narrow."
            )
    return tuple(found)


def held_by(past: "Backtest") -> "pd.Series[bool]":
    """Which of the past forecasts of sums lay in their interval."""
    table = past.portfolio
    return table["actual"].between(table["lower"], table["upper"])


def data_quality(forecast: Forecast) -> Section:
    """What was read, and what became of it."""
    rfm = forecast.simulation.rfm
    repeat = int(np.count_nonzero(rfm.frequency))
    unit = rfm.time_unit.name
    words = [
        f"{repeat:,} of {len(rfm):,} customers ({repeat / len(rfm):.0%}) bought more than once; a "
        f"model learns most from them. The middle customer has been known for {np.median(rfm.T):,.1f} "
        f"{unit}s, the oldest for {np.max(rfm.T):,.1f}."
    ]
    if rfm.monetary_value is None:
        words.append("There are no amounts: purchases are forecast, and no money.")
    if rfm.report is None:
        words.append("The customers came as a table that does not say how it was made from a log.")
        return Section("data", "Data", tuple(words))
    columns = (
        Column("what", "What"), Column("count", "Number", "count"),
        Column("note", "What became of it", "words"),
    )  # fmt: skip
    rows = tuple(
        (Cell(name.strip(), place), cell(lines, "count"), cell(note, "text"))
        for place, (name, lines, note) in enumerate(rfm.report.rows)
    )
    return Section(
        "data", "Data", tuple(words), tuple(rfm.report.remarks), tables=(Table("The log", columns, rows),)
    )


def diagnostics(model: CLTV) -> Section:
    """What the model was held against, and what to do about what failed."""
    checks = model.diagnostics
    families = " and ".join(family.name for family in (model.purchases, model.spend) if family is not None)
    market = "with a market learned from the log's own past" if model.market else "without a market"
    words = [f"The model is {families}, {market}."]
    failed = checks[~checks["passed"].astype(bool)] if len(checks) else checks
    if not len(checks):
        words.append("Its parameters were given, so nothing was checked.")
    elif not len(failed):
        words.append(f"All {len(checks)} checks passed.")
    else:
        words.append(f"{len(checks) - len(failed)} of {len(checks)} checks passed.")
    rows = tuple(
        (
            cell(check["part"], "text"),
            cell(check["check"], "text"),
            cell(check["figure"], "number"),
            cell(check["threshold"], "text"),
            cell("passed" if check["passed"] else "FAILED", "text"),
        )
        for check in checks.to_dict("records")
    )
    columns = (
        Column("part", "Part"), Column("check", "Check"), Column("figure", "Figure", "number"),
        Column("threshold", "Needed"), Column("passed", "Result"),
    )  # fmt: skip
    parameters = table_of(
        model.parameters.reset_index(),
        "Parameters",
        (
            Column("parameter", "Parameter"), Column("mean", "Mean", "number"), Column("sd", "SD", "number"),
            Column("lower", "5%", "number"), Column("upper", "95%", "number"),
        ),
        folded=True,
    )  # fmt: skip
    return Section(
        "diagnostics",
        "Diagnostics",
        tuple(words),
        tuple(f"{check['part']}, {check['check']}: {check['remedy']}" for check in failed.to_dict("records")),
        tables=(*((Table("Checks", columns, rows),) if rows else ()), parameters),
    )


def portfolio(forecast: Forecast) -> Section:
    """All customers together, period by period."""
    shown = ["purchases", *(["value"] if "value" in forecast.draws else [])]
    figures = tuple(image(partial(plots.plot_portfolio, forecast, measure)) for measure in shown)
    interval = f"{forecast.interval:.0%} interval"
    totals = forecast.total.assign(measure=[MEASURES[name] for name in forecast.total.index])
    columns = (
        Column("measure", "Over the whole horizon"), Column("mean", "Mean", "money"),
        Column("lower", f"{interval}, from", "money"), Column("median", "Median", "money"),
        Column("upper", "to", "money"),
    )  # fmt: skip
    periods = (
        Column("start", "From", "date"), Column("end", "To", "date"),
        *with_bounds("purchases", "Purchases", "number"), *with_bounds("value", "Value", "money"),
        *with_bounds("discounted_value", "Discounted value", "money"),
    )  # fmt: skip
    return Section(
        "portfolio",
        "All customers together",
        (
            "The line is the median of the forecast, the band holds a period's outcome with "
            f"{forecast.interval:.0%} probability. Single periods vary more than their sum.",
        ),
        figures=figures,
        tables=(
            table_of(totals, "The sums", columns),
            table_of(forecast.portfolio, "Period by period", periods, folded=True),
        ),
    )


def uncertainty(forecast: Forecast, table: "pd.DataFrame") -> Section:
    """Which source of chance makes how much of the variance."""
    measure = "value" if "value" in forecast.draws else "purchases"
    whole = table[(table["measure"] == measure) & (table["period"].astype(str) == "total")].iloc[0]
    parts = whole[list(SOURCES)].astype(float).clip(lower=0.0)
    shares = (parts / max(float(parts.sum()), 1e-300)).sort_values(ascending=False)
    words = [f"{shares[name]:.0%} {name} ({SOURCES[name]})" for name in shares.index]
    figure = image(lambda ax: plots.plot_uncertainty(forecast, measure, ax, table))
    return Section(
        "uncertainty",
        "Where the uncertainty comes from",
        (f"Of the variance of all {measure} within the horizon: {'; '.join(words)}.",),
        figures=(figure,),
    )


def segments(found: "Segments") -> Section:
    """Classes of customers, what they bring, and what makes them."""
    frame = found.segments.reset_index()
    frame["rule"] = found.rules["rule"].reindex(frame["segment"]).to_list()
    columns = (
        Column("segment", "Segment"), Column("customers", "Customers", "count"),
        Column("customer_share", "Of customers", "share"),
        *with_bounds("discounted_value", "Discounted value", "money"),
        *with_bounds("share", "Of all", "share"), Column("rule", "Who", "words"),
    )  # fmt: skip
    if "discounted_value" not in frame:
        columns = (*columns[:3], *with_bounds("purchases", "Purchases", "number"), *columns[6:])
    return Section(
        "segments",
        "Segments",
        (
            "Every customer belongs to the first class whose rule fits. Chances are shares of the simulated "
            "futures, so luck is in them: hardly anybody is sure to be among the best.",
        ),
        tables=(table_of(frame, "What the segments bring", columns),),
    )


def customers(forecast: Forecast, model: CLTV | None, found: "Segments | None") -> Section:
    """How customers differ, and the best of them."""
    worth = worth_of(forecast)
    frame = forecast.customers
    if found is not None:
        frame = frame.assign(**{name: found.customers[name].to_numpy() for name in ("segment", "p_top")})
    shown = frame.nlargest(BEST, worth)
    columns = (
        Column("customer_id", "Customer"), Column("segment", "Segment"),
        Column("p_alive", "Still a customer", "chance"), Column("purchases", "Purchases", "number"),
        Column("p_purchase", "Buys at all", "chance"), Column("spend_per_purchase", "Each time", "money"),
        Column("cltv", "Value", "money"),
        Column("cltv_lower", f"{forecast.interval:.0%} interval, from", "money"),
        Column("cltv_upper", "to", "money"),
        Column("p_top", f"Among the best {found.top:.0%}" if found is not None else "", "chance"),
    )  # fmt: skip
    figures: list[Figure] = []
    if best_tenth(forecast.customers[worth].to_numpy(np.float64)) is not None:
        figures.append(image(lambda ax: plots.plot_concentration(forecast, ax)))
        figures.append(image(lambda ax: plots.plot_customer_values(forecast, ax)))
    rfm = forecast.simulation.rfm
    if model is not None and not isinstance(model.purchases, DiscreteTime):
        length = forecast.horizon if math.isfinite(forecast.horizon) else 365.25 / rfm.time_unit.days
        figures.append(
            image(
                lambda ax: plots.plot_customer_map(model, rfm, ax=ax),
                lambda ax: plots.plot_customer_map(model, rfm, length, ax),
            )
        )
    return Section(
        "customers",
        "Customers",
        (
            f"The {len(shown):,} customers of whom most is expected. A single customer's interval is wide: "
            "it bounds what this customer will really bring, luck included.",
        ),
        figures=tuple(figures),
        tables=(table_of(shown, f"The best {len(shown):,} of {len(frame):,} customers", columns),),
    )


def cash_flow(found: "CashFlow") -> Section:
    """What customers there and yet to come bring."""
    tables = []
    if found.equity is not None:
        columns = (
            Column("group", "Group"), Column("customers", "Customers"), Column("mean", "Mean", "money"),
            Column("lower", "Interval, from", "money"), Column("median", "Median", "money"),
            Column("upper", "to", "money"),
        )  # fmt: skip
        tables.append(table_of(found.equity.reset_index(), "Customer equity: discounted value", columns))
    periods = (
        Column("group", "Group"), Column("customers", "Customers"), Column("start", "From", "date"),
        Column("end", "To", "date"), Column("purchases", "Purchases", "number"),
        *with_bounds("value", "Value", "money", "interval"),
    )  # fmt: skip
    everybody = found.periods[found.periods["group"] == "all"]
    tables.append(table_of(everybody, "Period by period, everybody", periods, folded=True))
    coming = int(np.sum(found.new_customers))
    who = (
        f"the customers who are there and {coming:,} yet to come" if coming else "the customers who are there"
    )
    return Section(
        "cash-flow",
        "Cash flow",
        (f"What {who} bring within the horizon. Costs are not deducted.",),
        tables=tuple(tables),
    )


def channels(found: "Channels") -> Section:
    """What new customers of each channel are worth, against what they cost."""
    table = found.table.reset_index(names="channel")
    pay = [str(name) for name in table.loc[table["probability_pays"] >= SURE, "channel"]]
    rest = [str(name) for name in table.loc[table["probability_pays"] < 1.0 - SURE, "channel"]]
    words = [
        f"Worth what they cost with a probability of {SURE:.0%} or more: {', '.join(pay) or 'none'}. "
        f"Worth less with as much: {', '.join(rest) or 'none'}. Of the others it cannot be said yet.",
        '"May cost" is what may be paid for a customer and still be earned back with the probability asked '
        "for. The value is that of an average customer, so its interval is about what is not known of the "
        "channel; single customers vary far more.",
    ]
    columns = (
        Column("channel", "Channel"), Column("new_customers", "New customers", "count"),
        Column("cost", "Cost", "money"), Column("cac", "Cost of one", "money"),
        Column("value", "Value of one", "money"), Column("value_lower", "Interval, from", "money"),
        Column("value_upper", "to", "money"), Column("value_to_cac", "Value to cost", "number"),
        Column("probability_pays", "Pays", "chance"), Column("probability_best", "Best return", "chance"),
        Column("highest_cac", "May cost", "money"), Column("uplift", "Worth more than the rest by", "share"),
    )  # fmt: skip
    returns = (
        Column("channel", "Channel"), Column("horizon", "Within"), Column("roi", "Return", "share"),
        Column("roi_lower", "Interval, from", "share"), Column("roi_upper", "to", "share"),
        Column("probability_positive", "Pays", "chance"),
    )  # fmt: skip
    payback = (
        Column("channel", "Channel"), Column("days", "Days until earned back", "count"),
        Column("days_lower", "Interval, from", "count"), Column("days_upper", "to", "count"),
        Column("probability_ever", "Ever", "chance"),
    )  # fmt: skip
    return Section(
        "channels",
        "Channels",
        tuple(words),
        figures=(image(lambda ax: plots.plot_channels(found, ax), height=1.8 + 0.35 * len(table)),),
        tables=(
            table_of(table, f"A new customer's value, {plots.until(found)}", columns),
            table_of(found.roi.reset_index(), "Returns", returns, folded=True),
            table_of(
                found.payback.reset_index(), "Days until a customer has earned its cost", payback, folded=True
            ),
        ),
    )


def budget(plan: "Allocation") -> Section:
    """How to split a budget, and what it brings."""
    total = plan.total
    columns = (
        Column("channel", "Channel"), Column("budget", "Budget", "money"), Column("share", "Share", "share"),
        Column("new_customers", "New customers", "count"), Column("value", "Their value", "money"),
        Column("value_lower", "Interval, from", "money"), Column("value_upper", "to", "money"),
        Column("profit", "Profit", "money"), Column("roi", "Return", "share"),
        Column("value_of_next", "One more brings", "number"),
    )  # fmt: skip
    named = [name for name in plan.frontier.columns if name not in ("worlds", "profit", "profit_lower", "sd")]
    places = [f"channel {place}" for place in range(len(named))]  # a channel may be called "profit"
    frontier = plan.frontier.rename(columns=dict(zip(named, places, strict=True)))
    ways = (
        Column("worlds", "Made for the worst", "share"), Column("profit", "Profit", "money"),
        Column("profit_lower", "At worst", "money"), Column("sd", "SD", "money"),
        *(Column(place, str(name), "money") for place, name in zip(places, named, strict=True)),
    )  # fmt: skip
    return Section(
        "budget",
        "Budget",
        (
            f"Expected profit {money(total['profit'])}, {money(total['profit_lower'])} to "
            f"{money(total['profit_upper'])}; it is positive with a probability of "
            f"{chance_in_words(total['probability_profit'])}. How many customers more money brings is "
            "learned from the costs so far: far beyond what these have seen it is a guess, and the interval "
            "says so.",
        ),
        figures=(image(lambda ax: plots.plot_budget(plan, ax), height=1.8 + 0.5 * len(plan.table)),),
        tables=(
            table_of(plan.table.reset_index(names="channel"), "The budget by channel", columns),
            table_of(frontier, "From the most profitable to the most cautious", ways, folded=True),
        ),
    )


def past_forecasts(found: "Backtest") -> Section:
    """What forecasts from earlier days said, and what came."""
    table = found.portfolio
    held = held_by(found)
    unit = found.time_unit.name
    frame = table.assign(held=np.where(held, "held", "MISSED"), off=table["actual"] / table["mean"] - 1.0)
    measures = list(dict.fromkeys(table["measure"]))
    columns = (
        Column("origin", "Forecast from", "date"), Column("horizon", f"For {unit}s", "number"),
        Column("measure", "Of"), Column("mean", "Forecast", "number"),
        Column("lower", f"{found.interval:.0%} interval, from", "number"), Column("upper", "to", "number"),
        Column("actual", "What came", "number"), Column("off", "Off the forecast", "share"),
        Column("held", "Interval"),
    )  # fmt: skip
    words = [
        f"Forecasts made again from {table['origin'].nunique()} earlier days, each with nothing but what was "
        f"known then. {int(held.sum())} of {len(table)} sums lay in their {found.interval:.0%} interval. "
        "Forecasts from days close together share most of their future, so they miss together."
    ]
    whose = found.customers
    one = whose[(whose["who"] == "all") & (whose["forecast"] == "model")]
    if len(one) and "coverage_90" in one:
        for measure, rows in one.groupby("measure"):
            words.append(
                f"Of single customers, {rows['coverage_90'].mean():.0%} had {measure} inside their 90% "
                f"interval; {rows['expected_coverage_90'].mean():.0%} were to be expected (more than 90%, "
                "because purchases are whole numbers)."
            )
    return Section(
        "past-forecasts",
        "How well past forecasts held",
        tuple(words),
        figures=tuple(
            image(partial(plots.plot_past_forecasts, found, measure, None)) for measure in measures
        ),
        tables=(table_of(frame, "Forecasts and what came", columns),),
    )


# -- in words --------------------------------------------------------------------------------------


def worth_of(forecast: Forecast) -> str:
    """The column that says what a customer is worth."""
    return "cltv" if "cltv" in forecast.customers else "purchases"


def spread(row: Any, read: Any) -> str:
    """An interval in words."""
    return f"{read(row['lower'])} to {read(row['upper'])}"


def up_to(forecast: Forecast) -> str:
    """The last day observed."""
    return "" if forecast.observation_end is None else f" from purchases up to {forecast.observation_end}"


def horizon_in_words(forecast: Forecast) -> str:
    """Until when, as a sentence begins."""
    if math.isinf(forecast.horizon):
        return "For as long as they stay"
    if forecast.observation_end is None:
        return f"Within {number(forecast.horizon)} {forecast.time_unit.name}s"
    end = forecast.observation_end + timedelta(days=forecast.horizon * forecast.time_unit.days)
    return f"Up to {end}"


def terms_in_words(forecast: Forecast) -> str:
    """Discount and margin."""
    rate, margin = forecast.settings["annual_discount_rate"], forecast.settings["margin"]
    terms = [f"discounted at {rate:.1%} a year"] if rate else []
    if isinstance(margin, str):
        terms.append(f"counting the share of each amount that {margin!r} says")
    elif margin != 1.0:
        terms.append(f"counting {margin:.3g} of every amount as value")
    return f", {' and '.join(terms)}" if terms else ", not discounted"


def best_tenth(expected: Any) -> float | None:
    """Which share of all the best tenth brings; None where that has no meaning."""
    if not (np.isfinite(expected).all() and expected.sum() > 0.0):
        return None
    return float(np.interp(0.1, *plots.lorenz(expected)))
