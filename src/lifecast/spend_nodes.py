"""Customers' total amounts by the million, exchanged for a few nodes that give the same sums.

Gamma-Gamma's likelihood sees a customer with n amounts of the sum S and the mean log l through n l and
log(1 + S / v). As a function of log S the latter is analytic within pi of the real line, whatever v is, so
that its values in an interval of log S follow from those at a few Chebyshev points, to the last digits of a
float. Adding up customers' weights of interpolation makes one weighted row of each point. A sum over millions
of customers becomes one over hundreds of rows, for every v, p and q, gradients included.
"""

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.kernels.interpolation import add_node_weights

WIDTH = 2.0  # of an interval of log S
# Half an interval from its middle the ellipse of analyticity has a sum of semi-axes of pi + (pi^2 + 1)^(1/2)
# = 6.4; its 21st power is 10^17.
NODES = 21


def exchanged(
    n: Integers,
    m: Floats,
    l: Floats,  # noqa: E741
    weight: Floats,
) -> tuple[Integers, Floats, Floats, Floats]:
    """Rows (row,) of n amounts of mean m > 0 and mean log l as fewer rows with the same likelihood.

    Intervals that hold no more rows than nodes keep them. Weights of nodes may be negative.
    """
    log_sum = np.log(n * m)
    interval = np.floor(log_sum / WIDTH).astype(np.int64)
    lowest = np.min(interval, initial=0)
    intervals = np.max(interval, initial=0) - lowest + 1
    cells, cell = np.unique(n * intervals + interval - lowest, return_inverse=True)
    many = np.bincount(cell) > NODES
    if not many.any():
        return n, m, l, weight
    place = np.cumsum(many) - 1
    go = many[cell]
    of, count = place[cell[go]], int(many.sum())
    middle = (cells[many] % intervals + lowest + 0.5) * WIDTH
    points = np.cos((2 * np.arange(NODES) + 1) * np.pi / (2 * NODES))
    u = (log_sum[go] - middle[of]) / (0.5 * WIDTH)
    sums = add_node_weights(of, u, weight[go], points, count)
    mean_log = np.bincount(of, weight[go] * l[go]) / np.bincount(of, weight[go])
    of_nodes = np.repeat(cells[many] // intervals, NODES)
    at_nodes = np.exp(middle[:, None] + 0.5 * WIDTH * points).ravel() / of_nodes
    return (
        np.concatenate([of_nodes, n[~go]]),
        np.concatenate([at_nodes, m[~go]]),
        np.concatenate([np.repeat(mean_log, NODES), l[~go]]),
        np.concatenate([sums.ravel(), weight[~go]]),
    )
