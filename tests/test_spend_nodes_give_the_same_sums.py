"""Do a few nodes give Gamma-Gamma's likelihood of very many customers, and its gradient?"""

import numpy as np
import pytest

import lifecast as lc
from lifecast.arrays import Floats
from lifecast.grouping import SpendRows
from lifecast.kernels.gamma_gamma import log_likelihood_amounts, log_likelihood_means
from lifecast.spend_nodes import exchanged


def customers(count: int, spread: float, seed: int) -> SpendRows:
    """Rows with sums over many orders of magnitude, some standing for several customers."""
    rng = np.random.default_rng(seed)
    n = rng.geometric(0.3, count)
    m = np.exp(rng.normal(0.0, spread, count))
    l = np.log(m) - rng.gamma(1.0, 0.2, count) * (n > 1)  # noqa: E741
    return SpendRows(n, m, l, np.zeros(count), rng.integers(1, 4, count).astype(np.float64))


THETA = np.array([[6.25, 3.74, 15.44], [0.3, 1.01, 1e-4], [40.0, 9.0, 1e5], [1.0, 2.0, 1.0], [3.6, 4.5, 0.9]])


@pytest.mark.parametrize("spread", [0.3, 3.0])
@pytest.mark.parametrize("theta", THETA)
def test_is_the_likelihood_the_same(spread: float, theta: Floats) -> None:
    rows = customers(20_000, spread, 1)
    assert rows.nodes[2].size < 0.3 * len(rows)
    for family, direct in (
        (lc.GammaGamma(), log_likelihood_amounts(*rows.coded, rows.m, rows.l, rows.weight, *theta)),
        (lc.GammaGamma(fit_to="means"), log_likelihood_means(*rows.coded, rows.m, rows.weight, *theta)),
    ):
        value, gradient = family.log_likelihood(rows, theta)
        assert value == pytest.approx(direct[0], rel=1e-12)
        # parts of a gradient cancel near the mode: held against their sizes, not against what is left
        np.testing.assert_allclose(gradient * theta, direct[1] * theta, atol=1e-11 * abs(direct[0]))
        assert family.log_likelihood_draws(rows, theta[None])[0] == pytest.approx(direct[0], rel=1e-12)


def test_do_a_million_customers_become_few_rows() -> None:
    rows = customers(1_000_000, 0.6, 2)
    n, m, l, weight = exchanged(rows.n, rows.m, rows.l, rows.weight)  # noqa: E741
    assert m.size < 5_000
    for of, known in ((np.ones_like(l), np.ones_like(rows.l)), (n * l, rows.n * rows.l)):
        assert weight @ of == pytest.approx(rows.weight @ known, rel=1e-13)
    assert weight @ np.log(m) == pytest.approx(rows.weight @ np.log(rows.m), rel=1e-10)


def test_are_few_customers_left_as_they_are() -> None:
    rows = customers(15, 1.0, 3)
    for before, after in zip(
        (rows.n, rows.m, rows.l, rows.weight), exchanged(rows.n, rows.m, rows.l, rows.weight), strict=True
    ):
        assert after is before
    nobody = customers(0, 1.0, 3)
    assert all(column.size == 0 for column in exchanged(nobody.n, nobody.m, nobody.l, nobody.weight))
