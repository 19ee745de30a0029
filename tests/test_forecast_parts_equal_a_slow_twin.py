"""Are sums, chunks, keys and tables what a loop over customers and purchases makes of them?"""

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xarray as xr

import lifecast as lc
from lifecast.arrays import Floats
from lifecast.book import Book, chunks, customer_keys, open_book
from lifecast.expectations import expectations, times_or_zero
from lifecast.forecast import period_table, total_table
from lifecast.grouped_forecast import reduced_by_group
from lifecast.grouping import SpendHistory, group_purchases
from lifecast.market import Pace, steady_pace
from lifecast.outlook import Outlook
from lifecast.period_sums import PeriodSums, grouped, label_groups
from lifecast.population import Population
from lifecast.saved_forecast import Members, SavedForecast, load_forecast, save_forecast
from lifecast.seal import seal
from lifecast.simulation import Futures, Simulation
from lifecast.sums import COARSE, FINE, LARGEST_DISCOUNT, Sums, anchors, joined, power_of_two, typical_amount
from lifecast.timeunit import TimeUnit
from lifecast.worlds import Worlds

RNG = np.random.default_rng
PROBABILITIES = np.array([0.05, 0.5, 0.95])
MEASURES = ("purchases", "value", "discounted_value")
WEEK = TimeUnit.parse("week")


def worlds_of(v: float | None, count: int = 3, p: float = 1.0, q: float = 2.0) -> Worlds:
    """Worlds in which a new customer's amounts have mean v, or cost nothing."""
    purchases = Population.alike(lc.BGNBD(), np.tile([0.5, 4.0, 0.8, 2.5], (count, 1)))
    spend = None if v is None else Population.alike(lc.GammaGamma(), np.tile([p, q, v], (count, 1)))
    return Worlds(purchases, spend, steady_pace(3.0, count))


def table_of(frequency: Any, recency: Any, T: Any) -> lc.RFM:
    columns = {"frequency": frequency, "recency": recency, "T": T}
    return lc.RFM.from_frame(
        pd.DataFrame({"customer_id": range(len(frequency)), **columns}), time_unit="week"
    )


# -- sums ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value, below",
    [(1.0, 1.0), (1.5, 1.0), (2.0, 2.0), (3.99, 2.0), (0.7, 0.5), (0.25, 0.25), (1e9, 2.0**29)],
)
def test_is_a_power_of_two_the_largest_not_above(value: float, below: float) -> None:
    assert power_of_two(value) == below


def test_is_a_typical_amount_that_of_a_new_customer() -> None:
    assert typical_amount(worlds_of(None)) == 1.0
    for mean in (0.3, 0.9, 27.5):
        assert typical_amount(worlds_of(mean)) == pytest.approx(mean)
    assert typical_amount(worlds_of(27.5, q=1.0)) == 1.0  # no mean
    assert typical_amount(worlds_of(0.0)) == 1.0


@pytest.mark.parametrize("mean", [None, 0.3, 27.5])
def test_do_anchors_round_to_the_quantum_that_is_promised(mean: float | None) -> None:
    rate, periods = 0.25, np.array([0.0, 1.0, 4.0, 9.5, 300.0, 301.0])
    found = anchors(worlds_of(mean), rate, periods)
    amount = 1.0 if mean is None else mean
    unit = max(2.0**n for n in range(-9, 9) if 2.0**n <= amount * (1 + 1e-12))
    assert found.shape == (5, 4)
    for row, begin in zip(found, periods[:-1], strict=True):
        factor = max(2.0 ** math.floor(-rate * begin / math.log(2.0)), 2.0**-LARGEST_DISCOUNT)
        expected = [COARSE * unit, FINE * unit, COARSE * unit * factor, FINE * unit * factor]
        np.testing.assert_array_equal(np.spacing(row), expected)
        # in the middle of where the spacing is that, so that it is after adding a number of either sign
        assert set(np.frexp(row)[0]) == {0.75}


def test_have_the_halves_room_for_what_is_promised() -> None:
    exact = 2.0**53  # whole numbers up to here
    assert pytest.approx(2e-10, rel=0.2) == FINE  # the quantum, of a typical amount
    assert exact >= COARSE / 2 / FINE * 4e9  # what four billion purchases may leave to the fine half
    assert exact >= 1e12 / COARSE


