"""From a log to a forecast with the installed lifecast: prints figures as JSON, to be compared.

Run outside the checkout: python smoke.py [REFERENCE.json], which fails where figures differ by over 1e-9.
"""

import json
import sys
import tempfile
from pathlib import Path

import lifecast as lc

TOLERANCE = 1e-9


def figures() -> dict[str, float]:
    """A fit and a forecast with fixed seeds, through every kind of file."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        lc.datasets.load_cdnow(sample=True).to_csv(place / "log.csv", index=False)
        lc.rfm_summary(place / "log.csv", observation_end="1997-09-30").save(place / "rfm.parquet")
        rfm = lc.RFM.load(place / "rfm.parquet")
        lc.CLTV(lc.ParetoNBD()).fit(rfm, method="laplace", random_seed=1).save(place / "model.nc")
        model = lc.load(place / "model.nc")
        forecast = model.forecast(rfm, 39, annual_discount_rate=0.1, worlds=200, random_seed=1)
        lc.report(forecast, place / "report.html", model=model)
    found = {f"parameter {name}": value for name, value in model.parameters["mean"].items()}
    found |= {
        f"total {name} {column}": value
        for name, row in forecast.total.iterrows()
        for column, value in row.items()
    }
    some = forecast.customers.iloc[::500].set_index("customer_id")
    found |= {
        f"customer {who} {column}": value for who, row in some.iterrows() for column, value in row.items()
    }
    return {name: float(value) for name, value in found.items()}


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
