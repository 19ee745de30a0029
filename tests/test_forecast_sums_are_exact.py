"""Are sums over customers the same to the last bit, however the customers are cut, ordered and shared out?"""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import lifecast as lc
from lifecast import simulation
from lifecast.kernels.reduction import add_up_by_group
from lifecast.simulation import Futures
from lifecast.sums import FINE, Sums, anchors, typical_amount

RATE = 0.1


@pytest.fixture(scope="module")
def rfm() -> lc.RFM:
    log = lc.datasets.load_cdnow(sample=True)
    return lc.rfm_summary(log, time_unit="week", observation_end="1997-09-30")


@pytest.fixture(scope="module")
def model(rfm: lc.RFM) -> lc.CLTV:
    return lc.CLTV().fit(rfm, random_seed=1)


@pytest.fixture(scope="module")
def whole(model: lc.CLTV, rfm: lc.RFM) -> lc.Forecast:
    return forecast_of(model, rfm)


def forecast_of(model: lc.CLTV, rfm: lc.RFM, **settings: int) -> lc.Forecast:
    return model.forecast(
        rfm, 39, annual_discount_rate=RATE, margin=0.3, worlds=100, random_seed=3, **settings
    )


def same(draws: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> bool:
    assert list(draws) == list(expected) == ["purchases", "value", "discounted_value"]
    return all(np.array_equal(draws[measure], expected[measure]) for measure in expected)


@pytest.mark.parametrize(
    "accident", [{"chunk_size": 7}, {"chunk_size": 1000}, {"threads": 1}, {"threads": 3, "chunk_size": 50}]
)
def test_do_chunks_or_threads_change_a_sum(
    model: lc.CLTV, rfm: lc.RFM, whole: lc.Forecast, accident: dict[str, int]
) -> None:
    assert same(forecast_of(model, rfm, **accident).draws, whole.draws)


def test_does_the_order_of_rows_change_a_sum(model: lc.CLTV, rfm: lc.RFM, whole: lc.Forecast) -> None:
    shuffled = lc.RFM.from_frame(rfm.to_frame().sample(frac=1, random_state=2), time_unit="week")
    assert same(forecast_of(model, shuffled, chunk_size=300).draws, whole.draws)


def test_do_three_parts_add_up_to_the_whole(model: lc.CLTV, rfm: lc.RFM, whole: lc.Forecast) -> None:
    table, part = rfm.to_frame(), np.random.default_rng(4).integers(3, size=len(rfm))
    parts = [
        forecast_of(model, lc.RFM.from_frame(table[part == number], time_unit="week")) for number in range(3)
    ]
    first, second, third = (each.sums for each in parts)
    assert same((third + (first + second)).draws, whole.draws)
    assert same({name: sum(each.draws[name] for each in parts) for name in whole.draws}, whole.draws)


def test_do_groups_add_up_to_the_whole(rfm: lc.RFM, whole: lc.Forecast) -> None:
    grouped = whole.by(np.random.default_rng(5).integers(20, size=len(rfm)), threads=2)
    assert same({name: draws.sum(axis=0) for name, draws in grouped.draws.items()}, whole.draws)


def test_are_sums_what_the_purchases_add_up_to(whole: lc.Forecast) -> None:
    class Plain:
        def __init__(self) -> None:
            self.sums = {name: np.zeros_like(draws) for name, draws in whole.draws.items()}

        def look(self, futures: Futures) -> Futures:
            return futures

        def keep(self, part: Futures) -> None:
            simulation = whole.simulation
            customer = np.repeat(part.customer, np.diff(part.first))
            period = np.maximum(np.ceil(part.time - 1e-9).astype(int) - 1, 0)
            value = simulation.margin[customer] * part.amount
            present = value * np.exp(-simulation.discount_rate * part.time)
            for name, values in zip(self.sums, (np.ones(value.size), value, present), strict=True):
                np.add.at(self.sums[name], (part.world, period), values)

    plain = Plain()
    whole.watch(plain)
    for name, draws in whole.draws.items():
        np.testing.assert_allclose(draws, plain.sums[name], rtol=1e-9, atol=1e-9)
        assert draws.sum() > 1000


def test_does_the_quantum_follow_the_currency(rfm: lc.RFM) -> None:
    spend = {"p": 3.61, "q": 4.48, "v": 34.1}
    yen = {**spend, "v": 150.0 * spend["v"]}

    def total(spend: dict[str, float], table: "lc.RFM") -> np.ndarray:
        purchases = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
        model = lc.CLTV.from_parameters(purchases, spend, time_unit="week")
        forecast = model.forecast(table, 39, annual_discount_rate=RATE, worlds=50, random_seed=3)
        return forecast.total.loc["discounted_value"].to_numpy()

    table = rfm.to_frame()
    dear = table.assign(
        monetary_value=150.0 * table["monetary_value"],
        monetary_log_mean=table["monetary_log_mean"] + np.log(150.0),
    )
    in_yen = total(yen, lc.RFM.from_frame(dear, time_unit="week"))
    np.testing.assert_allclose(in_yen, 150.0 * total(spend, rfm), rtol=1e-9)


def test_are_wild_amounts_added_without_any_rounding_but_their_own(whole: lc.Forecast) -> None:
    simulation, rng = whole.simulation, np.random.default_rng(6)
    periods = np.array([0.0, 1.0])
    grid = anchors(simulation.worlds, 0.0, periods)
    count = 20_000
    amount = np.exp(rng.normal(0.0, 4.0, count)) * typical_amount(simulation.worlds)
    amount *= rng.choice([-1.0, 1.0], count)

    def added(places: np.ndarray) -> Sums:
        sums = Sums.none(1, 1, 1, money=True)
        add_up_by_group(
            np.array([0, places.size]), np.zeros(1, np.int64), np.zeros(places.size, np.int32),
            np.full(places.size, 0.5), amount[places], np.ones(1), 0.0, 1.0, grid, sums.cells,
        )  # fmt: skip
        return sums

    at_once = added(np.arange(count))
    parts = [added(places) for places in np.array_split(rng.permutation(count), 7)]
    total = sum(parts[1:], parts[0])
    assert same(total.draws, at_once.draws)
    quantum = grid[0, 1] / 1.5 / 2.0**52
    assert quantum <= FINE * typical_amount(simulation.worlds)
    exact = sum(round(Fraction(each) / Fraction(quantum)) for each in amount) * Fraction(quantum)
    assert at_once.draws["value"][0, 0] == float(exact)


def test_do_frequent_buyers_change_the_chunks_alone() -> None:
    table = pd.DataFrame({"customer_id": range(40), "frequency": [290] * 20 + [1] * 20, "T": 300.0})
    table["recency"] = np.where(table["frequency"] > 1, 299.0, 5.0)
    rfm = lc.RFM.from_frame(table, time_unit="week")
    book = simulation.open_book(rfm, np.arange(40), np.ones(40), None)
    cut = [range(40)[chunk] for chunk in simulation.chunks(book, 30, 600.0, 300.0)]
    assert [len(each) for each in cut] == [22, *[2] * 9]  # twenty of one purchase each, then two of 290
    assert [place for each in cut for place in each] == list(range(40))
    alone = [len(range(40)[chunk]) for chunk in simulation.chunks(book, 30, 1.0, 300.0)]
    assert sum(alone) == 40 and alone[-20:] == [1] * 20
