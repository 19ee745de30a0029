"""Does every notebook run, top to bottom, and show what its pair with outputs says that it shows?"""

import json
import os
from pathlib import Path
from typing import Any

import jupytext
import matplotlib.pyplot as plt
import nbformat
import pytest
from nbclient import NotebookClient
from shown import run_cell, unlike

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.py"))
MADE_ANEW = "run python docs/execute_notebooks.py"


def text_of(output: dict[str, Any]) -> str:
    """What an output shows in letters."""
    return "".join(output.get("text", output.get("data", {}).get("text/plain", "")))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_does_the_notebook_run_and_show_what_it_says(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = jupytext.read(notebook).cells
    kept = json.loads(notebook.with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
    assert ["".join(cell["source"]) for cell in kept] == [cell.source for cell in source], MADE_ANEW
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(kept):
        if cell["cell_type"] != "code":
            continue
        came = run_cell("".join(cell["source"]), namespace, f"{notebook.name}, cell {number}", echo=True)
        told = "\n".join(text_of(one) for one in cell["outputs"] if "image/png" not in one.get("data", {}))
        assert unlike(told, came) is None, f"cell {number}: {unlike(told, came)}\n{MADE_ANEW}"
        drew = any("image/png" in one.get("data", {}) for one in cell["outputs"])
        assert drew is bool(plt.get_fignums()), f"cell {number}: {MADE_ANEW}"
        plt.close("all")


def test_does_every_pair_have_both_sides_and_figures() -> None:
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == {path.stem for path in NOTEBOOKS}
    for notebook in NOTEBOOKS:
        kept = notebook.with_suffix(".ipynb").read_text(encoding="utf-8")
        assert "image/png" in kept or notebook.stem == "from_log_to_budget"
        assert len(kept) < 500_000


def test_does_a_budget_take_thirty_lines() -> None:
    text = (FOLDER / "from_log_to_budget.py").read_text(encoding="utf-8")
    code = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert len(code) <= 30


def test_does_a_log_open_in_a_jupyter_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # DuckDB behaves differently there: without ipywidgets it refuses any setting of its progress bar.
    monkeypatch.setenv("IPYTHONDIR", os.fspath(tmp_path))
    cell = nbformat.v4.new_code_cell(
        "import lifecast as lc\nprint(lc.rfm_summary(lc.datasets.load_cdnow(sample=True)))"
    )
    notebook = nbformat.v4.new_notebook(cells=[cell])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute(cwd=os.fspath(tmp_path))
    assert "2,357 customers" in text_of(notebook.cells[0].outputs[0])
