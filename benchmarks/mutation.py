"""Do the tests notice when a formula is changed? Copies of kernels and forecast, each with one change.

Run: python benchmarks/mutation.py [--mutants 100] [--seed 1] [--quick] [--survivors | --go-on] [--record].
Operators, comparisons, constants, conditions and jumps are changed, one at a time, at places drawn by lot
from all that there are. A mutant is killed where a test that sees its file fails. Formulas run uncompiled in
their own tests, which is quicker than to compile each mutant. --quick asks those alone; --survivors holds
those that the record says survived against all; --go-on tries those of the same lot that the record has not,
in a tree that is still the same. --record keeps the outcome in docs/reliability/mutation.json, where the
reason why a survivor changes no result is added by hand. Three seconds of computing for a mutant that dies at
once, a minute for one that survives.
"""

import argparse
import ast
import copy
import json
import os
import random
import re
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import mpmath  # noqa: F401
import numba
import pandas  # noqa: F401
import pyarrow.parquet  # noqa: F401
import pytest
import scipy.stats  # noqa: F401
import xarray  # noqa: F401
from arviz_stats.base import array_stats  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "docs" / "reliability" / "mutation.json"
SECONDS = 120  # of computing that a mutant's tests may take beyond three times what they took before


def plain(name: str, *arguments: str) -> tuple[str, ...]:
    """Tests in which nothing is compiled; unsigned integers wrap around as they do when compiled."""
    return (
        "plain",
        name,
        "-W",
        "ignore:overflow encountered in scalar:RuntimeWarning",
        *arguments,
    )


def compiled(name: str, *arguments: str) -> tuple[str, ...]:
    """Tests of compiled kernels."""
    return ("compiled", name, *arguments)


def battery(which: str) -> tuple[str, ...]:
    """What every family must do, of some families."""
    return compiled("test_families_battery.py", "-k", which)


def parts(which: str) -> tuple[str, ...]:
    """The small parts of some kernels."""
    return (*PARTS, "-k", which)


def tables(which: str) -> tuple[str, ...]:
    """Tables and futures of some families."""
    return (*TABLES, "-k", which)


PARTS = plain("test_kernels_parts_equal_a_slow_twin.py")
VARIATES = plain("test_kernels_reduction_and_variates_equal_a_slow_twin.py")
TABLES = plain("test_families_tables_equal_single_customers.py")
TIMES = plain("test_worlds_weigh_time_right.py")
LOOPS = plain("test_forecast_parts_equal_a_slow_twin.py")
SCORES = plain("test_evaluation_scores_are_right.py")

