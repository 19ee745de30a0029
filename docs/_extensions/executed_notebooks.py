"""Executed notebooks as pages: their words and code, and below the code what it showed."""

import json
from typing import Any

from docutils import nodes
from myst_parser.parsers.sphinx_ import MystParser
from sphinx.application import Sphinx


def as_markdown(notebook: dict[str, Any]) -> str:
    """The notebook in MyST."""
    parts = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
        else:
            parts.append(f"```python\n{source}\n```")
            parts.extend(shown(output) for output in cell["outputs"])
    return "\n\n".join(parts) + "\n"


def shown(output: dict[str, Any]) -> str:
    """One output: a figure where there is one, else a table, else text."""
    data = {kind: "".join(value) for kind, value in output.get("data", {}).items()}
    if "image/png" in data:
        image = data["image/png"].replace("\n", "")
        return raw_html(f'<p><img alt="What the code above draws" src="data:image/png;base64,{image}"></p>')
    if "text/html" in data:
        return raw_html(f'<div class="output">{data["text/html"]}</div>')
    text = data.get("text/plain", "".join(output.get("text", "")))
    return f"```text\n{text.rstrip()}\n```"


def raw_html(text: str) -> str:
    """HTML as it is."""
    return f"```{{raw}} html\n{text}\n```"


class NotebookParser(MystParser):
    """Reads .ipynb as MyST reads .md."""

    supported = ("ipynb",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Hand MyST the notebook as Markdown."""
        super().parse(as_markdown(json.loads(inputstring)), document)


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx."""
    app.add_source_suffix(".ipynb", "ipynb")
    app.add_source_parser(NotebookParser)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
