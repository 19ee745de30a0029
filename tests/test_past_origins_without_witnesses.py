"""Is an earlier day that says nothing of purchases, or of prices, no witness of the market?"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import lifecast as lc
from lifecast.past import PastOrigin
from lifecast.past_forecast import PastForecast


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return lc.datasets.load_cdnow(sample=True).query("customer_id < 8000")


@pytest.fixture(scope="module")
def origins(log: pd.DataFrame) -> tuple[PastOrigin, ...]:
    past = lc.rfm_summary(log, observation_end="1998-03-31").past
    assert past is not None and len(past.origins) > 3
    return past.origins


def test_is_there_no_forecast_from_a_day_on_which_nobody_was_known(origins: tuple[PastOrigin, ...]) -> None:
    def forecast(origin: PastOrigin) -> PastForecast | None:
        return PastForecast.of(lc.BGNBD(), origin, 4.0, np.random.default_rng(1))

    some = origins[1]
    assert forecast(some) is not None
    assert forecast(replace(some, weight=np.zeros_like(some.weight))) is None
    assert forecast(replace(some, t_x=np.zeros_like(some.T), T=np.zeros_like(some.T))) is None


def test_does_a_day_before_which_all_was_given_away_say_nothing_of_prices(
    origins: tuple[PastOrigin, ...],
) -> None:
    some, today = origins[1], origins[0]
    found = PastForecast.of(lc.BGNBD(), some, 4.0, np.random.default_rng(1))
    assert found is not None and some.amount is not None and some.value is not None
    family, theta = lc.GammaGamma(), np.array([[6.25, 3.74, 15.44]])
    errors, _ = found.price_errors(family, theta, some, today)
    assert np.isfinite(errors[some.purchases > 0]).all()
    gifts = replace(some, amount=np.zeros_like(some.amount))
    errors, covariance = found.price_errors(family, theta, gifts, today)
    assert np.isnan(errors).all() and errors.size == some.value.size
    np.testing.assert_array_equal(covariance, np.eye(some.value.size))


def test_is_a_log_of_gifts_at_first_forecast_all_the_same(log: pd.DataFrame) -> None:
    gifts = log.assign(amount=log["amount"].where(log["date"] >= "1997-10-01", 0.0))
    given, sold = total_of(gifts), total_of(log)
    pd.testing.assert_series_equal(given.loc["purchases"], sold.loc["purchases"])  # prices leave them alone
    assert np.isfinite(given.loc["value"]).all() and given.loc["value", "mean"] > 0.0


def total_of(log: pd.DataFrame) -> pd.DataFrame:
    rfm = lc.rfm_summary(log, observation_end="1998-03-31")
    return lc.CLTV().fit(rfm, method="map").forecast(rfm, 13, worlds=50).total
