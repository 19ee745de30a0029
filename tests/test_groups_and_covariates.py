"""Do groups borrow strength as they should, and do covariates find the effects that are there?"""

import warnings
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import lifecast as lc
from lifecast.arrays import Floats
from lifecast.encoding import learn_encoding
from lifecast.histories import Histories
from lifecast.posterior import UNSEEN

FAMILY = lc.BGNBD()
TYPICAL = np.array([-0.4, np.log(0.12), -1.2, 1.0])
SPREAD = np.array([0.2, 0.4, 0.4, 0.2])


def histories(theta: Floats, seed: int) -> pd.DataFrame:
    """RFM rows of customers with these BG/NBD parameters (customer, 4), told from the model's own story."""
    rng = np.random.default_rng(seed)
    r, alpha, a, b = theta.T
    n = r.size
    rate, leave = rng.gamma(r, 1 / alpha), rng.beta(a, b)
    T = rng.integers(20, 60, n).astype(float)
    now, x, t_x, alive = np.zeros(n), np.zeros(n, np.int64), np.zeros(n), np.ones(n, bool)
    while alive.any():
        now = now + rng.exponential(1.0, n) / rate
        alive &= now <= T
        x[alive] += 1
        t_x[alive] = now[alive]
        alive &= rng.uniform(size=n) >= leave
    recency = np.minimum(np.ceil(t_x * 7) / 7, T)
    return pd.DataFrame(
        {"customer_id": [f"c{i}" for i in range(n)], "frequency": x, "recency": recency, "T": T}
    )


def channels(groups: int, customers: int, seed: int) -> tuple[lc.RFM, Floats]:
    """A shop with channels of very different sizes, and their true parameters (channel, 4)."""
    rng = np.random.default_rng([seed, 1])
    sizes = np.geomspace(30, 1200, groups)
    sizes = np.maximum(20, sizes * customers / sizes.sum()).astype(int)
    theta = FAMILY.constrain(TYPICAL + SPREAD * rng.standard_normal((groups, 4)))
    group = np.repeat(np.arange(groups), sizes)
    frame = histories(theta[group], seed).assign(channel=[f"ch{g:02d}" for g in group])
    return lc.RFM.from_frame(frame, time_unit="week"), theta


def year_of_purchases(theta: Floats) -> Floats:
    """Expected purchases in 52 weeks of a new customer with parameters (draw, 4): (draw,)."""
    x, T, draws = np.zeros(1, np.int64), np.zeros(1), theta.shape[0]
    expected = FAMILY.expected_purchases(
        x, T, theta, np.zeros(draws), np.full((draws, 1), 52.0), np.ones((draws, 1, 1))
    )
    values: Floats = expected(x, T)[0, 0]
    return values


def group_draws(model: lc.CLTV) -> Floats:
    """Draws (draw, channel, 4) of the channels' parameters."""
    tree = model.posterior["posterior"]
    names = [tree[f"{name}_of_group"].to_numpy()[0] for name in FAMILY.parameters]
    return np.stack(names, axis=-1)[:, :-1]


def parameter_draws(model: lc.CLTV) -> Floats:
    """Draws (draw, 4) of everybody's parameters, or of a typical channel's."""
    tree = model.posterior["posterior"]
    return np.stack([tree[name].to_numpy()[0] for name in FAMILY.parameters], axis=-1)


def fitted(rfm: lc.RFM, family: lc.BGNBD, **settings: object) -> lc.CLTV:
    return lc.CLTV(family, spend=None, market=None).fit(rfm, random_seed=1, **settings)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def shop() -> tuple[lc.RFM, Floats, lc.CLTV]:
    rfm, theta = channels(40, 10_000, seed=3)
    return rfm, theta, fitted(rfm, lc.BGNBD(groups="channel"))


def test_does_progress_run_on_from_group_to_group(shop: tuple[lc.RFM, Floats, lc.CLTV]) -> None:
    rfm, _, model = shop
    seen: list[int] = []
    forecast = model.forecast(rfm, horizon=12, worlds=10, random_seed=1, threads=1, progress=seen.append)
    assert seen == sorted(set(seen)) and len(seen) >= 40 and seen[-1] == len(rfm)
    seen.clear()
    forecast.by("channel", threads=1, progress=seen.append)
    assert seen == sorted(set(seen)) and seen[-1] == len(rfm)


