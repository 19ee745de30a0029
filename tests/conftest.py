"""What every test may ask for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record",
        action="store_true",
        help="keep what is measured for docs/reliability.md, in docs/reliability",
    )
    parser.addoption("--slow", action="store_true", help="run the tests marked slow too (make test-slow)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    slow = pytest.mark.skip(reason="slow: runs with --slow (make test-slow)")
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(slow)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of published figures and real logs that lies beside the checkout."""
    folder = ROOT.parent / "shared"
    if not (folder / "published.csv").is_file():
        pytest.skip(
            f"{folder} is not here: the published figures and logs lie beside the checkout, not in it"
        )
    return folder


@pytest.fixture
def ax() -> "Axes":
    """Axes of a new figure, which is closed when the test is over."""
    import matplotlib.pyplot as plt

    return plt.figure().subplots()


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[[str, Any], None]:
    """Keeps figures under a name for docs/make_reliability.py, where --record asks for it."""

    def keep(name: str, figures: Any) -> None:
        if request.config.getoption("--record"):
            path = ROOT / "docs" / "reliability" / f"{name}.json"
            path.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    return keep
