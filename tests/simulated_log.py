"""Transaction logs with known truth: a shop whose clock and customers' own rates do as they are told."""

import numpy as np
import pandas as pd

from lifecast.arrays import Floats


def simulated_log(
    customers: int,
    weeks: int,
    seed: int,
    pace: Floats | None = None,
    drift: float = 0.0,
    r: float = 0.6,
    alpha: float = 6.0,
    a: float = 0.8,
    b: float = 4.0,
) -> pd.DataFrame:
    """A log of customers who first buy over the first third of the weeks, BG/NBD in the shop's own time.

    Parameters
    ----------
    pace : (week,), optional
        How fast the common clock runs in each week; 1 throughout by default.
    drift : float, default 0
        Variance per year of each customer's own rate, a mean-one geometric random walk by the week.
    """
    rng = np.random.default_rng(seed)
    speed = np.ones(weeks) if pace is None else np.asarray(pace)[:weeks]
    rate = rng.gamma(r, 1.0 / alpha, customers)
    leave = rng.beta(a, b, customers)
    nu = rng.gamma(4.0, 1.0 / 90.0, customers)
    born = rng.integers(0, weeks * 7 // 3, customers)
    days, who = [born], [np.arange(customers)]
    alive = np.ones(customers, bool)
    for week in range(weeks):
        rate = rate * np.exp(np.sqrt(drift / 52) * rng.standard_normal(customers) - drift / 104)
        active = alive & (born < 7 * week + 7)
        start = np.maximum(born[active], 7 * week)
        left = (7 * week + 7 - start) / 7
        count = rng.poisson(rate[active] * speed[week] * left)
        survived = rng.geometric(leave[active])  # the purchase after which the customer leaves
        kept = np.minimum(count, survived)
        buyer = np.repeat(np.flatnonzero(active), kept)
        first = np.repeat(start, kept)
        days.append(first + np.floor(rng.uniform(size=buyer.size) * np.repeat(7 * left, kept)).astype(int))
        who.append(buyer)
        alive[np.flatnonzero(active)[count >= survived]] = False
    day, customer = np.concatenate(days), np.concatenate(who)
    return pd.DataFrame(
        {
            "customer_id": customer,
            "date": pd.Timestamp("2020-01-06") + pd.to_timedelta(day, unit="D"),
            "amount": rng.gamma(3.0, 1.0, day.size) / nu[customer],
        }
    )
