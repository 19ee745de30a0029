"""Which family fits a log better: what each expects of a customer left out, and how it did on a holdout."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import special

from lifecast.arrays import Floats, Integers
from lifecast.errors import SettingsError
from lifecast.families.contract import DiscreteTime
from lifecast.families.density import Rows
from lifecast.grouping import PurchaseRows, SpendRows, counts, distinct_from_previous, spend_history
from lifecast.methods import TRUSTED_K_HAT
from lifecast.model import CLTV
from lifecast.population import Population
from lifecast.rfm import RFM

if TYPE_CHECKING:
    import pandas as pd

FEWEST_DRAWS = 100
MOST_ROWS = 5_000
ROWS_AT_A_TIME = 500
HOLDOUT_DRAWS = 100  # the mean over draws hardly depends on their number
UNMOVED = 1e-7  # log likelihoods closer than this across draws: leaving the customer out changes nothing


def compare(
    models: Mapping[str, CLTV],
    rfm: RFM,
    *,
    part: Literal["both", "purchases", "spend"] = "both",
    random_seed: int = 0,
) -> "pd.DataFrame":
    """Rank models by what they expect of customers whom they have not seen.

    Purchases and spend are ranked apart. Of each customer, the log probability (density) that the model gives
    to its history when fitted to all the others, by Pareto-smoothed importance sampling (PSIS-LOO) [Vehtari,
    Gelman & Gabry 2017, Statistics and Computing 27]; the customers' add up to ``elpd``, the expected log
    predictive density: higher is better.

    Parameters
    ----------
    models : mapping of str to CLTV
        Fitted to this RFM by any method but "map", with at least 100 draws.
    rfm : RFM
        What they were fitted to. With a holdout, it is scored too.
    part : "both", "purchases" or "spend"
    random_seed : int, default 0
        For the choice of histories where there are very many.

    Returns
    -------
    pandas.DataFrame
        Indexed by part and model, the best first:

        - ``elpd`` and ``se``, its standard error; ``elpd_diff`` to the best model, zero or less, and
          ``diff_se``, that of the difference, customer by customer. Less than 4 says nothing, and less than
          twice its standard error little.
        - ``p_loo``: the effective number of parameters. Far above the real one, the model does not fit.
        - ``bad_k``: the share of customers whose k-hat is above 0.7. Above a few in a thousand, do not
          believe the row.
        - ``share_used`` of the distinct histories: 1, or less where there are more than 5,000; those of many
          customers are then always used, the others drawn by lot, and standard errors are wider for it.
        - With a holdout, for purchases: ``holdout_lpd``, the log probabilities of the numbers of purchases
          that came, added up; ``holdout_diff`` and ``holdout_diff_se`` as above. These are the families' own
          probabilities, without the market.

    Raises
    ------
    SettingsError
        A model was fitted to other data or has too few draws, or the likelihoods are not of the same thing:
        mean amounts and single ones, or purchases at any time and at fixed opportunities.

    Examples
    --------
    >>> import lifecast as lc
    >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    >>> models = {
    ...     name: lc.CLTV(family, spend=None, market=None).fit(rfm, random_seed=1)
    ...     for name, family in (("stay for ever", lc.NBD()), ("may leave", lc.BGNBD()))
    ... }
    >>> table = lc.compare(models, rfm)
    >>> list(table.loc["purchases"].index)
    ['may leave', 'stay for ever']
    >>> bool(table["elpd_diff"].iloc[1] < -4 * table["diff_se"].iloc[1])
    True
    """
    import pandas as pd

    if part not in ("both", "purchases", "spend"):
        raise SettingsError(f'part={part!r}: needed "both", "purchases" or "spend".')
    if not models:
        raise SettingsError('models={}: needed at least one fitted model, such as {"bg": model}.')
    check_data(models, rfm)
    rng = np.random.default_rng(random_seed)
    with_spend = {name: model for name, model in models.items() if model.spend is not None}
    if part == "spend" and not with_spend:
        raise SettingsError('part="spend": none of these models has a spend family.')
    tables = {}
    if part != "spend":
        tables["purchases"] = of_purchases(models, rfm, rng)
    if part != "purchases" and with_spend:
        tables["spend"] = of_spend(with_spend, rfm, rng)
    return pd.concat(tables, names=["part", "model"])


def check_data(models: Mapping[str, CLTV], rfm: RFM) -> None:
    """Refuse models that were fitted to something else, or have no posterior to speak of."""
    fingerprint = rfm.fingerprint()
    for name, model in models.items():
        posterior = model.learned
        found = posterior.provenance.get("data_fingerprint")
        if found != fingerprint:
            made = "has known parameters" if found is None else "was fitted to other customers than these"
            raise SettingsError(
                f"Model {name!r} {made}: only models fitted to one and the same RFM can be compared. Fit it "
                "with model.fit(rfm)."
            )
        if posterior.draws < FEWEST_DRAWS:
            raise SettingsError(
                f"Model {name!r} has {posterior.draws} draws (method={posterior.provenance['method']!r}): "
                f'needed at least {FEWEST_DRAWS} of the whole posterior. Fit it with method="auto".'
            )


def of_purchases(models: Mapping[str, CLTV], rfm: RFM, rng: np.random.Generator) -> "pd.DataFrame":
    """Models ranked by purchases, beside what they make of the holdout."""
    discrete = {name for name, model in models.items() if isinstance(model.purchases, DiscreteTime)}
    if discrete and len(discrete) < len(models):
        raise SettingsError(
            f"Purchases of {min(discrete)!r} come at fixed opportunities, those of "
            f"{min(set(models) - discrete)!r} at any time: a probability is not comparable with a density. "
            'Use lifecast.backtest, or compare only spend with part="spend".'
        )
    populations = {name: model.learned.purchases for name, model in models.items()}
    everybody = np.arange(len(rfm))
    columns = (rfm.recency, rfm.T, rfm.frequency, *kinds_of(populations, rfm))
    sample = sample_rows(everybody, columns, rng)

    def row(place: int) -> PurchaseRows:
        one = slice(place, place + 1)
        weight, itself = np.ones(1), np.zeros(1, np.int64)
        return PurchaseRows(rfm.frequency[one], rfm.recency[one], rfm.T[one], weight, itself)

    table = ranked(populations, rfm, sample, row)
    if rfm.holdout is None:
        return table
    sample = sample_rows(everybody, (*columns, rfm.holdout.frequency), rng)
    logs = {name: holdout_logs(population, rfm, sample) for name, population in populations.items()}
    best = max(logs, key=lambda name: sample.total(logs[name]))
    beside = {
        name: {
            "holdout_lpd": sample.total(each),
            "holdout_diff": sample.total(each - logs[best]),
            "holdout_diff_se": sample.standard_error(each - logs[best]),
        }
        for name, each in logs.items()
    }
    return table.join(as_table(beside))


def of_spend(models: Mapping[str, CLTV], rfm: RFM, rng: np.random.Generator) -> "pd.DataFrame":
    """Models ranked by spend."""
    populations: dict[str, Any] = {name: model.learned.spend for name, model in models.items()}
    needs = {name: population.family.likelihood_needs for name, population in populations.items()}
    of_means = {name for name, columns in needs.items() if not columns}
    if of_means and len(of_means) < len(models):
        raise SettingsError(
            f"Spend of {min(of_means)!r} was fitted to each customer's mean amount, that of "
            f"{min(set(models) - of_means)!r} to every amount: densities of different things are not "
            'comparable. Use GammaGamma(fit_to="amounts"), or compare only part="purchases".'
        )
    columns = tuple({column for each in needs.values() for column in each})
    history = spend_history(rfm, bool(of_means), columns)
    told_apart = (history.s, history.l, history.m, history.n, *kinds_of(populations, rfm))
    sample = sample_rows(np.flatnonzero(history.n > 0), told_apart, rng)

    def row(place: int) -> SpendRows:
        one = history.of(slice(place, place + 1))
        return SpendRows(one.n, one.m, one.l, one.s, np.ones(1))

    return ranked(populations, rfm, sample, row)


def kinds_of(populations: Mapping[str, Population], rfm: RFM) -> list[Integers]:
    """Each model's kind of every customer: histories are equal where they are so to all the models."""
    return [population.encoding.kinds(rfm).kind for population in populations.values()]


