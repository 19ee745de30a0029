"""Rolling-origin backtests: forecast from earlier days with only what was known then, and see what came."""

import copy
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date as Date
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.errors import LifecastError, LifecastWarning, SettingsError
from lifecast.model import CLTV
from lifecast.pooled_scores import add_self_backtest, customer_scores, portfolio_scores, with_skill
from lifecast.replay import Origin, Replay, horizons_in_days, origin_days
from lifecast.scorekeeping import (
    Row,
    Scorer,
    calibration_rows,
    cells,
    customer_rows,
    kinds_of_customers,
    levels_with,
    pit_rows,
    portfolio_row,
)
from lifecast.timeunit import TimeUnit

if TYPE_CHECKING:
    import pandas as pd

MOST_GROUPS = 1_000
FEWEST_DRAWS = 500  # of a posterior: fewer, and a fit's checks say little


@dataclass(frozen=True)
class Backtest:
    """What forecasts from earlier days said, what came, and how good they were.

    Attributes
    ----------
    portfolio : DataFrame
        One row per origin, horizon and measure (``purchases``, ``value``), summed over the customers known at
        the origin: ``origin, horizon, measure, actual, mean, lower, median, upper``, then ``lower_50,
        upper_50`` and so on for 50, 80, 90 and 95%, and ``crps``; the same with the prefix ``textbook_`` for
        the model without its market, in half as many worlds, and with ``self_`` for a ten-line self-backtest
        (the textbook's forecast with a normal error on the log ratio, learned from the forecasts already
        due); ``last_period`` (what these customers bought, beyond first purchases, in the equally long time
        before) and ``history`` (the historical-average formula).
    groups : DataFrame or None
        The same per group of customers, with ``group`` before it.
    customers : DataFrame
        Scores over customers, one row per origin, horizon, measure, ``who`` (all customers, or those of so
        many repeat purchases) and ``forecast`` ("model", "textbook" where it differs, "last period",
        "history"): ``customers, predicted, actual`` (means), ``bias, mae, rmse, crps, gini, hit_rate`` (of
        the top tenth), and for forecasts with draws ``interval_score, log_score`` (of purchases) and
        ``coverage_90`` beside ``expected_coverage_90`` and so on: what the intervals should hold, which is
        more than 90% since customers buy whole numbers of times, zero above all.
    calibration : DataFrame
        Per origin, horizon and measure, deciles of the predicted: ``decile, customers, predicted, actual``.
    pit : DataFrame
        Histograms of the randomised probability integral transform of each customer's purchases and value,
        per origin, horizon, measure and ``who``: ``customers`` and the number in ``bin_1`` to ``bin_20``.
    scores : DataFrame
        All of it in short: mean scores per ``who`` ("portfolio", "all customers", ...), measure, horizon
        (NaN: all together) and forecast, with ``skill``: by which part the CRPS is lower than that of
        ``best_baseline``. Of the portfolio all are relative to the actual sum.
    diagnostics : DataFrame
        The fits' diagnostics, per origin.
    interval : float
    time_unit : TimeUnit
    """

    portfolio: "pd.DataFrame"
    groups: "pd.DataFrame | None"
    customers: "pd.DataFrame"
    calibration: "pd.DataFrame"
    pit: "pd.DataFrame"
    scores: "pd.DataFrame"
    diagnostics: "pd.DataFrame"
    interval: float
    time_unit: TimeUnit

    def __repr__(self) -> str:
        origins = self.portfolio["origin"].nunique()
        horizons = ", ".join(f"{horizon:g}" for horizon in sorted(self.portfolio["horizon"].unique()))
        return f"<Backtest: {origins} origins, horizons of {horizons} {self.time_unit}s>"


