"""Every figure, one function each: matplotlib axes in and out."""

from lifecast.plots.book import (
    lorenz,
    plot_budget,
    plot_channels,
    plot_concentration,
    plot_customer_map,
    plot_customer_values,
    plot_past_forecasts,
    plot_portfolio,
    plot_uncertainty,
    until,
)

__all__ = [
    "lorenz",
    "plot_budget",
    "plot_channels",
    "plot_concentration",
    "plot_customer_map",
    "plot_customer_values",
    "plot_past_forecasts",
    "plot_portfolio",
    "plot_uncertainty",
    "until",
]
