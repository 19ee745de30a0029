# %% [markdown]
# # Ten million customers
# On one machine, from a log in Parquet to a forecast in Parquet, without ever holding the customers in
# memory. The cells below show 20,000 customers, which takes seconds; with the environment variable
# `LIFECAST_CUSTOMERS=10000000` the same cells run on ten million, which takes a while and some 20 GB of disk.
# %%
import os
import resource
import tempfile
import time
from pathlib import Path

import duckdb
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import lifecast as lc

CUSTOMERS = int(os.environ.get("LIFECAST_CUSTOMERS", 20_000))
place = tempfile.TemporaryDirectory()
folder = Path(place.name)
took = {}


def timed(what, work):
    """Do it, and remember how long it took."""
    began = time.perf_counter()
    result = work()
    took[what] = time.perf_counter() - began
    return result


# %% [markdown]
# ## A log
# Customers who buy and leave as BG/NBD says, with parameters like CDNOW's, written a few hundred thousand at
# a time.
# %%
END = np.datetime64("1997-09-30")


def some(first, count, rng):
    """The purchases of some customers: who, when, how much."""
    age = rng.integers(27 * 7, 39 * 7 + 1, count)
    rate, leaves = rng.gamma(0.243, 1 / 4.414, count) / 7, rng.beta(0.793, 2.426, count)
    level = rng.gamma(4.48, 1 / 34.1, count)
    at, alive, lines = np.zeros(count), np.arange(count), [(np.arange(count), np.zeros(count))]
    while alive.size:
        at[alive] += rng.exponential(1 / rate[alive])
        alive = alive[at[alive] <= age[alive]]
        lines.append((alive, at[alive].copy()))
        alive = alive[rng.uniform(size=alive.size) > leaves[alive]]
    who, day = (np.concatenate(column) for column in zip(*lines, strict=True))
    return {
        "customer_id": first + who,
        "date": END - age[who] + np.ceil(day).astype(np.int64),
        "amount": np.round(rng.gamma(3.61, size=who.size) / level[who], 2),
    }


def write_log():
    at_a_time = min(CUSTOMERS, 250_000)
    for part, first in enumerate(range(0, CUSTOMERS, at_a_time)):
        table = pa.table(some(first, min(at_a_time, CUSTOMERS - first), np.random.default_rng([1, part])))
        pq.write_table(table, folder / f"log-{part:03d}.parquet")


timed("write a log", write_log)
lines = duckdb.execute(f"SELECT count(*) FROM '{folder}/log-*.parquet'").fetchone()[0]
print(f"{CUSTOMERS:,} customers, {lines:,} lines")
# %% [markdown]
# ## Recency, frequency, monetary value: from files to a file
# `to=` says where the customers go; what DuckDB cannot hold within `memory_limit`, it keeps on disk.
# %%
rfm = timed(
    "summarise",
    lambda: lc.rfm_summary(
        f"{folder}/log-*.parquet",
        observation_end="1997-09-30",
        to=folder / "rfm.parquet",
        memory_limit="4GB",
    ),
)
print(rfm.report)
# %% [markdown]
# ## Why a fit does not mind
# A model sees of a customer only how often and when, and many have the same history. Equal ones are counted
# once:
# %%
sizes = np.unique(np.geomspace(1_000, CUSTOMERS, 6).round().astype(int))
query = f"SELECT count(DISTINCT (frequency, recency, T)) FROM '{folder}/rfm.parquet' WHERE customer_id < ?"
distinct = [duckdb.execute(query, [int(size)]).fetchone()[0] for size in sizes]
figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
ax.loglog(sizes, distinct, "o-", color="#0072B2", label="distinct histories, which a fit sees")
ax.loglog(sizes, sizes, "--", color="0.5", label="customers")
ax.set_xlabel("customers")
ax.set_title(f"{sizes[-1]:,} customers have {distinct[-1]:,} histories")
ax.legend(frameon=False)
# %%
model = timed("fit", lambda: lc.CLTV().fit(rfm, random_seed=1))
table = model.parameters.round(3)
table.assign(
    truth=pd.Series({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426, "p": 3.61, "q": 4.48, "v": 34.1})
)
# %% [markdown]
# Near the truth, though not within every interval: a log of whole days makes one purchase of two on the same
# day, and so many customers show what that does.
#
# ## The forecast: from a file to a file
# A part of the customers at a time goes through all worlds; what all of them do together is added up on the
# way, exactly, so that it does not matter how they were split.
# %%
forecast = timed(
    "forecast",
    lambda: model.forecast(
        rfm, "9 months", to=folder / "cltv.parquet", annual_discount_rate=0.10, worlds=200, random_seed=1
    ),
)
forecast.total.round(0)
# %% [markdown]
# The file is a table like any other. On whom does the value depend, and who are they?
# %%
share = (
    duckdb.execute(f"""
    SELECT tenth, sum(cltv) / sum(sum(cltv)) OVER () AS share, avg(p_alive) AS p_alive, avg(cltv) AS cltv
    FROM (SELECT *, ntile(10) OVER (ORDER BY cltv DESC) AS tenth FROM '{folder}/cltv.parquet')
    GROUP BY tenth ORDER BY tenth
""")
    .df()
    .set_index("tenth")
)
figure, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
ax.bar(share.index, share["share"], color="#0072B2")
ax.yaxis.set_major_formatter("{x:.0%}")
ax.set_xticks(share.index)
ax.set_xlabel("tenths of the customers, the most valuable first")
ax.set_ylabel("share of the expected value")
ax.set_title(f"The first tenth is expected to bring {share['share'].iloc[0]:.0%}")
share.round(2)
# %% [markdown]
# ## What it cost
# Peak memory of this process stands in the title; with so few customers it is nearly all Python and its
# libraries. Set the variable and see what yours cost.
# %%
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
figure, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
bars = ax.barh(list(took), list(took.values()), color="#0072B2")
ax.bar_label(bars, fmt=" {:.1f} s")
ax.invert_yaxis()
ax.set_xlabel("seconds")
ax.set_title(f"{CUSTOMERS:,} customers on {os.cpu_count()} cores, {peak:.1f} GB at most")
# %%
place.cleanup()
