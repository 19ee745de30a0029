"""What matters most, and what stands against trusting it."""

from typing import TYPE_CHECKING

import numpy as np

from lifecast.forecast import Forecast
from lifecast.model import CLTV
from lifecast.reporting.parts import KeyFigure, Section, chance_in_words, count, money, share
from lifecast.reporting.sections.words import (
    best_tenth,
    held_by,
    horizon_in_words,
    spread,
    terms_in_words,
    up_to,
    worth_of,
)

if TYPE_CHECKING:
    from lifecast.backtesting import Backtest
    from lifecast.planning.budget import Allocation


FEW_HELD = 0.5  # of past forecasts in their intervals; they miss together, so a few misses say little


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
