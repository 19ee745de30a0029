"""The top of a report as a picture, on the simulated shop of the page on planning. Needs Chromium.

Run: python docs/images/make_report.py
"""

import subprocess
import tempfile
from pathlib import Path

from PIL import Image

import lifecast as lc


def main() -> None:
    """Fit, forecast, report, and take the picture."""
    shop = lc.datasets.simulate_shop(customers=5000, months=24, random_seed=1)
    rfm = lc.rfm_summary(shop.log, attributes=["channel"], observation_end=shop.end)
    model = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(groups="channel"), market=None)
    model.fit(rfm, random_seed=1)
    forecast = model.forecast(rfm, "2025-12-31", annual_discount_rate=0.10, margin=0.3, worlds=500)
    target = Path(__file__).with_name("report.png")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "report.html")
        lc.report(forecast, page, model=model, segments=lc.segments(forecast))
        subprocess.run(
            [
                "chromium", "--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1040,1000",
                f"--user-data-dir={folder}/profile", page.as_uri(),
                f"--screenshot={target}",
            ],
            check=True,
        )  # fmt: skip
    Image.open(target).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(target, optimize=True)


if __name__ == "__main__":
    main()
