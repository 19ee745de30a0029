"""The pictures of docs/figures.md, each from the call that stands above it on the page.

Run: python docs/images/make_figures.py
"""

import re
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from PIL import Image

PAGE = Path(__file__).parent.parent / "figures.md"
CALL_AND_PICTURE = re.compile(r"^```python\n(.*?)^```\n(?:\n!\[[^\]]*\]\((\S+)\))?", re.MULTILINE | re.DOTALL)
DOTS, COLOURS = 110, 128


def main() -> None:
    """Run the page and keep what it draws: small files, in few colours."""
    known: dict[str, Any] = {}
    for call in CALL_AND_PICTURE.finditer(PAGE.read_text(encoding="utf-8")):
        exec(compile(call[1], str(PAGE), "exec"), known)
        if call[2] is None:
            continue
        figure = plt.gcf()
        held = BytesIO()
        figure.savefig(held, dpi=DOTS)
        path = PAGE.parent / call[2]
        path.parent.mkdir(exist_ok=True)
        few = Image.open(held).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        few.save(path, optimize=True)
        title = " ".join(figure.axes[0].get_title().split())
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB. {title}")
        plt.close(figure)


if __name__ == "__main__":
    main()
