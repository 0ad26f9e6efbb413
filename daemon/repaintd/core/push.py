"""Pushed data: what of a trigger's body is data, and what it does to the document kept so far.

JSON as RFC 8259 has it, in UTF-8, nothing more, the same as of data sources that are polled: NaN
and Infinity, numbers beyond a double, unpaired surrogates and monstrous nesting are refused. A byte
order mark is skipped. Of equal keys the last one counts. Integers that do not fit 64 bits become
text with all their digits, for a number would be rounded on the way to the image.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import orjson

from repaintd.errors import DocumentRefused

if TYPE_CHECKING:
    from repaintd.core.intake import Push

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_FORM: Final = "application/x-www-form-urlencoded"
_FORM_FIELDS: Final = 100
_DIGITS: Final = bytes.maketrans(b"123456789", b"0" * 9)
_LONG_NUMBER: Final = b"0" * 19
_LOWEST, _HIGHEST = -(2**63), 2**64 - 1
_MOST_DIGITS: Final = 20
_UNSUSPICIOUS_DEPTH: Final = 100
_TOO_DEEP: Final = "The data is nested too deeply; at most some 250 levels are kept"


def payload_of(body: bytes, content_type: str) -> bytes | None:
    """The data that a trigger brings, as JSON; None where its body is empty (contract B.10).

    It is `payload` of a body that is an object with `event` and `payload`, else the whole body. Of
    a form it is the field `payload` that counts as the body, as GitHub sends it.

    Raises:
        DocumentRefused: the body is no JSON; the message is for the sender.
    """
    text = body.removeprefix(_BYTE_ORDER_MARK)
    if text.strip() and _is_form(text, content_type):
        text = _form_payload(text)
    if not text.strip():
        return None
    document, exact = _read(text)
    if text.count(b"[") + text.count(b"{") > _UNSUSPICIOUS_DEPTH:
        _written([document])  # in a list, as `append` keeps it
    if isinstance(document, dict) and "event" in document and "payload" in document:
        return _written(document["payload"])
    return text if exact else _written(document)


def merged(document: bytes | None, push: Push) -> bytes:
    """The document after *push*, as JSON.

    `replace`: the payload alone. `deepMerge`: objects are merged key by key at any depth; whatever
    else meets, the payload's value wins. `append`: a list of the latest `push.keep` payloads, of
    fewer where these are too large; a document that is no list yet becomes its first item.

    Raises:
        DocumentRefused: it would be larger than `push.max_bytes`; the message is for the sender.
    """
    if push.merge == "append":
        return _sized(_appended(document, push), push)
    if push.merge == "replace" or document is None:
        return _sized(push.payload, push)
    try:
        whole = _laid_over(_read(document)[0], _read(push.payload)[0])
    except RecursionError:
        raise DocumentRefused(_TOO_DEEP) from None
    return _sized(_written(whole), push)


def _appended(document: bytes | None, push: Push) -> bytes:
    earlier = [] if document is None else _read(document)[0]
    if not isinstance(earlier, list):
        earlier = [earlier]
    items = [_written(item) for item in earlier[max(0, len(earlier) + 1 - push.keep) :]]
    items.append(push.payload)
    size = sum(map(len, items)) + len(items) + 1  # commas between, brackets around
    first = 0
    while size > push.max_bytes and first < len(items) - 1:
        size -= len(items[first]) + 1
        first += 1
    return b"[" + b",".join(items[first:]) + b"]"


def _laid_over(document: Any, payload: Any) -> Any:
    """*payload* over *document*, which is changed by it."""
    if not (isinstance(document, dict) and isinstance(payload, dict)):
        return payload
    for key, value in payload.items():
        document[key] = _laid_over(document[key], value) if key in document else value
    return document


def _sized(document: bytes, push: Push) -> bytes:
    if len(document) > push.max_bytes:
        raise DocumentRefused(
            f"The document would have {len(document):,} bytes, and at most {push.max_bytes:,} are "
            "kept; send less"
        )
    return document


def _is_form(text: bytes, content_type: str) -> bool:
    """Whether the body is a form; curl calls everything one unless it is told not to."""
    if content_type.partition(";")[0].strip().lower() != _FORM:
        return False
    return not text[:64].lstrip().startswith((b"{", b"["))


def _form_payload(text: bytes) -> bytes:
    try:
        fields = parse_qsl(
            text.decode(), keep_blank_values=True, errors="strict", max_num_fields=_FORM_FIELDS
        )
    except ValueError:
        raise DocumentRefused(
            f"The body is no form in UTF-8 of at most {_FORM_FIELDS} fields; send JSON"
        ) from None
    found = [value for name, value in fields if name == "payload"]
    if len(found) != 1:
        raise DocumentRefused(
            f"The form has {len(found)} fields `payload` where one is needed; send JSON"
        )
    return found[0].encode()


def _read(text: bytes) -> tuple[Any, bool]:
    """The values, and whether they are exactly those that any reader of JSON would find."""
    try:
        document = orjson.loads(text)
        if _LONG_NUMBER not in text.translate(_DIGITS):
            return document, True
        return json.loads(text, parse_int=_integer), False
    except ValueError as exc:
        raise DocumentRefused(f"The body is no valid JSON: {exc}") from None
    except RecursionError:
        raise DocumentRefused(_TOO_DEEP) from None


def _integer(digits: str) -> int | str:
    if len(digits) > _MOST_DIGITS:
        return digits
    number = int(digits)
    return number if _LOWEST <= number <= _HIGHEST else digits


def _written(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # of JSON values, the only ones that cannot be written are too deep
        raise DocumentRefused(_TOO_DEEP) from None