# -- which histories -------------------------------------------------------------------------------


@dataclass(frozen=True)
class RowSample:
    """Distinct histories, or some of them drawn by lot, standing for all customers.

    Attributes
    ----------
    places : (row,)
        A customer with each history.
    weight : (row,)
        How many customers it stands for.
    variance : (row,)
        What the row adds to the variance of a total, per squared distance from the mean.
    share : float
        Which part of the distinct histories was used.
    """

    places: Integers
    weight: Floats
    variance: Floats
    share: float

    def total(self, values: Floats) -> float:
        """Sum over all customers, given the rows' values."""
        return float(self.weight @ values)

    def share_of(self, chosen: np.ndarray) -> float:
        """Which part of all customers the chosen rows stand for."""
        return float(self.weight[chosen].sum() / self.weight.sum())

    def standard_error(self, values: Floats) -> float:
        """That of the total: from customer to customer, and from the lots."""
        mean = self.total(values) / float(self.weight.sum())
        return float(np.sqrt(self.variance @ (values - mean) ** 2))


def sample_rows(
    members: Integers, columns: tuple[Any, ...], rng: np.random.Generator, most: int = MOST_ROWS
) -> RowSample:
    """Distinct histories among some customers; where there are more than `most`, so many on average by lot.

    A history's chance is proportional to its customers, up to certainty, and each counts for its customers
    over its chance (Hajek's estimator under Poisson sampling) [Saerndal, Swensson & Wretman 1992, "Model
    Assisted Survey Sampling", ch. 3 and 5].
    """
    columns = tuple(column[members] for column in columns)
    order = np.lexsort(columns)
    new = distinct_from_previous(*(column[order] for column in columns))
    places, weight = members[order[new]], counts(new)
    chance = np.ones(weight.size)
    if weight.size > most:
        chance = chances(weight, most)
    drawn = rng.uniform(size=weight.size) < chance
    stands_for = weight[drawn] / chance[drawn]
    stands_for *= weight.sum() / stands_for.sum()
    variance = stands_for * (1.0 + (1.0 - chance[drawn]) * stands_for)
    return RowSample(places[drawn], stands_for, variance, float(drawn.mean()))


