"""What code shows when it is run, held against what a page or a notebook says that it shows."""

import ast
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import pandas as pd

TOKEN = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?|[^\W\d_]+|[^\w\s]")
# Draws differ a little between machines and versions of libraries; a table that has changed differs a lot.
WITHIN = 0.1
# Tables as wide as a page has them, and whole.
TABLES: Any = ("display.width", 120, "display.max_columns", 20)


def run_cell(source: str, namespace: dict[str, Any], name: str, *, echo: bool) -> str:
    """Run code and give what it prints; with an echo, what its last expression shows too."""
    tree = ast.parse(source, name)
    last = tree.body.pop() if echo and tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = StringIO()
    with redirect_stdout(printed), pd.option_context(*TABLES):
        exec(compile(tree, name, "exec"), namespace)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), name, "eval"), namespace)
            if value is not None and not repr(value).startswith(
                ("<Axes: ", "Text(", "<matplotlib.")
            ):  # parts of a figure
                print(repr(value))
    return printed.getvalue()


def unlike(told: str, came: str, within: float = WITHIN) -> str | None:
    """Say where what came is not what is told, or nothing where it is.

    Words have to be the same and numbers close: within a share of their size, or two of the last digit told.
    A line of dots stands for anything, and blanks do not count.
    """
    rest = TOKEN.findall(came)
    for place, part in enumerate(re.split(r"^ *\.\.\.$", told, flags=re.MULTILINE)):
        tokens = TOKEN.findall(part)
        starts = range(len(rest) - len(tokens) + 1) if place else range(1)
        found = next((at for at in starts if all(alike(tokens, rest[at:], within))), None)
        if found is None:
            return f"told:\n{part.strip()}\n\ncame:\n{came.strip()}"
        rest = rest[found + len(tokens) :]
    ends_in_dots = told.rstrip().endswith("...")
    return f"came besides:\n{' '.join(rest)}" if rest and not ends_in_dots else None


def alike(told: list[str], came: list[str], within: float) -> Iterator[bool]:
    """Whether each token is the same word, or nearly the same number."""
    yield len(told) <= len(came)
    for one, other in zip(told, came, strict=False):
        if one[-1].isdigit() and other[-1].isdigit():
            a, b = (float(text.replace(",", "")) for text in (one, other))
            unit = 10.0 ** -len(one.partition("e")[0].partition(".")[2])
            yield abs(a - b) <= max(within * abs(a), 2.0 * unit)
        else:
            yield one == other
