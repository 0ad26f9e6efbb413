"""minijinja as templates see it: HTML escaped, no way to files, our filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import minijinja
import orjson

from repaintd.render.filters import build_filters

if TYPE_CHECKING:
    from collections.abc import Callable

SEPARATOR: Final = "//"
"""Between a template's key and the file's name: templates do not see each other's files."""


def build_environment(
    now: Callable[[], float], *, strict: bool, fuel: int
) -> minijinja.Environment:
    """An environment for many templates, each file of theirs named `key//file`.

    Args:
        now: seconds since the epoch, for `now()` and `timeago`.
        strict: printing something undefined is an error; else it prints nothing.
        fuel: instructions that one expansion may take.
    """
    # minijinja knows semi_strict (an undefined value may be tested); its type stub does not
    undefined: Any = "semi_strict" if strict else "chainable"
    environment = minijinja.Environment(
        fuel=fuel,
        undefined_behavior=undefined,
        auto_escape_callback=_always_html,
        path_join_callback=_beside,
        finalizer=_printed,
        filters=build_filters(now),
        globals={"now": now},
    )
    environment.remove_global("debug")  # shows the engine's insides
    return environment


def _always_html(name: str) -> Literal["html"]:
    del name
    return "html"


def _beside(name: str, parent: str) -> str:
    return f"{parent.partition(SEPARATOR)[0]}{SEPARATOR}{name.removeprefix('./')}"


def _printed(value: Any) -> Any:
    """Null as nothing, the rest as JSON writes it; minijinja alone prints None and True."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return orjson.dumps(value, default=str).decode()
    return value
