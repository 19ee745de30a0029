"""How far one customer moves what all share, and a fit without those who move it too far."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.fitting import Part
from lifecast.grouping import PurchaseRows, SpendRows, group_purchases, group_spend, spend_history
from lifecast.histories import Histories, PurchaseHistories, SpendHistories
from lifecast.population import Population
from lifecast.posterior import Check

Outliers = Literal["keep", "leave out"]
OUTLIERS: tuple[Outliers, ...] = ("keep", "leave out")
FARTHEST = 2.0  # posterior standard deviations; ordinary logs stay below one for purchases, two for spend
FAR_AMOUNT = 8.0  # median absolute deviations of the logs of mean amounts
QUICK_DRAWS = 400
FEWEST = 10  # repeat buyers: among fewer each moves parameters, and another check says that they are few
OFTEN_FAR = 4.0  # times what a customer moves parameters by on average: in a small log each moves them much
CANDIDATES = 40  # histories looked at on each count in which a customer can stand out
MOST_LEFT_OUT = 20
Which = Literal["purchases", "spend"]


@dataclass(frozen=True)
class Influence:
    """The history that moves parameters most.

    Attributes
    ----------
    row : int
        Its place among the histories of purchases, or of spend.
    customer : str
        The history in words.
    moves : float
        How far the parameters go if one such customer is left out, in posterior standard deviations.
    allowed : float
        What is not yet remarkable.
    """

    row: int
    customer: str
    moves: float
    allowed: float

    @property
    def too_far(self) -> bool:
        """Whether one customer speaks louder than all the others' uncertainty."""
        return self.moves > self.allowed


def strongest(population: Population, histories: Histories, which: Which) -> Influence | None:
    """Find the customer whose leaving would move the parameters farthest.

    To first order a customer moves the mode by the covariance of the posterior times the gradient of its own
    log-likelihood [Cook 1986, Journal of the Royal Statistical Society B 48]. The length of that move is
    measured in posterior standard deviations. Only histories that stand out are looked at: the largest and
    smallest on every count.

    Parameters
    ----------
    population : Population
        Draws of the posterior; with a single one, the mode, there is no covariance and no answer.
    histories : Histories
        Those of the fit.
    which : "purchases" or "spend"
    """
    table: PurchaseHistories | SpendHistories | None = getattr(histories, which)
    if table is None or len(population) < 2 or histories.repeat_buyers < FEWEST:
        return None
    rows, places, shown = (_purchases if which == "purchases" else _spend)(population.family, histories)
    if not places.size:
        return None
    kinds = population.encoding.kinds(table)
    size = np.bincount(kinds.kind, table.customers, minlength=len(kinds))

    @cache
    def coordinates(kind: int) -> tuple[Floats, Floats]:
        family = population.family
        draws = family.unconstrain(population.of(int(kinds.group[kind]), kinds.columns[kind]))
        return draws.mean(axis=0), np.atleast_2d(np.cov(draws.T))

    best: Influence | None = None
    for place in places:
        kind = int(kinds.kind[place])
        mean, covariance = coordinates(kind)
        family = population.family
        gradient = family.log_likelihood(rows(place), family.constrain(mean))[1] @ family.jacobian(mean)
        moves = float(np.sqrt(max(gradient @ covariance @ gradient, 0.0)))
        allowed = max(FARTHEST, OFTEN_FAR * float(np.sqrt(mean.size / size[kind])))
        if np.isfinite(moves) and (best is None or moves / allowed > best.moves / best.allowed):
            best = Influence(int(place), shown(place), moves, allowed)
    return best


def farthest(
    quick: Callable[[Histories], Part], population: Population, histories: Histories, which: Which
) -> Influence | None:
    """The `strongest` customer, or one with amounts so far off that only a fit without shows what it does.

    Such a one moves Gamma-Gamma to the edge of where a mean exists, where its gradient vanishes.
    """
    found = strongest(population, histories, which)
    suspect = None if found is None or which == "purchases" else _far_amount(population, histories)
    if found is None or suspect is None:
        return found
    place, shown = suspect
    others = quick(without(histories, which, place)).population
    family = population.family
    draws = family.unconstrain(others.theta)
    move = family.unconstrain(population.theta).mean(axis=0) - draws.mean(axis=0)
    precision = np.linalg.pinv(np.atleast_2d(np.cov(draws.T)))
    moves = float(np.sqrt(max(move @ precision @ move, 0.0)))
    return found if moves < found.moves else Influence(place, shown, moves, FARTHEST)


def without(histories: Histories, which: Which, row: int) -> Histories:
    """The histories less one of purchases, or of spend, and all customers who have it."""
    table = getattr(histories, which)
    customers = table.customers.copy()
    customers[row] = 0.0
    return replace(histories, **{which: _chosen(table, np.flatnonzero(customers))})


def settle(
    fit: Callable[[Histories], Part], histories: Histories, which: Which
) -> tuple[Histories, tuple[Influence, ...]]:
    """Leave out the customer who moves the parameters too far, the farthest first, until nobody does.

    One at a time and fitted anew each time: the worst one hides others, or makes ordinary ones look odd.
    """
    left: list[Influence] = []
    while len(left) < MOST_LEFT_OUT:
        found = farthest(fit, fit(histories).population, histories, which)
        if found is None or not found.too_far:
            break
        left.append(found)
        histories = without(histories, which, found.row)
    return histories, tuple(left)


