"""Does a report say what its forecast is of, and nothing of what there is not, such as money?"""

import dataclasses
from typing import Any

import numpy as np
import pytest

import lifecast as lc
from lifecast.reporting import sections
from lifecast.reporting.parts import Figure
from lifecast.reporting.sections.outlook import came_since
from lifecast.reporting.sections.words import terms_in_words

PURCHASES = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
SPEND = {"p": 6.25, "q": 3.74, "v": 15.44}


def customers(*columns: str, attributes: list[str] | None = None) -> lc.RFM:
    """Some of CDNOW's, with the half year after September held back."""
    log = lc.datasets.load_cdnow(sample=True).query("customer_id < 2000")
    log = log.assign(rate=np.where(log["customer_id"] % 2, 0.2, 0.4))[["customer_id", "date", *columns]]
    days = {"observation_end": "1997-09-30", "holdout_end": "1998-03-31"}
    return lc.rfm_summary(log, attributes=attributes or [], past=False, **days)


@pytest.fixture(scope="module")
def of_purchases() -> lc.Forecast:
    rfm = customers()
    assert rfm.holdout is not None
    return lc.CLTV.from_parameters(PURCHASES).forecast(rfm, rfm.holdout.duration, worlds=20)


@pytest.fixture(scope="module")
def of_value() -> lc.Forecast:
    rfm = customers("amount", "rate", attributes=["rate"])
    assert rfm.holdout is not None
    return lc.CLTV.from_parameters(PURCHASES, SPEND).forecast(rfm, rfm.holdout.duration, worlds=20)


def texts(found: Any) -> list[str]:
    """Every text of a section, whatever it is made of; no figure's bytes."""
    if isinstance(found, str):
        return [found]
    if isinstance(found, Figure):
        return [found.says]
    if dataclasses.is_dataclass(found):
        return [text for field in dataclasses.fields(found) for text in texts(getattr(found, field.name))]
    return [text for each in found for text in texts(each)] if isinstance(found, tuple | list) else []


def test_is_money_left_out_of_a_report_of_purchases_alone(of_purchases: lc.Forecast) -> None:
    said = [
        sections.data_quality(of_purchases),
        sections.summary(of_purchases, None, None, None),
        sections.holdout(of_purchases),
        sections.segments(lc.segments(of_purchases)),
    ]
    assert "There are no amounts: purchases are forecast, and no money." in texts(said[0])
    for section in said[1:]:
        words = " ".join(texts(section)).lower()
        assert "purchases" in words and "value" not in words and "worth" not in words, section


def test_is_what_came_counted_in_money_only_where_the_forecast_is(
    of_purchases: lc.Forecast, of_value: lc.Forecast
) -> None:
    bought, valued = came_since(of_purchases), came_since(of_value)
    assert set(bought) == {"purchases"} and set(valued) == {"purchases", "value"}
    log = lc.datasets.load_cdnow(sample=True).query("customer_id < 2000 and date > '1997-09-30'")
    log = log[log["date"] <= "1998-03-31"]
    assert bought["purchases"].sum() == log.drop_duplicates(["customer_id", "date"]).shape[0]
    assert valued["value"].sum() == pytest.approx(log["amount"].sum())
    rows = [table.rows for table in sections.holdout(of_purchases).tables]
    assert [[row[0].text for row in part] for part in rows] == [["purchases"]]


def test_is_what_came_told_to_its_customers_margins(of_value: lc.Forecast) -> None:
    rfm = of_value.simulation.rfm
    model = lc.CLTV.from_parameters(PURCHASES, SPEND)
    forecast = model.forecast(rfm, rfm.holdout.duration, margin="rate", worlds=20)
    assert set(came_since(forecast)) == {"purchases"}  # periods' sums know no customers
    (table,) = sections.holdout(forecast).tables
    actual = [column.name for column in table.columns].index("actual")
    spent = lc.datasets.load_cdnow(sample=True).query("'1997-09-30' < date <= '1998-03-31'")
    earned = spent["amount"] * np.where(spent["customer_id"] % 2, 0.2, 0.4)
    assert table.rows[1][actual].order == pytest.approx(earned[spent["customer_id"] < 2000].sum())


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({}, ", not discounted"),
        ({"annual_discount_rate": 0.1}, ", discounted at 10.0% a year"),
        ({"margin": 0.3}, ", counting 0.3 of every amount as value"),
        (
            {"annual_discount_rate": 0.1, "margin": "rate"},
            ", discounted at 10.0% a year and counting the share of each amount that 'rate' says",
        ),
    ],
)
def test_are_the_terms_of_a_value_told(of_value: lc.Forecast, terms: dict[str, Any], words: str) -> None:
    plain = {"annual_discount_rate": 0.0, "margin": 1.0}
    assert terms_in_words(dataclasses.replace(of_value, settings=of_value.settings | plain | terms)) == words


def test_is_the_best_tenth_left_out_where_nothing_is_expected() -> None:
    nothing = lc.CLTV.from_parameters(PURCHASES).forecast(customers(), 0, worlds=2)
    words = texts(sections.summary(nothing, None, None, None))
    assert not [text for text in words if "best tenth" in text]
    assert sections.customers(nothing, None, None).figures == ()


def test_is_a_cash_flow_without_amounts_one_of_purchases(of_purchases: lc.Forecast) -> None:
    found = sections.cash_flow(lc.cash_flow(of_purchases))
    assert [table.caption for table in found.tables] == ["Period by period, everybody"]
    assert [column.name for column in found.tables[0].columns][-1] == "purchases"
