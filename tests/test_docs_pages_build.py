"""Do the pages build without a warning, name all that is public, and ask nothing of the network?"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import typer

import lifecast as lc
from lifecast import plots
from lifecast.cli import app

FROM_ELSEWHERE = re.compile(r"""<(?:script|img|iframe)[^>]*\ssrc="https?:|<link[^>]*\shref="https?:""")
ADD = "name them in docs/reference/"


def test_do_the_pages_build_and_hold_what_they_should(root: Path, tmp_path: Path) -> None:
    """One build, as `make docs` makes it, with warnings as errors: a link to nowhere is one."""
    out = tmp_path / "html"
    command = ["-q", "-W", "--keep-going", "-c", "docs", "-d", str(tmp_path / "doctrees"), ".", str(out)]
    run = subprocess.run([sys.executable, "-m", "sphinx", *command], cwd=root, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    pages = {
        path.relative_to(out).as_posix(): path.read_text(encoding="utf-8") for path in out.rglob("*.html")
    }
    assert missing_names(pages) == [], ADD
    assert missing_commands(pages["docs/reference/command_line.html"]) == []
    assert [page for page, text in pages.items() if FROM_ELSEWHERE.search(text)] == []
    assert formulas_not_drawn(pages["models/cards/bg-nbd.html"]) == []
    for notebook in (root / "notebooks").glob("*.py"):
        assert '<img alt="What the code above draws"' in pages[f"notebooks/{notebook.stem}.html"] or (
            notebook.stem == "from_log_to_budget"
        )


def missing_names(pages: dict[str, str]) -> list[str]:
    """Public names that the reference does not have."""
    reference = "".join(text for page, text in pages.items() if page.startswith("docs/reference/"))
    figures = [f"lifecast.plots.{name}" for name in plots.__all__ if name.startswith("plot_")]
    logs = [f"lifecast.datasets.{name}" for name in lc.datasets.__all__ if not name.isupper()]
    own = [f"lifecast.{name}" for name in lc.__all__ if name != "datasets"]
    return [name for name in [*own, *figures, *logs] if f'id="{name}"' not in reference]


def missing_commands(page: str) -> list[str]:
    """Commands and options that the page does not have."""
    group: Any = typer.main.get_command(app)
    return [
        f"{name} {option.name}"
        for name, command in group.commands.items()
        for option in command.params
        if f"<h2>lifecast {name}" not in page or (not option.hidden and option.opts[0] not in page)
        if option.param_type_name == "option"
    ]


def formulas_not_drawn(card: str) -> list[str]:
    """What of a card stands there as TeX."""
    assert card.count('<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">') >= 5
    return re.findall(r"\$\$|\\frac|\\Gamma", card)


def test_is_a_page_that_asks_the_network_found_out() -> None:
    assert FROM_ELSEWHERE.search('<script async="async" src="https://cdn.example/mathjax.js">')
    assert FROM_ELSEWHERE.search('<link rel="stylesheet" href="https://fonts.example/css">')
    assert not FROM_ELSEWHERE.search('<a href="https://docs.sqlalchemy.org/">')
