"""A binding: one template tied to one data source, as the daemon works with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from repaintd.core.inbound import InboundWebhook


class PolicyType(StrEnum):
    """When a binding is refreshed (contract B.6)."""

    TTL = "ttl"
    ETAG = "etag"
    WEBHOOK = "webhook"
    MANUAL = "manual"


class OnError(StrEnum):
    """What `/b/{uid}` answers after a failed refresh (contract B.7)."""

    SERVE_STALE = "serve_stale"
    SERVE_DEFAULT = "serve_default"
    SERVE_ERROR = "serve_error"


class ImageFormat(StrEnum):
    """What an image is written as; the value is the extension of the stable file."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"
    PDF = "pdf"

    @property
    def media_type(self) -> str:
        """The Content-Type of a file in this format."""
        return "application/pdf" if self is ImageFormat.PDF else f"image/{self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshPolicy:
    """When to refresh, and what to show when that fails."""

    type: PolicyType = PolicyType.TTL
    ttl_seconds: int = 300
    on_error: OnError = OnError.SERVE_STALE


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputConfig:
    """What the image is written as. Width and height are CSS pixels; None takes the template's."""

    format: ImageFormat = ImageFormat.PNG
    quality: int = 90
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceConfig:
    """Where the data comes from.

    Attributes:
        type: `http`, `static`, `webhook`, or a type that a plugin adds.
        spec: the validated settings of that type, an instance of the source's spec model.
        fingerprint: changes when anything does that decides what is asked for and of whom
            (URL, method, headers, body, credentials): stored validators are then dropped.
        host: `host:port` that the per-host limit counts against, or "" where none applies.
    """

    type: str
    spec: Any
    fingerprint: str
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """What share of the time the data is younger than so many seconds: `99% < 5m`."""

    ratio: float
    age: float

    def __str__(self) -> str:
        return f"{self.ratio * 100:.6g}% < {self.age:.12g}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How old the data may be.

    Attributes:
        max_stale: seconds; older data makes the binding stale, and somebody is told.
        slo: an objective, for Prometheus to watch.
        insisted: whether the binding itself says so, and not only the settings for all.
    """

    max_stale: float | None = None
    slo: Slo | None = None
    insisted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The place in the configuration directory that a thing was read from (lines from 1)."""

    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One template tied to one data source.

    Attributes:
        uid: the stable name of the file and of the URL.
        mapping: template variable → path into the document (contract B.4).
        defaults: template variable → value used when its path finds nothing (contract B.5).
        webhook: how inbound triggers prove themselves; None when it takes none.
        freshness: how old its data may be; None where nobody said.
        origin: the file it stands in; None for one that was made through the API.
    """

    uid: str
    name: str
    template_id: str
    source: SourceConfig
    mapping: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    refresh: RefreshPolicy = RefreshPolicy()
    output: OutputConfig = OutputConfig()
    paused: bool = False
    webhook: InboundWebhook | None = None
    freshness: Freshness | None = None
    origin: Origin | None = None

    @property
    def filename(self) -> str:
        """Name of the stable file in the output directory."""
        return f"{self.uid}.{self.output.format.value}"
