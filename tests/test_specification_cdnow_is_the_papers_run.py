"""Does models/cdnow/model.toml give what the papers print, and its reference posterior again?"""

import math
from pathlib import Path

import pytest

import lifecast as lc
from lifecast.specification import Specification, read_specification

# Fader, Hardie & Lee (2005), CDNOW; Fader & Hardie (2013), the gamma-gamma model of monetary value.
PUBLISHED = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426, "p": 6.25, "q": 3.74, "v": 15.44}


@pytest.fixture(scope="module")
def run(root: Path) -> Specification:
    return read_specification(root / "models/cdnow/model.toml")


@pytest.fixture(scope="module")
def rfm(run: Specification) -> lc.RFM:
    return lc.rfm_summary(lc.datasets.load_cdnow(sample=True), **dict(run.data))


def test_is_its_mode_the_published_maximum_likelihood(run: Specification, rfm: lc.RFM) -> None:
    mode = run.model().fit(rfm, method="map").parameters["mean"]
    for name, value in PUBLISHED.items():
        digit = 0.01 if name in ("p", "q", "v") else 0.001
        assert mode[name] == pytest.approx(value, abs=digit), name


def test_does_another_seed_give_the_reference_posterior_within_monte_carlo_error(
    run: Specification, rfm: lc.RFM, root: Path
) -> None:
    reference = lc.load(root / "models/cdnow/posterior.nc").parameters
    again = run.model().fit(rfm, random_seed=20).parameters
    assert list(again.index) == list(PUBLISHED)
    assert run.fit.draws is not None
    for name in PUBLISHED:
        error = reference["sd"][name] * math.sqrt(2 / run.fit.draws)  # of the difference of two means
        assert abs(again["mean"][name] - reference["mean"][name]) < 4 * error, name
        assert again["sd"][name] == pytest.approx(reference["sd"][name], rel=0.25), name


def test_is_the_reference_posterior_of_this_data_and_these_settings(
    run: Specification, rfm: lc.RFM, root: Path
) -> None:
    model = lc.load(root / "models/cdnow/posterior.nc")
    described = run.model()
    assert (model.purchases, model.spend) == (described.purchases, described.spend)
    assert model.diagnostics["passed"].all()
    assert rfm.fingerprint() in model.posterior.attrs["provenance"]
