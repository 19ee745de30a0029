"""Do the locked requirements hold every package that pyproject.toml asks for, in a version that it allows?"""

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


@pytest.mark.parametrize("version", ["3.11", "3.13"])
def test_does_the_lock_hold_what_is_asked(root: Path, version: str) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    asked = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *chain.from_iterable(extras.values()),
    ]
    text = (root / "requirements" / f"py{version.replace('.', '')}.txt").read_text(encoding="utf-8")
    locked = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", text, re.MULTILINE))

    for requirement in map(Requirement, asked):
        if requirement.marker and not requirement.marker.evaluate({"python_version": version}):
            continue
        pinned = locked.get(canonicalize_name(requirement.name))
        assert pinned, f"{requirement} is not locked for Python {version}: run make lock"
        assert pinned in requirement.specifier, f"{requirement} is locked at {pinned}: run make lock"
