"""Measure what docs/honest_intervals.md says: its tables and figures.

Run: python docs/make_honest_intervals.py. Some minutes. CDNOW comes with the package; the other logs are used
where they lie in ../shared/data, beside the checkout.
"""

import time
import warnings
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from measured import markdown, write

import lifecast as lc

matplotlib.use("Agg")
import matplotlib.pyplot as plt

PAGE = "honest_intervals.md"
DOCS = Path(__file__).resolve().parent
DATA = DOCS.parent.parent / "shared" / "data"
HORIZONS = (4, 13, 26, 39)
LEVELS = (50, 80, 90, 95)
FORECASTS = {"textbook": "textbook_", "self-backtest": "self_", "lifecast": ""}
STYLE = {
    "textbook": {"color": "#B3480F", "marker": "s"},
    "self-backtest": {"color": "0.6", "marker": "^"},
    "lifecast": {"color": "#00416A", "marker": "o"},
}
# The file, and weeks between origins: a log of six years has enough of them at every twelfth.
OTHER_LOGS = {
    "grocery": ("grocery.parquet", 4),
    "apparel (simulated)": ("apparel.parquet", 12),
    "gift wholesaler": ("online_retail_II_2009_2010.parquet", 4),
}
END = "1997-09-30"


def save(figure: Any, name: str) -> None:
    """Keep a figure beside the page."""
    path = DOCS / "images" / f"honest_{name}.png"
    figure.savefig(path, dpi=100, metadata={"Software": None})
    plt.close(figure)
    print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB")


# -- one forecast ----------------------------------------------------------------------------------


def one_forecast() -> None:
    """CDNOW's 2,357 customers on the day of the papers, and the 39 weeks that came."""
    log = lc.datasets.load_cdnow(sample=True)
    rfm = lc.rfm_summary(log, observation_end=END, holdout_end="1998-06-30")
    assert rfm.holdout is not None and rfm.holdout.value is not None
    model = lc.CLTV().fit(rfm, random_seed=1)
    bare = lc.RFM.from_frame(rfm.to_frame(), time_unit="week")
    forecasts = {
        "`market=None`, the textbook": model.without_market().forecast(rfm, 39, random_seed=1),
        "from the log (the default)": model.forecast(rfm, 39, random_seed=1),
        "from a bare table: the prior": lc.CLTV().fit(bare, random_seed=1).forecast(bare, 39, random_seed=1),
    }
    happened = {
        "purchases": float(rfm.holdout.frequency.sum()),
        "value": float(rfm.holdout.value.sum()),
    }
    rows = {}
    for name, forecast in forecasts.items():
        cells = []
        for measure, actual in happened.items():
            row = forecast.total.loc[measure]
            cells += [
                f"{row['lower']:,.0f} to {row['upper']:,.0f}",
                f"−{1 - row['lower'] / row['median']:.0%} / +{row['upper'] / row['median'] - 1:.0%}",
                "yes" if row["lower"] <= actual <= row["upper"] else "no",
            ]
        rows[name] = cells
    columns = [f"{measure}: {what}" for measure in happened for what in ("90% interval", "width", "holds")]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("market")
    in_words = (
        f"\nWhat came: {happened['purchases']:,.0f} purchases worth {happened['value']:,.0f} dollars. "
        "Width is from the median down and up."
    )
    write(PAGE, "one-forecast", markdown(table) + "\n" + in_words)

    customers = forecasts["from the log (the default)"].customers
    spent = rfm.holdout.value
    rows = {}
    for who, chosen in {
        "all": np.full(len(rfm), True),
        "three repeats or more": rfm.frequency >= 3,
    }.items():
        rows[f"{who} ({chosen.sum():,})"] = [
            f"{lc.evaluation.coverage(spent[chosen], low[chosen], high[chosen]):.0%}"
            for low, high in (
                (customers[f"{kind}_lower"].to_numpy(), customers[f"{kind}_upper"].to_numpy())
                for kind in ("cltv", "cltv_mean")
            )
        ]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["predictive", "credible"])
    write(PAGE, "two-intervals", markdown(table.rename_axis("customers")))

    came = rfm.holdout.period_purchases[:39].cumsum()
    figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
    for (name, forecast), label, colour in zip(
        list(forecasts.items())[:2][::-1],
        ("90% interval of lifecast", "90% interval of the textbook"),
        ("#9FCBE8", "#0072B2"),
        strict=True,
    ):
        so_far = forecast.draws["purchases"].cumsum(axis=1)
        lower, upper = np.quantile(so_far, [0.05, 0.95], axis=0)
        ax.fill_between(forecast.portfolio["end"], lower, upper, color=colour, linewidth=0, label=label)
        print(
            f"{name}: holds the sum so far in {np.mean((lower <= came) & (came <= upper)):.0%} of the weeks"
        )
    ax.plot(forecast.portfolio["end"], came, color="black", linewidth=2, label="what really happened")
    ax.set_title(f"Purchases since {END}, {len(rfm):,} customers of CDNOW")
    ax.set_ylabel("purchases so far")
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color="0.9")
    ax.set_axisbelow(True)
    ax.legend(frameon=False)
    save(figure, "cdnow")

    forecast = forecasts["from the log (the default)"]
    sources = forecast.uncertainty()
    figure, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
    forecast.plot_uncertainty("value", ax=ax, table=sources)
    save(figure, "sources")
    median = rfm.to_frame().query("frequency == 3").head(1)
    one = lc.RFM.from_frame(median, time_unit="week")
    own = model.forecast(one, 39, worlds=10_000, random_seed=1).uncertainty()
    rows = {}
    for name, parts in {
        "2,357 customers": sources,
        "one customer of three repeat purchases": own,
    }.items():
        for measure in ("purchases", "value"):
            row = parts[(parts["measure"] == measure) & (parts["period"] == "total")].iloc[0]
            order = ["market", "parameters", "drift", "timing", "spend"]
            rows[f"{name}, {measure}"] = [f"{max(row[part], 0.0) / row['total']:.0%}" for part in order]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=order)
    write(PAGE, "sources", markdown(table.rename_axis("39 weeks")))


