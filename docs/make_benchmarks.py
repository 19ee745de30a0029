"""Turn what benchmarks measured into tables and a figure.

Run: python docs/make_benchmarks.py. Of docs/benchmarks.json, by benchmarks/beside_peers.py --write, of
docs/file_to_file.json, by benchmarks/file_to_file.py --write, and of docs/out_of_core.json, by
benchmarks/out_of_core.py --write. Writes docs/benchmarks.md between its marks, and docs/images/costs.png.
"""

import json
from collections.abc import Callable
from pathlib import Path

import matplotlib
import pandas as pd
from measured import markdown, write

matplotlib.use("Agg")
import matplotlib.pyplot as plt

DOCS = Path(__file__).resolve().parent
PAGE = "benchmarks.md"
TOOLS = {
    "lifecast": {"color": "#00416A", "marker": "o", "linestyle": "-"},
    "lifetimes": {"color": "0.55", "marker": "^", "linestyle": ":"},
    "pymc-marketing": {"color": "#B3480F", "marker": "s", "linestyle": "--"},
}
JOBS = {
    "rfm": ("RFM of a log", "transactions"),
    "point": ("BG/NBD point estimate", "customers"),
    "posterior": ("BG/NBD posterior, per 1,000 effective draws", "customers"),
    "value": ("Value over 12 months, 1,000 draws each\n(lifetimes: one point)", "customers"),
}


def told(row: pd.Series, figure: Callable[[pd.Series], str]) -> str:
    """The figure, or why there is none."""
    return figure(row) if pd.isna(row.get("failed")) else str(row["failed"])


def per_thousand_draws(row: pd.Series) -> float:
    """Seconds per 1,000 effective draws of a posterior, plain seconds of anything else."""
    return float(row["seconds"] * (1.0 if pd.isna(row["effective"]) else 1000 / row["effective"]))


def table(figures: pd.DataFrame, job: str) -> str:
    """A row per size, a column per tool: seconds, the ratio to lifecast's, and the memory's peak."""
    of_job = figures[figures["job"] == job].sort_values("size", kind="stable")
    rows = {}
    for (data, size), of_size in of_job.groupby(["data", "size"], sort=False):
        by_tool = of_size.set_index("tool")
        ours = by_tool.loc["lifecast", "cost"] if "lifecast" in by_tool.index else None
        cells = []
        for tool in TOOLS:
            if tool not in by_tool.index:
                cells.append("–")
                continue

            def in_words(row: pd.Series, tool: str = tool, ours: float | None = ours) -> str:
                ratio = "" if tool == "lifecast" or ours is None else f", {row['cost'] / ours:,.3g}×"
                return f"{row['cost']:,.3g} s{ratio} ({row['megabytes'] / 1000:.2f} GB)"

            cells.append(told(by_tool.loc[tool], in_words))
        rows[f"{int(size):,}{' (CDNOW)' if data == 'CDNOW' else ''}"] = cells
    shown = pd.DataFrame.from_dict(rows, orient="index", columns=list(TOOLS))
    return markdown(shown.rename_axis(JOBS[job][1]))


def draw(figures: pd.DataFrame) -> None:
    """Cost against size, both logarithmic, a panel per job."""
    figure, axes = plt.subplots(2, 2, figsize=(9, 6.4), layout="constrained")
    for ax, (job, (title, of)) in zip(axes.ravel(), JOBS.items(), strict=True):
        for tool, style in TOOLS.items():
            line = figures[(figures["job"] == job) & (figures["tool"] == tool)].sort_values("size")
            if line.empty:
                continue
            ax.plot(line["size"], line["cost"], **style, markersize=5, label=tool)
            if not pd.isna(line["failed"].iloc[-1]):
                last = line.dropna(subset=["cost"]).iloc[-1]
                beyond = f"{int(line['size'].iloc[-1]):,}:\n{line['failed'].iloc[-1]}"
                ax.annotate(
                    beyond, (last["size"], last["cost"]),
                    xytext=(6, -2), textcoords="offset points", fontsize=8, color=style["color"],
                )  # fmt: skip
        ax.set(xscale="log", yscale="log", xlabel=of, ylabel="seconds")
        ax.margins(x=0.12, y=0.15)
        ax.set_title(title, fontsize=10, loc="left")
        ax.grid(alpha=0.3)
    axes[0, 0].legend(frameon=False)
    figure.savefig(DOCS / "images" / "costs.png", dpi=100, metadata={"Software": None})
    plt.close(figure)


def from_file_to_file() -> None:
    """Write what customers in Parquet take to their values in Parquet."""
    kept = json.loads((DOCS / "file_to_file.json").read_text())
    rows = {
        f"{row['customers']:,}": [
            f"{row['worlds']:,}",
            f"{row['fit']:,.1f} s",
            f"{row['forecast']:,.1f} s",
            f"{row['megabytes'] / 1000:.2f} GB",
        ]
        for row in kept["figures"]
    }
    columns = ["worlds", "fit, CPU time", "forecast, CPU time", "peak of memory"]
    shown = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    write(PAGE, "file to file", markdown(shown.rename_axis("customers")))
    write(PAGE, "file to file, where", f"Measured on {kept['machine']}.")


def larger_than_memory() -> None:
    """Write what each stage takes from a log that no memory holds to every customer's value."""
    kept = json.loads((DOCS / "out_of_core.json").read_text())
    said = {
        "rfm": "RFM of the log, with its past",
        "fit of purchases alone": "posterior of purchases",
        "fit": "posterior of purchases and spend, with the market",
        "forecast": f"every customer's value, {kept['worlds']:,} worlds",
    }
    rows = {
        said[row["stage"]]: [f"{row['cpu']:,.0f} s", f"{row['peak'] / 1000:.2f} GB"]
        for row in kept["figures"]
    }
    shown = pd.DataFrame.from_dict(rows, orient="index", columns=["CPU time", "peak of memory"])
    write(PAGE, "out of core", markdown(shown.rename_axis("stage")))
    write(
        PAGE,
        "out of core, of what",
        f"{kept['transactions']:,} transactions of {kept['customers']:,} customers; DuckDB's memory is "
        f"limited to {kept['memory_limit']}. Measured on {kept['machine']}.",
    )


def main() -> None:
    """Write the page and its figure."""
    kept = json.loads((DOCS / "benchmarks.json").read_text())
    figures = pd.DataFrame(kept["figures"])
    if "failed" not in figures:
        figures["failed"] = None
    figures["cost"] = figures.apply(per_thousand_draws, axis=1)
    for job in JOBS:
        write(PAGE, job, table(figures, job))
    start_up = figures[~figures["job"].isin(JOBS)].set_index("job")[["seconds"]]
    write(PAGE, "start-up", markdown(start_up.map("{:.2f} s".format).rename_axis("")))
    write(PAGE, "machine", f"Measured on {kept['machine']}.")
    draw(figures)
    from_file_to_file()
    larger_than_memory()


if __name__ == "__main__":
    main()
