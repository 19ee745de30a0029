"""A digest of rows of numbers that does not depend on their order, nor on how equal ones are counted."""

from collections.abc import Sequence

import numpy as np

from lifecast.arrays import Floats, Keys

_SEEDS = (0x9E3779B97F4A7C15, 0xD1B54A32D192ED03)
_ROWS_AT_A_TIME = 1 << 18


def digest_of_rows(columns: Sequence[np.ndarray], customers: Floats | None = None) -> bytes:
    """Sixteen bytes: equal for equal rows, each counted for so many customers (by default one).

    Every row is hashed by itself (SplitMix64's finaliser after each column), and hashes are added up modulo
    2^64, twice.
    """
    sums = [0, 0]
    for start in range(0, len(columns[0]), _ROWS_AT_A_TIME):
        some = slice(start, start + _ROWS_AT_A_TIME)
        bits = [(np.asarray(column[some], np.float64) + 0.0).view(np.uint64) for column in columns]  # no -0.0
        for place, seed in enumerate(_SEEDS):
            hashed = np.full(bits[0].size, seed, np.uint64)
            for column in bits:
                hashed = _mixed(hashed + column)
            if customers is not None:
                hashed *= customers[some].astype(np.uint64)
            sums[place] += int(np.sum(hashed, dtype=np.uint64))
    return b"".join((total % 2**64).to_bytes(8, "little") for total in sums)


def _mixed(z: Keys) -> Keys:
    z = z + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Keys = z ^ (z >> np.uint64(31))
    return mixed
