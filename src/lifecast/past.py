"""What an RFM remembers of its log: the summaries at a few earlier origins, and what came after each.

A market's shocks show in how a model's forecasts would have failed, and `fit` sees no log. So the engine sums
up the log as it stood at earlier observation ends (origins), grouped, in the pass that makes the RFM.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.engines.duckdb_past import count_customers, past_tables, remember_purchases
from lifecast.timeunit import TimeUnit

if TYPE_CHECKING:
    import pyarrow as pa

    from lifecast.engines.duckdb_query import Ask

ORIGINS = 12
BLOCKS = 13
LONGEST_BLOCK_DAYS = 30
# 15 purchases a block err by 26% from their timing alone: with fewer, blocks would tell of nothing else.
PURCHASES_PER_BLOCK = 15
CUSTOMERS = 100_000

_ROWS = ("x", "t_x", "T", "later", "weight", "amount")


@dataclass(frozen=True, eq=False)
class PastOrigin:
    """The log as it stood on an earlier day, the origin, and what its customers bought from then on.

    Customers first seen after the origin do not belong to it. Purchases and their amounts are the RFM's own,
    not merged and netted anew for each origin: a return after the origin does lower an amount before it, and
    where a period (`merge_within`) lies across the origin, all of it counts on its first day.

    Attributes
    ----------
    age : float
        Time units from the log's first purchase day to the origin.
    x : int array, (row,)
        Repeat purchases up to the origin, itself included; a row is a distinct (x, t_x, T, later).
    t_x, T : float array, (row,)
        First to last purchase and first purchase to origin, in time units: as an RFM made then holds them.
    later : int array, (row,)
        Purchases after the origin, up to the RFM's observation end.
    weight : float array, (row,)
        Number of customers with that history.
    amount : float array, (row,), or None
        Total of these customers' repeat amounts up to the origin. None without amounts.
    purchases : float array, (block,)
        Purchases of all these customers in each block after the origin, the next one first; whole blocks up
        to the observation end, at most 13.
    value : float array, (block,), or None
        Their amounts.
    """

    age: float
    x: Integers
    t_x: Floats
    T: Floats
    later: Integers
    weight: Floats
    amount: Floats | None
    purchases: Floats
    value: Floats | None

    def __post_init__(self) -> None:
        freeze(self, ("x", "later"), ("t_x", "T", "weight", "amount", "purchases", "value"))


@dataclass(frozen=True, eq=False)
class SpendSteadiness:
    """Whether customers' mean amounts are steady: mean before one of the origins against mean after it.

    Only repeat purchases of positive amounts count, as in the models of spend, and only customers with some
    on either side. With l = log(mean after / mean before), a row sums up those who have equally many.

    Attributes
    ----------
    age : float
        Time units from the log's first purchase day to the origin that parts before and after.
    n_before, n_after : int array, (row,)
        Number of amounts on either side; a row is a distinct pair.
    customers : float array, (row,)
        Number of customers.
    sum_log_ratio, sum_squared_log_ratio : float array, (row,)
        Sums of l and of its square over them.
    """

    age: float
    n_before: Integers
    n_after: Integers
    customers: Floats
    sum_log_ratio: Floats
    sum_squared_log_ratio: Floats

    def __post_init__(self) -> None:
        freeze(self, ("n_before", "n_after"), ("customers", "sum_log_ratio", "sum_squared_log_ratio"))


@dataclass(frozen=True, eq=False)
class Past:
    """The log at a few earlier origins, grouped: from this the market is learned.

    Nothing after the observation end enters. Origins lie whole blocks before it, so that their blocks
    coincide in calendar time: the blocks after an origin are the last ones of any earlier origin's, too.

    Attributes
    ----------
    block : float
        Length of a block, in time units.
    age : float
        Time units from the log's first purchase day to the observation end.
    origins : tuple of PastOrigin
        Earliest first; none where the log is too short, or has too few or no repeat purchases.
    spend_steadiness : SpendSteadiness or None
        Whether customers' mean amounts are steady. None without amounts or origins.
    share : float
        The share of the customers that all this is made of: 1, or less in a log of more than 100,000.
    """

    block: float
    age: float
    origins: tuple[PastOrigin, ...]
    spend_steadiness: SpendSteadiness | None
    share: float


def past_schedule(age_days: int, purchases_per_day: float) -> tuple[int, Integers]:
    """Choose the length of a block and the origins of a log.

    A block is a 13th of the log, from a day to 30 days, and longer where few purchases happen. Origins are
    spread evenly over the blocks' edges, from a quarter of the log (or two blocks) to one block before its
    end, both included.

    Parameters
    ----------
    age_days : int
        Days from the first purchase to the observation end.
    purchases_per_day : float
        Purchases of late, all customers together.

    Returns
    -------
    block_days : int
        Length of a block.
    back : int array, (origin,)
        How many blocks each origin lies before the observation end, the earliest first; at most 12.

    Examples
    --------
    >>> past_schedule(273, 100.0)
    (21, array([9, 8, 7, 6, 5, 4, 3, 2, 1]))
    """
    block = min(max(round(age_days / 13), 1), LONGEST_BLOCK_DAYS)
    needed = math.ceil(PURCHASES_PER_BLOCK / max(purchases_per_day, 1e-9))
    block = max(block, min(needed, age_days))
    farthest = int((age_days - max(age_days / 4, 2 * block)) // block)
    if farthest < 1:
        return block, np.zeros(0, np.int64)
    spread = np.linspace(farthest, 1, min(farthest, ORIGINS))
    return block, np.round(spread).astype(np.int64)


def remember(ask: "Ask", net: bool, unit: TimeUnit, counted: dict[str, Any] | None = None) -> Past:
    """Sum up the past of a log whose customers have just been summed up.

    Where the engine holds some customers only, `counted` is what `count_customers` would say of all.
    """
    counts = remember_purchases(ask, net, CUSTOMERS, counted or count_customers(ask))
    age, share = counts["age_days"], counts["sampled"] / counts["customers"]
    block_days, back = past_schedule(age, counts["recent"] / share / max(age - 3 * age // 4, 1))
    if not counts["repeats"]:
        back = back[:0]
    block, age_units = block_days / unit.days, age / unit.days
    if not back.size:
        return Past(block, age_units, (), None, share)
    middle = int(back[len(back) // 2])
    tables = past_tables(ask, block_days, back.tolist(), middle)
    histories, counted = _columns(tables.histories), _columns(tables.blocks)
    origins = []
    for k in back:
        rows = slice(*np.searchsorted(-histories["back"], (-k, 1 - k)))
        history = {name: values[rows] for name, values in histories.items()}
        if not history["x"].size:  # none of the customers drawn was there yet
            continue
        known = counted["first_back"] >= k
        origins.append(
            PastOrigin(
                age=(age - block_days * int(k)) / unit.days,
                x=history["x"],
                t_x=history["recency_days"] / unit.days,
                T=history["T_days"] / unit.days,
                later=history["later"],
                weight=history["customers"],
                amount=history.get("amount"),
                purchases=_after(counted, "purchases", known, int(k)),
                value=_after(counted, "value", known, int(k)) if ask.money else None,
            )
        )
    steadiness = None
    if tables.steadiness is not None:
        steadiness = SpendSteadiness(
            age=(age - block_days * middle) / unit.days, **_columns(tables.steadiness)
        )
    return Past(block, age_units, tuple(origins), steadiness, share)


def pack(past: Past) -> tuple["pa.Table", dict[str, Any]]:
    """A past as one table of its origins' rows, and the rest, which JSON can hold."""
    import pyarrow as pa

    names = [name for name in _ROWS if past.origins and getattr(past.origins[0], name) is not None]
    columns = {name: np.concatenate([getattr(origin, name) for origin in past.origins]) for name in names}
    origins = [
        {"rows": len(origin.x), "age": origin.age}
        | {name: _listed(getattr(origin, name)) for name in ("purchases", "value")}
        for origin in past.origins
    ]
    steady = past.spend_steadiness
    return pa.table(columns), {
        "block": past.block,
        "age": past.age,
        "share": past.share,
        "origins": origins,
        "spend_steadiness": steady and {name: _listed(values) for name, values in vars(steady).items()},
    }


