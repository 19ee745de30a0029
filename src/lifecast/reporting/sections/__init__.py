"""The sections of the page, each made of one result."""

from lifecast.reporting.sections.channels import budget, channels
from lifecast.reporting.sections.choices import offer, scenarios
from lifecast.reporting.sections.customers import customers, segments
from lifecast.reporting.sections.outlook import cash_flow, portfolio, uncertainty
from lifecast.reporting.sections.past import holdout, past_forecasts
from lifecast.reporting.sections.quality import data_quality, diagnostics
from lifecast.reporting.sections.summary import summary
from lifecast.reporting.sections.words import best_tenth, horizon_in_words

__all__ = [
    "best_tenth",
    "budget",
    "cash_flow",
    "channels",
    "customers",
    "data_quality",
    "diagnostics",
    "holdout",
    "horizon_in_words",
    "offer",
    "past_forecasts",
    "portfolio",
    "scenarios",
    "segments",
    "summary",
    "uncertainty",
]
