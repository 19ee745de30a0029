"""Models from other packages, and back: lifetimes and pymc-marketing."""

from lifecast.interop.lifetimes import from_lifetimes, to_lifetimes
from lifecast.interop.pymc_marketing import from_pymc_marketing

__all__ = ["from_lifetimes", "from_pymc_marketing", "to_lifetimes"]
