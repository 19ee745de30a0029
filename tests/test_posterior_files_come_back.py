"""Does a saved model come back whole, and is anything else refused?"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import lifecast as lc
from lifecast.seal import seal


@pytest.fixture(scope="module")
def rfm() -> lc.RFM:
    return lc.rfm_summary(lc.datasets.load_cdnow(sample=True), time_unit="week", observation_end="1997-09-30")


@pytest.fixture(scope="module")
def model(rfm: lc.RFM) -> lc.CLTV:
    families = {"purchases": lc.BGNBD(priors={"log_r": (0.0, 1.0)}), "spend": lc.GammaGamma(fit_to="means")}
    return lc.CLTV(**families).fit(rfm, draws=500, random_seed=1)  # type: ignore[arg-type]


@pytest.fixture
def saved(model: lc.CLTV, tmp_path: Path) -> Path:
    model.save(tmp_path / "model.nc")
    return tmp_path / "model.nc"


def with_attribute(path: Path, name: str, value: object) -> Path:
    with xr.open_datatree(path, engine="netcdf4") as tree:
        tree = tree.load()
    tree.attrs[name] = value
    changed = path.with_name("changed.nc")
    tree.to_netcdf(changed, engine="netcdf4")
    seal(changed)
    return changed


def test_does_a_model_come_back_whole(model: lc.CLTV, rfm: lc.RFM, saved: Path) -> None:
    back = lc.load(saved)
    assert (back.purchases, back.spend, back.time_unit) == (model.purchases, model.spend, model.time_unit)
    pd.testing.assert_frame_equal(back.parameters, model.parameters, check_exact=True)
    pd.testing.assert_frame_equal(back.diagnostics, model.diagnostics, check_exact=True)
    one, other = (m.forecast(rfm, 4, worlds=50, random_seed=3).customers for m in (model, back))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert [file.name for file in saved.parent.iterdir()] == ["model.nc"]


def test_does_a_file_say_what_it_was_made_from(model: lc.CLTV, rfm: lc.RFM, saved: Path) -> None:
    with xr.open_datatree(saved, engine="netcdf4") as tree:
        provenance = json.loads(tree.attrs["provenance"])
        assert tree["posterior"].sizes == {"chain": 1, "draw": 500}  # as ArviZ wants it
    assert provenance["data_fingerprint"] == rfm.fingerprint()
    assert provenance["purchases"] == {
        "family": "bg-nbd", "priors": {"log_r": [0.0, 1.0]}, "groups": None, "covariates": [],
    }  # fmt: skip
    assert (provenance["customers"], provenance["repeat_buyers"]) == (2357, 946)
    assert {"lifecast", "numpy", "scipy", "numba"} <= set(provenance["versions"])


def test_does_a_model_of_purchases_alone_come_back(rfm: lc.RFM, tmp_path: Path) -> None:
    lc.CLTV(spend=None).fit(rfm, method="map").save(tmp_path / "purchases.nc")
    back = lc.load(tmp_path / "purchases.nc")
    assert back.spend is None
    assert list(back.parameters.index) == ["r", "alpha", "a", "b"]


def test_does_a_model_with_known_parameters_come_back(tmp_path: Path) -> None:
    published = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
    known = lc.CLTV.from_parameters(published, time_unit="week")
    known.save(tmp_path / "known.nc")
    assert lc.load(tmp_path / "known.nc").expected_purchases_new_customer(6) == (
        known.expected_purchases_new_customer(6)
    )


def test_is_a_newer_format_refused(saved: Path) -> None:
    with pytest.raises(lc.FileFormatError, match=r"model format 99, this lifecast reads 2\. Load it with"):
        lc.load(with_attribute(saved, "lifecast_format", 99))


@pytest.mark.parametrize("content", [b"", b"not a netCDF file", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_is_garbage_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "garbage.nc").write_bytes(content)
    with pytest.raises(lc.FileFormatError, match=r"garbage\.nc cannot be read as a lifecast model"):
        lc.load(tmp_path / "garbage.nc")


def test_is_half_a_file_refused(saved: Path) -> None:
    whole = saved.read_bytes()
    saved.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(lc.FileFormatError, match="cannot be read as a lifecast model"):
        lc.load(saved)


def test_is_a_netcdf_file_of_another_kind_refused(tmp_path: Path) -> None:
    xr.Dataset({"temperature": ("x", np.zeros(3))}).to_netcdf(tmp_path / "weather.nc", engine="netcdf4")
    with pytest.raises(lc.FileFormatError, match="lifecast model"):
        lc.load(tmp_path / "weather.nc")
    tree = xr.DataTree.from_dict({"/posterior": xr.Dataset({"mu": (("chain", "draw"), np.zeros((1, 5)))})})
    tree.to_netcdf(tmp_path / "other.nc", engine="netcdf4")
    seal(tmp_path / "other.nc")
    with pytest.raises(lc.FileFormatError, match="model format unknown"):
        lc.load(tmp_path / "other.nc")


def test_are_models_and_saved_forecasts_told_apart(
    saved: Path, model: lc.CLTV, rfm: lc.RFM, tmp_path: Path
) -> None:
    model.forecast(rfm, 4, worlds=5).save(tmp_path / "spring.nc")
    with pytest.raises(lc.FileFormatError, match=r"spring\.nc is a forecast that was saved, not a model"):
        lc.load(tmp_path / "spring.nc")
    with pytest.raises(lc.FileFormatError, match=r"model\.nc is a model.*lifecast forecast --save"):
        lc.load_forecast(saved)


@pytest.mark.parametrize("place", [0, 100, 9_000, -60, -40, -1])
def test_is_a_single_changed_bit_refused(saved: Path, place: int) -> None:
    content = bytearray(saved.read_bytes())
    content[place] ^= 4
    saved.write_bytes(content)
    with pytest.raises(lc.FileFormatError, match="cannot be read as a lifecast model"):
        lc.load(saved)


@pytest.mark.parametrize("attribute", ["provenance", "checks", "encodings"])
def test_is_a_damaged_description_refused(saved: Path, attribute: str) -> None:
    with pytest.raises(lc.FileFormatError, match="cannot be read as a lifecast model"):
        lc.load(with_attribute(saved, attribute, "{not json"))


def test_is_a_missing_file_named(tmp_path: Path) -> None:
    with pytest.raises(lc.FileFormatError, match=r"nowhere\.nc: no such file"):
        lc.load(tmp_path / "nowhere.nc")


def test_does_a_failure_leave_the_old_file(
    model: lc.CLTV, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()

    def full(*arguments: object, **settings: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(xr.DataTree, "to_netcdf", full)
    with pytest.raises(OSError, match="No space left"):
        model.save(saved)
    assert saved.read_bytes() == before
    assert [file.name for file in saved.parent.iterdir()] == ["model.nc"]