def test_are_sums_by_group_the_halves_together() -> None:
    cells = RNG(1).normal(size=(2, 3, 4, 5))
    cells[0, 0, 0, 1:] = math.inf, -math.inf, -math.inf, math.nan
    sums = Sums(cells, True)
    by_group = sums.by_group
    assert tuple(by_group) == MEASURES
    np.testing.assert_array_equal(by_group["purchases"], cells[..., 0])
    rest = np.ones((2, 3, 4), bool)
    rest[0, 0, 0] = False
    for name, place in (("value", 1), ("discounted_value", 3)):
        expected = cells[rest][:, place] + cells[rest][:, place + 1]
        np.testing.assert_array_equal(by_group[name][rest], expected)
    assert by_group["value"][0, 0, 0] == math.inf
    assert by_group["discounted_value"][0, 0, 0] == -math.inf
    for name, values in sums.draws.items():
        np.testing.assert_array_equal(values, by_group[name][0])
    assert list(Sums(cells, False).draws) == ["purchases"]
    np.testing.assert_array_equal((sums + sums).by_group["purchases"], 2 * cells[..., 0])
    assert not Sums.none(2, 3, 4, True).cells.any()
    assert Sums.none(2, 3, 4, True).cells.shape == cells.shape
    assert joined(np.array([math.nan, 1.0])) != joined(np.array([1.0, 1.0]))


# -- the book --------------------------------------------------------------------------------------------


def fnv(text: str, seed: int) -> int:
    """The key of an id as `lifecast.kernels.stream` says, in Python's own whole numbers."""
    rest = 2**64 - 1

    def mix(z: int) -> int:
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & rest
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & rest
        return z ^ (z >> 31)

    h = 0xCBF29CE484222325
    for letter in text.encode():
        h = ((h ^ letter) * 0x100000001B3) & rest
    return mix(mix(h) ^ mix((seed + 0x9E3779B97F4A7C15) & rest))


def test_is_a_key_the_hash_of_an_ids_letters() -> None:
    texts = ["", "a", "C0001", "Zoë", "ä" * 50, "customer 17"]
    for seed in (0, 1, 2**64 - 1, 2**70 + 3, -5):
        keys = customer_keys(pa.array(texts), seed)
        assert keys.tolist() == [fnv(text, seed % 2**64) for text in texts]
        part = customer_keys(pa.array(texts).slice(2, 3), seed)
        assert part.tolist() == keys[2:5].tolist()
    assert customer_keys(pa.array([7, 12]), 3).tolist() == [fnv("7", 3), fnv("12", 3)]
    assert customer_keys(pa.array([], pa.string()), 3).size == 0


def test_do_equal_histories_stand_together() -> None:
    rng = RNG(2)
    frequency = rng.integers(0, 3, 40)
    recency = np.where(frequency > 0, rng.integers(1, 3, 40), 0).astype(float)
    rfm = table_of(frequency, recency, rng.integers(5, 7, 40).astype(float))
    members = np.flatnonzero(rng.random(40) < 0.7)
    margin = rng.random(40)
    amounts = SpendHistory(np.arange(40), margin + 1, margin + 2, margin + 3)
    book = open_book(rfm, members, margin, amounts)
    assert len(book) == members.size
    assert sorted(book.order) == members.tolist()
    assert np.all(np.diff(book.row) >= 0)
    for place, customer in enumerate(book.order):
        row = book.row[place]
        history = rfm.frequency[customer], rfm.recency[customer], rfm.T[customer]
        assert (book.rows.x[row], book.rows.t_x[row], book.rows.T[row]) == history
        assert book.margin[place] == margin[customer]
        assert book.spend is not None and book.spend.n[place] == customer
        assert book.spend.m[place] == margin[customer] + 1
    same = np.diff(book.row) == 0
    assert np.all(np.diff(book.order)[same] > 0)  # as they came
    for chunk in (slice(0, 7), slice(7, 20), slice(20, len(book)), slice(3, 4)):
        x, t_x, T, row = book.histories(chunk)
        np.testing.assert_array_equal(np.unique(row), np.arange(x.size))
        for values, of_all in ((x, rfm.frequency), (t_x, rfm.recency), (T, rfm.T)):
            np.testing.assert_array_equal(values[row], of_all[book.order[chunk]])
    assert open_book(rfm, members, margin, None).spend is None


