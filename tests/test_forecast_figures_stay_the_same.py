"""Do the same seed and the same customers give the figures that they always gave, compiled or not?

`python tests/small_forecasts.py --keep` writes the reference anew, and changes what users have seen.
Compiled, an index out of bounds reads what happens to lie there, and a whole number that is mixed with an
unsigned one turns into a float; uncompiled it is an error or another number.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from small_forecasts import REFERENCE, figures

WRAP_AROUND = "ignore:overflow encountered in scalar:RuntimeWarning"


def check(found: dict[str, list[float]]) -> None:
    kept = json.loads(REFERENCE.read_text(encoding="utf-8"))
    assert found.keys() == kept.keys()
    for name, values in kept.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-9, atol=1e-12, err_msg=name)


def test_do_they_in_this_process() -> None:
    check(figures())


def test_do_they_uncompiled(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", WRAP_AROUND, str(root / "tests" / "small_forecasts.py")],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    check(json.loads(done.stdout))
