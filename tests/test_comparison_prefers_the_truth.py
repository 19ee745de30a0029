"""Does lc.compare rank models as leaving customers out one by one would, and is the truth first?"""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from shops import shop
from simulated_log import simulated_log

import lifecast as lc
from lifecast.comparison import sample_rows
from lifecast.kernels import bg_nbd
from lifecast.kernels.bg_nbd_likelihood import log_likelihood_customer

Models = dict[str, lc.CLTV]


def fitted(family: object, rfm: lc.RFM, spend: object = None, draws: int = 400) -> lc.CLTV:
    return lc.CLTV(family, spend, market=None).fit(rfm, draws=draws, random_seed=1)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def small() -> lc.RFM:
    """120 customers, in weeks, whole: few share a history."""
    return lc.rfm_summary(shop(120, 400, 5, joining_days=60), past=False)


@pytest.fixture(scope="module")
def cdnow() -> lc.RFM:
    log = lc.datasets.load_cdnow(sample=True)
    return lc.rfm_summary(log, observation_end="1997-09-30", holdout_end="1998-06-30", past=False)


@pytest.fixture(scope="module")
def of_cdnow(cdnow: lc.RFM) -> Models:
    return {
        "bg": fitted(lc.BGNBD(), cdnow, lc.GammaGamma()),
        "nbd": fitted(lc.NBD(), cdnow, lc.LogNormal()),
    }


def draws_of(model: lc.CLTV) -> np.ndarray:
    """Draws (draw, 4) of BG/NBD's parameters."""
    posterior = model.posterior["posterior"]
    return np.stack([posterior[name].values[0] for name in ("r", "alpha", "a", "b")], axis=-1)


def log_densities(model: lc.CLTV, rfm: lc.RFM) -> np.ndarray:
    """Of each customer at each draw (draw, customer), one after the other."""
    customers = list(zip(rfm.frequency, rfm.recency, rfm.T, strict=True))
    return np.array([[log_likelihood_customer(*c, *theta) for c in customers] for theta in draws_of(model)])


def expanded(model: lc.CLTV, rfm: lc.RFM) -> xr.DataTree:
    """What ArviZ wants: a log likelihood per chain, draw and customer."""
    logs = xr.DataArray(log_densities(model, rfm)[None], dims=("chain", "draw", "customer"))
    draws = xr.DataArray(draws_of(model)[None], dims=("chain", "draw", "parameter"))
    return xr.DataTree.from_dict(
        {
            "/posterior": xr.Dataset({"theta": draws}),
            "/log_likelihood": xr.Dataset({"y": logs}),
        }
    )


def test_is_it_arviz_on_every_single_customer(small: lc.RFM) -> None:
    import arviz_stats

    frame = pd.concat([small.to_frame()] * 2, ignore_index=True)
    twice = lc.RFM.from_frame(frame.assign(customer_id=frame.index), "week")
    models = {
        "weak": fitted(lc.BGNBD(), twice, draws=200),
        "off": fitted(lc.BGNBD(priors={"log_rate": (2.0, 0.1)}), twice, draws=200),
    }
    table = lc.compare(models, twice).loc["purchases"]
    pointwise = {}
    for name, model in models.items():
        loo = arviz_stats.loo(expanded(model, twice), pointwise=True, reff=1.0)
        assert table.loc[name, "elpd"] == pytest.approx(loo.elpd, abs=1e-6)
        assert table.loc[name, "se"] == pytest.approx(np.sqrt(240 * np.var(loo.elpd_i.values)), rel=1e-6)
        assert table.loc[name, "se"] == pytest.approx(loo.se, rel=3e-3)  # of n - 1 in later versions of ArviZ
        assert table.loc[name, "p_loo"] == pytest.approx(loo.p, abs=1e-5)
        assert table.loc[name, "bad_k"] == np.mean(loo.pareto_k > 0.7)
        pointwise[name] = loo.elpd_i.values
    difference = pointwise["off"] - pointwise["weak"]  # as arviz_stats.compare takes it
    assert list(table.index) == ["weak", "off"]
    assert table.loc["off", "elpd_diff"] == pytest.approx(difference.sum(), abs=1e-6)
    assert table.loc["off", "diff_se"] == pytest.approx(np.sqrt(240 * np.var(difference)), rel=1e-5)
    assert np.all(table["share_used"] == 1.0)


