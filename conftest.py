"""What examples in docstrings and tests share."""

import os
import sys
from collections.abc import Iterator

import pytest

# Set before anything imports matplotlib: figures are drawn without a screen.
os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    """Figures that an example opened are not kept for the next."""
    yield
    if (pyplot := sys.modules.get("matplotlib.pyplot")) is not None:
        pyplot.close("all")
