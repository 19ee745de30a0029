"""Can every registered family be asked for by name, in Python, a file or the command line, and be kept?"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from family_cases import case_of
from typer.testing import CliRunner

import lifecast as lc
from lifecast.cli import app
from lifecast.families import PURCHASE_FAMILIES, SPEND_FAMILIES
from lifecast.specification import read_specification


def shop_of(case: Any, folder: Path) -> Path:
    """An RFM, as a file, of 200 customers who live by the family's story."""
    rng = np.random.default_rng(3)
    traits, alive = case.born(rng, case.thetas[0], 200)
    T = case.ages(rng, 200)
    times, _ = case.live(rng, traits, alive, T)
    x = np.isfinite(times).sum(axis=1)
    t_x = np.max(np.where(np.isfinite(times), times, 0.0), axis=1, initial=0.0)
    columns = {"customer_id": np.arange(200), "frequency": x, "recency": t_x, "T": T}
    path = folder / "rfm.parquet"
    lc.RFM.from_frame(pd.DataFrame(columns), time_unit="week").save(path)
    return path


def known(name: str) -> lc.CLTV:
    """A model with a case's own parameters."""
    case, spend = case_of(name), {"p": 6.25, "q": 3.74, "v": 15.44}
    purchases = dict(zip(case.family.parameters, case.thetas[0], strict=True))
    return lc.CLTV.from_parameters(purchases, spend, families=(name, "gamma-gamma"))


@pytest.mark.parametrize("name", PURCHASE_FAMILIES)
def test_does_a_model_with_known_parameters_answer_and_come_back(name: str, tmp_path: Path) -> None:
    model, rfm = known(name), lc.RFM.load(shop_of(case_of(name), tmp_path))
    model.save(tmp_path / "known.nc")
    again = lc.load(tmp_path / "known.nc")
    assert again.purchases == PURCHASE_FAMILIES[name]()
    pd.testing.assert_series_equal(again.expected_purchases(rfm, 12), model.expected_purchases(rfm, 12))
    with pytest.warns(lc.LifecastWarning, match="This RFM has no amounts"):
        forecast = model.forecast(rfm, 12, worlds=20, random_seed=1)
    assert np.all(np.isfinite(forecast.customers["purchases"]))
    # a new customer's expected purchases are the mean of their number
    n = np.arange(400)
    chances = [model.purchase_pmf(int(count), 5) for count in n]
    assert sum(chances) == pytest.approx(1.0, abs=1e-6)
    assert model.expected_purchases_new_customer(5) == pytest.approx(float(n @ chances), rel=1e-6)


@pytest.mark.parametrize("name", PURCHASE_FAMILIES)
def test_do_the_command_line_and_a_specification_take_its_name(name: str, tmp_path: Path) -> None:
    rfm, spec, out = shop_of(case_of(name), tmp_path), tmp_path / "run.toml", tmp_path / "model.nc"
    spec.write_text(
        f'market = false\n[purchases]\nfamily = "{name}"\npriors = "flat"\n[fit]\nmethod = "map"\n'
    )
    assert read_specification(spec).model().purchases == PURCHASE_FAMILIES[name](priors="flat")
    arguments = ["fit", str(rfm), "--purchases", name, "--spec", str(spec), "--out", str(out)]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    assert lc.load(out).purchases == PURCHASE_FAMILIES[name]()  # an option comes before the file


@pytest.mark.parametrize("name", SPEND_FAMILIES)
def test_does_a_specification_take_the_name_of_a_spend_family(name: str, tmp_path: Path) -> None:
    spec = tmp_path / "run.toml"
    spec.write_text(f'[spend]\nfamily = "{name}"\npriors = "flat"\n')
    assert read_specification(spec).model().spend == SPEND_FAMILIES[name](priors="flat")


def test_is_an_unknown_family_refused_with_the_names_of_those_there_are(tmp_path: Path) -> None:
    rfm = shop_of(case_of("bg-nbd"), tmp_path)
    arguments = ["fit", str(rfm), "--purchases", "bgnbd", "--out", str(tmp_path / "model.nc")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    said = " ".join(result.stderr.split())
    assert "'bgnbd'" in said and all(name in said for name in PURCHASE_FAMILIES)
