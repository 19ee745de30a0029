"""What tests of figures share."""

from matplotlib.axes import Axes


def title_of(ax: Axes) -> str:
    """The title in one line, however it was broken."""
    return " ".join(ax.get_title().split())
