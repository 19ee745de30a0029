"""Some of a forecast's customers: who they are, and what the forecast says of them alone."""

from dataclasses import replace
from typing import Any

import numpy as np

from lifecast.arrays import Integers
from lifecast.errors import DataError, SettingsError
from lifecast.rfm import RFM
from lifecast.simulation import Simulation


def chosen(rfm: RFM, who: Any) -> Integers:
    """Places of the customers meant: all (None), one truth value for each, or "attribute=value".

    Raises
    ------
    SettingsError
        The RFM has no such attribute, or no customer has that value.
    DataError
        The sequence has another length than the RFM.
    """
    if who is None:
        return np.arange(len(rfm))
    if isinstance(who, str):
        name, _, value = who.partition("=")
        if name not in rfm.attributes or not value:
            raise SettingsError(
                f'who={who!r}: needed "attribute=value" of one of the attributes '
                f"{', '.join(rfm.attributes) or '(none)'}. Pass attributes=[...] to rfm_summary."
            )
        values = rfm.attributes[name].to_pandas().astype(str)
        picked = np.flatnonzero((values == value).to_numpy())
        if not picked.size:
            known = ", ".join(sorted(values.unique())[:10])
            raise SettingsError(f"who={who!r}: no customer has this value; {name} is one of {known}.")
        return picked
    flags = np.asarray(who)
    if flags.shape != (len(rfm),) or flags.dtype != bool:
        raise DataError(
            f"who= has shape {flags.shape} and type {flags.dtype}; needed one true or false for each of the "
            f"{len(rfm):,} customers, in the order of forecast.customers."
        )
    return np.flatnonzero(flags)


def only(simulation: Simulation, places: Integers) -> Simulation:
    """The same simulation of some of its customers alone: their futures are the same to the last bit."""
    rfm = simulation.rfm
    per_customer = (
        "frequency", "recency", "T", "monetary_value", "monetary_log_mean", "monetary_log_sd",
        "monetary_frequency",
    )  # fmt: skip
    arrays: dict[str, Any] = {
        name: None if getattr(rfm, name) is None else getattr(rfm, name)[places] for name in per_customer
    }
    some = replace(
        rfm,
        customer_id=rfm.customer_id.take(places),
        attributes={name: values.take(places) for name, values in rfm.attributes.items()},
        report=None,
        holdout=None,
        past=None,
        **arrays,
    )
    return replace(simulation, rfm=some, margin=simulation.margin[places])
