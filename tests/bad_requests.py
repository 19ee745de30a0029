"""The battery's second part: models, decisions and other tools asked for what makes no sense.

Each is refused in words that say why, whatever was passed beside it.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import xarray as xr
from battery import REFUSED, Case

import lifecast as lc
from lifecast.interop import from_lifetimes, from_pymc_marketing, to_lifetimes
from lifecast.plots.one_customer import plot_customer

PURCHASES = {"r": 0.6, "alpha": 8.0, "a": 0.8, "b": 2.5}
SPEND = {"p": 6.25, "q": 3.74, "v": 15.44}
WORLDS = 20


@cache
def shop() -> lc.datasets.SimulatedShop:
    return lc.datasets.simulate_shop(300, months=12, random_seed=1)


@cache
def customers(**settings: Any) -> lc.RFM:
    days: dict[str, Any] = {"observation_end": "2023-09-30", "holdout_end": shop().end} | settings
    return lc.rfm_summary(shop().log, attributes=["channel"], past=False, **days)


@cache
def known() -> lc.CLTV:
    return lc.CLTV.from_parameters(PURCHASES, SPEND)


@cache
def forecast(**settings: Any) -> lc.Forecast:
    return known().forecast(customers(), 12, worlds=WORLDS, **settings)


@cache
def of_purchases_alone() -> lc.Forecast:
    return lc.CLTV.from_parameters(PURCHASES).forecast(customers(), 12, worlds=WORLDS)


def undated() -> lc.Forecast:
    """A forecast that does not know what day it is."""
    rfm = lc.RFM.from_frame(customers().to_frame(), "week")
    return known().forecast(rfm, 12, worlds=WORLDS)


def channels(*names: str) -> lc.Channels:
    """Channels whose customers are worth 50, and cost 10."""
    each = np.full(len(names), 10.0)
    nothing = pd.DataFrame(index=pd.Index(names, name="channel"))
    value = np.full((WORLDS, len(names), 1), 50.0)
    days = np.full((WORLDS, len(names)), 30.0)
    return lc.Channels(nothing, nothing, nothing, value, each, days, each, names, ("365 days",))


CURVES = {"search": (100.0, 10.0, 0.5)}


def costs(**columns: Any) -> pd.DataFrame:
    plain = {"channel": "search", "start": ["2023-01-01", "2023-02-01"], "cost": 50.0, "new_customers": 5}
    return pd.DataFrame(plain | columns)


def offer(worlds: int = WORLDS, cost: float = 1.0) -> lc.Treatment:
    some = known().forecast(customers(), 12, worlds=worlds)
    return lc.treat(some, cost=cost, effect={"purchase_rate": 1.5})


def refused(area: str, name: str, run: Callable[[], Any], says: str) -> Case:
    return Case(area, name, lambda folder: run(), REFUSED, says)


def decision(name: str, run: Callable[[], Any], says: str) -> Case:
    return refused("decision", name, run, says)


# -- decisions -------------------------------------------------------------------------------------------

NO_SPEND = "This model has no spend"
DECISIONS = [
    decision(
        "an offer, of a model without spend",
        lambda: lc.treat(of_purchases_alone(), cost=1.0, effect={"dropout": 0.8}),
        f"{NO_SPEND}, so no offer gains anything",
    ),
    decision(
        "an offer with a negative budget",
        lambda: lc.treat(forecast(), cost=1.0, effect={"dropout": 0.8}, budget=-1.0),
        "budget=-1.0: needed an amount of money",
    ),
    decision(
        "an offer whose cost is an attribute that there is not",
        lambda: lc.treat(forecast(), cost="postage", effect={"dropout": 0.8}),
        "cost='postage': the RFM has no such attribute",
    ),
    decision(
        "an offer whose cost is an attribute of words",
        lambda: lc.treat(forecast(), cost="channel", effect={"dropout": 0.8}),
        "cost='channel': the attribute does not hold numbers",
    ),
    decision(
        "elasticities, of a model without spend",
        lambda: lc.elasticities(of_purchases_alone()),
        f"{NO_SPEND}, so nothing is worth anything",
    ),
    decision(
        "a scenario in which nobody buys any more",
        lambda: lc.scenario(forecast(), purchase_rate=0.0),
        "purchase_rate=0.0: needed a positive factor",
    ),
    decision(
        "a scenario in which as many leave as infinity",
        lambda: lc.scenario(forecast(), dropout=np.inf),
        "dropout=inf: needed a positive factor",
    ),
    decision(
        "a scenario of customers by an attribute that there is not",
        lambda: lc.scenario(forecast(), purchase_rate=1.1, who="colour=red"),
        "who='colour=red': needed \"attribute=value\" of one of the attributes channel",
    ),
    decision(
        "a scenario of customers by an attribute without its value",
        lambda: lc.scenario(forecast(), purchase_rate=1.1, who="channel"),
        'needed "attribute=value"',
    ),
    Case(
        "decision",
        "a report of no scenario",
        lambda folder: lc.report(forecast(), folder / "page.html", scenarios={}),
        REFUSED,
        "scenarios={}: needed at least one, by name",
    ),
    decision(
        "segments above a negative value",
        lambda: lc.segments(forecast(), threshold=-1.0),
        "threshold=-1.0: needed a value of 0 or more",
    ),
    decision(
        "segments held against other customers",
        lambda: lc.segment_lift(lc.segments(forecast()), customers(observation_end="2023-08-31")),
        "customers are not the forecast's 215, in their order",
    ),
    decision(
        "channels that pay with a probability of 2",
        lambda: lc.channels(known(), shop().costs, probability=2.0),
        "probability=2.0: needed a probability between 0 and 1",
    ),
    decision(
        "channels without a horizon",
        lambda: lc.channels(known(), shop().costs, horizons=()),
        r"horizons=\(\): needed at least one",
    ),
    decision(
        "a budget beside offers worked out in other worlds",
        lambda: lc.allocate(channels("search"), 100.0, curves=CURVES, retention=offer(WORLDS + 1)),
        "worked out in 21 worlds, the channels in 20",
    ),
    decision(
        "a budget with a channel called retention, and offers",
        lambda: lc.allocate(
            channels("retention"), 100.0, curves={"retention": CURVES["search"]}, retention=offer()
        ),
        "A channel is called 'retention'",
    ),
    decision(
        "a budget beside offers of which none pays",
        lambda: lc.allocate(channels("search"), 100.0, curves=CURVES, retention=offer(cost=1e6)),
        "no offer that pays",
    ),
    decision(
        "a budget without anything said of what money brings",
        lambda: lc.allocate(channels("search"), 100.0),
        "Nothing says how many customers money brings",
    ),
    decision(
        "a budget without a curve",
        lambda: lc.allocate(channels("search"), 100.0, curves={}),
        "curves= has no channel",
    ),
    decision(
        "a budget over no month",
        lambda: lc.allocate(channels("search"), 100.0, curves=CURVES, months=0),
        "months=0: needed at least 1",
    ),
    decision(
        "a budget with bounds for a channel that there is not",
        lambda: lc.allocate(channels("search"), 100.0, curves=CURVES, bounds={"radio": (0.0, 1.0)}),
        "bounds= has 'radio'; the channels that cost money are search",
    ),
    decision(
        "a budget learned from months that brought nobody",
        lambda: lc.allocate(channels("search"), 100.0, costs(new_customers=0)),
        "no period with a cost and new customers|No channel has cost anything",
    ),
    decision(
        "a backtest of groups of one customer each",
        lambda: lc.backtest(
            lc.datasets.load_cdnow(sample=True).assign(town=lambda log: log["customer_id"]),
            origins=["1997-09-30"],
            horizons=[13],
            model=lc.CLTV(spend=None, market=None),
            groups="town",
        ),
        "groups='town' has 2,357 values: needed at most 1,000",
    ),
    decision(
        "a budget learned from channels that cost nothing",
        lambda: lc.allocate(replace(channels("search"), cac=np.zeros(1)), 100.0, costs(cost=0.0)),
        "No channel has cost anything so far",
    ),
    decision(
        "a budget larger than its bounds allow",
        lambda: lc.allocate(channels("search"), 100.0, curves=CURVES, bounds={"search": (0.0, 10.0)}),
        "The bounds allow 0 to 10 in",
    ),
    decision(
        "a test of an offer whose lever there is not",
        lambda: lc.treatment_effect(customers(), customers().T > 20.0, lever="price"),
        "lever='price': needed one of",
    ),
    decision(
        "a test of an offer without what came",
        lambda: lc.treatment_effect(undated().simulation.rfm, customers().T > 20.0),
        "A test needs what customers bought after the offer",
    ),
    decision(
        "a test of an offer that two customers got",
        lambda: lc.treatment_effect(customers(), np.arange(len(customers())) < 2),
        "2 customers got the offer and 213 did not",
    ),
    decision(
        "a test of an offer, of a model without spend",
        lambda: lc.treatment_effect(
            customers(), customers().T > 20.0, model=lc.CLTV(spend=None, market=None)
        ),
        f"{NO_SPEND}, so it knows no CLTV",
    ),
    decision(
        "a test of an offer in which who got it is a number of mails",
        lambda: lc.treatment_effect(customers(), np.arange(len(customers()))),
        "needed true or false for each of the",
    ),
    decision(
        "a test of an offer on other customers",
        lambda: lc.treatment_effect(customers(), [True, False]),
        r"treated= has shape \(2,\)",
    ),
    decision(
        "accounts joined into people, of two logs",
        lambda: lc.identity_effect(customers(), customers(observation_end="2023-08-31")),
        "The two RFMs have different",
    ),
    decision(
        "watching value where margins differ between customers",
        lambda: lc.monitor(
            known().forecast(
                lc.RFM.from_frame(
                    customers().to_frame().assign(rate=0.3), "week", observation_end="2023-09-30"
                ),
                12,
                worlds=WORLDS,
                margin="rate",
            ),
            shop().log,
            measure="value",
        ),
        "margin differs between customers .the attribute 'rate'",
    ),
    decision(
        "watching value of a log without amounts",
        lambda: lc.monitor(
            forecast(),
            lc.rfm_summary(
                shop().log.drop(columns="amount"),
                observation_end="2023-09-30",
                holdout_end=shop().end,
                past=False,
            ),
            measure="value",
        ),
        "The log has no amounts. Watch 'purchases'",
    ),
    decision(
        "watching a forecast that does not know what day it is",
        lambda: lc.monitor(undated(), shop().log),
        "does not know what day it is. Pass the sums per period",
    ),
    decision(
        "a plan with dates, of a forecast that does not know what day it is",
        lambda: lc.cash_flow(
            undated(), new_customers=pd.DataFrame({"start": ["2023-10-01"], "new_customers": [10]})
        ),
        "The plan starts at 2023-10-01, and the forecast does not know what day it is",
    ),
    decision(
        "groups by an attribute that there is not",
        lambda: forecast().by("colour"),
        "by='colour': the RFM has the attributes channel",
    ),
    decision(
        "a customer's picture, of a forecast that does not know what day it is",
        lambda: plot_customer(undated(), undated().customers["customer_id"][0], shop().log),
        "Needed: a forecast made from a log",
    ),
]


# -- models ----------------------------------------------------------------------------------------------


def model(name: str, run: Callable[[], Any], says: str) -> Case:
    return refused("model", name, run, says)


def fitted_with(first: Any, *others: Any) -> Callable[[], lc.CLTV]:
    """A fit with such a covariate."""
    model = lc.CLTV(lc.BGNBD(covariates=["x"]), None, market=None)
    return lambda: model.fit(with_covariate(first, *others), method="map")


def with_covariate(first: Any, *others: Any) -> lc.RFM:
    """Customers of whom the first has this and the others have these, in turn."""
    frame = customers().to_frame().drop(columns="channel")
    return lc.RFM.from_frame(frame.assign(x=[first, *islice(cycle(others), len(frame) - 1)]), "week")


def all_different() -> lc.Forecast:
    model = lc.CLTV(lc.BGNBD(covariates=["x", "y", "z"]), None, market=None)
    model.fit(lc.RFM.from_frame(of_three(customers().to_frame()), "week"), method="map")
    many = pd.DataFrame({"customer_id": np.arange(6000), "frequency": 0, "recency": 0.0, "T": 9.0})
    return model.forecast(lc.RFM.from_frame(of_three(many), "week"), 4, worlds=2)


def of_three(frame: pd.DataFrame) -> pd.DataFrame:
    """Customers with three numbers: no two of 6,000 have the same."""
    place = np.arange(len(frame)) * (6000 // len(frame))
    plain = frame[["customer_id", "frequency", "recency", "T"]]
    return plain.assign(x=place % 20, y=place // 20 % 20, z=place // 400)


def written(frame: pd.DataFrame, folder: Path) -> Path:
    """A table of customers that is not lifecast's own file."""
    frame.to_parquet(folder / "customers.parquet")
    return folder / "customers.parquet"


