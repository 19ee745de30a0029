"""Does every odd or bad input end in the right answer, with a mention where due, or in a clear error?"""

import re
from pathlib import Path

import pytest
from bad_inputs import CASES
from battery import REFUSED, Case, play


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.area}: {case.name}"[:80])
def test_does_it_end_as_it_must(case: Case, tmp_path: Path) -> None:
    ending = play(case, tmp_path)
    assert ending.how == case.ends, ending
    assert re.search(case.says, ending.words), ending.words
    if ending.how != REFUSED:
        assert case.check(ending.found), ending


def test_has_every_case_a_name_of_its_own() -> None:
    names = [(case.area, case.name) for case in CASES]
    assert len(set(names)) == len(names) >= 200


def test_does_the_page_say_how_each_case_ends(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(root / "docs"))
    from make_reliability import row, tables

    page = (root / "docs" / "reliability.md").read_text(encoding="utf-8")
    missing = [case.name for case in CASES if row(case.area, case.name, case.ends) not in page]
    assert not missing  # python docs/make_reliability.py --play writes it anew
    for mark, text in tables().items():
        assert f"<!-- measured: {mark} -->\n{text}\n<!-- end -->" in page, mark
