"""Does the page that a newcomer reads first name every part that there is, and none that is not?"""

import re
from pathlib import Path


def test_does_the_code_map_name_every_part_and_no_other(root: Path) -> None:
    page = (root / "docs" / "how_it_works.md").read_text(encoding="utf-8")
    table = page.partition("## Modules")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`([\w/]+)`", row)]
    source = root / "src" / "lifecast"
    packages = {f"{path.parent.name}/" for path in source.glob("*/__init__.py")}
    modules = {path.stem for path in source.glob("*.py") if path.stem != "__init__"}
    assert sorted(named) == sorted(packages | modules)