def slow_chunks(bought: list[float], size: int, at_once: float) -> Iterator[slice]:
    """Customers are taken while there is room, and one in any case."""
    begin = 0
    while begin < len(bought):
        stop = begin + 1
        while stop < len(bought) and stop - begin < size and sum(bought[begin : stop + 1]) <= at_once:
            stop += 1
        yield slice(begin, stop)
        begin = stop


@pytest.mark.parametrize(
    "size, at_once",
    [(5, 1e9), (5, 12.0), (1, 12.0), (9, 0.5), *((30, float(some)) for some in range(6, 60))],
)
def test_are_chunks_as_large_as_may_be(size: int, at_once: float) -> None:
    frequency, T = RNG(3).integers(0, 9, 30), np.full(30, 8.0)
    rfm = table_of(frequency, np.where(frequency > 0, 4.0, 0.0), T)
    book = open_book(rfm, np.arange(30), np.ones(30), None)
    end = 8.0
    bought = [float(rfm.frequency[customer]) for customer in book.order]  # by the end, as before
    assert list(chunks(book, size, at_once, end)) == list(slow_chunks(bought, size, at_once))
    in_equal_parts = [slice(begin, min(begin + size, 30)) for begin in range(0, 30, size)]
    assert list(chunks(book, size)) == in_equal_parts


def test_is_a_customer_of_no_age_no_reason_to_stop() -> None:
    book = open_book(table_of([0, 0, 0], [0.0] * 3, [0.0, 0.0, 4.0]), np.arange(3), np.ones(3), None)
    assert list(chunks(book, 10, 5.0, 2.0)) == [slice(0, 3)]
    # a purchase at no age is one in 1e-9 of what is to come
    rows = group_purchases(np.array([1, 1]), np.zeros(2), np.array([0.0, 0.0]))
    pair = Book(rows, np.arange(2), rows.row, np.ones(2), None)
    assert list(chunks(pair, 10, 1.5e9, 2.0)) == [slice(0, 1), slice(1, 2)]
    assert list(chunks(pair, 10, 2.5e9, 2.0)) == [slice(0, 2)]


def test_is_nothing_expected_of_who_is_not_alive() -> None:
    p_alive, expected = np.array([[0.0, 0.5, 1.0]]), np.array([[math.inf, 4.0, math.inf]])
    np.testing.assert_array_equal(times_or_zero(p_alive, expected), [[0.0, 2.0, math.inf]])


def test_are_members_counted_and_hashed_in_any_order() -> None:
    rfm = table_of([3, 0, 5, 1], [2.0, 0.0, 4.0, 1.0], [9.0] * 4)
    members = Members.of(rfm)
    assert (members.count, members.repeat_purchases) == (4, 9)
    assert members.digest == sum(fnv(text, 0) for text in "0123") % 2**64
    both = members + Members(2, 2**64 - 1, 7)
    assert both == Members(6, (members.digest - 1) % 2**64, 16)


# -- tables ----------------------------------------------------------------------------------------------


def drawn(*shape: int) -> dict[str, Floats]:
    return {name: RNG(place).gamma(2.0, 3.0, shape) for place, name in enumerate(MEASURES)}


@pytest.mark.parametrize("end", [None, date(2024, 2, 27)])
def test_does_the_table_of_periods_reduce_every_measure(end: date | None) -> None:
    draws, edges = drawn(50, 3), np.array([0.0, 1.0, 2.0, 2.5])
    table = period_table(draws, edges, WEEK, end, PROBABILITIES)
    assert table["period"].tolist() == [1, 2, 3]
    days = ["2024-02-27", "2024-03-05", "2024-03-12", "2024-03-15 12:00"]
    moments = edges.tolist() if end is None else [pd.Timestamp(day) for day in days]
    assert table["start"].tolist() == moments[:-1]
    assert table["end"].tolist() == moments[1:]
    for name, values in draws.items():
        for period in range(3):
            draw = sorted(values[:, period])
            assert table[name][period] == pytest.approx(math.fsum(draw) / 50)
            for label, p in zip(("lower", "median", "upper"), PROBABILITIES, strict=True):
                assert table[f"{name}_{label}"][period] == pytest.approx(np.quantile(draw, p))
    assert len(table.columns) == 3 + 4 * 3


