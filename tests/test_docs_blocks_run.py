"""Does every block of code in the README and docs/ run as printed, and show what the page says that it shows?

A page's blocks run top to bottom, in a folder of the page's own; its Python blocks share one namespace, as in
a session. What stands in a fence right after a Python block, or under a command, is held against what came:
words are the same, numbers close, and a line of dots stands for anything. Two comments in a page speak
to this test: ``<!-- not run: why -->`` before a block, and ``<!-- needs: java -->`` anywhere, for all of it.

Docstring examples run too: pytest collects them from src/ itself (--doctest-modules in pyproject.toml).
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from shown import run_cell, unlike

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^(`{3,})([^`\n]*)\n(.*?)^\1 *$", re.MULTILINE | re.DOTALL)
NOT_RUN = re.compile(r"<!-- not run: (.+?) -->\s*\Z", re.DOTALL)
NEEDS = re.compile(r"<!-- needs: (.+?) -->")
RUN = ("python", "sh", "console")
# Shown to people, not to a machine; and parts of the code, which other tests hold against it.
READ = ("text", "py", "toml", "sql", "json", "diff", "{toctree}", "{eval-rst}")


@dataclass(frozen=True)
class Block:
    """A fence of a page: its language, its code, and what the page says that it shows."""

    language: str
    code: str
    told: str | None
    line: int


def blocks_of(text: str) -> list[Block]:
    """A page's blocks that are to be run; the others are of a kind that nobody runs, or say why not."""
    fences = list(FENCE.finditer(text))
    blocks = []
    for place, fence in enumerate(fences):
        language, code, line = fence[2].strip(), fence[3], text.count("\n", 0, fence.start(3)) + 1
        before = fences[place - 1] if place else None
        shown = before and before[2].strip() == "python" and not text[before.end() : fence.start()].strip()
        if language == "" and shown:
            continue
        assert language in RUN + READ, f"line {line}: which language is it, or is it text?"
        if language in READ or NOT_RUN.search(text[: fence.start()]):
            continue
        after = fences[place + 1] if place + 1 < len(fences) else None
        told = after and not after[2].strip() and not text[fence.end() : after.start()].strip()
        blocks.append(Block(language, code, after[3] if after and told else None, line))
    return blocks


def commands_of(block: Block) -> list[tuple[str, str | None]]:
    """The commands of a block, each with what the page says that it prints."""
    code = block.code.replace("\\\n", " ")
    if block.language == "sh":
        return [(line, None) for line in code.splitlines() if line.strip() and not line.startswith("#")]
    parts = re.split(r"^\$ (.*)$", code, flags=re.MULTILINE)
    assert not parts[0].strip(), f"line {block.line}: a console begins with a command, after a dollar sign"
    return [
        (command, told if told.strip() else None)
        for command, told in zip(parts[1::2], parts[2::2], strict=True)
    ]


def missing(needs: str) -> list[str]:
    """Programs and modules that a page needs and that are not here."""
    return [name for name in re.split(r",\s*", needs) if not shutil.which(name) and find_spec(name) is None]


def pages() -> list[Path]:
    """The pages that hold fences."""
    candidates = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in candidates if page.is_file() and FENCE.search(page.read_text(encoding="utf-8"))]


def run_commands(block: Block, folder: Path, where: str) -> None:
    """Run a block's commands in a shell, with the commands of this environment first on the path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for command, told in commands_of(block):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=os.environ | {"PATH": path, "COLUMNS": "120"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{where}: {command}\n{done.stdout}{done.stderr}"
        wrong = None if told is None else unlike(told, done.stdout)
        assert wrong is None, f"{where}: {command}\n{wrong}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_do_a_pages_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    for needs in NEEDS.findall(text):
        if missing(needs):
            pytest.skip(f"{page.name} needs {', '.join(missing(needs))}, which is not here")
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks_of(text):
        where = f"{page.name}, line {block.line}"
        if block.language != "python":
            run_commands(block, tmp_path, where)
            continue
        # Newlines for what stands before: tracebacks give the page's lines.
        came = run_cell("\n" * (block.line - 1) + block.code, namespace, str(page), echo=False)
        wrong = None if block.told is None else unlike(block.told, came)
        assert wrong is None, f"{where}: {wrong}"
        if (pyplot := sys.modules.get("matplotlib.pyplot")) is not None:
            pyplot.close("all")  # as a notebook does after each cell


def test_are_blocks_found_and_their_lines_kept() -> None:
    text = "# Title\n\n```python\na = 1\nprint(a)\n```\n```\n1\n```\n\n```sh\nls \\\n  -l\n```\n"
    text += "<!-- not run: no such shop -->\n```sh\nrm shop\n```\n\n```text\nhm\n```\n"
    text += "\n```python\nb = a / 0\n```\n"
    first, second, third = blocks_of(text)
    assert first == Block("python", "a = 1\nprint(a)\n", "1\n", 4)
    assert commands_of(second) == [("ls    -l", None)]
    assert third.told is None and text.splitlines()[third.line - 1] == "b = a / 0"
    console = Block("console", "$ lifecast fit a \\\n  b\nr 0.25\n...\n$ ls\n", None, 1)
    assert commands_of(console) == [("lifecast fit a    b", "\nr 0.25\n...\n"), ("ls", None)]
    with pytest.raises(AssertionError, match="which language"):
        blocks_of("```\nls\n```\n")


def test_is_a_page_that_tells_something_else_found_out() -> None:
    came = "r   0.2518  mean\nalpha 4.793\nb 2,186\n"
    assert unlike(came, came) is None
    assert unlike("r 0.252 mean\n...\n", came) is None
    assert unlike("...\nb 2,190\n", came) is None
    assert "0.3518" in str(unlike("r 0.3518 mean\n...\n", came))
    assert unlike("r 0.2518 median\n...\n", came) is not None
    assert "besides" in str(unlike("r 0.2518 mean\n", came))
    assert unlike("...\nb 2186\nc 1\n", came) is not None


def test_is_a_page_skipped_only_for_what_is_missing() -> None:
    assert missing("bash, lifecast") == []
    assert missing("bash, no_such_program") == ["no_such_program"]
