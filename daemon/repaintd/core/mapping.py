"""Takes the variables of a template out of a document (contract B.4, B.5; DESIGN section 3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from repaintd.core.fingerprint import canonical, digest
from repaintd.core.json_value import NotJson, is_missing, settle
from repaintd.core.path import Path, PathSyntaxError, compile_path
from repaintd.core.state import Fallback
from repaintd.core.template import MISSING
from repaintd.errors import MapFailed

if TYPE_CHECKING:
    from repaintd.core.binding import Binding
    from repaintd.core.template import Template

__all__ = [
    "MAX_BYTES",
    "Mapped",
    "PathSyntaxError",
    "compile_path",
    "map_document",
    "mapping_fingerprint",
]

MAX_BYTES: Final = 1024 * 1024
"""Most bytes of all variables of one binding, as JSON."""

IN_PATH: Final = "fallback in the path"
DEFAULTS: Final = "defaults"
TEMPLATE_DEFAULT: Final = "template default"
EMPTY: Final = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """The variables of one document.

    Attributes:
        variables: every variable that the mapping, the defaults or the template name; JSON values.
        fallbacks: why some of them do not come from the document.
        complete: no variable is empty for want of a path and of a default.
    """

    variables: dict[str, Any] = field(repr=False)
    fallbacks: tuple[Fallback, ...] = ()
    complete: bool = True


class _Choice(NamedTuple):
    value: Any
    fallback: Fallback | None = None


def map_document(binding: Binding, template: Template, document: Any) -> Mapped:
    """Give every variable its value: path, else `defaults`, else template default, else "".

    Absent, null and not-a-number are missing; "", 0 and false are values.

    Args:
        binding: for its mapping and its defaults.
        template: for its variables, their defaults and `strict`.
        document: JSON values, or MISSING where there is none: defaults only.

    Raises:
        MapFailed: `missing` (a strict template lacks a value), `too_large` (more than MAX_BYTES),
            `type` (a value that is no JSON), `path` (a path that cannot be read).
    """
    variables: dict[str, Any] = {}
    fallbacks: list[Fallback] = []
    size = 0
    for name in dict.fromkeys((*binding.mapping, *binding.defaults, *template.variables)):
        value, fallback = _choose(name, binding, template, document)
        variables[name], length = _settle(name, value)
        size += length
        if size > MAX_BYTES:
            raise _too_large(name, length)
        if fallback is not None:
            fallbacks.append(fallback)
    empty = [fallback for fallback in fallbacks if fallback.used == EMPTY]
    if empty and template.strict:
        raise _lacking(empty, template)
    return Mapped(variables=variables, fallbacks=tuple(fallbacks), complete=not empty)


def mapping_fingerprint(binding: Binding, template: Template) -> str:
    """Changes when the same document could give other variables.

    Covers mapping, defaults, the template's variables with their defaults, and `strict`.
    """
    declared = {
        name: [] if variable.default is MISSING else [variable.default]
        for name, variable in template.variables.items()
    }
    parts = [dict(binding.mapping), dict(binding.defaults), declared, template.strict]
    return digest(canonical(parts))


def _choose(name: str, binding: Binding, template: Template, document: Any) -> _Choice:
    text = binding.mapping.get(name, "")
    path = _compile(name, text)
    value = MISSING if document is MISSING else path.find(document)
    if value is not MISSING and not is_missing(value):
        return _Choice(value)
    value, used = _substitute(name, path, binding, template)
    no_document = document is MISSING and text.strip()
    reason = "there is no document yet" if no_document else path.why(document)
    return _Choice(value, _fallback(name, text, reason, used))


def _substitute(name: str, path: Path, binding: Binding, template: Template) -> tuple[Any, str]:
    declared = template.variables.get(name)
    for value, used in (
        (path.literal, IN_PATH),
        (binding.defaults.get(name), DEFAULTS),
        (MISSING if declared is None else declared.default, TEMPLATE_DEFAULT),
    ):
        if value is not MISSING and not is_missing(value):
            return value, used
    return "", EMPTY


def _compile(name: str, text: str) -> Path:
    try:
        return compile_path(text)
    except PathSyntaxError as error:
        message = f'variable "{name}": the path "{text}" cannot be read: {error}'
        raise MapFailed(message, reason="path") from error


def _settle(name: str, value: Any) -> tuple[Any, int]:
    try:
        return settle(value)
    except NotJson as error:
        raise MapFailed(f'variable "{name}" cannot be used: {error}', reason="type") from error


@lru_cache(maxsize=4096)
def _fallback(variable: str, path: str, reason: str, used: str) -> Fallback:
    return Fallback(variable=variable, path=path, reason=reason, used=used)


def _too_large(name: str, length: int) -> MapFailed:
    return MapFailed(
        f"the variables take more than {MAX_BYTES:,} bytes of JSON "
        f'("{name}" alone takes {length:,}): map a smaller part of the document',
        reason="too_large",
    )


def _lacking(empty: list[Fallback], template: Template) -> MapFailed:
    what = "; ".join(
        f'variable "{item.variable}" has no value: {item.reason}' for item in empty[:5]
    )
    more = f"; and {len(empty) - 5} more" if len(empty) > 5 else ""  # noqa: PLR2004 - as above
    return MapFailed(
        f'{what}{more}. The template "{template.id}" is strict: mend the path, or give a default',
        reason="missing",
    )
