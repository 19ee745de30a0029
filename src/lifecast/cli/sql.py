"""The command sql: the point forecast as a query."""

from typing import Annotated, Any

import typer

from lifecast.cli import session
from lifecast.cli.inputs import refuse_overwriting
from lifecast.cli.options import ModelFile, numeric
from lifecast.cli.printing import say


def sql(
    model: ModelFile,
    horizon: Annotated[str, typer.Option(help="A number of time units, or '12 months'.")],
    table: Annotated[str, typer.Option(help="The warehouse's table of customers.")] = "rfm",
    annual_discount_rate: Annotated[float, typer.Option(help="0.1 is 10% a year.")] = 0.0,
    margin: Annotated[float, typer.Option(help="Share of an amount that is value.")] = 1.0,
    out: Annotated[str, typer.Option(help="File to write, .sql; - is standard output.")] = "-",
) -> dict[str, Any]:
    """Write the point forecast as one SQL query, to score customers in the warehouse."""
    from lifecast.export import written_beside
    from lifecast.model import CLTV

    session.check_out(out, (".sql",))
    refuse_overwriting(model, out)
    length: Any = numeric(horizon)
    query = CLTV.load(model).to_sql(
        length, table=table, annual_discount_rate=annual_discount_rate, margin=margin
    )
    if session.current.as_json:
        session.current.data = False
    elif out == session.STANDARD:
        print(query, end="")
    if out != session.STANDARD:
        with written_beside(out) as path:
            path.write_text(query, encoding="utf-8")
        say(f"Wrote {out}.")
    return {"wrote": [] if out == session.STANDARD else [out], "sql": query}
