"""Is the gradient that inference follows the derivative of the density that it weighs draws by?"""

import numpy as np
import pytest

import lifecast as lc
from lifecast.families.contract import PurchaseFamily, SpendFamily
from lifecast.families.density import log_posterior
from lifecast.grouping import group_purchases, group_spend, spend_history

FAMILIES: dict[str, PurchaseFamily | SpendFamily] = {
    "bg-nbd, weak": lc.BGNBD(),
    "bg-nbd, flat": lc.BGNBD(priors="flat"),
    "bg-nbd, own": lc.BGNBD(priors={"log_rate": (-3.0, 0.1), "logit_dropout": (2.0, 0.3)}),
    "gamma-gamma, weak": lc.GammaGamma(),
    "gamma-gamma, flat": lc.GammaGamma(priors="flat"),
    "gamma-gamma, own": lc.GammaGamma(priors={"log_q_minus_1": (3.0, 0.2)}),
    "gamma-gamma on means, weak": lc.GammaGamma(fit_to="means"),
    "gamma-gamma on means, flat": lc.GammaGamma(priors="flat", fit_to="means"),
}


@pytest.fixture(scope="module")
def rfm() -> lc.RFM:
    return lc.rfm_summary(lc.datasets.load_cdnow(sample=True), time_unit="week", observation_end="1997-09-30")


def rows_of(family: PurchaseFamily | SpendFamily, rfm: lc.RFM):
    """Rows in units of their own scale, as a fit sees them."""
    if isinstance(family, lc.BGNBD):
        return group_purchases(rfm.frequency, rfm.recency, rfm.T).scaled(float(rfm.T.mean()))
    assert isinstance(family, lc.GammaGamma) and rfm.monetary_log_mean is not None
    return group_spend(*spend_history(rfm, family.zero_amounts), rfm.monetary_log_mean).scaled(35.0)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())
def test_is_the_gradient_the_derivative(family: PurchaseFamily | SpendFamily, rfm: lc.RFM) -> None:
    rows = rows_of(family, rfm)
    start = family.start(rows)
    density = log_posterior(family, rows, start)
    rng = np.random.default_rng(7)
    step = 1e-5
    for point in [start, *(start + rng.normal(0.0, 1.0, (6, start.size)))]:
        _, gradient = density.value_and_gradient(point)
        steps = step * np.eye(start.size)
        higher, lower = density.values(point + steps), density.values(point - steps)
        differences = (higher - lower) / (2 * step)
        scale = np.abs(gradient).max() + 1.0
        np.testing.assert_allclose(gradient / scale, differences / scale, atol=2e-6)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())
def test_do_one_point_and_many_have_the_same_density(
    family: PurchaseFamily | SpendFamily, rfm: lc.RFM
) -> None:
    rows = rows_of(family, rfm)
    start = family.start(rows)
    density = log_posterior(family, rows, start)
    points = start + np.random.default_rng(8).normal(0.0, 0.5, (5, start.size))
    one_by_one = [density.value_and_gradient(point)[0] for point in points]
    np.testing.assert_allclose(density.values(points), one_by_one, rtol=1e-12)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())
def test_is_the_jacobian_the_derivative_of_the_parameters(family: PurchaseFamily | SpendFamily) -> None:
    points = np.random.default_rng(9).normal(0.0, 1.0, (5, len(family.parameters)))
    for point in points:
        steps = 1e-6 * np.eye(point.size)
        differences = (family.constrain(point + steps) - family.constrain(point - steps)).T / 2e-6
        np.testing.assert_allclose(family.jacobian(point), differences, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("family", [lc.BGNBD, lc.GammaGamma])
def test_do_the_priors_say_what_they_are_asked(family: type) -> None:
    weak = family().weak_priors
    name, (mean, sd) = next(iter(weak.items()))
    own = family(priors={name: (mean + 1.0, 2 * sd)})
    assert own != family() and own.weak_priors == weak
    with pytest.raises(lc.SettingsError, match="Unknown prior 'log_x'"):
        family(priors={"log_x": (0.0, 1.0)})
    for nonsense in [(0.0, 0.0), (np.nan, 1.0), (0.0, np.inf), (0.0,), "wide", None]:
        with pytest.raises(lc.SettingsError, match="positive sd"):
            family(priors={name: nonsense})
    with pytest.raises(lc.SettingsError, match='needed "weak", "flat"'):
        family(priors="strong")