def twice(frame: pd.DataFrame) -> pd.DataFrame:
    """The first customer again, at the end."""
    return pd.concat([frame, frame.iloc[:1]], ignore_index=True)


def of_purchases_fitted() -> lc.CLTV:
    return lc.CLTV(spend=None, market=None).fit(customers())


def in_groups(method: Any) -> Callable[[], lc.CLTV]:
    model = lc.CLTV(lc.BGNBD(groups="channel"), None, market=None)
    return lambda: model.fit(customers(), method=method)


def without_logs() -> lc.RFM:
    frame = customers().to_frame().drop(columns=["monetary_log_mean", "monetary_log_sd"])
    return lc.RFM.from_frame(frame, "week")


def calendar(**columns: Any) -> Callable[[], lc.CLTV]:
    return lambda: lc.CLTV(calendar=pd.DataFrame({"date": ["2023-01-01", "2023-01-02"]} | columns))


def cut_short() -> lc.RFM:
    week = customers().time_unit
    return lc.RFM(pa.array(["a", "b"]), np.array([2]), np.array([3.0]), np.array([4.0]), week)


MODELS = [
    model(
        "parameters without one",
        lambda: lc.CLTV.from_parameters({"r": 0.2, "alpha": 4.0, "a": 0.8}),
        "needed exactly r, alpha, a, b",
    ),
    model(
        "a parameter of -1",
        lambda: lc.CLTV.from_parameters(PURCHASES | {"a": -1.0}),
        "a = -1.0: needed a positive number",
    ),
    model(
        "parameters of different numbers of draws",
        lambda: lc.CLTV.from_parameters(PURCHASES | {"a": np.ones(3), "r": np.ones(2)}),
        "parameters of different shapes",
    ),
    model(
        "families given different numbers of draws",
        lambda: lc.CLTV.from_parameters(
            {name: np.full(3, value) for name, value in PURCHASES.items()},
            {name: np.full(2, value) for name, value in SPEND.items()},
        ),
        "The families were given different numbers of draws",
    ),
    model(
        "an attribute as group and as covariate",
        lambda: lc.BGNBD(groups="channel", covariates=["age", "channel"]),
        "'channel' stands more than once",
    ),
    model(
        "a covariate named twice", lambda: lc.BGNBD(covariates=["age", "age"]), "'age' stands more than once"
    ),
    model("a covariate that is the same for everybody", fitted_with("x", "x"), "explains no difference"),
    model("a covariate that some lack", fitted_with(None, "x", "y"), "customers have no 'x'. Fill"),
    model(
        "a covariate with a value for each customer",
        fitted_with(*(f"name {i}" for i in range(200))),
        "200 categories, each with effects of its own",
    ),
    model(
        "a covariate of which one customer's is 10^12",
        fitted_with(1e12, *np.arange(50.0)),
        "beside it they are all the same",
    ),
    model(
        "customers with a covariate's value that the fit has not seen",
        lambda: fitted_with("x", "x", "y")().forecast(with_covariate("x", "z"), 4, worlds=2),
        "Covariate 'x' is 'z' for some of the .* whose value the fit has not seen; it knows 'x', 'y'",
    ),
    model("a market of a kind that there is not", lambda: lc.CLTV(market="bull"), "market='bull': needed"),
    model(
        "a way with outliers that there is not",
        lambda: lc.CLTV(market=None).fit(customers(), outliers="drop"),
        "outliers='drop': needed",
    ),
    model("no draws", lambda: lc.CLTV(market=None).fit(customers(), draws=0), "draws=0: needed"),
    model(
        "parameters by group, of a model without groups",
        lambda: known().group_parameters,
        "This model has no groups",
    ),
    model(
        "a covariate that is infinite for one customer",
        fitted_with(np.inf, 1.0, 2.0, 3.0),
        "Covariate 'x' is missing or not finite for 1 of",
    ),
    model(
        "customers who all differ in three covariates",
        all_different,
        "6,000 different combinations of groups and covariates .x, y, z.: at most 5,000 can be told apart",
    ),
    model("groups by chains of NUTS", in_groups("nuts"), 'method="nuts" cannot fit groups'),
    model(
        "a table without the spread of logarithms that log-normal spend needs",
        lambda: lc.CLTV(spend=lc.LogNormal(), market=None).fit(without_logs()),
        "This RFM has no monetary_log_mean, which the spend family needs",
    ),
    model("an RFM made by hand of columns of different lengths", cut_short, "have different lengths"),
    model(
        "a calendar without dates",
        lambda: lc.CLTV(calendar=pd.DataFrame({"promotion": [1]})),
        "Needed: date, and one or more columns",
    ),
    model(
        "a calendar with a column whose name has two lines",
        calendar(**{"a\nb": [0, 1]}),
        "a column whose name has two lines",
    ),
    model(
        "a comparison of nothing",
        lambda: lc.compare({}, customers()),
        "models={}: needed at least one fitted model",
    ),
    Case(
        "model",
        "a Parquet file of no customers",
        lambda folder: lc.ParquetRFM.open(written(customers().to_frame().iloc[:0], folder), time_unit="week"),
        REFUSED,
        "has no customers. Pass a file with at least one row",
    ),
    Case(
        "model",
        "a Parquet file of customers with an id twice",
        lambda folder: lc.ParquetRFM.open(written(twice(customers().to_frame()), folder), time_unit="week"),
        REFUSED,
        "0 customers have no customer_id, and 1 have one that came before",
    ),
    model(
        "a comparison of spend, of models without",
        lambda: lc.compare({"a": of_purchases_fitted()}, customers(), part="spend"),
        'part="spend": none of these models has a spend family',
    ),
    model(
        "a likelihood of a part that there is not",
        lambda: known().log_likelihood(customers(), "money"),
        'part=\'money\': needed "total", "purchases" or "spend"',
    ),
    model(
        "a likelihood of spend, of a model without",
        lambda: lc.CLTV.from_parameters(PURCHASES).log_likelihood(customers(), "spend"),
        "This model has no spend family",
    ),
]