DEFAULTS = plain("test_docs_defaults_are_true.py")
GRID = plain("test_robust_kernels_keep_their_digits.py")
FIGURES = plain("test_forecast_figures_stay_the_same.py", "-k", "this_process")
GOLDEN = compiled("test_forecast_golden.py")
EXACT = compiled("test_forecast_sums_are_exact.py")
SETTINGS = compiled("test_forecast_settings_mean_what_they_say.py")
BG_NBD = plain("test_kernels_bg_nbd.py")
PARETO_NBD = plain("test_kernels_pareto_nbd.py", "-k", "not quadrature")
BG_BB = plain("test_kernels_bg_bb.py", "-k", "not simulated")
SIMULATED_BG_BB = compiled("test_kernels_bg_bb.py", "-k", "simulated")
NEW = compiled("test_new_customers_are_valued_honestly.py")
STREAMS = compiled("test_kernels_streams_are_random.py")
DIGITS = compiled("test_forecast_expectations_keep_their_digits.py")
SCENARIOS = compiled("test_planning_scenarios_are_exact.py")
FILES = compiled("test_posterior_files_come_back.py")
MONITOR = compiled("test_planning_monitor_raises_few_false_alarms.py")
# What is mutated, and the tests that see it, the quickest first.
SEEN_BY = {
    "kernels/beta_average.py": [parts("nodes or tail or rates"), tables("bg-nbd"), GRID, BG_NBD, FIGURES],
    "kernels/bg_bb.py": [
        parts("opportunit or running or chance_to_buy"),
        tables("bg-bb"),
        GRID,
        BG_BB,
        FIGURES,
        battery("bg-bb"),
    ],
    "kernels/bg_bb_simulation.py": [tables("bg-bb"), FIGURES, SIMULATED_BG_BB, battery("bg-bb")],
    "kernels/bg_bb_worlds.py": [tables("bg-bb"), BG_BB, FIGURES, battery("bg-bb")],
    "kernels/bg_nbd.py": [PARTS, TABLES, GRID, BG_NBD, FIGURES, battery("bg-nbd")],
    "kernels/bg_nbd_expectations.py": [
        parts("class or moments or series"),
        tables("bg-nbd"),
        FIGURES,
        DIGITS,
    ],
    "kernels/bg_nbd_rates.py": [
        parts("logistic or rates"),
        plain("test_kernels_bg_nbd_counts.py"),
        tables("bg-nbd"),
        FIGURES,
        DIGITS,
    ],
    "kernels/bg_nbd_likelihood.py": [GRID, BG_NBD, FIGURES, battery("bg-nbd")],
    "kernels/bg_nbd_simulation.py": [
        tables("bg-nbd or leaving"),
        FIGURES,
        battery("simulated and bg-nbd"),
        GOLDEN,
        SCENARIOS,
    ],
    "kernels/bg_nbd_worlds.py": [tables("bg-nbd"), FIGURES, battery("bg-nbd")],
    "kernels/chebyshev.py": [parts("chebyshev"), TABLES, GRID, PARETO_NBD, FIGURES],
    "kernels/clock.py": [parts("stretch"), TABLES, FIGURES, battery("simulated and nbd")],
    "kernels/drift.py": [parts("shock"), TABLES, FIGURES, battery("simulated and nbd")],
    "kernels/gamma_gamma.py": [GRID, plain("test_kernels_gamma_gamma.py"), FIGURES, battery("gamma-gamma")],
    "kernels/gamma_gamma_simulation.py": [tables("gamma-gamma"), FIGURES, battery("gamma-gamma")],
    "kernels/gauss_legendre.py": [plain("test_kernels_quadrature_is_exact.py"), PARTS, GRID, FIGURES, BG_NBD],
    "kernels/interpolation.py": [parts("node_weights"), plain("test_spend_nodes_give_the_same_sums.py")],
    "kernels/log_normal.py": [GRID, plain("test_kernels_log_normal.py"), FIGURES, battery("log-normal")],
    "kernels/log_normal_simulation.py": [tables("log-normal"), FIGURES, battery("log-normal")],
    "kernels/mbg_nbd.py": [
        tables("mbg-nbd"),
        GRID,
        plain("test_kernels_mbg_nbd.py"),
        FIGURES,
        battery("mbg-nbd"),
    ],
    "kernels/nbd.py": [
        TABLES,
        GRID,
        plain("test_kernels_nbd.py"),
        FIGURES,
        battery("nbd and not g-nbd and not o-nbd"),
    ],
    "kernels/never_again.py": [
        parts("never_to_buy or series or age"),
        GRID,
        PARETO_NBD,
        FIGURES,
        battery("pareto-nbd"),
    ],
    "kernels/pareto_nbd.py": [
        parts("live or leaving or logistic"),
        tables("pareto"),
        GRID,
        PARETO_NBD,
        FIGURES,
        battery("pareto-nbd"),
    ],
    "kernels/pareto_nbd_changed.py": [tables("pareto"), FIGURES, SCENARIOS],
    "kernels/pareto_nbd_simulation.py": [tables("pareto"), FIGURES, battery("pareto-nbd")],
    "kernels/pareto_nbd_worlds.py": [tables("pareto"), PARETO_NBD, FIGURES, battery("pareto-nbd")],
    "kernels/pooling.py": [parts("groups or uniform"), compiled("test_groups_and_covariates.py")],
    "kernels/power_integral.py": [
        parts("powers or panels or logistic or never_to_buy"),
        GRID,
        BG_NBD,
        FIGURES,
        battery("pareto-nbd"),
    ],
    "kernels/purchase_sums.py": [
        plain("test_kernels_purchase_sums_are_exact.py"),
        compiled("test_rfm_time_and_merging.py"),
    ],
    "kernels/reduction.py": [VARIATES, FIGURES, EXACT, SETTINGS],
    "kernels/scores.py": [VARIATES, SCORES],
    "kernels/shifted_beta_geometric.py": [
        PARTS,
        TABLES,
        GRID,
        plain("test_kernels_sbg.py"),
        FIGURES,
        battery("sbg or bg-bb"),
    ],
    "kernels/special.py": [
        parts("special or incomplete or survival"),
        GRID,
        plain("test_kernels_gamma_gamma.py"),
        BG_NBD,
        FIGURES,
    ],
    "kernels/stream.py": [VARIATES, FIGURES, STREAMS],
    "kernels/vectors.py": [plain("test_kernels_vectors_are_accurate.py"), VARIATES, FIGURES],
    "book.py": [LOOPS, FIGURES, EXACT, SETTINGS],
    "closed_forms.py": [DEFAULTS, LOOPS, FIGURES, GOLDEN, SETTINGS, NEW],
    "expectations.py": [LOOPS, FIGURES, SETTINGS, NEW],
    "foresight.py": [DEFAULTS, LOOPS, FIGURES, SETTINGS, NEW],
    "forecast.py": [DEFAULTS, LOOPS, FIGURES, EXACT, SETTINGS],
    "grouped_forecast.py": [LOOPS, FIGURES, EXACT],
    "outlook.py": [LOOPS, FIGURES, EXACT, SETTINGS],
    "period_sums.py": [LOOPS, FIGURES, EXACT],
    "saved_forecast.py": [LOOPS, FILES, MONITOR],
    "simulation.py": [LOOPS, FIGURES, EXACT, SETTINGS],
    "sums.py": [LOOPS, FIGURES, EXACT],
    "worlds.py": [TIMES, FIGURES, EXACT, SETTINGS, NEW],
}
OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Div, ast.Mod: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
    ast.BitXor: ast.BitOr, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
