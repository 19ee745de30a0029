"""How Sphinx builds these pages: `make docs`, or sphinx-build -W -c docs . build/docs.

The source folder is the repository itself, so that the links between README, pages, cards and notebooks are
the same here as where the files are read one by one.
"""

import re
import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS / "_extensions"))

project = "lifecast"
author = "the lifecast authors"
copyright = author
release = version = version_of("lifecast")

root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "notebooks/*.ipynb",
    "models/**.md",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
]
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "executed_notebooks",
    "command_reference",
    "mathml",
]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
# A title below a title, or a page that begins with none, is how people write for a repository.
suppress_warnings = ["myst.header"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 80
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
add_module_names = False
default_role = "py:obj"  # a name in backquotes is a link where there is one

html_theme = "alabaster"
html_title = f"lifecast {version}"
html_theme_options = {
    "description": "What each customer will be worth, and how sure that is.",
    "page_width": "1120px",
    "sidebar_width": "240px",
    "fixed_sidebar": True,
    "show_powered_by": False,
}
html_sidebars = {"**": ["about.html", "searchbox.html", "navigation.html"]}
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_additional_pages = {"index": "to_the_pages.html"}
templates_path = ["_templates"]
html_math_renderer = "mathml"
html_show_copyright = False
html_copy_source = False


def shorten(app: Any, what: str, name: str, thing: Any, options: Any, signature: Any, returned: Any) -> Any:
    """Call arrays arrays, and say nothing of how a protocol is made."""
    if getattr(thing, "_is_protocol", False):
        return "", None
    array = re.compile(r"(?:~?numpy\.)?ndarray\[tuple\[.*?\], (?:~?numpy\.)?dtype\[[^\]]*\]\]")
    return tuple(array.sub("array", text) if text else text for text in (signature, returned))


def setup(app: Any) -> None:
    """Tell Sphinx."""
    app.connect("autodoc-process-signature", shorten)
