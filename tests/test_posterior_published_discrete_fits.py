"""Do the families in discrete time give the published numbers that need a fit, or the whole model?"""

import csv
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from published_numbers import Published, published

import lifecast as lc
from lifecast.kernels.bg_bb import log_likelihood_customer

FAMILIES = {"bg-bb": lc.BGBB, "sbg": lc.ShiftedBetaGeometric}
FITTED = [(card, row) for card in FAMILIES for row in published(card) if not row.is_formula]
ALL_HISTORIES = [(card, row) for card in FAMILIES for row in published(card) if "d" in row.inputs]
YEARS = 7  # of which the contracts' model is fitted


@cache
def rfm_of(data: str, shared: Path) -> lc.RFM:
    if data == "donations":
        histories = pd.read_parquet(shared / "data" / "donations_bgbb.parquet")
        return lc.RFM.from_frame(histories, time_unit="year")
    segment = f"Fader & Hardie (2007) {data.removesuffix('_contracts').replace('_', ' ')}"
    with (shared / "published.csv").open(newline="") as file:
        table = [row for row in csv.DictReader(file) if (row["dataset"], row["model"]) == (segment, "data")]
    surviving = np.array([round(10 * float(row["value"])) for row in table])[: YEARS + 1]
    lost = np.append(-np.diff(surviving), surviving[-1])
    return histories_of(np.repeat(np.arange(YEARS + 1), lost), YEARS)


def histories_of(renewals: np.ndarray, T: int) -> lc.RFM:
    columns = {"customer_id": np.arange(renewals.size), "frequency": renewals, "recency": renewals, "T": T}
    return lc.RFM.from_frame(pd.DataFrame(columns), time_unit="year")


@cache
def fitted(card: str, data: str, shared: Path) -> lc.CLTV:
    model = lc.CLTV(FAMILIES[card](priors="flat"), spend=None, market=None)
    return model.fit(rfm_of(data, shared), method="map")


def one(given: dict[str, float | str]) -> lc.RFM:
    history = {"frequency": int(given["x"]), "recency": given["t_x"], "T": given["T"]}
    return lc.RFM.from_frame(pd.DataFrame({"customer_id": ["one"], **history}), time_unit="year")


def answer(row: Published, model: lc.CLTV, rfm: lc.RFM) -> float:
    given, quantity = row.inputs, row.quantity
    if quantity.startswith("MLE "):
        return model.parameters["mean"][quantity.removeprefix("MLE ")]
    if quantity == "log-likelihood":
        return model.log_likelihood(rfm)
    if quantity == "E[X(t)]":
        return model.expected_purchases_new_customer(given["t"])
    if quantity == "expected purchases of a cohort in a year":
        until = [model.expected_purchases_new_customer(given["t"] - before) for before in (0, 1)]
        return len(rfm) * (until[0] - until[1])
    if quantity == "sum of E[X(T,T+t)] over customers":
        return model.expected_purchases(rfm, given["t"]).sum()
    if quantity == "mean E[X(T,T+t)] over customers":
        return model.expected_purchases(rfm, given["t"])[rfm.frequency == given["x"]].mean()
    if quantity == "E[X(T,T+t)]":
        return model.expected_purchases(one(given), given["t"])["one"]
    theta = model.parameters["mean"]
    if quantity == "P(alive at T+1)":
        stays = (theta["delta"] + given["T"]) / (theta["gamma"] + theta["delta"] + given["T"])
        return model.probability_alive(one(given))["one"] * stays
    assert quantity == "log-likelihood of a customer"
    return log_likelihood_customer(int(given["x"]), int(given["t_x"]), int(given["T"]), *theta)


@pytest.mark.parametrize(("card", "row"), FITTED, ids=lambda value: getattr(value, "id", value))
def test_does_each_published_fit_come_out(card: str, row: Published, shared: Path) -> None:
    data = str(row.inputs["data"])
    model, rfm = fitted(card, data, shared), rfm_of(data, shared)
    assert answer(row, model, rfm) == pytest.approx(row.value, abs=row.tolerance, rel=0)


def test_do_the_cards_hold_the_published_fits() -> None:
    assert len(FITTED) >= 50


@pytest.mark.parametrize(("card", "row"), ALL_HISTORIES, ids=lambda value: getattr(value, "id", value))
def test_does_the_whole_model_discount_to_the_published_numbers(card: str, row: Published) -> None:
    """Through expected_value over an infinite horizon, every purchase worth one."""
    given = {name: float(value) for name, value in row.inputs.items()}
    family = FAMILIES[card]
    parameters = {name: given[name] for name in family.parameters}
    model = lc.CLTV.from_parameters(
        parameters, {"p": 1.0, "q": 2.0, "v": 1.0}, families=(card, "gamma-gamma"), time_unit="year"
    )
    if card == "bg-bb":
        history, in_full = (given["x"], given["t_x"], given["T"]), 1.0
    else:  # about to renew for the n-th time, that renewal counted in full
        history, in_full = (given["n"] - 1.0,) * 3, 1.0 + given["d"]
    frame = pd.DataFrame([history], columns=["frequency", "recency", "T"])
    frame["monetary_value"] = np.where(frame["frequency"] > 0, 1.0, 0.0)
    frame["monetary_log_mean"] = 0.0
    rfm = lc.RFM.from_frame(frame.rename_axis("customer_id"), time_unit="year")
    value = model.expected_value(rfm, np.inf, annual_discount_rate=given["d"])
    assert in_full * value.iloc[0] == pytest.approx(row.value, abs=row.tolerance, rel=0)
