"""Does a backtest forecast with what was known only, count what came, and score it right?"""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from shops import shop

import lifecast as lc
from lifecast.replay import Replay
from lifecast.timeunit import TimeUnit

ORIGIN = "1997-07-02"
TEXTBOOK = lc.CLTV(market=None)


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return lc.datasets.load_cdnow(sample=True)


def scrambled(log: pd.DataFrame, after: str) -> pd.DataFrame:
    """The same log with another future: other days, other amounts, some customers gone and new ones come."""
    rng = np.random.default_rng(7)
    later = log["date"] > after
    future = log[later].sample(frac=0.4, random_state=1).copy()
    future["date"] = pd.Timestamp(after) + pd.to_timedelta(rng.integers(1, 364, len(future)), "D")
    future["amount"] *= rng.uniform(100.0, 1e6, len(future))
    strangers = future.assign(customer_id=future["customer_id"] + 10**6)
    returned = future.head(50).assign(amount=-5.0)
    return pd.concat([strangers, future, returned, log[~later]]).sample(frac=1, random_state=2)


def forecasts(log: pd.DataFrame, model: lc.CLTV) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All that was said at the origin, and the rest."""
    table = lc.backtest(log, origins=[ORIGIN], horizons=[4, 26], model=model, worlds=60).portfolio
    told = [name for name in table if name != "actual" and not name.endswith("crps")]
    return table[told], table[["actual"]]


@pytest.mark.parametrize("market", ["auto", None])
def test_does_anything_from_after_the_origin_leak_into_a_forecast(log: pd.DataFrame, market: Any) -> None:
    model = lc.CLTV(market=market)
    told, came = forecasts(log, model)
    told_otherwise, came_otherwise = forecasts(scrambled(log, ORIGIN), model)
    pd.testing.assert_frame_equal(told, told_otherwise, check_exact=True)
    assert not np.any(np.isclose(came, came_otherwise))


def test_would_a_leak_be_found(log: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Replay._summary
    monkeypatch.setattr(Replay, "_summary", lambda self, day: honest(self, day + timedelta(days=7)))
    told, _ = forecasts(log, TEXTBOOK)
    with pytest.warns(lc.LifecastWarning, match="one customer moves parameters"):
        told_otherwise, _ = forecasts(scrambled(log, ORIGIN), TEXTBOOK)
    assert not np.allclose(told["mean"], told_otherwise["mean"], rtol=0.02)


def test_does_an_origin_depend_on_others_on_threads_or_on_longer_horizons(log: pd.DataFrame) -> None:
    alone = lc.backtest(log, origins=[ORIGIN], horizons=13, model=TEXTBOOK, worlds=50, threads=1)
    among = lc.backtest(log, origins=["1997-06-01", ORIGIN], horizons=[13], model=TEXTBOOK, worlds=50)
    same = [name for name in alone.portfolio if not name.startswith("self_")]  # which learns from the others
    expected = among.portfolio[among.portfolio["origin"] == ORIGIN].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.portfolio[same], expected[same], check_exact=True)
    further = lc.backtest(log, origins=[ORIGIN], horizons=[13, 26], model=TEXTBOOK, worlds=50).portfolio
    expected = further[further["horizon"] == 13].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.portfolio[same], expected[same], rtol=0.1)


def test_do_customers_and_groups_add_up_to_the_portfolio() -> None:
    log = shop(600, 400, seed=3, channels=("web", "shop", "app"))
    log["channel"] = log["channel"].where(log["customer_id"] % 10 > 0)  # of some nothing is known
    result = lc.backtest(
        log, origins=[30, 40], horizons=[4, 8.5], model=TEXTBOOK, worlds=50, groups="channel"
    )
    keys = ["origin", "horizon", "measure"]
    assert result.groups is not None
    assert set(result.groups["group"].dropna()) == {"web", "shop", "app"}
    sums = result.groups.groupby(keys)[["actual", "mean", "last_period", "history"]].sum()
    whole = result.portfolio.set_index(keys).sort_index()
    pd.testing.assert_frame_equal(sums, whole[sums.columns], rtol=1e-9)
    everyone = result.customers[result.customers["who"] == "all"]
    for forecast, column in {"model": "mean", "last period": "last_period", "history": "history"}.items():
        part = everyone[everyone["forecast"] == forecast].set_index(keys).sort_index()
        np.testing.assert_allclose(part["predicted"] * part["customers"], whole[column], rtol=1e-9)
        np.testing.assert_allclose(part["actual"] * part["customers"], whole["actual"], rtol=1e-9)
    assert result.pit["customers"].equals(result.pit.filter(like="bin_").sum(axis=1))
    deciles = result.calibration.groupby(keys)[["customers"]].sum()["customers"]
    assert (
        deciles == everyone[everyone["forecast"] == "model"].set_index(keys)["customers"].sort_index()
    ).all()


def test_is_it_the_forecast_that_people_get(log: pd.DataFrame) -> None:
    result = lc.backtest(log, origins=[ORIGIN], horizons=[26], model=TEXTBOOK, worlds=80, random_seed=5)
    rfm = lc.rfm_summary(log, observation_end=ORIGIN)
    seed = 5 + date.fromisoformat(ORIGIN).toordinal()
    model = lc.CLTV(market=None).fit(rfm, draws=500, random_seed=seed)
    forecast = model.forecast(rfm, 26, worlds=80, random_seed=seed)
    for measure, row in result.portfolio.set_index("measure").iterrows():
        expected = forecast.total.loc[str(measure)]
        np.testing.assert_allclose(row[expected.index].astype(float), expected, rtol=1e-9)


@pytest.mark.parametrize("days", [28, 91])
@pytest.mark.parametrize("settings", [{}, {"returns": "drop"}, {"merge_within": "week"}])
def test_is_what_came_that_of_a_holdout(days: int, settings: dict[str, Any]) -> None:
    log = shop(300, 400, seed=4)
    rng = np.random.default_rng(7)
    returned = log.sample(60, random_state=1).assign(amount=lambda x: -x["amount"] / 2)
    returned["date"] += pd.to_timedelta(rng.integers(0, 30, len(returned)), "D")
    log = pd.concat([log, returned])
    end = date(2021, 9, 1)
    table = lc.backtest(
        log, origins=[end], horizons=[f"{days} days"], model=TEXTBOOK, worlds=2, **settings
    ).portfolio
    holdout = lc.rfm_summary(
        log, observation_end=end, holdout_end=end + timedelta(days=days), **settings
    ).holdout
    assert holdout is not None and holdout.value is not None
    np.testing.assert_allclose(table["actual"], [holdout.frequency.sum(), holdout.value.sum()])


TINY = pd.DataFrame(
    {
        "customer_id": ["a", "a", "a", "a", "b", "b", "c", "c", "d"],
        "date": pd.Timestamp("2021-01-01") + pd.to_timedelta([0, 10, 24, 33, 5, 45, 30, 31, 32], "D"),
        "amount": [10.0, 20.0, 30.0, 7.0, 10.0, 8.0, 5.0, 9.0, 100.0],
    }
)


def test_are_the_baselines_those_worked_out_by_hand() -> None:
    replay = Replay(
        TINY, customer_id=None, date=None, amount=None, time_unit=TimeUnit.parse("day"), merge_within="day",
        returns="net", date_format=None, groups=None, attributes=(), past=False,
    )  # fmt: skip
    origin = replay.at(date(2021, 1, 31), [10, 15])
    assert origin.rfm.customer_id.to_pylist() == ["a", "b", "c"]
    np.testing.assert_array_equal(origin.actual[:, 0], [[1, 7.0], [0, 0.0], [1, 9.0]])
    np.testing.assert_array_equal(origin.actual[:, 1], [[1, 7.0], [1, 8.0], [1, 9.0]])
    # a bought on 25 January, within ten days; the first purchase of c, on the day itself, is no repeat.
    np.testing.assert_array_equal(origin.last_period[:, 0], [[1, 30.0], [0, 0.0], [0, 0.0]])
    # a: two repeats of 25 on average in 30 days.
    np.testing.assert_allclose(origin.history[:, 1], [[1.0, 25.0], [0.0, 0.0], [0.0, 0.0]])
    # A log of 30 days has no 60 before the origin: its two repeats count twice.
    np.testing.assert_array_equal(replay.at(date(2021, 1, 31), [60]).last_period[0, 0], [4, 100.0])


def test_is_the_ten_line_baseline_that_worked_out_by_hand() -> None:
    from lifecast.pooled_scores import add_self_backtest

    table = pd.DataFrame(
        {
            "origin": pd.to_datetime(["2021-01-01", "2021-01-15", "2021-01-29"]),
            "horizon": 2.0,
            "actual": [110.0, 120.0, 130.0],
            "textbook_mean": [100.0, 100.0, 100.0],
        }
    )
    result = add_self_backtest(table, pd.Series([14, 14, 14]), (0.9,), 0.9)
    assert result["self_mean"][0] == pytest.approx(100.0)  # nothing was due
    assert np.log(result["self_upper"][0] / 100.0) == pytest.approx(1.6449 * 0.12 * np.sqrt(2), rel=1e-4)
    assert np.log(result["self_mean"][1] / 100.0) == pytest.approx(
        np.log(1.1) / 2
    )  # the first is due that day
    assert np.log(result["self_mean"][2] / 100.0) == pytest.approx((np.log(1.1) + np.log(1.2)) / 3)


def test_are_intervals_and_pit_right_where_the_model_is() -> None:
    tables = []
    for seed in range(8):
        log = shop(1_500, 560, seed=seed, joining_days=200)
        tables.append(
            lc.backtest(log, origins=[39], horizons=[13, 26], model=TEXTBOOK, worlds=300, random_seed=seed)
        )
    portfolio = pd.concat([table.portfolio for table in tables])
    held = (portfolio["lower"] <= portfolio["actual"]) & (portfolio["actual"] <= portfolio["upper"])
    assert held.mean() >= 0.75  # 32 intervals, four of each shop akin
    assert (
        np.mean(
            (portfolio["lower_50"] <= portfolio["actual"]) & (portfolio["actual"] <= portfolio["upper_50"])
        )
        < 0.8
    )
    customers = pd.concat([table.customers for table in tables])
    drawn = customers[(customers["forecast"] == "model") & (customers["who"] == "all")]
    for level in (50, 80, 90, 95):
        gap = drawn[f"coverage_{level}"] - drawn[f"expected_coverage_{level}"]
        assert abs(np.average(gap, weights=drawn["customers"])) < 0.01
    from lifecast.evaluation import pit_band

    pit = pd.concat([table.pit for table in tables])
    for measure in ("purchases", "value"):
        bins = pit[(pit["who"] == "all") & (pit["measure"] == measure) & (pit["horizon"] == 26)].filter(
            like="bin_"
        )
        shares = bins.to_numpy().sum(axis=0) / bins.to_numpy().sum()
        lower, upper = pit_band(bins.to_numpy().sum(), bins=20, level=0.999)
        assert lower <= shares.min() and shares.max() <= upper
    scores = tables[0].scores
    together = scores[scores["horizon"].isna() & (scores["who"] == "all customers")]
    skills = together[together["forecast"] == "model"].set_index("measure")["skill"]
    assert skills["purchases"] > 0.1
    assert skills["value"] > 0.1


def test_is_the_textbook_a_baseline_of_a_model_with_a_market(log: pd.DataFrame) -> None:
    result = lc.backtest(log, origins=[ORIGIN], horizons=[13], worlds=60)
    plain = lc.backtest(log, origins=[ORIGIN], horizons=[13], worlds=30, model=TEXTBOOK)
    for column in ("mean", "lower", "upper_50", "crps"):
        np.testing.assert_array_equal(result.portfolio[f"textbook_{column}"], plain.portfolio[column])
        np.testing.assert_array_equal(plain.portfolio[f"textbook_{column}"], plain.portfolio[column])
    assert "textbook" in set(result.customers["forecast"])
    assert "textbook" not in set(plain.customers["forecast"])
    assert not np.allclose(result.portfolio["upper"], plain.portfolio["upper"])


def test_does_a_log_without_amounts_have_purchases_alone(log: pd.DataFrame) -> None:
    result = lc.backtest(log[["customer_id", "date"]], origins=[ORIGIN], horizons=["3 months"], worlds=30)
    assert list(result.portfolio["measure"]) == ["purchases"]
    assert result.portfolio["horizon"][0] == pytest.approx(13.0)
    assert set(result.scores["measure"]) == {"purchases"}


def test_is_progress_told_up_to_the_end(log: pd.DataFrame) -> None:
    told: list[float] = []
    lc.backtest(log, origins=2, horizons=[4], model=TEXTBOOK, worlds=500, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
    assert len(told) >= 4


def test_do_origins_spread_over_the_second_half(log: pd.DataFrame) -> None:
    result = lc.backtest(log, origins=3, horizons=[4, 26], model=TEXTBOOK, worlds=2)
    days = sorted(set(result.portfolio["origin"].dt.date))
    first, last = log["date"].min().date(), log["date"].max().date()
    assert days[0] == first + (last - first) // 2
    assert days[-1] == last - timedelta(days=28)
    feasible = result.portfolio["origin"] + pd.to_timedelta(7 * result.portfolio["horizon"], "D")
    assert feasible.max().date() <= last


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"origins": []}, "at least one"),
        ({"origins": 0}, "at least 1"),
        ({"origins": "1997-07-02"}, "a list of dates"),
        ({"origins": ["1996-07-02"]}, "outside the log"),
        ({"origins": ["soon"]}, "not a date"),
        ({"origins": [True]}, "not a date"),
        ({"origins": ["1998-06-29"]}, "No horizon ends within the log"),
        ({"origins": 3, "horizons": [60]}, "shorter horizons"),
        ({"horizons": []}, "at least one"),
        ({"horizons": [0]}, "at least a day"),
        ({"horizons": ["infinite"]}, "finite"),
        ({"horizons": [date(1998, 1, 1)]}, "no length"),
        ({"interval": 90}, "between 0 and 1"),
        ({"worlds": 1}, "at least 2"),
        ({"groups": ["channel"]}, "one column"),
        ({"groups": "channel"}, "no such column"),
        ({"returns": "keep"}, "not a policy"),
        ({"merge_within": 0}, "not a period"),
        ({"time_unit": "fortnight"}, "not a unit"),
    ],
)
def test_are_bad_arguments_refused(log: pd.DataFrame, settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(lc.SettingsError, match=complaint):
        lc.backtest(log, **{"origins": [ORIGIN], "horizons": [4], "worlds": 2} | settings)


def test_are_returns_refused_even_when_they_come_after_the_origin(log: pd.DataFrame) -> None:
    late = pd.concat([log, log.tail(1).assign(amount=-1.0, date=pd.Timestamp("1998-06-30"))])
    with pytest.raises(lc.DataError, match="negative amount"):
        lc.backtest(late, origins=[ORIGIN], horizons=[4], returns="refuse")


def test_does_an_error_at_an_origin_say_which(log: pd.DataFrame) -> None:
    with pytest.raises(lc.DataError, match="At the origin 1997-01-01"):
        lc.backtest(log, origins=["1997-01-01"], horizons=[4])


def test_is_there_one_warning_for_all_fits_that_fail_a_check() -> None:
    log = shop(60, 300, seed=5)
    with pytest.warns(lc.LifecastWarning, match="At 2 of 2 origins a fit failed") as caught:
        result = lc.backtest(log, origins=[25, 30], horizons=[4], model=TEXTBOOK, worlds=20)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert not result.diagnostics["passed"].all()


def test_is_any_kind_of_log_taken(log: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    odd = log.rename(columns={"customer_id": "Kunde", "date": "Tag", "amount": "Betrag"})
    odd.assign(Tag=odd["Tag"].dt.strftime("%d.%m.%Y")).to_csv(path, index=False)
    settings: dict[str, Any] = {"origins": [ORIGIN], "horizons": [4], "model": TEXTBOOK, "worlds": 20}
    from_file = lc.backtest(
        str(path), customer_id="Kunde", date="Tag", amount="Betrag", date_format="%d.%m.%Y", **settings
    )
    pd.testing.assert_frame_equal(from_file.portfolio, lc.backtest(log, **settings).portfolio, rtol=1e-12)


def test_do_groups_and_covariates_come_from_the_log_as_it_was() -> None:
    """A model with attributes is fitted at each origin to those known by then, as it is alone."""
    log = lc.datasets.load_cdnow(sample=True)
    channel = np.where(log["customer_id"] % 3 == 0, "mail", "web")
    log = log.assign(channel=channel, tier=np.where(log["customer_id"] % 2, "a", "b"))
    later = log["date"] > "1997-09-30"
    log.loc[later, "channel"] = "told only later"
    model = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(covariates=["tier"]), market=None)
    result = lc.backtest(
        log, origins=["1997-09-30"], horizons=[13], model=model, worlds=100, random_seed=1, groups="tier"
    )
    assert list(result.groups["group"].unique()) == ["a", "b"]
    rfm = lc.rfm_summary(
        log[~later], observation_end="1997-09-30", attributes=["channel", "tier"], past=False
    )
    day = pd.Timestamp("1997-09-30").toordinal()
    alone = lc.CLTV(model.purchases, model.spend, market=None).fit(rfm, draws=500, random_seed=1 + day)
    forecast = alone.forecast(rfm, 13, worlds=100, random_seed=1 + day)
    mean = result.portfolio.set_index("measure")["mean"]
    np.testing.assert_allclose(mean["purchases"], forecast.draws["purchases"].sum(axis=1).mean())
    np.testing.assert_allclose(mean["value"], forecast.draws["value"].sum(axis=1).mean())
    with pytest.raises(lc.SettingsError, match="colour"):
        lc.backtest(log, origins=1, horizons=[13], model=lc.CLTV(lc.BGNBD(groups="colour")))
