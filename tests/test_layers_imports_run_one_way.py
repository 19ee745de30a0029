"""Do imports run one way, do heavy libraries stay where they belong, and is `import lifecast` light?"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "lifecast"

# A part is a file or folder directly below src/lifecast. It may import from the lines above its own, and from
# itself (the files of one folder know each other). The package's __init__ stands above them all.
LAYERS: list[set[str]] = [
    {"errors"},
    {"arrays"},
    {"fingerprint"},
    {"timeunit", "log_report", "export", "conventions", "seal"},
    {"kernels"},
    {"engines"},
    {"transactions"},
    {"identity", "spark_transactions"},
    {"rfm_frame", "past", "calendar"},
    {"rfm"},
    {"summed_log"},
    {"rfm_file"},
    {"spend_nodes"},
    {"grouping"},
    {"encoding"},
    {"histories"},
    {"parquet_rfm"},
    {"spark_rfm"},
    {"from_log"},
    {"families"},
    {"inference"},
    {"population"},
    {"posterior"},
    {"methods"},
    {"pooling"},
    {"fitting", "error_process", "past_forecast"},
    {"market", "diagnostics", "influence"},
    {"worlds", "settings", "provenance", "matching"},
    {"learning"},
    {"sums"},
    {"book"},
    {"expectations"},
    {"simulation"},
    {"outlook"},
    {"forecast", "new_customers", "period_sums"},
    {"outputs", "saved_forecast", "spark_forecast"},
    {"grouped_forecast"},
    {"parquet_forecast"},
    {"learned"},
    {"closed_forms"},
    {"foresight"},
    {"model"},
    {"simulated_shop"},
    {"evaluation"},
    {"replay", "tracking", "planning", "datasets", "uncertainty"},
    {"scorekeeping", "comparison"},
    {"pooled_scores"},
    {"backtesting"},
    {"plots", "interop"},
    {"reporting"},
    {"specification"},
    {"plan_specification"},
    {"cli"},
]

# Methods of the public face that lead up to a later layer, inside the method only.
SHORTCUTS = {
    ("forecast", "plots"),  # forecast.plot_*()
    ("forecast", "grouped_forecast"),  # forecast.by()
    ("forecast", "outputs"),  # forecast.export(), to_arrow()
    ("forecast", "saved_forecast"),  # forecast.save()
    ("forecast", "uncertainty"),  # forecast.uncertainty()
    ("model", "interop"),  # model.to_sql()
    ("rfm", "rfm_file"),  # RFM.save and RFM.load
}

# Which parts may import a library at all; a library that is not named here is free.
DATAFRAMES = {"engines", "transactions", "identity", "rfm_frame", "rfm", "rfm_file"} | {  # the way in
    *(
        "forecast",
        "learned",
        "closed_forms",
        "foresight",
        "model",
        "new_customers",
        "period_sums",
        "grouped_forecast",
        "outputs",
        "saved_forecast",
        "spark_forecast",
        "evaluation",
        "replay",
        "tracking",
        "scorekeeping",
        "pooled_scores",
        "backtesting",
        "comparison",
        "planning",
        "plots",
        "datasets",
        "simulated_shop",
        "uncertainty",
        "export",
        "reporting",
        "interop",
        "cli",
    )  # the ways out
}
SPARK = {"engines", "spark_transactions", "spark_rfm", "spark_forecast"}
ALLOWED: dict[str, set[str]] = {
    "pandas": DATAFRAMES,
    "polars": DATAFRAMES,
    "duckdb": DATAFRAMES,
    "pyspark": SPARK,
}

# Parts that may import nothing but these, and the standard library's modules named here.
ONLY: dict[str, set[str]] = {
    "errors": set(),
    "arrays": {"numpy"},
    "kernels": {"numpy", "numba", "math", "scipy.special", "collections.abc", "typing"},
}

# Seconds each to import, so only where they are used: inside functions.
HEAVY = {"arviz", "arviz_base", "arviz_stats", "arviz_plots", "nutpie", "pymc", "pytensor", "xarray"}

# What `import lifecast` must not load.
NOT_AT_START = {*HEAVY, "duckdb", "matplotlib", "pandas", "polars", "pyspark", "lifetimes", "netCDF4"}


@dataclass(frozen=True)
class Import:
    """One imported name, and where."""

    part: str  # the importing part: "kernels", "rfm", "__init__"
    name: str  # the absolute dotted name: "lifecast.kernels.bg_nbd", "scipy.special"
    where: str  # "kernels/bg_nbd.py:12"
    runs: bool  # not under `if TYPE_CHECKING`
    at_start: bool  # runs when the module is imported, not when a function of it is called

    @property
    def part_imported(self) -> str | None:
        """The part of lifecast that is imported; None for another library, and for the package itself."""
        package, _, rest = self.name.partition(".")
        return rest.partition(".")[0] or None if package == "lifecast" else None


def imports_of(path: Path, source: Path) -> Iterator[Import]:
    relative = path.relative_to(source)
    part = relative.parts[0].removesuffix(".py")
    package = ["lifecast", *relative.parts[:-1]]

    def walk(node: ast.AST, runs: bool, at_start: bool) -> Iterator[Import]:
        where = f"{relative}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import):
            yield from (Import(part, alias.name, where, runs, at_start) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*origin, *filter(None, [node.module])])
            # `from lifecast import rfm` and `from scipy import special` name the module last.
            names = [f"{base}.{a.name}" for a in node.names] if base in PACKAGES else [base]
            yield from (Import(part, name, where, runs, at_start) for name in names)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for child in ast.iter_child_nodes(node):
                yield from walk(child, runs, at_start=False)
        elif isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for child in node.body:
                yield from walk(child, runs=False, at_start=False)
            for child in node.orelse:
                yield from walk(child, runs, at_start)
        else:
            for child in ast.iter_child_nodes(node):
                yield from walk(child, runs, at_start)

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), runs=True, at_start=True)


# Packages whose submodules are told apart in the tables.
PACKAGES = {"lifecast", "scipy"}


def imports_below(source: Path) -> list[Import]:
    return [found for path in sorted(source.rglob("*.py")) for found in imports_of(path, source)]


def within(name: str, allowed: set[str]) -> bool:
    return any(name == module or name.startswith(module + ".") for module in allowed)


def upward(imports: list[Import]) -> list[str]:
    """Imports that run against LAYERS."""
    rank = {part: level for level, parts in enumerate(LAYERS) for part in parts}
    # A part without a place has a test of its own; here it is taken to be low, so that it may import little.
    rank = {found.part: 0 for found in imports} | rank
    wrong = []
    for found in imports:
        to = found.part_imported
        if found.part == "__init__" or to == found.part:
            continue
        if found.name.partition(".")[0] == "lifecast" and to not in rank:
            wrong.append(
                f"{found.where} imports {found.name}, which is no part of LAYERS: import the part itself"
            )
        elif to and rank[to] >= rank[found.part] and ((found.part, to) not in SHORTCUTS or found.at_start):
            wrong.append(f"{found.where} imports {to}, which does not come before {found.part}")
    return wrong


def misplaced(imports: list[Import]) -> list[str]:
    """Imports of a library in a part that may not have it, or at a module's top where it is heavy."""
    wrong = []
    for found in imports:
        library = found.name.partition(".")[0]
        if library == "lifecast":
            continue
        if library in ALLOWED and found.part not in ALLOWED[library]:
            wrong.append(f"{found.where} imports {library}, which only {sorted(ALLOWED[library])} may")
        if found.part in ONLY and not within(found.name, ONLY[found.part]):
            wrong.append(
                f"{found.where} imports {found.name}; {found.part} may import {sorted(ONLY[found.part])}"
            )
        if library in HEAVY and found.at_start:
            wrong.append(f"{found.where} imports {library} at the module's top: import it where it is used")
    return wrong


