"""Does what one process has compiled serve the next, and does nothing compile twice?"""

import json
import subprocess
import sys
import textwrap

SESSION = textwrap.dedent(
    """
    import json, warnings
    import numba, numpy as np, pandas as pd
    from numba.core import event

    recorder = event.RecordingListener()
    event.register("numba:compile", recorder)
    import lifecast as lc

    rng = np.random.default_rng(1)
    count = 400
    repeats = rng.integers(0, 6, count)
    T = rng.integers(100, 300, count)
    last = np.where(repeats > 0, np.round(T * rng.uniform(0.2, 1.0, count)), 0)
    amount = np.where(repeats > 0, rng.gamma(3.0, 10.0, count), 0.0)
    table = pd.DataFrame(
        {"customer_id": np.arange(count), "frequency": repeats, "recency": last, "T": T,
         "monetary_value": amount, "monetary_log_mean": np.log(np.maximum(amount, 1.0))}
    )
    warnings.simplefilter("ignore")

    def work():
        rfm = lc.RFM.from_frame(table, time_unit="day")
        model = lc.CLTV().fit(rfm, random_seed=1)
        forecast = model.forecast(rfm, "6 months", annual_discount_rate=0.1, worlds=20, threads=1)
        forecast.by(rfm.frequency > 0)
        model.expected_value(rfm, "6 months", annual_discount_rate=0.1)

    def compiled(work):
        work()
        names = [str(seen.data["dispatcher"]) for _, seen in recorder.buffer if seen.is_start]
        recorder.buffer.clear()
        return names

    print(json.dumps([compiled(work), compiled(work), compiled(lambda: numba.njit(lambda a: a + 1)(1))]))
    """
)


def session() -> list[list[str]]:
    """What a new process compiles from a fit to a forecast, the same again, and a function of its own."""
    done = subprocess.run([sys.executable, "-c", SESSION], capture_output=True, text=True, check=True)
    compiled: list[list[str]] = json.loads(done.stdout)
    return compiled


def test_does_a_second_process_or_a_second_call_compile_anything() -> None:
    _, again, own = session()  # with an empty cache the first process compiles everything
    assert again == []
    assert len(own) == 1  # a compilation is seen where there is one
    assert session()[:2] == [[], []]
