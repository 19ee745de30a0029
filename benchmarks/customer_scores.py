"""Single customers' purchases over CDNOW's 39-week holdout: scores of lifecast and of its peers.

Run: python benchmarks/customer_scores.py [--write]. Fits to the first 39 weeks and forecasts the next 39, of
all 23,570 customers and of the sample of 2,357 that the papers use. The peers live in an environment of their
own, built once under benchmarks/.peers (minutes); --peers INTERPRETER names one that has them already.
pymc-marketing samples its posterior: minutes more. --write puts the tables into docs/honest_intervals.md.
"""

import argparse
import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from environment import peers_interpreter

import lifecast as lc
from lifecast import evaluation
from lifecast.kernels.scores import score_draws

HERE = Path(__file__).resolve().parent
END, HELD_UNTIL, WEEKS = "1997-09-30", "1998-06-30", 39
DRAWS = 1000
LEVEL = 0.90
PIT_BINS = 20
RESAMPLES = 1000


@dataclass(frozen=True)
class Forecast:
    """What one model says of every customer: a mean and, where it has a distribution, counts of its draws.

    Attributes
    ----------
    mean : (customer,)
    counts : (customer, count) or None
        How many of the draws gave the customer that many purchases.
    band : (2,) or None
        Between which shares all bins of the PIT lie in 99 of 100 of the model's own worlds.
    """

    mean: np.ndarray
    counts: np.ndarray | None = None
    band: tuple[float, float] | None = None


class Draws:
    """Watches a forecast and keeps every customer's purchases in every world."""

    def __init__(self, customers: int) -> None:
        self.kept = np.zeros((customers, DRAWS), np.int64)

    def look(self, futures: Any) -> tuple[np.ndarray, np.ndarray]:
        owner = np.repeat(np.arange(futures.customer.size), np.diff(futures.first))
        bought = np.bincount(owner * DRAWS + futures.world, minlength=futures.customer.size * DRAWS)
        return futures.customer, bought.reshape(-1, DRAWS)

    def keep(self, part: tuple[np.ndarray, np.ndarray]) -> None:
        self.kept[part[0]] = part[1]

    def forecast(self) -> Forecast:
        width = int(self.kept.max()) + 1
        place = np.arange(len(self.kept))[:, None] * width + self.kept
        counts = np.bincount(place.ravel(), minlength=len(self.kept) * width).reshape(-1, width)
        return Forecast(self.kept.mean(axis=1), counts, own_band(self.kept, counts))


# -- forecasts -------------------------------------------------------------------------------------


def of_lifecast(rfm: lc.RFM) -> dict[str, Forecast]:
    model = lc.CLTV().fit(rfm, random_seed=1)
    forecasts = {}
    for name, each in {"lifecast": model, "lifecast, `market=None`": model.without_market()}.items():
        draws = Draws(len(rfm))
        each.watch(rfm, WEEKS, draws, worlds=DRAWS, random_seed=1)
        forecasts[name] = draws.forecast()
    return forecasts


def of_peers(rfm: lc.RFM, interpreter: str) -> dict[str, Forecast]:
    with tempfile.TemporaryDirectory() as room:
        folder = Path(room)
        table = rfm.to_frame()[["frequency", "recency", "T"]]
        table.insert(0, "customer", np.arange(len(rfm)))
        table.to_parquet(folder / "rfm.parquet")
        script = str(HERE / "peers" / "customer_scores.py")
        subprocess.run([interpreter, script, str(folder), str(WEEKS), str(DRAWS)], check=True)
        mean = {
            peer: pd.read_parquet(folder / f"{peer}-mean.parquet")["mean"].to_numpy()
            for peer in ("pymc-marketing", "lifetimes")
        }
        drawn = pd.read_parquet(folder / "pymc-marketing-counts.parquet")
    counts = np.zeros((len(rfm), int(drawn["count"].max()) + 1), np.int64)
    counts[drawn["customer"], drawn["count"]] = drawn["draws"]
    return {
        "pymc-marketing's posterior": Forecast(mean["pymc-marketing"], counts),
        "lifetimes' point forecast": Forecast(mean["lifetimes"]),
    }


# -- scores ----------------------------------------------------------------------------------------


