"""The page itself: sections in order, rendered, and written whole or not at all."""

import os
from base64 import b64encode
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING

from lifecast.errors import SettingsError
from lifecast.export import check_target, written_beside
from lifecast.forecast import Forecast
from lifecast.model import CLTV
from lifecast.reporting import sections
from lifecast.reporting.parts import Section

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from lifecast.backtesting import Backtest
    from lifecast.planning.actions import Treatment
    from lifecast.planning.budget import Allocation
    from lifecast.planning.channels import Channels
    from lifecast.planning.portfolio import CashFlow
    from lifecast.planning.scenarios import Scenario
    from lifecast.planning.segments import Segments


def report(
    forecast: Forecast,
    path: str | os.PathLike[str],
    *,
    model: CLTV | None = None,
    segments: "Segments | None" = None,
    cash_flow: "CashFlow | None" = None,
    channels: "Channels | None" = None,
    allocation: "Allocation | None" = None,
    scenarios: "Mapping[str, Scenario] | None" = None,
    offer: "Treatment | None" = None,
    backtest: "Backtest | None" = None,
    uncertainty: "pd.DataFrame | None" = None,
    title: str = "What our customers will be worth",
) -> None:
    """Write what a forecast says as one HTML page, to be read in a browser, sent by mail or printed.

    The page is a single file: figures, style and the script that sorts and searches its tables are in it, and
    it asks nothing of the network. It holds the ids of the best hundred customers.

    Parameters
    ----------
    forecast : Forecast
        The summary, the data it was made from, all customers together, and the best customers; and what has
        come since, where its RFM was made with ``holdout_end=``.
    path : path
        Ends in ".html". A file that is there is replaced, once the new one is whole.
    model : CLTV, optional
        Whose forecast it is: what it was held against, the frequencies it makes, and a map of P(alive) and of
        expected purchases.
    segments : Segments, optional
        From `lifecast.segments`, of this forecast.
    cash_flow : CashFlow, optional
        From `lifecast.cash_flow`.
    channels : Channels, optional
        From `lifecast.channels`.
    allocation : Allocation, optional
        From `lifecast.allocate`.
    scenarios : mapping of str to Scenario, optional
        From `lifecast.scenario`, by the names that they are to have on the page.
    offer : Treatment, optional
        From `lifecast.treat`.
    backtest : Backtest, optional
        From `lifecast.backtest`: how well past forecasts held.
    uncertainty : DataFrame, optional
        What ``forecast.uncertainty()`` returned: where the uncertainty comes from.
    title : str, default "What our customers will be worth"

    Raises
    ------
    SettingsError
        Another ending, no such folder, no scenario, or segments of other customers.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import lifecast as lc
    >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    >>> model = lc.CLTV(market=None).fit(rfm, random_seed=1)
    >>> forecast = model.forecast(rfm, "39 weeks", annual_discount_rate=0.10, worlds=100)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lc.report(forecast, f"{folder}/report.html", model=model, segments=lc.segments(forecast))
    ...     "<h2>Segments</h2>" in Path(folder, "report.html").read_text(encoding="utf-8")
    True
    """
    check_target(path, (".html", ".htm"))
    ids = forecast.customers["customer_id"]
    if segments is not None and not ids.equals(segments.customers["customer_id"]):
        raise SettingsError(
            f"The {len(segments.customers):,} customers of the segments are not the forecast's {len(ids):,}, "
            "in their order. Pass segments=lifecast.segments(forecast) of this forecast."
        )
    given: list[Section | None] = [
        sections.summary(forecast, model, allocation, backtest),
        sections.data_quality(forecast),
        None if model is None else sections.diagnostics(model, forecast.simulation.rfm),
        sections.portfolio(forecast),
        None if uncertainty is None else sections.uncertainty(forecast, uncertainty),
        None if segments is None else sections.segments(segments),
        sections.customers(forecast, model, segments),
        None if cash_flow is None else sections.cash_flow(cash_flow),
        None if channels is None else sections.channels(channels),
        None if allocation is None else sections.budget(allocation),
        None if scenarios is None else sections.scenarios(scenarios),
        None if offer is None else sections.offer(offer),
        sections.holdout(forecast),
        None if backtest is None else sections.past_forecasts(backtest),
    ]
    page = render(title, subtitle(forecast), [section for section in given if section is not None])
    with written_beside(path) as beside:
        beside.write_text(page, encoding="utf-8")


def subtitle(forecast: Forecast) -> str:
    """What the page is about, in a line."""
    end = forecast.observation_end
    known = "" if end is None else f", their purchases up to {end},"
    words = sections.horizon_in_words(forecast)
    return f"{len(forecast.customers):,} customers{known} and what to expect {words[0].lower()}{words[1:]}."


def render(title: str, about: str, shown: list[Section]) -> str:
    """The page as HTML; all that comes from data is escaped.

    Its policy lets no other script run than the one that belongs to it, and fetches nothing.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("lifecast.reporting", "template"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    ours = files("lifecast.reporting").joinpath("template")
    script, style = (ours.joinpath(f"report.{kind}").read_text(encoding="utf-8") for kind in ("js", "css"))
    return environment.get_template("report.html").render(
        title=title,
        about=about,
        sections=shown,
        version=version("lifecast"),
        script=Markup(script),
        style=Markup(style),
        script_hash=hash_of(script),
        style_hash=hash_of(style),
    )


def hash_of(text: str) -> str:
    """As a content security policy names a text that it trusts."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