def unpack(rows: "pa.Table", about: dict[str, Any]) -> Past:
    """Undo `pack`."""
    columns, origins, start = _columns(rows), [], 0
    for origin in about["origins"]:
        rest = {name: origin[name] for name in ("age", "purchases", "value")} | {"amount": None}
        end = start + origin["rows"]
        history = {name: values[start:end] for name, values in columns.items()}
        origins.append(PastOrigin(**(rest | history)))
        start = end
    steady = about["spend_steadiness"]
    return Past(
        block=about["block"],
        age=about["age"],
        origins=tuple(origins),
        spend_steadiness=None if steady is None else SpendSteadiness(**steady),
        share=about["share"],
    )


def _listed(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def _columns(table: "pa.Table") -> dict[str, Any]:
    return {name: table[name].to_numpy() for name in table.column_names}


def _after(counted: dict[str, Any], what: str, known: Any, k: int) -> Floats:
    """Sums per block from `k` blocks before the end on, the next block first."""
    blocks = np.zeros(int(counted["back"].max()) + 1)
    np.add.at(blocks, counted["back"][known], counted[what][known])
    return blocks[:k][::-1][:BLOCKS]


def freeze(record: Any, integers: tuple[str, ...], floats: tuple[str, ...]) -> None:
    """Give a frozen dataclass arrays of its own, of the right type, that cannot be written to."""
    for names, kind in ((integers, np.int64), (floats, np.float64)):
        for name in names:
            given = getattr(record, name)
            if given is not None:
                values = np.asarray(given, dtype=kind)
                if values.flags.writeable or values.base is not None:
                    values = values.copy()
                    values.setflags(write=False)
                object.__setattr__(record, name, values)
