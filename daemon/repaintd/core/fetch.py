"""What is asked of a source, and what it can answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Validators:
    """ETag and Last-Modified of the latest 200 or 304, byte for byte (RFC 9110 section 8.8)."""

    etag: str | None = None
    last_modified: str | None = None

    def __bool__(self) -> bool:
        return self.etag is not None or self.last_modified is not None


NO_VALIDATORS = Validators()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What the other side says about its next change, in seconds from now, clamped already."""

    retry_after: float | None = None
    max_age: float | None = None


NO_HINTS = Hints()


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRequest:
    """One question to a source.

    Attributes:
        uid: the binding that asks.
        spec: the settings of the source, an instance of its spec model.
        validators: what to send as conditions; empty for an unconditional request.
        timeout: seconds for everything, name look-up to last byte.
        max_bytes: most bytes of body, counted after decompression.
    """

    uid: str
    spec: Any
    validators: Validators = NO_VALIDATORS
    timeout: float = 30.0
    max_bytes: int = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The source answered with a document.

    Attributes:
        document: the data, as JSON values.
        body_hash: hash of the bytes it was read from; equal hash means equal document.
    """

    document: Any
    body_hash: str
    validators: Validators = NO_VALIDATORS
    hints: Hints = NO_HINTS


@dataclass(frozen=True, slots=True, kw_only=True)
class NotModified:
    """The source says that nothing changed since the validators that were sent.

    Attributes:
        validators: those to keep: what was sent, brought up to date from the 304
            (RFC 9111 section 4.3.4).
    """

    validators: Validators
    hints: Hints = NO_HINTS


@dataclass(frozen=True, slots=True)
class NoDocument:
    """The source has nothing to say yet (a webhook source before its first payload)."""


FetchResult = Fetched | NotModified | NoDocument