def test_does_every_part_have_a_place() -> None:
    placed = set().union(*LAYERS, {"__init__"})
    parts = {
        path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert parts <= placed, f"give {sorted(parts - placed)} a place in LAYERS"


def test_do_imports_run_one_way() -> None:
    assert not upward(imports_below(SOURCE))


def test_do_libraries_stay_where_they_belong() -> None:
    assert not misplaced(imports_below(SOURCE))


@pytest.mark.parametrize(
    ("file", "code", "complaint"),
    [
        ("kernels/bg_nbd.py", "from lifecast.rfm import RFM", "does not come before"),
        ("rfm.py", "from lifecast import model", "does not come before"),
        ("families/bg_nbd.py", "def f():\n    from ..forecast import Forecast", "does not come before"),
        ("worlds.py", "import lifecast.forecast", "does not come before"),
        ("forecast.py", "from lifecast.plots import plot_portfolio", "does not come before"),
        ("rfm.py", "if TYPE_CHECKING:\n    from lifecast.model import CLTV", "does not come before"),
        ("cli.py", "import lifecast as lc", "no part of LAYERS"),
        ("kernels/bg_nbd.py", "import scipy.optimize", "may import"),
        ("kernels/bg_nbd.py", "from scipy import optimize", "may import"),
        ("families/bg_nbd.py", "import pandas as pd", "which only"),
        ("inference/laplace.py", "if TYPE_CHECKING:\n    import polars", "which only"),
        ("posterior.py", "try:\n    import xarray\nexcept ImportError:\n    pass", "at the module's top"),
        ("inference/nuts.py", "from pymc.sampling import mcmc", "at the module's top"),
    ],
)
def test_would_a_wrong_import_be_found(tmp_path: Path, file: str, code: str, complaint: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(code, encoding="utf-8")
    imports = imports_below(tmp_path)
    assert [complaint in line for line in upward(imports) + misplaced(imports)] == [True]


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("kernels/bg_nbd.py", "import math\nfrom scipy import special\nfrom lifecast.arrays import Floats"),
        ("kernels/bg_nbd.py", "from .special import digamma"),
        ("model.py", "from lifecast.forecast import Forecast\nimport pandas"),
        ("forecast.py", "def f():\n    from lifecast.plots import plot_portfolio"),
        ("posterior.py", "if TYPE_CHECKING:\n    import xarray\ndef f():\n    import arviz_stats"),
    ],
)
def test_would_a_right_import_pass(tmp_path: Path, file: str, code: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(code, encoding="utf-8")
    imports = imports_below(tmp_path)
    assert upward(imports) + misplaced(imports) == []


def test_is_import_lifecast_light() -> None:
    code = "import lifecast, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not NOT_AT_START.intersection(loaded)


def test_does_every_public_name_stand_for_something() -> None:
    import lifecast as lc

    for name in lc.__all__:
        assert getattr(lc, name) is not None
    for name in lc._HOMES:  # a class is named as it is defined, and listed
        assert name in lc.__all__ and getattr(lc, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'BGNDB'"):
        lc.BGNDB  # noqa: B018