def test_do_intervals_of_channel_values_hold_the_truth(shop: tuple[lc.RFM, Floats, lc.CLTV]) -> None:
    _, theta, model = shop
    draws = group_draws(model)
    values = np.stack([year_of_purchases(draws[:, group]) for group in range(40)], axis=1)
    lower, upper = np.quantile(values, [0.05, 0.95], axis=0)
    truth = year_of_purchases(theta)
    assert np.sum((lower < truth) & (truth < upper)) >= 31  # of 40: Binomial(40, 0.9) is less in 1.5%


def test_are_small_channels_better_pooled_partially_than_fully_or_not_at_all(
    shop: tuple[lc.RFM, Floats, lc.CLTV],
) -> None:
    rfm, theta, model = shop
    frame = rfm.to_frame()
    small = np.arange(13)
    draws = group_draws(model)
    partial = np.array([year_of_purchases(draws[:, group]).mean() for group in small])
    pooled = year_of_purchases(fitted(rfm, lc.BGNBD(), method="map").parameters["mean"].to_numpy()[None])
    own = []
    for group in small:
        alone = lc.RFM.from_frame(frame[frame["channel"] == f"ch{group:02d}"], time_unit="week")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", lc.LifecastWarning)  # few repeat buyers
            draws_alone = parameter_draws(fitted(alone, lc.BGNBD(), method="laplace", draws=400))
        own.append(year_of_purchases(draws_alone).mean())
    truth = year_of_purchases(theta)[small]
    error = {
        name: np.sqrt(np.mean(np.log(guess / truth) ** 2))
        for name, guess in {"partial": partial, "pooled": pooled, "own": np.array(own)}.items()
    }
    assert error["partial"] < error["own"] < error["pooled"]


def test_is_the_spread_between_channels_found(shop: tuple[lc.RFM, Floats, lc.CLTV]) -> None:
    table = shop[2].parameters
    for name, truth in zip(FAMILY.weak_priors, SPREAD, strict=True):
        row = table.loc[f"sd of {name}"]
        assert row["mean"] - 3 * row["sd"] < truth < row["mean"] + 3 * row["sd"]


def test_does_a_channel_not_seen_get_the_population(shop: tuple[lc.RFM, Floats, lc.CLTV]) -> None:
    rfm, _, model = shop
    sd = model.group_parameters["sd"]
    assert sd[UNSEEN, "alpha"] > 2 * sd["ch39", "alpha"]  # it could be any channel
    frame = rfm.to_frame().head(20).assign(channel="never seen")
    unseen = model.expected_purchases(lc.RFM.from_frame(frame, time_unit="week"), 12)
    assert np.all(unseen > 0)


def test_do_channels_add_up_in_any_order(shop: tuple[lc.RFM, Floats, lc.CLTV]) -> None:
    rfm, _, model = shop
    frame = rfm.to_frame().groupby("channel").head(15)
    shuffled = frame.sample(frac=1.0, random_state=5)
    one, other = (
        model.forecast(lc.RFM.from_frame(f, time_unit="week"), horizon=12, worlds=100, random_seed=1)
        for f in (frame, shuffled)
    )
    pd.testing.assert_frame_equal(
        one.customers.set_index("customer_id").sort_index(),
        other.customers.set_index("customer_id").sort_index(),
        check_exact=True,
    )
    np.testing.assert_array_equal(one.draws["purchases"], other.draws["purchases"])


