"""What a family is: parameters, priors, a likelihood, expectations and a simulation.

Forecasts and inference know no more of it than this.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

from lifecast.arrays import Floats, Integers, Keys
from lifecast.families.priors import Priors
from lifecast.grouping import PurchaseRows, SpendHistory, SpendRows


class Family(Protocol):
    """Shared by families of purchases and of spend.

    Parameters are in the papers' symbols and the data's units; coordinates are their unconstrained,
    scale-free counterparts, on which the priors are put and inference works.
    """

    name: ClassVar[str]
    parameters: ClassVar[tuple[str, ...]]
    weak_priors: ClassVar[Mapping[str, tuple[float, float]]]
    covariate_coordinates: ClassVar[tuple[str, ...]]

    @property
    def priors(self) -> Priors:
        """The choice of the user, a name or a mapping of coordinates to (mean, sd)."""
        ...

    @property
    def groups(self) -> str | None:
        """The attribute whose values have parameters of their own."""
        ...

    @property
    def covariates(self) -> Sequence[str]:
        """The attributes that shift the covariate coordinates."""
        ...

    def constrain(self, points: Floats) -> Floats:
        """Coordinates (..., d) to parameters (..., d), in units of the data's own scale."""
        ...

    def unconstrain(self, theta: Floats) -> Floats:
        """Parameters (..., d) to coordinates (..., d), in the same units: the inverse of `constrain`."""
        ...

    def jacobian(self, point: Floats) -> Floats:
        """Derivative of the parameters by the coordinates at a point, shape (parameter, coordinate)."""
        ...

    def start(self, rows: Any) -> Floats:
        """Coordinates at which the search for the mode begins, given rows in units of their own scale."""
        ...

    def rescale(self, theta: Floats, scale: float) -> Floats:
        """Parameters (..., d) from units of the scale to the data's units."""
        ...


class PurchaseFamily(Family, Protocol):
    """When customers buy and when they leave."""

    def log_likelihood(self, rows: PurchaseRows, theta: Floats) -> tuple[float, Floats]:
        """Total and gradient (parameter,) at one parameter vector."""
        ...

    def log_likelihood_draws(self, rows: PurchaseRows, theta: Floats) -> Floats:
        """Totals (draw,) at many parameter vectors (draw, parameter)."""
        ...

    def probability_alive(self, x: Integers, t_x: Floats, T: Floats, theta: Floats) -> Floats:
        """Shape (row, world)."""
        ...

    def probability_of_purchase(
        self, x: Integers, T: Floats, theta: Floats, drift: Floats, end: Floats
    ) -> Floats:
        """Probability that a living customer buys by operational time ``end`` (world,): (row, world)."""
        ...

    def time_scale(self, x: Integers, T: Floats, theta: Floats, drift: Floats) -> float:
        """A time c such that all these customers' expected purchases by t are smooth in log(1 + t / c)."""
        ...

    def expected_purchases(
        self, x: Integers, T: Floats, theta: Floats, drift: Floats, times: Floats, weights: Floats
    ) -> Callable[[Integers, Floats], Floats]:
        """Prepare expectations for all these histories; the result serves any of them, chunk by chunk.

        It maps x, T (row,) of living customers to weighted sums, weights (world, time, sum), of their
        expected purchases up to operational times (world, time): shape (sum, row, world). ``drift``
        (world,) is the variance of the shock that each customer's own rate takes.
        """
        ...

    def simulate_purchases(
        self,
        x: Integers,
        T: Floats,
        p_alive: Floats,
        p_buys: Floats,
        row: Integers,
        keys: Keys,
        theta: Floats,
        drift: Floats,
        clock: Floats,
        edges: Floats,
        expected: float,
    ) -> tuple[Integers, Any, Any, Floats]:
        """Every purchase of every customer: first (customer + 1,); world, stretch and time (purchase,).

        Customer i's are ``first[i]:first[i + 1]``, by world, then by time.

        Parameters
        ----------
        x, T : (row,)
            Frequency and age of the distinct histories.
        p_alive, p_buys : (row, world)
            Their probabilities of being alive, and of being alive and buying at least once.
        row, keys : (customer,)
            Each customer's history and random key.
        theta : (world, parameter)
        drift : (world,)
            Variance of the shock that each customer's own rate takes.
        clock : (world, stretch + 1)
            Operational time passed at the calendar ``edges``, between which the clock runs evenly.
        edges : (stretch + 1,)
        expected : float
            Mean number of purchases of a customer in a world, to make room for.
        """
        ...

    def log_probability_of_count(
        self,
        x: Integers,
        t_x: Floats,
        T: Floats,
        n: Integers,
        t: float,
        theta: Floats,
        drift: float,
    ) -> Floats:
        """Log probability that customers with these histories make n purchases within t, shape (row,).

        At one parameter vector and drift. A new customer has x = 0, t_x = 0 and T = 0.
        """
        ...


@runtime_checkable
class DiscreteTime(Protocol):
    """What a family of purchases has besides, where they happen at whole time units only.

    Ages and times are then counted in opportunities, and the likelihood gets them as they are. Expected
    purchases are a step function. Opportunities come at fixed dates, so the clock runs evenly and no market
    moves it; nobody drifts.
    """

    def check_histories(self, x: Integers, t_x: Floats, T: Floats) -> None:
        """Refuse histories (customer,) that the model cannot have made.

        Raises
        ------
        DataError
            What was found, and what to do.
        """
        ...


class SpendFamily(Family, Protocol):
    """What customers pay when they buy."""

    @property
    def zero_amounts(self) -> bool:
        """Whether purchases of amount zero count as observations of spend."""
        ...

    @property
    def likelihood_needs(self) -> tuple[str, ...]:
        """Columns of an RFM, besides the mean amount, that the likelihood cannot do without."""
        ...

    @property
    def forecast_needs(self) -> tuple[str, ...]:
        """The same for what comes after the fit: expectations and simulation of known customers."""
        ...

    def log_likelihood(self, rows: SpendRows, theta: Floats) -> tuple[float, Floats]:
        """Total and gradient (parameter,) at one parameter vector."""
        ...

    def log_likelihood_draws(self, rows: SpendRows, theta: Floats) -> Floats:
        """Totals (draw,) at many parameter vectors (draw, parameter)."""
        ...

    def expected_spend(self, history: SpendHistory, theta: Floats) -> Floats:
        """Mean amount of a future purchase given the amounts seen, shape (customer, world)."""
        ...

    def credibility_spend(self, n: Integers, m: Floats, theta: Floats) -> Floats:
        """The best prediction of `expected_spend` that is linear in the mean m of n amounts: (row, world).

        For customers of whom only the sum of all their amounts is known.
        """
        ...

    def simulate_amounts(
        self,
        history: SpendHistory,
        keys: Keys,
        first: Integers,
        world: Any,
        theta: Floats,
        drift: Floats,
    ) -> Floats:
        """An amount for each purchase, shape (purchase,); ``drift`` (world,) of each customer's mean."""
        ...

    def relative_variance(self, theta: Floats) -> Floats:
        """Variance of an amount over the square of its mean, over all customers, shape (world,)."""
        ...

    def mean_variance(self, n: Integers, theta: Floats) -> Floats:
        """Relative variance (row,) of what a customer's mean amount may be, given n amounts."""
        ...

    def log_mean_moments(self, n: Integers, theta: Floats) -> tuple[Floats, Floats]:
        """Mean and variance (row,) of the log of a customer's mean of n amounts over its expectation."""
        ...
