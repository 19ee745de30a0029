"""Formulas as MathML, which browsers draw by themselves: no script, and nothing asked of the network."""

from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx


def inline(page: Any, node: nodes.math) -> None:
    """A formula within a line."""
    page.body.append(tex2mathml(node.astext(), as_block=False))
    raise nodes.SkipNode


def block(page: Any, node: nodes.math_block) -> None:
    """A formula that stands by itself."""
    page.body.append(f'<div class="math">{tex2mathml(node.astext(), as_block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
