"""Is a customer who moves everybody's forecast named, and can a fit do without?"""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

import lifecast as lc
from lifecast.errors import LifecastWarning
from lifecast.fitting import fit_purchases, fit_spend
from lifecast.histories import Histories
from lifecast.influence import strongest, without

FARTHEST = "farthest that one customer moves parameters (sd)"
FAMILIES = [lc.BGNBD(), lc.ParetoNBD(), lc.MBGNBD()]


@pytest.fixture(scope="module")
def cdnow() -> lc.RFM:
    return lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30", past=False)


def with_one_more(rfm: lc.RFM, **history: Any) -> lc.RFM:
    plain = {"customer_id": -1, "frequency": 3, "recency": 30.0, "T": 38.0, "monetary_value": 30.0}
    row = plain | {"monetary_log_mean": 3.3, "monetary_log_sd": 0.3} | history
    row["monetary_frequency"] = row["frequency"]
    return lc.RFM.from_frame(pd.concat([rfm.to_frame(), pd.DataFrame([row])]), "week", rfm.observation_end)


def fitted(rfm: lc.RFM, family: Any = None, spend: Any = None, **settings: Any) -> tuple[lc.CLTV, list[str]]:
    model = lc.CLTV(family or lc.BGNBD(), spend, market=None)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", LifecastWarning)
        model.fit(rfm, method="laplace", random_seed=1, **settings)
    return model, [str(each.message) for each in caught]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_is_a_buyer_of_5000_named_and_left_out_on_request(cdnow: lc.RFM, family: Any) -> None:
    clean = fitted(cdnow, family)[0].parameters["mean"]
    spoiled = with_one_more(cdnow, frequency=5000, recency=38.0)
    kept, told = fitted(spoiled, family)
    assert kept.parameters["mean"]["r"] < 0.6 * clean["r"]  # as every peer's
    assert any("5,000 repeat purchases" in text and f"r is {clean['r']:.2f}"[:8] in text for text in told)

    model, _ = fitted(spoiled, family, outliers="leave out")
    np.testing.assert_allclose(model.parameters["mean"], clean, rtol=0.1)
    table = model.diagnostics.set_index("check")
    assert table.loc["histories left out", "figure"] == 1
    assert "5,000 repeat purchases" in table.loc["histories left out", "remedy"]
    assert table.loc[FARTHEST, "passed"]
    assert len(model.forecast(spoiled, 13, worlds=20).customers) == len(spoiled)  # scored all the same


@pytest.mark.parametrize("spend", [lc.GammaGamma(), lc.LogNormal()], ids=lambda family: family.name)
def test_is_an_amount_of_10_to_the_12_named_and_left_out_on_request(cdnow: lc.RFM, spend: Any) -> None:
    clean = fitted(cdnow, spend=spend)[0].expected_spend(cdnow)
    spoiled = with_one_more(cdnow, monetary_value=1e12, monetary_log_mean=27.0)
    told = fitted(spoiled, spend=spend)[1]
    assert any("3 amounts of" in text and FARTHEST in text for text in told)
    model = fitted(spoiled, spend=spend, outliers="leave out")[0]
    np.testing.assert_allclose(model.expected_spend(spoiled)[clean.index], clean, rtol=0.02)


def test_are_the_customers_of_a_real_log_all_kept(cdnow: lc.RFM) -> None:
    one = fitted(cdnow, spend=lc.GammaGamma())[0]
    other = fitted(cdnow, spend=lc.GammaGamma(), outliers="leave out")[0]
    pd.testing.assert_frame_equal(one.parameters, other.parameters, check_exact=True)
    assert one.diagnostics.set_index("check").loc[FARTHEST, "passed"].all()


@pytest.mark.parametrize("which", ["purchases", "spend"])
def test_is_the_move_that_of_a_fit_without(cdnow: lc.RFM, which: Any) -> None:
    def posterior(histories: Histories) -> Any:
        rng = np.random.default_rng(3)
        if which == "purchases":
            return fit_purchases(lc.BGNBD(), histories, "laplace", 4000, rng).population
        return fit_spend(lc.GammaGamma(), histories, "laplace", 4000, rng).population

    histories = Histories.of(cdnow)
    everybody = posterior(histories)
    found = strongest(everybody, histories, which)
    assert found is not None
    others = posterior(without(histories, which, found.row))
    draws = everybody.family.unconstrain(everybody.theta)
    move = draws.mean(0) - everybody.family.unconstrain(others.theta).mean(0)
    exact = float(np.sqrt(move @ np.linalg.inv(np.cov(draws.T)) @ move))
    assert found.moves == pytest.approx(exact, rel=0.3)


def test_are_wrong_words_refused(cdnow: lc.RFM) -> None:
    with pytest.raises(lc.SettingsError, match="outliers='drop'"):
        lc.CLTV().fit(cdnow, outliers="drop")  # type: ignore[arg-type]
