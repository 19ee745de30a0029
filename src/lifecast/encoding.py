"""Groups and covariates as numbers: learned from the customers of a fit, the same for those of a forecast."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from lifecast.arrays import Floats, Integers
from lifecast.errors import DataError, SettingsError
from lifecast.grouping import codes

if TYPE_CHECKING:
    import pyarrow as pa

STEPS_PER_SD = 8  # so that customers of nearly equal covariates can be counted together
FARTHEST_SD = 4.0
ALIKE = 0.995  # of customers whose numbers differ, and who would be told apart no more
MOST_KINDS = 5_000
MOST_LEVELS = 100


class Attributed(Protocol):
    """Customers, or their histories, with attributes."""

    def __len__(self) -> int: ...
    @property
    def attributes(self) -> "Mapping[str, pa.Array[Any]]":
        """Values by name."""
        ...


class Counted(Attributed, Protocol):
    """Histories with attributes, each of so many customers."""

    @property
    def customers(self) -> Floats:
        """How many."""
        ...


@dataclass(frozen=True)
class Covariate:
    """How one attribute becomes columns of numbers.

    A number is standardised, held within four standard deviations and rounded to an eighth of one, a category
    other than the first is a column of zeros and ones; so is the higher of two numbers, where there are only
    two.

    Attributes
    ----------
    name : str
    levels : tuple
        The categories in order; empty for a number.
    mean, sd : float
        Of a number, over the customers of the fit.
    """

    name: str
    levels: tuple[Any, ...] = ()
    mean: float = 0.0
    sd: float = 1.0

    @property
    def columns(self) -> tuple[str, ...]:
        """What the columns are called."""
        return tuple(f"{self.name}={level}" for level in self.levels[1:]) if self.levels else (self.name,)

    def steps(self, numbers: Floats) -> Floats:
        """A number's place, in eighths of a standard deviation from the mean, shape (customer,)."""
        standard = (numbers - self.mean) / self.sd
        steps: Floats = np.round(np.clip(standard, -FARTHEST_SD, FARTHEST_SD) * STEPS_PER_SD)
        return steps

    def encode(self, rfm: Attributed) -> Floats:
        """The columns of these customers, shape (customer, column).

        Raises
        ------
        DataError
            A category that the fit has not seen.
        """
        values = attribute(rfm, self.name)
        if not self.levels:
            rounded: Floats = self.steps(as_numbers(values, self.name))[:, None] / STEPS_PER_SD
            return rounded
        place = {level: number for number, level in enumerate(self.levels)}
        texts = values.to_pylist()
        unknown = [value for value in texts if value not in place]
        if unknown:
            raise DataError(
                f"Covariate {self.name!r} is {unknown[0]!r} for some of the {len(unknown):,} customers whose "
                f"value the fit has not seen; it knows {', '.join(map(repr, self.levels))}. "
                "Fit again with these customers, or map the value to a known one."
            )
        number = np.array([place[value] for value in texts], np.int64)
        dummies: Floats = (number[:, None] == np.arange(1, len(self.levels))).astype(np.float64)
        return dummies


@dataclass(frozen=True)
class Kinds:
    """Customers told apart by what sets their parameters apart.

    Attributes
    ----------
    group : (kind,)
        Place among the encoding's group names; the number of names stands for a group not seen.
    columns : (kind, column)
        Covariates, encoded.
    kind : (customer,)
    """

    group: Integers
    columns: Floats
    kind: Integers

    def __len__(self) -> int:
        return self.group.size


