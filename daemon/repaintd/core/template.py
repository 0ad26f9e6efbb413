"""A template: what an image looks like before the data is in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from repaintd.core.binding import Origin


class Missing:
    """The type of MISSING: no value was given (None is a value in JSON)."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One variable that a template declares."""

    name: str
    default: Any = MISSING
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file beside the template (font, picture, style sheet), held in memory."""

    media_type: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One template folder.

    Attributes:
        id: the folder's name; `templateId` of a binding.
        engine: `jinja` (minijinja); others come with plugins and the API.
        markup: the text of `template.html`.
        width: CSS pixels of the viewport, 1 to 10,000; height likewise.
        scale: device pixels per CSS pixel, above 0 and at most 4.
        variables: declared variables by name.
        javascript: whether scripts of the template may run.
        volatile: render even when variables are the same as last time (clocks, random art).
        strict: a missing variable fails the refresh at stage `map`.
        transparent: leave out the white page background (PNG and WebP).
        assets: path relative to the folder, with `/` → asset.
        fingerprint: changes when anything of the folder does.
        path: where `template.html` lies, for messages.
    """

    id: str
    name: str = ""
    engine: str = "jinja"
    markup: str = field(repr=False)
    width: int = 1200
    height: int = 630
    scale: float = 1.0
    variables: Mapping[str, Variable] = field(default_factory=dict)
    javascript: bool = False
    volatile: bool = False
    strict: bool = False
    transparent: bool = False
    assets: Mapping[str, Asset] = field(default_factory=dict, repr=False)
    fingerprint: str = ""
    path: str = ""
    origin: Origin | None = None
