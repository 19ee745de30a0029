"""One origin's forecast held against what came: the book, its groups, and every customer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast import evaluation
from lifecast.arrays import Floats, Integers
from lifecast.kernels.scores import score_customers
from lifecast.settings import tails
from lifecast.simulation import Futures

if TYPE_CHECKING:
    from lifecast.replay import Origin

Row = dict[str, Any]
MEASURES = ("purchases", "value")
LEVELS = (0.5, 0.8, 0.9, 0.95)
PIT_BINS = 20
WHO = ("all", "no repeats", "1 or 2 repeats", "3 or more repeats")


def label(level: float) -> str:
    """How a level is written in a column's name: 0.9 is "90"."""
    return f"{100 * level:g}"


def levels_with(interval: float) -> tuple[float, ...]:
    """The levels that are always kept, and the one that was asked for; ascending."""
    return tuple(sorted({*LEVELS, interval}))


class Scorer:
    """Watches a forecast: sums per group and horizon, and scores per customer without keeping their draws.

    Parameters
    ----------
    origin : Origin
    levels : tuple of float
        Probabilities of the central intervals.
    worlds : int
    measures : int
        1 where the forecast has no amounts, else 2.
    """

    def __init__(self, origin: "Origin", levels: tuple[float, ...], worlds: int, measures: int) -> None:
        customers, horizons = origin.actual.shape[:2]
        self._horizons = origin.days / origin.rfm.time_unit.days
        self._actual = origin.actual[:, :, :measures]
        self._group = np.zeros(customers, np.int64) if origin.group is None else origin.group
        self._levels = np.array(levels)
        self.totals = np.zeros((measures, max(1, len(origin.group_names)), horizons, worlds))
        self.scores = np.empty((customers, horizons, measures, 4 + 3 * len(levels)))

    def look(self, futures: Futures) -> tuple[Integers, Floats, Floats]:
        """Scores and sums of some customers."""
        totals = np.zeros_like(self.totals)
        scores = score_customers(
            futures.first,
            futures.world,
            futures.time,
            futures.amount,
            self._horizons,
            np.ascontiguousarray(self._actual[futures.customer]),
            self._group[futures.customer],
            self._levels,
            totals,
        )
        return futures.customer, scores, totals

    def keep(self, part: tuple[Integers, Floats, Floats]) -> None:
        """Put them where they belong."""
        customer, scores, totals = part
        self.scores[customer] = scores
        self.totals += totals


@dataclass(frozen=True)
class Cell:
    """One origin, horizon and measure: what was forecast, and what came.

    Attributes
    ----------
    place : dict
        Origin, horizon and measure, as the tables name them.
    totals, textbook_totals : (group, world)
        Sums over customers; where the model has no market of its own they share their memory.
    scores, textbook_scores : (customer, 4 + 3 * level)
        As `lifecast.kernels.scores.score_draws` has them.
    actual, last_period, history : (customer,)
    group : (customer,)
    """

    place: dict[str, Any]
    totals: Floats
    textbook_totals: Floats
    scores: Floats
    textbook_scores: Floats
    actual: Floats
    last_period: Floats
    history: Floats
    group: Integers


def cells(origin: "Origin", model: Scorer, textbook: Scorer, horizons: Sequence[float]) -> Iterator[Cell]:
    """Every horizon and measure of an origin; `textbook` is the model itself where that has no market.

    Horizons are in time units, as they are to be called.
    """
    import pandas as pd

    group = np.zeros(len(origin.rfm), np.int64) if origin.group is None else origin.group
    for h, horizon in enumerate(horizons):
        for m, measure in enumerate(MEASURES[: model.totals.shape[0]]):
            yield Cell(
                place={"origin": pd.Timestamp(origin.day), "horizon": float(horizon), "measure": measure},
                totals=model.totals[m, :, h],
                textbook_totals=textbook.totals[m, :, h],
                scores=model.scores[:, h, m],
                textbook_scores=textbook.scores[:, h, m],
                actual=origin.actual[:, h, m],
                last_period=origin.last_period[:, h, m],
                history=origin.history[:, h, m],
                group=group,
            )


# -- the book and its groups -----------------------------------------------------------------------


def portfolio_row(cell: Cell, levels: tuple[float, ...], interval: float, group: int | None = None) -> Row:
    """What all customers, or those of one group, did together, beside its forecasts."""
    these = np.ones(cell.group.size, bool) if group is None else cell.group == group
    groups = slice(None) if group is None else slice(group, group + 1)
    actual = float(cell.actual[these].sum())
    return (
        cell.place
        | {"actual": actual}
        | distribution(actual, cell.totals[groups].sum(axis=0), levels, interval)
        | {"last_period": float(cell.last_period[these].sum()), "history": float(cell.history[these].sum())}
        | {
            f"textbook_{name}": figure
            for name, figure in distribution(
                actual, cell.textbook_totals[groups].sum(axis=0), levels, interval
            ).items()
        }
    )


