"""What a fitted model has learned: parameters, diagnostics, and the posterior they come from."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lifecast.arrays import Floats
from lifecast.errors import SettingsError
from lifecast.families.contract import PurchaseFamily, SpendFamily
from lifecast.grouping import group_purchases, group_spend, spend_history
from lifecast.market import Market, unflatten
from lifecast.matching import check_unit
from lifecast.posterior import UNSEEN, Check, Posterior
from lifecast.rfm import RFM
from lifecast.timeunit import TimeUnit

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


class Learned:
    """The families of a model, and what was learned of their parameters."""

    purchases: PurchaseFamily
    spend: SpendFamily | None
    _posterior: Posterior | None

    @property
    def learned(self) -> Posterior:
        """The posterior as this package works with it: populations of draws, checks and provenance.

        Raises
        ------
        SettingsError
            The model is not fitted.
        """
        if self._posterior is None:
            raise SettingsError(
                "This model is not fitted yet. Call model.fit(rfm), or lifecast.load a saved one."
            )
        return self._posterior

    @property
    def _market(self) -> Market | None:
        return unflatten(self.learned.market) if self.learned.market else None

    @property
    def posterior(self) -> "xr.DataTree":
        """The posterior draws as an ArviZ-readable tree."""
        return self.learned.to_tree()

    @property
    def parameters(self) -> "pd.DataFrame":
        """Posterior mean, sd and central 90% interval of each parameter, indexed by the papers' names.

        Effects of covariates follow, named as "log_rate: age", and with groups the standard deviations
        between them: "sd of log_rate". Parameters are then those of a typical group.
        """
        posterior = self.learned
        draws = [population.named() for population in posterior.populations]
        return summary({name: values for part in draws for name, values in part.items()}, ["parameter"])

    @property
    def group_parameters(self) -> "pd.DataFrame":
        """The same for each group, indexed by group and parameter; the last group is one not seen.

        Raises
        ------
        SettingsError
            No family of the model has groups.
        """
        posterior = self.learned
        draws = {
            (group, name): values[:, place]
            for population in posterior.populations
            for place, group in enumerate((*population.encoding.group_names, UNSEEN))
            for name, values in population.named_by_group().items()
        }
        if not draws:
            raise SettingsError('This model has no groups. Fit one with BGNBD(groups="channel"), say.')
        return summary(draws, ["group", "parameter"])

    @property
    def calendar_effects(self) -> "pd.DataFrame":
        """What the calendar's columns multiply the pace of purchases, and amounts, by where they are 1.

        One row per column and ``measure`` ("purchases", "amounts"): median and central 90% interval, as
        ``median, lower, upper``. Without a calendar there are no rows.
        """
        import pandas as pd

        market = self._market
        found = [] if market is None else market.effects(with_amounts=self.spend is not None)
        return pd.DataFrame(found, columns=["column", "measure", "median", "lower", "upper"]).set_index(
            ["column", "measure"]
        )

    @property
    def attributes_needed(self) -> tuple[str, ...]:
        """Names of the attributes by which the families tell customers apart: groups and covariates."""
        families = [family for family in (self.purchases, self.spend) if family is not None]
        names = [name for family in families for name in (family.groups, *family.covariates)]
        return tuple(dict.fromkeys(name for name in names if name is not None))

    @property
    def time_unit(self) -> TimeUnit:
        """The unit of time that the parameters are in; only an RFM in this unit can be scored."""
        return TimeUnit.parse(float(self.learned.provenance["days"]))

    @property
    def diagnostics(self) -> "pd.DataFrame":
        """What the fit was held against: figure, threshold, pass or fail, and the remedy where it failed.

        Where customers were left out, ``remedy`` says which, passed or not.
        """
        import pandas as pd

        columns = [name for name in Check.__dataclass_fields__ if name != "told_anyway"]
        return pd.DataFrame([vars(check) for check in self.learned.checks], columns=columns)

    def log_likelihood(self, rfm: RFM, part: Literal["total", "purchases", "spend"] = "total") -> float:
        """Log-likelihood of an RFM at the posterior mean of the parameters.

        Parameters
        ----------
        rfm : RFM
        part : "total", "purchases" or "spend"
            Both families together (default), or one of them.

        Returns
        -------
        float
            In nats, summed over customers. Of spend, the density of what the family is fitted to: every
            amount, or their means.

        Raises
        ------
        SettingsError
            Another part, or "spend" of a model without.
        """
        if part not in ("total", "purchases", "spend"):
            raise SettingsError(f'part={part!r}: needed "total", "purchases" or "spend".')
        if part == "spend":
            self._need_spend()
        self._same_unit(rfm)
        posterior = self.learned
        total = 0.0
        if part in ("total", "purchases"):
            at_mean = posterior.purchases.at_mean()
            for members, theta in at_mean.by_kind(rfm):
                rows = group_purchases(rfm.frequency[members], rfm.recency[members], rfm.T[members])
                total += self.purchases.log_likelihood(rows, theta[0])[0]
        if part in ("total", "spend") and self.spend is not None and posterior.spend is not None:
            at_mean = posterior.spend.at_mean()
            history = spend_history(rfm, self.spend.zero_amounts, self.spend.likelihood_needs)
            for members, theta in at_mean.by_kind(rfm):
                amounts = group_spend(history.of(members))
                total += self.spend.log_likelihood(amounts, theta[0])[0]
        return float(total)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one netCDF file, whole or not at all; `lifecast.load` takes it back.

        Parameters
        ----------
        path : path
            Usually ``.nc``. What is there is replaced.
        """
        self.learned.save(path)

    def _need_spend(self) -> SpendFamily:
        if self.spend is None:
            raise SettingsError(
                "This model has no spend family. Fit CLTV(spend=GammaGamma()) on an RFM with amounts."
            )
        return self.spend

    def _same_unit(self, rfm: RFM) -> None:
        check_unit(rfm, self.time_unit, self.purchases)


def summary(draws: Mapping[Any, Floats], index: list[str]) -> "pd.DataFrame":
    """Mean, sd and central 90% interval of named draws, a row each."""
    import pandas as pd

    table = pd.DataFrame.from_dict(
        {
            name: [values.mean(), values.std(), *np.quantile(values, [0.05, 0.95])]
            for name, values in draws.items()
        },
        orient="index",
        columns=["mean", "sd", "lower", "upper"],
    )
    if len(index) > 1:
        table.index = pd.MultiIndex.from_tuples(table.index)
    return table.rename_axis(index if len(index) > 1 else index[0])