def test_is_it_what_refitting_without_each_customer_gives(small: lc.RFM) -> None:
    """Every tenth customer is really left out, in a fit of its own."""
    from arviz_stats.base import array_stats

    model = fitted(lc.BGNBD(), small, draws=1000)
    logs = log_densities(model, small)
    elpd, _, _ = array_stats.loo(logs.T, chain_axis=None)
    assert lc.compare({"bg": model}, small)["elpd"].iloc[0] == pytest.approx(elpd.sum())
    frame, tenth = small.to_frame(), np.arange(0, len(small), 10)
    left_out = []
    for place in tenth:
        without = fitted(lc.BGNBD(), lc.RFM.from_frame(frame.drop(index=place), "week"), draws=1000)
        itself = log_densities(without, lc.RFM.from_frame(frame.loc[[place]], "week"))
        left_out.append(np.log(np.mean(np.exp(itself))))
    with_itself = np.log(np.mean(np.exp(logs), axis=0))[tenth]
    assert np.sum(elpd[tenth]) == pytest.approx(np.sum(left_out), abs=0.15)
    assert np.sum(left_out) < np.sum(with_itself) - 0.2


def test_does_cdnow_prefer_customers_who_may_leave(of_cdnow: Models, cdnow: lc.RFM) -> None:
    """BG/NBD's log-likelihood of CDNOW is 180 higher than NBD's."""
    table = lc.compare(of_cdnow, cdnow, part="purchases").loc["purchases"]
    assert list(table.index) == ["bg", "nbd"]
    assert table.loc["nbd", "elpd_diff"] < -5 * table.loc["nbd", "diff_se"] < 0.0
    assert table.loc["nbd", "holdout_diff"] < -5 * table.loc["nbd", "holdout_diff_se"] < 0.0
    assert table["bad_k"].max() == 0.0
    # A well-fitting model has about as many effective parameters as parameters [Vehtari et al. 2017].
    assert 2.0 < table.loc["bg", "p_loo"] < 6.0
    at_mean = of_cdnow["bg"].log_likelihood(cdnow, "purchases")
    assert table.loc["bg", "elpd"] == pytest.approx(at_mean - table.loc["bg", "p_loo"], abs=1.5)


@pytest.mark.filterwarnings("ignore:bg-nbd. log_dropout_concentration:lifecast.LifecastWarning")
def test_is_nothing_preferred_where_nobody_leaves() -> None:
    rfm = lc.rfm_summary(simulated_log(1500, 60, 3, a=0.1, b=100.0), past=False)
    models = {"bg": fitted(lc.BGNBD(), rfm), "nbd": fitted(lc.NBD(), rfm)}
    table = lc.compare(models, rfm).loc["purchases"]
    assert table["elpd_diff"].min() > -4.0


@pytest.mark.parametrize("truth", ["gamma", "log-normal"])
def test_does_spend_prefer_the_family_it_came_from(truth: str) -> None:
    rng = np.random.default_rng(4)
    log = shop(800, 300, 8)
    if truth == "gamma":
        level, noise = 90.0 / rng.gamma(4.0, 1.0, 800), rng.gamma(1.5, 1 / 1.5, len(log))
    else:
        level, noise = np.exp(rng.normal(3.0, 0.5, 800)), np.exp(rng.normal(0.0, 0.8, len(log)))
    log["amount"] = level[log["customer_id"]] * noise
    rfm = lc.rfm_summary(log, past=False)
    models = {
        "gamma": fitted(lc.BGNBD(), rfm, lc.GammaGamma()),
        "log-normal": fitted(lc.BGNBD(), rfm, lc.LogNormal()),
        "none": fitted(lc.BGNBD(), rfm),
    }
    table = lc.compare(models, rfm, part="spend").loc["spend"]
    assert table.index[0] == truth
    assert len(table) == 2
    assert table["elpd_diff"].iloc[1] < -3 * table["diff_se"].iloc[1]


def test_are_covariates_that_matter_worth_their_parameters() -> None:
    log = shop(800, 400, 9)
    log["channel"] = np.where(log["customer_id"] % 2, "shop", "web")
    often = log[(log["channel"] == "web") | (log["date"].dt.day_of_year % 3 == 0)]
    rfm = lc.rfm_summary(often, attributes=["channel"], past=False)
    models = {
        "told apart": fitted(lc.BGNBD(covariates=("channel",)), rfm),
        "alike": fitted(lc.BGNBD(), rfm),
    }
    table = lc.compare(models, rfm).loc["purchases"]
    assert table.index[0] == "told apart"
    assert table["elpd_diff"].iloc[1] < -2 * table["diff_se"].iloc[1]


