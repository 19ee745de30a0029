"""The shock that a living customer's own purchase rate takes where the market drifts."""

from numba import njit


@njit(cache=True, nogil=True, inline="always")
def drifted(k: float, A: float, drift: float) -> tuple[float, float]:
    """Shape and rate of a living customer's purchase rate after a shock of mean one and variance ``drift``.

    The gamma-beta shock: Gamma(k) times Beta(k', k - k') k / k' is Gamma(k') with the same mean, so what
    the past says of the rate loses weight and the model stays itself [Lewis, McKenzie & Hugus 1989; Harvey
    & Fernandes 1989].
    """
    weaker = k / (1.0 + drift * (k + 1.0))
    return weaker, A * weaker / k
