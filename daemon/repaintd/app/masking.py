"""Configuration as it may be shown: clear-text secrets are masked, references are not secrets."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from repaintd.config import ReferenceRefused, references
from repaintd.core.secret import MASK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo

_TOKEN: Final = re.compile(r"(\$\$\{|\$\{[^{}]*\})")
_HARMLESS: Final = re.compile(
    r"\s*(?:(?:Bearer|Basic|Digest|Token)\s+)?[\s:,;&=/?]*", re.IGNORECASE
)
_NAME: Final = re.compile(
    r"passw|passphrase|pwd|secret|token|credential|authori[sz]ation|cookie|session|signature"
    r"|api[-_]?keys?|(access|private|shared|signing)[-_]?key",
    re.IGNORECASE,
)
_NAME_ON_THE_WIRE: Final = re.compile(rf"{_NAME.pattern}|key$|^sig$|^auth|^code$", re.IGNORECASE)
_WEB: Final = re.compile(r"(?P<authority>https?://[^/?#\s]*)(?P<rest>[/?#].*)?", re.IGNORECASE)
_USER: Final = re.compile(r"(?<=://)(?:\$\{[^{}]*\}|[^/?#@\s$])+(?=@)")
_PARAMETER: Final = re.compile(r"(?P<name>[^?&;=#\s]+)=(?P<value>(?:\$\{[^{}]*\}|[^&#\s])*)")


def masked(value: Any) -> Any:
    """JSON values for a settings model, a frozen dataclass, or plain data, with camelCase keys.

    What counts as a secret: fields that are kept out of `repr`, values whose key names a secret,
    user names and query parameters like that in URLs.
    """
    return _masked(value, secret=False)


def masked_text(text: str) -> str:
    """A text that is a secret: its references stay, all else becomes asterisks."""
    web = _WEB.fullmatch(text)
    if web and not _TOKEN.search(web["authority"]):  # paths of webhooks are secrets, hosts are not
        host = _USER.sub(MASK, web["authority"])
        return host + (_pieces(web["rest"]) if web["rest"] and web["rest"] != "/" else "")
    return _pieces(text)


def masked_url(text: str) -> str:
    """A text that is shown, but for user names and secret parameters of URLs in it."""
    if "://" not in text:
        return text
    return _PARAMETER.sub(_parameter, _USER.sub(lambda user: _pieces(user[0]), text))


def _masked(value: Any, *, secret: bool, names: re.Pattern[str] = _NAME) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return masked_text(value) if secret else masked_url(value)
    if isinstance(value, BaseModel) or is_dataclass(value):
        return dict(_of_fields(value, secret=secret))
    if isinstance(value, dict):
        return _of_mapping(value, secret=secret, names=names)
    if isinstance(value, list | tuple):
        return [_masked(each, secret=secret, names=names) for each in value]
    return MASK if secret and type(value) in {int, float} else value


def _of_fields(value: Any, *, secret: bool) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, BaseModel):
        for each in fields(value):
            given = _whole(getattr(value, each.name))
            yield to_camel(each.name), _masked(given, secret=secret or not each.repr)
        return
    for name, field in type(value).model_fields.items():
        key, given = field.alias or name, _whole(getattr(value, name))
        named = isinstance(given, str) and _NAME.search(key) is not None
        wire = _NAME_ON_THE_WIRE if name == "headers" else _NAME
        yield key, _masked(given, secret=secret or named or _is_secret(field), names=wire)


def _is_secret(field: FieldInfo) -> bool:
    extra = field.json_schema_extra
    return field.repr is False or (isinstance(extra, dict) and extra.get("writeOnly") is True)


def _of_mapping(
    value: Mapping[str, Any], *, secret: bool, names: re.Pattern[str]
) -> dict[str, Any]:
    return {
        key: _masked(each, secret=secret or bool(names.search(str(key))), names=names)
        for key, each in value.items()
    }


def _whole(value: Any) -> Any:
    """30.0 seconds are written as 30."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _parameter(match: re.Match[str]) -> str:
    if not _NAME_ON_THE_WIRE.search(match["name"]):
        return match[0]
    return f"{match['name']}={_pieces(match['value'])}"


def _pieces(text: str) -> str:
    shown = "".join(
        piece if _is_reference(piece) or _HARMLESS.fullmatch(piece) else MASK
        for piece in _TOKEN.split(text)
    )
    return shown.replace(MASK * 2, MASK)


def _is_reference(piece: str) -> bool:
    try:
        return bool(references(piece))
    except ReferenceRefused:
        return False
