"""From the bytes of a response to a document.

JSON as RFC 8259 has it, in UTF-8, nothing more: NaN and Infinity, numbers beyond a double,
unpaired surrogates and nesting beyond 1,024 levels are refused. A byte order mark is skipped. Of
equal keys the last one counts. Integers that do not fit 64 bits come as text with all their
digits, for a number would be rounded on the way to the image. Any value may stand at the top.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

import orjson

from repaintd.plugin import FetchFailed

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_HTML: Final = frozenset({"text/html", "application/xhtml+xml"})
# Servers of plain files do not know better.
_UNTOLD: Final = frozenset({"", "text/plain", "application/octet-stream", "binary/octet-stream"})
_DIGITS: Final = bytes.maketrans(b"123456789", b"0" * 9)
_LONG_NUMBER: Final = b"0" * 19
_LOWEST, _HIGHEST = -(2**63), 2**64 - 1
_MOST_DIGITS: Final = 20


def read_document(body: bytes, content_type: str) -> tuple[Any, str]:
    """The document, and the hash of the bytes.

    Raises:
        FetchFailed: reason `content` for what is not meant as JSON (an HTML page, nothing at
            all), reason `json` for what is and fails.
    """
    text = body.removeprefix(_BYTE_ORDER_MARK)
    _check_kind(text, content_type.partition(";")[0].strip().lower())
    try:
        document = orjson.loads(text)
        if _LONG_NUMBER in text.translate(_DIGITS):
            document = json.loads(text, parse_int=_integer)
    except ValueError as exc:
        raise FetchFailed(f"Data source returned invalid JSON: {exc}", reason="json") from None
    except RecursionError:
        raise FetchFailed(
            "Data source returned JSON that is nested too deeply", reason="json"
        ) from None
    return document, hashlib.blake2b(body, digest_size=16).hexdigest()


def _check_kind(text: bytes, kind: str) -> None:
    start = text[:64].lstrip()
    if not start and not text.strip():
        raise FetchFailed("Data source returned an empty body", reason="content")
    if kind in _HTML or start.startswith(b"<"):
        raise FetchFailed(
            "Data source returned a page of HTML or XML instead of JSON; "
            "a login or a challenge page looks like that",
            reason="content",
        )
    if kind not in _UNTOLD and kind not in ("application/json", "text/json"):
        if kind.endswith("+json"):
            return
        shown = "".join(character for character in kind[:80] if character.isprintable())
        raise FetchFailed(
            f"Data source returned {shown or 'an unknown type'} instead of JSON", reason="content"
        )


def _integer(digits: str) -> int | str:
    if len(digits) > _MOST_DIGITS:
        return digits
    number = int(digits)
    return number if _LOWEST <= number <= _HIGHEST else digits
