"""Does anything leak into the past that was not known then?"""

from datetime import timedelta

import numpy as np
import pandas as pd
from test_past_equals_a_slow_twin import simulated_log

import lifecast as lc
from lifecast.past import Past, PastOrigin, SpendSteadiness


def numbers(record: Past | PastOrigin | SpendSteadiness) -> list[bytes | None]:
    """Every bit of a record, in order."""
    bits: list[bytes | None] = []
    for value in vars(record).values():
        if isinstance(value, tuple):
            bits += [part for origin in value for part in numbers(origin)]
        elif isinstance(value, SpendSteadiness):
            bits += numbers(value)
        else:
            bits.append(None if value is None else np.asarray(value).tobytes())
    return bits


def past_of(log: pd.DataFrame, **settings: str) -> Past:
    past = lc.rfm_summary(log, **settings).past
    assert past is not None and len(past.origins) >= 3 and past.spend_steadiness is not None
    return past


def test_does_nothing_after_the_observation_end_enter() -> None:
    log, end = simulated_log(), "2024-08-01"
    log.loc[::3, "amount"] += 0.1  # not exact in binary: the scale of the later amounts would show
    until, rest = log[log["date"] <= end], log[log["date"] > end]
    others = rest.assign(customer_id=rest["customer_id"].sample(frac=1, random_state=7).to_numpy())
    others["date"] += pd.to_timedelta(np.arange(len(others)) % 90, unit="D")
    others["amount"] = np.random.default_rng(7).normal(0.0, 1e9, len(others))  # returns, too
    newcomers = others.assign(customer_id=[f"new {row}" for row in range(len(others))])
    futures = [until, log, pd.concat([until, others]), pd.concat([newcomers, until, others])]
    seen = [numbers(past_of(future, observation_end=end)) for future in futures]
    assert seen[0] == seen[1] == seen[2] == seen[3]
    held_out = past_of(futures[3], observation_end=end, holdout_end="2024-12-31")
    assert numbers(held_out) == seen[0]
    assert numbers(past_of(log, observation_end="2024-08-02")) != seen[0]  # the comparison sees something


def test_is_what_an_origin_knows_free_of_what_came_after_it() -> None:
    log = simulated_log()
    end = log["date"].max()
    past = past_of(log)
    for number, origin in enumerate(past.origins):
        day = end - timedelta(days=round(7 * (past.age - origin.age)))
        after = log["date"] > day
        rng = np.random.default_rng(number)
        changed = log.copy()
        changed.loc[after, "customer_id"] = rng.permutation(log["customer_id"].unique())[: after.sum()][
            rng.integers(min(after.sum(), 250), size=after.sum())
        ]
        changed.loc[after, "amount"] = rng.integers(0, 4000, after.sum()) / 4
        changed.loc[after, "date"] = end - pd.to_timedelta(
            rng.integers(0, (end - day).days, after.sum()), unit="D"
        )
        last_line = pd.DataFrame({"customer_id": ["last"], "date": [end], "amount": [1.0]})
        then = past_of(pd.concat([changed, last_line]).sample(frac=1, random_state=number))
        twin = then.origins[number]
        assert (then.block, then.age, twin.age) == (past.block, past.age, origin.age)
        assert not np.array_equal(twin.purchases, origin.purchases)
        pd.testing.assert_frame_equal(known(twin), known(origin), check_exact=True)


def known(origin: PastOrigin) -> pd.DataFrame:
    """What was known at an origin: its histories, whatever came later."""
    names = ("x", "t_x", "T", "weight", "amount")
    rows = pd.DataFrame({name: getattr(origin, name) for name in names})
    return rows.groupby(["x", "t_x", "T"]).sum()


def test_do_customers_first_seen_after_an_origin_not_belong_to_it() -> None:
    log = simulated_log()
    first = log.groupby("customer_id")["date"].min()
    past = past_of(log)
    for origin in past.origins:
        day = log["date"].max() - timedelta(days=round(7 * (past.age - origin.age)))
        assert origin.weight.sum() == (first <= day).sum()
        assert origin.T.min() >= 0.0 and np.all(origin.t_x <= origin.T)


def test_does_the_past_not_depend_on_the_order_of_rows() -> None:
    log = simulated_log()
    log["amount"] += 0.1
    shuffled = log.sample(frac=1, random_state=1)
    assert numbers(past_of(log)) == numbers(past_of(shuffled))
