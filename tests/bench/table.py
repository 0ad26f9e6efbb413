"""What was measured, what it is held against, and the table and JSON that show it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HEAD: Final = ("measurement", "ours", "baseline", "ratio", "budget", "")
_LEFT: Final = 1  # columns that hold words; the others hold figures
_MANY: Final = 100  # from here on nobody reads the decimals


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a row promises.

    Attributes:
        of: `ratio` (ours ÷ baseline), `ours` (in the row's unit), `excess` (ours - baseline).
    """

    of: Literal["ratio", "ours", "excess"]
    at_least: float | None = None
    at_most: float | None = None

    def met_by(self, value: float) -> bool:
        """Whether *value* keeps within it."""
        low = self.at_least is None or value >= self.at_least
        return low and (self.at_most is None or value <= self.at_most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measurement.

    Attributes:
        name: what was measured, for people.
        unit: of both figures.
        baseline: the same work done plainly; None where there is nothing to compare with.
        budget: None for information only.
        note: what a reader must know to trust the row.
    """

    name: str
    ours: float
    unit: str
    baseline: float | None = None
    budget: Budget | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours ÷ baseline."""
        return self.ours / self.baseline if self.baseline else None

    @property
    def ok(self) -> bool | None:
        """Whether the budget is met; None where there is none."""
        if self.budget is None:
            return None
        value = self._measured(self.budget)
        return value is not None and self.budget.met_by(value)

    def _measured(self, budget: Budget) -> float | None:
        if budget.of == "ours":
            return self.ours
        if budget.of == "ratio":
            return self.ratio
        return None if self.baseline is None else self.ours - self.baseline

    def cells(self) -> tuple[str, ...]:
        """The row as the table prints it."""
        return (
            self.name,
            figure(self.ours, self.unit),
            "" if self.baseline is None else figure(self.baseline, self.unit),
            "" if self.ratio is None else f"{self.ratio:.2f}",
            budget_text(self.budget, self.unit),
            {True: "ok", False: "MISS", None: ""}[self.ok],
        )

    def document(self) -> dict[str, Any]:
        """The row as JSON has it; `row_of` reads it back."""
        return {
            "measurement": self.name,
            "ours": self.ours,
            "baseline": self.baseline,
            "ratio": self.ratio,
            "unit": self.unit,
            "budget": None if self.budget is None else asdict(self.budget),
            "ok": self.ok,
            "note": self.note,
        }


def row_of(document: Mapping[str, Any]) -> Row:
    """The row that a document was made from."""
    budget = document["budget"]
    return Row(
        name=document["measurement"],
        ours=document["ours"],
        unit=document["unit"],
        baseline=document["baseline"],
        budget=None if budget is None else Budget(**budget),
        note=document["note"],
    )


def figure(value: float, unit: str) -> str:
    """A number as people read it: `9,137/s`, `42.3 ms`."""
    digits = 0 if abs(value) >= _MANY or value == int(value) else 2
    space = "" if unit.startswith(("/", "%")) else " "
    return f"{value:,.{digits}f}{space}{unit}".rstrip()


def budget_text(budget: Budget | None, unit: str) -> str:
    """`≥ 2.5`, `≤ 300 MiB`, `≤ baseline + 15 ms`."""
    if budget is None:
        return ""
    parts = []
    for sign, bound in (("≥", budget.at_least), ("≤", budget.at_most)):
        if bound is None:
            continue
        value = f"{bound:g}" if budget.of == "ratio" else figure(bound, unit)
        parts.append(f"{sign} baseline + {value}" if budget.of == "excess" else f"{sign} {value}")
    return ", ".join(parts)


def layout(rows: Sequence[Row]) -> str:
    """The table as text, columns aligned, notes below."""
    cells = [HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEAD))]
    lines = [_line(line, widths) for line in cells]
    lines.insert(1, "  ".join("─" * width for width in widths))
    notes = [f"  {row.name}: {row.note}" for row in rows if row.note]
    return "\n".join([*lines, *(["", "notes", *notes] if notes else [])])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.ljust(width) if column < _LEFT else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()
