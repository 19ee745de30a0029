# %% [markdown]
# # Honest intervals
# A 90% interval is a promise: of many such intervals, nine in ten hold what comes. Here is how to see whether
# it is kept, for the book and for single customers, and what breaks it.
# %%
import matplotlib.pyplot as plt
import pandas as pd

import lifecast as lc
from lifecast import plots

log = lc.datasets.load_cdnow(sample=True)
rfm = lc.rfm_summary(log, observation_end="1997-09-30", holdout_end="1998-06-30")
textbook = lc.CLTV(market=None).fit(rfm, random_seed=1).forecast(rfm, 39, random_seed=1)
forecast = lc.CLTV().fit(rfm, random_seed=1).forecast(rfm, 39, random_seed=1)
# %% [markdown]
# ## The same customers, twice
# The textbook's customers know nothing of each other; lifecast's share a market, learned from forecasts that
# could have been made earlier.
# %%
came = rfm.holdout.period_purchases
figure, axes = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained", sharey=True)
for ax, name, one in zip(axes, ("textbook", "lifecast"), (textbook, forecast), strict=True):
    one.plot_portfolio(ax=ax, actual=came)
    ax.text(0.02, 0.05, name, transform=ax.transAxes, weight="bold")
# %%
totals = pd.concat({"textbook": textbook.total, "lifecast": forecast.total}, names=["", "measure"])
totals["came"] = [came.sum(), rfm.holdout.period_value.sum(), None] * 2
totals.drop("discounted_value", level="measure").round(0)
# %% [markdown]
# Single weeks hide it: chance alone is wide there. Over 39 weeks chance averages out, the textbook has
# nothing left to be unsure of, and both of its totals are missed. Those with a market hold.
#
# ## Where does the width come from?
# %%
figure, ax = plt.subplots(figsize=(9, 3.8), layout="constrained")
forecast.plot_uncertainty(ax=ax)
# %% [markdown]
# In a single week about half is when each customer happens to buy (timing). Over the whole horizon that
# averages out, and two thirds are the market, which all customers share. More customers would not narrow it;
# a longer log would.
#
# ## One customer
# Two kinds of interval, and only one of them is about what a customer will do:
# %%
spent = pd.Series(rfm.holdout.value, index=rfm.to_frame()["customer_id"])
table = forecast.customers.set_index("customer_id")
bounds = {"predictive": ("cltv_lower", "cltv_upper"), "credible": ("cltv_mean_lower", "cltv_mean_upper")}
often = pd.Series(rfm.frequency >= 3, index=spent.index)
held = {kind: table[lower].le(spent) & table[upper].ge(spent) for kind, (lower, upper) in bounds.items()}
pd.DataFrame(
    {kind: {"all": one.mean(), "three repeats or more": one[often].mean()} for kind, one in held.items()}
).round(2)
# %% [markdown]
# Nine in ten customers spent what their predictive interval (`cltv_lower` to `cltv_upper`) holds. The
# credible one (`cltv_mean_lower` to `cltv_mean_upper`) bounds an expectation, and hardly any customer spends
# what was expected of it. One customer's past, and the fan of its future:
# %%
figure, ax = plt.subplots(figsize=(9, 4.2), layout="constrained")
plots.plot_customer(forecast, 5420, log, ax=ax)
# %% [markdown]
# ## Is the promise kept on other days?
# One day proves little. A backtest goes back to earlier ones, with what was known then:
# %%
result = lc.backtest(log, origins=8, horizons=[4, 13, 26], worlds=150, random_seed=1)
figure, axes = plt.subplots(1, 2, figsize=(12, 4.2), layout="constrained")
plots.plot_past_forecasts(result, ax=axes[0])
plots.plot_coverage(result, ax=axes[1])
# %% [markdown]
# The sums' intervals held somewhat less often than they promise (82% of 17 at 90%), those of single customers
# as often as they should. But eight days of one log are not eight independent trials: they see the same
# months. The pooled figures over four logs are in [Honest intervals](../docs/honest_intervals.md).
#
# ## Are customers' whole distributions right?
# Where a forecast is right, what comes is as likely to fall into one twentieth of its distribution as into
# any other:
# %%
figure, ax = plt.subplots(figsize=(8, 3.8), layout="constrained")
plots.plot_pit(result, ax=ax)
# %% [markdown]
# Flat, within what chance alone does: no hump, so the intervals are not too wide; no bowl, so they are not
# too narrow.
#
# ## When they break
# Everything here is learned from the past. The forecast of 1997-09-30 stands too low in March and in
# mid-November, because nine months of log had seen neither. Where you know of something to come, say so with
# a [calendar](../docs/how_to/calendar.md); where you do not, prefer a log that has seen every season twice.
