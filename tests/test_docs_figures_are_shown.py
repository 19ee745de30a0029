"""Does the gallery show every figure that there is, with small pictures that are there?"""

import re
from pathlib import Path

from lifecast import plots

SMALL = 80_000  # bytes


def test_does_the_gallery_show_every_figure(root: Path) -> None:
    page = (root / "docs" / "figures.md").read_text(encoding="utf-8")
    known = {name for name in plots.__all__ if name.startswith("plot_")}
    assert set(re.findall(r"\b(plot_\w+)\(", page)) == known


def test_are_its_pictures_there_small_and_shown(root: Path) -> None:
    page = (root / "docs" / "figures.md").read_text(encoding="utf-8")
    shown = re.findall(r"^!\[[^\]]+\]\((\S+)\)$", page, re.MULTILINE)
    kept = {f"images/figures/{path.name}" for path in (root / "docs/images/figures").iterdir()}
    assert kept == set(shown) and len(shown) == len(kept) >= 25
    assert [name for name in shown if (root / "docs" / name).stat().st_size > SMALL] == []


def test_has_every_picture_the_call_that_makes_it(root: Path) -> None:
    page = (root / "docs" / "figures.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```\n\n(!\[)?", page, re.MULTILINE | re.DOTALL)
    for call, picture in blocks:
        assert bool(picture) == ("plot_" in call), call