def test_does_the_table_of_totals_add_periods_up_within_worlds() -> None:
    draws = drawn(50, 3)
    table = total_table(draws, PROBABILITIES)
    assert tuple(table.index) == MEASURES
    assert list(table.columns) == ["mean", "lower", "median", "upper"]
    for name, values in draws.items():
        totals = [math.fsum(world) for world in values]
        expected = [math.fsum(totals) / 50, *np.quantile(totals, PROBABILITIES)]
        np.testing.assert_allclose(table.loc[name].astype(float), expected)


def test_are_groups_reduced_each_by_itself() -> None:
    draws = drawn(2, 50, 3)
    forecast: Any = SimpleNamespace(
        interval=0.9, periods=np.array([0.0, 1.0, 2.0, 2.5]), time_unit=WEEK, observation_end=None
    )
    found = reduced_by_group(forecast, ["shop", "web"], np.array([3, 4]), draws)
    assert found.groups == ("shop", "web")
    for place, label in enumerate(found.groups):
        own = {name: values[place] for name, values in draws.items()}
        total = found.total.loc[label]
        pd.testing.assert_frame_equal(total, total_table(own, PROBABILITIES))
        portfolio = found.portfolio[found.portfolio["group"] == label].drop(columns="group")
        pd.testing.assert_frame_equal(
            portfolio, period_table(own, forecast.periods, WEEK, None, PROBABILITIES)
        )


def test_are_groups_in_order_and_a_missing_one_last() -> None:
    labels, codes = label_groups(np.array(["web", "shop", "web", None, "app"], object))
    assert labels[:3] == ["app", "shop", "web"] and pd.isna(labels[3])
    assert codes.tolist() == [2, 1, 2, 3, 0]
    simulation: Any = SimpleNamespace(rfm=table_of([0, 0], [0.0, 0.0], [1.0, 1.0]))
    assert grouped(simulation, None)[0] == [None]
    assert grouped(simulation, None)[1].tolist() == [0, 0]
    assert grouped(simulation, [5, 3])[1].tolist() == [1, 0]
    with pytest.raises(lc.DataError, match="by= has 3 values; needed one for each of the 2"):
        grouped(simulation, [1, 2, 3])


