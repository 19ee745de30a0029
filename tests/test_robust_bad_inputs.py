"""Does every odd or bad input end in the right answer, with a mention where due, or in a clear error?"""

import re
from pathlib import Path

import pytest
from bad_inputs import CASES, REFUSED, Case, play


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
