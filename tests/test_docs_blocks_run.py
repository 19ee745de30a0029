"""Does every Python block in the README and docs/ run as printed, top to bottom, one page one namespace?

Docstring examples run too: pytest collects them from src/ itself (--doctest-modules in pyproject.toml).
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks_of(text: str) -> list[str]:
    """A page's Python blocks, with newlines for what stands before each: tracebacks give the page's lines."""
    return ["\n" * text.count("\n", 0, match.start(1)) + match.group(1) for match in BLOCK.finditer(text)]


def pages() -> list[Path]:
    """The pages that hold Python blocks."""
    candidates = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in candidates if page.is_file() and blocks_of(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_do_a_pages_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks_of(page.read_text(encoding="utf-8")):
        exec(compile(block, str(page), "exec"), namespace)


def test_are_blocks_found_and_their_lines_kept() -> None:
    text = "# Title\n\n```python\na = 1\n```\n\n```bash\nls\n```\n\n```python\nb = a / 0\n```\n"
    first, second = blocks_of(text)
    assert first == "\n\n\na = 1\n"
    namespace: dict[str, object] = {}
    exec(first, namespace)
    with pytest.raises(ZeroDivisionError) as caught:
        exec(compile(second, "page.md", "exec"), namespace)
    assert caught.traceback[-1].lineno + 1 == text.splitlines().index("b = a / 0") + 1
