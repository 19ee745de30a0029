"""Is every figure whole: nothing hidden, written over or cut off, and does its title say a number?

No baseline images: those of one matplotlib, with its fonts, are not those of another, and the tolerance that
lets both pass lets a missing line pass, too. A figure is held against itself instead. Whatever its legend
names is taken away and must leave a mark in black and white: that is how a line that is white, covered, out
of range or without data shows. Whether lines lie where they should is tested with each figure's numbers.
"""

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

import lifecast as lc
from lifecast import plots

Draw = Callable[[Axes], Any]
DOTS = 80
SIZES = {"wide": (8.0, 4.5), "narrow": (5.0, 4.0)}
LEAST_INK = 20  # pixels, of 230,000: two small marks
DIFFERENT = 0.11  # of white: more than a grid line is, less than the lightest band


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """All that figures are made of, small."""
    log = lc.datasets.load_cdnow(sample=True)
    rfm = lc.rfm_summary(log, observation_end="1997-09-30", holdout_end="1998-06-30")
    model = lc.CLTV().fit(rfm, draws=200, random_seed=1)
    assert rfm.holdout is not None
    forecast = model.forecast(rfm, rfm.holdout.duration, worlds=60, random_seed=1)
    shop = lc.datasets.simulate_shop(customers=600, months=18, random_seed=1)
    by_channel = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(groups="channel"), market=None)
    by_channel.fit(
        lc.rfm_summary(shop.log, attributes=["channel"], observation_end=shop.end), draws=100, random_seed=1
    )
    channels = lc.channels(by_channel, shop.costs, margin=0.3, worlds=60)
    plan = pd.DataFrame({"start": ["1997-10-01"], "new_customers": [200]})
    return {
        "log": log, "rfm": rfm, "model": model, "forecast": forecast, "channels": channels,
        "flow": lc.cash_flow(forecast, new_customers=plan),
        "allocation": lc.allocate(channels, 50_000, shop.costs),
        "backtest": lc.backtest(log, origins=3, horizons=[8], worlds=60, model=lc.CLTV(market=None)),
        "uncertainty": forecast.uncertainty(),
        "scenarios": {
            "fewer leave": lc.scenario(forecast, dropout=0.9),
            "more often": lc.scenario(forecast, purchase_rate=1.1),
        },
    }  # fmt: skip


FIGURES: dict[str, Callable[[dict[str, Any]], Draw]] = {
    "map": lambda r: lambda ax: plots.plot_customer_map(r["model"], r["rfm"], ax=ax),
    "map of purchases": lambda r: lambda ax: plots.plot_customer_map(r["model"], r["rfm"], 39, ax),
    "tracking": lambda r: lambda ax: plots.plot_tracking(lc.track(r["forecast"], r["log"]), ax=ax),
    "cumulative tracking": lambda r: (
        lambda ax: plots.plot_tracking(lc.track(r["forecast"], r["log"]), cumulative=True, ax=ax)
    ),
    "by frequency": lambda r: lambda ax: plots.plot_calibration_by_frequency(r["forecast"], ax=ax),
    "by decile": lambda r: lambda ax: plots.plot_calibration_by_decile(r["forecast"], "value", ax),
    "frequencies": lambda r: lambda ax: plots.plot_frequency_distribution(r["model"], r["rfm"], ax),
    "posterior": lambda r: lambda ax: plots.plot_posterior(r["model"], ax),
    "rates": lambda r: lambda ax: plots.plot_population(r["model"], "rate", ax),
    "dropout": lambda r: lambda ax: plots.plot_population(r["model"], "dropout", ax),
    "spend": lambda r: lambda ax: plots.plot_population(r["model"], "spend", ax),
    "customer": lambda r: lambda ax: plots.plot_customer(r["forecast"], 111, r["log"], ax),
    "values": lambda r: lambda ax: plots.plot_customer_values(r["forecast"], ax),
    "concentration": lambda r: lambda ax: plots.plot_concentration(r["forecast"], ax),
    "portfolio": lambda r: (
        lambda ax: plots.plot_portfolio(r["forecast"], "value", ax, r["rfm"].holdout.period_value)
    ),
    "cumulative portfolio": lambda r: (
        lambda ax: plots.plot_portfolio(
            r["forecast"], "purchases", ax, r["rfm"].holdout.period_purchases, cumulative=True
        )
    ),
    "uncertainty": lambda r: lambda ax: plots.plot_uncertainty(r["forecast"], "value", ax, r["uncertainty"]),
    "cash flow": lambda r: lambda ax: plots.plot_cash_flow(r["flow"], "value", ax),
    "past forecasts": lambda r: lambda ax: plots.plot_past_forecasts(r["backtest"], "value", ax=ax),
    "coverage": lambda r: lambda ax: plots.plot_coverage(r["backtest"], ax=ax),
    "PIT": lambda r: lambda ax: plots.plot_pit(r["backtest"], ax=ax),
    "channels": lambda r: lambda ax: plots.plot_channels(r["channels"], ax),
    "payback": lambda r: lambda ax: plots.plot_payback(r["channels"], ax),
    "budget": lambda r: lambda ax: plots.plot_budget(r["allocation"], ax),
    "frontier": lambda r: lambda ax: plots.plot_frontier(r["allocation"], ax),
    "scenario": lambda r: lambda ax: plots.plot_scenario(r["scenarios"]["fewer leave"], ax=ax),
    "scenarios": lambda r: lambda ax: plots.plot_scenarios(r["scenarios"], ax=ax),
}


def drawn(draw: Draw, size: tuple[float, float]) -> tuple[Figure, Axes]:
    """The figure, laid out; from here on nothing moves."""
    figure = plt.figure(figsize=size, layout="constrained", dpi=DOTS)
    ax = figure.subplots()
    draw(ax)
    figure.canvas.draw()
    figure.set_layout_engine("none")
    return figure, ax


