"""The `dataSource` block of type `http`."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, field_validator, model_validator

from repaintd.plugin import SourceSpec
from repaintd_http.credentials import Credentials  # noqa: TC001 - pydantic reads the annotation
from repaintd_http.header import checked_name, is_clean
from repaintd_http.reference import MARK, REFERENCE

_NOT_IN_URLS: Final = re.compile(r"[\x00-\x20\x7f]")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class HttpSpec(SourceSpec):
    """Asks a URL for a JSON document (contract B.2)."""

    type: Literal["http"] = "http"
    url: str = Field(
        description="http or https; secret references may stand in the query, never in the host "
        "or path; user names belong into credentials"
    )
    method: Literal["GET", "POST"] = "GET"
    headers: dict[str, str] = Field(
        default_factory=dict,
        description="sent as they are; values may hold secret references; Accept is "
        "application/json unless it stands here",
    )
    body: Any = Field(default=None, description="any JSON, sent with POST")
    credentials: Credentials | None = None

    @field_validator("url")
    @classmethod
    def _url(cls, url: str) -> str:
        if MARK in url.partition("?")[0]:
            raise ValueError("secret references may stand in the query only, after the ?")
        if _NOT_IN_URLS.search(REFERENCE.sub("", url)):
            raise ValueError("holds a space or a control character; write %20 for a space")
        parts = _split(url)
        if parts.scheme not in _DEFAULT_PORTS:
            raise ValueError("must begin with http:// or https://")
        if "@" in parts.netloc:
            raise ValueError("holds a user name; give it as credentials of type basic_auth")
        if not parts.hostname:
            raise ValueError("has no host")
        return url

    @field_validator("headers")
    @classmethod
    def _headers(cls, headers: dict[str, str]) -> dict[str, str]:
        seen: set[str] = set()
        for name, value in headers.items():
            if checked_name(name).lower() in seen:
                raise ValueError(f"{name} stands here twice; names are the same in any case")
            if not is_clean(value):
                raise ValueError(f"the value of {name} holds a line break or control character")
            seen.add(name.lower())
        return headers

    @model_validator(mode="after")
    def _fits_together(self) -> HttpSpec:
        if self.body is not None and self.method != "POST":
            raise ValueError("body is sent with method: POST only")
        carrier = self.credentials.header if self.credentials else None
        if carrier and carrier.lower() in (name.lower() for name in self.headers):
            raise ValueError(f"{carrier} stands in headers and comes from credentials; keep one")
        return self

    def fingerprint(self) -> str:
        """Hash of all that is asked for, and of whom, as written.

        A hash, because credentials may stand there in clear.
        """
        written = self.model_dump_json(exclude_defaults=True).encode()
        return hashlib.blake2b(written, digest_size=16).hexdigest()

    def host(self) -> str:
        """`host:port`, in lower case."""
        parts = _split(self.url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{host}:{parts.port or _DEFAULT_PORTS[parts.scheme]}"


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(REFERENCE.sub("x", url))
        parts.port  # noqa: B018 - read for its error
    except ValueError as exc:
        raise ValueError("is malformed; its host or port cannot be read") from exc
    return parts