COMPARISONS: dict[type, list[type]] = {
    ast.Lt: [ast.LtE, ast.GtE], ast.LtE: [ast.Lt, ast.Gt], ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.Is: [ast.IsNot], ast.IsNot: [ast.Is], ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A file with one change, and what it is called: the function, the statement, the change."""

    file: str
    name: str
    make: Callable[[], str]  # the changed source


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """What a node can be changed to."""
    changed: Any = copy.copy(node)
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in OPERATORS:
        changed.op = OPERATORS[type(node.op)]()
        yield changed
    elif isinstance(node, ast.Compare):
        for other in COMPARISONS[type(node.ops[0])]:
            yield ast.Compare(node.left, [other(), *node.ops[1:]], node.comparators)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        yield ast.Constant(not node.value if isinstance(node.value, bool) else node.value + 1)
    elif isinstance(node, ast.Break | ast.Continue):
        yield ast.Continue() if isinstance(node, ast.Break) else ast.Break()


def mutants(file: str) -> list[Mutant]:
    """Every mutant of a file; type annotations, decorators and docstrings are let be."""
    tree = ast.parse((ROOT / "src" / "lifecast" / file).read_text(encoding="utf-8"))
    made: list[Mutant] = []

    def visit(parent: ast.AST, where: str, statement: str) -> None:
        for field, value in ast.iter_fields(parent):
            if field in ("annotation", "returns", "decorator_list", "type_params"):
                continue
            for at, node in enumerate(value if isinstance(value, list) else [value]):
                if not isinstance(node, ast.AST):
                    continue
                inside = (
                    f"{where}{node.name}: " if isinstance(node, ast.FunctionDef | ast.ClassDef) else where
                )
                said = ast.unparse(node).split("\n")[0] if isinstance(node, ast.stmt) else statement
                for changed in changes(node):
                    name = f"{file}: {inside}{said} | {words(node)} -> {words(changed)}"
                    again = sum(mutant.name.startswith(name) for mutant in made)
                    name += f" ({again + 1})" * (again > 0)
                    made.append(Mutant(file, name, partial(source, tree, parent, field, at, node, changed)))
                visit(node, inside, said)

    visit(tree, "", "")
    return made


def source(tree: ast.AST, parent: ast.AST, field: str, at: int, node: ast.AST, changed: ast.AST) -> str:
    """The source of a tree with one node changed."""
    put(parent, field, at, changed)
    try:
        return ast.unparse(tree)
    finally:
        put(parent, field, at, node)


def put(parent: ast.AST, field: str, at: int, node: ast.AST) -> None:
    """Put a node where another one was."""
    value = getattr(parent, field)
    if isinstance(value, list):
        value[at] = node
    else:
        setattr(parent, field, node)


def words(node: ast.AST) -> str:
    """A node on one line."""
    return ast.unparse(node).split("\n")[0]


class Bench:
    """A copy of the package, whose kernels are compiled once and again only where a mutant is called."""

    def __init__(self, folder: Path) -> None:
        self.package = folder / "lifecast"
        self.kept = folder / "kept"
        self.at = folder / "at"  # which of the tests is being run
        self.sound: set[tuple[str, ...]] = set()  # tests that pass as long as nothing is changed
        self.seconds: dict[tuple[str, ...], float] = {}
        shutil.copytree(ROOT / "src" / "lifecast", self.package)  # with what is compiled already
        self.cache = self.package / "kernels" / "__pycache__"
        self.cache.mkdir(exist_ok=True)

    def first_to_fail(self, tests: list[tuple[str, ...]]) -> tuple[str, ...] | None:
        """Run tests of one mode, in a process of their own that has loaded all libraries but this one."""
        if not tests:
            return None
        child = os.fork()
        if child == 0:
            try:
                self.test(tests)
            finally:
                os._exit(pytest.ExitCode.USAGE_ERROR)  # never back into what the parent does
        _, status, used = os.wait4(child, 0)
        code, last = os.waitstatus_to_exitcode(status), tests[int(self.at.read_text(encoding="utf-8"))]
        if code in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED):
            raise SystemExit(f"{last}: pytest ends with {code}")
        if code == 0:
            self.seconds[tests[0]] = used.ru_utime + used.ru_stime
        return None if code == 0 else last

    def test(self, tests: list[tuple[str, ...]]) -> None:
        """Run tests in this process until some fail, and end it with pytest's code."""
        limit = SECONDS + 3 * int(self.seconds.get(tests[0], 0.0))
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))  # a loop without an end is noticed
        os.chdir(ROOT)
        os.environ["PYTHONPATH"] = str(self.package.parent)
        sys.path.insert(0, str(self.package.parent))
        numba.config.DISABLE_JIT = int(tests[0][0] == "plain")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        for at, (_, name, *arguments) in enumerate(tests):
            self.at.write_text(str(at), encoding="utf-8")
            code = pytest.main(["-q", "-x", "-p", "no:cacheprovider", *arguments, f"tests/{name}"])
            if code != 0:
                os._exit(code)
        os._exit(0)

    def killer(self, mutant: Mutant, modes: tuple[str, ...]) -> str:
        """The first tests of these modes that fail with a mutant, or "" where none does."""
        path = self.package / mutant.file
        original, times = path.read_text(encoding="utf-8"), path.stat()
        shutil.copytree(self.cache, self.kept)
        path.write_text(mutant.make(), encoding="utf-8")
        for caller in callers(mutant.file):  # numba looks at no file but the function's own
            for stale in self.cache.glob(f"{caller}.*.nb?"):
                stale.unlink()
        found = None
        try:
            for mode in modes:
                found = found or self.first_to_fail(
                    [test for test in SEEN_BY[mutant.file] if test[0] == mode]
                )
        finally:
            path.write_text(original, encoding="utf-8")
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
            shutil.rmtree(self.cache)
            self.kept.rename(self.cache)
        if found is not None and found not in self.sound:
            if self.first_to_fail([found]) is not None:
                raise SystemExit(f"{found} fails although nothing is changed.")
            self.sound.add(found)
        return "" if found is None else " ".join(found[:2])


