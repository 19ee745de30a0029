# %% [markdown]
# # Migrating from lifetimes
# The same log through lifetimes 0.11.3 and through lifecast, step by step: where the numbers are the same,
# where they differ, and why. [Coming from lifetimes](../docs/from_lifetimes.md) has every call and what takes
# its place.
# %%
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

with warnings.catch_warnings():  # of an option that newer versions of pandas do not have
    warnings.simplefilter("ignore")
    from lifetimes import BetaGeoFitter, GammaGammaFitter
    from lifetimes.utils import summary_data_from_transaction_data

import lifecast as lc
from lifecast import plots
from lifecast.interop import from_lifetimes, to_lifetimes

log = lc.datasets.load_cdnow(sample=True)
# %% [markdown]
# ## The summary
# lifetimes counts whole periods; lifecast exact days over the unit. In days they are the same.
# %%
theirs = summary_data_from_transaction_data(
    log, "customer_id", "date", monetary_value_col="amount", observation_period_end="1997-09-30"
)
ours = lc.rfm_summary(log, time_unit="day", observation_end="1997-09-30").to_frame().set_index("customer_id")
columns = ["frequency", "recency", "T", "monetary_value"]
print("largest difference:", (theirs[columns] - ours[columns]).abs().max().round(9).to_dict())
# %% [markdown]
# ## The fit
# The same likelihood has the same maximum. lifecast reaches it with flat priors and `method="map"`; its
# default is the whole posterior under weak priors, which says how sure each parameter is.
# %%
rfm = lc.rfm_summary(log, time_unit="week", observation_end="1997-09-30", holdout_end="1998-06-30")
fitter = BetaGeoFitter(penalizer_coef=0.0).fit(rfm.frequency, rfm.recency, rfm.T)
families = lc.BGNBD(priors="flat"), lc.GammaGamma(priors="flat", fit_to="means")
maximum = lc.CLTV(*families, market=None).fit(rfm, method="map")
model = lc.CLTV().fit(rfm, random_seed=1)
names = ["r", "alpha", "a", "b"]
pd.DataFrame(
    {
        "lifetimes": fitter.params_[names],
        "lifecast, maximum": maximum.parameters["mean"][names],
        "lifecast, posterior mean": model.parameters["mean"][names],
        "lower": model.parameters["lower"][names],
        "upper": model.parameters["upper"][names],
    }
).round(3)
# %%
history = rfm.frequency, rfm.recency, rfm.T
same = {
    "expected purchases, 39 weeks": (
        fitter.conditional_expected_number_of_purchases_up_to_time(39, *history),
        maximum.expected_purchases(rfm, 39),
    ),
    "P(alive)": (fitter.conditional_probability_alive(*history), maximum.probability_alive(rfm)),
}
for name, (one, other) in same.items():
    print(f"{name}: largest difference {np.max(np.abs(np.asarray(one) - np.asarray(other))):.4f}")
# %% [markdown]
# ## The value
# lifetimes' `customer_lifetime_value` discounts in steps of 30 days by a monthly rate; lifecast at each
# purchase's own time, by a yearly one.
# %%
repeaters = rfm.monetary_value > 0
spend = GammaGammaFitter().fit(rfm.frequency[repeaters], rfm.monetary_value[repeaters])
frame = rfm.to_frame().set_index("customer_id")
theirs = spend.customer_lifetime_value(
    fitter, frame["frequency"], frame["recency"], frame["T"], frame["monetary_value"],
    time=9, discount_rate=0.01, freq="W",
)  # fmt: skip
ours = maximum.expected_value(rfm, "9 months", annual_discount_rate=1.01**12 - 1)
print(f"all customers, nine months: lifetimes {theirs.sum():,.0f}, lifecast {ours.sum():,.0f}")
# %% [markdown]
# ## What lifetimes leaves open
# A single number for each customer, and no word on how sure it is. The twelve customers of highest value,
# what lifetimes expects of them, lifecast's 90% interval, and what they really spent:
# %%
forecast = model.forecast(rfm, rfm.holdout.duration, annual_discount_rate=1.01**12 - 1, random_seed=1)
best = forecast.customers.assign(lifetimes=theirs.to_numpy(), spent=rfm.holdout.value).nlargest(12, "cltv")
figure, ax = plt.subplots(figsize=(9, 4.4), layout="constrained")
at = np.arange(len(best))
ax.vlines(at, best["cltv_lower"], best["cltv_upper"], color="#9FCBE8", linewidth=9, label="90% interval")
ax.plot(at, best["cltv"], "_", color="#0072B2", markersize=14, markeredgewidth=2, label="lifecast expects")
ax.plot(at, best["lifetimes"], "s", color="#B3480F", markersize=5, label="lifetimes expects")
ax.plot(at, best["spent"], "o", color="black", markersize=5, label="what they spent")
ax.set_xticks(at, best["customer_id"], rotation=45)
ax.set_xlabel("customer")
ax.set_ylabel("dollars in 39 weeks")
ax.set_title("A point says little about one customer")
ax.legend(frameon=False, ncols=2)
# %%
inside = forecast.customers["cltv_lower"].le(rfm.holdout.value)
inside &= forecast.customers["cltv_upper"].ge(rfm.holdout.value)
print(f"{inside.mean():.0%} of all customers spent what their 90% interval holds.")
# %% [markdown]
# The book's sum has an interval too, which lifetimes has no way to say:
# %%
figure, ax = plt.subplots(figsize=(9, 4.2), layout="constrained")
plots.plot_tracking(lc.track(forecast, log), cumulative=True, ax=ax)
# %% [markdown]
# ## A fitter that is there already
# `from_lifetimes` takes its parameters over as they are, known for sure; `to_lifetimes` gives a fitter to
# code that still calls lifetimes.
# %%
adopted = from_lifetimes(fitter, spend, time_unit="week")
fitter_again, _ = to_lifetimes(adopted)
print(adopted.parameters["mean"].round(3).to_dict())
