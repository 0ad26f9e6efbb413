"""How `repaintd plan` tells what would change: to people, to programs, to a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from repaintd.cli.plans.document import as_json, invalid_json
from repaintd.cli.plans.markdown import invalid_markdown, markdown
from repaintd.cli.plans.text import text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from repaintd.cli.plans.report import PlanReport
    from repaintd.config import Problem

FORMATS: Final[Mapping[str, Callable[[PlanReport], str]]] = {
    "text": text,
    "json": as_json,
    "markdown": markdown,
}
INVALID: Final[Mapping[str, Callable[[Sequence[Problem]], str]]] = {
    "json": invalid_json,
    "markdown": invalid_markdown,
}
"""What is said of a configuration that is not valid, where it is not said as by `check`."""
