"""Does a report say what the tables say, keep to itself, and let no data become code?"""

import base64
import html
import math
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import lifecast as lc
from lifecast.reporting import sections
from lifecast.reporting.page import hash_of
from lifecast.reporting.parts import Column, cell, chance, money, number, table_of

EVIL = "<script>alert(1)</script>"
CHANNELS = {"search": '<img src=x onerror="alert(2)">', "social": r"$\bad{", "referral": "口コミ & Co"}
EMPTY = {"meta", "img", "input", "br", "link", "hr"}


class Reader(HTMLParser):
    """Elements, scripts and the text of cells; complains of what is not closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[tuple[str, str]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append((self.open[-1] if self.open else "", data))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def inside(self, tag: str) -> list[str]:
        return [text for name, text in self.text if name == tag]


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """All that a report can hold, of a shop whose names would be code."""
    shop = lc.datasets.simulate_shop(customers=600, months=18, random_seed=1)
    log = shop.log.assign(channel=shop.log["channel"].replace(CHANNELS))
    best = log.groupby("customer_id")["amount"].sum().idxmax()
    log["customer_id"] = log["customer_id"].astype(str).mask(log["customer_id"] == best, EVIL)
    costs = shop.costs.assign(channel=shop.costs["channel"].replace(CHANNELS))
    rfm = lc.rfm_summary(log, attributes=["channel"], observation_end=shop.end)
    model = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(groups="channel"), market=None)
    model.fit(rfm, draws=100, random_seed=1)
    forecast = model.forecast(rfm, "12 months", annual_discount_rate=0.1, margin=0.3, worlds=60)
    by_channel = lc.channels(model, costs, margin=0.3, worlds=60)
    return {
        "forecast": forecast,
        "model": model,
        "segments": lc.segments(forecast),
        "cash_flow": lc.cash_flow(forecast, "channel"),
        "channels": by_channel,
        "allocation": lc.allocate(by_channel, 50_000, costs),
        "scenarios": {
            EVIL: lc.scenario(forecast, purchase_rate=1.1),
            "fewer leave": lc.scenario(forecast, dropout=0.9),
        },
        "offer": lc.treat(forecast, cost=2.0, effect={"purchase_rate": 1.2}, by="channel"),
        "backtest": lc.backtest(
            log, origins=2, horizons="90 days", worlds=30, model=lc.CLTV(market=None), amount="amount"
        ),
        "uncertainty": forecast.uncertainty(),
        "title": f"Ours {EVIL}",
    }


@pytest.fixture(scope="module")
def file(results: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    lc.report(path=path, **results)
    return path


@pytest.fixture(scope="module")
def page(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def test_is_every_section_there(page: str) -> None:
    reader = Reader(page)
    names = [
        "summary", "data", "diagnostics", "portfolio", "uncertainty", "segments", "customers", "cash-flow",
        "channels", "budget", "scenarios", "offer", "past-forecasts",
    ]  # fmt: skip
    assert [each["id"] for each in reader.of("section")] == names
    assert [each["href"] for each in reader.of("a")] == [f"#{name}" for name in names]
    assert len(reader.inside("h2")) == len(names)


def test_does_it_ask_nothing_of_the_network(page: str) -> None:
    reader = Reader(page)
    assert "http:" not in page and "https:" not in page and "url(" not in page and "@import" not in page
    fetching = {"link", "iframe", "object", "embed", "base", "form"}
    assert fetching.isdisjoint(name for name, _ in reader.elements)
    sources = [str(attributes["src"]) for _, attributes in reader.elements if "src" in attributes]
    # One of frequencies, two of sums, one of variance, three of customers, one of cash, two each of channels
    # and of the budget, one of scenarios, three of past forecasts.
    assert len(sources) == 16 and all(each.startswith("data:image/svg+xml;base64,") for each in sources)
    for source in sources:
        image = ElementTree.fromstring(base64.b64decode(source.partition(",")[2]))
        links = [value for each in image.iter() for name, value in each.items() if name.endswith("href")]
        assert all(link.startswith(("#", "data:image/png;base64,")) for link in links)
        assert not [each.tag for each in image.iter() if each.tag.endswith(("script", "foreignObject"))]
    assert all(each["alt"] for each in reader.of("img"))


def test_does_no_data_become_code(page: str) -> None:
    reader = Reader(page)
    (script,) = reader.inside("script")
    (style,) = reader.inside("style")
    policy = next(each["content"] for each in reader.of("meta") if "http-equiv" in each)
    assert policy == (
        f"default-src 'none'; img-src data:; style-src '{hash_of(style)}'; script-src '{hash_of(script)}'"
    )
    assert not [name for _, attributes in reader.elements for name in attributes if name.startswith("on")]
    assert len(reader.of("script")) == 1
    assert EVIL in "".join(reader.inside("td"))
    assert "".join(reader.inside("h1")) == f"Ours {EVIL}"
    for name in CHANNELS.values():
        assert name in reader.inside("td")


def test_does_it_say_what_the_tables_say(page: str, results: dict[str, Any]) -> None:
    text = "".join(text for _, text in Reader(page).text)
    forecast = results["forecast"]
    value = forecast.total.loc["discounted_value"]
    assert f"worth {money(value['mean'])} today ({money(value['lower'])} to {money(value['upper'])})" in text
    assert "600 customers are known from purchases up to 2024-06-30" in text
    assert "discounted at 10.0% a year and counting 0.3 of every amount as value" in text
    held = results["backtest"].portfolio
    inside = int(held["actual"].between(held["lower"], held["upper"]).sum())
    assert f"{inside} of {len(held)} sums lay in their 90% interval" in text
    offered = results["offer"].total
    assert f"Made to {offered['treated']:,.0f} customers, it costs {money(offered['cost'])}" in text
    gained = results["scenarios"]["fewer leave"].total.loc["discounted_value", "difference"]
    assert f"{gained:,.0f}" in Reader(page).inside("td")
    best = forecast.customers.nlargest(100, "cltv")["customer_id"].to_list()
    rows = page[page.index("The best 100 of 600") : page.index('<section id="cash-flow"')].count("<tr>") - 1
    assert rows == len(best) == 100


def test_are_sections_left_out_that_nothing_was_given_for(tmp_path: Path) -> None:
    model = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
    table = lc.rfm_summary(lc.datasets.load_cdnow(sample=True)).to_frame().head(30)
    bare = lc.RFM.from_frame(table, time_unit="week")
    lc.report(model.forecast(bare, 10, worlds=5), tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert [each["id"] for each in Reader(page).of("section")] == [
        "summary",
        "data",
        "portfolio",
        "customers",
    ]
    assert "Within 10 weeks they are expected to buy" in page
    assert "There are no amounts" not in page  # this table has some, which the model leaves aside
    lc.report(model.forecast(bare, 10, worlds=5), tmp_path / "page.html", model=model)
    assert "Its parameters were given" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_is_a_value_for_good_reported(tmp_path: Path) -> None:
    rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    model = lc.CLTV.from_parameters(
        {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, {"p": 6.25, "q": 3.74, "v": 15.44}
    )
    forecast = model.forecast(rfm, float("inf"), annual_discount_rate=0.15, worlds=5)
    lc.report(forecast, tmp_path / "page.html", model=model)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "For as long as they stay they are expected to buy" in text and "nan" not in text


def test_are_failed_checks_and_a_log_that_begins_in_mid_life_told(tmp_path: Path) -> None:
    log = lc.datasets.load_cdnow(sample=True)
    few = log[log["customer_id"].isin(log["customer_id"].unique()[:60])]
    rfm = lc.rfm_summary(few, observation_end="1997-09-30")
    with pytest.warns(lc.LifecastWarning):
        model = lc.CLTV(market=None).fit(rfm, draws=100, random_seed=1)
    lc.report(model.forecast(rfm, 10, worlds=5), tmp_path / "page.html", model=model)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    failed = model.diagnostics[~model.diagnostics["passed"]]
    assert f"{len(failed)} check" in page and page.count("FAILED") == len(failed)
    assert page.count('class="warning"') == len(failed) + 1 + 2 * rfm.report.left_truncated


def test_does_the_summary_tell_that_past_forecasts_missed(results: dict[str, Any]) -> None:
    forecast, past = results["forecast"], results["backtest"]
    all_held = replace(past, portfolio=past.portfolio.assign(lower=0.0, upper=math.inf))
    assert sections.summary(forecast, None, None, all_held).warnings == ()
    none_held = replace(past, portfolio=past.portfolio.assign(lower=-2.0, upper=-1.0))
    (warning,) = sections.summary(forecast, None, None, none_held).warnings
    assert f"Only 0 of {len(past.portfolio)} past forecasts lay in their 90% interval" in warning


def test_is_it_written_whole_or_not_at_all(
    results: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "page.html"
    lc.report(results["forecast"], path)
    before = path.read_bytes()
    lc.report(results["forecast"], path)
    assert path.read_bytes() == before

    def full(self: Path, *args: Any, **settings: Any) -> int:
        self.write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="no space"):
        lc.report(results["forecast"], path, title="another")
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_are_wrong_asks_refused(results: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(lc.SettingsError, match=r"must end in \.html"):
        lc.report(results["forecast"], tmp_path / "page.pdf")
    rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    model = lc.CLTV.from_parameters({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
    with pytest.raises(lc.SettingsError, match=r"2,357 customers of the segments are not the forecast's 600"):
        other = lc.segments(model.forecast(rfm, 13, worlds=5))
        lc.report(results["forecast"], tmp_path / "page.html", segments=other)
    assert list(tmp_path.iterdir()) == []


def test_do_cells_read_well_and_sort_right() -> None:
    frame = pd.DataFrame(
        {"n": [float("inf"), float("nan"), 1234.5], "when": pd.to_datetime(["2025-01-02"] * 3)}
    )
    table = table_of(frame, "", [Column("n", "", "money"), Column("when", "", "date"), Column("gone", "")])
    assert [row[0].text for row in table.rows] == ["∞", "–", "1,234"]
    assert [row[0].order for row in table.rows] == [float("inf"), float("-inf"), 1234.5]
    assert table.rows[0][1].text == "2025-01-02" and len(table.columns) == 2
    assert [chance(each) for each in (0.0, 0.004, 0.5, 0.996, 1.0)] == [
        "< 1%",
        "< 1%",
        "50%",
        "> 99%",
        "> 99%",
    ]
    assert [number(each) for each in (0.012345, 12.345, 99.99, 999.6)] == ["0.0123", "12.3", "100", "1,000"]
    assert cell("Ä", "text").order == "ä"


def test_is_the_best_tenth_that_of_a_sum_by_hand(results: dict[str, Any]) -> None:
    values = results["forecast"].customers["cltv"]
    by_hand = values.nlargest(60).sum() / values.sum()
    assert sections.best_tenth(values.to_numpy()) == pytest.approx(by_hand, rel=1e-12)


# -- in a browser ----------------------------------------------------------------------------------

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
TRIES = """
<script>
  const table = document.querySelector("#customers table");
  const shown = () => [...table.tBodies[0].rows].filter((row) => !row.hidden);
  const cells = (place) => shown().map((row) => row.cells[place]);
  const headings = [...table.querySelectorAll("th")];
  const value = headings.findIndex((each) => each.textContent === "Value");
  headings[value].firstChild.click();
  headings[value].firstChild.click();
  const orders = cells(value).map((each) => Number(each.dataset.order));
  const search = document.querySelector("#customers input");
  search.value = "ALERT(1)";
  search.dispatchEvent(new Event("input"));
  // Figures and tables scroll in a box of their own; nothing else, and no box, reaches beyond the screen.
  for (const each of document.querySelectorAll("details")) each.open = true;
  const boxed = (each) => each.parentElement.closest(".table, figure") !== null;
  const outside = [...document.body.querySelectorAll("*")].filter(
    (each) => !boxed(each) && each.getBoundingClientRect().right > window.innerWidth + 1);
  window.top.document.title = [
    orders.length,
    orders.every((each, place) => place === 0 || orders[place - 1] <= each),
    cells(0).map((each) => each.textContent),
    document.querySelector("#customers [role=status]").textContent,
    document.documentElement.scrollWidth <= window.innerWidth,
    outside.length === 0 || outside.map((each) => each.outerHTML.slice(0, 80)).join(),
    window.innerWidth,
  ].join(" | ");
