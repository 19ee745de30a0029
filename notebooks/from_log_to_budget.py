# %% [markdown]
# # From a log to a budget
# CDNOW's customers have no known channel and no cost; both are made up here, so that the way is whole.
# Put your own columns in their place.
# %%
import numpy as np
import pandas as pd

import lifecast as lc

log = lc.datasets.load_cdnow(sample=True)
log["channel"] = np.array(["search", "radio", "friends"])[log["customer_id"] % 3]
rfm = lc.rfm_summary(log, time_unit="week", observation_end="1997-09-30", attributes=["channel"])
# %% [markdown]
# What customers are like, by channel, and whether to trust it.
# %%
model = lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(groups="channel")).fit(rfm, random_seed=1)
print(model.parameters, model.diagnostics, sep="\n\n")
# %% [markdown]
# What comes in the next year: cash flow by channel, and who will bring it.
# %%
forecast = model.forecast(rfm, "1 year", annual_discount_rate=0.10, margin=0.3, worlds=300, random_seed=1)
print(lc.cash_flow(forecast, by="channel").total.loc["all"])
print(lc.segments(forecast).segments[["customers", "share", "share_lower", "share_upper"]])
# %% [markdown]
# What a new customer is worth, what it may cost, and how to split a budget of 60,000.
# %%
months = pd.date_range("1997-01-01", periods=9, freq="MS")
costs = pd.DataFrame({"channel": np.repeat(["search", "radio", "friends"], 9), "start": [*months] * 3})
costs["cost"] = 900 + 60 * (np.arange(27) % 9)
costs["new_customers"] = np.round(1.1 * costs["cost"] ** 0.6).astype(int)
by_channel = lc.channels(model, costs, horizons=("90 days", "365 days"), margin=0.3, worlds=300)
print(by_channel.table[["value", "value_lower", "value_upper", "cac", "highest_cac", "probability_pays"]])
plan = lc.allocate(by_channel, 60_000, costs)
print(plan.table, plan.total, sep="\n\n")
