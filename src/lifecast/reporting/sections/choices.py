"""What would be different, and whom to make an offer."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lifecast import plots
from lifecast.errors import SettingsError
from lifecast.plots.drawing import WORDS
from lifecast.reporting.images import image
from lifecast.reporting.parts import Column, Section, chance_in_words, money, table_of

if TYPE_CHECKING:
    from lifecast.planning.actions import Treatment
    from lifecast.planning.scenarios import Scenario


def scenarios(found: "Mapping[str, Scenario]") -> Section:
    """What other circumstances would bring, beside each other."""
    import pandas as pd

    if not found:
        raise SettingsError("scenarios={}: needed at least one, by name.")
    rows = pd.concat({name: each.total for name, each in found.items()}, names=["change", "measure"])
    rows = rows.reset_index().replace({"measure": WORDS})
    columns = (
        Column("change", "Change"), Column("measure", "Measure"),
        Column("baseline", "As it is", "count"), Column("scenario", "With it", "count"),
        Column("difference", "Difference", "count"), Column("difference_lower", "Interval, from", "count"),
        Column("difference_upper", "to", "count"),
    )  # fmt: skip
    return Section(
        "scenarios",
        "What if",
        (
            "The same customers live through the same worlds with and without each change, so a difference "
            "is surer than either sum. Whether the change can be brought about is not asked here.",
        ),
        figures=(image(lambda ax: plots.plot_scenarios(found, ax=ax), height=1.8 + 0.4 * len(found)),),
        tables=(table_of(rows, "All customers, over the whole horizon", columns),),
    )


def offer(found: "Treatment") -> Section:
    """Whom to make an offer, and what comes of it."""
    total = found.total
    columns = (
        Column("segment", "Segment"), Column("customers", "Customers", "count"),
        Column("gain", "Gain from one", "money"), Column("cost", "Cost of one", "money"),
        Column("probability_pays", "Pays for all of them", "chance"),
        Column("break_even", "Share of the effect that pays", "share"),
        Column("treated", "On the list", "count"), Column("profit", "Profit of these", "money"),
    )  # fmt: skip
    return Section(
        "offer",
        "An offer",
        (
            f"Made to {total['treated']:,.0f} customers, it costs {money(total['cost'])} and is expected to "
            f"bring a profit of {money(total['profit'])}, {money(total['profit_lower'])} to "
            f"{money(total['profit_upper'])}; it pays with a probability of "
            f"{chance_in_words(total['probability_pays'])}. All of it takes the offer's effect as assumed.",
        ),
        tables=(table_of(found.segments.reset_index(names="segment"), "By segment", columns),),
    )
