"""Does any committed file name a package registry's host, or a place that only one machine has?"""

import re
import subprocess
from pathlib import Path

import pytest

# In pieces, so that this file does not hold them itself.
HOSTS = [
    "pypi" + ".org",
    "python" + "hosted",
    "registry.npm" + "js",
    "conda." + "anaconda",
    "deb." + "debian",
]
PLACES = [
    "file:" + "//",
    "/opt/" + "wheels",
    "/opt/" + "pypi",
    "/work/" + "main",
    "/root/" + ".",
]
FORBIDDEN = re.compile("|".join(map(re.escape, HOSTS + PLACES)), re.IGNORECASE)


def committed_texts(root: Path) -> dict[str, str]:
    """Every text file that git tracks, by its path."""
    if not (root / ".git").exists():
        pytest.skip("not a git checkout, so there is nothing to say what is committed")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True
    ).stdout
    files = [name for name in listed.split("\0") if name and (root / name).is_file()]
    contents = {name: (root / name).read_bytes() for name in files}
    return {name: raw.decode("utf-8", "replace") for name, raw in contents.items() if b"\0" not in raw[:8000]}


def test_does_no_committed_file_name_a_registry_or_a_machine(root: Path) -> None:
    texts = committed_texts(root)
    assert "pyproject.toml" in texts
    found = [
        f"{name}:{number}: {match.group()}"
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if (match := FORBIDDEN.search(line))
    ]
    assert not found


@pytest.mark.parametrize("version", ["311", "313"])
def test_does_a_lock_hold_only_pins_and_hashes(root: Path, version: str) -> None:
    lines = (root / "requirements" / f"py{version}.txt").read_text(encoding="utf-8").splitlines()
    pin = re.compile(
        r"""[a-z0-9.-]+==[^ ]+([ ];[ ]python_version[ ][<>=]+[ ]"[0-9.]+")?[ ]\\
        |[ ]{4}--hash=sha256:[0-9a-f]{64}([ ]\\)?
        |\s*(\#.*)?""",
        re.VERBOSE,
    )
    assert not [line for line in lines if not pin.fullmatch(line)]
