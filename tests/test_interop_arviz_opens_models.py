"""Does ArviZ open a model file as it is, in the version that is here?"""

from pathlib import Path

import arviz as az
import numpy as np
import pytest
import xarray as xr

import lifecast as lc


@pytest.fixture(scope="module")
def model() -> lc.CLTV:
    log = lc.datasets.load_cdnow(sample=True).assign(channel=lambda rows: rows["customer_id"] % 3)
    rfm = lc.rfm_summary(log, observation_end="1997-09-30", attributes=["channel"])
    return lc.CLTV(lc.BGNBD(groups="channel")).fit(rfm, draws=200, random_seed=1)


def test_does_it_open_and_summarise(model: lc.CLTV, tmp_path: Path) -> None:
    model.save(tmp_path / "model.nc")
    # ArviZ 1 leaves files to xarray.
    opened = getattr(az, "from_netcdf", xr.open_datatree)(tmp_path / "model.nc")
    posterior = opened["posterior"]
    assert dict(posterior.sizes)["chain"] == 1 and dict(posterior.sizes)["draw"] == 200
    names = ["r", "alpha", "a", "b", "p", "q", "v"]
    assert set(az.summary(opened, var_names=names, kind="stats").index) == set(names)
    for name in names:
        assert float(posterior[name].mean()) == pytest.approx(model.parameters.loc[name, "mean"])
    assert posterior["r_of_group"].sizes["purchases_group"] == 4  # and one not seen
    opened.close()


def test_does_plain_xarray_open_it_too(model: lc.CLTV, tmp_path: Path) -> None:
    model.save(tmp_path / "model.nc")
    with xr.open_datatree(tmp_path / "model.nc") as tree:
        found = tree["posterior"]["alpha"].to_numpy()
    np.testing.assert_array_equal(found, model.posterior["posterior"]["alpha"].to_numpy())
