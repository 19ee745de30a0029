"""Are expected purchases, added up over counts, those of the paper's formula and of quadrature?"""

import mpmath
import numpy as np
import pytest

from lifecast.kernels.bg_nbd_rates import MOST_COUNTS, few_counts, rates_by_counts


def by_the_paper(k: float, a: float, B: float, w: float) -> mpmath.mpf:
    """Purchases of the living until t over w = t / (alpha + T) [Fader, Hardie & Lee 2005, eq. 10]."""
    k, a, B, w = map(mpmath.mpf, (k, a, B, w))
    silent = mpmath.hyp2f1(k, B, a + B - 1, w / (1 + w)) / (1 + w) ** k
    return (a + B - 1) / (a - 1) * (1 - silent) / w


@pytest.mark.parametrize("latest", [1e-9, 1e-3, 0.1, 0.7, 3.0])
@pytest.mark.parametrize("k", [1e-3, 0.24, 1.3, 13.0, 300.0, 40_000.0])
def test_are_rates_those_of_the_paper(k: float, latest: float) -> None:
    k = min(k, 40.0 / latest)
    assert few_counts(k, latest)
    w, found = latest * np.array([1.0, 0.93, 0.5, 1e-3]), np.empty(4)
    for a, B in ((0.8, 2.4), (0.02, 5.0), (5.0, 0.05), (3.3, k + 0.7), (300.0, 3000.0)):
        rates_by_counts(k, a, B, w, found)
        with mpmath.workdps(60):
            for m in range(4):
                assert abs(found[m] / by_the_paper(k, a, B, w[m]) - 1) < 1e-13, (a, B, w[m])


def test_is_there_room_for_all_counts() -> None:
    for latest in np.geomspace(1e-6, 3.0, 60):
        k = 40.0 / latest
        chance, j = 1.0, 0  # of the NBD, over that of no purchase at all
        most = 1.0
        while chance * (j + 1) >= 1e-17 * most:
            chance *= (k + j) / (j + 1) * latest / (1.0 + latest)
            j, most = j + 1, max(most, chance)
        assert j < MOST_COUNTS - 4
    assert not few_counts(14.0, 3.0)
    assert not few_counts(0.1, 3.1)
