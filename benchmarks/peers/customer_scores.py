"""What the peers say of every customer's purchases; ../customer_scores.py starts it in their environment.

Run: python customer_scores.py FOLDER WEEKS DRAWS. Reads FOLDER/rfm.parquet (customer, frequency, recency, T
in weeks) and writes FOLDER/<peer>-mean.parquet (mean, one row per customer in that order) and, of the peer
with a distribution, FOLDER/<peer>-counts.parquet (customer, count, draws): how many of the draws gave the
customer that many purchases.

pymc-marketing 1.3 has the expectation of an existing customer's purchases, and the distribution of a new
one's only. So its posterior draws are carried to the end here, by the model's own story: of a customer who
lives, the rate is Gamma(r + x, alpha + T), the chance of leaving after each purchase Beta(a, b + x), and the
two are independent [Fader, Hardie & Lee 2005, 2008].
"""

import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 1


def purchases(rfm: pd.DataFrame, weeks: float, theta: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One future of every customer, purchase by purchase, under the parameters r, alpha, a, b."""
    r, alpha, a, b = theta
    x, t_x, T = (rfm[name].to_numpy(float) for name in ("frequency", "recency", "T"))
    odds_gone = np.where(
        x > 0, a / (b + np.maximum(x, 1) - 1) * ((alpha + T) / (alpha + t_x)) ** (r + x), 0.0
    )
    customer = np.flatnonzero(rng.uniform(size=x.size) * (1.0 + odds_gone) < 1.0)
    rate = rng.gamma(r + x[customer], 1.0 / (alpha + T[customer]))
    leaving = rng.beta(a, b + x[customer])
    counts, time = np.zeros(x.size, np.int64), np.zeros(customer.size)
    while customer.size:
        time = time + rng.exponential(size=customer.size) / rate
        bought = time <= weeks
        counts[customer[bought]] += 1
        stays = bought & (rng.uniform(size=customer.size) >= leaving)
        customer, time, rate, leaving = (values[stays] for values in (customer, time, rate, leaving))
    return counts


def tallied(futures: np.ndarray) -> pd.DataFrame:
    """How many of the draws gave each customer each count, from counts (draw, customer)."""
    one_each = pd.DataFrame(
        {"customer": np.tile(np.arange(futures.shape[1]), futures.shape[0]), "count": futures.ravel()}
    )
    return one_each.groupby(["customer", "count"]).size().rename("draws").reset_index()


def pymc_marketing(rfm: pd.DataFrame, weeks: float, draws: int) -> tuple[np.ndarray, pd.DataFrame]:
    from pymc_marketing.clv import BetaGeoModel

    model = BetaGeoModel()
    model.fit(
        rfm.rename(columns={"customer": "customer_id"}),
        nuts_sampler="nutpie", draws=1000, tune=1000, chains=4, random_seed=SEED, progressbar=False,
    )  # fmt: skip
    posterior = model.posterior
    names = ["r", "alpha", "a", "b"]
    theta = np.stack([posterior[name].to_numpy().ravel() for name in names], axis=1)
    thinned = theta[np.linspace(0, len(theta) - 1, draws).round().astype(int)]
    rng = np.random.default_rng(SEED)
    futures = np.stack([purchases(rfm, weeks, each, rng) for each in thinned])
    few = model.thin_fit_result(keep_every=20)
    mean = few.expected_purchases(future_t=weeks).mean(("chain", "draw")).to_numpy()
    told = ", ".join(f"{name} {value:.4g}" for name, value in zip(names, theta.mean(axis=0), strict=True))
    print(f"pymc-marketing: {told}; expects {mean.sum():,.0f} purchases, drew {futures.sum() / draws:,.0f}")
    return mean, tallied(futures)


def lifetimes(rfm: pd.DataFrame, weeks: float) -> np.ndarray:
    from lifetimes import BetaGeoFitter

    past = rfm["frequency"], rfm["recency"], rfm["T"]
    fitter = BetaGeoFitter(penalizer_coef=0.0).fit(*past)
    told = ", ".join(f"{name} {value:.4g}" for name, value in fitter.params_.items())
    mean = fitter.conditional_expected_number_of_purchases_up_to_time(weeks, *past)
    print(f"lifetimes: {told}; expects {mean.sum():,.0f} purchases")
    return np.asarray(mean)


def main() -> None:
    warnings.simplefilter("ignore")  # of libraries about each other
    folder, weeks, draws = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    rfm = pd.read_parquet(folder / "rfm.parquet")
    pd.DataFrame({"mean": lifetimes(rfm, weeks)}).to_parquet(folder / "lifetimes-mean.parquet")
    mean, counts = pymc_marketing(rfm, weeks, draws)
    pd.DataFrame({"mean": mean}).to_parquet(folder / "pymc-marketing-mean.parquet")
    counts.to_parquet(folder / "pymc-marketing-counts.parquet")


if __name__ == "__main__":
    main()
