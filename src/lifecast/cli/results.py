"""A fitted model and a forecast, as the commands print them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lifecast.cli.printing import count, headline, money, number, table

if TYPE_CHECKING:
    import pandas as pd

    from lifecast.forecast import Forecast
    from lifecast.model import CLTV
    from lifecast.parquet_rfm import ParquetRFM
    from lifecast.rfm import RFM
    from lifecast.saved_forecast import SavedForecast

BEST = 10


def print_fit(model: "CLTV", customers: "RFM | ParquetRFM") -> None:
    """What was learned, and whether to trust it."""
    families = " and ".join(family.name for family in (model.purchases, model.spend) if family is not None)
    headline(f"Parameters of {families}, {len(customers):,} customers, times in {customers.time_unit}s")
    print_parameters(model)
    headline("Diagnostics")
    print_diagnostics(model)


def print_parameters(model: "CLTV") -> None:
    """Posterior mean, sd and central 90% interval of every parameter."""
    rows = [
        [str(name), *(number(row[column]) for column in ("mean", "sd", "lower", "upper"))]
        for name, row in model.parameters.to_dict("index").items()
    ]
    table(["parameter", "mean", "sd", "5%", "95%"], rows)


def print_diagnostics(model: "CLTV") -> None:
    """What the fit was held against."""
    rows = [
        [
            *(check["part"], check["check"], number(check["figure"]), check["threshold"]),
            "passed" if check["passed"] else "FAILED",
        ]
        for check in model.diagnostics.to_dict("records")
    ]
    table(["part", "check", "figure", "needed", ""], rows, words=("check", "needed", ""))


def print_forecast(result: "Forecast | SavedForecast", customers: "pd.DataFrame") -> None:
    """All customers' sums, and the best of these customers."""
    headline(f"The next {result.horizon:g} {result.time_unit}s of {result.members.count:,} customers")
    print_total(result)
    by = "of highest CLTV" if "cltv" in customers else "who will buy most"
    headline(f"The {min(BEST, len(customers))} customers {by}")
    print_customers(customers, result.interval)


def best_customers(path: str) -> "pd.DataFrame":
    """Those of highest CLTV, or who will buy most, in a file that a forecast wrote."""
    import duckdb

    with duckdb.connect() as connection:
        customers = connection.read_parquet(path)
        by = "cltv" if "cltv" in customers.columns else "purchases"
        best: pd.DataFrame = customers.order(f"{by} DESC, customer_id").limit(BEST).df()
    return best


def print_customers(customers: "pd.DataFrame", interval: float) -> None:
    """The customers of highest CLTV, or of most purchases; beside what really happened where it is known."""
    has_money, has_truth = "cltv" in customers, "value_actual" in customers
    columns = ["customer", "alive", "purchases"]
    columns += ["each time", "CLTV", f"{interval:.0%} interval"] if has_money else ["buys at all"]
    columns += ["really", ""] if has_truth else []
    rows = []
    for customer in customers.nlargest(BEST, "cltv" if has_money else "purchases").to_dict("records"):
        cells = [str(customer["customer_id"]), f"{customer['p_alive']:.2f}", f"{customer['purchases']:.1f}"]
        if not has_money:
            cells += [f"{customer['p_purchase']:.2f}"]
        else:
            lower, upper = customer["cltv_lower"], customer["cltv_upper"]
            cells += [f"{customer['spend_per_purchase']:,.2f}", money(customer["cltv"])]
            cells += [f"{money(lower)} to {money(upper)}"]
            if has_truth:
                truth = customer["value_actual"]
                cells += [money(truth), "held" if lower <= truth <= upper else "MISSED"]
        rows.append(cells)
    table(columns, rows, words=("",))


def print_total(forecast: "Forecast | SavedForecast", actual: Mapping[str, float] | None = None) -> None:
    """The sums over all customers, beside those that really happened where they are known."""
    columns = ["all customers", "mean", f"{forecast.interval:.0%} interval"]
    columns += ["really", "off the mean", ""] if actual else []
    rows = []
    for measure, total in forecast.total.to_dict("index").items():
        cells = [str(measure).replace("_", " "), count(total["mean"])]
        cells += [f"{count(total['lower'])} to {count(total['upper'])}"]
        if actual is None:
            rows.append(cells)
        elif (truth := actual.get(str(measure))) is not None:
            held = total["lower"] <= truth <= total["upper"]
            cells += [count(truth), f"{truth / total['mean'] - 1:+.1%}", "held" if held else "MISSED"]
            rows.append(cells)
    table(columns, rows, words=("",))
