"""Do Laplace with importance sampling and NUTS find the same posterior? Does "auto" choose between them?"""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import digamma, polygamma
from shops import shop

import lifecast as lc
from lifecast.families.density import LogDensity
from lifecast.inference import nuts
from lifecast.inference.mode import find_mode
from lifecast.methods import METHODS, Drawn, Method, draw

DRAWS = 2000
OF_DRAWS = ("mode found", "Pareto k-hat", "r-hat", "divergences", "effective draws")


@pytest.fixture
def short_chains(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough for posteriors that Laplace serves, and half the time."""
    monkeypatch.setattr(nuts, "TUNING", 300)
    monkeypatch.setattr(nuts, "FEWEST_PER_CHAIN", 500)


def logs(model: lc.CLTV) -> pd.DataFrame:
    """Mean and sd of each parameter's logarithm: a few draws decide its own sd where it is barely known."""
    draws = model.posterior["posterior"].to_dataset().to_dataframe().apply(np.log)
    return draws.agg(["mean", "std"]).T


def disagreements(rfm: lc.RFM) -> list[str]:
    """Parameters whose mean or sd differs by more than three Monte Carlo errors between the methods."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", lc.LifecastWarning)  # whether the family fits is not asked here
        laplace = lc.CLTV(market=None).fit(rfm, method="laplace", draws=DRAWS, random_seed=1)
        chains = lc.CLTV(market=None).fit(rfm, method="nuts", draws=DRAWS, random_seed=2)
    for model in (laplace, chains):
        checks = model.diagnostics
        assert checks["passed"][checks["check"].isin(OF_DRAWS)].all()
    # what is handed out is resampled or thinned: worth no more than its number, and than what it came from
    effective = [
        model.diagnostics.query("check == 'effective draws'")["figure"] for model in (laplace, chains)
    ]
    error = np.sqrt(sum(1.0 / figure.min() + 1.0 / DRAWS for figure in effective))
    one, other = logs(laplace), logs(chains)
    apart = (one["mean"] - other["mean"]).abs() / other["std"]
    # an sd of n draws has relative error sqrt((kurtosis - 1) / 4 n); the most skewed have kurtosis about 4
    wider = np.log(one["std"] / other["std"]).abs()
    return [*apart.index[apart > 3 * error], *wider.index[wider > 3 * np.sqrt(0.75) * error]]


@pytest.mark.usefixtures("short_chains")
def test_do_the_methods_agree_on_cdnow() -> None:
    rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30", past=False)
    assert not disagreements(rfm)


@pytest.mark.usefixtures("short_chains")
def test_do_the_methods_agree_on_a_shop_of_300_customers() -> None:
    assert not disagreements(lc.rfm_summary(shop(300, 600, seed=3), past=False))


@pytest.mark.usefixtures("short_chains")
def test_do_the_methods_agree_on_apparel(shared: Path) -> None:
    log = pd.read_parquet(shared / "data" / "apparel.parquet")
    log = log.rename(columns={log.columns[0]: "customer_id"})
    assert not disagreements(lc.rfm_summary(log, observation_end="2007-12-31", past=False))


@pytest.mark.slow
def test_do_the_methods_agree_on_all_of_cdnow() -> None:
    rfm = lc.rfm_summary(lc.datasets.load_cdnow(), observation_end="1997-09-30", past=False)
    assert not disagreements(rfm)


SHAPE, DIMENSIONS = 0.3, 12


def skewed() -> LogDensity:
    """Logs of gamma variates of a small shape: they fall off slowly to the left and at once to the right."""
    return LogDensity(
        lambda point: (float(np.sum(SHAPE * point - np.exp(point))), SHAPE - np.exp(point)),
        lambda points: np.sum(SHAPE * points - np.exp(points), axis=-1),
        np.zeros(DIMENSIONS),
    )


def unbounded() -> LogDensity:
    """Normal in one direction, all but flat in the other, as flat priors and few data leave it."""
    scale = np.array([1.0, 1e-4])
    return LogDensity(
        lambda point: (-0.5 * float(scale @ point**2), -scale * point),
        lambda points: -0.5 * points**2 @ scale,
        np.ones(2),
    )


def normal(d: int) -> LogDensity:
    return LogDensity(
        lambda point: (-0.5 * float(point @ point), -point),
        lambda points: -0.5 * np.sum(points**2, axis=-1),
        np.ones(d),
    )


def drawn(density: LogDensity, method: Method, draws: int = 1000, seed: int = 5) -> Drawn:
    return draw("part", density, find_mode(density), method, draws, np.random.default_rng(seed))


def passed(result: Drawn) -> dict[str, bool]:
    return {check.check: check.passed for check in result.checks}


def test_does_auto_keep_laplace_where_it_serves() -> None:
    auto, laplace = drawn(normal(3), "auto"), drawn(normal(3), "laplace")
    assert auto.method == "laplace"
    np.testing.assert_array_equal(auto.points, laplace.points)
    assert passed(auto) == {"Pareto k-hat": True, "effective draws": True}


def test_does_auto_fall_to_nuts_where_laplace_fails_and_say_so() -> None:
    assert not passed(drawn(skewed(), "laplace"))["effective draws"]
    result = drawn(skewed(), "auto")
    assert result.method == "nuts"
    reason, *checks = result.checks
    assert reason.check.startswith("method NUTS: ") and reason.check.endswith(" by Laplace")
    assert reason.threshold.startswith("not ") and reason.passed
    assert [check.check for check in checks] == ["r-hat", "divergences", "effective draws"]
    assert all(passed(result).values()), result.checks
    mean, variance = digamma(SHAPE), polygamma(1, SHAPE)
    error = np.sqrt(variance / DIMENSIONS / checks[-1].figure)
    assert result.points.mean() == pytest.approx(mean, abs=4 * error)
    assert result.points.var() == pytest.approx(variance, rel=0.15)


def test_does_auto_not_send_chains_where_nothing_holds_them() -> None:
    result = drawn(unbounded(), "auto")
    assert result.method == "laplace"
    assert not all(passed(result).values())


@pytest.mark.usefixtures("short_chains")
def test_is_a_formula_that_divides_by_zero_far_out_no_end_of_nuts() -> None:
    def value_and_gradient(point: np.ndarray) -> tuple[float, np.ndarray]:
        if point[0] > 0.5:
            raise ZeroDivisionError
        return -0.5 * float(point @ point), -point

    result = drawn(replace(normal(2), value_and_gradient=value_and_gradient, start=-np.ones(2)), "nuts")
    assert np.all(result.points[:, 0] <= 0.5) and not passed(result)["divergences"]


def test_does_a_model_say_which_method_drew_each_family() -> None:
    rfm = lc.rfm_summary(shop(300, 600, seed=3), past=False)
    model = lc.CLTV(market=None).fit(rfm)
    assert model.posterior.attrs["provenance"]
    provenance = model.learned.provenance
    assert provenance["method"] == "auto"
    assert provenance["drawn_by"] == {"bg-nbd": "laplace", "gamma-gamma": "laplace"}


@pytest.mark.usefixtures("short_chains")
def test_is_nuts_reproducible() -> None:
    one, two, other = (drawn(normal(2), "nuts", seed=seed).points for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert not np.any(one == other)


def test_does_nuts_take_its_draws_from_every_chain_and_its_figures_from_all() -> None:
    result = drawn(normal(2), "nuts", draws=40)
    assert result.points.shape == (40, 2)
    assert {check.check: check.figure for check in result.checks}["effective draws"] == 40.0
    assert all(passed(result).values())


@pytest.mark.usefixtures("short_chains")
def test_does_nuts_say_that_it_left_places_out() -> None:
    def value_and_gradient(point: np.ndarray) -> tuple[float, np.ndarray]:
        return (-0.5 * float(point @ point), -point) if point[0] < 0.5 else (-np.inf, np.zeros(2))

    def values(points: np.ndarray) -> np.ndarray:
        return np.array([value_and_gradient(point)[0] for point in points])

    density = LogDensity(value_and_gradient, values, np.zeros(2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = drawn(density, "nuts")
    assert np.all(result.points[:, 0] < 0.5)
    assert not passed(result)["divergences"]


@pytest.mark.parametrize("draws", [1, 12, 100, 200, 1000])
def test_are_few_draws_enough_where_few_were_asked_for(draws: int) -> None:
    laplace = drawn(normal(4), "laplace", draws)
    assert passed(laplace)["effective draws"]
    assert laplace.checks[-1].figure <= draws


def test_is_an_unknown_method_refused() -> None:
    assert METHODS == ("auto", "laplace", "nuts", "map")
    rfm = lc.rfm_summary(shop(30, 200, seed=3), past=False)
    with pytest.raises(lc.SettingsError, match='"auto", "laplace", "nuts" or "map"'):
        lc.CLTV().fit(rfm, method="mcmc")  # type: ignore[arg-type]
