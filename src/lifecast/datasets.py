"""Logs to learn and test with: real ones, and simulated shops whose truth is known."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lifecast.errors import LifecastError
from lifecast.simulated_shop import DEFAULT_CHANNELS, Channel, Offer, SimulatedShop, Truth, simulate_shop

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "DEFAULT_CHANNELS",
    "Channel",
    "Offer",
    "SimulatedShop",
    "Truth",
    "load_cdnow",
    "simulate_shop",
]


def load_cdnow(sample: bool = False) -> "pd.DataFrame":
    """Load CDNOW: the purchases to the middle of 1998 of everyone who first bought early in 1997.

    The standard log of the field (Fader & Hardie 2001, "Forecasting repeat sales at CDNOW"). The papers
    observe to 1997-09-30 and hold out the 39 weeks to 1998-06-30.

    Parameters
    ----------
    sample : bool, default False
        True for the one-in-ten sample of 2,357 customers that the papers fit; False for all 23,570.

    Returns
    -------
    pandas.DataFrame
        One row per purchase: `customer_id` (int), `date` (datetime64), `amount` (dollars). A sampled
        customer has the same id as in the full log.

    Raises
    ------
    LifecastError
        Where the installed lifetimes package does not have the files.

    Examples
    --------
    >>> load_cdnow(sample=True)["customer_id"].nunique()
    2357
    """
    import pandas as pd

    # In the sample, the second column numbers its customers 1 to 2357: it is passed over.
    columns = [0, 2, 4] if sample else [0, 1, 3]
    log = pd.read_csv(
        _lifetimes_file("CDNOW_sample.txt" if sample else "CDNOW_master.txt"),
        sep=r"\s+",
        header=None,
        skiprows=0 if sample else 1,
        usecols=columns,
        dtype={columns[0]: "int64", columns[1]: "str", columns[2]: "float64"},
    )
    log.columns = pd.Index(["customer_id", "date", "amount"])
    log["date"] = pd.to_datetime(log["date"], format="%Y%m%d")
    return log


def _lifetimes_file(name: str) -> Path:
    # Importing lifetimes would change a pandas option, and its dataset module needs pkg_resources.
    spec = find_spec("lifetimes")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "datasets" / name
        if path.exists():
            return path
    raise LifecastError(
        f"{name} was not found. It comes with lifetimes 0.11.3: pip install lifetimes==0.11.3."
    )
