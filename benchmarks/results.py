"""Rows of a benchmark: the table on the terminal and the JSON file that is committed."""

import json
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Budget(NamedTuple):
    """A limit for the ratio of a row or, with `of_value`, for its value."""

    limit: float
    at_least: bool
    of_value: bool = False

    def __str__(self) -> str:
        return f"{'at least' if self.at_least else 'at most'} {self.limit:g}"

    def missed_by(self, value: float, ratio: float | None) -> float:
        """The part of the limit that is missing or too much, 0 when the budget is met."""
        measured = value if self.of_value or ratio is None else ratio
        excess = self.limit - measured if self.at_least else measured - self.limit
        return max(0.0, excess / self.limit)


class Row(NamedTuple):
    """One measured thing, or one that could not be measured: `value` None and a `note` that says why."""

    name: str
    value: float | None
    unit: str
    peer: str | None = None
    ratio: float | None = None
    budget: Budget | None = None
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """The row as it stands in the results file."""
        row: dict[str, Any] = {
            "name": self.name, "value": _rounded(self.value), "unit": self.unit, "peer": self.peer,
            "ratio": _rounded(self.ratio),
        }  # fmt: skip
        if self.budget and self.value is not None:
            missed = self.budget.missed_by(self.value, self.ratio)
            row["budget"] = {"limit": str(self.budget), "met": missed == 0, "missed_by": _rounded(missed)}
        if self.note:
            row["note"] = self.note
        return row

    def verdict(self) -> str:
        """The last column of the table."""
        if self.value is None or self.budget is None:
            return self.note
        missed = self.budget.missed_by(self.value, self.ratio)
        return f"{self.budget}: {f'MISSED by {missed:.1%}' if missed else 'met'}"


def median_ratio(measured: Sequence[float], peers: Sequence[float]) -> float:
    """The median over the rounds of the ratio within one round, which cancels the machine's drift."""
    return statistics.median(ours / theirs for ours, theirs in zip(measured, peers, strict=True))


def print_table(rows: Iterable[Row]) -> None:
    cells = [("measured", "value", "unit", "against", "ratio", "budget")]
    cells += [
        (row.name, _shown(row.value), row.unit, row.peer or "", _shown(row.ratio), row.verdict())
        for row in rows
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(5)]
    for name, value, unit, peer, ratio, verdict in cells:
        print(
            f"{name:<{widths[0]}}  {value:>{widths[1]}} {unit:<{widths[2]}}  {peer:<{widths[3]}}  "
            f"{ratio:>{widths[4]}}  {verdict}".rstrip()
        )


def write_json(rows: Iterable[Row], path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    lines = ",\n".join("  " + json.dumps(row.to_json(), ensure_ascii=False) for row in rows)
    path.write_text(f"[\n{lines}\n]\n")


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _shown(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
