"""What is coming: all customers together, where the uncertainty comes from, and cash flow."""

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from lifecast import plots
from lifecast.arrays import Floats
from lifecast.forecast import Forecast
from lifecast.reporting.images import image
from lifecast.reporting.parts import Column, Section, table_of, with_bounds

if TYPE_CHECKING:
    import pandas as pd

    from lifecast.planning.portfolio import CashFlow

MEASURES = {"purchases": "Purchases", "value": "Value", "discounted_value": "Discounted value"}
SOURCES = {
    "market": "what all customers share from week to week: seasons, promotions, good and bad years",
    "parameters": "how well the log tells what customers are like",
    "drift": "customers whose habits change",
    "timing": "the luck of who stays and when they buy",
    "spend": "the luck of what they pay",
}


def portfolio(forecast: Forecast) -> Section:
    """All customers together, period by period."""
    shown = ["purchases", *(["value"] if "value" in forecast.draws else [])]
    came = came_since(forecast)
    figures = tuple(
        image(partial(plots.plot_portfolio, forecast, measure, actual=came.get(measure))) for measure in shown
    )
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
            "The line is the median of the forecast. The wide band holds a period's outcome with "
            f"{forecast.interval:.0%} probability, the dark one with 50%. Single periods vary more than "
            "their sum.",
        ),
        figures=figures,
        tables=(
            table_of(totals, "The sums", columns),
            table_of(forecast.portfolio, "Period by period", periods, folded=True),
        ),
    )


def came_since(forecast: Forecast) -> dict[str, Floats]:
    """What has come in the forecast's periods that are over, where its RFM holds it back."""
    held_out, settings = forecast.simulation.rfm.holdout, forecast.settings
    if held_out is None or math.isinf(forecast.horizon):
        return {}
    over = min(int(held_out.duration + 1e-9), len(forecast.portfolio))
    came = {"purchases": held_out.period_purchases[:over].astype(np.float64)}
    if held_out.period_value is not None and not isinstance(settings["margin"], str):
        came["value"] = settings["margin"] * held_out.period_value[:over]
    return came


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


def cash_flow(found: "CashFlow") -> Section:
    """What customers there and yet to come bring."""
    tables, measure = [], "value" if "value" in found.draws else "purchases"
    if found.equity is not None:
        columns = (
            Column("group", "Group"), Column("customers", "Customers"), Column("mean", "Mean", "money"),
            Column("lower", "Interval, from", "money"), Column("median", "Median", "money"),
            Column("upper", "to", "money"),
            *(Column(name, name.title(), "money") for name in ("cost", "net") if name in found.equity),
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
    deducted = found.equity is not None and "net" in found.equity
    costs = f"Costs are {'deducted in the column Net alone' if deducted else 'not deducted'}."
    return Section(
        "cash-flow",
        "Cash flow",
        (f"What {who} bring within the horizon. {costs}",),
        figures=(image(partial(plots.plot_cash_flow, found, measure)),),
        tables=tuple(tables),
    )
