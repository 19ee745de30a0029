"""What several sections say in the same words."""

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast import plots
from lifecast.forecast import Forecast
from lifecast.reporting.parts import number

if TYPE_CHECKING:
    import pandas as pd

    from lifecast.backtesting import Backtest


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


def held_by(past: "Backtest") -> "pd.Series[bool]":
    """Which of the past forecasts of sums lay in their interval."""
    table = past.portfolio
    return table["actual"].between(table["lower"], table["upper"])
