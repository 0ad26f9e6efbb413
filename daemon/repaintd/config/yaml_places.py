"""Where the nodes of a YAML text stand: built only for files that have something to report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import yaml
from yaml.events import (
    MappingEndEvent,
    MappingStartEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from repaintd.config.yaml_portions import scannable

if TYPE_CHECKING:
    from collections.abc import Callable

    from yaml.error import Mark

LOADER: Final[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""libyaml's where PyYAML was built with it, else the same in Python."""

Position = tuple[int, int]
"""Line and column, both from 1."""


@dataclass(slots=True)
class Place:
    """Where a node stands, where its key does, and its children's places."""

    at: Position
    key: Position | None = None
    children: dict[str | int, Place] = field(default_factory=dict)


def find_places(text: str, loader: Any = LOADER) -> Place:
    """The places of all nodes of a text that was read without a stop before."""
    source = loader(scannable(text))
    try:
        following: Callable[[], Any] = source.get_event
        following()  # start of the stream
        if following().__class__ is StreamEndEvent:
            return Place((1, 1))
        return _place(following(), following)
    finally:
        source.dispose()


def _place(event: Any, following: Callable[[], Any]) -> Place:
    place = Place(_position(event.start_mark))
    if event.__class__ is MappingStartEvent:
        while (key := following()).__class__ is not MappingEndEvent:
            child = _place(following(), following)
            child.key = _position(key.start_mark)
            place.children.setdefault(key.value, child)
    elif event.__class__ is SequenceStartEvent:
        while (item := following()).__class__ is not SequenceEndEvent:
            place.children[len(place.children)] = _place(item, following)
    return place


def _position(mark: Mark) -> Position:
    return mark.line + 1, mark.column + 1
