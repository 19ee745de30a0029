"""Print pyproject.toml's dependencies at the oldest versions that it allows, for pip to hold to."""

import re
import tomllib
from pathlib import Path

asked = tomllib.loads((Path(__file__).resolve().parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
for line in asked["project"]["dependencies"]:
    found = re.match(r"([\w.-]+)(?:\[\w+\])?(?:>=|==)([\w.]+)", line)
    if found:
        print(f"{found[1]}=={found[2]}")
