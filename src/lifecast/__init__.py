"""lifecast: what each customer will be worth, and how sure that is."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lifecast.errors import (
    DataError,
    FileFormatError,
    FitError,
    LifecastError,
    LifecastWarning,
    SettingsError,
)

if TYPE_CHECKING:
    from lifecast import datasets
    from lifecast.backtesting import Backtest, backtest
    from lifecast.comparison import compare
    from lifecast.families.bg_bb import BGBB
    from lifecast.families.bg_nbd import BGNBD
    from lifecast.families.gamma_gamma import GammaGamma
    from lifecast.families.log_normal import LogNormal
    from lifecast.families.mbg_nbd import MBGNBD
    from lifecast.families.nbd import NBD
    from lifecast.families.pareto_nbd import ParetoNBD
    from lifecast.families.shifted_beta_geometric import ShiftedBetaGeometric
    from lifecast.forecast import Forecast
    from lifecast.from_log import rfm_summary
    from lifecast.identity import Identities, join_identities
    from lifecast.interop.scikit_learn import RFMTransformer
    from lifecast.model import CLTV
    from lifecast.parquet_rfm import ParquetRFM
    from lifecast.planning.actions import Treatment, treat
    from lifecast.planning.budget import Allocation, allocate
    from lifecast.planning.channels import Channels, channels
    from lifecast.planning.cohorts import Cohorts, cohorts
    from lifecast.planning.experiment import TreatmentEffect, treatment_effect
    from lifecast.planning.identity_effect import identity_effect
    from lifecast.planning.monitoring import Monitor, monitor
    from lifecast.planning.portfolio import CashFlow, cash_flow
    from lifecast.planning.scenarios import Scenario, elasticities, scenario
    from lifecast.planning.segments import Segments, segment_lift, segments
    from lifecast.planning.textbook import textbook_measures
    from lifecast.reporting.page import report
    from lifecast.rfm import RFM
    from lifecast.saved_forecast import SavedForecast, load_forecast
    from lifecast.spark_rfm import SparkRFM
    from lifecast.tracking import Tracking, track

    load = CLTV.load

# Public names by the module that has them, imported when the name is first used: `import lifecast` is quick.
_HOMES = {
    "Backtest": "backtesting",
    "backtest": "backtesting",
    "compare": "comparison",
    "BGBB": "families.bg_bb",
    "BGNBD": "families.bg_nbd",
    "GammaGamma": "families.gamma_gamma",
    "LogNormal": "families.log_normal",
    "MBGNBD": "families.mbg_nbd",
    "NBD": "families.nbd",
    "ParetoNBD": "families.pareto_nbd",
    "ShiftedBetaGeometric": "families.shifted_beta_geometric",
    "Forecast": "forecast",
    "Identities": "identity",
    "join_identities": "identity",
    "RFMTransformer": "interop.scikit_learn",
    "CLTV": "model",
    "ParquetRFM": "parquet_rfm",
    "Treatment": "planning.actions",
    "treat": "planning.actions",
    "Allocation": "planning.budget",
    "allocate": "planning.budget",
    "Channels": "planning.channels",
    "channels": "planning.channels",
    "Cohorts": "planning.cohorts",
    "cohorts": "planning.cohorts",
    "TreatmentEffect": "planning.experiment",
    "treatment_effect": "planning.experiment",
    "identity_effect": "planning.identity_effect",
    "Monitor": "planning.monitoring",
    "monitor": "planning.monitoring",
    "CashFlow": "planning.portfolio",
    "cash_flow": "planning.portfolio",
    "Scenario": "planning.scenarios",
    "elasticities": "planning.scenarios",
    "scenario": "planning.scenarios",
    "Segments": "planning.segments",
    "segment_lift": "planning.segments",
    "segments": "planning.segments",
    "textbook_measures": "planning.textbook",
    "report": "reporting.page",
    "RFM": "rfm",
    "rfm_summary": "from_log",
    "SparkRFM": "spark_rfm",
    "SavedForecast": "saved_forecast",
    "load_forecast": "saved_forecast",
    "Tracking": "tracking",
    "track": "tracking",
}

__all__ = [
    "BGBB",
    "BGNBD",
    "CLTV",
    "MBGNBD",
    "NBD",
    "RFM",
    "Allocation",
    "Backtest",
    "CashFlow",
    "Channels",
    "Cohorts",
    "DataError",
    "FileFormatError",
    "FitError",
    "Forecast",
    "GammaGamma",
    "Identities",
    "LifecastError",
    "LifecastWarning",
    "LogNormal",
    "Monitor",
    "ParetoNBD",
    "ParquetRFM",
    "RFMTransformer",
    "SavedForecast",
    "Scenario",
    "Segments",
    "SettingsError",
    "ShiftedBetaGeometric",
    "SparkRFM",
    "Tracking",
    "Treatment",
    "TreatmentEffect",
    "allocate",
    "backtest",
    "cash_flow",
    "channels",
    "cohorts",
    "compare",
    "datasets",
    "elasticities",
    "identity_effect",
    "join_identities",
    "load",
    "load_forecast",
    "monitor",
    "report",
    "rfm_summary",
    "scenario",
    "segment_lift",
    "segments",
    "textbook_measures",
    "track",
    "treat",
    "treatment_effect",
]


def __getattr__(name: str) -> Any:
    """Import what a public name stands for."""
    if name == "load":
        return __getattr__("CLTV").load
    if name == "datasets":
        return import_module("lifecast.datasets")
    if name not in _HOMES:
        raise AttributeError(f"module 'lifecast' has no attribute {name!r}")
    return getattr(import_module(f"lifecast.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
