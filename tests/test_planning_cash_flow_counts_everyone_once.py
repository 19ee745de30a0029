"""Does the cash flow hold everybody once, with those yet to come living by the clock of their days?"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import lifecast as lc
from lifecast.market import Pace

PURCHASES = {"r": 0.6, "alpha": 5.0, "a": 0.8, "b": 2.5}
SPEND = {"p": 6.0, "q": 8.0, "v": 30.0}
MEAN_SPEND = 6.0 * 30.0 / 7.0


def nobody_there(worlds: int, horizon: float, rate: float = 0.0) -> lc.Forecast:
    """A forecast whose one customer is as good as gone."""
    model = lc.CLTV.from_parameters(PURCHASES, SPEND, time_unit="week")
    frame = pd.DataFrame({"customer_id": ["old"], "frequency": [9], "recency": [9.0], "T": [900.0]})
    rfm = lc.RFM.from_frame(frame.assign(monetary_value=1.0), "week", observation_end="2024-12-31")
    return model.forecast(rfm, horizon, annual_discount_rate=rate, margin=0.5, worlds=worlds)


def with_clock(
    forecast: lc.Forecast, edges: list[float], clock: list[float], price: list[float]
) -> lc.Forecast:
    """The same with a market that is known."""
    worlds = len(forecast.simulation.worlds)
    nothing = np.zeros(worlds)
    pace = Pace(np.array(edges), np.tile(clock, (worlds, 1)), np.tile(price, (worlds, 1)), nothing, nothing)
    simulation = forecast.simulation
    return replace(forecast, simulation=replace(simulation, worlds=replace(simulation.worlds, pace=pace)))


def test_do_new_customers_buy_as_closed_forms_say() -> None:
    forecast = nobody_there(worlds=300, horizon=30.0, rate=0.10)
    plan = pd.DataFrame({"start": [0.0, 10.0, 20.0], "new_customers": [0, 400, 200]})
    flow = lc.cash_flow(forecast, new_customers=plan)
    model = lc.CLTV.from_parameters(PURCHASES, SPEND, time_unit="week")
    arrival = np.concatenate([10.5 + np.arange(10), 20.5 + np.arange(10)])  # 40 and 20 a week
    each_week = np.repeat([40, 20], 10)
    repeats = sum(
        n * model.expected_purchases_new_customer(30.0 - a) for n, a in zip(each_week, arrival, strict=True)
    )
    purchases = flow.draws["purchases"][0, 1].sum(axis=1)
    assert abs(purchases.mean() - 600 - repeats) < 4 * purchases.std() / np.sqrt(300)
    kept = np.log(1.10) * 7 / 365.25
    value = sum(
        n
        * np.exp(-kept * a)
        * model.new_customers(30.0 - a, annual_discount_rate=0.10, worlds=1).table["value"].iloc[0]
        for n, a in zip(each_week, arrival, strict=True)
    )
    discounted = flow.draws["discounted_value"][0, 1].sum(axis=1)
    assert abs(discounted.mean() - 0.5 * value) < 4 * discounted.std() / np.sqrt(300)
    assert flow.new_customers.tolist() == [600]
    np.testing.assert_array_equal(flow.draws["purchases"][0, 1][:, :10], 0.0)
    assert flow.draws["purchases"][0, 1][:, 10:20].min() >= 40 - 1  # 40 first purchases a week


def test_is_the_spread_that_of_so_many_customers() -> None:
    forecast = nobody_there(worlds=2_000, horizon=20.0)
    plan = pd.DataFrame({"start": [0.0, 1e-6], "new_customers": [50, 0]})
    flow = lc.cash_flow(forecast, new_customers=plan)
    model = lc.CLTV.from_parameters(PURCHASES, SPEND, time_unit="week")
    one = model.new_customers(20.0, margin=0.5, worlds=20_000).table.iloc[0]
    sums = flow.draws["value"][0, 1].sum(axis=1)
    assert sums.std() == pytest.approx(np.sqrt(50) * one["sd"], rel=0.06)
    assert sums.mean() == pytest.approx(50 * one["value"], abs=4 * sums.std() / np.sqrt(2_000))


def test_does_the_clock_run_as_in_the_days_after_their_arrival() -> None:
    steady = nobody_there(worlds=400, horizon=20.0)
    # Twice as fast from week 10 on; closed from week 15 to 18; dearer in the end.
    edges, clock = [0.0, 10.0, 15.0, 18.0, 20.0], [0.0, 10.0, 20.0, 20.0, 24.0]
    forecast = with_clock(steady, edges, clock, [1.0, 1.0, 1.0, 3.0])
    plan = pd.DataFrame({"start": [9.999, 10.0], "new_customers": [400, 0]})  # all come at week 10
    flow = lc.cash_flow(forecast, new_customers=plan, first_purchase=False)
    model = lc.CLTV.from_parameters(PURCHASES, SPEND, time_unit="week")
    expected = [400 * model.expected_purchases_new_customer(t) for t in (2.0, 10.0, 14.0)]
    drawn = flow.draws["purchases"][0, 1]
    for until, truth in zip((11, 15, 20), expected, strict=True):
        sums = drawn[:, :until].sum(axis=1)
        assert abs(sums.mean() - truth) < 4 * sums.std() / np.sqrt(400) + 0.01
    assert drawn[:, 15:18].sum() == 0.0
    value = flow.draws["value"][0, 1]
    late = value[:, 18:].sum() / drawn[:, 18:].sum()
    early = value[:, :15].sum() / drawn[:, :15].sum()
    assert early == pytest.approx(0.5 * MEAN_SPEND, rel=0.03)
    assert late == pytest.approx(1.5 * MEAN_SPEND, rel=0.03)


def test_do_opportunities_that_are_counted_come_at_their_times() -> None:
    model = lc.CLTV.from_parameters(
        {"alpha": 1.2, "beta": 0.7, "gamma": 0.7, "delta": 2.8}, families=("bg-bb", "gamma-gamma"),
        time_unit="year",
    )  # fmt: skip
    frame = pd.DataFrame({"customer_id": ["old"], "frequency": [1], "recency": [1.0], "T": [40.0]})
    forecast = model.forecast(lc.RFM.from_frame(frame, "year"), 5, worlds=400)
    plan = pd.DataFrame({"start": [1, 2], "new_customers": [100, 0]})
    flow = lc.cash_flow(forecast, new_customers=plan)
    drawn = flow.draws["purchases"][0, 1]
    assert (drawn[:, 0] == 0).all() and (drawn[:, 1] == 100).all()  # all first purchases in the second year
    truth = 100 * (1 + model.expected_purchases_new_customer(3))
    assert drawn.sum(axis=1).mean() == pytest.approx(truth, abs=4 * drawn.sum(axis=1).std() / 20)
    assert flow.equity is None


@pytest.fixture(scope="module")
def shop() -> lc.datasets.SimulatedShop:
    return lc.datasets.simulate_shop(customers=2_500, random_seed=5, season=0.0)


@pytest.fixture(scope="module")
def forecast(shop: lc.datasets.SimulatedShop) -> lc.Forecast:
    rfm = lc.rfm_summary(shop.log, observation_end="2024-06-30", attributes=["channel"])
    model = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(groups="channel"), market=None)
    fitted = model.fit(rfm, draws=200, random_seed=1)
    return fitted.forecast(rfm, "2024-12-31", annual_discount_rate=0.1, worlds=200, random_seed=1)


@pytest.fixture(scope="module")
def plan(shop: lc.datasets.SimulatedShop) -> pd.DataFrame:
    """Those who really came, month by month."""
    return shop.costs[shop.costs["start"] >= "2024-07-01"]


@pytest.fixture(scope="module")
def flow(forecast: lc.Forecast, plan: pd.DataFrame) -> lc.CashFlow:
    return lc.cash_flow(forecast, "channel", new_customers=plan)


def test_does_the_cash_flow_add_up_draw_by_draw(
    forecast: lc.Forecast, flow: lc.CashFlow, plan: pd.DataFrame
) -> None:
    for name, draws in forecast.draws.items():
        np.testing.assert_allclose(flow.draws[name][:, 0].sum(axis=0), draws, rtol=1e-9)
    ungrouped = lc.cash_flow(forecast, new_customers=plan)
    for name, draws in ungrouped.draws.items():
        np.testing.assert_allclose(draws[0], flow.draws[name].sum(axis=0), rtol=1e-9)
    assert flow.new_customers.sum() == plan["new_customers"].sum()
    np.testing.assert_allclose(ungrouped.equity.loc["all"], flow.equity.loc["all"], rtol=1e-9)
    everybody = flow.periods.query("group == 'all' and customers == 'all'")
    kinds = flow.periods.query("group != 'all' and customers != 'all'")
    np.testing.assert_allclose(
        kinds.groupby("period")["value"].sum(), everybody["value"].to_numpy(), rtol=1e-9
    )
    assert everybody["start"].iloc[0] == pd.Timestamp("2024-06-30")
    without = lc.cash_flow(forecast)
    assert without.equity.index.to_list() == [("all", "existing")]
    np.testing.assert_allclose(without.total.loc[("all", "existing")], forecast.total)


def test_do_channels_segments_and_cohorts_each_add_up_to_the_portfolio_bit_for_bit(
    forecast: lc.Forecast,
) -> None:
    rfm = forecast.simulation.rfm
    joined = pd.Timestamp(forecast.observation_end) - pd.to_timedelta((rfm.T * 7).round(), unit="D")
    cohorts = pd.PeriodIndex(joined, freq="Q").astype(str)
    for by in ("channel", lc.segments(forecast).customers["segment"], cohorts):
        parts = lc.cash_flow(forecast, by).draws
        for name, draws in forecast.draws.items():
            np.testing.assert_array_equal(parts[name][:, 0].sum(axis=0), draws)


def test_are_months_the_calendars_and_the_same_futures(
    forecast: lc.Forecast, flow: lc.CashFlow, plan: pd.DataFrame
) -> None:
    monthly = lc.cash_flow(forecast, "channel", new_customers=plan, per="month")
    assert monthly.groups == flow.groups
    for name, draws in flow.draws.items():
        np.testing.assert_allclose(monthly.draws[name].sum(axis=3), draws.sum(axis=3), rtol=1e-9)
    everybody = monthly.periods.query("group == 'all' and customers == 'all'")
    assert everybody["month"].tolist() == [f"2024-{month:02d}" for month in range(7, 13)]
    assert everybody["end"].tolist() == list(pd.date_range("2024-07-31", periods=6, freq="ME"))
    of_july = plan.loc[plan["start"] == "2024-07-01", "new_customers"].sum()
    assert np.all(monthly.draws["purchases"][:, 1].sum(axis=0)[:, 0] >= of_july)  # first purchases count
    weeks = flow.draws["purchases"][..., :4].sum(axis=3)  # 28 of July's 31 days
    assert np.all(weeks <= monthly.draws["purchases"][..., 0] + 1e-9)
    with pytest.raises(lc.SettingsError, match="what day it is"):
        lc.cash_flow(replace(forecast, observation_end=None), per="month")
    with pytest.raises(lc.SettingsError, match="too many months"):
        lc.cash_flow(replace(forecast, horizon=np.inf), per="month")
    with pytest.raises(lc.SettingsError, match="per='year'"):
        lc.cash_flow(forecast, per="year")  # type: ignore[arg-type]


def test_are_acquisition_costs_held_against_what_comes(
    forecast: lc.Forecast, flow: lc.CashFlow, plan: pd.DataFrame
) -> None:
    assert flow.costs is not None and flow.equity is not None
    np.testing.assert_allclose(flow.costs["cost"].sum(), plan["cost"].sum())
    monthly = lc.cash_flow(forecast, "channel", new_customers=plan, per="month")
    of_month = monthly.periods.query("group == 'search' and customers == 'new'")["cost"].to_numpy()
    np.testing.assert_allclose(of_month, plan.loc[plan["channel"] == "search", "cost"])
    rows = flow.periods
    np.testing.assert_allclose(rows["net_value"], rows["value"] - rows["cost"])
    assert (rows.loc[rows["customers"] == "existing", "cost"] == 0.0).all()
    # Spent evenly over each month (the last one as long as the one before), and worth less the later.
    rate, month = np.log(1.1) / 365.25, np.array([31, 31, 30, 31, 30, 30])
    begins = np.cumsum(month) - month
    days = [
        np.exp(-rate * (begin + np.arange(0.005, length, 0.01))).mean()
        for begin, length in zip(begins, month, strict=True)
    ]
    slow = plan.groupby("start")["cost"].sum().to_numpy() @ days
    equity = flow.equity.loc[("all", "new")]
    assert equity["cost"] == pytest.approx(slow, rel=1e-6)
    assert equity["net"] == pytest.approx(equity["mean"] - slow, rel=1e-6)
    without = lc.cash_flow(forecast, "channel", new_customers=plan.drop(columns="cost"))
    assert without.costs is None and "cost" not in without.periods and "net" not in without.equity
    np.testing.assert_array_equal(without.draws["value"], flow.draws["value"])
    with pytest.raises(lc.DataError, match="the cost -1"):
        lc.cash_flow(forecast, "channel", new_customers=plan.assign(cost=-1.0))


def test_does_what_new_customers_really_brought_lie_within(
    shop: lc.datasets.SimulatedShop, flow: lc.CashFlow
) -> None:
    first = shop.log.groupby("customer_id")["date"].transform("min")
    by_new = shop.log[first > "2024-06-30"]
    bought = len(by_new.drop_duplicates(["customer_id", "date"]))
    for actual, measure in ((bought, "purchases"), (by_new["amount"].sum(), "value")):
        drawn = flow.draws[measure][:, 1].sum(axis=(0, 2))
        assert np.quantile(drawn, 0.01) < actual < np.quantile(drawn, 0.99)


def test_do_others_live_the_same_lives_when_more_are_planned(
    forecast: lc.Forecast, flow: lc.CashFlow, plan: pd.DataFrame
) -> None:
    more = plan.copy()
    more.loc[more["channel"] == "search", ["new_customers", "cost"]] *= 2
    changed = lc.cash_flow(forecast, "channel", new_customers=more)
    for number, group in enumerate(flow.groups):
        same = np.array_equal(flow.draws["value"][number], changed.draws["value"][number])
        assert same == (group != "search")


def test_does_a_channel_of_the_plan_alone_get_a_group(forecast: lc.Forecast) -> None:
    plan = pd.DataFrame({"start": [0], "new_customers": [5], "channel": ["fair"]})
    flow = lc.cash_flow(forecast, "channel", new_customers=plan)
    assert flow.groups[-1] == "fair" and flow.new_customers.tolist()[-1] == 5
    assert flow.total.loc[("fair", "existing", "value"), "upper"] == 0.0
    assert flow.total.loc[("fair", "new", "purchases"), "lower"] >= 5.0


def test_is_a_start_the_first_of_its_days(forecast: lc.Forecast) -> None:
    week = pd.DataFrame(
        {"channel": "search", "start": ["2024-07-01", "2024-07-08"], "new_customers": [700, 0]}
    )
    flow = lc.cash_flow(forecast, new_customers=week)
    drawn = flow.draws["purchases"][0, 1]
    assert np.all(drawn[:, 0] >= 700)  # the forecast's first week is these seven days


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"drop": "start"}, "no column 'start'"),
        ({"drop": "channel"}, "no column 'channel'"),
        ({"new_customers": 1.5}, "new_customers 1.5: needed whole numbers"),
        ({"new_customers": -1}, "new_customers -1"),
        ({"new_customers": np.inf}, "new_customers inf"),
        ({"new_customers": np.nan}, "new_customers nan"),
        ({"start": "2024-06-30"}, "before the forecast.*Leave out what is over"),
        ({"start": -1.0}, "before the forecast"),
        ({"new_customers": 0}, "brings nobody"),
        ({"start": "2025-01-01"}, "brings nobody"),
    ],
)
def test_are_bad_plans_refused(forecast: lc.Forecast, change: dict[str, object], message: str) -> None:
    plan = pd.DataFrame({"start": ["2024-07-01"], "new_customers": [10], "channel": ["search"]})
    bad = plan.drop(columns=change["drop"]) if "drop" in change else plan.assign(**change)
    with pytest.raises(lc.DataError, match=message):
        lc.cash_flow(forecast, new_customers=bad)


def test_are_groups_that_newcomers_cannot_have_refused(forecast: lc.Forecast, plan: pd.DataFrame) -> None:
    some = np.arange(len(forecast.customers)) % 2
    assert lc.cash_flow(forecast, some).groups == (0, 1)
    with pytest.raises(lc.DataError, match="a group called 'all'"):
        lc.cash_flow(forecast, np.where(some, "all", "others"))
    with pytest.raises(lc.SettingsError, match="name of an attribute"):
        lc.cash_flow(forecast, some, new_customers=plan)
