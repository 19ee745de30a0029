"""Does the page on adding a family show the code that there is, and name all that a family must have?"""

import re
from pathlib import Path

import pytest

from lifecast.families.contract import Family, PurchaseFamily

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "adding_a_family.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^```py\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
FILES = re.findall(r"`((?:src|tests|models|families|kernels)/[\w/.-]+\.\w+)`", PAGE)
LENGTHS = re.findall(r"^\| `([^`]+\.\w+)` \| (\d+) \|", PAGE, re.MULTILINE)


def text_of(file: str) -> str:
    folder = ROOT if file.startswith(("src", "tests", "models")) else ROOT / "src" / "lifecast"
    return (folder / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("code", SHOWN)
def test_is_the_code_shown_the_code_there_is(code: str) -> None:
    files = ("families/nbd.py", "kernels/nbd.py", "families/__init__.py", "tests/family_cases/nbd.py")
    assert any(code in text_of(file) for file in files)


def test_do_the_files_exist_and_have_the_lengths_that_are_told() -> None:
    assert len(FILES) > 10 and len(LENGTHS) == 3
    for file in FILES:
        assert text_of(file)
    for file, lines in LENGTHS:
        assert text_of(file).count("\n") == int(lines)


def test_is_every_method_of_the_contract_named() -> None:
    settings = {"priors", "groups", "covariates"}
    asked = {name for kind in (Family, PurchaseFamily) for name in vars(kind) if not name.startswith("_")}
    assert not {name for name in asked | settings if f"`{name}`" not in PAGE}
