"""Damaged files by the thousand, in a process of its own: what they lead to, and how long it takes.

Run: python tests/fuzzing.py READER SEED CASES FOLDER. Prints a line of JSON: how many cases were read, and
how many refused by an error of lifecast's own; anything else ends the process with the case's number.
"""

import json
import random
import resource
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import lifecast as lc
from lifecast.errors import LifecastError
from lifecast.specification import read_specification

MEMORY = 8 << 30  # bytes of address space
SECONDS = 20.0  # that one case may take
TOML = b"""market = false
[data]
time_unit = "week"
observation_end = 1997-09-30
[purchases]
family = "bg-nbd"
priors = {log_r = [0.0, 1.0]}
[fit]
draws = 500
random_seed = 7
[forecast]
horizon = "12 months"
annual_discount_rate = 0.1
interval = 0.9
"""
WORDS = [
    b"nan",
    b"inf",
    b"-1",
    b"1e400",
    b"'",
    b'"',
    b"\x00",
    b"\xff\xfe",
    b"<script>",
    b"=1+1",
    b"../..",
    b"[[",
    b"]]",
    b"\n",
    b";",
    b",",
    b"9" * 400,
]


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Bytes changed, cut, doubled, or with odd words among them."""
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5, 30])):
        at = rng.randrange(len(changed) + 1)
        match rng.randrange(5):
            case 0 if changed:
                changed[min(at, len(changed) - 1)] = rng.randrange(256)
            case 1:
                del changed[at : at + rng.choice([1, 4, 100])]
            case 2:
                changed[at:at] = rng.choice(WORDS)
            case 3:
                changed[at:at] = changed[at : at + 50]
            case _:
                changed[at : at + 8] = bytes(rng.randrange(256) for _ in range(8))
    if rng.random() < 0.1:
        changed = changed[: rng.randrange(len(changed) + 1)]
    return bytes(changed)


def csv() -> bytes:
    rng = random.Random(1)
    lines = [
        f"{rng.randrange(40)},2024-{1 + line % 12:02d}-{rng.randrange(1, 28):02d},{rng.randrange(999) / 10}"
        for line in range(200)
    ]
    return ("customer_id,date,amount\n" + "\n".join(lines) + "\n").encode()


def parquet(folder: Path) -> bytes:
    import pandas as pd

    (folder / "whole.csv").write_bytes(csv())
    pd.read_csv(folder / "whole.csv", parse_dates=["date"]).to_parquet(folder / "whole.parquet")
    return (folder / "whole.parquet").read_bytes()


def saved_rfm(folder: Path) -> bytes:
    (folder / "whole.csv").write_bytes(csv())
    lc.rfm_summary(folder / "whole.csv").save(folder / "rfm.parquet")
    return (folder / "rfm.parquet").read_bytes()


def saved_model(folder: Path) -> bytes:
    (folder / "whole.csv").write_bytes(csv())
    model = lc.CLTV(market=None).fit(lc.rfm_summary(folder / "whole.csv"), draws=50)
    model.save(folder / "model.nc")
    return (folder / "model.nc").read_bytes()


READERS: dict[str, tuple[str, Callable[[Path], bytes], Callable[[Path], object]]] = {
    "CSV log": (".csv", lambda folder: csv(), lc.rfm_summary),
    "Parquet log": (".parquet", parquet, lc.rfm_summary),
    "RFM file": (".parquet", saved_rfm, lc.RFM.load),
    "specification": (".toml", lambda folder: TOML, read_specification),
    "model file": (".nc", saved_model, lc.load),
}


def main() -> None:
    reader, seed, cases, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    warnings.simplefilter("ignore")
    ending, make, read = READERS[reader]
    content = make(folder)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    rng = random.Random(seed)
    ended = {"read": 0, "refused": 0}
    slowest = 0.0
    for case in range(cases):
        path = folder / f"case{case}{ending}"
        while (changed := damaged(content, rng)) == content:
            pass
        path.write_bytes(changed)
        print(f"{reader} {seed} {case}", file=sys.stderr, flush=True)
        start = time.monotonic()
        try:
            read(path)
            ended["read"] += 1
        except LifecastError:
            ended["refused"] += 1
        slowest = max(slowest, time.monotonic() - start)
        path.unlink()
    if slowest > SECONDS:
        raise SystemExit(f"a case took {slowest:.0f} s")
    print(json.dumps(ended))


if __name__ == "__main__":
    main()