def callers(file: str) -> set[str]:
    """A kernel's file, and those that call it, by name without ending."""
    folder = ROOT / "src" / "lifecast" / "kernels"
    texts = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.py")}
    found = {Path(file).stem} & set(texts) if file.startswith("kernels/") else set()
    for _ in texts:
        names = "|".join(found)
        calls = re.compile(rf"kernels\.({names}) import|kernels import ({names})\b")
        found |= {name for name, text in texts.items() if found and calls.search(text)}
    return found


def draw(count: int, seed: int) -> list[Mutant]:
    """Mutants by lot: so many of the kernels, and half as many of the forecast."""
    rng = random.Random(seed)
    folder = ROOT / "src" / "lifecast" / "kernels"
    forgotten = {f"kernels/{path.name}" for path in folder.glob("[!_]*.py")} - set(SEEN_BY)
    if forgotten:
        raise SystemExit(f"SEEN_BY does not say which tests see {', '.join(sorted(forgotten))}.")
    there = [mutant for file in SEEN_BY for mutant in mutants(file)]
    kernels = [mutant for mutant in there if mutant.file.startswith("kernels/")]
    rest = [mutant for mutant in there if not mutant.file.startswith("kernels/")]
    print(f"{len(kernels):,} mutants of kernels, {len(rest):,} of the forecast", flush=True)
    return rng.sample(kernels, count) + rng.sample(rest, count // 2)


def main() -> None:
    """Try so many mutants, or the survivors of those again."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mutants", type=int, default=100, help="of kernels; half as many of the forecast")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--survivors", action="store_true", help="those of the record again")
    parser.add_argument("--go-on", action="store_true", help="with those that the record has not")
    parser.add_argument("--quick", action="store_true", help="uncompiled tests alone")
    parser.add_argument("--record", action="store_true")
    asked = parser.parse_args()
    drawn = draw(asked.mutants, asked.seed)
    found: dict[str, dict[str, str]] = (
        json.loads(RECORD.read_text(encoding="utf-8")) if asked.survivors or asked.go_on else {}
    )
    if asked.survivors:
        drawn = [mutant for mutant in drawn if not any(found[mutant.name].values())]
    random.Random(asked.seed).shuffle(drawn)  # so that the first ones are a sample too
    if asked.go_on:
        drawn = [mutant for mutant in drawn if mutant.name not in found]
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        for number, mutant in enumerate(drawn, 1):
            modes = ("plain",) if asked.quick else ("plain", "compiled")
            found[mutant.name] = {"killed by": bench.killer(mutant, modes), "the same because": ""}
            print(f"{number}: {found[mutant.name]['killed by'] or 'SURVIVED'}: {mutant.name}", flush=True)
            if asked.record:
                RECORD.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