@pytest.mark.slow
def test_do_the_banks_find_the_posterior_that_nuts_finds() -> None:
    import nutpie

    from lifecast.families.density import log_likelihood
    from lifecast.families.priors import prior_table
    from lifecast.grouping import group_purchases
    from lifecast.pooling import SPREAD_PRIOR

    rfm, _ = channels(4, 1_200, seed=8)
    model = fitted(rfm, lc.BGNBD(groups="channel"), draws=4_000)
    channel = np.array(rfm.attributes["channel"].to_pylist())
    scale = float(rfm.T.mean())
    likelihoods = []
    for name in sorted(set(channel)):
        of = channel == name
        rows = group_purchases(rfm.frequency[of], rfm.recency[of], rfm.T[of]).scaled(scale)
        likelihoods.append(log_likelihood(FAMILY, [(rows, np.empty(0))], np.zeros(4)))
    table = prior_table("weak", FAMILY.weak_priors)

    def log_density(point: Floats) -> tuple[float, Floats]:
        """Typical, log spread, and the channels in spreads from the typical: the joint density itself."""
        typical, log_spread, away = point[:4], point[4:8], point[8:].reshape(-1, 4)
        spread = np.exp(log_spread)
        value = -0.5 * np.sum((typical - table[:, 0]) ** 2 * table[:, 1]) - 0.5 * np.sum(away**2)
        value += -0.5 * np.sum((log_spread - SPREAD_PRIOR[0]) ** 2) / SPREAD_PRIOR[1] ** 2
        gradient = np.concatenate(
            [
                -(typical - table[:, 0]) * table[:, 1],
                -(log_spread - SPREAD_PRIOR[0]) / SPREAD_PRIOR[1] ** 2,
                -away.ravel(),
            ]
        )
        for place, likelihood in enumerate(likelihoods):
            try:
                with np.errstate(all="ignore"):
                    part, slope = likelihood.value_and_gradient(typical + spread * away[place])
            except ArithmeticError:  # so far out that the sampler is to turn back
                return -np.inf, np.zeros(point.size)
            value += part
            gradient[:4] += slope
            gradient[4:8] += slope * spread * away[place]
            gradient[8 + 4 * place : 12 + 4 * place] += slope * spread
        return float(value), gradient

    size = 8 + 4 * len(likelihoods)
    compiled = nutpie.compiled_pyfunc.from_pyfunc(
        size,
        lambda: log_density,
        lambda *_: lambda point: {"point": np.asarray(point)},
        [np.dtype("float64")],
        [(size,)],
        ["point"],
        make_initial_point_fn=lambda seed: np.concatenate([TYPICAL, np.full(4, -1.4), np.zeros(size - 8)]),
    )
    trace = nutpie.sample(compiled, draws=1_500, tune=800, chains=4, seed=1, progress_bar=False)
    points = np.asarray(trace.posterior["point"]).reshape(-1, size)
    exact = points[:, :4], np.exp(points[:, 4:8])
    ours = (
        FAMILY.unconstrain(parameter_draws(model)),
        model.posterior["posterior"]["purchases_spread"].values[0],
    )
    ours[0][:, 1] += np.log(scale)
    for there, here in zip(exact, ours, strict=True):
        np.testing.assert_allclose(here.mean(axis=0), there.mean(axis=0), atol=0.15 * there.std(axis=0).max())
        np.testing.assert_allclose(here.std(axis=0), there.std(axis=0), rtol=0.15)


def test_are_effects_of_covariates_found() -> None:
    rng = np.random.default_rng(4)
    n = 4_000
    age, member = rng.normal(40.0, 12.0, n), rng.uniform(size=n) < 0.3
    points = np.tile(TYPICAL, (n, 1))
    points[:, 1] += 0.4 * (age - age.mean()) / age.std() + 0.5 * member
    points[:, 2] += -0.6 * member
    frame = histories(FAMILY.constrain(points), 9).assign(
        age=age, tier=np.where(member, "gold", "basic"), region=rng.choice(["n", "s"], n)
    )
    model = fitted(lc.RFM.from_frame(frame, time_unit="week"), lc.BGNBD(covariates=["age", "tier", "region"]))
    truths = {
        "log_rate: age": 0.4,
        "logit_dropout: age": 0.0,
        "log_rate: tier=gold": 0.5,
        "logit_dropout: tier=gold": -0.6,
        "log_rate: region=s": 0.0,
    }
    for name, truth in truths.items():
        row = model.parameters.loc[name]
        assert abs(row["mean"] - truth) < 3 * row["sd"], name
    assert model.parameters.loc["log_rate: age", "lower"] > 0.25


