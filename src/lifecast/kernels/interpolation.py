"""Weights of interpolation at Chebyshev's points, added up over many values."""

import numpy as np
from numba import njit

from lifecast.arrays import Floats, Integers


@njit(cache=True, nogil=True)
def add_node_weights(cell: Integers, u: Floats, weight: Floats, points: Floats, cells: int) -> Floats:
    """For each cell, sums over its values u in [-1, 1] of Lagrange's polynomials of the points, weighted.

    By the barycentric formula for Chebyshev's points of the first kind [Berrut & Trefethen 2004, "Barycentric
    Lagrange Interpolation", SIAM Review 46(3), eq. 4.2 and 5.3].

    Parameters
    ----------
    cell, u, weight : (value,)
    points : (k,)
        cos((2 i + 1) pi / (2 k)), i = 0, ..., k - 1.

    Returns
    -------
    (cell, k)

    Examples
    --------
    >>> points = np.cos((2 * np.arange(3) + 1) * np.pi / 6)
    >>> sums = add_node_weights(np.zeros(2, np.int64), np.array([0.1, -0.4]), np.ones(2), points, 1)
    >>> bool(np.isclose(sums[0] @ points**2, 0.1**2 + 0.4**2))
    True
    """
    k = points.size
    barycentric = np.empty(k)
    for i in range(k):
        barycentric[i] = (-1.0) ** i * np.sin((2 * i + 1) * np.pi / (2 * k))
    sums = np.zeros((cells, k))
    terms = np.empty(k)
    for row in range(u.size):
        total = 0.0
        hit = -1
        for i in range(k):
            distance = u[row] - points[i]
            if distance == 0.0:
                hit = i
                break
            terms[i] = barycentric[i] / distance
            total += terms[i]
        if hit >= 0:
            sums[cell[row], hit] += weight[row]
        else:
            share = weight[row] / total
            for i in range(k):
                sums[cell[row], i] += share * terms[i]
    return sums