def chances(weight: Floats, most: int) -> Floats:
    """Probabilities (row,) in proportion to the weights, up to 1, that add up to `most`."""
    certain = np.zeros(weight.size, bool)
    while True:
        chance = np.where(certain, 1.0, weight * (most - certain.sum()) / weight[~certain].sum())
        if np.all(chance <= 1.0):
            return chance
        certain = chance >= 1.0


# -- their scores ----------------------------------------------------------------------------------


def ranked(
    populations: Mapping[str, Population], rfm: RFM, sample: RowSample, row: Callable[[int], Rows]
) -> "pd.DataFrame":
    """What each model expects of the rows left out, the best model first."""
    left_out = {name: leave_one_out(population, rfm, sample, row) for name, population in populations.items()}
    best = max(left_out, key=lambda name: sample.total(left_out[name][0]))
    table = {
        name: {
            "elpd": sample.total(elpd),
            "se": sample.standard_error(elpd),
            "elpd_diff": sample.total(elpd - left_out[best][0]),
            "diff_se": sample.standard_error(elpd - left_out[best][0]),
            "p_loo": sample.total(parameters),
            "bad_k": sample.share_of(k_hat > TRUSTED_K_HAT),
            "share_used": sample.share,
        }
        for name, (elpd, k_hat, parameters) in left_out.items()
    }
    return as_table(table).sort_values("elpd", ascending=False)


def as_table(rows: dict[str, dict[str, float]]) -> "pd.DataFrame":
    """A row per model."""
    import pandas as pd

    table: pd.DataFrame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")
    return table


def leave_one_out(
    population: Population, rfm: RFM, sample: RowSample, row: Callable[[int], Rows]
) -> tuple[Floats, Floats, Floats]:
    """Log predictive density of one customer of each row left out, k-hat, and effective parameters: (row,).

    However many customers share a row, one of them is left out, and the others stay.
    """
    from arviz_stats.base import array_stats

    elpd, k_hat, parameters = np.empty((3, sample.places.size))
    for rows, theta in rows_by_kind(population, rfm, sample.places):
        for start in range(0, rows.size, ROWS_AT_A_TIME):
            some = rows[start : start + ROWS_AT_A_TIME]
            with one_thread():  # sharing out the draws of a single row costs more than their likelihood
                logs = np.stack(
                    [
                        population.family.log_likelihood_draws(row(int(sample.places[at])), theta)
                        for at in some
                    ]
                )
            moved = np.ptp(logs, axis=1) > UNMOVED
            elpd[some], k_hat[some], parameters[some] = logs.mean(axis=1), -np.inf, 0.0
            if np.any(moved):
                found = array_stats.loo(logs[moved], chain_axis=None)
                elpd[some[moved]], k_hat[some[moved]], parameters[some[moved]] = found
    return elpd, k_hat, parameters


def holdout_logs(population: Population, rfm: RFM, sample: RowSample) -> Floats:
    """Log probability (row,) of the number of purchases that each row's customers made in the holdout."""
    assert rfm.holdout is not None
    every = np.unique(np.linspace(0, len(population) - 1, HOLDOUT_DRAWS).round().astype(np.int64))
    logs = np.empty(sample.places.size)
    for rows, theta in rows_by_kind(population, rfm, sample.places):
        at = sample.places[rows]
        history = rfm.frequency[at], rfm.recency[at], rfm.T[at], rfm.holdout.frequency[at]
        of_draws = [
            population.family.log_probability_of_count(*history, rfm.holdout.duration, draw, 0.0)
            for draw in theta[every]
        ]
        logs[rows] = special.logsumexp(of_draws, axis=0) - np.log(every.size)
    return logs


def rows_by_kind(population: Population, rfm: RFM, places: Integers) -> Iterator[tuple[Integers, Floats]]:
    """Which of these customers are of each kind, and their parameters (draw, parameter)."""
    kinds = population.encoding.kinds(rfm)
    of_places = kinds.kind[places]
    for number in np.unique(of_places):
        theta = population.of(int(kinds.group[number]), kinds.columns[number])
        yield np.flatnonzero(of_places == number), np.ascontiguousarray(theta)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compiled loops run in the calling thread alone."""
    import numba

    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        yield
    finally:
        numba.set_num_threads(before)