# -- many forecasts --------------------------------------------------------------------------------


def backtests() -> dict[str, lc.Backtest]:
    """Rolling origins on every log there is."""
    plans: dict[str, tuple[Any, int]] = {"CDNOW": (lc.datasets.load_cdnow(sample=True), 4)}
    for name, (file, step) in OTHER_LOGS.items():
        if (DATA / file).is_file():
            plans[name] = str(DATA / file), step
    results = {}
    for name, (log, step) in plans.items():
        clock = time.perf_counter()
        weeks = float(lc.rfm_summary(log, past=False).T.max())
        origins = np.arange(26, weeks - min(HORIZONS) + 1e-9, step)
        with warnings.catch_warnings():  # fits to the first months may fail a check: that is measured too
            warnings.simplefilter("ignore", lc.LifecastWarning)
            results[name] = lc.backtest(log, origins=origins, horizons=HORIZONS, worlds=300, random_seed=1)
        print(f"{name}: {len(origins)} origins, {time.perf_counter() - clock:.0f} s", flush=True)
    return results


def held(table: pd.DataFrame, prefix: str, level: int) -> float:
    """Share of a forecast's intervals of this level that held what came."""
    return float(
        table["actual"].between(table[f"{prefix}lower_{level}"], table[f"{prefix}upper_{level}"]).mean()
    )


def score(table: pd.DataFrame, prefix: str) -> float:
    """Mean interval score of 90% intervals, relative to what came."""
    lower, upper = (table[f"{prefix}{side}_90"].to_numpy() for side in ("lower", "upper"))
    actual = table["actual"].to_numpy()
    return float(np.mean(lc.evaluation.interval_score(actual, lower, upper, 0.9) / actual))


