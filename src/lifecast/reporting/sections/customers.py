"""Which customers: classes of them, and the best."""

import math
from typing import TYPE_CHECKING

import numpy as np

from lifecast import plots
from lifecast.families.contract import DiscreteTime
from lifecast.forecast import Forecast
from lifecast.model import CLTV
from lifecast.reporting.images import image
from lifecast.reporting.parts import Column, Figure, Section, table_of, with_bounds
from lifecast.reporting.sections.words import best_tenth, worth_of

if TYPE_CHECKING:
    from lifecast.planning.segments import Segments

BEST = 100  # customers in the table: more belong into a file


def segments(found: "Segments") -> Section:
    """Classes of customers, what they bring, and what makes them."""
    frame = found.segments.reset_index()
    frame["rule"] = found.rules["rule"].reindex(frame["segment"]).to_list()
    columns = (
        Column("segment", "Segment"), Column("customers", "Customers", "count"),
        Column("customer_share", "Of customers", "share"),
        *with_bounds("discounted_value", "Discounted value", "money"),
        *with_bounds("share", "Of all", "share"), Column("rule", "Who", "words"),
    )  # fmt: skip
    if "discounted_value" not in frame:
        columns = (*columns[:3], *with_bounds("purchases", "Purchases", "number"), *columns[6:])
    return Section(
        "segments",
        "Segments",
        (
            "Every customer belongs to the first class whose rule fits. Chances are shares of the simulated "
            "futures, so luck is in them: hardly anybody is sure to be among the best.",
        ),
        tables=(table_of(frame, "What the segments bring", columns),),
    )


def customers(forecast: Forecast, model: CLTV | None, found: "Segments | None") -> Section:
    """How customers differ, and the best of them."""
    worth = worth_of(forecast)
    frame = forecast.customers
    if found is not None:
        frame = frame.assign(**{name: found.customers[name].to_numpy() for name in ("segment", "p_top")})
    shown = frame.nlargest(BEST, worth)
    columns = (
        Column("customer_id", "Customer"), Column("segment", "Segment"),
        Column("p_alive", "Still a customer", "chance"), Column("purchases", "Purchases", "number"),
        Column("p_purchase", "Buys at all", "chance"), Column("spend_per_purchase", "Each time", "money"),
        Column("cltv", "Value", "money"),
        Column("cltv_lower", f"{forecast.interval:.0%} interval, from", "money"),
        Column("cltv_upper", "to", "money"),
        Column("p_top", f"Among the best {found.top:.0%}" if found is not None else "", "chance"),
    )  # fmt: skip
    figures: list[Figure] = []
    if best_tenth(forecast.customers[worth].to_numpy(np.float64)) is not None:
        figures.append(image(lambda ax: plots.plot_concentration(forecast, ax)))
        figures.append(image(lambda ax: plots.plot_customer_values(forecast, ax)))
    rfm = forecast.simulation.rfm
    if model is not None and not isinstance(model.purchases, DiscreteTime):
        length = forecast.horizon if math.isfinite(forecast.horizon) else 365.25 / rfm.time_unit.days
        figures.append(
            image(
                lambda ax: plots.plot_customer_map(model, rfm, ax=ax),
                lambda ax: plots.plot_customer_map(model, rfm, length, ax),
            )
        )
    return Section(
        "customers",
        "Customers",
        (
            f"The {len(shown):,} customers of whom most is expected. A single customer's interval is wide: "
            "it bounds what this customer will really bring, luck included.",
        ),
        figures=tuple(figures),
        tables=(table_of(shown, f"The best {len(shown):,} of {len(frame):,} customers", columns),),
    )
