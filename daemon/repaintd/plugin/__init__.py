"""The public API: all that a plugin may import.

A plugin is a class, named by an entry point in the group `repaintd.plugins`; the entry point's name
is the plugin's name. The class is cheap to import; heavy imports happen in `open`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from repaintd.core.binding import Binding, ImageFormat
from repaintd.core.delivery import UNTIL_IT_WORKS, Delivered, DeliveryPolicy, delivery_id
from repaintd.core.event import StoredEvent
from repaintd.core.fetch import (
    NO_HINTS,
    NO_VALIDATORS,
    Fetched,
    FetchRequest,
    FetchResult,
    Hints,
    NoDocument,
    NotModified,
    Validators,
)
from repaintd.core.image import RenderedImage, RenderJob
from repaintd.core.ports import EventSink, Renderer, Source
from repaintd.core.secret import Secret
from repaintd.core.signing import sign_pictify, sign_standard
from repaintd.core.state import BindingState, Status
from repaintd.core.subscription import Subscription
from repaintd.core.template import Asset, Template
from repaintd.core.view import View
from repaintd.errors import (
    DeliveryFailed,
    FetchFailed,
    HttpFailed,
    PluginError,
    RenderFailed,
    SecretUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from prometheus_client import CollectorRegistry

__all__ = [
    "NO_HINTS",
    "NO_VALIDATORS",
    "UNTIL_IT_WORKS",
    "Asset",
    "Binding",
    "BindingState",
    "Components",
    "Delivered",
    "DeliveryFailed",
    "DeliveryPolicy",
    "Diagnosable",
    "EventSink",
    "FetchFailed",
    "FetchRequest",
    "FetchResult",
    "Fetched",
    "Finding",
    "Hints",
    "Host",
    "HttpDoor",
    "HttpFailed",
    "HttpRequest",
    "HttpResponse",
    "ImageFormat",
    "NoDocument",
    "NotModified",
    "Plugin",
    "PluginContext",
    "PluginError",
    "RenderFailed",
    "RenderJob",
    "RenderSettings",
    "RenderedImage",
    "Renderer",
    "Secret",
    "SecretUnavailable",
    "Source",
    "SourceSpec",
    "SpecModel",
    "Status",
    "StoredEvent",
    "Subscription",
    "Template",
    "Validators",
    "View",
    "Working",
    "delivery_id",
    "sign_pictify",
    "sign_standard",
]


class SpecModel(BaseModel):
    """Base of settings that users write: camelCase keys, unknown keys are errors, frozen."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        hide_input_in_errors=True,
    )


class SourceSpec(SpecModel):
    """Base of a `dataSource` block. A subclass adds `type: Literal["…"]` and its own keys."""

    def fingerprint(self) -> str:
        """Text that changes when anything does that decides what is asked for and of whom.

        It may hold secret *references* (`${env:NAME}`), never their values.
        """
        return self.model_dump_json()

    def host(self) -> str:
        """`host:port` that the per-host limit counts against, "" where none applies."""
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One outbound HTTP exchange.

    Attributes:
        headers: as configured; dropped when a redirect leaves scheme, host and port. The door adds
            User-Agent and Accept-Encoding.
        timeout: seconds for everything, all hops together.
        max_bytes: most bytes of body, counted after decompression.
        max_redirects: 0 returns a redirect as it is.
        glimpse: only the beginning of the body is read, `max_bytes` of it, and no more is no error.
    """

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    timeout: float = 30.0
    max_bytes: int = 5 * 1024 * 1024
    max_redirects: int = 5
    glimpse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """The final response; `headers` looks names up without regard to case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    url: str


class HttpDoor(Protocol):
    """The only way out by HTTP: egress policy, limits, redirects."""

    async def request(self, request: HttpRequest) -> HttpResponse:
        """Exchange once, redirects followed.

        Raises:
            HttpFailed: no usable response; any status is a usable response.
        """


class Host(Protocol):
    """The running daemon as its plugins see it. Empty until the daemon has taken over its state."""

    def get(self, uid: str) -> View | None:
        """The binding with that uid, and what is remembered of it."""

    def all(self) -> Iterable[View]:
        """Every binding, ordered by uid. A View is replaced, never changed: compare identities."""

    def image_url(self, binding: Binding) -> str:
        """The stable URL of the binding's image."""

    async def image(self, uid: str) -> bytes | None:
        """The published image; None where there is none."""

    async def refresh(self, uid: str) -> bool:
        """Trigger a refresh, durably; False when there is no such binding, or it is paused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSettings:
    """`render:` of repaintd.yaml. `timeout` in seconds; `pages` 0 means as many as cores."""

    browser: str = "auto"
    pages: int = 0
    timeout: float = 15.0
    allow_unsandboxed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginContext:
    """What the daemon hands to a plugin when it opens it.

    Attributes:
        secret: resolves every `${env:…}`, `${file:…}`, `${credential:…}` in a text, at use;
            raises SecretUnavailable.
        registry: where the plugin's own metrics go; names start with `repaintd_`.
        log: a structlog logger bound to the plugin's name.
        directory: a private directory that may be emptied between runs.
        delivery_http: the way to receivers of events: like `http`, but never back to the daemon's
            own listener.
        host: the running daemon; None where there is none (`repaintd doctor`, `repaintd render`).
    """

    http: HttpDoor
    secret: Callable[[str], Secret]
    registry: CollectorRegistry
    log: Any
    directory: Path
    render: RenderSettings = RenderSettings()
    delivery_http: HttpDoor | None = None
    host: Host | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """What an open plugin serves.

    Attributes:
        sources: by `dataSource.type`.
        renderers: by name.
        sinks: receivers of events, by name; the daemon puts the plugin's name and a slash before
            names that are not empty. A sink that implements `Working` too has its work done.
        subscriber: makes a sink for an outgoing webhook of the configuration or the API.
    """

    sources: Mapping[str, Source] = field(default_factory=dict)
    renderers: Mapping[str, Renderer] = field(default_factory=dict)
    sinks: Mapping[str, EventSink] = field(default_factory=dict)
    subscriber: Callable[[Subscription], EventSink] | None = None


@runtime_checkable
class Working(Protocol):
    """A component with work of its own beside what it is asked for."""

    async def work(self) -> None:
        """Do it until cancelled.

        Begins when the daemon is ready; what it raises is logged, and it is begun again after a
        while.
        """


@runtime_checkable
class Plugin(Protocol):
    """What the class behind an entry point looks like."""

    name: ClassVar[str]
    settings_model: ClassVar[type[SpecModel]]
    source_specs: ClassVar[Mapping[str, type[SourceSpec]]]

    def open(
        self, settings: Any, context: PluginContext
    ) -> AbstractAsyncContextManager[Components]:
        """Serve until the context is left.

        Args:
            settings: `plugins.<name>` of repaintd.yaml, an instance of `settings_model`.
            context: what the daemon hands over.

        Raises:
            PluginError: it cannot serve here; the message says what to do.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of `repaintd doctor`.

    Attributes:
        check: what was looked at, in a word or two.
        ok: whether it is as it should be.
        detail: what was found.
        remedy: the one command or change that mends it; "" where nothing is to be done.
    """

    check: str
    ok: bool
    detail: str
    remedy: str = ""


@runtime_checkable
class Diagnosable(Protocol):
    """A plugin that can examine itself for `repaintd doctor`, without being open."""

    async def diagnose(self, settings: Any, context: PluginContext) -> Sequence[Finding]:
        """Look at everything the plugin needs; never fails."""
