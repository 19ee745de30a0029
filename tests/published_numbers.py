"""The tables of published numbers in models/cards, parsed: golden numbers and where they come from."""

from dataclasses import dataclass
from pathlib import Path

CARDS = Path(__file__).resolve().parent.parent / "models" / "cards"


@dataclass(frozen=True)
class Published:
    """One row: what was asked (quantity and inputs), what the source says, and how closely."""

    id: str
    quantity: str
    inputs: dict[str, float | str]
    value: float
    tolerance: float  # absolute

    @property
    def is_formula(self) -> bool:
        """Whether the inputs say everything, so that no model has to be fitted first."""
        return "data" not in self.inputs


def published(card: str) -> list[Published]:
    """All rows of models/cards/<card>.md, in their order."""
    rows = []
    for line in (CARDS / f"{card}.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 6 or cells[0] == "id" or set(cells[0]) <= {"-"}:
            continue
        identifier, quantity, inputs, value, tolerance, _source = cells
        absolute = float(tolerance.removeprefix("rel "))
        if tolerance.startswith("rel "):
            absolute *= abs(float(value))
        rows.append(Published(identifier, quantity, _inputs(inputs), float(value), absolute))
    return rows


def _inputs(text: str) -> dict[str, float | str]:
    inputs: dict[str, float | str] = {}
    for item in text.split(", "):
        name, _, setting = item.partition("=")
        try:
            inputs[name] = float(setting)
        except ValueError:
            inputs[name] = setting
    return inputs
