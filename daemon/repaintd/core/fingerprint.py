"""Short, stable names for values: equal name, equal value."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

    from repaintd.core.binding import Binding, OutputConfig
    from repaintd.core.template import Template


def digest(*parts: bytes | str) -> str:
    """32 hexadecimal digits over the parts; where one ends and the next begins matters."""
    hasher = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        hasher.update(len(data).to_bytes(8, "big"))
        hasher.update(data)
    return hasher.hexdigest()


def canonical(value: Any) -> bytes:
    """The value as JSON with sorted keys: equal values give equal bytes."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # integers beyond 64 bits and lone surrogates: slower, but all of JSON
        return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()


def configured_fingerprint(binding: Binding, template: Template, mapping: str) -> str:
    """Name of everything in the configuration that decides what the image shows."""
    shape = _shape(binding.output)
    return digest(binding.source.fingerprint, mapping, template.fingerprint, shape)


def render_fingerprint(
    variables: Mapping[str, Any], template: Template, output: OutputConfig
) -> str:
    """Name of everything that an image is made from."""
    return digest(canonical(variables), template.fingerprint, _shape(output))


def _shape(output: OutputConfig) -> str:
    return f"{output.format.value}:{output.quality}:{output.width}:{output.height}"
