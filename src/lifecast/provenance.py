"""Where a posterior came from: families and settings, data and versions, ready for JSON."""

from importlib.metadata import version
from typing import Any

from lifecast.families import describe
from lifecast.families.contract import PurchaseFamily, SpendFamily
from lifecast.histories import Histories


def described(purchases: PurchaseFamily, spend: SpendFamily | None) -> dict[str, Any]:
    """The families and their settings, for the provenance of a posterior."""
    return {"purchases": describe(purchases), "spend": None if spend is None else describe(spend)}


def origin(histories: Histories) -> dict[str, Any]:
    """Where a posterior's data came from, and what it was made with."""
    end = histories.observation_end
    return {
        "time_unit": histories.time_unit.name,
        "days": histories.time_unit.days,
        "observation_end": None if end is None else end.isoformat(),
        "customers": len(histories),
        "repeat_buyers": histories.repeat_buyers,
        "data_fingerprint": histories.fingerprint(),
        "versions": {name: version(name) for name in ("lifecast", "numpy", "scipy", "numba")},
    }
