"""A problem in the configuration, with its place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from repaintd.config import limits

if TYPE_CHECKING:
    from collections.abc import Iterable

_PATH_CHARACTERS: Final = 200
_TEXT_CHARACTERS: Final = 80
_PLAIN_KEY: Final = re.compile(r"[\w-]{1,80}")

Severity = Literal["error", "warning"]
Path = tuple[str | int, ...]
"""Keys and indexes from the root of a document to one of its nodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong or doubtful.

    Attributes:
        file: relative to the configuration directory, with `/`.
        line: from 1, as is `column`; 1 and 1 where the whole file is meant.
        path: dotted, like `bindings[0].refreshPolicy.ttlSeconds`; empty where none applies.
        message: what is wrong, and what to do. Never holds the value of a secret.
        severity: a `warning` does not keep the configuration from being used.
    """

    file: str
    line: int = 1
    column: int = 1
    path: str = ""
    message: str
    severity: Severity = "error"

    def __str__(self) -> str:
        path = f" {self.path}:" if self.path else ""
        doubt = " warning:" if self.severity == "warning" else ""
        return visible(f"{self.file}:{self.line}:{self.column}:{path}{doubt} {self.message}")


@dataclass(frozen=True, slots=True)
class TemplateProblem:
    """What a template engine finds wrong; line and column from 1, *file* within the folder."""

    line: int
    column: int | None
    message: str
    severity: Severity = "error"
    file: str = "template.html"


class Report:
    """Collects the problems of one load."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._settled: set[tuple[str, int, int, str]] = set()
        self._dropped = False

    def add(self, problem: Problem) -> None:
        """Keep *problem*, unless its place is settled."""
        if self._settled and self.settles(problem):
            return
        if len(self._problems) < limits.PROBLEMS:
            self._problems.append(problem)
        else:
            self._dropped = True

    def extend(self, problems: Iterable[Problem]) -> None:
        """Keep each of them."""
        for problem in problems:
            self.add(problem)

    def adopt(self, other: Report) -> None:
        """Keep all that *other* found in a file of its own."""
        self.extend(other._problems)
        self._dropped = self._dropped or other._dropped

    def settle(self, problems: Iterable[Problem]) -> None:
        """Keep each, and no other at the same place: whatever else is said of it only follows."""
        for problem in problems:
            self.add(problem)
            self._settled.add(_place(problem))

    def settles(self, problem: Problem) -> bool:
        """Whether all is said of the place of *problem*."""
        return _place(problem) in self._settled

    def __len__(self) -> int:
        return len(self._problems)

    @property
    def failed(self) -> bool:
        """Whether the configuration cannot be used."""
        return any(problem.severity == "error" for problem in self._problems)

    def problems(self) -> tuple[Problem, ...]:
        """All of them, by file and place."""
        found = sorted(
            self._problems,
            key=lambda problem: (problem.file, problem.line, problem.column),
        )
        if self._dropped:
            more = f"more than {limits.PROBLEMS:,} problems: mend these first"
            found.append(Problem(file=found[-1].file, message=more, severity=found[-1].severity))
        return tuple(found)


def _place(problem: Problem) -> tuple[str, int, int, str]:
    return problem.file, problem.line, problem.column, problem.path


def unread(file: str) -> Problem:
    """Warn of a file that its name keeps from being read."""
    message = "is not read: only *.yaml is; rename it"
    return Problem(file=file, message=message, severity="warning")


def dotted(path: Path) -> str:
    """Write *path* as people do: `bindings[0].mapping.title`; a monstrous one is cut short."""
    text = ""
    for part in path:
        if len(text) > _PATH_CHARACTERS:
            return f"{text[:_PATH_CHARACTERS]}…"
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f'["{shortened(part)}"]'
    return text


def shortened(text: str) -> str:
    """*text*, cut to what a message can bear."""
    return text if len(text) <= _TEXT_CHARACTERS else f"{text[:_TEXT_CHARACTERS]}…"


def visible(text: str) -> str:
    """Escape what a terminal or a log could take for more than text."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
