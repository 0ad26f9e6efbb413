"""A compiled mapping path: where in a document the value of a variable lies (contract B.4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Protocol

from repaintd.core import jmes
from repaintd.core.path_syntax import (
    MAX_LENGTH,
    Frame,
    PathSyntaxError,
    Step,
    frame_of,
    steps_of,
)
from repaintd.core.template import MISSING

__all__ = ["MAX_LENGTH", "Path", "PathSyntaxError", "compile_path"]

_PREFIX: Final = "jmespath:"
_FOREIGN: Final = frozenset("*?(){}&|`@<>=!,:")
_KINDS: Final[dict[type, str]] = {
    str: "a string",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
}


class Path(Protocol):
    """A compiled path. Immutable, small, and shared by all that have the same text."""

    @property
    def text(self) -> str:
        """The path as written."""

    @property
    def literal(self) -> Any:
        """The value behind `||`; MISSING without one."""

    def find(self, document: Any) -> Any:
        """The value at this path; MISSING or None where there is none. Never raises."""

    def why(self, document: Any) -> str:
        """For people: why `find` gave MISSING or None for that very document."""


@dataclass(frozen=True, slots=True)
class Unmapped:
    """The empty path: the variable takes nothing from the document."""

    text: str = ""
    literal: Any = MISSING

    def find(self, document: Any) -> Any:
        del document
        return MISSING

    def why(self, document: Any) -> str:
        del document
        return "not mapped"


@dataclass(frozen=True, slots=True)
class Steps:
    """A path of keys and indexes."""

    text: str
    steps: tuple[Step, ...]
    literal: Any = MISSING

    def find(self, document: Any) -> Any:
        value = document
        try:
            for step in self.steps:
                if type(value) is str:  # "abc"[0] works in Python and means nothing here
                    return self._find_virtual(document)
                value = value[step]
        except (LookupError, TypeError):
            return self._find_virtual(document)
        return value

    def _find_virtual(self, document: Any) -> Any:
        value = document
        for step in self.steps:
            value = _step(value, step)
            if value is MISSING:
                break
        return value

    def why(self, document: Any) -> str:
        value, place = document, "the document"
        for step in self.steps:
            found = _step(value, step)
            if found is MISSING:
                return f'path "{self.text}" matched nothing: {_complaint(value, step, place)}'
            value, place = found, f'"{step}"' if isinstance(step, str) else f"item {step}"
        return f'path "{self.text}" is null'


@dataclass(frozen=True, slots=True)
class Expression:
    """A JMESPath expression."""

    text: str
    tree: Any = field(repr=False, compare=False)
    literal: Any = MISSING

    def find(self, document: Any) -> Any:
        try:
            return jmes.evaluate(self.tree, document)
        except jmes.ExpressionFailed:
            return MISSING

    def why(self, document: Any) -> str:
        try:
            jmes.evaluate(self.tree, document)
        except jmes.ExpressionFailed as error:
            return f'path "{self.text}" failed: {error}'
        return f'path "{self.text}" matched nothing'


@lru_cache(maxsize=16_384)
def compile_path(text: str) -> Path:
    """Compile a path; the same text gives the same object.

    Raises:
        PathSyntaxError: neither the path language nor JMESPath can read it.
    """
    if len(text) > MAX_LENGTH:
        raise PathSyntaxError(f"longer than {MAX_LENGTH} characters", MAX_LENGTH)
    if not text.strip():
        return Unmapped()
    if text.lstrip().startswith(_PREFIX):
        start = text.index(_PREFIX) + len(_PREFIX)
        return Expression(text, jmes.parse(text[start:], start))
    frame = frame_of(text)
    if frame.start == frame.end and "$" not in text[: frame.start]:
        raise PathSyntaxError('expected a field name, an index or "$"', frame.start)
    try:
        return Steps(text, steps_of(text, frame), frame.literal)
    except PathSyntaxError as error:
        return _expression(text, frame, error)


def _expression(text: str, frame: Frame, plain: PathSyntaxError) -> Path:
    body = text[frame.start : frame.end]
    try:
        return Expression(text, jmes.parse(body, frame.start), frame.literal)
    except PathSyntaxError as error:
        if _FOREIGN.isdisjoint(body):
            raise plain from None
        raise error from plain


def _step(value: Any, step: Step) -> Any:
    """One step the long way: own keys first, then list positions, then the virtual `length`."""
    if isinstance(value, dict):
        found = value.get(step if isinstance(step, str) else str(step), MISSING)
    elif isinstance(value, list):
        found = _item(value, step)
    else:
        found = MISSING
    if found is MISSING and step == "length" and isinstance(value, dict | list | str):
        return len(value)
    return found


def _item(items: list[Any], step: Step) -> Any:
    if isinstance(step, str):
        if not step.isdecimal():
            return MISSING
        step = int(step)
    return items[step] if -len(items) <= step < len(items) else MISSING


def _complaint(value: Any, step: Step, place: str) -> str:
    if value is None:
        return f"{place} is null"
    if isinstance(value, dict):
        return f'no key "{step}"' + ("" if place == "the document" else f" in {place}")
    if isinstance(value, list) and str(step).lstrip("-").isdecimal():
        count = f"{len(value)} item" + ("" if len(value) == 1 else "s")
        return f"index {step} is beyond the {count} of {place}"
    wanted = "a list" if isinstance(step, int) else "an object"
    return f"{place} is {_KINDS.get(type(value), type(value).__name__)}, not {wanted}"
