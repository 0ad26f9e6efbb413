"""A table for people: aligned, coloured on a terminal, the last column as wide as it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from repaintd.config.problem import visible

if TYPE_CHECKING:
    from collections.abc import Sequence


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], colours: Sequence[str | None]
) -> None:
    """Print *rows* under *headings*, each in its colour."""
    rows = [tuple(map(visible, row)) for row in rows]
    widths = [max(len(row[n]) for row in (headings, *rows)) for n in range(len(headings) - 1)]
    click.secho(_line(headings, widths), bold=True)
    for row, colour in zip(rows, colours, strict=True):
        click.secho(_line(row, widths), fg=colour)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=False)]
    return "  ".join((*padded, cells[-1])).rstrip()
