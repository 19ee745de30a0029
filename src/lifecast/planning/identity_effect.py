"""What joining accounts does to frequency and value: a log of accounts held against the log of people."""

import copy
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.errors import DataError
from lifecast.model import CLTV
from lifecast.rfm import RFM

if TYPE_CHECKING:
    import pandas as pd

_DRAWS = 200  # means over customers need no more


def identity_effect(
    apart: RFM,
    joined: RFM,
    *,
    model: CLTV | None = None,
    horizon: Any = "12 months",
    annual_discount_rate: float = 0.10,
    margin: float = 1.0,
    random_seed: int = 0,
) -> "pd.DataFrame":
    """Compare customers as accounts with customers as people: how often they buy, what they will be worth.

    Parameters
    ----------
    apart, joined : RFM
        Of the same log, to the same day: with accounts as customers, and with `join_identities`.
    model : CLTV, optional
        Its families are fitted to each; by default `CLTV()`, or without spend where there are no amounts. It
        is left as it is.
    horizon, annual_discount_rate, margin
        As in `CLTV.forecast`; by default 12 months at 10% a year.
    random_seed : int, default 0

    Returns
    -------
    DataFrame
        Indexed by measure: ``apart``, ``joined``, ``change`` (joined over apart, less one). ``customers``;
        ``repeat_share``, mean ``frequency``, ``recency`` and ``T`` (in the RFM's unit), ``monetary_value``
        (of those who came back); and of the models, in closed form: mean ``p_alive``, ``purchases`` and
        ``cltv`` per customer, and the book's ``total_purchases`` and ``total_cltv``.

    Raises
    ------
    DataError
        Where the two are of different days or units, or joining made more customers.

    Examples
    --------
    >>> import lifecast as lc
    >>> shop = lc.datasets.simulate_shop(customers=1000, random_seed=1)
    >>> people = lc.join_identities(shop.identities, keys=["email", "phone", "loyalty_card"])
    >>> log = shop.log.assign(person=people.customer_of(shop.log["account"]))
    >>> apart, joined = (lc.rfm_summary(log, customer_id=key, past=False) for key in ("account", "person"))
    >>> effect = identity_effect(apart, joined, model=lc.CLTV(market=None))
    >>> bool(effect.loc["frequency", "change"] > 0 and effect.loc["customers", "change"] < 0)
    True
    """
    import pandas as pd

    _check(apart, joined)
    if model is None:
        model = CLTV() if joined.monetary_value is not None else CLTV(spend=None)
    settings = horizon, annual_discount_rate, margin, random_seed
    table = pd.DataFrame(
        {"apart": _measures(apart, model, *settings), "joined": _measures(joined, model, *settings)}
    )
    table["change"] = table["joined"] / table["apart"] - 1.0
    return table.rename_axis("measure")


def _check(apart: RFM, joined: RFM) -> None:
    differ = {
        "observation ends": (apart.observation_end, joined.observation_end),
        "time units": (apart.time_unit, joined.time_unit),
    }
    for what, (one, other) in differ.items():
        if one != other:
            raise DataError(f"The two RFMs have different {what}: {one} and {other}. Make both from one log.")
    if len(joined) > len(apart):
        raise DataError(
            f"The joined RFM has more customers ({len(joined):,}) than the other ({len(apart):,}). Pass "
            "the RFM of accounts first."
        )


def _measures(
    rfm: RFM, model: CLTV, horizon: Any, annual_discount_rate: float, margin: float, random_seed: int
) -> dict[str, float]:
    fitted = copy.copy(model).fit(rfm, draws=_DRAWS, random_seed=random_seed)
    purchases = fitted.expected_purchases(rfm, horizon)
    repeats = rfm.frequency > 0
    measures = {
        "customers": float(len(rfm)),
        "repeat_share": float(repeats.mean()),
        "frequency": float(rfm.frequency.mean()),
        "recency": float(rfm.recency.mean()),
        "T": float(rfm.T.mean()),
        "p_alive": float(fitted.probability_alive(rfm).mean()),
        "purchases": float(purchases.mean()),
        "total_purchases": float(purchases.sum()),
    }
    if rfm.monetary_value is None or model.spend is None:
        return measures
    cltv = fitted.expected_value(rfm, horizon, annual_discount_rate=annual_discount_rate, margin=margin)
    spent = rfm.monetary_value[repeats]
    return measures | {
        "monetary_value": float(np.mean(spent)) if spent.size else math.nan,
        "cltv": float(cltv.mean()),
        "total_cltv": float(cltv.sum()),
    }
