"""Do models from lifetimes and pymc-marketing give the same numbers here, and ours the same there?"""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import lifecast as lc
from lifecast.interop import from_lifetimes, from_pymc_marketing, to_lifetimes

lifetimes = pytest.importorskip("lifetimes")


@pytest.fixture(scope="module")
def rfm() -> lc.RFM:
    return lc.rfm_summary(lc.datasets.load_cdnow(sample=True), time_unit="week", observation_end="1997-09-30")


@pytest.fixture(scope="module")
def frame(rfm: lc.RFM) -> pd.DataFrame:
    return rfm.to_frame().set_index("customer_id")


@pytest.fixture(scope="module")
def spend(frame: pd.DataFrame) -> "lifetimes.GammaGammaFitter":
    repeaters = frame[frame["monetary_value"] > 0]
    return lifetimes.GammaGammaFitter().fit(repeaters["frequency"], repeaters["monetary_value"])


@pytest.mark.parametrize("kind", ["BetaGeoFitter", "ModifiedBetaGeoFitter", "ParetoNBDFitter"])
def test_does_every_call_give_what_lifetimes_gives(
    kind: str, rfm: lc.RFM, frame: pd.DataFrame, spend: "lifetimes.GammaGammaFitter"
) -> None:
    fitter = getattr(lifetimes, kind)()
    history = frame["frequency"], frame["recency"], frame["T"]
    fitter.fit(*history, **({"initial_params": [0.5, 10.0, 0.6, 11.0]} if kind == "ParetoNBDFitter" else {}))
    model = from_lifetimes(fitter, spend, time_unit="week")
    pairs = {
        "purchases": (
            model.expected_purchases(rfm, 39),
            fitter.conditional_expected_number_of_purchases_up_to_time(39, *history),
        ),
        "alive": (model.probability_alive(rfm), fitter.conditional_probability_alive(*history)),
        "spend": (
            model.expected_spend(rfm),
            spend.conditional_expected_average_profit(frame["frequency"], frame["monetary_value"]),
        ),
    }
    for name, (ours, theirs) in pairs.items():
        np.testing.assert_allclose(ours, np.asarray(theirs, float), rtol=2e-5, err_msg=name)
    new = fitter.expected_number_of_purchases_up_to_time(26)
    assert model.expected_purchases_new_customer(26) == pytest.approx(float(new), rel=1e-6)
    if kind == "BetaGeoFitter":
        pmf = fitter.probability_of_n_purchases_up_to_time(26, 3)
        assert model.purchase_pmf(3, 26) == pytest.approx(float(pmf), rel=1e-6)


def test_is_the_same_maximum_found(rfm: lc.RFM, frame: pd.DataFrame) -> None:
    fitter = lifetimes.BetaGeoFitter().fit(frame["frequency"], frame["recency"], frame["T"])
    model = lc.CLTV(lc.BGNBD(priors="flat"), spend=None, market=None).fit(rfm, method="map")
    found = model.parameters["mean"]
    np.testing.assert_allclose(found, fitter.params_[list(found.index)], rtol=2e-3)


def test_is_value_the_same_up_to_how_it_is_discounted(
    rfm: lc.RFM, frame: pd.DataFrame, spend: "lifetimes.GammaGammaFitter"
) -> None:
    fitter = lifetimes.BetaGeoFitter().fit(frame["frequency"], frame["recency"], frame["T"])
    theirs = spend.customer_lifetime_value(
        fitter, frame["frequency"], frame["recency"], frame["T"], frame["monetary_value"],
        time=12, discount_rate=0.01, freq="W",
    )  # fmt: skip
    ours = from_lifetimes(fitter, spend, time_unit="week").expected_value(
        rfm, "12 months", annual_discount_rate=1.01**12 - 1
    )
    ratio = ours.sum() / theirs.sum()  # months of 4 weeks there, of 30.4 days here, discounted as it comes
    assert 1.0 < ratio < 1.15


def test_does_a_model_go_to_lifetimes_and_back(rfm: lc.RFM) -> None:
    model = lc.CLTV(lc.BGNBD(), lc.GammaGamma(), market=None).fit(rfm, method="map")
    fitters = to_lifetimes(model)
    purchases = model.expected_purchases(rfm, 39)
    np.testing.assert_allclose(fitters[0].predict(39, rfm.frequency, rfm.recency, rfm.T), purchases)
    back = from_lifetimes(*fitters, time_unit="week")
    pd.testing.assert_series_equal(back.expected_value(rfm, 39), model.expected_value(rfm, 39))


def test_does_a_model_of_purchases_alone_go_to_lifetimes_and_back(rfm: lc.RFM) -> None:
    model = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
    fitter, spend = to_lifetimes(model)
    assert spend is None
    back = from_lifetimes(fitter, time_unit="week")
    assert back.spend is None
    pd.testing.assert_series_equal(back.expected_purchases(rfm, 39), model.expected_purchases(rfm, 39))


def test_do_posterior_draws_come_over_from_pymc_marketing(rfm: lc.RFM) -> None:
    rng = np.random.default_rng(1)
    means = {"r": 0.25, "alpha": 4.5, "a": 0.8, "b": 2.4}
    variables = {
        name: (("chain", "draw"), mean * np.exp(0.05 * rng.standard_normal((4, 500))))
        for name, mean in means.items()
    }
    tree = xr.DataTree.from_dict({"/posterior": xr.Dataset(variables)})
    model = from_pymc_marketing(tree, time_unit="week", draws=800)
    assert model.parameters.loc["r", "mean"] == pytest.approx(0.25, rel=0.02)
    assert model.parameters.loc["r", "sd"] == pytest.approx(0.0125, rel=0.2)
    each = [
        lc.CLTV.from_parameters({name: values[1][c, d] for name, values in variables.items()})
        for c, d in ((0, 0), (3, 499))
    ]
    one_by_one = [known.expected_purchases_new_customer(26) for known in each]
    two = xr.DataTree.from_dict(
        {"/posterior": xr.Dataset({n: (d, v.ravel()[[0, -1]][None]) for n, (d, v) in variables.items()})}
    )
    both = from_pymc_marketing(two, time_unit="week").expected_purchases_new_customer(26)
    assert both == pytest.approx(np.mean(one_by_one), rel=1e-12)


def test_is_what_cannot_come_over_refused(rfm: lc.RFM, spend: "lifetimes.GammaGammaFitter") -> None:
    with pytest.raises(lc.SettingsError, match="not fitted yet"):
        from_lifetimes(lifetimes.BetaGeoFitter(), time_unit="week")
    with pytest.raises(lc.SettingsError, match="Needed: a fitter of purchases first"):
        from_lifetimes(spend, time_unit="week")
    with pytest.raises(lc.SettingsError, match="A dict is no model of lifetimes"):
        from_lifetimes({}, time_unit="week")
    with pytest.raises(lc.SettingsError, match="has no posterior"):
        from_pymc_marketing({}, time_unit="week")
    flat = xr.Dataset({"r": (("chain", "draw", "customer"), np.ones((1, 2, 3)))})
    with pytest.raises(lc.SettingsError, match="no 'alpha'"):
        from_pymc_marketing(xr.DataTree.from_dict({"/posterior": flat}), time_unit="week")
