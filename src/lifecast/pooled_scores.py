"""Scores of a backtest pooled over its origins, beside those of baselines that anyone could have used."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast import evaluation
from lifecast.arrays import Floats
from lifecast.scorekeeping import WHO, Row, label
from lifecast.settings import tails

if TYPE_CHECKING:
    import pandas as pd

PRIOR_SD = 0.12
PRIOR_WEIGHT = 2.0
LEAST = 0.5  # of a purchase or of money, so that logs exist


def add_self_backtest(
    table: "pd.DataFrame", days: "pd.Series", levels: tuple[float, ...], interval: float
) -> "pd.DataFrame":
    """Add columns of the ten-line baseline: the textbook's forecast, corrected by its own past errors.

    The log of actual over forecast is taken to be normal, with mean and variance learned from the errors of
    those earlier origins whose horizon had passed by then, shrunk to zero and to a standard deviation of
    0.12 as if by one and by two more errors.

    Parameters
    ----------
    table
        Forecasts of one horizon, measure and group, ascending by origin.
    days
        Length of the horizon of each row.
    """
    from scipy.stats import norm

    origin = table["origin"].to_numpy("datetime64[D]")
    due = origin + days.to_numpy().astype("timedelta64[D]")
    actual, forecast = table["actual"].to_numpy(np.float64), table["textbook_mean"].to_numpy(np.float64)
    error = np.log(np.maximum(actual, LEAST) / np.maximum(forecast, LEAST))
    mean, sd = np.empty(len(table)), np.empty(len(table))
    for i in range(len(table)):
        known = error[due <= origin[i]]
        mean[i] = known.sum() / (known.size + 1)
        variance = (PRIOR_WEIGHT * PRIOR_SD**2 + np.sum((known - mean[i]) ** 2)) / (PRIOR_WEIGHT + known.size)
        sd[i] = np.sqrt(variance * (1 + 1 / (known.size + 1)))
    middle = np.log(np.maximum(forecast, LEAST)) + mean

    def bound(probability: float) -> Floats:
        ends: Floats = np.exp(middle + norm.ppf(probability) * sd)
        return ends

    columns = {"self_mean": np.exp(middle)}
    for ending, level in (("", interval), *((f"_{label(level)}", level) for level in levels)):
        lower, upper = tails(level)
        columns |= {f"self_lower{ending}": bound(lower), f"self_upper{ending}": bound(upper)}
    return table.assign(**columns, self_crps=evaluation.crps_lognormal(actual, middle, sd))


# Forecast to the prefix of its columns in the portfolio table; or to its one column.
WITH_INTERVALS = {"model": "", "textbook": "textbook_", "self-backtest": "self_"}
POINTS = {"last period": "last_period", "history": "history"}


def portfolio_scores(portfolio: "pd.DataFrame", levels: tuple[float, ...], interval: float) -> "pd.DataFrame":
    """Mean scores per measure, horizon and forecast of sums over all customers, relative to the actual."""
    import pandas as pd

    rows = []
    for measure, horizon, part in pools(portfolio[portfolio["actual"] > 0]):
        for forecast in (*WITH_INTERVALS, *POINTS):
            row: dict[str, Any] = {"who": "portfolio", "measure": measure, "horizon": horizon}
            row |= {"forecast": forecast, "forecasts": len(part)}
            rows.append(row | of_sums(part, forecast, levels, interval))
    return pd.DataFrame(rows)


def of_sums(part: "pd.DataFrame", forecast: str, levels: tuple[float, ...], interval: float) -> Row:
    """Mean scores of one forecast's means, and of its intervals if it has any, relative to the actual."""
    actual, once = part["actual"].to_numpy(), np.ones(len(part))
    prefix = WITH_INTERVALS.get(forecast)
    relative = part[POINTS[forecast] if prefix is None else f"{prefix}mean"].to_numpy() / actual
    row = {
        "bias": evaluation.bias(relative, once),
        "mae": evaluation.mae(relative, once),
        "rmse": evaluation.rmse(relative, once),
    }
    if prefix is None:
        return row | {"crps": row["mae"]}
    lower, upper = (part[f"{prefix}{end}"].to_numpy() for end in ("lower", "upper"))
    row["crps"] = float((part[f"{prefix}crps"] / actual).mean())
    row["interval_score"] = float(np.mean(evaluation.interval_score(actual, lower, upper, interval) / actual))
    for level in levels:
        ends = (part[f"{prefix}{end}_{label(level)}"].to_numpy() for end in ("lower", "upper"))
        row[f"coverage_{label(level)}"] = evaluation.coverage(actual, *ends)
    return row


def customer_scores(customers: "pd.DataFrame") -> "pd.DataFrame":
    """Mean scores over customers and origins per kind of customer, measure, horizon and forecast."""
    import pandas as pd

    rows = []
    for measure, horizon, part in pools(customers[customers["customers"] > 0]):
        for who in WHO:
            for forecast, these in part[part["who"] == who].groupby("forecast", sort=False):
                row: dict[str, Any] = {"who": "all customers" if who == "all" else who}
                row |= {"measure": measure, "horizon": horizon, "forecast": forecast}
                rows.append(row | {"forecasts": int(these["customers"].sum())} | of_customers(these))
    return pd.DataFrame(rows)


def of_customers(these: "pd.DataFrame") -> Row:
    """Each score's mean over these rows' customers; of the root of a mean of squares, the root of theirs."""
    keys = ("origin", "horizon", "measure", "who", "forecast", "customers", "predicted", "actual")
    weight = these["customers"].to_numpy(np.float64)
    scores = {str(name): these[name].to_numpy(np.float64) for name in these if name not in keys}
    means = {
        name: weighted(values**2 if name == "rmse" else values, weight) for name, values in scores.items()
    }
    return means | {"rmse": float(np.sqrt(means["rmse"]))}


def weighted(values: Floats, weight: Floats) -> float:
    """Weighted mean of the values that are there; NaN where none is."""
    there = np.isfinite(values)
    return float(np.average(values[there], weights=weight[there])) if there.any() else float("nan")


def pools(table: "pd.DataFrame") -> Any:
    """Measure, horizon and rows: every horizon alone, then all of them together as NaN."""
    for measure, of_measure in table.groupby("measure", sort=False):
        for horizon, part in of_measure.groupby("horizon"):
            yield measure, horizon, part
        yield measure, math.nan, of_measure


def with_skill(scores: "pd.DataFrame", market: bool) -> "pd.DataFrame":
    """Add the skill by CRPS against the best baseline, and which one that is.

    The model's own textbook forecast is a baseline where the model has a market to add to it.
    """
    import pandas as pd

    parts = []
    for _, part in scores.groupby(["who", "measure", "horizon"], sort=False, dropna=False):
        baselines = part[~part["forecast"].isin(["model"] if market else ["model", "textbook"])]
        best = baselines.sort_values("crps", kind="stable").iloc[0]
        skills = [evaluation.skill(score, float(best["crps"])) for score in part["crps"]]
        parts.append(part.assign(best_baseline=best["forecast"], skill=skills))
    return pd.concat(parts, ignore_index=True)
