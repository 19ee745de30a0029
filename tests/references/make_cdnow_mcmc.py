"""Makes cdnow_mcmc.json: posterior means and sds on the CDNOW sample by NUTS, in PyMC's own arithmetic.

Run: python tests/references/make_cdnow_mcmc.py. Nothing of lifecast's likelihoods, transforms or priors is
called; they are written again.
"""

import json
from pathlib import Path

import arviz_stats
import numpy as np
import nutpie
import pandas as pd
import pymc as pm
import pytensor.tensor as pt

import lifecast as lc

DRAWS, CHAINS, SEED = 10_000, 4, 20261121


def purchases_model(table: pd.DataFrame) -> pm.Model:
    scale = table["T"].mean()
    x, t_x, T = table["frequency"].to_numpy(float), table["recency"].to_numpy(), table["T"].to_numpy()
    with pm.Model() as model:
        log_r = pm.Normal("log_r", -0.5, 1.5)
        log_rate = pm.Normal("log_rate", 0.0, 2.0)
        logit_dropout = pm.Normal("logit_dropout", -1.5, 1.5)
        log_concentration = pm.Normal("log_concentration", 1.0, 1.5)
        r = pm.Deterministic("r", pt.exp(log_r))
        alpha = pm.Deterministic("alpha", r * scale / pt.exp(log_rate))
        a = pm.Deterministic("a", pt.sigmoid(logit_dropout) * pt.exp(log_concentration))
        b = pm.Deterministic("b", pt.exp(log_concentration) - a)
        # Fader, Hardie & Lee (2005), eq. 6
        start = pt.gammaln(r + x) - pt.gammaln(r) + r * pt.log(alpha)
        alive = pt.gammaln(a + b) + pt.gammaln(b + x) - pt.gammaln(b) - pt.gammaln(a + b + x)
        alive = alive - (r + x) * pt.log(alpha + T)
        left = pt.gammaln(a + 1) + pt.gammaln(b + pt.maximum(x, 1) - 1) - pt.gammaln(a + b + x)
        left = left + pt.gammaln(a + b) - pt.gammaln(a) - pt.gammaln(b) - (r + x) * pt.log(alpha + t_x)
        pm.Potential("likelihood", pt.sum(start + pt.switch(x > 0, pt.logaddexp(alive, left), alive)))
    return model


def spend_model(log: pd.DataFrame, first: pd.Series) -> pm.Model:
    repeats = log[(log["date"] > log["customer_id"].map(first)) & (log["amount"] > 0)]
    by_customer = repeats.groupby("customer_id")["amount"]
    n, total = by_customer.size().to_numpy(float), by_customer.sum().to_numpy()
    logs, scale = np.log(repeats["amount"]).sum(), repeats["amount"].mean()
    with pm.Model() as model:
        p = pm.Deterministic("p", pt.exp(pm.Normal("log_p", 1.0, 1.5)))
        q = pm.Deterministic("q", 1.0 + pt.exp(pm.Normal("log_q_minus_1", 1.0, 1.5)))
        mean = scale * pt.exp(pm.Normal("log_mean_spend", 0.0, 1.0))
        v = pm.Deterministic("v", mean * (q - 1.0) / p)
        likelihood = (p - 1.0) * logs - n.sum() * pt.gammaln(p)
        likelihood += pt.sum(
            pt.gammaln(p * n + q) - pt.gammaln(q) + q * pt.log(v) - (p * n + q) * pt.log(v + total)
        )
        pm.Potential("likelihood", likelihood)
    return model


def summary(model: pm.Model, names: tuple[str, ...]) -> dict[str, dict[str, float]]:
    compiled = nutpie.compile_pymc_model(model)
    trace = nutpie.sample(compiled, draws=DRAWS, chains=CHAINS, seed=SEED, progress_bar=False)
    draws = trace["posterior"] if isinstance(trace, dict) else trace.posterior
    result = {}
    for name in names:
        values = np.asarray(draws[name])
        result[name] = {
            "mean": float(values.mean()),
            "sd": float(values.std()),
            "effective": float(arviz_stats.ess(values)),
            "rhat": float(arviz_stats.rhat(values)),
        }
    return result


def main() -> None:
    log = lc.datasets.load_cdnow(sample=True)
    log = log[log["date"] <= "1997-09-30"].groupby(["customer_id", "date"], as_index=False)["amount"].sum()
    dates = log.groupby("customer_id")["date"].agg(["min", "max", "size"])
    table = pd.DataFrame(
        {
            "frequency": dates["size"] - 1,
            "recency": (dates["max"] - dates["min"]).dt.days / 7,
            "T": (pd.Timestamp("1997-09-30") - dates["min"]).dt.days / 7,
        }
    )
    result = summary(purchases_model(table), ("r", "alpha", "a", "b"))
    result |= summary(spend_model(log, dates["min"]), ("p", "q", "v"))
    Path(__file__).with_name("cdnow_mcmc.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
