"""Can scikit-learn list, change and copy the settings, and run a pipeline from a log to a forecast?"""

import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

import lifecast as lc
from lifecast.families import PURCHASE_FAMILIES, SPEND_FAMILIES

LOG = lc.datasets.load_cdnow(sample=True)


@pytest.fixture(scope="module")
def rfm() -> lc.RFM:
    return lc.rfm_summary(LOG, observation_end="1997-09-30")


def test_can_settings_be_listed_and_changed() -> None:
    model = lc.CLTV(lc.MBGNBD(priors="flat"), None, market=None)
    assert model.get_params(deep=False) == {
        **{"purchases": lc.MBGNBD(priors="flat"), "spend": None},
        **{"market": None, "calendar": None},
    }
    assert model.get_params()["purchases__priors"] == "flat"
    changed = model.set_params(purchases__priors="weak", spend=lc.GammaGamma(), market="auto")
    assert changed is model and model.purchases == lc.MBGNBD() and model.spend == lc.GammaGamma()
    assert (
        model.set_params(spend__fit_to="means", purchases__groups="channel").get_params()["spend__fit_to"]
        == "means"
    )
    for wrong in (
        {"prior": 1},
        {"purchases__prior": "flat"},
        {"nobody__priors": "flat"},
        {"purchases__priors": "no"},
    ):
        before = model.get_params()
        with pytest.raises(lc.SettingsError):
            model.set_params(**wrong)
        assert model.get_params() == before


def test_is_a_clone_the_same_without_data(rfm: lc.RFM) -> None:
    days = pd.DataFrame({"date": pd.date_range("1996-12-01", "1998-12-31")}).assign(open=1.0)
    model = lc.CLTV(lc.BGNBD(covariates=["age"]), calendar=days)
    assert clone(model).get_params() == model.get_params()
    fitted = lc.CLTV(market=None).fit(rfm, draws=20)
    copied = clone(fitted)
    check_is_fitted(fitted)
    with pytest.raises(NotFittedError):
        check_is_fitted(copied)
    pd.testing.assert_frame_equal(copied.fit(rfm, draws=20).parameters, fitted.parameters)
    with pytest.raises(lc.SettingsError, match="not fitted"):
        fitted.set_params(market=None).predict(rfm)


@pytest.mark.parametrize("family", [*PURCHASE_FAMILIES.values(), *SPEND_FAMILIES.values()])
def test_can_families_be_cloned(family: type) -> None:
    chosen = family(priors="flat", groups="channel")
    assert clone(chosen) == chosen == family(**chosen.get_params())


def test_does_a_pipeline_go_from_a_log_to_a_forecast(rfm: lc.RFM) -> None:
    pipeline = Pipeline(
        [("rfm", lc.RFMTransformer(observation_end="1997-09-30")), ("cltv", lc.CLTV(market=None))]
    )
    assert pipeline.get_params()["cltv__purchases__priors"] == "weak"
    clone(pipeline).set_params(rfm__time_unit="day", cltv__purchases__priors="flat")
    pipeline.fit(LOG, cltv__draws=50, cltv__random_seed=3)
    found = pipeline.predict(LOG, horizon="39 weeks", annual_discount_rate=0.1, worlds=20)
    model = lc.CLTV(market=None).fit(rfm, draws=50, random_seed=3)
    pd.testing.assert_frame_equal(
        found, model.forecast(rfm, 39, annual_discount_rate=0.1, worlds=20).customers
    )
    assert "CLTV" in repr(pipeline)
    with pytest.raises(NotFittedError):
        check_is_fitted(clone(pipeline))
