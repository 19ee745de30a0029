"""Every figure, one function each: matplotlib axes in and out."""

from lifecast.plots.channels import plot_budget, plot_channels, plot_frontier, plot_payback, until
from lifecast.plots.customers import lorenz, plot_concentration, plot_customer_map, plot_customer_values
from lifecast.plots.holdout import (
    plot_calibration_by_decile,
    plot_calibration_by_frequency,
    plot_tracking,
)
from lifecast.plots.one_customer import plot_customer
from lifecast.plots.past import plot_coverage, plot_past_forecasts, plot_pit
from lifecast.plots.population import plot_frequency_distribution, plot_population, plot_posterior
from lifecast.plots.portfolio import plot_cash_flow, plot_portfolio, plot_uncertainty
from lifecast.plots.scenarios import plot_scenario, plot_scenarios

__all__ = [
    "lorenz",
    "plot_budget",
    "plot_calibration_by_decile",
    "plot_calibration_by_frequency",
    "plot_cash_flow",
    "plot_channels",
    "plot_concentration",
    "plot_coverage",
    "plot_customer",
    "plot_customer_map",
    "plot_customer_values",
    "plot_frequency_distribution",
    "plot_frontier",
    "plot_past_forecasts",
    "plot_payback",
    "plot_pit",
    "plot_population",
    "plot_portfolio",
    "plot_posterior",
    "plot_scenario",
    "plot_scenarios",
    "plot_tracking",
    "plot_uncertainty",
    "until",
]
