"""Which share has bought by when, where some have been watched for a short time only."""

from typing import TYPE_CHECKING

import numpy as np

from lifecast.arrays import Floats, Integers

if TYPE_CHECKING:
    import pandas as pd


def share_by_day(
    days: Integers, bought: np.ndarray, customers: Integers, interval: float = 0.90
) -> "pd.DataFrame":
    """The share of customers who have bought by each day: one minus Kaplan & Meier's estimate (1958).

    Parameters
    ----------
    days : (row,)
        How long customers waited, until they bought or were last seen not to have.
    bought : (row,) of bool
        Which of the two it was.
    customers : (row,)
        How many customers waited so.
    interval : float, default 0.9
        Level of the interval at each day, by Greenwood's variance of log(-log S), which stays within 0 and 1
        [Kalbfleisch & Prentice 1980, section 1.3].

    Returns
    -------
    DataFrame
        One row per day on which somebody bought: ``days``, ``at_risk``, ``bought``, ``share``, ``lower``,
        ``upper``.

    Examples
    --------
    >>> days, bought, customers = np.array([3, 5, 8]), np.array([True, False, True]), np.array([1, 2, 1])
    >>> share_by_day(days, bought, customers)["share"].tolist()
    [0.25, 1.0]
    """
    import pandas as pd
    from scipy.special import ndtri

    day, code = np.unique(days, return_inverse=True)
    events = np.bincount(code, weights=customers * bought, minlength=day.size)
    leaving = np.bincount(code, weights=customers, minlength=day.size).astype(np.float64)
    at_risk: Floats = np.cumsum(leaving[::-1])[::-1]
    seen = events > 0
    day, events, at_risk = day[seen], events[seen], at_risk[seen]
    waiting = np.cumprod(1.0 - events / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.cumsum(events / (at_risk * (at_risk - events)))
        spread = ndtri(0.5 + interval / 2) * np.sqrt(variance) / np.log(waiting)
        lower, upper = (1.0 - waiting ** np.exp(sign * spread) for sign in (1.0, -1.0))
    known = waiting > 0.0  # where all have bought, nothing is left to vary
    return pd.DataFrame(
        {
            "days": day,
            "at_risk": at_risk.astype(np.int64),
            "bought": events.astype(np.int64),
            "share": 1.0 - waiting,
            "lower": np.where(known, lower, np.nan),
            "upper": np.where(known, upper, np.nan),
        }
    )


def read_off(curve: "pd.DataFrame", day: float, watched: float) -> float:
    """The share by a day; NaN where nobody has been watched for so long, and not all have bought."""
    if day > watched and not (len(curve) and curve["share"].iloc[-1] >= 1.0):
        return float("nan")
    passed = int(np.searchsorted(curve["days"].to_numpy(), day, side="right"))
    return float(curve["share"].iloc[passed - 1]) if passed else 0.0


def median_day(curve: "pd.DataFrame") -> float:
    """The first day by which half have bought; infinite where that was not seen."""
    reached = curve["share"].to_numpy() >= 0.5 - 1e-12
    return float(curve["days"].to_numpy()[np.argmax(reached)]) if reached.any() else float("inf")
