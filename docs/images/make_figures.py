"""The figures of docs/figures.md, on CDNOW and on a simulated shop with channels, costs and a known truth.

Run: python docs/images/make_figures.py [name of a figure ...]
"""

import sys
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

import lifecast as lc
from lifecast import plots

FOLDER = Path(__file__).with_name("figures")
DOTS, COLOURS = 110, 128


@cache
def cdnow() -> dict[str, Any]:
    """CDNOW, nine months to learn from and nine to be held against."""
    log = lc.datasets.load_cdnow()
    rfm = lc.rfm_summary(log, observation_end="1997-09-30", holdout_end="1998-06-30")
    model = lc.CLTV().fit(rfm, random_seed=1)
    forecast = model.forecast(rfm, rfm.holdout.duration, random_seed=1)
    return {"log": log, "rfm": rfm, "model": model, "forecast": forecast}


@cache
def backtest() -> lc.Backtest:
    """CDNOW forecast again from eight earlier days."""
    log = lc.datasets.load_cdnow(sample=True)
    return lc.backtest(log, origins=8, horizons=[8, 26], worlds=500, random_seed=1)


@cache
def shop() -> dict[str, Any]:
    """A simulated shop of seven channels, a budget and customers yet to come."""
    shop = lc.datasets.simulate_shop(customers=5000, months=24, random_seed=1)
    rfm = lc.rfm_summary(shop.log, attributes=["channel"], observation_end=shop.end)
    model = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(groups="channel"))
    model.fit(rfm, random_seed=1)
    forecast = model.forecast(rfm, "52 weeks", annual_discount_rate=0.10, margin=0.3, random_seed=1)
    channels = lc.channels(model, shop.costs, margin=0.3, annual_discount_rate=0.10)
    plan = shop.costs.groupby("start", as_index=False)["new_customers"].sum().tail(12)
    plan["start"] = [f"{start.year + 1}-{start.month:02d}-01" for start in plan["start"]]
    return {"rfm": rfm, "model": model, "forecast": forecast, "channels": channels, "costs": shop.costs}


FIGURES: dict[str, Callable[[Any], Any]] = {
    "customer_map": lambda ax: plots.plot_customer_map(cdnow()["model"], cdnow()["rfm"], ax=ax),
    "customer_map_purchases": lambda ax: plots.plot_customer_map(
        cdnow()["model"], cdnow()["rfm"], "39 weeks", ax
    ),
    "tracking": lambda ax: plots.plot_tracking(lc.track(cdnow()["forecast"], cdnow()["log"]), ax=ax),
    "tracking_cumulative": lambda ax: plots.plot_tracking(
        lc.track(cdnow()["forecast"], cdnow()["log"]), cumulative=True, ax=ax
    ),
    "calibration_by_frequency": lambda ax: plots.plot_calibration_by_frequency(cdnow()["forecast"], ax=ax),
    "calibration_by_decile": lambda ax: plots.plot_calibration_by_decile(cdnow()["forecast"], "value", ax=ax),
    "frequency_distribution": lambda ax: plots.plot_frequency_distribution(
        cdnow()["model"], cdnow()["rfm"], ax
    ),
    "posterior": lambda ax: plots.plot_posterior(cdnow()["model"], ax),
    "population_rate": lambda ax: plots.plot_population(cdnow()["model"], "rate", ax),
    "population_dropout": lambda ax: plots.plot_population(cdnow()["model"], "dropout", ax),
    "population_spend": lambda ax: plots.plot_population(cdnow()["model"], "spend", ax),
    "customer": lambda ax: plots.plot_customer(cdnow()["forecast"], 7931, cdnow()["log"], ax),
    "customer_values": lambda ax: plots.plot_customer_values(cdnow()["forecast"], ax),
    "concentration": lambda ax: plots.plot_concentration(cdnow()["forecast"], ax),
    "portfolio": lambda ax: cdnow()["forecast"].plot_portfolio(
        "value", ax=ax, actual=cdnow()["rfm"].holdout.period_value
    ),
    "portfolio_cumulative": lambda ax: plots.plot_portfolio(
        cdnow()["forecast"], "value", ax, cdnow()["rfm"].holdout.period_value, cumulative=True
    ),
    "uncertainty": lambda ax: cdnow()["forecast"].plot_uncertainty("value", ax=ax),
    "past_forecasts": lambda ax: plots.plot_past_forecasts(backtest(), "value", ax=ax),
    "coverage": lambda ax: plots.plot_coverage(backtest(), ax=ax),
    "pit": lambda ax: plots.plot_pit(backtest(), ax=ax),
    "cash_flow": lambda ax: plots.plot_cash_flow(cash_flow(), ax=ax),
    "channels": lambda ax: plots.plot_channels(shop()["channels"], ax),
    "payback": lambda ax: plots.plot_payback(shop()["channels"], ax),
    "budget": lambda ax: plots.plot_budget(allocation(), ax),
    "frontier": lambda ax: plots.plot_frontier(allocation(), ax),
    "scenario": lambda ax: plots.plot_scenario(scenarios()["10% fewer leave"], ax=ax),
    "scenarios": lambda ax: plots.plot_scenarios(scenarios(), ax=ax),
}


@cache
def allocation() -> lc.Allocation:
    """100,000 for a year."""
    return lc.allocate(shop()["channels"], 100_000, shop()["costs"])


@cache
def cash_flow() -> lc.CashFlow:
    """The shop's customers, and as many new ones a month as it had a year before."""
    plan = shop()["costs"].groupby("start")["new_customers"].sum().tail(12).reset_index()
    plan["start"] = plan["start"] + lc_year()
    return lc.cash_flow(shop()["forecast"], new_customers=plan.assign(channel="search"))


def lc_year() -> Any:
    """One year."""
    import pandas as pd

    return pd.DateOffset(years=1)


@cache
def scenarios() -> dict[str, lc.Scenario]:
    """Four ways to do better."""
    forecast = shop()["forecast"]
    return {
        "10% fewer leave": lc.scenario(forecast, dropout=0.9),
        "10% more often": lc.scenario(forecast, purchase_rate=1.1),
        "5% larger orders": lc.scenario(forecast, average_order=1.05),
        "a voucher of 5%": lc.scenario(forecast, commission=0.05, purchase_rate=1.05),
    }


def main(names: list[str]) -> None:
    """Draw the figures named, or all of them; small files, in few colours."""
    FOLDER.mkdir(exist_ok=True)
    for name in names or FIGURES:
        figure = Figure(figsize=(8, 4.5), layout="constrained")
        ax = figure.subplots()
        FIGURES[name](ax)
        held = BytesIO()
        figure.savefig(held, dpi=DOTS)
        few = Image.open(held).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        path = FOLDER / f"{name}.png"
        few.save(path, optimize=True)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB. {' '.join(ax.get_title().split())}")


if __name__ == "__main__":
    main(sys.argv[1:])