</script>
"""


@pytest.fixture(scope="module")
def browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser here: looked for {', '.join(BROWSERS)}")
    return found


def opened(browser: str, page: str, width: int, folder: Path) -> tuple[str, list[str]]:
    """What the title says after the page was opened in a frame as wide as a screen; and the console's lines.

    A frame, because windows cannot be as narrow as a phone.
    """
    file = folder / "frame.html"
    frame = f'<iframe style="width: {width}px; height: 800px; border: 0" srcdoc="{html.escape(page)}">'
    start = '<!DOCTYPE html><meta charset="utf-8"><title>nothing ran</title>'
    file.write_text(f"{start}{frame}</iframe>", encoding="utf-8")
    ran = subprocess.run(
        [
            browser, *QUIET, "--enable-logging=stderr", f"--user-data-dir={folder / 'profile'}",
            "--window-size=1400,900", "--dump-dom", file.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    title = ran.stdout[ran.stdout.index("<title>") + 7 : ran.stdout.index("</title>")]
    return html.unescape(title), [line for line in ran.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.parametrize("width", [1200, 390])
def test_does_it_open_in_a_browser_and_do_its_tables_respond(
    browser: str, page: str, tmp_path: Path, width: int
) -> None:
    assert opened(browser, page, width, tmp_path) == ("nothing ran", [])
    # Under its own policy the page would not run the test's script.
    free = re.sub(r"<meta http-equiv=[^>]*>", "", page).replace("</body>", TRIES + "</body>")
    said = f"100 | true | {EVIL} | 1 of 100 | true | true | {width}"
    assert opened(browser, free, width, tmp_path) == (said, [])


def test_does_its_policy_stop_a_script_of_another(browser: str, page: str, tmp_path: Path) -> None:
    title, console = opened(browser, page.replace("</body>", TRIES + "</body>"), 1200, tmp_path)
    assert title == "nothing ran"
    assert len(console) == 1 and "Content Security Policy" in console[0]


def test_is_a_long_table_headed_on_every_page_of_paper(browser: str, file: Path, tmp_path: Path) -> None:
    if (reader := shutil.which("pdftotext")) is None:
        pytest.skip("no pdftotext here, which reads what was printed")
    paper = tmp_path / "page.pdf"
    subprocess.run(
        [
            browser, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", "--no-pdf-header-footer",
            f"--print-to-pdf={paper}", file.as_uri(),
        ],
        capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    read = subprocess.run([reader, "-layout", paper, "-"], capture_output=True, text=True, check=True).stdout
    pages = read.split("\f")
    first = next(place for place, text in enumerate(pages) if "The best 100 of 600 customers" in text)
    rows = [sum("core" in line or "growing" in line for line in page.splitlines()) for page in pages]
    long = [place for place in range(first, len(pages)) if rows[place] > 20]
    assert len(long) > 1
    assert all("Purchases" in pages[place] and "Buys at" in pages[place] for place in long)
    assert "Search" not in read and "Period by period" not in read  # what only a screen can do


def test_is_it_small_enough_for_a_mail(file: Path) -> None:
    assert file.stat().st_size < 3_000_000


def test_is_what_has_come_since_held_against_the_forecast(tmp_path: Path) -> None:
    log = lc.datasets.load_cdnow(sample=True)
    rfm = lc.rfm_summary(log, observation_end="1997-09-30", holdout_end="1998-06-30")
    assert rfm.holdout is not None and rfm.holdout.value is not None
    model = lc.CLTV.from_parameters(
        {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, {"p": 6.25, "q": 3.74, "v": 15.44}
    )
    forecast = model.forecast(rfm, rfm.holdout.duration, margin=0.5, worlds=20)
    found = sections.holdout(forecast)
    assert found is not None
    assert "The log goes on to 1998-06-30" in found.words[0] and len(found.figures) == 2
    came = {row[0].text: row[4].order for row in found.tables[0].rows}
    assert came == {"purchases": 1882, "value": pytest.approx(0.5 * rfm.holdout.value.sum())}
    held = {row[0].text: row[6].text for row in found.tables[0].rows}
    for measure, bounds in forecast.total.loc[["purchases", "value"]].iterrows():
        inside = bounds["lower"] <= came[str(measure)] <= bounds["upper"]
        assert held[str(measure)] == ("held" if inside else "MISSED")
    assert (
        "what really happened"
        in base64.b64decode(sections.portfolio(forecast).figures[0].source.partition(",")[2]).decode()
    )
    assert sections.holdout(model.forecast(rfm, 10, worlds=2)) is None  # another length
    lc.report(forecast, tmp_path / "page.html", model=model)
    assert '<section id="holdout">' in (tmp_path / "page.html").read_text(encoding="utf-8")
