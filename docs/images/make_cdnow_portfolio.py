"""The README's figure: CDNOW's weeks after the forecast, beside it.

Run: python docs/images/make_cdnow_portfolio.py
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import lifecast as lc


def main() -> None:
    """Fit, forecast, draw, and say how it went."""
    rfm = lc.rfm_summary(
        lc.datasets.load_cdnow(), time_unit="week", observation_end="1997-09-30", holdout_end="1998-06-30"
    )
    assert rfm.holdout is not None
    forecast = lc.CLTV().fit(rfm, random_seed=1).forecast(rfm, rfm.holdout.duration, random_seed=1)
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    actual = rfm.holdout.period_purchases
    forecast.plot_portfolio("purchases", ax=figure.subplots(), actual=actual)
    figure.savefig(Path(__file__).with_name("cdnow-portfolio.png"), dpi=120)
    weeks = forecast.portfolio
    held = np.sum((weeks["purchases_lower"] <= actual) & (actual <= weeks["purchases_upper"]))
    print(f"{held} of {len(weeks)} weeks lie in their 90% interval; in all {actual.sum():,} purchases came:")
    print(forecast.total.loc["purchases"].round(0))


if __name__ == "__main__":
    main()
