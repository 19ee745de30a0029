"""Does MLflow give back the model that was logged, and serve its intervals, without running code from it?"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import lifecast as lc

mlflow = pytest.importorskip(
    "mlflow", reason="mlflow-skinny is not installed: pip install 'lifecast[mlflow]'"
)

# MLflow says so of its own code when it is imported.
pytestmark = pytest.mark.filterwarnings("ignore:.*type hint is inferred as AnyType:UserWarning")


@pytest.fixture(autouse=True)
def local_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"file:{tmp_path}/runs")
    yield
    mlflow.set_tracking_uri(before)


@pytest.fixture(scope="module")
def rfm() -> lc.RFM:
    return lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")


@pytest.fixture(scope="module")
def model(rfm: lc.RFM) -> lc.CLTV:
    return lc.CLTV().fit(rfm, draws=100, random_seed=1)


def test_does_what_was_logged_predict_with_intervals(rfm: lc.RFM, model: lc.CLTV, tmp_path: Path) -> None:
    from lifecast.interop.mlflow import load_model, log_model

    with mlflow.start_run() as run:
        logged = log_model(model)
    scorer = mlflow.pyfunc.load_model(logged.model_uri)
    params = {
        "horizon": "39 weeks",
        "worlds": 30,
        "random_seed": 7,
        "annual_discount_rate": 0.2,
        "margin": 0.5,
    }
    expected = model.forecast(
        rfm, 39, worlds=30, random_seed=7, annual_discount_rate=0.2, margin=0.5
    ).customers
    pd.testing.assert_frame_equal(scorer.predict(rfm.to_frame(), params=params), expected)
    texts = rfm.to_frame().astype({"customer_id": str})
    assert (
        scorer.predict(texts, params={"worlds": 5})["customer_id"].tolist() == texts["customer_id"].tolist()
    )
    pd.testing.assert_frame_equal(load_model(logged.model_uri).parameters, model.parameters)
    data = mlflow.get_run(run.info.run_id).data
    assert data.params["purchases"] == "bg-nbd" and data.params["time_unit"] == "week"
    assert data.metrics["alpha_mean"] == pytest.approx(model.parameters.loc["alpha", "mean"])
    assert data.metrics["checks_failed"] == 0


def test_is_nothing_pickled(model: lc.CLTV, tmp_path: Path) -> None:
    from lifecast.interop.mlflow import save_model

    save_model(model, tmp_path / "saved")
    files = {path.name: path.read_bytes() for path in (tmp_path / "saved").rglob("*") if path.is_file()}
    assert set(files) == {"MLmodel", "model.nc", "conda.yaml", "python_env.yaml", "requirements.txt"}
    assert files["model.nc"].startswith(b"\x89HDF")
    assert (
        b"loader_module: lifecast.interop.mlflow" in files["MLmodel"]
        and b"python_model" not in files["MLmodel"]
    )


def test_are_wrong_inputs_told(rfm: lc.RFM, model: lc.CLTV, tmp_path: Path) -> None:
    from lifecast.interop.mlflow import log_model, save_model

    save_model(model, tmp_path / "saved")
    scorer = mlflow.pyfunc.load_model(str(tmp_path / "saved"))
    with pytest.raises(lc.DataError, match="recency"):
        scorer.predict(rfm.to_frame().drop(columns="recency"))
    with pytest.raises(lc.DataError, match="needed a pandas DataFrame"):
        scorer.predict([1, 2])
    with pytest.raises(lc.SettingsError, match="not fitted"), mlflow.start_run():
        log_model(lc.CLTV())


def test_is_a_missing_mlflow_told(model: lc.CLTV, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lifecast.interop.mlflow import save_model

    monkeypatch.setitem(sys.modules, "mlflow", None)  # as if it were not installed
    with pytest.raises(lc.SettingsError, match=r"not installed\. Run pip install 'lifecast\[mlflow\]'"):
        save_model(model, tmp_path / "saved")
    assert not (tmp_path / "saved").exists()
