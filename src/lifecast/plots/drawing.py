"""What all figures have in common: colours, axes, a title that says something, a legend beside the data."""

import math
import textwrap
from typing import TYPE_CHECKING, Any

from lifecast.errors import SettingsError
from lifecast.forecast import Forecast

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Blues on white, and a rust red: apart for every kind of colour vision, and by lightness alone, as in print:
# 0.38, 0.66 and 0.87 of white; what came is black.
LINE, INNER, BAND, MARK = "#0072B2", "#7DB7DD", "#CFE4F2", "#B3480F"
CAME = "black"
WORDS = {"purchases": "purchases", "value": "value", "discounted_value": "discounted value"}
INNER_LEVEL = 0.5  # of the inner band of a fan
# Lines that are told apart without colours: by dashes, and by marks where they are few.
DASHES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 3)), (0, (9, 3)))
SHADES = ("#00304D", "#0072B2", "#B3480F", "#4FA3D1", "#7A5195", "#6B6B6B", "#D98A29")


def axes_of(ax: "Axes | None") -> "Axes":
    """Those given, or a new figure's."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    made: Axes = plt.subplots(figsize=(8, 4.5), layout="constrained")[1]
    return made


def finish(ax: "Axes", title: str, grid: Any = "y", *, legend: bool = True) -> None:
    """Give the axes their title, a faint grid, no box, and a legend above the data, where it covers nothing.

    Names out of data may stand in all of it: they are text, never formulas.
    """
    ax.spines[["top", "right"]].set_visible(False)
    if grid is not None:
        ax.grid(axis=grid, color="0.9")
    ax.set_axisbelow(True)
    rows = legend_above(ax) if legend else 0.0
    letters = (width_of(ax) - width_of_names(ax)) / (0.49 * size_of_title(ax))
    ax.set_title(in_lines(title, int(letters)), pad=9.0 + rows, parse_math=False)


def in_lines(title: str, width: int) -> str:
    """As few lines of at most so many letters as it takes, of about equal length."""
    lines = len(textwrap.wrap(title, max(20, width)))
    fewer = next(
        (each for each in range(len(title) // lines, width) if len(textwrap.wrap(title, each)) == lines),
        width,
    )
    return textwrap.fill(title, max(20, fewer))


def legend_above(ax: "Axes") -> float:
    """A legend between axes and title, in as many rows as its words need; its height in points."""
    handles, labels = ax.get_legend_handles_labels()
    if not labels:
        return 0.0
    size = 0.9 * size_of_title(ax) / 1.2
    each = (0.56 * max(map(len, labels)) + 4.5) * size
    columns = max(1, min(len(labels), int(width_of(ax) / each)))
    legend = ax.legend(
        handles, labels, ncols=columns, fontsize=size, loc="lower left", bbox_to_anchor=(0.0, 1.0),
        frameon=False, borderaxespad=0.1, borderpad=0.2, columnspacing=1.5, handlelength=1.8,
        markerscale=0.8,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_parse_math(False)
    return 1.55 * size * math.ceil(len(labels) / columns)


def width_of_names(ax: "Axes") -> float:
    """By how many points names on the left will make the axes narrower than they are before any layout."""
    names = [label.get_text() for label in ax.get_yticklabels() if not label.get_text()[-1:].isdigit()]
    return max(0.0, 0.6 * 0.83 * size_of_title(ax) * max(map(len, names), default=0) - 50.0)


def size_of_title(ax: "Axes") -> float:
    """In points."""
    return float(ax.title.get_fontsize())


def width_of(ax: "Axes") -> float:
    """Width of the axes in points, before any layout."""
    return float(ax.get_window_extent().width) * 72.0 / ax.get_figure(root=True).dpi  # type: ignore[union-attr]


def in_dates(ax: "Axes") -> None:
    """Label the horizontal axis with dates, in few words."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def amounts_on_x(ax: "Axes") -> None:
    """Label the horizontal axis with amounts, as many as there is room for."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    ax.xaxis.set_major_locator(MaxNLocator(max(3, int(width_of(ax) / 80)), steps=[1, 2, 2.5, 5, 10]))


def names_on_y(ax: "Axes", at: Any, names: Any) -> None:
    """Label rows with names out of data."""
    ax.set_yticks(at, [str(name) for name in names], parse_math=False)


def short(value: float) -> str:
    """A number as it is said: 0.012, 1.23, 12.3, 1,230."""
    if abs(value) >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.2g}" if abs(value) < 1.0 else f"{value:.3g}"


def span(lower: float, upper: float) -> str:
    """An interval in words."""
    return f"{short(lower)} to {short(upper)}"


def check_measure(forecast: Forecast, measure: str) -> None:
    """Refuse a measure that the forecast does not have."""
    if measure not in forecast.draws:
        raise SettingsError(f"measure={measure!r}: this forecast has {', '.join(forecast.draws)}.")


def period_name(forecast: Forecast) -> str:
    """What one of the forecast's periods is called."""
    return "year" if math.isinf(forecast.horizon) else forecast.time_unit.name


def time_in_words(forecast: Forecast) -> str:
    """How far the forecast reaches, as a sentence ends."""
    if math.isinf(forecast.horizon):
        return "for as long as they stay"
    return f"within {forecast.horizon:.3g} {forecast.time_unit.name}s"
