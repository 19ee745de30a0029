"""Where a posterior came from: families and settings, data and versions, ready for JSON."""

from importlib.metadata import version
from typing import Any

import numpy as np

from lifecast.families import describe
from lifecast.families.contract import PurchaseFamily, SpendFamily
from lifecast.rfm import RFM


def described(purchases: PurchaseFamily, spend: SpendFamily | None) -> dict[str, Any]:
    """The families and their settings, for the provenance of a posterior."""
    return {"purchases": describe(purchases), "spend": None if spend is None else describe(spend)}


def origin(rfm: RFM) -> dict[str, Any]:
    """Where a posterior's data came from, and what it was made with."""
    return {
        "time_unit": rfm.time_unit.name,
        "days": rfm.time_unit.days,
        "observation_end": None if rfm.observation_end is None else rfm.observation_end.isoformat(),
        "customers": len(rfm),
        "repeat_buyers": int(np.sum(rfm.frequency > 0)),
        "data_fingerprint": rfm.fingerprint(),
        "versions": {name: version(name) for name in ("lifecast", "numpy", "scipy", "numba")},
    }
