"""A log to an RFM as a step of a scikit-learn pipeline."""

from typing import Any

from lifecast.conventions import Settings
from lifecast.from_log import rfm_summary
from lifecast.rfm import RFM


class RFMTransformer(Settings):
    """Summarise a log of transactions as the first step of a pipeline that ends in `lifecast.CLTV`.

    Nothing is learned: a log that comes later is summarised in the same way, to its own last day unless
    ``observation_end`` says which.

    Parameters
    ----------
    customer_id, date, amount, time_unit, observation_end, merge_within, returns, attributes, date_format
        As `lifecast.rfm_summary` takes them.

    Examples
    --------
    >>> import lifecast as lc
    >>> from sklearn.pipeline import make_pipeline
    >>> pipeline = make_pipeline(lc.RFMTransformer(observation_end="1997-09-30"), lc.CLTV())
    >>> customers = pipeline.fit(lc.datasets.load_cdnow(sample=True)).predict(
    ...     lc.datasets.load_cdnow(sample=True), horizon="39 weeks", worlds=50
    ... )
    >>> len(customers), [name for name in customers if name.startswith("cltv")]
    (2357, ['cltv', 'cltv_lower', 'cltv_median', 'cltv_upper', 'cltv_mean_lower', 'cltv_mean_upper'])
    """

    def __init__(
        self,
        *,
        customer_id: str | None = None,
        date: str | None = None,
        amount: str | None = None,
        time_unit: str | float = "week",
        observation_end: Any = None,
        merge_within: str | int = "day",
        returns: str = "net",
        attributes: Any = (),
        date_format: str | None = None,
    ) -> None:
        self.customer_id = customer_id
        self.date = date
        self.amount = amount
        self.time_unit = time_unit
        self.observation_end = observation_end
        self.merge_within = merge_within
        self.returns = returns
        self.attributes = attributes
        self.date_format = date_format

    def fit(self, log: Any, y: None = None) -> "RFMTransformer":
        """Nothing to learn."""
        return self

    def transform(self, log: Any) -> RFM:
        """The RFM of a log."""
        summary: RFM = rfm_summary(log, **self.get_params(deep=False))
        return summary

    def fit_transform(self, log: Any, y: None = None) -> RFM:
        """The RFM of a log."""
        return self.transform(log)

    def __sklearn_is_fitted__(self) -> bool:
        """Always: there is nothing to learn."""
        return True
