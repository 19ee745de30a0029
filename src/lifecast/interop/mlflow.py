"""A model in MLflow: logged with its parameters and checks, served with intervals; no pickle anywhere.

The artifact is the netCDF file of `CLTV.save`, and a loader module reads it: nothing in it is run as code.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from lifecast.errors import DataError, SettingsError
from lifecast.model import CLTV
from lifecast.rfm import RFM

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.models.model import ModelInfo

FILE = "model.nc"
DEFAULTS: dict[str, Any] = {
    "horizon": "365 days",
    "annual_discount_rate": 0.1,
    "margin": 1.0,
    "interval": 0.9,
    "worlds": 1000,
    "random_seed": 0,
    "observation_end": "",  # needed by a model with a calendar
}


def log_model(model: CLTV, name: str = "model", **options: Any) -> "ModelInfo":
    """Log a fitted model to the active MLflow run, with its parameters, its checks and its origin.

    Parameters
    ----------
    model : CLTV
        Fitted.
    name : str, default "model"
    **options
        Passed on to ``mlflow.pyfunc.log_model``, such as ``registered_model_name``.

    Returns
    -------
    mlflow.models.model.ModelInfo
        Its ``model_uri`` is what ``mlflow.pyfunc.load_model`` takes. What that gives predicts from a table of
        customers (`lifecast.RFM.to_frame`) to `Forecast.customers`, with intervals; ``params`` are those of
        `CLTV.forecast`, by default 365 days ahead, discounted by 10% a year, and ``observation_end``, which
        a model with a calendar needs.

    Raises
    ------
    SettingsError
        The model is not fitted, or MLflow is not installed.

    Examples
    --------
    >>> import mlflow, lifecast as lc
    >>> from lifecast.interop.mlflow import log_model
    >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    >>> model = lc.CLTV().fit(rfm, random_seed=1)
    >>> with mlflow.start_run():  # doctest: +SKIP
    ...     logged = log_model(model)
    >>> scorer = mlflow.pyfunc.load_model(logged.model_uri)  # doctest: +SKIP
    >>> scorer.predict(rfm.to_frame(), params={"horizon": "12 months"})  # doctest: +SKIP
    """
    mlflow = _mlflow()
    with TemporaryDirectory() as folder:
        written = _logged(model, folder)
        for key, value in _origin(model).items():
            mlflow.log_param(key, value)
        for parameter, row in model.parameters.to_dict("index").items():
            for column in ("mean", "lower", "upper"):
                mlflow.log_metric(_key(f"{parameter}_{column}"), row[column])
        mlflow.log_metric("checks_failed", int((~model.diagnostics["passed"].astype(bool)).sum()))
        with _no_example_asked():
            info: ModelInfo = mlflow.pyfunc.log_model(name=name, **written, **options)
    return info


def save_model(model: CLTV, path: str | os.PathLike[str], **options: Any) -> None:
    """Write a fitted model to a folder in MLflow's format, without a run.

    Parameters
    ----------
    model : CLTV
    path : path
        A folder that is not there yet.
    **options
        Passed on to ``mlflow.pyfunc.save_model``.
    """
    mlflow = _mlflow()
    with TemporaryDirectory() as folder, _no_example_asked():
        mlflow.pyfunc.save_model(path=os.fspath(path), **_logged(model, folder), **options)


def load_model(uri: str) -> CLTV:
    """The model itself, of a logged one: all that `CLTV` can do, not only to predict.

    Parameters
    ----------
    uri : str
        As MLflow takes it: "models:/cltv/3", "runs:/.../model", a folder.
    """
    from mlflow.artifacts import download_artifacts  # type: ignore[import-untyped,unused-ignore]

    _mlflow()
    return CLTV.load(Path(download_artifacts(artifact_uri=uri)) / "data" / FILE)


class Scorer:
    """What MLflow serves: a table of customers in, their forecast out.

    Parameters
    ----------
    model : CLTV
    """

    def __init__(self, model: CLTV) -> None:
        self.model = model

    def predict(self, model_input: "pd.DataFrame", params: dict[str, Any] | None = None) -> "pd.DataFrame":
        """`Forecast.customers` of a table as `RFM.to_frame` makes it, in the model's time unit."""
        import pandas as pd

        if not isinstance(model_input, pd.DataFrame):
            raise DataError(
                f"A {type(model_input).__name__} was passed; needed a pandas DataFrame of customers, as "
                "rfm.to_frame() makes it."
            )
        settings = DEFAULTS | (params or {})
        horizon, end = settings.pop("horizon"), settings.pop("observation_end")
        rfm = RFM.from_frame(model_input, time_unit=self.model.time_unit.days, observation_end=end or None)
        return self.model.forecast(rfm, horizon, **settings).customers


def _load_pyfunc(path: str) -> Scorer:
    """Called by MLflow with the folder, or the file in it, that was logged."""
    found = Path(path)
    return Scorer(CLTV.load(found / FILE if found.is_dir() else found))


def _mlflow() -> Any:
    try:
        import mlflow.pyfunc  # type: ignore[import-untyped,unused-ignore]
    except ModuleNotFoundError as error:
        raise SettingsError("MLflow is not installed. Run pip install 'lifecast[mlflow]'.") from error
    return mlflow


@contextmanager
def _no_example_asked() -> Iterator[None]:
    """Customers' data are not put into the model, so MLflow need not miss them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*[Ii]nput example")
        yield


def _logged(model: CLTV, folder: str) -> dict[str, Any]:
    """The artifact and how it is loaded."""
    model.save(Path(folder) / FILE)
    return {
        "loader_module": __name__,
        "data_path": str(Path(folder) / FILE),
        "pip_requirements": [f"lifecast=={version('lifecast')}"],
        "signature": _signature(),
    }


def _signature() -> "ModelSignature":
    """Parameters with their defaults; columns are checked by `RFM.from_frame`, which says more."""
    from mlflow.models import ModelSignature
    from mlflow.types import ParamSchema, ParamSpec

    kinds = {str: "string", float: "double", int: "long"}
    params = [ParamSpec(name, kinds[type(value)], value) for name, value in DEFAULTS.items()]
    return ModelSignature(params=ParamSchema(params))


def _origin(model: CLTV) -> dict[str, Any]:
    """What the model was fitted to and how, as MLflow's parameters."""
    provenance = model.learned.provenance
    said = {
        name: provenance[name]
        for name in ("method", "draws", "random_seed", "time_unit")
        if name in provenance
    }
    families = {
        part: family.name
        for part, family in (("purchases", model.purchases), ("spend", model.spend))
        if family
    }
    return {**families, "market": model.market or "none", "lifecast": version("lifecast"), **said}


def _key(name: str) -> str:
    """A metric's name with signs that MLflow allows."""
    return "".join(sign if sign.isalnum() or sign in "_-. /" else " " for sign in name)
