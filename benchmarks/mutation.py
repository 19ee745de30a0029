"""Do the tests notice when a formula is changed? Copies of the package, each with one change.

Run: python benchmarks/mutation.py [MUTANTS]. Each mutant is one operator, comparison or constant changed at a
place drawn by lot; it is killed where a test that sees its file fails. Half a minute for each, and more.
"""

import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What is mutated, and the tests that see it, the quickest first.
SEEN_BY = {
    "kernels/gamma_gamma.py": ["test_kernels_gamma_gamma.py", "test_robust_kernels_keep_their_digits.py"],
    "kernels/bg_nbd.py": ["test_kernels_bg_nbd.py", "test_robust_kernels_keep_their_digits.py"],
    "kernels/bg_nbd_likelihood.py": ["test_kernels_bg_nbd.py", "test_robust_kernels_keep_their_digits.py"],
    "kernels/beta_average.py": ["test_kernels_bg_nbd.py", "test_robust_kernels_keep_their_digits.py"],
    "kernels/bg_nbd_simulation.py": ["test_families_battery.py", "test_forecast_golden.py"],
    "kernels/gamma_gamma_simulation.py": ["test_families_battery.py", "test_forecast_golden.py"],
    "simulation.py": ["test_forecast_golden.py", "test_forecast_invariance.py"],
    "forecast.py": ["test_forecast_golden.py", "test_forecast_settings_mean_what_they_say.py"],
}
OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult}
COMPARISONS = {ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq}


def places(tree: ast.AST) -> list[ast.AST]:
    """Nodes that can be changed, but for those of type annotations and default values."""
    kept: list[ast.AST] = []
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for statement in function.body:
                kept += [node for node in ast.walk(statement) if changeable(node) and node not in kept]
    return kept


def changeable(node: ast.AST) -> bool:
    """Whether a node is an operator, a comparison or a number."""
    if isinstance(node, ast.BinOp):
        return type(node.op) in OPERATORS
    if isinstance(node, ast.Compare):
        return type(node.ops[0]) in COMPARISONS
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def change(node: ast.AST) -> str:
    """Change a node in place; what was done, in words."""
    before = ast.unparse(node)
    if isinstance(node, ast.BinOp):
        node.op = OPERATORS[type(node.op)]()
    elif isinstance(node, ast.Compare):
        node.ops[0] = COMPARISONS[type(node.ops[0])]()
    elif isinstance(node, ast.Constant):
        node.value += 1
    return f"line {node.lineno}: {before} -> {ast.unparse(node)}"  # type: ignore[attr-defined]


def killed(file: str, source: str) -> bool:
    """Whether a test fails with this source; kernels are compiled anew, in a cache of their own."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(
            ROOT / "src" / "lifecast", Path(folder, "lifecast"), ignore=shutil.ignore_patterns("__pycache__")
        )
        Path(folder, "lifecast", file).write_text(source, encoding="utf-8")
        environment = os.environ | {"PYTHONPATH": folder, "NUMBA_CACHE_DIR": f"{folder}/numba"}
        tests = [str(ROOT / "tests" / name) for name in SEEN_BY[file]]
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
        try:
            return (
                subprocess.run(
                    command, env=environment, cwd=ROOT, capture_output=True, timeout=900
                ).returncode
                == 1
            )
        except subprocess.TimeoutExpired:  # a loop without an end is noticed
            return True


def main() -> None:
    """Try so many mutants, drawn by lot with a fixed seed."""
    rng = random.Random(1)
    dead, count = 0, int(sys.argv[1]) if len(sys.argv) > 1 else 100
    for number in range(count):
        file = rng.choice(list(SEEN_BY))
        tree = ast.parse((ROOT / "src" / "lifecast" / file).read_text(encoding="utf-8"))
        done = change(rng.choice(places(tree)))
        noticed = killed(file, ast.unparse(tree))
        dead += noticed
        print(f"{'killed  ' if noticed else 'SURVIVED'} {file} {done}", flush=True)
        print(f"{dead} of {number + 1} killed", flush=True)


if __name__ == "__main__":
    main()
