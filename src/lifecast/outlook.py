"""What is asked about the future, whoever the customers are: the same of all of them, and of parts."""

from collections.abc import Callable
from dataclasses import dataclass

from lifecast.arrays import Floats
from lifecast.families.contract import PurchaseFamily, SpendFamily
from lifecast.grouping import group_purchases
from lifecast.histories import PurchaseHistories
from lifecast.rfm import RFM
from lifecast.settings import margins
from lifecast.simulation import Reach, simulate
from lifecast.sums import Sums
from lifecast.worlds import Worlds


@dataclass(frozen=True, eq=False)
class Outlook:
    """The worlds that customers live through, and what is looked at in them.

    Attributes
    ----------
    worlds : Worlds
    purchase_family, spend_family
    margin : float or str
        Share of an amount that is value, or the attribute that has it.
    discount_rate : float
        Continuous, per time unit.
    horizon : float
        In time units.
    periods : (period + 1,)
        Edges of the periods.
    probabilities : (3,)
        Lower, median and upper.
    seed : int
    """

    worlds: Worlds
    purchase_family: PurchaseFamily
    spend_family: SpendFamily | None
    margin: float | str
    discount_rate: float
    horizon: float
    periods: Floats
    probabilities: Floats
    seed: int

    @property
    def columns(self) -> tuple[str, ...]:
        """What is said of each customer, in order."""
        money = ("spend_per_purchase", "cltv", "cltv_lower", "cltv_median", "cltv_upper")
        means = ("cltv_mean_lower", "cltv_mean_upper")
        return ("p_alive", "purchases", "p_purchase", *(() if self.spend_family is None else money + means))

    @property
    def told_apart_by(self) -> set[str]:
        """Names of the attributes by which the families tell customers apart."""
        families = [family for family in (self.purchase_family, self.spend_family) if family is not None]
        named = {name for family in families for name in (family.groups, *family.covariates)}
        return {name for name in named if name is not None}

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attributes of customers that are needed to answer."""
        margin = {self.margin} if isinstance(self.margin, str) else set()
        return tuple(sorted(self.told_apart_by | margin))

    def reach(self, rfm: RFM | PurchaseHistories) -> Reach:
        """Which frequencies and ages occur among these customers, kind by kind."""
        found = {}
        for members, shared in self.worlds.by_kind(rfm):
            rows = group_purchases(rfm.frequency[members], rfm.T[members], rfm.T[members])
            found[shared.kind] = rows.x, rows.T
        return found

    def answer(
        self,
        rfm: RFM,
        *,
        reach: Reach | None = None,
        chunk_size: int | None = None,
        threads: int | None = None,
        progress: Callable[[int], None] = lambda done: None,
    ) -> tuple[dict[str, Floats], Sums]:
        """Columns (customer,) by name, in the RFM's order, and the customers' sums.

        Parameters
        ----------
        rfm : RFM
        reach : Reach, optional
            Where these are only some of the customers, that of all of them: then the parts' answers are those
            of the whole, to the last bit.
        chunk_size, threads, progress
            As `lifecast.CLTV.forecast` takes them.
        """
        return simulate(
            rfm, self.worlds, self.purchase_family, self.spend_family, margins(self.margin, rfm),
            self.discount_rate, self.horizon, self.periods, self.probabilities, self.seed, chunk_size,
            threads, progress, reach,
        )  # fmt: skip
