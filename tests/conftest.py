"""What every test may ask for."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
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
