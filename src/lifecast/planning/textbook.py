"""The textbook's measures of customer value, with intervals, and what is wrong with each.

All are ratios of sums over customers. So their intervals come from drawing blocks of customers with
replacement [bootstrap, Efron 1979]: up to 2000 blocks, of one customer each where there are few, of many
where there are many.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats
from lifecast.engines.duckdb_measures import block_sums
from lifecast.errors import SettingsError
from lifecast.planning.purchases import read_purchases
from lifecast.settings import central, check_interval
from lifecast.timeunit import TimeUnit

if TYPE_CHECKING:
    import pandas as pd

_BLOCKS = 2000
_COUNTS = ("customers", "purchases", "revenue")  # known, not estimated

_NOTES = {
    "customers": "All who ever bought in this log; many have left, and nobody told it.",
    "purchases": "All of the log; days with a purchase.",
    "revenue": "All of the log, net of returns.",
    "average_purchase_value": (
        "Of the last period. Frequent buyers count as often as they buy, and a few large orders move it."
    ),
    "purchase_frequency": (
        "Per customer who bought in the last period: those who did not are left out, so it overstates "
        "what a customer will do."
    ),
    "revenue_per_customer": (
        "Purchase value x frequency: of those who bought in the last period, not of all."
    ),
    "retention_rate": (
        "Of buyers of the period before, who bought in the last one. A pause counts as leaving, and a "
        "longer period raises it."
    ),
    "churn_rate": "One less retention. Who buys less often than once a period churns again and again.",
    "repeat_rate": (
        "Who bought a second time so far. Those who joined lately had no time to: it falls when a shop "
        "grows, and rises when it stops."
    ),
    "lifespan": (
        "From first to last purchase so far. The log cuts it off, and it is 0 for one-time buyers: too "
        "short, the more so the younger the log."
    ),
    "lifespan_from_churn": (
        "One over churn, as if all were equally likely to leave. The loyal stay, which makes it too "
        "short; so do pauses that count as leaving."
    ),
    "cltv": (
        "Purchase value x frequency x lifespan: the past of all times the present of those still there. "
        "Not discounted."
    ),
    "cltv_from_churn": "Purchase value x frequency x lifespan from churn. Not discounted.",
    "margin_cltv": "CLTV x margin, as if every order had the same.",
    "margin_cltv_from_churn": "CLTV from churn x margin, as if every order had the same.",
    "cac": "As given. Its cost and its new customers must be of the same time and source.",
    "net_cltv": "CLTV x margin less CAC. The cost is paid now, the value comes over years.",
    "net_cltv_from_churn": (
        "CLTV from churn x margin less CAC. The cost is paid now, the value comes over years."
    ),
    "cltv_to_cac": "CLTV x margin over CAC. A mean: the next customer costs more than the last.",
    "cltv_to_cac_from_churn": "CLTV from churn x margin over CAC. A mean: the next customer costs more.",
}


def textbook_measures(
    log: Any,
    *,
    customer_id: str | None = None,
    date: str | None = None,
    amount: str | None = None,
    by: str | None = None,
    period: str | float | TimeUnit = "3 months",
    margin: float = 1.0,
    cac: float | Mapping[Any, float] | None = None,
    observation_end: Any = None,
    returns: str = "net",
    interval: float = 0.90,
    resamples: int = 1000,
    random_seed: int = 0,
    date_format: str | None = None,
) -> "pd.DataFrame":
    """Work out the measures that customer value begins with in every textbook, to stand beside the model's.

    None of them knows that a customer may have left without a word; each row says how it misleads.

    Parameters
    ----------
    log : DataFrame, Arrow table, DuckDB relation, or path
        As in `rfm_summary`; a log, since an RFM does not know what first purchases were worth.
    customer_id, date, amount : str, optional
        Column names; by default the obvious ones. Without an amount, measures of money are left out.
    by : str, optional
        A column by whose first known value customers are grouped, such as a channel; each group has its own
        measures.
    period : str, float or TimeUnit, default "3 months"
        A time unit, or a number of them. Measures per period are those of the last whole one that the log
        holds, counted back from its end; retention looks at the one before, too.
    margin : float, default 1
        Share of revenue that is value.
    cac : float or mapping of group to float, optional
        What it cost to acquire a customer.
    observation_end, returns, date_format
        As in `cohorts`.
    interval : float, default 0.9
        Level of the bootstrap intervals.
    resamples : int, default 1000
    random_seed : int, default 0

    Returns
    -------
    DataFrame
        One row per group and measure: the group, ``measure, value, lower, upper, unit, note``. Revenue per
        customer and period is average purchase value (APV) times purchase frequency (PF); CLTV is APV x PF x
        customer lifespan (CL), once with the lifespan seen and once with one over churn.

    Raises
    ------
    DataError
        Where dates or amounts are missing or unreadable.
    SettingsError
        Where an argument is out of range or names no column, or the log is shorter than two periods.

    Examples
    --------
    >>> from lifecast.datasets import load_cdnow
    >>> table = textbook_measures(load_cdnow(sample=True), margin=0.3, cac=12.0).set_index("measure")
    >>> table.loc[["average_purchase_value", "churn_rate", "cltv_to_cac"], "value"].round(2).tolist()
    [36.32, 0.56, 2.14]
    """
    import pandas as pd

    unit = TimeUnit.parse(period)
    name = period if isinstance(period, str) else unit.name
    _check(margin, interval, resamples, cac, by)
    bought = read_purchases(
        log,
        customer_id=customer_id,
        date=date,
        amount=amount,
        by=by,
        observation_end=observation_end,
        returns=returns,
        date_format=date_format,
    )
    length = timedelta(days=max(1, round(unit.days)))
    now, before = bought.end - length, bought.end - 2 * length
    if before < bought.first - timedelta(days=1):
        days = (bought.end - bought.first).days + 1
        raise SettingsError(
            f"period={unit.name!r}: the log's {days:,} days do not hold two of them. Pass a shorter period."
        )
    sums = block_sums(bought.ask, _BLOCKS, now, before).to_pandas()
    tables = []
    for group, blocks in sums.groupby("grouped", dropna=False, sort=False):
        drawn = _resampled(blocks.drop(columns=["grouped", "block"]), resamples, random_seed)
        with np.errstate(divide="ignore", invalid="ignore"):
            measures = _measures(drawn, unit.days, name, margin, _cost(cac, group))
        tables.append(_table(measures, interval))
        tables[-1].insert(0, "grouped", group)
    table = pd.concat(tables, ignore_index=True)
    return table.drop(columns="grouped") if by is None else table.rename(columns={"grouped": by})


def _check(margin: float, interval: float, resamples: int, cac: Any, by: str | None) -> None:
    if not np.isfinite(margin):
        raise SettingsError(f"margin={margin}: needed a share of revenue, such as 0.3.")
    check_interval(interval)
    if resamples < 1:
        raise SettingsError(f"resamples={resamples}: needed at least 1; 1000 is usual.")
    if by is None and isinstance(cac, Mapping):
        raise SettingsError("cac= is a cost per group, but there are no groups. Pass by=, or one number.")


def _cost(cac: float | Mapping[Any, float] | None, group: Any) -> float | None:
    if not isinstance(cac, Mapping):
        return cac
    if group not in cac:
        raise SettingsError(
            f"cac= has no cost for {group!r}; it has {sorted(map(str, cac))}. Pass 0 if it is free."
        )
    return cac[group]


def _resampled(blocks: "pd.DataFrame", resamples: int, random_seed: int) -> dict[str, Floats]:
    """Each sum, (1 + resample,): first of the blocks themselves, then of blocks drawn with replacement."""
    count = len(blocks)
    weights = np.random.default_rng(random_seed).multinomial(count, np.full(count, 1 / count), size=resamples)
    weights = np.vstack([np.ones((1, count), np.int64), weights])
    totals = weights.astype(np.float64) @ blocks.to_numpy(np.float64)
    return dict(zip(blocks.columns, totals.T, strict=True))


def _table(measures: dict[str, tuple[Floats, str]], interval: float) -> "pd.DataFrame":
    import pandas as pd

    rows = []
    for measure, (values, unit) in measures.items():
        lower, upper = np.nan, np.nan
        if measure not in _COUNTS:
            # An order statistic: where a lifespan is infinite in some resamples, it stays a number.
            lower, _, upper = np.quantile(values[1:], central(interval), method="inverted_cdf")
        rows.append((measure, values[0], lower, upper, unit, _NOTES[measure]))
    return pd.DataFrame(rows, columns=["measure", "value", "lower", "upper", "unit", "note"])


def _measures(
    sums: dict[str, Floats], period_days: float, period: str, margin: float, cac: float | None
) -> dict[str, tuple[Floats, str]]:
    """Each measure, (resample,), and its unit, in the order of the table."""
    customers = sums["customers"]
    per_period = f"per {period}"
    retention = sums["retained"] / sums["active_before"]
    churn = 1.0 - retention
    frequency = sums["recent_purchases"] / sums["active"]
    lifespans = {
        "lifespan": sums["lifespan_days"] / customers / period_days,
        "lifespan_from_churn": 1.0 / churn,
    }
    counts = {
        "customers": (customers, "customers"),
        "purchases": (sums["purchases"], "purchases"),
        "purchase_frequency": (frequency, f"purchases {per_period}"),
        "retention_rate": (retention, per_period),
        "churn_rate": (churn, per_period),
        "repeat_rate": (sums["repeaters"] / customers, "share of customers"),
        **{name: (length, f"x {period}") for name, length in lifespans.items()},
    }
    if "revenue" not in sums:
        return counts
    value = sums["recent_revenue"] / sums["recent_purchases"]
    money = {
        "revenue": (sums["revenue"], "money"),
        "average_purchase_value": (value, "money per purchase"),
        "revenue_per_customer": (value * frequency, f"money {per_period}"),
    }
    for suffix, length in zip(("", "_from_churn"), lifespans.values(), strict=True):
        cltv = value * frequency * length
        money[f"cltv{suffix}"] = (cltv, "money per customer")
        money[f"margin_cltv{suffix}"] = (margin * cltv, "money per customer")
        if cac is not None:
            cost = np.full_like(cltv, cac)
            money["cac"] = (cost, "money per customer")
            money[f"net_cltv{suffix}"] = (margin * cltv - cost, "money per customer")
            money[f"cltv_to_cac{suffix}"] = (margin * cltv / cost, "ratio")
    everything = counts | money
    return {name: everything[name] for name in _NOTES if name in everything}
