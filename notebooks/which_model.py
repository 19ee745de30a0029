# %% [markdown]
# # Which model?
# Four stories of how customers buy, two of what they pay, and three ways to choose between them: how well
# each expects a customer it has not seen, how well it told the time to come, and how often its intervals
# held.
# %%
import matplotlib.pyplot as plt
import pandas as pd

import lifecast as lc
from lifecast import plots

log = lc.datasets.load_cdnow(sample=True)
rfm = lc.rfm_summary(log, observation_end="1997-09-30", holdout_end="1998-06-30")
families = {
    "NBD": lc.NBD(),  # nobody leaves
    "BG/NBD": lc.BGNBD(),  # leaves after a purchase, by a coin of their own
    "MBG/NBD": lc.MBGNBD(),  # the same, and may leave after the first purchase too
    "Pareto/NBD": lc.ParetoNBD(),  # leaves at any time
}
models = {
    name: lc.CLTV(family, spend=None, market=None).fit(rfm, random_seed=1)
    for name, family in families.items()
}
# %% [markdown]
# ## What each expects of a customer left out
# `elpd` adds up over customers how probable each one's history is to a model fitted to all the others; higher
# is better, and a difference of less than twice its standard error says little.
# %%
table = lc.compare(models, rfm).loc["purchases"]
table[["elpd", "elpd_diff", "diff_se", "p_loo", "bad_k", "holdout_diff", "holdout_diff_se"]].round(1)
# %%
figure, ax = plt.subplots(figsize=(8, 2.6))
ax.errorbar(table["elpd_diff"], table.index, xerr=2 * table["diff_se"], fmt="o", color="#0072B2", capsize=3)
ax.axvline(0, color="0.5", linewidth=1)
ax.invert_yaxis()
ax.set_xlabel("elpd below the best model, with two standard errors")
ax.set_title("Customers do leave; how they do it, the log hardly tells")
# %% [markdown]
# NBD, in which nobody leaves, is far behind, and about as far on the holdout. The other three are close:
# MBG/NBD and BG/NBD cannot be told apart, and Pareto/NBD lies about two standard errors behind. `p_loo` is
# near the number of parameters, as it should be, and no customer is so odd that its row could not be believed
# (`bad_k`).
#
# ## What is wrong with the worse one?
# How many customers bought 0, 1, 2, ... times in what was observed, and in data that the model makes:
# %%
figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
for ax, name in zip(axes, ("NBD", "BG/NBD"), strict=True):
    plots.plot_frequency_distribution(models[name], rfm, ax=ax)
    ax.text(0.98, 0.94, name, transform=ax.transAxes, ha="right", weight="bold")
# %% [markdown]
# The counts alone would hardly tell the two apart. When customers bought does: NBD has to explain long
# silences of customers who used to buy often as bad luck. So it expects too much of them afterwards:
# %%
figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained", sharey=True)
for ax, name in zip(axes, ("NBD", "BG/NBD"), strict=True):
    forecast = models[name].forecast(rfm, rfm.holdout.duration, worlds=200, random_seed=1)
    plots.plot_calibration_by_frequency(forecast, ax=ax)
    ax.text(0.02, 0.94, name, transform=ax.transAxes, weight="bold")
# %% [markdown]
# ## What do they pay?
# Gamma-Gamma and log-normal spend, both fitted to every amount. Here the tails differ.
# %%
spend = {
    "Gamma-Gamma": lc.CLTV(lc.BGNBD(), lc.GammaGamma(), market=None).fit(rfm, random_seed=1),
    "log-normal": lc.CLTV(lc.BGNBD(), lc.LogNormal(), market=None).fit(rfm, random_seed=1),
}
lc.compare(spend, rfm, part="spend")[["elpd", "elpd_diff", "diff_se", "p_loo", "bad_k"]].round(1)
# %% [markdown]
# A difference of about one standard error: CDNOW has no preference, and either will do.
#
# ## And the time to come?
# `compare` knows the families only. What a forecast needs besides is the market, and only a backtest judges
# the whole: fit on earlier days, forecast, and see. Here four days, 13 weeks ahead, with the market and
# without it.
# %%
candidates = {
    "BG/NBD, textbook": lc.CLTV(lc.BGNBD(), market=None),
    "BG/NBD": lc.CLTV(lc.BGNBD()),
    "Pareto/NBD": lc.CLTV(lc.ParetoNBD()),
}
rows = {}
for name, model in candidates.items():
    scores = lc.backtest(log, model=model, origins=4, horizons=[13], worlds=150, random_seed=1).scores
    chosen = scores[(scores["forecast"] == "model") & (scores["horizon"] == 13)]
    book, customers = (
        chosen[(chosen["who"] == who) & (chosen["measure"] == "purchases")].iloc[0]
        for who in ("portfolio", "all customers")
    )
    rows[name] = {
        "book: 90% intervals held": book["coverage_90"],
        "book: interval score": book["interval_score"],
        "customers: 90% intervals held": customers["coverage_90"],
        "customers: CRPS": customers["crps"],
    }
pd.DataFrame(rows).T.round(3)
# %% [markdown]
# For single customers the three are alike. For the book the market makes the difference, not the family: the
# textbook's intervals are missed again and again, which the interval score (lower is better) shows. So: any
# family in which customers leave, with the market, and `lc.backtest` on your own log before you trust a
# width.
