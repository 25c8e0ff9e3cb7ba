"""Rows of the suite `jose`: the table on the terminal and `results/jose.json`."""

import datetime as dt
import json
import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from cryptography.hazmat.backends.openssl.backend import backend

from benchmarks.jose_rounds import Summary

_LIBRARIES: Final = (
    "cryptography", "msgspec", "PyNaCl", "PyJWT", "joserfc", "Authlib", "jwcrypto",
)  # fmt: skip

METHOD: Final = (
    "Interleaved rounds in one process; CPU time of the thread for one call. `value` is the median of the rounds, "
    "`ratio` the median of the ratios within a round; `best`, `comparison_best` and `ratio_of_bests` are of the best "
    "rounds. `met` judges the medians, `met_by_best` the best rounds."
)


class AtMost(NamedTuple):
    """The largest value that is allowed, or the largest ratio to the comparison."""

    limit: float
    of: Literal["value", "ratio"]

    def __str__(self) -> str:
        return f"{self.of} at most {self.limit:g}"


class JoseRow(NamedTuple):
    """One measured thing; without a summary it could not be measured, and `note` says why."""

    name: str
    unit: str
    summary: Summary | None
    comparison: str | None = None
    budget: AtMost | None = None
    note: str = ""

    def judge(self) -> tuple[bool, bool] | None:
        """Whether the budget is met by the medians, and by the best rounds; None without a budget or a value."""
        if self.budget is None or self.summary is None:
            return None
        limit, summary = self.budget.limit, self.summary
        if self.budget.of == "value":
            return summary.median <= limit, summary.best <= limit
        assert summary.ratio is not None
        assert summary.ratio_of_bests is not None
        return summary.ratio <= limit, summary.ratio_of_bests <= limit

    def to_json(self) -> dict[str, Any]:
        """The row as it stands in the results file."""
        row: dict[str, Any] = {"name": self.name, "unit": self.unit, "value": None}
        if self.summary:
            median, best, peer_median, peer_best, ratio = map(_rounded, self.summary)
            row |= {"value": median, "best": best}
            if self.comparison:
                row |= {
                    "comparison": self.comparison,
                    "comparison_value": peer_median,
                    "comparison_best": peer_best,
                    "ratio": ratio,
                    "ratio_of_bests": _rounded(self.summary.ratio_of_bests),
                }
        verdict = self.judge()
        if self.budget:
            row["budget"] = str(self.budget)
        if verdict:
            row |= {"met": verdict[0], "met_by_best": verdict[1]}
        if self.note:
            row["note"] = self.note
        return row

    def verdict(self) -> str:
        """The last column of the table."""
        judged = self.judge()
        if judged is None:
            return self.note
        by_median, by_best = judged
        said = "met" if by_median else "MISSED, met by the best rounds" if by_best else "MISSED"
        return f"{self.budget}: {said}"


def print_rows(rows: Sequence[JoseRow]) -> None:
    cells: list[tuple[str, ...]] = [
        ("measured", "median", "best", "unit", "against", "median", "best", "ratio", "of bests", "budget")
    ]
    for row in rows:
        summary = row.summary
        figures: list[float | None] = [None] * 6
        if summary:
            figures = [*summary, summary.ratio_of_bests]
        shown = [_shown(figure) for figure in figures]
        cells.append(
            (row.name, shown[0], shown[1], row.unit, row.comparison or "", *shown[2:6], row.verdict())
        )
    widths = [max(len(line[column]) for line in cells) for column in range(9)]
    for line in cells:
        padded = [
            f"{cell:<{width}}" if column in (0, 3, 4) else f"{cell:>{width}}"
            for column, (cell, width) in enumerate(zip(line, widths, strict=False))
        ]
        print("  ".join([*padded, line[9]]).rstrip())


def write_rows(rows: Sequence[JoseRow], path: Path, *, rounds: int, load_before: float) -> None:
    """Write the rows with what they were measured on."""
    head = {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "method": METHOD,
        "rounds": rounds,
        "machine": {
            "cpu": _cpu_model(),
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "load_before": round(load_before, 2),
        },
        "versions": {
            "python": platform.python_version(),
            "openssl": backend.openssl_version_text(),
            **{name: version(name) for name in _LIBRARIES},
        },
    }
    lines = ",\n".join("    " + json.dumps(row.to_json(), ensure_ascii=False) for row in rows)
    top = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in head.items())
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'{{\n{top},\n  "rows": [\n{lines}\n  ]\n}}\n')


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
