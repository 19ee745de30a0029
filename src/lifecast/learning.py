"""How a model comes to know: from histories, the families first and the market after; or by being told."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from lifecast.arrays import Floats
from lifecast.calendar import Calendar
from lifecast.diagnostics import diagnose_purchases, diagnose_spend
from lifecast.errors import SettingsError
from lifecast.families.contract import DiscreteTime, PurchaseFamily, SpendFamily
from lifecast.fitting import Part, fit_purchases, fit_spend
from lifecast.histories import Histories
from lifecast.influence import QUICK_DRAWS, Outliers, Which, fit_knowing_outliers
from lifecast.market import flatten, learn_market, market_check, unknown_past
from lifecast.methods import Method
from lifecast.population import Population
from lifecast.posterior import Posterior
from lifecast.provenance import described, origin
from lifecast.settings import known_parameters
from lifecast.timeunit import TimeUnit


def learn(
    histories: Histories,
    purchases: PurchaseFamily,
    spend: SpendFamily | None,
    with_market: bool,
    calendar: Calendar | None,
    method: Method,
    draws: int,
    seed: int,
    outliers: Outliers,
) -> Posterior:
    """Fit the families and the market, and hold them against the data; see `lifecast.CLTV.fit`."""
    rng, check_rng = np.random.default_rng(seed), np.random.default_rng([seed, 3])

    def fit(
        family: Callable[[Histories, Method, int, np.random.Generator], Part], which: Which, quick: int
    ) -> tuple[Part, Histories]:
        part, learned_from, checks = fit_knowing_outliers(
            lambda those: family(those, method, draws, rng),
            lambda those: family(those, "laplace", QUICK_DRAWS, np.random.default_rng([seed, quick])),
            histories, which, outliers,
        )  # fmt: skip
        return replace(part, checks=part.checks + checks), learned_from

    bought, buyers = fit(partial(fit_purchases, purchases), "purchases", 4)
    paid, payers = (None, histories) if spend is None else fit(partial(fit_spend, spend), "spend", 5)
    market = None
    if with_market and not isinstance(purchases, DiscreteTime):
        market = learn_market(
            histories.past or unknown_past(float(np.max(histories.purchases.T)), histories.time_unit.days),
            histories.time_unit.days,
            purchases,
            spend,
            np.empty((1, 0)) if paid is None else paid.population.theta.mean(axis=0, keepdims=True),
            np.random.default_rng([seed, 2]),
            calendar,
            histories.observation_end,
        )
    checks = bought.checks + diagnose_purchases(buyers, bought.population, check_rng)
    if paid is not None:
        checks += paid.checks + diagnose_spend(payers, paid.population, check_rng)
    if with_market:
        checks += (market_check(market),)
    return Posterior(
        purchases=bought.population,
        spend=None if paid is None else paid.population,
        market={} if market is None else flatten(market),
        checks=checks,
        provenance=described(purchases, spend)
        | {"method": method, "draws": draws, "random_seed": seed, "outliers": outliers}
        | {"drawn_by": {part.family: part.method for part in (bought, paid) if part is not None}}
        | origin(histories),
    )


def told(
    purchases: PurchaseFamily,
    bought: Mapping[str, float | Floats],
    spend: SpendFamily | None,
    paid: Mapping[str, float | Floats] | None,
    unit: TimeUnit,
) -> Posterior:
    """A posterior of known parameters, by name, in this unit; see `lifecast.CLTV.from_parameters`."""
    given = [known_parameters(purchases, bought)]
    if spend is not None and paid is not None:
        given.append(known_parameters(spend, paid))
    count = max(map(len, given))
    if not {len(theta) for theta in given} <= {1, count}:
        raise SettingsError("The families were given different numbers of draws. Pass as many of both.")
    populations = [
        Population.alike(family, np.tile(theta, (count // len(theta), 1)))
        for family, theta in zip((purchases, spend), given, strict=False)
    ]
    return Posterior(
        purchases=populations[0],
        spend=populations[1] if len(populations) > 1 else None,
        provenance=described(purchases, spend)
        | {"method": "known parameters", "time_unit": unit.name, "days": unit.days},
    )