def many_forecasts() -> None:
    """Coverage and score, by log and by horizon."""
    results = backtests()
    tables = {name: result.portfolio.query("actual > 0") for name, result in results.items()}
    every = pd.concat(tables.values())
    rows, parts = {}, {}
    for measure in ("purchases", "value"):
        for name, table in {**tables, "all logs": every}.items():
            of = table[table["measure"] == measure]
            if len(of):
                parts[f"{name}, {measure}"] = of
    for horizon in HORIZONS:
        parts[f"all logs and measures, {horizon} weeks"] = every[every["horizon"] == horizon]
    for name, of in parts.items():
        rows[name] = [
            f"{len(of):,}",
            *(f"{held(of, prefix, 90):.0%}" for prefix in FORECASTS.values()),
            *(f"{score(of, prefix):.2f}" for prefix in FORECASTS.values()),
        ]
    columns = [
        "forecasts",
        *(f"{name} holds" for name in FORECASTS),
        *(f"{name} score" for name in FORECASTS),
    ]
    write(
        PAGE,
        "coverage",
        markdown(pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("90% intervals")),
    )

    figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    axes[0].plot([45, 100], [45, 100], color="black", linewidth=0.8, linestyle="--", label="as promised")
    for name, prefix in FORECASTS.items():
        axes[0].plot(
            LEVELS, [100 * held(every, prefix, level) for level in LEVELS], label=name, **STYLE[name]
        )
    axes[0].set(
        xlabel="probability that an interval promises, %", ylabel="intervals that held what came, %",
        ylim=(0, 102), title="All logs, horizons and measures",
    )  # fmt: skip
    axes[0].legend(frameon=False, loc="lower right")
    by_log = {name: part for name, part in parts.items() if not name.startswith("all")}
    place = np.arange(len(by_log))[::-1]
    for name, prefix in FORECASTS.items():
        shares = [100 * held(of, prefix, 90) for of in by_log.values()]
        axes[1].plot(shares, place, linestyle="", markersize=8, **STYLE[name])
    axes[1].axvline(90, color="black", linewidth=0.8)
    axes[1].set_yticks(place, list(by_log))
    axes[1].set(xlabel="90% intervals that held what came, %", xlim=(0, 104), title="Log by log")
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(color="0.92")
        ax.set_axisbelow(True)
    save(figure, "coverage")

    rows = {}
    for name, result in results.items():
        of_customers = result.customers.query("who == '3 or more repeats' and customers > 0")
        cells = []
        for measure in ("purchases", "value"):
            for forecast in ("textbook", "model"):
                of = of_customers[
                    (of_customers["measure"] == measure)
                    & (of_customers["forecast"] == forecast)
                    & of_customers["horizon"].isin([13, 26])
                ]
                cells.append(
                    f"{np.average(of['coverage_90'], weights=of['customers']):.0%} "
                    f"({np.average(of['expected_coverage_90'], weights=of['customers']):.0%})"
                    if len(of)
                    else ""
                )
        rows[name] = cells
    columns = ["purchases, textbook", "purchases, lifecast", "value, textbook", "value, lifecast"]
    write(
        PAGE,
        "customers",
        markdown(pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("log")),
    )

    failed = tables["CDNOW"].query("measure == 'purchases' and horizon == 26")
    rows = {
        f"{row.origin:%Y-%m-%d}": [
            f"{row.lower_90:,.0f} to {row.upper_90:,.0f}",
            f"{row.actual:,.0f}",
            "yes" if row.lower_90 <= row.actual <= row.upper_90 else "no",
        ]
        for row in failed.itertuples()
    }
    columns = ["90% interval, next 26 weeks", "came", "holds"]
    write(
        PAGE,
        "failure",
        markdown(pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("made on")),
    )


if __name__ == "__main__":
    one_forecast()
    many_forecasts()
