"""States and events as bytes: JSON that later and earlier versions can read.

Documents of strangers hold integers beyond 64 bits and lone surrogates, which orjson refuses or
rounds. Such values go through the standard library, and a leading space says so to the reader.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final, TypeVar

import orjson

from repaintd.core.fetch import NO_VALIDATORS, Validators
from repaintd.core.state import BindingState, Fallback, StoredImage

T = TypeVar("T")

_EXACT: Final = b" "
_FIELDS: Final[Mapping[type, tuple[str, ...]]] = {
    each: tuple(field.name for field in fields(each))
    for each in (BindingState, Validators, Fallback, StoredImage)
}
_KNOWN: Final = frozenset(_FIELDS[BindingState])
_INTERNED: Final = ("due_reason", "last_error_stage", "last_error_reason")


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
    return BindingState(**document)


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


def _image(document: object) -> StoredImage | None:
    if isinstance(document, dict):
        for name in ("format", "media_type"):
            if isinstance(document.get(name), str):
                document[name] = sys.intern(document[name])
    return _record(StoredImage, document)
