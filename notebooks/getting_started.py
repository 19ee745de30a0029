# %% [markdown]
# # Getting started
# From a log of purchases to what every customer will be worth, and how sure that is. The log is CDNOW's: a
# shop for music whose customers all came within three months of 1997. We forecast on 1997-09-30, with what
# was known on that day, and see what came.
# %%
import matplotlib.pyplot as plt

import lifecast as lc
from lifecast import plots

log = lc.datasets.load_cdnow(sample=True)  # or the path of a CSV or Parquet file of your own
log.head()
# %% [markdown]
# ## What is known of each customer
# A model sees of a customer how often they came back (`frequency`), when last (`recency`), how long they have
# been known (`T`) and what they spend (`monetary_value`). Times are weeks since the first purchase. What came
# after 1997-09-30 is kept apart, as a holdout.
# %%
rfm = lc.rfm_summary(log, time_unit="week", observation_end="1997-09-30", holdout_end="1998-06-30")
print(rfm)
rfm.to_frame()[["customer_id", "frequency", "recency", "T", "monetary_value"]].head()
# %% [markdown]
# ## Fit
# It takes about a second. BG/NBD tells how often customers buy and when they leave, Gamma-Gamma how much they
# spend; the market is learned from forecasts that could have been made earlier in this log.
# %%
model = lc.CLTV().fit(rfm, random_seed=1)
model.parameters.round(3)
# %% [markdown]
# Is the fit to be trusted? Every check that fails also warns, and says what to do.
# %%
model.diagnostics[["part", "check", "figure", "threshold", "passed"]].round(3)
# %% [markdown]
# ## Who is still a customer?
# Nobody says goodbye. The model judges by what a customer used to do:
# %%
figure, ax = plt.subplots(figsize=(8, 4.5))
plots.plot_customer_map(model, rfm, ax=ax)
# %% [markdown]
# A customer who bought ten times and then not for 15 weeks has most probably left; one who bought twice, and
# was away for the same 15 weeks, probably has not. The same silence means different things.
#
# ## What will come?
# Every customer's next 39 weeks, in the same thousand possible worlds:
# %%
forecast = model.forecast(rfm, 39, annual_discount_rate=0.10, random_seed=1)
best = forecast.customers.nlargest(5, "cltv").set_index("customer_id")
best[["p_alive", "purchases", "spend_per_purchase", "cltv", "cltv_lower", "cltv_upper"]].round(2)
# %% [markdown]
# `cltv` is what to expect of a customer: `purchases` times `spend_per_purchase`, discounted. `cltv_lower` to
# `cltv_upper` is where what this customer really spends will lie with a probability of 90%. It is wide,
# because one customer's future is open. The sum over all of them is surer:
# %%
figure, ax = plt.subplots(figsize=(8, 4))
forecast.plot_portfolio(ax=ax, actual=rfm.holdout.period_purchases)
forecast.total.round(0)
# %% [markdown]
# The points are what came. Most weeks lie in their interval; the highest are in November, before Christmas,
# and in March, which no log of nine months could have shown.
# %%
came = rfm.holdout.period_purchases.sum(), rfm.holdout.period_value.sum()
print(f"{came[0]:,} purchases came, worth {came[1]:,.0f} dollars, before discounting.")
# %% [markdown]
# Both lie in the intervals of `forecast.total`, in the upper half.
#
# ## On whom does it depend?
# %%
figure, ax = plt.subplots(figsize=(6, 4.5))
plots.plot_concentration(forecast, ax=ax)
# %% [markdown]
# Half of what is expected comes from one customer in ten: worth knowing by name.
#
# ## Keep it
# `model.save("cdnow.nc")` and `lc.load("cdnow.nc")`; `lc.report(forecast, "report.html", model=model)` makes
# a page for everybody.
#
# Next: [which model](which_model.ipynb), [honest intervals](honest_intervals.ipynb), [channels and
# budget](channels_and_budget.ipynb).