def backtest(
    log: Any,
    *,
    customer_id: str | None = None,
    date: str | None = None,
    amount: str | None = None,
    time_unit: str | float | TimeUnit = "week",
    origins: int | Sequence[Any] = 8,
    horizons: Any,
    model: CLTV | None = None,
    interval: float = 0.90,
    worlds: int = 500,
    random_seed: int = 0,
    groups: str | None = None,
    threads: int | None = None,
    progress: Callable[[float], None] = lambda share: None,
    returns: str = "net",
    merge_within: str | int = "day",
    date_format: str | None = None,
) -> Backtest:
    """Fit and forecast again from earlier days of a log, and hold every forecast against what came.

    Each forecast sees only the lines up to its origin. Returns among what came are netted among the purchases
    that came with them, up to the horizon.

    Parameters
    ----------
    log, customer_id, date, amount, time_unit, returns, merge_within, date_format
        The log of transactions, as `rfm_summary` takes it.
    origins : int or sequence, default 8
        The days to forecast from, each the last one observed: dates, or numbers of time units after the log's
        first day; or how many, spread evenly from the middle of the log to the last day that leaves room for
        the shortest horizon.
    horizons : sequence, or one of its elements
        How far to forecast: numbers of time units, or lengths such as "3 months", rounded to whole days.
        Those that reach beyond the log's end are left out, origin by origin.
    model : CLTV, optional
        Whose families and settings to fit anew at every origin; by default those of `CLTV`, without spend
        where the log has no amounts. It is not changed. Its groups and covariates are columns of the log; a
        customer's first known value up to the origin counts.
    interval : float, default 0.9
        Probability of the intervals called ``lower`` and ``upper``.
    worlds : int, default 500
        How many to simulate; as many draws are made of each posterior, and at least 500.
    random_seed : int, default 0
    groups : str, optional
        Column of the log by whose values the portfolio is also told apart; a customer's first known value
        counts.
    threads : int, optional
        How many to simulate in; results do not depend on it.
    progress : callable, optional
        Called with the share that is done, up to 1.

    Returns
    -------
    Backtest

    Raises
    ------
    SettingsError
        Where an argument is out of range, or no horizon ends within the log.
    DataError
        Where the log cannot be read, or too little is known at an origin.

    Examples
    --------
    >>> import lifecast as lc
    >>> log = lc.datasets.load_cdnow(sample=True)
    >>> result = lc.backtest(log, origins=["1997-09-30"], horizons=[13, 39], worlds=100)
    >>> result
    <Backtest: 1 origins, horizons of 13, 39 weeks>
    >>> int(result.portfolio["actual"][0])  # repeat purchases in 13 weeks
    726

    Notes
    -----
    Tashman (2000), "Out-of-sample tests of forecasting accuracy", on rolling origins.
    """
    import pandas as pd

    if not 0.0 < interval < 1.0:
        raise SettingsError(f"interval={interval}: needed a probability between 0 and 1, such as 0.9.")
    if worlds < 2:
        raise SettingsError(f"worlds={worlds}: needed at least 2; 500 is usual.")
    if groups is not None and not isinstance(groups, str):
        raise SettingsError(f"groups={groups!r}: needed the name of one column, such as 'channel'.")
    unit = TimeUnit.parse(time_unit)
    lengths = horizons_in_days(horizons, unit)
    replay = Replay(
        log,
        customer_id=customer_id,
        date=date,
        amount=amount,
        time_unit=unit,
        merge_within=merge_within,
        returns=returns,
        date_format=date_format,
        groups=groups,
        attributes=() if model is None else model.attributes_needed,
        past=model is None or model.market is not None,
    )
    days = origin_days(origins, unit, replay.first, replay.last, min(lengths))
    plan = [(day, [d for d in lengths if day + timedelta(days=d) <= replay.last]) for day in days]
    plan = [(day, reached) for day, reached in plan if reached]
    if not plan:
        raise SettingsError(
            f"No horizon ends within the log, which runs to {replay.last}: the earliest origin is {days[0]} "
            f"and the shortest horizon {min(lengths)} days. Pass earlier origins=, or shorter horizons=."
        )
    if model is None:
        model = CLTV() if replay.has_amount else CLTV(spend=None)
    levels = levels_with(interval)
    rows: dict[str, list[Row]] = {
        name: [] for name in ("portfolio", "groups", "customers", "calibration", "pit")
    }
    diagnostics: list[pd.DataFrame] = []
    market = False
    draws = max(worlds, FEWEST_DRAWS)
    for number, (origin, fitted) in enumerate(ahead(replay, plan, model, draws, random_seed)):
        if len(origin.group_names) > MOST_GROUPS:
            raise SettingsError(
                f"groups={groups!r} has {len(origin.group_names):,} values: needed at most {MOST_GROUPS:,}, "
                "such as channels or countries."
            )
        diagnostics.append(fitted.diagnostics.assign(origin=pd.Timestamp(origin.day)))
        forecasts = [fitted] if fitted.market is None else [fitted, fitted.without_market()]
        market = len(forecasts) > 1
        seen = []
        for k, forecast in enumerate(forecasts):
            before, whole = number + k / len(forecasts), len(forecasts) * len(plan) * len(origin.rfm)

            def done(customers: int, before: float = before, whole: int = whole) -> None:
                progress(before / len(plan) + customers / whole)

            fewer = worlds if k == 0 else max(2, worlds // 2)
            seen.append(observed(origin, forecast, levels, fewer, random_seed, threads, done))
        who = kinds_of_customers(origin.rfm.frequency)
        rng = np.random.default_rng([random_seed, origin.day.toordinal()])
        for cell in cells(origin, seen[0], seen[-1], [lengths[d] for d in origin.days]):
            rows["portfolio"].append(portfolio_row(cell, levels, interval))
            for code, name in enumerate(origin.group_names):
                rows["groups"].append({"group": name} | portfolio_row(cell, levels, interval, code))
            rows["customers"] += customer_rows(cell, who, levels, interval)
            rows["calibration"] += calibration_rows(cell)
            rows["pit"] += pit_rows(cell, who, rng)
    tables = {name: pd.DataFrame(each) for name, each in rows.items()}
    checks = pd.concat(diagnostics, ignore_index=True)
    warn_of_failed(checks)
    in_days = {horizon: d for d, horizon in lengths.items()}
    portfolio = with_self_backtest(tables["portfolio"], ["horizon", "measure"], in_days, levels, interval)
    by_group = None
    if groups is not None:
        keys = ["group", "horizon", "measure"]
        by_group = with_self_backtest(tables["groups"], keys, in_days, levels, interval)
    return Backtest(
        portfolio=portfolio,
        groups=by_group,
        customers=tables["customers"],
        calibration=tables["calibration"],
        pit=tables["pit"],
        scores=with_skill(
            pd.concat(
                [portfolio_scores(portfolio, levels, interval), customer_scores(tables["customers"])],
                ignore_index=True,
            ),
            market,
        ),
        diagnostics=checks[["origin", *checks.columns.drop("origin")]],
        interval=interval,
        time_unit=unit,
    )


# -- one origin ------------------------------------------------------------------------------------


def ahead(
    replay: Replay, plan: list[tuple[Date, list[int]]], model: CLTV, draws: int, random_seed: int
) -> Iterator[tuple[Origin, CLTV]]:
    """The origins in turn, each with the model fitted to it; the next is made while one is worked on.

    The fit keeps to one thread: parallel kernels and linear algebra would wait, spinning, for a core that the
    simulation has.
    """
    import numba
    from threadpoolctl import threadpool_limits

    def make(day: Date, days: list[int]) -> tuple[Origin, CLTV]:
        origin = replay.at(day, days)
        return origin, fit_at(origin, model, draws, seed_of(origin, random_seed))

    with (
        threadpool_limits(1, user_api="blas"),
        ThreadPoolExecutor(1, initializer=numba.set_num_threads, initargs=(1,)) as maker,
    ):
        coming = maker.submit(make, *plan[0])
        for following in [*plan[1:], None]:
            made = coming.result()
            if following is not None:
                coming = maker.submit(make, *following)
            yield made


def seed_of(origin: Origin, random_seed: int) -> int:
    """A seed of the origin's own, whatever other origins there are."""
    return random_seed + origin.day.toordinal()


def fit_at(origin: Origin, model: CLTV, draws: int, seed: int) -> CLTV:
    """The model's settings, fitted to what was known at the origin. Failed checks are told later, once."""
    fitted = copy.copy(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LifecastWarning)
        try:
            return fitted.fit(origin.rfm, draws=draws, random_seed=seed)
        except LifecastError as error:
            raise type(error)(f"At the origin {origin.day}: {error}") from error


def observed(
    origin: Origin,
    model: CLTV,
    levels: tuple[float, ...],
    worlds: int,
    random_seed: int,
    threads: int | None,
    progress: Callable[[int], None],
) -> Scorer:
    """One forecast to the longest horizon, scored at every one."""
    scorer = Scorer(origin, levels, worlds, 1 if model.spend is None else 2)
    model.watch(
        origin.rfm,
        float(origin.days[-1] / origin.rfm.time_unit.days),
        scorer,
        worlds=worlds,
        random_seed=seed_of(origin, random_seed),
        threads=threads,
        progress=progress,
    )
    return scorer


# -- all origins -----------------------------------------------------------------------------------


def with_self_backtest(
    table: "pd.DataFrame", keys: list[str], days: dict[float, int], levels: tuple[float, ...], interval: float
) -> "pd.DataFrame":
    """Add the ten-line baseline to every series of forecasts of one kind, by the origin."""
    import pandas as pd

    parts = []
    for _, part in table.groupby(keys, sort=False, dropna=False):
        series = part.sort_values("origin")
        parts.append(add_self_backtest(series, series["horizon"].map(days), levels, interval))
    return pd.concat(parts).loc[table.index]


def warn_of_failed(checks: "pd.DataFrame") -> None:
    """One warning for all fits that were not to be trusted."""
    failed = checks[~checks["passed"].astype(bool)]
    if len(failed):
        first = failed.iloc[0]
        warnings.warn(
            f"At {failed['origin'].nunique()} of {checks['origin'].nunique()} origins a fit failed a check "
            f"(first {first['origin'].date()}: {first['part']}, {first['check']} {first['figure']:.4g}, "
            f"needed {first['threshold']}). Look at the backtest's diagnostics; forecast from later origins.",
            LifecastWarning,
            stacklevel=3,
        )
