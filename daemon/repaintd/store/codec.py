"""States and events as bytes: JSON that later and earlier versions can read.

Documents of strangers hold integers beyond 64 bits and lone surrogates, which orjson refuses or
rounds. Such values go through the standard library, and a leading space says so to the reader.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Final, TypeVar

import orjson

from repaintd.core.fetch import NO_VALIDATORS, Validators
from repaintd.core.run import Ending, Run, Streak
from repaintd.core.state import BindingState, Fallback, StoredImage, Trigger

T = TypeVar("T")

_EXACT: Final = b" "
_FIELDS: Final[Mapping[type, tuple[str, ...]]] = {
    each: tuple(field.name for field in fields(each))
    for each in (BindingState, Validators, Fallback, StoredImage, Streak, Run)
}
_KNOWN: Final = frozenset(_FIELDS[BindingState])
_INTERNED: Final = ("due_reason", "last_error_stage", "last_error_reason")
_USUAL: Final[Mapping[str, Any]] = {
    "stages": {},
    **{each.name: each.default for each in fields(Run) if each.default is not MISSING},
}


def json_bytes(value: object) -> bytes:
    """*value* as JSON, as it is meant to be sent.

    Raises:
        TypeError: it holds something that is no JSON value.
    """
    try:
        return orjson.dumps(value, default=_plain)
    except TypeError:
        return _exact(value)


def encode_state(state: BindingState) -> bytes:
    """*state* as JSON, for `decode_state`.

    Raises:
        TypeError: it holds something that is no JSON value.
    """
    try:
        return orjson.dumps(state, default=_plain)
    except TypeError:
        return _EXACT + _exact(state)


def decode_state(uid: str, blob: bytes) -> BindingState:
    """The state of *uid* as far as it can be read: unknown keys ignored, missing ones defaulted.

    Raises:
        ValueError: *blob* is not a JSON object.
    """
    document = json.loads(blob) if blob[:1] == _EXACT else orjson.loads(blob)
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 — one error for all unreadable blobs
    for name in document.keys() - _KNOWN:
        del document[name]
    for name in _INTERNED:
        if isinstance(document.get(name), str):
            document[name] = sys.intern(document[name])
    document["uid"] = uid
    document["validators"] = _validators(document.get("validators"))
    document["fallbacks"] = _fallbacks(document.get("fallbacks"))
    document["image"] = _image(document.get("image"))
    document["streak"] = _streak(document.get("streak"))
    return BindingState(**document)


def encode_run(run: Run) -> bytes:
    """*run* as JSON, for `decode_run`; what is as usual is left out.

    Raises:
        TypeError: it holds something that is no JSON value.
    """
    document = {name: getattr(run, name) for name in _FIELDS[Run]}
    document = {
        name: value
        for name, value in document.items()
        if name not in _USUAL or value != _USUAL[name]
    }
    try:
        return orjson.dumps(document, default=_plain)
    except TypeError:
        return _EXACT + _exact(document)


def decode_run(blob: bytes) -> Run:
    """The run as far as it can be read: unknown keys ignored, missing ones defaulted.

    Raises:
        ValueError: *blob* is no run.
    """
    document = json.loads(blob) if blob[:1] == _EXACT else orjson.loads(blob)
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 — one error for all unreadable blobs
    found = {name: document[name] for name in _FIELDS[Run] if name in document}
    found["fallbacks"] = _fallbacks(found.get("fallbacks"))
    found["changed"] = tuple(found.get("changed") or ())
    try:
        found["trigger"] = Trigger(str(found.get("trigger")))
        found["ending"] = Ending(str(found.get("ending")))
        return Run(**found)
    except TypeError as exc:
        raise ValueError(f"not a run: {exc}") from exc


def _exact(value: object) -> bytes:
    try:
        return json.dumps(value, default=_plain, separators=(",", ":"), allow_nan=False).encode()
    except (ValueError, RecursionError) as exc:
        raise TypeError(f"not made of JSON values: {exc}") from exc


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value):
        return {name: getattr(value, name) for name in _FIELDS[type(value)]}
    raise TypeError(f"{type(value).__name__} is not JSON serializable")


def _record(kind: type[T], document: object) -> T | None:
    """An instance of *kind*, None where what is stored lacks a key that it needs."""
    if not isinstance(document, dict):
        return None
    try:
        return kind(**{name: document[name] for name in _FIELDS[kind] if name in document})
    except TypeError:
        return None


def _validators(document: object) -> Validators:
    return _record(Validators, document) or NO_VALIDATORS


def _fallbacks(document: object) -> tuple[Fallback, ...]:
    items = document if isinstance(document, list) else ()
    return tuple(each for item in items if (each := _record(Fallback, item)) is not None)


def _streak(document: object) -> Streak | None:
    """The streak; None where it cannot be read, which ends it."""
    streak = _record(Streak, document)
    if streak is None:
        return None
    try:
        streak.trigger = None if streak.trigger is None else Trigger(streak.trigger)
        streak.ending = None if streak.ending is None else Ending(streak.ending)
    except ValueError:
        return Streak(number=streak.next_number)
    return streak


def _image(document: object) -> StoredImage | None:
    if isinstance(document, dict):
        for name in ("format", "media_type"):
            if isinstance(document.get(name), str):
                document[name] = sys.intern(document[name])
    return _record(StoredImage, document)
