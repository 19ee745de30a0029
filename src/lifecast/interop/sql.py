"""A fitted model as one SQL query: the point forecast where the customers are, without Python."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np
from scipy.special import betaln, polygamma

from lifecast.arrays import Floats
from lifecast.errors import SettingsError
from lifecast.families.bg_nbd import BGNBD
from lifecast.families.gamma_gamma import GammaGamma
from lifecast.families.log_normal import LogNormal
from lifecast.families.mbg_nbd import MBGNBD, after_first
from lifecast.model import CLTV
from lifecast.population import Population
from lifecast.settings import continuous_rate
from lifecast.timeunit import parse_horizon
from lifecast.worlds import discounting

CLOSE = 1e-8  # what the sum over nodes may be off, relatively
FREQUENCIES = np.array([0, 1, 2, 3, 5, 8, 15, 30, 60, 120, 300, 1000])
AGES = np.array([0.0, 0.1, 0.5, 1.5, 5.0, 15.0, 50.0, 300.0])  # in units of alpha
SMALL = 1e-5  # below it the chance of leaving is expanded: 1 - (1 + small) ** -k would lose digits
SMALLEST = 600  # PostgreSQL calls exp(-750) an error


def to_sql(
    model: CLTV,
    horizon: float | str,
    *,
    table: str = "rfm",
    annual_discount_rate: float = 0.0,
    margin: float = 1.0,
) -> str:
    """Write a query that scores a table of customers: P(alive), purchases, spend and value expected.

    The query is standard SQL with no functions but EXP and LN; it is tested on DuckDB, PostgreSQL and SQLite.
    (BigQuery wants FLOAT64 for DOUBLE PRECISION, and backticks for double quotes.) It gives what the closed
    forms of `CLTV` (`expected_purchases` and its like) give at the posterior mean of the parameters: a point
    forecast, for lists that are ranked or filtered in the warehouse. Intervals and the market are Python's.

    Parameters
    ----------
    model : CLTV
        Fitted, with BGNBD or MBGNBD for purchases, and GammaGamma, LogNormal or nothing for spend. Groups may
        be; covariates may not.
    horizon : float or str
        A number of time units or a length such as "12 months"; finite.
    table : str, default "rfm"
        Name of the table or view of customers, put into the query as it is. It has the columns of
        `RFM.to_frame`: ``customer_id, frequency, recency, "T"``, with spend ``monetary_value`` and
        ``monetary_frequency`` (for LogNormal ``monetary_log_mean``), and the groups' column.
    annual_discount_rate : float, default 0
        As `CLTV.forecast` takes it.
    margin : float, default 1
        Share of an amount that is value.

    Returns
    -------
    str
        A SELECT with the columns ``customer_id, p_alive, purchases`` and, with spend,
        ``spend_per_purchase, value``; a row per customer.

    Raises
    ------
    SettingsError
        A family or covariates that SQL cannot score, or an infinite horizon.

    Notes
    -----
    Given that a customer lives, expected purchases are the mean of (1 - (1 + p z)^-(r + x)) / p over
    p ~ Beta(a, b + x), with z = t / (alpha + T): the hypergeometric function of Fader, Hardie & Lee (2005,
    eq. 10) as an integral [Euler's]. With p = 1 / (1 + exp(-u)) the trapezoidal rule converges exponentially
    for every x and T at once, so the query holds one list of some hundred nodes. The list is made finer until
    it agrees with the library's own expectations to 1e-8, for frequencies up to 1,000 and any age.

    Examples
    --------
    >>> import duckdb, lifecast as lc
    >>> rfm = lc.rfm_summary(lc.datasets.load_cdnow(sample=True), observation_end="1997-09-30").to_frame()
    >>> published = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
    >>> query = lc.CLTV.from_parameters(published).to_sql(39)
    >>> scored = duckdb.sql(query).df()
    >>> list(scored), len(scored), round(float(scored["purchases"].sum()))
    (['customer_id', 'p_alive', 'purchases'], 2357, 1654)
    """
    point = at_posterior_mean(model)
    check(point)
    unit, family = point.time_unit, point.purchases
    assert isinstance(family, BGNBD)
    length = parse_horizon(horizon, unit, None)
    if math.isinf(length):
        raise SettingsError("A query sums purchases up to a finite horizon. Pass one, such as '10 years'.")
    theta = parameters(point, "purchases")
    nodes, off = close_nodes(family, theta, length)
    times = times_ahead(family, theta, length, continuous_rate(annual_discount_rate, unit))
    later = isinstance(family, MBGNBD)  # who has stayed after the first purchase, too
    spend = point.spend
    families = family.name if spend is None else f"{family.name} and {spend.name}"
    seen = ["x", "t_x", "age"]
    columns = [
        '"customer_id" AS customer_id',
        *map(double, ('"frequency"', '"recency"', '"T"'), seen),
        *(double(value, name) for name, value in constants(point, "purchases").items()),
        *([] if spend is None else spend_columns(point)),
    ]
    scores = ["c.customer_id", "c.p_alive", "c.p_alive * e.purchases AS purchases"]
    if spend is not None:
        scores.append("c.spend AS spend_per_purchase")
        scores.append(f"c.p_alive * e.discounted * c.spend * {number(margin)} AS value")
    left = "LN(a / (b + x)) + (r + x) * LN((alpha + age) / (alpha + t_x))"
    if not later:
        left = f"CASE WHEN x > 0 THEN {left.replace('b + x', 'b + x - 1', 1)} END"
    stays = "h.b + h.x + 1" if later else "h.b + h.x"
    keys = ("x", "age", *family.parameters)
    expected = EXPECTED.format(stays=stays, small=SMALL, smallest=SMALLEST, keys=", ".join(keys))
    spent = "" if spend is None else f", {SPEND[spend.name]} AS spend"
    return f"""-- lifecast {version("lifecast")}: the point forecast of {families} at the posterior mean
-- of the parameters, {length:g} {unit.name}s ahead, of a table whose times are in {unit.name}s.
-- Expected purchases are within {off:.0e} (relative) of the exact ones.
WITH customers AS (
  SELECT
    {lines(columns)}
  FROM {table}
),
histories AS (SELECT DISTINCT {", ".join(keys)} FROM customers),
{listed("nodes", ("p", "log_p", "log_q", "first", "last"), nodes)},
{listed("times", ("t", "at_end", "discounted"), times)},
{expected},
left_before AS (
  SELECT customers.*, {left} AS log_odds{spent}
  FROM customers
),
{SCORED}
SELECT
    {lines(scores)}
FROM scored AS c
JOIN expected AS e ON {" AND ".join(f"e.{key} = c.{key}" for key in keys)}
"""


SCORED = f"""scored AS (
  SELECT left_before.*, CASE
    WHEN log_odds IS NULL THEN 1 WHEN log_odds > {SMALLEST} THEN 0 WHEN log_odds < -{SMALLEST} THEN 1
    ELSE 1 / (1 + EXP(log_odds)) END AS p_alive
  FROM left_before
)"""

# By family of spend; n * m, the sum of the repeat amounts, is "total".
SPEND = {
    "gamma-gamma": "p * (v + total) / (p * amounts + q - 1)",
    "log-normal": "EXP((sigma * sigma * LN(median) + amounts * tau * tau * log_mean "
    "+ tau * tau * sigma * sigma / 2) / (sigma * sigma + amounts * tau * tau) + sigma * sigma / 2)",
}

EXPECTED = """located AS (
  SELECT h.*, n.p, n.first, n.last, {stays} AS s,
    h.a * n.log_p + ({stays}) * n.log_q
      - h.a * LN(h.a / (h.a + {stays})) - ({stays}) * LN(({stays}) / (h.a + {stays})) AS log_weight
  FROM histories AS h CROSS JOIN nodes AS n
),
weighted AS (
  SELECT {keys}, p,
    CASE WHEN log_weight < -{smallest} THEN 0 ELSE EXP(log_weight) END
      / CASE WHEN first = 0 OR a * first > {smallest} THEN 1 ELSE 1 - EXP(-a * first) END
      / CASE WHEN last = 0 OR s * last > {smallest} THEN 1 ELSE 1 - EXP(-s * last) END AS weight
  FROM located
),
ahead AS (
  SELECT w.*, t.at_end, t.discounted, w.r + w.x AS k, w.p * t.t / (w.alpha + w.age) AS pz
  FROM weighted AS w CROSS JOIN times AS t
),
left_by AS (
  SELECT ahead.*, CASE
    WHEN k * pz < {small} THEN k * pz * (1 - (k + 1) * pz / 2 * (1 - (k + 2) * pz / 3))
    WHEN k * LN(1 + pz) > {smallest} THEN 1
    ELSE 1 - EXP(-k * LN(1 + pz)) END / p AS bought
  FROM ahead
),
expected AS (
  SELECT {keys},
    SUM(weight * at_end * bought) / SUM(weight * at_end) AS purchases,
    SUM(weight * discounted * bought) / SUM(weight * at_end) AS discounted
  FROM left_by
  GROUP BY {keys}
)"""


def at_posterior_mean(model: CLTV) -> CLTV:
    """The model with the posterior mean for its only draw, and without a market: what the query equals.

    Raises
    ------
    SettingsError
        It is not fitted.
    """
    posterior = model.learned
    first: Any = np.array([0])

    def one(population: Population) -> Population:
        return population.at_mean().chosen(first)

    return CLTV.knowing(
        replace(
            posterior,
            purchases=one(posterior.purchases),
            spend=None if posterior.spend is None else one(posterior.spend),
            market={},
        )
    )


def check(model: CLTV) -> None:
    """Refuse what SQL cannot score."""
    if not isinstance(model.purchases, BGNBD):
        raise SettingsError(
            f"{model.purchases.name} cannot be scored in SQL: bg-nbd and mbg-nbd can. Write the forecast to "
            "the database instead: forecast.export('postgresql://...')."
        )
    if not isinstance(model.spend, GammaGamma | LogNormal | None):
        raise SettingsError(f"{model.spend.name} cannot be scored in SQL: gamma-gamma and log-normal can.")
    for family in (model.purchases, model.spend):
        if family is not None and family.covariates:
            raise SettingsError(
                f"Covariates ({', '.join(family.covariates)}) cannot be scored in SQL. Write the forecast to "
                "the database instead: forecast.export('postgresql://...')."
            )


def parameters(model: CLTV, part: str) -> Floats:
    """The parameters (group, parameter) of every group, or of everybody (1, parameter)."""
    population: Population = getattr(model.learned, part)
    return population.theta if population.encoding.groups is None else population.group_theta[0]


def constants(model: CLTV, part: str) -> Mapping[str, str]:
    """Each parameter as an expression: a number, or one by group; the last group is one not seen."""
    population: Population = getattr(model.learned, part)
    values = parameters(model, part)
    names, column = population.family.parameters, population.encoding.groups
    if column is None:
        return {name: number(value) for name, value in zip(names, values[0], strict=True)}
    groups = population.encoding.group_names
    found = {}
    for name, by_group in zip(names, values.T, strict=True):
        cases = " ".join(
            f"WHEN {literal(group)} THEN {number(value)}"
            for group, value in zip(groups, by_group[:-1], strict=True)
        )
        found[name] = f"CASE {quoted(column)} {cases} ELSE {number(by_group[-1])} END"
    return found


def spend_columns(model: CLTV) -> list[str]:
    """What the spend family sees of a customer, and its parameters."""
    family = model.spend
    amounts = '"monetary_frequency"'
    if isinstance(family, GammaGamma) and family.zero_amounts:
        amounts = 'CASE WHEN "monetary_value" > 0 THEN "frequency" ELSE 0 END'
    seen = [double(amounts, "amounts")]
    if isinstance(family, LogNormal):
        seen.append(double('"monetary_log_mean"', "log_mean"))
    else:
        seen.append(double('"frequency" * "monetary_value"', "total"))
    return seen + [double(value, name) for name, value in constants(model, "spend").items()]


def times_ahead(family: BGNBD, theta: Floats, end: float, rate: float) -> Floats:
    """Times at which expected purchases are needed, whether each is the horizon, and its weight in value."""
    youngest, nobody = np.zeros(FREQUENCIES.size), np.zeros(len(theta))
    times, weights = discounting(0.0, end, rate, family.time_scale(FREQUENCIES, youngest, theta, nobody))
    later = times > 0.0
    rows: Floats = np.column_stack([times, times == times.max(), weights])[later]
    return rows


def close_nodes(family: BGNBD, theta: Floats, end: float) -> tuple[Floats, float]:
    """Nodes (node, column) that are close enough for all these parameters, and how far off they are.

    Raises
    ------
    SettingsError
        No thousand nodes are.
    """
    staying = after_first(theta) if isinstance(family, MBGNBD) else theta
    x = np.repeat(FREQUENCIES, AGES.size)
    off = math.inf
    for finer in (1.0, 1.5, 2.0, 3.0, 4.0):
        nodes = nodes_for(staying, end, finer)
        off = 0.0
        for own, plain in zip(theta, staying, strict=True):
            T = np.tile(AGES * own[1], FREQUENCIES.size)
            exact = family.expected_purchases(
                x, T, own[None], np.zeros(1), np.array([[end]]), np.ones((1, 1, 1))
            )(x, T)[0, :, 0]
            off = max(off, float(np.max(np.abs(sum_over(nodes, x, T, plain, end) / exact - 1.0))))
        if off < CLOSE:
            return nodes, off
    raise SettingsError(
        f"With these parameters a query would be off by {off:.0e}. Write the forecast to the database "
        "instead: forecast.export('postgresql://...')."
    )


def nodes_for(staying: Floats, end: float, finer: float) -> Floats:
    """Nodes of the trapezoidal rule in the log odds of leaving, (node, column).

    Columns are p, log p, log (1 - p), and the rule's step at the first and at the last node: beyond these the
    terms are geometric series, with ratios exp(-a step) and exp(-(b + x) step), whose sums are known.
    """
    _, alpha, a, b = staying.T
    # The rule's error falls with the distance of the nearest singularity, pi / 2, and with the spread.
    step = min(0.4, 0.8 * math.sqrt(float(np.min(polygamma(1, a))))) / finer
    rare = math.log(1e-12)
    left = (rare + np.log(a) + betaln(a, b + FREQUENCIES[-1])) / a
    right = -(rare + np.log(b) + betaln(a, b)) / b
    flat = math.log(1e-10 / ((1.0 + FREQUENCIES[-1]) * max(1.0, end / float(np.min(alpha)))))
    low, high = max(min(float(np.min(left)), -5.0), flat), min(max(float(np.max(right)), 5.0), 25.0)
    u = np.arange(low, high + step, step)
    first, last = np.zeros(u.size), np.zeros(u.size)
    first[0] = last[-1] = step
    return np.column_stack(
        [1.0 / (1.0 + np.exp(-u)), -np.logaddexp(0.0, -u), -np.logaddexp(0.0, u), first, last]
    )


def sum_over(nodes: Floats, x: Floats, T: Floats, staying: Floats, end: float) -> Floats:
    """Expected purchases (row,) of living customers, as the query sums them."""
    r, alpha, a, b = staying
    p, log_p, log_q, first, last = nodes.T
    stays = (b + x)[:, None]
    log_weight = a * log_p + stays * log_q
    log_weight -= a * np.log(a / (a + stays)) + stays * np.log(stays / (a + stays))
    weight = np.exp(log_weight)
    weight[:, 0] /= -np.expm1(-a * first[0])
    weight[:, -1:] /= -np.expm1(-stays * last[-1])
    k, pz = (r + x)[:, None], p * (end / (alpha + T))[:, None]
    bought = np.where(
        k * pz < SMALL,
        k * pz * (1 - (k + 1) * pz / 2 * (1 - (k + 2) * pz / 3)),
        -np.expm1(-k * np.log1p(pz)),
    )
    total: Floats = (weight * bought / p).sum(axis=1) / weight.sum(axis=1)
    return total


def listed(name: str, columns: Iterable[str], rows: Floats) -> str:
    """A common table expression of constants."""
    names = list(columns)
    first = ", ".join(f"{number(value)} AS {column}" for value, column in zip(rows[0], names, strict=True))
    others = [f"    UNION ALL SELECT {', '.join(map(number, row))}" for row in rows[1:]]
    cast = ", ".join(double(column, column) for column in names)
    head, end = [f"{name} AS (", f"  SELECT {cast} FROM (", f"    SELECT {first}"], ["  ) AS listed", ")"]
    return "\n".join([*head, *others, *end])


def lines(parts: Iterable[str]) -> str:
    """A list, a line each."""
    return ",\n    ".join(parts)


def double(expression: str, name: str) -> str:
    """An expression as a double, named."""
    return f"CAST({expression} AS DOUBLE PRECISION) AS {name}"


def number(value: float) -> str:
    """A literal of all digits; with an exponent, so that no database takes it for a short decimal."""
    return f"{float(value):.17e}"


def literal(value: str | bool | int | float) -> str:
    """A group's name as a literal."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return repr(value)
    return "'" + value.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A column's name, as it is."""
    return '"' + name.replace('"', '""') + '"'
