"""Is every default what its docstring says, and the same wherever a setting has the same name?"""

import inspect
import re
from ast import literal_eval
from collections.abc import Callable
from typing import Any

import pytest

import lifecast as lc
from lifecast.forecast import Forecast

# "worlds : int, default 1000"; several names share a line.
DOCUMENTED = re.compile(
    r"^ *([a-z_]+(?:, [a-z_]+)*) : .*\bdefault (True|False|None|\"[^\"]*\"|-?[\d.]+)$", re.M
)


def methods(of: type) -> list[Callable[..., Any]]:
    return [found for name, found in inspect.getmembers(of, callable) if not name.startswith("_")]


PUBLIC = [*methods(lc.CLTV), *methods(Forecast)]
SHARED = (
    "annual_discount_rate", "margin", "interval", "worlds", "random_seed", "chunk_size", "threads",
    "customers",
)  # fmt: skip


def defaults(method: Callable[..., Any]) -> dict[str, Any]:
    given = inspect.signature(method).parameters.values()
    return {each.name: each.default for each in given if each.default is not inspect.Parameter.empty}


def test_are_defaults_those_that_are_documented() -> None:
    compared = 0
    for method in PUBLIC:
        for names, said in DOCUMENTED.findall(inspect.getdoc(method) or ""):
            for name in names.split(", "):
                assert defaults(method)[name] == literal_eval(said), (method, name)
                compared += 1
    assert compared > 15


@pytest.mark.parametrize("name", SHARED)
def test_has_a_setting_one_default(name: str) -> None:
    usual = defaults(lc.CLTV.forecast).get(name)
    having = [method for method in methods(lc.CLTV) if name in defaults(method)]
    assert having
    for method in having:
        found = defaults(method)[name]
        assert type(found) is type(usual) and found == usual, method
