"""Write the tables of docs/reliability.md from what the tests of reliability measured.

Run: python docs/make_reliability.py [--play] [--coverage build/coverage.json]. With --play every case of the
battery of bad inputs is tried again; with --coverage that report of coverage.py is summed up by folder (make
coverage). The other figures come from docs/reliability/*.json, which `pytest --slow --record`,
benchmarks/mutation.py and benchmarks/load.py write.
"""

import json
import sys
import tempfile
import warnings
from collections import Counter
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
    from battery import play as end

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


def count_covered(report: Path) -> None:
    """Keep how many lines and branches of each folder a report of coverage.py has seen run."""
    counts: dict[str, Counter[str]] = {}
    for name, file in json.loads(report.read_text(encoding="utf-8"))["files"].items():
        inside = Path(name).parts[Path(name).parts.index("lifecast") + 1 :]
        part = inside[0] if len(inside) > 1 else "lifecast itself"
        counts.setdefault(part, Counter()).update({key: file["summary"][key] for key in COUNTED})
    keep("coverage", counts)


def coverage(found: dict[str, dict[str, int]]) -> str:
    """How much of each folder is covered."""
    counts = pd.DataFrame(found).T.sort_index()
    counts.loc["all"] = counts.sum()
    shares = pd.DataFrame(
        {
            "lines": counts["num_statements"].map("{:,}".format),
            "covered": (counts["covered_lines"] / counts["num_statements"]).map("{:.1%}".format),
            "branches": counts["num_branches"].map("{:,}".format),
            "covered ": (counts["covered_branches"] / counts["num_branches"]).map("{:.1%}".format),
        }
    )
    of, covered = COUNTED[::2], COUNTED[1::2]
    share = counts.loc["all", list(covered)].sum() / counts.loc["all", list(of)].sum()
    return f"{share:.1%} of lines and branches together.\n\n" + markdown(shares.rename_axis("part"))


def mutation(found: dict[str, dict[str, str]]) -> str:
    """How many mutants of each file were killed, and which were not."""
    mutants = pd.DataFrame(found).T
    mutants["file"] = mutants.index.str.split(": ").str[0]
    mutants["of"] = mutants["file"].str.startswith("kernels/").map({True: "kernels", False: "the forecast"})
    mutants["killed"] = mutants["killed by"] != ""
    mutants["equal"] = mutants["the same because"] != ""
    said = [
        f"Of {len(part):,} mutants of {name} {part.killed.sum():,} were killed, {part.killed.mean():.0%}; "
        f"{part.equal.sum()} of the {(~part.killed).sum()} that survived change no result."
        for name, part in mutants.groupby("of")
    ]
    by_file = mutants.groupby("file")
    counts = pd.DataFrame(
        {
            "mutants": by_file.size(),
            "killed": by_file["killed"].sum(),
            "survived": by_file.size() - by_file["killed"].sum(),
            "of these, no result is another": by_file["equal"].sum(),
        }
    ).map(str)
    alive = [
        f"- `{name}`" + (f": {why}" if why else "")
        for name, why in mutants.loc[~mutants["killed"], "the same because"].items()
    ]
    return "\n".join([*said, "", markdown(counts), "", "Survivors:", "", *alive])


def load(found: dict[str, Any]) -> str:
    """What one process holds after each scoring, and what stood in a file with two writers."""
    before, *after = [f"{megabytes:,}" for megabytes in found["megabytes"]]
    looks = found["two at once"]
    return (
        f"{found['customers']:,} customers in 1,000 worlds, {len(after)} times over in one process. Memory "
        f"held before: {before} MB; after each: {', '.join(after)} MB.\n\nTwo processes scored and wrote "
        f"other numbers into one file, {looks['writes']} times in all. Of {looks['looks']:,} looks at it "
        f"meanwhile {looks['whole']:,} found the whole output of one of them; it changed hands "
        f"{looks['changes']} times."
    )


COUNTED = ("num_statements", "covered_lines", "num_branches", "covered_branches")
TABLES = {
    "bad_inputs": bad_inputs,
    "numerics": numerics,
    "fuzzing": fuzzing,
    "faults": faults,
    "load": load,
    "coverage": coverage,
    "mutation": mutation,
}


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
    if "--coverage" in sys.argv:
        count_covered(Path(sys.argv[sys.argv.index("--coverage") + 1]))
    for mark, text in tables().items():
        write(PAGE, mark, text)
