"""What the forecast stands on: the log, and the model that was held against it."""

import numpy as np

from lifecast import plots
from lifecast.forecast import Forecast
from lifecast.model import CLTV
from lifecast.reporting.images import image
from lifecast.reporting.parts import Cell, Column, Section, Table, cell, table_of
from lifecast.rfm import RFM


def data_quality(forecast: Forecast) -> Section:
    """What was read, and what became of it."""
    rfm = forecast.simulation.rfm
    repeat = int(np.count_nonzero(rfm.frequency))
    unit = rfm.time_unit.name
    words = [
        f"{repeat:,} of {len(rfm):,} customers ({repeat / len(rfm):.0%}) bought more than once; a "
        f"model learns most from them. The middle customer has been known for {np.median(rfm.T):,.1f} "
        f"{unit}s, the oldest for {np.max(rfm.T):,.1f}."
    ]
    if rfm.monetary_value is None:
        words.append("There are no amounts: purchases are forecast, and no money.")
    if rfm.report is None:
        words.append("The customers came as a table that does not say how it was made from a log.")
        return Section("data", "Data", tuple(words))
    columns = (
        Column("what", "What"), Column("count", "Number", "count"),
        Column("note", "What became of it", "words"),
    )  # fmt: skip
    rows = tuple(
        (Cell(name.strip(), place), cell(lines, "count"), cell(note, "text"))
        for place, (name, lines, note) in enumerate(rfm.report.rows)
    )
    return Section(
        "data", "Data", tuple(words), tuple(rfm.report.remarks), tables=(Table("The log", columns, rows),)
    )


def diagnostics(model: CLTV, rfm: RFM) -> Section:
    """What the model was held against, and what to do about what failed."""
    checks = model.diagnostics
    families = " and ".join(family.name for family in (model.purchases, model.spend) if family is not None)
    market = "with a market learned from the log's own past" if model.market else "without a market"
    words = [f"The model is {families}, {market}."]
    failed = checks[~checks["passed"].astype(bool)] if len(checks) else checks
    if not len(checks):
        words.append("Its parameters were given, so nothing was checked.")
    elif not len(failed):
        words.append(f"All {len(checks)} checks passed.")
    else:
        words.append(f"{len(checks) - len(failed)} of {len(checks)} checks passed.")
    rows = tuple(
        (
            cell(check["part"], "text"),
            cell(check["check"], "text"),
            cell(check["figure"], "number"),
            cell(check["threshold"], "text"),
            cell("passed" if check["passed"] else "FAILED", "text"),
        )
        for check in checks.to_dict("records")
    )
    columns = (
        Column("part", "Part"), Column("check", "Check"), Column("figure", "Figure", "number"),
        Column("threshold", "Needed"), Column("passed", "Result"),
    )  # fmt: skip
    parameters = table_of(
        model.parameters.reset_index(),
        "Parameters",
        (
            Column("parameter", "Parameter"), Column("mean", "Mean", "number"), Column("sd", "SD", "number"),
            Column("lower", "5%", "number"), Column("upper", "95%", "number"),
        ),
        folded=True,
    )  # fmt: skip
    return Section(
        "diagnostics",
        "Diagnostics",
        tuple(words),
        tuple(f"{check['part']}, {check['check']}: {check['remedy']}" for check in failed.to_dict("records")),
        figures=(image(lambda ax: plots.plot_frequency_distribution(model, rfm, ax)),)
        if np.any(rfm.T > 0)
        else (),
        tables=(*((Table("Checks", columns, rows),) if rows else ()), parameters),
    )
