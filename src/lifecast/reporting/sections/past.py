"""What earlier forecasts said, and what came."""

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from lifecast import plots
from lifecast.forecast import Forecast
from lifecast.reporting.images import image
from lifecast.reporting.parts import Column, Section, table_of
from lifecast.reporting.sections.words import held_by

if TYPE_CHECKING:
    from lifecast.backtesting import Backtest


def holdout(forecast: Forecast) -> Section | None:
    """What has come since, where the forecast's RFM holds it back and the forecast reaches as far."""
    held_out = forecast.simulation.rfm.holdout
    if held_out is None or not math.isclose(held_out.duration, forecast.horizon, rel_tol=1e-6):
        return None
    came = {"purchases": float(held_out.frequency.sum())}
    if held_out.value is not None and "value" in forecast.draws:
        came["value"] = float(held_out.value @ forecast.simulation.margin)
    rows = forecast.total.loc[list(came)].assign(actual=list(came.values()), measure=list(came))
    rows["off"] = rows["actual"] / rows["mean"] - 1.0
    inside = rows["actual"].between(rows["lower"], rows["upper"])
    rows["held"] = np.where(inside, "held", "MISSED")
    interval = f"{forecast.interval:.0%} interval"
    columns = (
        Column("measure", "Of all customers"), Column("mean", "Forecast", "number"),
        Column("lower", f"{interval}, from", "number"), Column("upper", "to", "number"),
        Column("actual", "What came", "number"), Column("off", "Off the forecast", "share"),
        Column("held", "Interval"),
    )  # fmt: skip
    return Section(
        "holdout",
        "What has come since",
        (
            f"The log goes on to {held_out.end}, and the forecast did not see that. {int(inside.sum())} of "
            f"{len(rows)} sums lay in their {interval}.",
        ),
        figures=tuple(
            image(
                partial(plots.plot_calibration_by_frequency, forecast, measure),
                partial(plots.plot_calibration_by_decile, forecast, measure),
                height=4.2,
            )
            for measure in came
        ),
        tables=(table_of(rows, "The sums", columns),),
    )


def past_forecasts(found: "Backtest") -> Section:
    """What forecasts from earlier days said, and what came."""
    table = found.portfolio
    held = held_by(found)
    unit = found.time_unit.name
    frame = table.assign(held=np.where(held, "held", "MISSED"), off=table["actual"] / table["mean"] - 1.0)
    measures = list(dict.fromkeys(table["measure"]))
    columns = (
        Column("origin", "Forecast from", "date"), Column("horizon", f"For {unit}s", "number"),
        Column("measure", "Of"), Column("mean", "Forecast", "number"),
        Column("lower", f"{found.interval:.0%} interval, from", "number"), Column("upper", "to", "number"),
        Column("actual", "What came", "number"), Column("off", "Off the forecast", "share"),
        Column("held", "Interval"),
    )  # fmt: skip
    words = [
        f"Forecasts made again from {table['origin'].nunique()} earlier days, each with nothing but what was "
        f"known then. {int(held.sum())} of {len(table)} sums lay in their {found.interval:.0%} interval. "
        "Forecasts from days close together share most of their future, so they miss together."
    ]
    whose = found.customers
    one = whose[(whose["who"] == "all") & (whose["forecast"] == "model")]
    for measure, rows in one.groupby("measure"):
        held_of, due = (
            np.average(rows[f"{kind}_90"], weights=rows["customers"])
            for kind in ("coverage", "expected_coverage")
        )
        words.append(
            f"Of single customers, {held_of:.0%} had {measure} inside their 90% interval; {due:.0%} were to "
            "be expected (more than 90%, because purchases are whole numbers)."
        )
    return Section(
        "past-forecasts",
        "How well past forecasts held",
        tuple(words),
        figures=(
            *(image(partial(plots.plot_past_forecasts, found, measure, None)) for measure in measures),
            image(
                lambda ax: plots.plot_coverage(found, ax=ax),
                lambda ax: plots.plot_pit(found, ax=ax),
                height=4.2,
            ),
        ),
        tables=(table_of(frame, "Forecasts and what came", columns),),
    )