def distribution(actual: float, draws: Floats, levels: tuple[float, ...], interval: float) -> Row:
    """Mean, intervals and CRPS of the draws of one sum."""
    ends = {level: np.quantile(draws, tails(level)) for level in levels}
    row = {
        "mean": float(draws.mean()),
        "lower": float(ends[interval][0]),
        "median": float(np.median(draws)),
        "upper": float(ends[interval][1]),
    }
    for level, (lower, upper) in ends.items():
        row |= {f"lower_{label(level)}": float(lower), f"upper_{label(level)}": float(upper)}
    return row | {"crps": float(evaluation.crps(np.array([actual]), draws[None])[0])}


# -- customers -------------------------------------------------------------------------------------


def customer_rows(
    cell: Cell, who: Mapping[str, Any], levels: tuple[float, ...], interval: float
) -> list[Row]:
    """Scores over customers of the forecast and of its baselines, for each kind of customer."""
    counts = cell.place["measure"] == "purchases"
    with_draws = {"model": (cell.scores, cell.totals)}
    if not np.shares_memory(cell.textbook_scores, cell.scores):
        with_draws["textbook"] = (cell.textbook_scores, cell.textbook_totals)
    rows = []
    for name, these in who.items():
        actual = cell.actual[these]
        for forecast, (scores, totals) in with_draws.items():
            of_these = scores[these]
            rows.append(
                cell.place
                | {"who": name, "forecast": forecast}
                | point_scores(of_these[:, 0], actual)
                | draw_scores(of_these, actual, levels, interval, totals.shape[1], counts)
            )
        for forecast, predicted in (("last period", cell.last_period), ("history", cell.history)):
            rows.append(
                cell.place | {"who": name, "forecast": forecast} | point_scores(predicted[these], actual)
            )
    return rows


def kinds_of_customers(frequency: Integers) -> dict[str, Any]:
    """Which customers are all, those without repeat purchases, those with a few, and those with more."""
    return dict(
        zip(
            WHO,
            (frequency >= 0, frequency == 0, (frequency > 0) & (frequency < 3), frequency >= 3),
            strict=True,
        )
    )


def point_scores(predicted: Floats, actual: Floats) -> Row:
    """Scores of one number per customer, whose CRPS is its absolute error."""
    if not actual.size:
        return {"customers": 0}
    return {
        "customers": actual.size,
        "predicted": float(predicted.mean()),
        "actual": float(actual.mean()),
        "bias": evaluation.bias(predicted, actual),
        "mae": evaluation.mae(predicted, actual),
        "rmse": evaluation.rmse(predicted, actual),
        "crps": evaluation.mae(predicted, actual),
        "gini": evaluation.gini(predicted, actual),
        "hit_rate": evaluation.hit_rate(predicted, actual),
    }


def draw_scores(
    scores: Floats, actual: Floats, levels: tuple[float, ...], interval: float, worlds: int, counts: bool
) -> Row:
    """Scores of whole distributions: CRPS, log score, and coverage beside the one that was promised."""
    if not actual.size:
        return {}
    mean = scores.mean(axis=0)
    held, content, interval_scores = np.split(mean[4:], 3)
    row = {"crps": float(mean[3]), "interval_score": float(interval_scores[levels.index(interval)])}
    if counts:
        equal = np.rint((scores[:, 2] - scores[:, 1]) * (worlds + 1)).astype(np.int64) - 1
        row["log_score"] = float(evaluation.log_score_of_counts(actual, equal, worlds).mean())
    for level, covered, promised in zip(levels, held, content, strict=True):
        row |= {
            f"coverage_{label(level)}": float(covered),
            f"expected_coverage_{label(level)}": float(promised),
        }
    return row


def pit_rows(cell: Cell, who: Mapping[str, Any], rng: np.random.Generator) -> list[Row]:
    """Histograms of the randomised PIT of what each customer did."""
    pit = evaluation.randomised_pit(cell.scores[:, 1], cell.scores[:, 2], rng)
    place = np.minimum((pit * PIT_BINS).astype(np.int64), PIT_BINS - 1)
    return [
        cell.place
        | {"who": name, "customers": int(np.sum(these))}
        | {f"bin_{k + 1}": int(n) for k, n in enumerate(np.bincount(place[these], minlength=PIT_BINS))}
        for name, these in who.items()
    ]


def calibration_rows(cell: Cell) -> list[Row]:
    """Deciles of predicted, beside what they did."""
    deciles = evaluation.calibration_by_decile(cell.scores[:, 0], cell.actual)
    return [
        cell.place | {str(name): value for name, value in row.items()} for row in deciles.to_dict("records")
    ]
