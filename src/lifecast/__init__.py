"""lifecast: what each customer will be worth, and how sure that is."""

from lifecast import datasets
from lifecast.backtesting import Backtest, backtest
from lifecast.comparison import compare
from lifecast.errors import (
    DataError,
    FileFormatError,
    FitError,
    LifecastError,
    LifecastWarning,
    SettingsError,
)
from lifecast.families.bg_bb import BGBB
from lifecast.families.bg_nbd import BGNBD
from lifecast.families.gamma_gamma import GammaGamma
from lifecast.families.log_normal import LogNormal
from lifecast.families.mbg_nbd import MBGNBD
from lifecast.families.nbd import NBD
from lifecast.families.pareto_nbd import ParetoNBD
from lifecast.families.shifted_beta_geometric import ShiftedBetaGeometric
from lifecast.forecast import Forecast
from lifecast.identity import Identities, join_identities
from lifecast.model import CLTV
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
from lifecast.rfm import RFM, rfm_summary

load = CLTV.load

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
    "Scenario",
    "Segments",
    "SettingsError",
    "ShiftedBetaGeometric",
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
    "monitor",
    "rfm_summary",
    "scenario",
    "segment_lift",
    "segments",
    "textbook_measures",
    "treat",
    "treatment_effect",
]