# -- other libraries -------------------------------------------------------------------------------------


def elsewhere(name: str, run: Callable[[], Any], says: str) -> Case:
    return refused("another library", name, run, says)


def fitter(kind: str, **parameters: float) -> Any:
    """Stands for lifetimes' own."""
    return type(kind, (), {"params_": parameters})()


def sampled(*shape: int) -> Any:
    """What pymc-marketing's model holds, of parameters of a shape."""
    names = ("chain", "draw", "customer")[: len(shape)]
    return SimpleNamespace(posterior=xr.Dataset({name: (names, np.ones(shape)) for name in PURCHASES}))


ELSEWHERE = [
    elsewhere(
        "lifetimes: a model of spend for purchases",
        lambda: from_lifetimes(fitter("GammaGammaFitter", **SPEND), time_unit="week"),
        "Needed: a fitter of purchases first",
    ),
    elsewhere(
        "lifetimes: a family that it does not have",
        lambda: to_lifetimes(lc.CLTV.from_parameters({"r": 0.6, "alpha": 8.0}, families=("nbd",))),
        "lifetimes has no such nbd; it has bg-nbd",
    ),
    elsewhere(
        "pymc-marketing: a family that there is not",
        lambda: from_pymc_marketing(sampled(2, 5), family="bg", time_unit="week"),
        "family='bg': needed one of bg-nbd",
    ),
    elsewhere(
        "pymc-marketing: parameters that differ between customers",
        lambda: from_pymc_marketing(sampled(2, 5, 3), time_unit="week"),
        r"has the shape \(2, 5, 3\), but needed \(chain, draw\)",
    ),
    elsewhere("SQL: an infinite horizon", lambda: known().to_sql(float("inf")), "a finite horizon"),
    elsewhere(
        "SQL: a family that it cannot score",
        lambda: lc.CLTV.from_parameters(
            {"r": 0.6, "alpha": 8.0, "s": 0.6, "beta": 9.0}, families=("pareto-nbd",)
        ).to_sql(12),
        "pareto-nbd cannot be scored in SQL",
    ),
    elsewhere(
        "SQL: parameters for which no sum of a few terms is close",
        lambda: lc.CLTV.from_parameters(PURCHASES | {"alpha": 1e-3, "b": 0.05}).to_sql(1e6),
        "a query would be off by",
    ),
]

REQUESTS: list[Case] = [*DECISIONS, *MODELS, *ELSEWHERE]
