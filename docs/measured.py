"""Puts what a script measured into a page of these docs, between the marks that name it."""

import re
from pathlib import Path

import pandas as pd

DOCS = Path(__file__).resolve().parent


def markdown(table: pd.DataFrame) -> str:
    """A table of strings with its index, which holds the first column."""
    rows = [[table.index.name or "", *table.columns], ["---"] + ["---:"] * len(table.columns)]
    rows += [[str(name), *row] for name, row in zip(table.index, table.to_numpy(), strict=True)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def write(page: str, name: str, text: str) -> None:
    """Put a measured text where the page, named from this folder, wants it."""
    path = DOCS / page
    place = re.compile(rf"(<!-- measured: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    old = path.read_text(encoding="utf-8")
    if not place.search(old):
        raise SystemExit(f"{path} has no place for {name}.")
    path.write_text(place.sub(lambda found: f"{found[1]}{text}\n{found[2]}", old), encoding="utf-8")
    print(f"\n{name}\n{text}", flush=True)