@pytest.mark.parametrize("fixed", [False, True])
def test_are_period_sums_what_a_loop_adds_up(fixed: bool) -> None:
    rng, count, rate = RNG(4), 60, 0.05
    rfm = table_of([2, 0, 1], [3.0, 0.0, 1.0], [9.0, 9.0, 9.0])
    price = np.array([[1.5, 0.5], [1.0, 3.0], [2.0, 2.0]])
    plain = worlds_of(20.0)
    pace = Pace(np.array([0.0, 2.0, 5.0]), np.tile([0.0, 2.0, 5.0], (3, 1)), price, np.zeros(3), np.zeros(3))
    worlds = Worlds(plain.purchases, plain.spend, pace)
    assert worlds.spend is not None
    margin, periods = np.array([1.0, 0.5, -0.25]), np.array([0.0, 2.0, 4.0, 5.0])
    family = worlds.spend.family
    simulation = Simulation(rfm, worlds, lc.BGNBD(), family, margin, rate, periods, 1)
    group = np.array([1, 0, 1])
    sums = PeriodSums(simulation, worlds, group, 2, fixed)
    customer = np.array([2, 0])  # two of the three, in the order of the book
    first = np.array([0, count // 3, count])
    world, time = rng.integers(0, 3, count).astype(np.int32), rng.uniform(0.0, 5.0, count)
    time[:3] = 2.0, 4.0, 5.0  # an end belongs to its period
    amount = rng.gamma(2.0, 10.0, count)
    sums.look(Futures(customer, first, world, time, amount))
    sums.keep(None)
    expected = np.zeros((2, 3, 2, 3, 3))  # fixed or drawn, measure, group, world, period
    nobody = SpendHistory(np.zeros(1, np.int64), *np.zeros((3, 1)))
    mean = family.expected_spend(nobody, worlds.spend.theta)[0, 0]
    for e in range(count):
        who = customer[0] if e < count // 3 else customer[1]
        at = math.ceil(time[e] / 2.0) - 1
        at_price = mean * price[0, 0 if time[e] <= 2.0 else 1]
        for which, paid in enumerate((at_price, amount[e])):
            value = margin[who] * paid
            for measure, what in enumerate((1.0, value, value * math.exp(-rate * time[e]))):
                expected[which, measure, group[who], world[e], at] += what
    assert len(sums.sums) == 1 + fixed
    np.testing.assert_allclose(sums.sums[-1], expected[1], rtol=1e-9)
    if fixed:
        np.testing.assert_allclose(sums.sums[0], expected[0], rtol=1e-9)


def test_does_an_outlook_say_what_it_needs_and_gives() -> None:
    settings = {
        "discount_rate": 0.0,
        "horizon": 3.0,
        "periods": np.arange(4.0),
        "probabilities": PROBABILITIES,
    }
    worlds = worlds_of(20.0)
    grouped_family, spend = lc.BGNBD(groups="channel"), lc.GammaGamma(covariates=("land", "age"))
    outlook = Outlook(worlds, grouped_family, spend, "share", seed=1, **settings)
    assert outlook.told_apart_by == {"channel", "land", "age"}
    assert outlook.attributes == ("age", "channel", "land", "share")
    assert outlook.columns[:3] == ("p_alive", "purchases", "p_purchase")
    assert len(outlook.columns) == 10
    alone = Outlook(worlds, lc.BGNBD(), None, 0.3, seed=1, **settings)
    assert alone.attributes == ()
    assert alone.columns == ("p_alive", "purchases", "p_purchase")
    rfm = table_of([1, 0, 1, 1], [2.0, 0.0, 3.0, 2.0], [5.0, 5.0, 5.0, 6.0])
    ((x, T),) = alone.reach(rfm).values()
    assert sorted(zip(x.tolist(), T.tolist(), strict=True)) == [(0, 5.0), (1, 5.0), (1, 6.0)]


# -- files and progress ----------------------------------------------------------------------------------


@pytest.fixture
def kept() -> SavedForecast:
    settings = {"annual_discount_rate": 0.1, "worlds": 50}
    edges, members = np.array([0.0, 1.0, 2.0, 2.5]), Members(7, 2**64 - 3, 11)
    return SavedForecast(drawn(50, 3), edges, 2.5, 0.8, WEEK, date(2024, 2, 27), settings, members, None)


def test_does_a_saved_forecast_come_back_whole(kept: SavedForecast, tmp_path: Path) -> None:
    endless = replace(kept, horizon=math.inf, observation_end=None)
    for each, name in ((kept, "a.nc"), (endless, "b.nc")):
        save_forecast(each, tmp_path / name)
        back = load_forecast(tmp_path / name)
        assert list(back.draws) == list(each.draws)
        for measure, values in each.draws.items():
            np.testing.assert_array_equal(back.draws[measure], values)
        np.testing.assert_array_equal(back.periods, each.periods)
        for said in ("horizon", "interval", "time_unit", "observation_end", "settings", "members", "report"):
            assert getattr(back, said) == getattr(each, said)
        pd.testing.assert_frame_equal(back.portfolio, each.portfolio)
        pd.testing.assert_frame_equal(back.total, each.total)
    tail = np.array([0.1, 0.5, 0.9])
    pd.testing.assert_frame_equal(kept.total, total_table(kept.draws, tail))


@pytest.mark.parametrize(
    "attributes, message",
    [
        ({}, "has forecast format unknown, this lifecast reads 1"),
        ({"lifecast_forecast": 2}, "has forecast format 2, this lifecast reads 1"),
        ({"lifecast_format": 2}, "is a model, not a forecast that was saved"),
        ({"lifecast_forecast": 1}, "cannot be read as a lifecast forecast"),
    ],
)
def test_is_a_file_refused_that_is_no_forecast(
    attributes: dict[str, int], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "other.nc"
    xr.Dataset({"a": ("b", [1.0])}, attrs=attributes).to_netcdf(path, engine="netcdf4")
    seal(path)
    with pytest.raises(lc.FileFormatError, match=message):
        load_forecast(path)
    with pytest.raises(lc.FileFormatError, match="no such file"):
        load_forecast(tmp_path / "none.nc")


def test_does_progress_count_the_customers_that_are_done() -> None:
    rfm = table_of([0, 1, 2, 0, 1, 3, 0, 0], [0.0, 1, 2, 0, 1, 3, 0, 0], [6.0] * 8)
    parameters = {"r": 0.7, "alpha": 8.0, "a": 0.9, "b": 2.2}
    model, seen = lc.CLTV.from_parameters(parameters, time_unit="week"), []
    forecast = model.forecast(rfm, 3, worlds=5, chunk_size=3, threads=1, progress=seen.append)
    assert seen == [3, 6, 8]
    assert forecast.draws["purchases"].shape == (5, 3)
    assert forecast.sums.cells.shape == (1, 5, 3, 5)
    seen.clear()
    grouped_sums = forecast.by([1, 2] * 4, threads=1, progress=seen.append)
    assert seen[-1] == 8 and seen == sorted(seen)
    assert list(grouped_sums.customers) == [4, 4]
    np.testing.assert_array_equal(grouped_sums.draws["purchases"].sum(axis=0), forecast.draws["purchases"])
    assert repr(forecast) == "<Forecast: 8 customers, 3 weeks, 5 worlds, 90% intervals>"
    alone = model.expected_purchases(rfm, 3).to_numpy()
    np.testing.assert_allclose(forecast.customers["purchases"], alone, rtol=1e-9)


@pytest.mark.parametrize("worlds, chunks_of", [(5, 4), (10, 2), (19, 1), (40, 1)])
def test_are_no_more_draws_held_at_once_than_promised(
    worlds: int, chunks_of: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lifecast.simulation.DRAWS_PER_CHUNK", 20)
    monkeypatch.setattr("lifecast.expectations.DRAWS_PER_CHUNK", 20)
    rfm = table_of([0, 0, 1, 1, 2, 2, 3, 3], [0.0, 0, 1, 2, 3, 4, 5, 5.5], [6.0] * 8)
    parameters = {"r": 0.7, "alpha": 8.0, "a": 0.9, "b": 2.2}
    model, seen = lc.CLTV.from_parameters(parameters, time_unit="week"), []
    forecast = model.forecast(rfm, 3, worlds=worlds, threads=1, progress=seen.append)
    assert seen == [*range(chunks_of, 8, chunks_of), 8]
    seen.clear()
    forecast.by([1, 2] * 4, threads=1, progress=seen.append)
    assert seen == [*range(chunks_of, 8, chunks_of), 8]
    rows = []

    class Watched(lc.BGNBD):
        def probability_alive(self, x: Any, t_x: Any, T: Any, theta: Any) -> Any:
            rows.append(x.size)
            return super().probability_alive(x, t_x, T, theta)

    theta = np.tile([0.7, 8.0, 0.9, 2.2], (worlds, 1))
    drawn_worlds = Worlds(Population.alike(Watched(), theta), None, steady_pace(3.0, worlds))
    found = expectations(rfm, drawn_worlds, Watched(), None, "p_alive", lambda scale: None)
    assert len(rows) == math.ceil(8 / chunks_of) and max(rows) <= chunks_of
    np.testing.assert_allclose(found, forecast.customers["p_alive"], rtol=1e-12)


def test_are_frequent_buyers_simulated_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rfm = table_of([0, 0, 0, 90, 95, 99], [0.0, 0, 0, 5.0, 5.5, 5.8], [6.0] * 6)
    model = lc.CLTV.from_parameters({"r": 0.7, "alpha": 8.0, "a": 0.9, "b": 2.2}, time_unit="week")
    whole, seen = model.forecast(rfm, 6, worlds=10, threads=1), []
    monkeypatch.setattr("lifecast.simulation.PURCHASES_PER_CHUNK", 1900)  # of 10 worlds: 190 of each
    parts = model.forecast(rfm, 6, worlds=10, threads=1, progress=seen.append)
    assert seen == [5, 6]
    pd.testing.assert_frame_equal(parts.customers, whole.customers)
    seen.clear()
    parts.watch(PeriodSums(parts.simulation, parts.simulation.worlds, np.zeros(6, int), 1, False),
                threads=1, progress=seen.append)  # fmt: skip
    assert seen == [5, 6]
