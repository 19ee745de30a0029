"""Write the tables of docs/reliability.md from what the tests of reliability measured.

Run: python docs/make_reliability.py [--play]. With --play every case of the battery of bad inputs is tried
again. The other figures come from docs/reliability/*.json, which `pytest --slow --record` writes.
"""

import json
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
from measured import markdown, write

DOCS = Path(__file__).resolve().parent
RECORDS = DOCS / "reliability"
PAGE = "reliability.md"


def cell(text: str) -> str:
    """A text as a cell of a table: one line, nothing that Markdown or HTML would take for its own."""
    plain = " ".join(text.split()).replace("|", "¦").replace("<", "&lt;").replace(">", "&gt;")
    return plain.replace("`", "'").replace("*", "\\*").replace("_", "\\_")


def row(area: str, name: str, ends: str) -> str:
    """How a case's row in the table begins; the tests look for it."""
    return f"| {cell(area)} | {cell(name)} | {ends} |"


def said(words: str, folder: str) -> str:
    """The beginning of a message, without the folder of this run."""
    plain = " ".join(words.replace(folder, "").split())
    return plain if len(plain) <= 140 else plain[:137] + "..."


def play() -> None:
    """Try every case of the battery and keep how it ended."""
    sys.path.insert(0, str(DOCS.parent / "tests"))
    from bad_inputs import CASES
    from bad_inputs import play as end

    found = []
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            ending = end(case, Path(folder))
            if ending.how != case.ends:
                raise SystemExit(f"{case.area}, {case.name}: {ending}")
            words = said(ending.words, folder)
            found.append({"area": case.area, "name": case.name, "ends": ending.how, "said": words})
    keep("bad_inputs", found)


def keep(name: str, figures: Any) -> None:
    """Keep figures as the tests do."""
    text = json.dumps(figures, indent=1, ensure_ascii=False) + "\n"
    (RECORDS / f"{name}.json").write_text(text, encoding="utf-8")


def bad_inputs(found: list[dict[str, str]]) -> str:
    """How each bad input ended."""
    rows = [f"{row(one['area'], one['name'], one['ends'])} {cell(one['said'])} |" for one in found]
    ended = pd.Series([one["ends"] for one in found]).value_counts()
    counts = ", ".join(f"{count} {how}" for how, count in ended.items())
    head = ["| where | input | ends | what is said |", "| --- | --- | --- | --- |"]
    return "\n".join([f"{len(found)} inputs: {counts}.", "", *head, *rows])


def numerics(found: list[dict[str, Any]]) -> str:
    """The worst error of each figure."""
    rows = [
        {
            "figure": f"{one['family']}: {one['figure']}",
            "inputs": f"{one['inputs']:,}",
            "worst": f"{one['worst']:.1e}",
        }
        for one in found
    ]
    table = pd.DataFrame(rows).set_index("figure")
    return markdown(table.rename(columns={"worst": "worst relative error"}))


def fuzzing(found: dict[str, dict[str, int]]) -> str:
    """How many damaged files were read, and how many refused."""
    rows = {name: {how: f"{count:,}" for how, count in one.items()} for name, one in found.items()}
    cases = sum(sum(one.values()) for one in found.values())
    return f"{cases:,} damaged files, no crash, no error but lifecast's own.\n\n" + markdown(
        pd.DataFrame(rows).T.rename_axis("reader")
    )


def faults(found: dict[str, int]) -> str:
    """How many faults each output survived."""
    rows = pd.DataFrame({"faults": {name: f"{times:,}" for name, times in found.items()}})
    return f"{sum(found.values()):,} faults, each survived.\n\n" + markdown(
        rows.rename_axis("fault and output")
    )


TABLES = {"bad_inputs": bad_inputs, "numerics": numerics, "fuzzing": fuzzing, "faults": faults}


def tables() -> dict[str, str]:
    """What the page says under each of its marks."""
    return {
        name: make(json.loads((RECORDS / f"{name}.json").read_text(encoding="utf-8")))
        for name, make in TABLES.items()
        if (RECORDS / f"{name}.json").is_file()
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if "--play" in sys.argv:
        play()
    for mark, text in tables().items():
        write(PAGE, mark, text)