def scored(forecast: Forecast, actual: np.ndarray) -> dict[str, np.ndarray]:
    """Scores of every customer; of a point forecast the CRPS is its absolute error."""
    if forecast.counts is None:
        return {"crps": np.abs(forecast.mean - actual)}
    drawn = int(forecast.counts[0].sum())
    out = np.empty((actual.size, 7))
    values = np.arange(forecast.counts.shape[1], dtype=np.float64)
    for customer, counts in enumerate(forecast.counts):
        positive = np.repeat(values[1:], counts[1:])
        score_draws(positive, int(counts[0]), actual[customer], np.array([LEVEL]), out[customer])
    place = np.minimum(actual.astype(np.int64), values.size - 1)
    equal = np.where(actual < values.size, forecast.counts[np.arange(actual.size), place], 0)
    return {
        "crps": out[:, 3],
        "log score": evaluation.log_score_of_counts(actual, equal, drawn),
        "held": out[:, 4],
        "promised": out[:, 5],
        "below": out[:, 1],
        "up to": out[:, 2],
    }


def bins(below: np.ndarray, up_to: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shares of the customers in each bin of the randomised PIT."""
    pit = evaluation.randomised_pit(below, up_to, rng)
    return np.histogram(pit, bins=PIT_BINS, range=(0, 1))[0] / pit.size


def own_band(draws: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    """How uneven the PIT is where one of the forecast's own worlds comes true, and its customers share it."""
    rng = np.random.default_rng(1)
    up_to = np.cumsum(counts, axis=1) / DRAWS
    below, customer = up_to - counts / DRAWS, np.arange(len(draws))
    shares = [bins(below[customer, came], up_to[customer, came], rng) for came in draws.T]
    return float(np.quantile(np.min(shares, axis=1), 0.005)), float(
        np.quantile(np.max(shares, axis=1), 0.995)
    )


def standard_error(difference: np.ndarray) -> float:
    """Bootstrap standard error of a mean over customers [Efron & Tibshirani 1993, ch. 6]."""
    rng = np.random.default_rng(1)
    means = [difference[rng.integers(0, difference.size, difference.size)].mean() for _ in range(RESAMPLES)]
    return float(np.std(means))


def against(score: np.ndarray, ours: np.ndarray) -> str:
    """Mean score, and by how much it is above ours."""
    if score is ours:
        return f"{score.mean():.4f}"
    return f"{score.mean():.4f} ({(score - ours).mean():+.4f} ± {standard_error(score - ours):.4f})"


def rows(forecasts: dict[str, Forecast], actual: np.ndarray) -> pd.DataFrame:
    each = {name: scored(forecast, actual) for name, forecast in forecasts.items()}
    ours = each["lifecast"]
    table = {}
    for name, scores in each.items():
        cells = [f"{forecasts[name].mean.sum():,.0f}", against(scores["crps"], ours["crps"])]
        if len(scores) == 1:
            table[name] = [*cells, "", "", ""]
            continue
        shares = bins(scores["below"], scores["up to"], np.random.default_rng(1))
        table[name] = [
            *cells,
            against(scores["log score"], ours["log score"]),
            f"{scores['held'].mean():.1%} ({scores['promised'].mean():.1%})",
            f"{shares.min():.1%} to {shares.max():.1%}",
        ]
    columns = ["purchases", "CRPS", "log score", "90% intervals hold", "bins of the PIT"]
    return pd.DataFrame.from_dict(table, orient="index", columns=columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--peers", help="interpreter that has pymc-marketing and lifetimes")
    parser.add_argument("--python", help="Python 3.12 or newer, to build the peers' environment with")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/honest_intervals.md")
    asked = parser.parse_args()
    interpreter = asked.peers or peers_interpreter(asked.python)
    sys.path.insert(0, str(HERE.parent / "docs"))
    from measured import markdown, write

    parts = []
    for sample in (False, True):
        log = lc.datasets.load_cdnow(sample=sample)
        rfm = lc.rfm_summary(log, observation_end=END, holdout_end=HELD_UNTIL)
        assert rfm.holdout is not None
        actual = rfm.holdout.frequency.astype(np.float64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", lc.LifecastWarning)
            forecasts = of_lifecast(rfm) | of_peers(rfm, interpreter)
        low, high = evaluation.pit_band(len(rfm), PIT_BINS)
        own = forecasts["lifecast"].band
        assert own is not None
        title = f"{len(rfm):,} customers, {actual.sum():,.0f} purchases"
        in_words = (
            f"All bins of the PIT lie between {low:.1%} and {high:.1%} in 99 of 100 cases where a forecast "
            "is right and customers are independent; in 99 of 100 of lifecast's own worlds, where they share "
            f"a market, between {own[0]:.1%} and {own[1]:.1%}."
        )
        parts.append(f"{markdown(rows(forecasts, actual).rename_axis(title))}\n\n{in_words}")
        print(f"\n{parts[-1]}", flush=True)
    if asked.write:
        write("honest_intervals.md", "customer-scores", "\n\n".join(parts))


if __name__ == "__main__":
    main()
