"""Does Python, line by line, say of every kernel what numba's compiled code does?

Compiled, an index out of bounds reads what happens to lie there, and a whole number that is mixed with an
unsigned one turns into a float; uncompiled it is an error or another number.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from small_forecasts import figures

WRAP_AROUND = "ignore:overflow encountered in scalar:RuntimeWarning"


def test_do_all_families_forecast_the_same(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", WRAP_AROUND, str(root / "tests" / "small_forecasts.py")],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    uncompiled = json.loads(done.stdout)
    for name, values in figures().items():
        np.testing.assert_allclose(uncompiled[name], values, rtol=1e-9, atol=1e-12, err_msg=name)
