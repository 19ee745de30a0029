"""What the plan command prints of its tables."""

from typing import TYPE_CHECKING

from lifecast.cli.case import Case
from lifecast.cli.printing import count, headline, money, say, table

if TYPE_CHECKING:
    from lifecast.planning.actions import Treatment
    from lifecast.planning.budget import Allocation
    from lifecast.planning.channels import Channels
    from lifecast.planning.portfolio import CashFlow
    from lifecast.planning.scenarios import Scenario
    from lifecast.planning.segments import Segments


def print_plan(case: Case) -> None:
    """What was found, the most important of each."""
    found, level = case.results, f"{case.outlook.get('interval', 0.9):.0%} interval"
    if "identity" in found:
        people, effect = found["identity"]
        headline("Accounts joined into people")
        say(people)
        if "cltv" in effect.index:
            say(f"A person is worth {effect.loc['cltv', 'change']:+.0%} as against an account.")
    print_segments(found["segments"], level)
    print_equity(found["cash_flow"])
    if "channels" in found:
        print_channels(found["channels"], level)
    if "scenarios" in found:
        print_scenarios(found["scenarios"], level)
    if "offer" in found:
        print_offer(found["offer"])
    if "allocation" in found:
        print_budget(found["allocation"], level)
    if "watched" in found:
        since, watched = found["watched"]
        headline(f"A forecast from {since} against what came")
        for measure, each in watched.items():
            outside = int(each.table["misses"].iloc[-1])
            say(
                f"{measure}: outside the interval in {outside} of {len(each.table)} periods, "
                f"{each.table['expected_misses'].iloc[-1]:.1f} were to be expected: "
                f"{'ALARM, the forecast does not hold' if each.alarm else 'no alarm'} "
                f"(p = {each.p_value:.2g})."
            )
    say()


def print_segments(classes: "Segments", level: str) -> None:
    """What each class of customers is and will bring."""
    headline("Segments")
    rows = [
        [
            str(name), count(row["customers"]), f"{row['share']:.0%}",
            f"{row['share_lower']:.0%} to {row['share_upper']:.0%}",
        ]
        for name, row in classes.segments.to_dict("index").items()
    ]  # fmt: skip
    table(["segment", "customers", "of value", level], rows)
    for name, rule in classes.rules["rule"].items():
        say(f"{name}: {rule}.")


def print_equity(flow: "CashFlow") -> None:
    """What customers there and yet to come are worth, all together."""
    if flow.equity is None:
        return
    headline("Customer equity within the horizon")
    columns = ["customers", "value", "from", "to"]
    with_costs = "net" in flow.equity
    everybody = flow.equity[flow.equity.index.get_level_values("group") == "all"].droplevel("group")
    rows = [
        [
            str(name), count(row["mean"]), count(row["lower"]), count(row["upper"]),
            *([count(row["cost"]), count(row["net"])] if with_costs else []),
        ]
        for name, row in everybody.to_dict("index").items()
    ]  # fmt: skip
    table([*columns, *(["cost", "net"] if with_costs else [])], rows)


def print_channels(found: "Channels", level: str) -> None:
    """What customers of each channel are worth, against what they cost."""
    headline(f"A new customer's value, {found.horizons[-1]} from the first purchase on")
    rows = [
        [
            str(name), money(row["value"]), f"{money(row['value_lower'])} to {money(row['value_upper'])}",
            money(row["cac"]), money(row["highest_cac"]), f"{row['probability_pays']:.0%}",
        ]
        for name, row in found.table.to_dict("index").items()
    ]  # fmt: skip
    table(["channel", "value", level, "cost", "may cost", "pays"], rows)


def print_scenarios(found: "dict[str, Scenario]", level: str) -> None:
    """What each scenario would change of the value, or of purchases where there is none."""
    headline("Scenarios")
    rows = []
    for name, each in found.items():
        row = each.total.iloc[-1]
        bounds = f"{count(row['difference_lower'])} to {count(row['difference_upper'])}"
        rows.append([name, count(row["baseline"]), count(row["difference"]), bounds])
    table(["scenario", "as it is", "difference", level], rows)


def print_offer(offer: "Treatment") -> None:
    """Whom to make the offer, in all."""
    total = offer.total
    headline("The offer")
    say(
        f"To {count(total['treated'])} of {len(offer.customers):,} customers, at a cost of "
        f"{count(total['cost'])}: profit {count(total['profit'])}, {count(total['profit_lower'])} to "
        f"{count(total['profit_upper'])}."
    )


def print_budget(plan: "Allocation", level: str) -> None:
    """The budget by channel, and what it is expected to bring."""
    total = plan.total
    headline(f"A budget of {count(total['budget'])}")
    rows = [
        [
            str(name), count(row["budget"]), count(row["new_customers"] + row.get("treated", 0)),
            count(row["value"]),
            f"{count(row['value_lower'])} to {count(row['value_upper'])}", f"{row['value_of_next']:.2f}",
        ]
        for name, row in plan.table.to_dict("index").items()
    ]  # fmt: skip
    table(["channel", "budget", "customers", "value", level, "of the next 1"], rows)
    say(
        f"Profit {count(total['profit'])}, {count(total['profit_lower'])} to {count(total['profit_upper'])}; "
        f"positive with {total['probability_profit']:.0%}."
    )
    if plan.advice:
        say(plan.advice)