def test_is_a_customer_scored_with_its_own_covariates() -> None:
    frame = histories(np.tile(FAMILY.constrain(TYPICAL), (600, 1)), 2).assign(tier="basic")
    frame.loc[::2, "tier"] = "gold"
    model = fitted(lc.RFM.from_frame(frame, time_unit="week"), lc.BGNBD(covariates="tier"), method="map")
    theta = parameter_draws(model)
    effects = model.posterior["posterior"]["purchases_effects"].values[0]
    shifted = FAMILY.unconstrain(theta)
    shifted[:, 1:3] += effects
    alike = frame[["customer_id", "frequency", "recency", "T"]]
    for tier, parameters in (("basic", theta), ("gold", FAMILY.constrain(shifted))):
        known = lc.CLTV.from_parameters(
            dict(zip(FAMILY.parameters, parameters[0], strict=True)), time_unit="week"
        )
        expected = known.expected_purchases(lc.RFM.from_frame(alike, time_unit="week"), 26)
        found = model.expected_purchases(lc.RFM.from_frame(alike.assign(tier=tier), time_unit="week"), 26)
        pd.testing.assert_series_equal(found, expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("column", "settings", "message"),
    [
        (None, {"groups": "channel"}, "needs the attribute 'channel'; the RFM has none"),
        (["a", None, "b"], {"groups": "channel"}, "200 of 600 customers have no 'channel'"),
        (["a", None, "b"], {"covariates": ["channel"]}, "200 of 600 customers have no 'channel'"),
        ([1.0, float("nan"), 2.5], {"covariates": ["channel"]}, "200 of 600 customers have no 'channel'"),
        (["a", "a", "a"], {"covariates": ["channel"]}, "'a' for every customer"),
        ([[1], [2], [3]], {"covariates": ["channel"]}, "'channel' holds values of type list"),
        ([f"c{i}" for i in range(600)], {"covariates": ["channel"]}, "600 categories.*pass groups='channel'"),
    ],
)
def test_are_attributes_that_cannot_serve_refused(
    column: list[object] | None, settings: dict[str, object], message: str
) -> None:
    frame = histories(np.tile(FAMILY.constrain(TYPICAL), (600, 1)), 2)
    if column is not None:
        frame["channel"] = column * (600 // len(column))
    with pytest.raises(lc.LifecastError, match=message):
        fitted(lc.RFM.from_frame(frame, time_unit="week"), lc.BGNBD(**settings))  # type: ignore[arg-type]


def test_is_a_decimal_the_number_that_it_is() -> None:
    frame = histories(np.tile(FAMILY.constrain(TYPICAL), (600, 1)), 2)
    age = [18.0, 22.5, 31.0, 47.5, 60.0, 75.0] * 100
    tables = (frame.assign(age=values) for values in (age, [Decimal(str(value)) for value in age]))
    as_they_are, as_decimals = (
        fitted(lc.RFM.from_frame(table, time_unit="week"), lc.BGNBD(covariates="age"), method="map")
        for table in tables
    )
    assert "log_rate: age" in as_decimals.parameters.index
    pd.testing.assert_frame_equal(as_decimals.parameters, as_they_are.parameters, check_exact=True)


def test_is_a_category_that_the_fit_has_not_seen_refused() -> None:
    frame = histories(np.tile(FAMILY.constrain(TYPICAL), (600, 1)), 2).assign(tier=["x", "y"] * 300)
    model = fitted(lc.RFM.from_frame(frame, time_unit="week"), lc.BGNBD(covariates="tier"), method="map")
    with pytest.raises(lc.DataError, match=r"'z' for some of the 1 customers .* knows 'x', 'y'"):
        model.expected_purchases(
            lc.RFM.from_frame(frame.head(3).assign(tier=["x", "z", "y"]), time_unit="week"), 4
        )


def test_are_groups_of_another_type_refused(shop: tuple[lc.RFM, Floats, lc.CLTV]) -> None:
    rfm, _, model = shop
    numbered = rfm.to_frame().assign(channel=7)
    with pytest.raises(lc.DataError, match="'channel' is 7 for a customer, and the fit knows '"):
        model.expected_purchases(lc.RFM.from_frame(numbered, time_unit="week"), 4)


def test_is_the_same_learned_of_customers_in_any_order() -> None:
    frame = histories(np.tile(FAMILY.constrain(TYPICAL), (999, 1)), 2)
    frame["age"] = np.random.default_rng(1).lognormal(size=len(frame))
    one, other = (
        learn_encoding(
            Histories.of(lc.RFM.from_frame(rows, time_unit="week"), ["age"]).purchases, None, ["age"]
        )
        for rows in (frame, frame.sample(frac=1.0, random_state=3))
    )
    assert one == other


@pytest.mark.parametrize("method", ["map", "nuts"])
def test_are_methods_that_cannot_fit_groups_refused(method: str) -> None:
    rfm, _ = channels(3, 300, seed=1)
    with pytest.raises(lc.SettingsError, match=f'method="{method}" cannot fit groups'):
        fitted(rfm, lc.BGNBD(groups="channel"), method=method)


def test_does_a_grouped_model_come_back_from_its_file(tmp_path: Path) -> None:
    rfm, _ = channels(3, 600, seed=1)
    frame = rfm.to_frame().assign(tier=["x", "y"] * (len(rfm) // 2) + ["x"] * (len(rfm) % 2))
    rfm = lc.RFM.from_frame(frame, time_unit="week")
    model = fitted(rfm, lc.BGNBD(groups="channel", covariates=["tier"]), draws=200)
    model.save(tmp_path / "model.nc")
    back = lc.load(tmp_path / "model.nc")
    one, other = (each.forecast(rfm, 8, worlds=50, random_seed=2) for each in (model, back))
    pd.testing.assert_frame_equal(one.customers, other.customers, check_exact=True)
    pd.testing.assert_frame_equal(model.group_parameters, back.group_parameters, check_exact=True)


def test_are_the_published_effects_of_static_covariates_found(shared: Path) -> None:
    """CLVTools 0.12.1, Pareto/NBD on apparel with gender and acquisition channel: rows P252 to P260."""
    table = pd.read_csv(shared / "published.csv").set_index("id")["value"]
    log = pd.read_parquet(shared / "data" / "apparel.parquet")
    rfm = lc.rfm_summary(
        log, customer_id="customer_id", date="date", amount="amount", time_unit="week",
        observation_end="2006-12-31", attributes=["gender", "acq_channel_offline"],
    )  # fmt: skip
    family = lc.ParetoNBD(priors="flat", covariates=["gender", "acq_channel_offline"])
    model = lc.CLTV(family, spend=None, market=None).fit(rfm, method="map")
    mean = model.parameters["mean"]
    found = {
        "P252": mean["r"],
        "P253": mean["alpha"],
        "P254": mean["s"],
        "P255": mean["beta"],
        "P256": mean["log_dropout_rate: gender=1.0"],
        "P257": mean["log_dropout_rate: acq_channel_offline=1.0"],
        "P258": mean["log_rate: gender=1.0"],
        "P259": mean["log_rate: acq_channel_offline=1.0"],
    }
    for row, value in found.items():
        assert value == pytest.approx(float(table[row]), rel=2e-3), row  # at a flat maximum
    assert model.log_likelihood(rfm) == pytest.approx(float(table["P260"]), abs=0.001)


@pytest.mark.parametrize("method", ["nuts", "map"])
def test_is_a_method_that_cannot_fit_groups_refused_before_any_fit(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lifecast import learning

    monkeypatch.setattr(learning, "fit_purchases", None)  # would fail, were it called
    rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30")
    with pytest.raises(lc.SettingsError, match="cannot fit groups"):
        lc.CLTV(spend=lc.GammaGamma(groups="channel")).fit(rfm, method=method)


@pytest.mark.parametrize("extreme", [1e308, -1e20, 1e9])
def test_is_a_value_that_hides_all_others_refused(extreme: float) -> None:
    table = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30").to_frame()
    rng = np.random.default_rng(5)
    table["age"] = rng.normal(40.0, 12.0, len(table)).round()
    model = lc.CLTV(lc.BGNBD(covariates=["age"]), None, market=None)
    model.fit(lc.RFM.from_frame(table, time_unit="week"), draws=20)
    table.loc[7, "age"] = extreme
    with pytest.raises(
        lc.DataError, match=r"Covariate 'age' is .* for a customer, and between .* nothing can"
    ):
        model.fit(lc.RFM.from_frame(table, time_unit="week"), draws=20)
    rare = table.assign(age=np.where(np.arange(len(table)) < 8, 3.0 + np.arange(len(table)), 0.0))
    model.fit(lc.RFM.from_frame(rare, time_unit="week"), draws=20)  # most are alike, and were so before
