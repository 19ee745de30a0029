"""Run the notebooks and keep what they show: notebooks/*.py, in percent cells, to the .ipynb beside each.

Run: python docs/execute_notebooks.py [name ...]. Without names, all of them. Edit the .py only.
"""

import base64
import io
import sys
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from PIL import Image

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
# Figures and tables as wide as a page has them.
SETUP = """
%config InlineBackend.print_figure_kwargs = {'dpi': 80, 'bbox_inches': 'tight'}
import pandas as pd
pd.set_option("display.width", 120)
"""
COLOURS = 64  # of a figure: what it needs, and no more


def executed(source: Path) -> Any:
    """The notebook with the outputs of a run from top to bottom."""
    notebook = jupytext.read(source)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(SETUP))
    NotebookClient(notebook, timeout=600, kernel_name="python3").execute(cwd=str(NOTEBOOKS))
    del notebook.cells[0]
    notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    for number, cell in enumerate(notebook.cells):
        cell["id"], cell["metadata"] = f"cell-{number}", {}
        if cell.cell_type == "code":
            cell["execution_count"] = None
            cell["outputs"] = [kept(output) for output in cell["outputs"] if not names_artist(output)]
    return notebook


def names_artist(output: Any) -> bool:
    """Whether it is only the name of a part of a figure: its axes, or their title."""
    return output.get("data", {}).get("text/plain", "").startswith(("<Axes: ", "Text(", "<matplotlib."))


def kept(output: Any) -> Any:
    """An output without what differs from run to run, its figure in few colours."""
    if "execution_count" in output:
        output["execution_count"] = None
    data = output.get("data", {})
    if "image/png" in data:
        small = io.BytesIO()
        image = Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB")
        image.quantize(COLOURS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
        output["data"] = {"image/png": base64.b64encode(small.getvalue()).decode()}
        output["metadata"] = {}
    return output


def main(names: list[str]) -> None:
    """Write the pairs."""
    for source in sorted(NOTEBOOKS.glob("*.py")):
        if not names or source.stem in names:
            target = source.with_suffix(".ipynb")
            nbformat.write(executed(source), target)
            print(f"{target.name}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
