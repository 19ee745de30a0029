"""Does a run specification say what it means, and is what it cannot mean refused by name?"""

from datetime import date
from pathlib import Path

import pytest

import lifecast as lc
from lifecast.specification import Specification, read_specification

WHOLE = """
[data]
time_unit = "week"
observation_end = 1997-09-30
returns = "drop"
merge_within = 3

[purchases]
family = "bg-nbd"
priors = {log_r = [0.0, 1.0]}

[spend]
family = "gamma-gamma"
priors = "flat"
fit_to = "means"

[fit]
method = "map"
draws = 500
random_seed = 7
outliers = "leave out"

[forecast]
horizon = "12 months"
annual_discount_rate = 0.1
margin = "margin"
interval = 0.8
worlds = 200
random_seed = 8
"""


def read(text: str, folder: Path) -> Specification:
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return read_specification(path)


def test_does_every_key_arrive(tmp_path: Path) -> None:
    run = read(WHOLE, tmp_path)
    assert dict(run.data) == {
        "time_unit": "week",
        "observation_end": date(1997, 9, 30),
        "returns": "drop",
        "merge_within": 3,
    }
    assert dict(run.fit) == {"method": "map", "draws": 500, "random_seed": 7, "outliers": "leave out"}
    assert dict(run.forecast) == {
        "horizon": "12 months",
        "annual_discount_rate": 0.1,
        "margin": "margin",
        "interval": 0.8,
        "worlds": 200,
        "random_seed": 8,
    }
    model = run.model()
    assert model.purchases == lc.BGNBD(priors={"log_r": (0.0, 1.0)})
    assert model.spend == lc.GammaGamma(priors="flat", fit_to="means")
    assert model.market == "auto"


def test_can_the_market_be_left_out(tmp_path: Path) -> None:
    assert read("market = false", tmp_path).model().market is None


def test_is_an_empty_file_the_default_model(tmp_path: Path) -> None:
    run = read("", tmp_path)
    assert (run.model().purchases, run.model().spend) == (lc.BGNBD(), lc.GammaGamma())
    assert run.model(amounts=False).spend is None


def test_can_spend_be_left_out_and_asked_for(tmp_path: Path) -> None:
    assert read("spend = false", tmp_path).model().spend is None
    asked = read('[spend]\nfamily = "gamma-gamma"', tmp_path)
    assert asked.model(amounts=False).spend == lc.GammaGamma()


@pytest.mark.parametrize(
    ("text", "named", "allowed"),
    [
        ("[fits]\ndraws = 1", "'fits'", "data, purchases, spend, market, calendar, fit, forecast"),
        ("[fit]\ndraw = 1", "'draw' in [fit]", "method, draws, random_seed"),
        ("[data]\nunit = 7", "'unit' in [data]", "time_unit, observation_end, returns, merge_within"),
        ("[forecast]\nhorizons = 1", "'horizons' in [forecast]", "horizon, annual_discount_rate, margin"),
        ('[purchases]\nprior = "flat"', "'prior'", "settings are priors"),
        ('[spend]\nfitto = "means"', "'fitto'", "settings are priors, groups, covariates, fit_to"),
        ('[purchases]\nfamily = "poisson"', "'poisson'", "bg-nbd"),
        ('[purchases]\npriors = "strong"', "purchases.priors = 'strong'", "coordinate = [mean, sd]"),
        ("[purchases]\npriors = {log_r = [0.0]}", "purchases.priors", "coordinate = [mean, sd]"),
        ("[purchases]\npriors = {log_x = [0.0, 1.0]}", "'log_x'", "log_r"),
        ('[spend]\nfit_to = "mean"', "'mean'", '"amounts" or "means"'),
        ("spend = true", "spend = True", "a table, or false"),
        ("[fit]\ndraws = 0", "fit.draws = 0", "a whole number, such as 1000"),
        ('[fit]\nmethod = "mcmc"', "fit.method = 'mcmc'", '"auto", "laplace", "nuts" or "map"'),
        ("[forecast]\ninterval = 90", "forecast.interval = 90", "a probability such as 0.9"),
        ('[data]\nobservation_end = "soon"', "data.observation_end = 'soon'", "such as 1997-09-30"),
        ('[data]\nmerge_within = "month"', "data.merge_within = 'month'", "a number of days"),
        ("[fit\n", "run.toml is not a TOML file", "line 1"),
    ],
)
def test_is_what_cannot_be_meant_refused_by_name(text: str, named: str, allowed: str, tmp_path: Path) -> None:
    with pytest.raises(lc.SettingsError) as caught:
        read(text, tmp_path)
    assert "run.toml" in str(caught.value)
    assert named in str(caught.value)
    assert allowed in str(caught.value)


def test_is_a_missing_file_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(lc.SettingsError, match="No such file"):
        read_specification(tmp_path / "none.toml")


def test_is_an_rfm_made_otherwise_refused(tmp_path: Path) -> None:
    rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    read(WHOLE, tmp_path).data.check(rfm)
    for text in ('time_unit = "day"', "observation_end = 1997-10-31"):
        with pytest.raises(lc.SettingsError, match=text.partition(" ")[0]):
            read(f"[data]\n{text}", tmp_path).data.check(rfm)
