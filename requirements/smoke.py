"""From a log to a forecast with the installed lifecast: prints figures as JSON, to be compared.

Run outside the checkout: python smoke.py [REFERENCE.json], which fails where figures differ by over 1e-9.
"""

import json
import sys
import tempfile
from pathlib import Path

import lifecast as lc

TOLERANCE = 1e-9


MODELS = {
    "Pareto/NBD": lambda: lc.CLTV(lc.ParetoNBD()),
    "BG/NBD in groups": lambda: lc.CLTV(lc.BGNBD(groups="parity"), lc.GammaGamma(groups="parity")),
    "MBG/NBD, log-normal": lambda: lc.CLTV(lc.MBGNBD(covariates=["parity"]), lc.LogNormal()),
}


def figures() -> dict[str, float]:
    """Fits and forecasts with fixed seeds, through every kind of file."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        log = lc.datasets.load_cdnow(sample=True)
        log["parity"] = (log["customer_id"] % 2).map({0: "even", 1: "odd"})
        log.to_csv(place / "log.csv", index=False)
        made = lc.rfm_summary(place / "log.csv", observation_end="1997-09-30", attributes=["parity"])
        made.save(place / "rfm.parquet")
        rfm = lc.RFM.load(place / "rfm.parquet")
        for name, model in MODELS.items():
            model().fit(rfm, method="laplace", random_seed=1).save(place / "model.nc")
            fitted = lc.load(place / "model.nc")
            forecast = fitted.forecast(rfm, 39, annual_discount_rate=0.1, worlds=200, random_seed=1)
            lc.report(forecast, place / "report.html", model=fitted)
            some = forecast.customers.iloc[::500].set_index("customer_id")
            for table in (fitted.parameters, forecast.total, some):
                numbers = table.select_dtypes("number")
                found |= {
                    f"{name}: {row} {column}": float(value)
                    for row, values in numbers.iterrows()
                    for column, value in values.items()
                }
    return found


def main() -> None:
    """Print the figures, or hold them against others'."""
    found = figures()
    print(json.dumps(found, indent=1))
    if len(sys.argv) > 1:
        other = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
        far = {
            name: (value, other[name])
            for name, value in found.items()
            if not abs(value - other[name]) <= TOLERANCE * max(1.0, abs(other[name]))
        }
        if far:
            raise SystemExit(f"{len(far)} of {len(found)} figures differ by more than {TOLERANCE}: {far}")
        print(f"{len(found)} figures are equal to {TOLERANCE}", file=sys.stderr)


if __name__ == "__main__":
    main()