def fit_knowing_outliers(
    fit: Callable[[Histories], Part],
    quick: Callable[[Histories], Part],
    histories: Histories,
    which: Which,
    outliers: Outliers,
) -> tuple[Part, Histories, tuple[Check, ...]]:
    """Fit, say whether one customer alone moves what was learned, and leave it out where that is asked.

    Parameters
    ----------
    fit, quick
        Histories to a posterior: the one that is wanted, and one of a few draws to compare with.
    histories : Histories
    which : "purchases" or "spend"
    outliers : "keep" or "leave out"

    Returns
    -------
    part : Part
    histories : Histories
        Those that it was learned from.
    checks : tuple of Check
    """
    if outliers == "leave out":
        kept, left = settle(quick, histories, which)
        part = fit(kept)
        if not left:
            return part, kept, _check_of(part, farthest(quick, part.population, kept, which), "")
        fewer = len(getattr(histories, which)) - len(getattr(kept, which))
        told = Check(
            part.family, "histories left out", float(fewer), f"<= {MOST_LEFT_OUT - 1}",
            fewer < MOST_LEFT_OUT,
            f"Learned without the customers with {'; '.join(each.customer for each in left)}. "
            f"{_effect(quick(histories).population, part.population)}They are scored all the same. If they "
            "are many, the family does not fit.", told_anyway=True,
        )  # fmt: skip
        return part, kept, (told, *_check_of(part, farthest(quick, part.population, kept, which), ""))
    part = fit(histories)
    found = farthest(quick, part.population, histories, which)
    if found is None or not found.too_far:
        return part, histories, _check_of(part, found, "")
    kept, _ = settle(quick, histories, which)
    return part, histories, _check_of(part, found, _effect(part.population, quick(kept).population))


def _check_of(part: Part, found: Influence | None, effect: str) -> tuple[Check, ...]:
    return () if found is None else (influence_check(part.family, found, effect),)


def _effect(everybody: Population, others: Population) -> str:
    """What the parameters are without and with those who stand out, in words."""
    means = zip(others.family.parameters, others.theta.mean(0), everybody.theta.mean(0), strict=True)
    return (
        "Without, " + ", ".join(f"{name} is {one:.3g} (with: {all_:.3g})" for name, one, all_ in means) + ". "
    )


def _far_amount(population: Population, histories: Histories) -> tuple[int, str] | None:
    table = histories.spend
    if table is None:
        return None
    history = spend_history(table, population.family.zero_amounts, ())
    some = np.flatnonzero(history.n > 0)
    logs = np.log(history.m[some])
    weight = table.customers[some]
    middle = _weighted_median(logs, weight)
    off = np.abs(logs - middle)
    spread = _weighted_median(off, weight)
    place = int(np.argmax(off))
    if not (spread > 0.0 and off[place] > FAR_AMOUNT * spread):
        return None
    return int(some[place]), _spend(population.family, histories)[2](int(some[place]))


def _weighted_median(values: Floats, weight: Floats) -> float:
    order = np.argsort(values)
    running = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(running, running[-1] / 2)])


def _chosen(table: Any, places: Integers) -> Any:
    import pyarrow as pa

    names = [name for name in vars(table) if name != "attributes" and getattr(table, name) is not None]
    chosen: dict[str, Any] = {name: getattr(table, name)[places] for name in names}
    attributes = {name: values.take(pa.array(places)) for name, values in table.attributes.items()}
    return replace(table, **chosen, attributes=attributes)


def _outstanding(*counts: Floats | Integers) -> Integers:
    ends = [np.argsort(count)[-CANDIDATES:] for count in counts]
    return np.unique(np.concatenate(ends))


def _purchases(
    family: Any, histories: Histories
) -> tuple[Callable[[int], PurchaseRows], Integers, Callable[[int], str]]:
    table = histories.purchases
    watched = np.maximum(table.T, 1e-9)
    places = _outstanding(table.frequency, table.frequency / watched, table.T, table.recency)

    def rows(place: int) -> PurchaseRows:
        one = slice(place, place + 1)
        return group_purchases(table.frequency[one], table.recency[one], table.T[one])

    def shown(place: int) -> str:
        return (
            f"{table.frequency[place]:,} repeat purchases, recency {table.recency[place]:.6g} and T "
            f"{table.T[place]:.6g} {histories.time_unit.name}s"
        )

    return rows, places[table.T[places] > 0.0], shown


def _spend(
    family: Any, histories: Histories
) -> tuple[Callable[[int], SpendRows], Integers, Callable[[int], str]]:
    table = histories.spend
    assert table is not None
    history = spend_history(table, family.zero_amounts, family.likelihood_needs)
    some = np.flatnonzero(history.n > 0)
    n, m = history.n[some], history.m[some]
    places = some[_outstanding(m, -m, n * m, n, history.s[some])] if some.size else some

    def rows(place: int) -> SpendRows:
        return group_spend(history.of(np.array([place])))

    def shown(place: int) -> str:
        return f"{history.n[place]:,} amounts of {history.m[place]:,.6g} on average"

    return rows, places, shown


def influence_check(part: str, found: Influence, effect: str) -> Check:
    """Whether no single customer moves the parameters too far; ``effect`` says what they would be without."""
    return Check(
        part, "farthest that one customer moves parameters (sd)", found.moves, f"<= {found.allowed:.2g}",
        not found.too_far,
        f"A customer with {found.customer} alone moves what all share, and with it everybody's forecast. "
        f"{effect}See whether it is a customer at all: a test account, a till, a reseller. "
        'fit(..., outliers="leave out") learns without and still scores everybody.',
    )  # fmt: skip
