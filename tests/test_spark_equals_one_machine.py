"""Does Spark give the numbers of one machine, to the last bit, however it shares the work out?

With a real Spark of two cores, which tries a task up to four times. What one machine says comes first in each
test: then kernels are compiled once, and not by every worker.
"""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import lifecast as lc
from lifecast.histories import Histories
from lifecast.past import pack

pyspark = pytest.importorskip("pyspark", reason="pyspark is not installed: pip install lifecast[spark]")
if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
    pytest.skip("there is no Java, which Spark runs on", allow_module_level=True)


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from pyspark import cloudpickle
    from pyspark.sql import SparkSession

    settings = {
        # Short queries: what compiles them at leisure would never pay.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.codegen.wholeStage": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.log.level": "OFF",
        "spark.sql.adaptive.coalescePartitions.enabled": "false",  # small tables stay in several parts
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "3",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # tasks cannot import a test
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        builder = SparkSession.builder.master("local[2,4]")
        for name, value in settings.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        yield session
        session.stop()
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


def in_spark(spark: Any, log: pd.DataFrame, partitions: int) -> Any:
    """The log in Spark, its lines in any order."""
    shuffled = log.sample(frac=1.0, random_state=partitions)
    table = pa.Table.from_pandas(shuffled, preserve_index=False)
    return spark.createDataFrame(table).repartition(partitions)


def rough_log() -> pd.DataFrame:
    """Returns, gifts, several lines a day, names that are missing, attributes that change or are unknown."""
    rng = np.random.default_rng(5)
    lines = 3_000
    log = pd.DataFrame(
        {
            "Kunde": rng.integers(1, 400, lines).astype(float),
            "Tag": pd.Timestamp("2023-01-02") + pd.to_timedelta(rng.integers(0, 500, lines) * 18, "h"),
            "net.price": np.round(rng.lognormal(3, 1, lines), 2),
            "channel": rng.choice(["web", "shop", None], lines, p=[0.5, 0.4, 0.1]),
            "size": rng.normal(size=lines).round(1),
        }
    )
    log.loc[rng.random(lines) < 0.15, "net.price"] *= -1
    log.loc[rng.random(lines) < 0.05, "net.price"] = 0.0
    log.loc[rng.random(lines) < 0.02, "Kunde"] = np.nan
    # Of these little is left, to be exact about.
    much = 1e9 * rng.random(40)
    log.loc[:79, "net.price"] = np.append(much, 0.01 - much)
    log.loc[:79, "Kunde"] = 7.0
    log.loc[:79, "Tag"] = np.repeat([pd.Timestamp("2023-06-01"), pd.Timestamp("2023-06-02")], 40)
    return pd.concat([log, log.sample(frac=0.1, random_state=1)])


ROUGH = {"customer_id": "Kunde", "date": "Tag", "amount": "net.price"}
CASES: dict[str, tuple[Any, int, dict[str, Any]]] = {
    "CDNOW": (lambda: lc.datasets.load_cdnow(sample=True), 1, {"observation_end": "1997-09-30"}),
    "net of returns": (
        rough_log,
        3,
        ROUGH | {"attributes": ["channel", "size"], "merge_within": "week", "time_unit": "month"},
    ),
    "names, a few origins' customers": (
        lambda: rough_log().assign(
            Kunde=lambda log: ("c" + log["Kunde"].astype(str).where(log["Kunde"] > 9)).replace(
                "c17.0", "NULL"
            )
        ),
        7,
        ROUGH | {"returns": "drop", "observation_end": "2023-08-01"},
    ),
    "no amounts": (
        lambda: rough_log()[["Kunde", "Tag"]],
        3,
        {"customer_id": "Kunde", "date": "Tag", "time_unit": "day"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_is_a_log_summed_up_alike(spark: Any, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, partitions, settings = CASES[case]
    if "few" in case:  # as in a log of more than 100,000 customers
        monkeypatch.setattr("lifecast.past.CUSTOMERS", 150)
        monkeypatch.setattr("lifecast.spark_rfm.CUSTOMERS", 150)
    log = make()
    here = lc.rfm_summary(log, **settings)
    there = lc.rfm_summary(in_spark(spark, log, partitions), **settings)
    same_customers(there.customers.toArrow(), here)
    assert there.report == here.report
    assert here.report is not None and here.report.lines_merged > 0
    assert (here.report.lines_of_nobody > 0) == ("names" in case)
    assert there.past is not None and here.past is not None
    (table, rest), (expected_table, expected_rest) = pack(there.past), pack(here.past)
    assert table.equals(expected_table) and rest == expected_rest
    assert (here.past.share < 1.0) == ("few" in case)
    names = settings.get("attributes", ())
    assert there.histories(names).fingerprint() == Histories.of(here, names).fingerprint()
    there.release()


def same_customers(found: pa.Table, expected: lc.RFM) -> None:
    table = pa.Table.from_pandas(expected.to_frame(), preserve_index=False)
    found = found.sort_by("customer_id")
    assert found.column_names == table.column_names
    for name in table.column_names:
        assert found[name].to_pylist() == table[name].to_pylist(), name


class Books:
    """The same customers on one machine and in Spark."""

    def __init__(self, spark: Any) -> None:
        log = lc.datasets.load_cdnow(sample=True)
        rng = np.random.default_rng(2)
        number = log["customer_id"].to_numpy()
        log = log.assign(
            channel=np.array(["web", "shop", "app"])[number % 3],
            age=rng.integers(2, 6, number.max() + 1)[number] * 10,
            margin=np.where(number % 2, 0.4, -0.1),
        )
        settings: dict[str, Any] = {
            "observation_end": "1997-09-30",
            "attributes": ["channel", "age", "margin"],
        }
        self.here = lc.rfm_summary(log, **settings)
        self.there: Any = lc.rfm_summary(in_spark(spark, log, 2), **settings)

    def parts(self, count: int) -> Any:
        """The customers in Spark in so many parts."""
        from dataclasses import replace

        return replace(self.there, customers=self.there.customers.repartition(count))


@pytest.fixture(scope="module")
def books(spark: Any) -> Books:
    return Books(spark)


@pytest.fixture(scope="module")
def plain(books: Books) -> lc.CLTV:
    return lc.CLTV().fit(books.here, draws=200)


def same_forecast(there: Any, here: lc.Forecast) -> None:
    assert np.array_equal(there.sums.cells, here.sums.cells)
    pd.testing.assert_frame_equal(there.portfolio, here.portfolio, check_exact=True)
    pd.testing.assert_frame_equal(there.total, here.total, check_exact=True)
    found = there.customers.toArrow().sort_by("customer_id")
    assert found.column_names == list(here.customers.columns)
    for name in found.column_names:
        assert np.array_equal(found[name].to_numpy(), here.customers[name].to_numpy()), name
    there.release()


def test_is_a_posterior_the_same(books: Books) -> None:
    def model() -> lc.CLTV:
        return lc.CLTV(lc.BGNBD(groups="channel"), lc.GammaGamma(covariates=["age"]))

    here, there = (model().fit(rfm, draws=100, random_seed=4) for rfm in (books.here, books.there))
    assert there.posterior.identical(here.posterior)
    pd.testing.assert_frame_equal(there.diagnostics, here.diagnostics, check_exact=True)
    with pytest.raises(lc.SettingsError, match="the RFM has channel, age, margin"):
        books.there.histories(["chanel"])


@pytest.mark.parametrize("parts", [1, 3, 7])
def test_is_a_forecast_the_same_in_any_number_of_parts(books: Books, plain: lc.CLTV, parts: int) -> None:
    settings: dict[str, Any] = {"annual_discount_rate": 0.1, "worlds": 60, "random_seed": parts}
    here = plain.forecast(books.here, "6 months", **settings)
    same_forecast(plain.forecast(books.parts(parts), "6 months", **settings), here)


def test_is_a_forecast_the_same_for_groups_covariates_and_margins(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lifecast.spark_forecast.CUSTOMERS_AT_A_TIME", 700)
    purchases, spend = lc.BGNBD(covariates=["age"]), lc.GammaGamma(groups="channel")
    model = lc.CLTV(purchases, spend, market=None).fit(books.here, draws=100)
    here, there = (
        model.forecast(rfm, 26, margin="margin", worlds=50) for rfm in (books.here, books.parts(2))
    )
    same_forecast(there, here)


def test_is_a_forecast_of_opportunities_the_same(spark: Any) -> None:
    rng = np.random.default_rng(3)
    T = rng.integers(1, 9, 300)
    frequency = rng.binomial(T, 0.3)
    table = pd.DataFrame({"customer_id": np.arange(300), "frequency": frequency, "T": T.astype(float)})
    table["recency"] = np.where(frequency > 0, np.maximum(frequency, T - 1.0), 0.0)
    model = lc.CLTV.from_parameters(
        {"alpha": 1.2, "beta": 0.75, "gamma": 0.66, "delta": 2.78}, families=("bg-bb", ""), time_unit="year"
    )
    frame = spark.createDataFrame(pa.Table.from_pandas(table, preserve_index=False)).repartition(3)
    here = model.forecast(lc.RFM.from_frame(table, "year"), 5, worlds=40)
    same_forecast(model.forecast(lc.SparkRFM.from_frame(frame, "year"), 5, worlds=40), here)


class Mortal(lc.BGNBD):
    """Kills its worker at the second hundred customers of a task, after the answer for the first; once."""

    grave: Path
    calls: list[int] = []  # noqa: RUF012

    def simulate_purchases(self, *arguments: Any, **settings: Any) -> Any:
        from pyspark import TaskContext

        context = TaskContext.get()
        if context is not None and context.partitionId() == 1 and context.attemptNumber() == 0:
            self.calls.append(1)
            if len(self.calls) == 2:
                self.grave.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return super().simulate_purchases(*arguments, **settings)


def test_does_a_lost_worker_change_nothing(
    books: Books, plain: lc.CLTV, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lifecast.spark_forecast.CUSTOMERS_AT_A_TIME", 100)
    here = plain.forecast(books.here, 26, worlds=50)
    Mortal.grave = tmp_path / "killed"
    monkeypatch.setattr(plain, "purchases", Mortal())
    there = plain.forecast(books.parts(4), 26, worlds=50)
    assert Mortal.grave.exists()
    same_forecast(there, here)


def test_are_customers_the_same_after_a_file(
    spark: Any, books: Books, plain: lc.CLTV, tmp_path: Path
) -> None:
    books.there.customers.write.parquet(str(tmp_path / "rfm"))
    read = lc.SparkRFM.from_frame(spark.read.parquet(str(tmp_path / "rfm")), "week", "1997-09-30")
    assert read.attributes == books.there.attributes
    same_customers(read.customers.toArrow(), books.here)
    here = plain.forecast(books.here, 13, worlds=40)
    same_forecast(plain.forecast(read, 13, worlds=40), here)


def test_is_what_cannot_be_refused_in_plain_words(spark: Any, books: Books, plain: lc.CLTV) -> None:
    good = pd.DataFrame({"customer_id": [1, 2], "date": pd.Timestamp("2024-05-01"), "amount": [1.0, 2.0]})

    def summarised(log: pd.DataFrame, **settings: Any) -> Any:
        return lc.rfm_summary(spark.createDataFrame(pa.Table.from_pandas(log)), **settings)

    with pytest.raises(lc.DataError, match=r"1 of 2 lines have no date that can be read in 'date'"):
        summarised(good.assign(date=[pd.Timestamp("2024-05-01"), None]))
    with pytest.raises(lc.DataError, match=r"1 of 2 lines have a missing or infinite amount.*inf"):
        summarised(good.assign(amount=[1.0, np.inf]))
    with pytest.raises(lc.DataError, match=r"not whole numbers \(first: 1\.5\)"):
        summarised(good.assign(customer_id=[1.0, 1.5]))
    with pytest.raises(lc.DataError, match="no line with a customer id"):
        summarised(good.assign(customer_id=["", None]))
    with pytest.raises(lc.SettingsError, match=r"column of string, not of dates.*to_date"):
        summarised(good.assign(date="2024-05-01"))
    with pytest.raises(lc.SettingsError, match=r"in Spark, text is made a date before.*to_date"):
        summarised(good, date_format="%Y-%m-%d")
    with pytest.raises(lc.SettingsError, match=r"column of string, not of numbers.*cast\('double'\)"):
        summarised(good.assign(amount="5"))
    with pytest.raises(lc.SettingsError, match="nothing is held out in Spark"):
        summarised(good, observation_end="2024-05-01", holdout_end="2024-06-01")
    with pytest.raises(lc.SettingsError, match=r"write rfm\.customers"):
        summarised(good, to="rfm.parquet")
    with pytest.raises(lc.SettingsError, match="No purchase was made on or before"):
        summarised(good, observation_end="2023-01-01")
    with pytest.raises(lc.DataError, match="1 of 2 lines have a negative amount"):
        summarised(good.assign(amount=[1.0, -2.0]), returns="refuse")
    with pytest.raises(lc.SettingsError, match=r"write forecast\.customers"):
        plain.forecast(books.there, 30, to="cltv.parquet")
    with pytest.raises(lc.SettingsError, match="needs the attribute 'share'; the RFM has channel, age"):
        plain.forecast(books.there, 30, margin="share")
    with pytest.raises(lc.SettingsError, match=r"is not in Spark\. Use RFM\.from_frame"):
        lc.SparkRFM.from_frame(good, "week")
    with pytest.raises(lc.DataError, match="The table has no column 'recency'"):
        lc.SparkRFM.from_frame(books.there.customers.drop("recency"), "week")
    with pytest.raises(lc.DataError, match="The RFM counts time in days, the model in weeks"):
        plain.forecast(lc.SparkRFM.from_frame(books.there.customers, "day"), 30)
    early = books.there.customers.withColumn("T", pyspark.sql.functions.lit(0.5))
    with pytest.raises(lc.DataError, match="customers have recency > T in weeks"):
        plain.forecast(lc.SparkRFM.from_frame(early, "week"), 30)
