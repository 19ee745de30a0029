"""Figures as images that stand in the page itself."""

import warnings
from base64 import b64encode
from collections.abc import Callable
from io import BytesIO
from typing import Any

from lifecast.reporting.parts import Figure

# Text stays text, in the reader's fonts; the same figure has the same bytes.
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "lifecast",
    "font.family": "sans-serif",
    "font.size": 10,
}


def image(draw: Callable[[Any], Any], *more: Callable[[Any], Any], height: float = 3.8) -> Figure:
    """An SVG of one axes, or of several beside each other, inside a data URI.

    Parameters
    ----------
    draw, more
        Each is called with matplotlib axes.
    height : float, default 3.8
        In inches; the figure is 8 wide.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure as Drawing

    drawings = (draw, *more)
    file = BytesIO()
    style = STYLE | ({"axes.titlesize": 10} if more else {})
    with rc_context(style), warnings.catch_warnings():
        # Names may be in any script; the reader's fonts have what matplotlib's own lack.
        warnings.filterwarnings("ignore", r"Glyph .* missing from", UserWarning)
        drawing = Drawing(figsize=(8, height), layout="constrained")
        axes = drawing.subplots(1, len(drawings), squeeze=False)[0]
        for paint, ax in zip(drawings, axes, strict=True):
            paint(ax)
        drawing.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    says = ". ".join(" ".join(ax.get_title().split()) for ax in axes)
    return Figure(f"data:image/svg+xml;base64,{b64encode(file.getvalue()).decode()}", says)