def test_is_the_holdouts_score_that_of_its_counts(small: lc.RFM) -> None:
    log = shop(120, 400, 5, joining_days=60)
    rfm = lc.rfm_summary(log, observation_end="2021-10-01", holdout_end="2022-02-01", past=False)
    model = fitted(lc.BGNBD(), rfm, draws=100)
    assert rfm.holdout is not None
    expected = 0.0
    for x, t_x, T, n in zip(rfm.frequency, rfm.recency, rfm.T, rfm.holdout.frequency, strict=True):
        probability = 0.0
        for r, alpha, a, b in draws_of(model):
            alive = bg_nbd.probability_alive(x, t_x, T, r, alpha, a, b)
            pmf = bg_nbd.purchase_pmf(n, rfm.holdout.duration, r + x, alpha + T, a, b + x)
            probability += (alive * pmf + (n == 0) * (1 - alive)) / 100
        expected += np.log(probability)
    assert lc.compare({"bg": model}, rfm)["holdout_lpd"].iloc[0] == pytest.approx(expected, rel=1e-6)


def test_does_a_choice_of_histories_stand_for_all() -> None:
    """Totals of samples scatter around the total as their standard errors say."""
    rng = np.random.default_rng(7)
    history = np.concatenate([np.repeat(np.arange(5), 300), np.arange(5, 2000), np.arange(1000, 2000)])
    value = rng.normal(-3.0, 1.0, 2000)
    everybody = np.arange(history.size)
    total = value[history].sum()
    every = sample_rows(everybody, (history,), rng)
    assert every.share == 1.0 and every.total(value[history[every.places]]) == pytest.approx(total)
    spread = np.sqrt(history.size) * value[history].std()
    assert every.standard_error(value[history[every.places]]) == pytest.approx(spread)
    totals, errors = [], []
    for _ in range(400):
        some = sample_rows(everybody, (history,), rng, most=400)
        assert np.all(np.isin(np.arange(5), history[some.places]))
        totals.append(some.total(value[history[some.places]]))
        errors.append(some.standard_error(value[history[some.places]]))
    by_lot = np.std(totals)
    assert np.mean(totals) == pytest.approx(total, abs=4 * by_lot / np.sqrt(400))
    # Customers differ besides: those who came are themselves a sample.
    assert np.mean(errors) == pytest.approx(np.hypot(by_lot, spread), rel=0.06)


def test_are_comparisons_that_mean_nothing_refused(of_cdnow: Models, cdnow: lc.RFM, small: lc.RFM) -> None:
    bg = of_cdnow["bg"]
    one = fitted(lc.BGNBD(), small, lc.GammaGamma(), draws=100)
    means = fitted(lc.BGNBD(), small, lc.GammaGamma(fit_to="means"), draws=100)
    with pytest.raises(lc.SettingsError, match="'means' was fitted to each customer's mean amount"):
        lc.compare({"amounts": one, "means": means}, small)
    assert len(lc.compare({"amounts": one, "means": means}, small, part="purchases")) == 2
    with pytest.raises(lc.SettingsError, match="'bg' was fitted to other customers"):
        lc.compare({"bg": bg}, small)
    known = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
    with pytest.raises(lc.SettingsError, match="'known' has known parameters"):
        lc.compare({"known": known}, cdnow)
    with pytest.raises(lc.SettingsError, match=r"'map' has 1 draws \(method='map'\)"):
        lc.compare({"map": lc.CLTV(market=None).fit(cdnow, method="map")}, cdnow)
    with pytest.raises(lc.SettingsError, match="not fitted yet"):
        lc.compare({"new": lc.CLTV()}, cdnow)
    with pytest.raises(lc.SettingsError, match="at least one"):
        lc.compare({}, cdnow)
    with pytest.raises(lc.SettingsError, match="part='all'"):
        lc.compare({"bg": bg}, cdnow, part="all")  # type: ignore[arg-type]


def test_are_fixed_opportunities_held_apart() -> None:
    rng = np.random.default_rng(3)
    stay = np.cumprod(rng.uniform(size=(900, 6)) < rng.beta(4.0, 2.0, (900, 1)), axis=1)
    bought = stay * (rng.uniform(size=(900, 6)) < rng.beta(0.8, 0.8, (900, 1)))
    frame = pd.DataFrame({"customer_id": np.arange(900), "T": 6.0})
    frame["frequency"], frame["recency"] = bought.sum(axis=1), np.max(bought * np.arange(1.0, 7.0), axis=1)
    rfm = lc.RFM.from_frame(frame, "year")
    models = {"bgbb": fitted(lc.BGBB(), rfm, draws=100), "nbd": fitted(lc.NBD(), rfm, draws=100)}
    with pytest.raises(lc.SettingsError, match="'bgbb' come at fixed opportunities, those of 'nbd'"):
        lc.compare(models, rfm)
