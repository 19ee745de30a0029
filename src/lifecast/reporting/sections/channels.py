"""Where customers come from, and how to spend on it."""

from typing import TYPE_CHECKING

from lifecast import plots
from lifecast.reporting.images import image
from lifecast.reporting.parts import Column, Section, chance_in_words, money, table_of

if TYPE_CHECKING:
    from lifecast.planning.budget import Allocation
    from lifecast.planning.channels import Channels

SURE = 0.9


def channels(found: "Channels") -> Section:
    """What new customers of each channel are worth, against what they cost."""
    table = found.table.reset_index(names="channel")
    pay = [str(name) for name in table.loc[table["probability_pays"] >= SURE, "channel"]]
    rest = [str(name) for name in table.loc[table["probability_pays"] < 1.0 - SURE, "channel"]]
    words = [
        f"Worth what they cost with a probability of {SURE:.0%} or more: {', '.join(pay) or 'none'}. "
        f"Worth less with as much: {', '.join(rest) or 'none'}. Of the others it cannot be said yet.",
        '"May cost" is what may be paid for a customer and still be earned back with the probability asked '
        "for. The value is that of an average customer, so its interval is about what is not known of the "
        "channel; single customers vary far more.",
    ]
    columns = (
        Column("channel", "Channel"), Column("new_customers", "New customers", "count"),
        Column("cost", "Cost", "money"), Column("cac", "Cost of one", "money"),
        Column("value", "Value of one", "money"), Column("value_lower", "Interval, from", "money"),
        Column("value_upper", "to", "money"), Column("value_to_cac", "Value to cost", "number"),
        Column("probability_pays", "Pays", "chance"), Column("probability_best", "Best return", "chance"),
        Column("highest_cac", "May cost", "money"), Column("uplift", "Worth more than the rest by", "share"),
    )  # fmt: skip
    returns = (
        Column("channel", "Channel"), Column("horizon", "Within"), Column("roi", "Return", "share"),
        Column("roi_lower", "Interval, from", "share"), Column("roi_upper", "to", "share"),
        Column("probability_positive", "Pays", "chance"),
    )  # fmt: skip
    payback = (
        Column("channel", "Channel"), Column("days", "Days until earned back", "count"),
        Column("days_lower", "Interval, from", "count"), Column("days_upper", "to", "count"),
        Column("probability_ever", "Ever", "chance"),
    )  # fmt: skip
    return Section(
        "channels",
        "Channels",
        tuple(words),
        figures=(
            image(lambda ax: plots.plot_channels(found, ax), height=1.8 + 0.35 * len(table)),
            image(lambda ax: plots.plot_payback(found, ax), height=4.2),
        ),
        tables=(
            table_of(table, f"A new customer's value, {plots.until(found)}", columns),
            table_of(found.roi.reset_index(), "Returns", returns, folded=True),
            table_of(
                found.payback.reset_index(), "Days until a customer has earned its cost", payback, folded=True
            ),
        ),
    )


def budget(plan: "Allocation") -> Section:
    """How to split a budget, and what it brings."""
    total = plan.total
    columns = (
        Column("channel", "Channel"), Column("budget", "Budget", "money"), Column("share", "Share", "share"),
        Column("new_customers", "New customers", "count"), Column("value", "Their value", "money"),
        Column("value_lower", "Interval, from", "money"), Column("value_upper", "to", "money"),
        Column("profit", "Profit", "money"), Column("roi", "Return", "share"),
        Column("value_of_next", "One more brings", "number"),
    )  # fmt: skip
    named = [name for name in plan.frontier.columns if name not in ("worlds", "profit", "profit_lower", "sd")]
    places = [f"channel {place}" for place in range(len(named))]  # a channel may be called "profit"
    frontier = plan.frontier.rename(columns=dict(zip(named, places, strict=True)))
    ways = (
        Column("worlds", "Made for the worst", "share"), Column("profit", "Profit", "money"),
        Column("profit_lower", "At worst", "money"), Column("sd", "SD", "money"),
        *(Column(place, str(name), "money") for place, name in zip(places, named, strict=True)),
    )  # fmt: skip
    return Section(
        "budget",
        "Budget",
        (
            f"Expected profit {money(total['profit'])}, {money(total['profit_lower'])} to "
            f"{money(total['profit_upper'])}; it is positive with a probability of "
            f"{chance_in_words(total['probability_profit'])}. How many customers more money brings is "
            "learned from the costs so far: far beyond what these have seen it is a guess, and the interval "
            "says so.",
            *((plan.advice,) if plan.advice else ()),
        ),
        figures=(
            image(lambda ax: plots.plot_budget(plan, ax), height=1.8 + 0.5 * len(plan.table)),
            image(lambda ax: plots.plot_frontier(plan, ax)),
        ),
        tables=(
            table_of(plan.table.reset_index(names="channel"), "The budget by channel", columns),
            table_of(frontier, "From the most profitable to the most cautious", ways, folded=True),
        ),
    )
