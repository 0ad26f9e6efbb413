"""How `repaintd check` tells its problems: to people, to programs, to GitHub, as SARIF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from repaintd.cli.reports.github import github
from repaintd.cli.reports.plain import as_json, text
from repaintd.cli.reports.sarif import sarif

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from repaintd.cli.reports.report import CheckReport

FORMATS: Final[Mapping[str, Callable[[CheckReport], str]]] = {
    "text": text,
    "json": as_json,
    "github": github,
    "sarif": sarif,
}
