"""What goes over the wire for a spec: URL, headers and body with their secrets in them."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from repaintd.plugin import NO_VALIDATORS, FetchFailed
from repaintd_http.header import is_clean
from repaintd_http.reference import MARK, REFERENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from repaintd.plugin import Secret, Validators
    from repaintd_http.credentials import Credentials
    from repaintd_http.spec import HttpSpec

    Reveal = Callable[[str], Secret]


@dataclass(frozen=True, slots=True)
class Wire:
    """One request, ready to be sent. It holds secrets: nothing of it may be shown."""

    url: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)


def wire_of(spec: HttpSpec, secret: Reveal, validators: Validators = NO_VALIDATORS) -> Wire:
    """Resolve every secret, now.

    Raises:
        SecretUnavailable: one of them has no value.
        FetchFailed: reason `secret`; one cannot be sent where it stands.
    """
    headers = {name: _header(name, value, secret) for name, value in spec.headers.items()}
    present = {name.lower() for name in headers}
    if "accept" not in present:
        headers["Accept"] = "application/json"
    body = None
    if spec.body is not None:
        body = orjson.dumps(_filled(spec.body, secret))
        if "content-type" not in present:
            headers["Content-Type"] = "application/json"
    if validators.etag is not None:
        headers["If-None-Match"] = validators.etag
    if validators.last_modified is not None:
        headers["If-Modified-Since"] = validators.last_modified
    url = spec.url
    if MARK in url:
        url = REFERENCE.sub(lambda match: quote(secret(match[0]).reveal(), safe=""), url)
    if spec.credentials is not None:
        url = _prove(spec.credentials, url, headers, secret)
    return Wire(url, headers, body)


def _prove(who: Credentials, url: str, headers: dict[str, str], secret: Reveal) -> str:
    """Add the credentials to *headers*, or to the URL that is given back."""
    value = _text(who.value, secret)
    if who.header is None:
        return _with_parameter(url, who.name or "", value)
    if who.type == "bearer_token":
        value = f"Bearer {value}"
    elif who.type == "basic_auth":
        value = _basic(who, value, secret)
    headers[who.header] = _clean(f"the credentials for {who.header}", value)
    return url


def _basic(who: Credentials, value: str, secret: Reveal) -> str:
    """RFC 7617, in UTF-8; without `username`, the value is the pair."""
    if who.username is not None:
        user = _text(who.username, secret)
        if ":" in user:
            raise FetchFailed("the user name of basic_auth holds a colon", reason="secret")
        value = f"{user}:{value}"
    elif ":" not in value:
        raise FetchFailed(
            "basic_auth needs a user name: give username, or user:password as the value",
            reason="secret",
        )
    return f"Basic {base64.b64encode(value.encode()).decode()}"


def _with_parameter(url: str, name: str, value: str) -> str:
    url = url.partition("#")[0]
    mark = "&" if "?" in url else "?"
    return f"{url}{mark}{quote(name, safe='')}={quote(value, safe='')}"


def _text(text: str, secret: Reveal) -> str:
    return secret(text).reveal() if MARK in text else text


def _header(name: str, value: str, secret: Reveal) -> str:
    return _clean(f"the header {name}", secret(value).reveal()) if MARK in value else value


def _clean(what: str, value: str) -> str:
    """Only a resolved secret can still hold what the spec's own checks refuse."""
    if not is_clean(value):
        raise FetchFailed(
            f"{what} cannot be sent: the secret holds a line break or control character; "
            "store it as one line",
            reason="secret",
        )
    return value


def _filled(value: Any, secret: Reveal) -> Any:
    """A JSON value with the references in its texts resolved."""
    match value:
        case str():
            return _text(value, secret)
        case dict():
            return {key: _filled(each, secret) for key, each in value.items()}
        case list():
            return [_filled(each, secret) for each in value]
        case _:
            return value