@dataclass(frozen=True)
class Encoding:
    """Which attributes set a family's customers apart, and how they become numbers.

    Attributes
    ----------
    groups : str or None
        The attribute with the groups.
    group_names : tuple
        Its values among the customers of the fit, in order.
    covariates : tuple of Covariate
    """

    groups: str | None = None
    group_names: tuple[Any, ...] = ()
    covariates: tuple[Covariate, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """What the columns of all covariates are called."""
        return tuple(column for covariate in self.covariates for column in covariate.columns)

    def kinds(self, rfm: Attributed) -> Kinds:
        """Sort customers into kinds.

        Raises
        ------
        SettingsError
            The RFM lacks an attribute.
        DataError
            Groups are numbers where the fit had texts, a covariate is missing or unknown, or there are too
            many kinds to tell apart.
        """
        group = np.zeros(len(rfm), np.int64)
        if self.groups is None and not self.covariates:
            return Kinds(np.zeros(1, np.int64), np.zeros((1, 0)), group)
        if self.groups is not None:
            place = {name: number for number, name in enumerate(self.group_names)}
            of_customers = attribute(rfm, self.groups).to_pylist()
            self._check_kind_of_names(of_customers)
            group = np.array([place.get(name, len(place)) for name in of_customers], np.int64)
        if not self.covariates:
            present, kind = codes(group)
            return Kinds(present, np.zeros((present.size, 0)), kind)
        columns = np.concatenate([covariate.encode(rfm) for covariate in self.covariates], axis=1)
        distinct, kind = np.unique(np.column_stack([group, columns]), axis=0, return_inverse=True)
        if len(distinct) > MOST_KINDS:
            raise DataError(
                f"{len(distinct):,} different combinations of groups and covariates "
                f"({', '.join(covariate.name for covariate in self.covariates)}): at most {MOST_KINDS:,} can "
                "be told apart. Use fewer covariates, or cut numbers into classes."
            )
        return Kinds(distinct[:, 0].astype(np.int64), distinct[:, 1:], kind.ravel().astype(np.int64))

    def _check_kind_of_names(self, found: list[Any]) -> None:
        """Refuse "1" where the fit had 1, or the other way round: to it, all these groups would be new."""
        texts = isinstance(next(iter(self.group_names), ""), str)
        other = next((name for name in found if name is not None and isinstance(name, str) != texts), None)
        if other is not None:
            raise DataError(
                f"Group {self.groups!r} is {other!r} for a customer, and the fit knows "
                f"{', '.join(map(repr, self.group_names[:5]))}: {'numbers' if texts else 'texts'} here, "
                f"{'texts' if texts else 'numbers'} there. Give the column the same type in both tables."
            )

    def to_json(self) -> dict[str, Any]:
        """The encoding, ready for JSON."""
        return {
            "groups": self.groups,
            "group_names": list(self.group_names),
            "covariates": [
                {**vars(covariate), "levels": list(covariate.levels)} for covariate in self.covariates
            ],
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Encoding":
        """What `to_json` wrote."""
        return cls(
            found["groups"],
            tuple(found["group_names"]),
            tuple(
                Covariate(each["name"], tuple(each["levels"]), each["mean"], each["sd"])
                for each in found["covariates"]
            ),
        )


def learn_encoding(histories: Counted, groups: str | None, covariates: Sequence[str]) -> Encoding:
    """How the attributes of these customers become numbers.

    Raises
    ------
    SettingsError
        The histories lack an attribute.
    DataError
        An attribute has missing values, too many categories, or the same value for everybody.
    """
    names: tuple[Any, ...] = ()
    if groups is not None:
        names = distinct(attribute(histories, groups), groups, histories.customers)
    return Encoding(groups, names, tuple(learn_covariate(histories, name) for name in covariates))


def learn_covariate(histories: Counted, name: str) -> Covariate:
    """How one covariate becomes columns."""
    import pyarrow as pa

    values = attribute(histories, name)
    levels = distinct(values, name, histories.customers)
    if len(levels) < 2:
        raise DataError(
            f"Covariate {name!r} is {levels[0]!r} for every customer: it explains no difference. Drop it."
        )
    if len(levels) == 2 or not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        if len(levels) > MOST_LEVELS:
            raise DataError(
                f"Covariate {name!r} has {len(levels):,} categories, each with effects of its own: at most "
                f"{MOST_LEVELS} can be learned. Merge the rare ones, or pass groups={name!r} instead."
            )
        return Covariate(name, levels)
    numbers, code = codes(as_numbers(values, name))  # sorted: the same sums for customers in any order
    customers = np.bincount(code, histories.customers).astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(np.average(numbers, weights=customers))
        sd = float(np.sqrt(np.average((numbers - mean) ** 2, weights=customers)))
    covariate = Covariate(name, (), mean, sd)
    check_spread(covariate, numbers, customers)
    return covariate


def check_spread(covariate: Covariate, numbers: Floats, customers: Floats) -> None:
    """Refuse a number that a few extreme values have made the same for nearly everybody else.

    Raises
    ------
    DataError
        Nearly all customers whose numbers differ would be told apart no more.
    """
    steps = covariate.steps(numbers) if np.isfinite(covariate.sd) else np.zeros(numbers.size)
    _, step = np.unique(steps, return_inverse=True)
    most = int(np.argmax(np.bincount(step, customers)))
    alike = step == most
    if np.sum(alike) > 1 and customers[alike].sum() > ALIKE * customers.sum():
        usual, many, all_of = numbers[alike], customers[alike].sum(), customers.sum()
        farthest = numbers[np.argmax(np.abs(numbers - np.median(usual)))]
        raise DataError(
            f"Covariate {covariate.name!r} is {farthest:.6g} for a customer, and between {usual.min():.6g} "
            f"and {usual.max():.6g} for {many:,.0f} of {all_of:,.0f}: beside it they are all the same, and "
            "nothing can be learned of them. Correct it, leave the customer out, or take the covariate's "
            "logarithm."
        )


def attribute(rfm: Attributed, name: str) -> "pa.Array[Any]":
    """A column of the customers: numbers, truth values or texts; NaN is a missing value.

    Raises
    ------
    SettingsError
        The RFM has no such attribute.
    DataError
        It holds lists, or whatever else is made of parts.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if name not in rfm.attributes:
        raise no_attribute(name, rfm.attributes)
    values = rfm.attributes[name]
    if pa.types.is_nested(values.type):
        raise DataError(
            f"Attribute {name!r} holds values of type {values.type}. Needed: a number or text for each."
        )
    if pa.types.is_decimal(values.type):  # as which databases hand out numbers
        values = values.cast(pa.float64())
    if pa.types.is_floating(values.type):
        return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    plain = pa.types.is_integer(values.type) or pa.types.is_boolean(values.type)
    return values if plain else values.cast(pa.large_string())


def no_attribute(name: str, known: Iterable[str]) -> SettingsError:
    """What to say where customers lack an attribute."""
    return SettingsError(
        f"The model needs the attribute {name!r}; the RFM has {', '.join(known) or 'none'}. "
        f"Pass attributes=[{name!r}] to rfm_summary, or a table of customers with that column."
    )


def no_group(by: str, known: Iterable[str]) -> SettingsError:
    """What to say where customers lack the attribute that they are to be added up by."""
    return SettingsError(
        f"by={by!r}: the RFM has the attributes {', '.join(known) or '(none)'}. Pass attributes=[{by!r}] to "
        "rfm_summary."
    )


def distinct(values: "pa.Array[Any]", name: str, customers: Floats) -> tuple[Any, ...]:
    """The values that occur, in order."""
    if values.null_count:
        unknown = customers @ np.asarray(values.is_null())
        raise DataError(
            f"{unknown:,.0f} of {customers.sum():,.0f} customers have no {name!r}. Fill it in (a value such "
            'as "unknown" is a value like any other), or leave these customers out.'
        )
    return tuple(values.unique().sort().to_pylist())


def as_numbers(values: "pa.Array[Any]", name: str) -> Floats:
    """A numeric column."""
    numbers: Floats = np.asarray(values.to_numpy(zero_copy_only=False), np.float64)
    if not np.all(np.isfinite(numbers)):
        raise DataError(
            f"Covariate {name!r} is missing or not finite for {np.sum(~np.isfinite(numbers)):,} of "
            f"{numbers.size:,} customers. Fill it in, or leave these customers out."
        )
    return numbers
