"""Do all figures keep their digits against mpmath, over more than any log holds?"""

from collections.abc import Callable
from typing import Any

import pytest
from numeric_grid import QUANTITIES, Quantity, worst_error

FEW, MANY = 8, 300


def named(quantity: Quantity) -> str:
    return f"{quantity.family}: {quantity.name}"


@pytest.mark.parametrize("quantity", QUANTITIES, ids=named)
def test_do_they_on_a_small_grid(quantity: Quantity) -> None:
    worst = worst_error(quantity, FEW, seed=2)
    assert worst.error <= quantity.allowed, worst


@pytest.mark.slow
def test_do_they_on_a_large_grid(record: Callable[[str, Any], None]) -> None:
    found = {named(quantity): worst_error(quantity, MANY, seed=1) for quantity in QUANTITIES}
    record(
        "numerics",
        [
            {
                "family": each.family,
                "figure": each.name,
                "inputs": max(1, MANY // each.slow),
                "worst": found[named(each)].error,
            }
            for each in QUANTITIES
        ],
    )
    wrong = {
        named(each): found[named(each)] for each in QUANTITIES if found[named(each)].error > each.allowed
    }
    assert not wrong