def grey(figure: Figure) -> np.ndarray:
    """Lightness of each pixel, 0 to 1."""
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba(), np.float64)[:, :, :3]  # type: ignore[attr-defined]
    return pixels @ np.array([0.299, 0.587, 0.114]) / 255.0


def parts_of(handle: Any) -> Iterator[Artist]:
    """The artists of a line, of bars, or of error bars."""
    for each in handle if isinstance(handle, tuple) else (handle,):
        if each is None:
            continue
        if isinstance(each, tuple):
            yield from parts_of(tuple(each))
        else:
            yield each


def marks(draw: Draw) -> dict[str, int]:
    """Pixels that change in black and white when what the legend names is taken away."""
    figure, ax = drawn(draw, SIZES["wide"])
    if (legend := ax.get_legend()) is not None:
        legend.set_visible(False)
    whole, found = grey(figure), {}
    for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
        artists = list(parts_of(handle))
        for artist in artists:
            artist.set_visible(False)
        found[label] = int(np.sum(np.abs(grey(figure) - whole) > DIFFERENT))
        for artist in artists:
            artist.set_visible(True)
    return found


def texts_of(figure: Figure) -> Iterator[tuple[Text, Bbox]]:
    """Every text that is drawn, and where."""
    hidden = {
        label
        for ax in figure.findobj(Axes)
        for axis in (ax.xaxis, ax.yaxis)
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())
        for label in (tick.label1, tick.label2)
        if not min(axis.get_view_interval()) - 1e-9 <= tick.get_loc() <= max(axis.get_view_interval()) + 1e-9
    }
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip() and text not in hidden:
            yield text, text.get_window_extent()


def over_each_other(figure: Figure) -> list[str]:
    """Pairs of texts of which one is written over another; those that stand askew are passed over."""
    upright = [(text, box) for text, box in texts_of(figure) if text.get_rotation() % 90 == 0]
    return [
        f"{one.get_text()!r} and {other.get_text()!r}"
        for (one, a), (other, b) in combinations(upright, 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1.0 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1.0
    ]


def cut_off(figure: Figure) -> list[str]:
    """Texts that reach beyond the paper."""
    paper = figure.bbox
    return [
        text.get_text()
        for text, box in texts_of(figure)
        if box.x0 < paper.x0 - 1 or box.y0 < paper.y0 - 1 or box.x1 > paper.x1 + 1 or box.y1 > paper.y1 + 1
    ]


@pytest.mark.parametrize("name", FIGURES)
def test_does_all_that_the_legend_names_leave_a_mark(results: dict[str, Any], name: str) -> None:
    found = marks(FIGURES[name](results))
    assert not {label: ink for label, ink in found.items() if ink < LEAST_INK}
    assert "map" in name or found


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("name", FIGURES)
def test_can_all_of_it_be_read(results: dict[str, Any], name: str, size: tuple[float, float]) -> None:
    figure, ax = drawn(FIGURES[name](results), size)
    assert over_each_other(figure) == []
    assert cut_off(figure) == []
    assert any(letter.isdigit() for letter in ax.get_title())  # a finding, not a label
    assert ax.get_ylabel() or ax.get_yticklabels()
    legend = ax.get_legend()
    if legend is not None:  # beside the data
        box, data = legend.get_window_extent(), ax.get_window_extent()
        assert box.y0 >= data.y1 - 2 or box.x0 >= data.x1 - 2
    assert ax.get_window_extent().height > 0.4 * figure.bbox.height  # room is left for the data


def good(ax: Axes) -> None:
    """A figure to be broken."""
    ax.fill_between([0, 1, 2], [0, 1, 0], [2, 3, 2], color=plots.drawing.BAND, linewidth=0, label="band")
    ax.plot([0, 1, 2], [1, 2, 1], color=plots.drawing.LINE, label="line")
    ax.plot([0.5, 1, 1.5], [1.6, 1.6, 1.6], "o", color="black", label="points")
    plots.drawing.finish(ax, "3 points in a band")


@pytest.mark.parametrize(
    ("broken", "lost"),
    [
        (lambda ax: ax.lines[0].set_color("white"), set()),  # white on a band is still a mark
        (lambda ax: ax.collections[0].set_facecolor("white"), {"band"}),
        (lambda ax: ax.collections[0].set_zorder(9), {"line", "points"}),  # covers them
        (lambda ax: ax.set_ylim(1.7, 3.0), {"points"}),  # out of range
        (lambda ax: ax.lines[0].set_data([], []), {"line"}),
        (lambda ax: ax.lines[1].set_data([0, 1], [np.nan, np.nan]), {"points"}),
        (lambda ax: ax.lines[0].set_linewidth(0), {"line"}),
        (lambda ax: ax.lines[0].set_color(plots.drawing.BAND), {"line"}),
    ],
)
def test_would_a_broken_figure_be_found(broken: Callable[[Axes], Any], lost: set[str]) -> None:
    def draw(ax: Axes) -> None:
        good(ax)
        broken(ax)

    assert {label for label, ink in marks(draw).items() if ink < LEAST_INK} == lost


def test_would_words_over_words_and_off_the_paper_be_found() -> None:
    def crowded(ax: Axes) -> None:
        good(ax)
        ax.text(1, 1, "one word")
        ax.text(1.05, 1.02, "another")

    figure, _ = drawn(crowded, SIZES["narrow"])
    assert over_each_other(figure) == ["'one word' and 'another'"]
    figure.text(0.9, 0.5, "so long that it does not fit on the paper any more")
    assert cut_off(figure) == ["so long that it does not fit on the paper any more"]
