"""What the listener needs from the rest of the daemon."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from repaintd.core.delivery import DeliveryRecord
    from repaintd.core.event import StoredEvent
    from repaintd.core.intake import Push
    from repaintd.core.ports import Clock
    from repaintd.core.secret import Secret
    from repaintd.core.state import Trigger
    from repaintd.core.view import Bindings, Gallery, View
    from repaintd.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; *detail* says in words what was found."""

    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Readiness:
    """The verdict, and what it is made of, by name."""

    ok: bool
    checks: Mapping[str, Check] = field(default_factory=dict)


class Health(Protocol):
    """Tells the truth about the daemon; looking is cheap or cached by whoever implements it."""

    async def live(self) -> Readiness:
        """Whether the process still makes progress; if not, only a restart helps."""

    async def ready(self) -> Readiness:
        """Whether it can do its work now: renderer, database, configuration."""


class FirstImage(Protocol):
    """Waits for the first image of a binding."""

    async def wait_for_image(self, uid: str, seconds: float, /) -> bool:
        """Whether an image was published within *seconds*; at once when none is to be expected."""


class Keys(Protocol):
    """The keys that open what not everybody may do."""

    def matches(self, token: str, /) -> bool:
        """Whether it is one of them, compared in constant time."""


class Receipt(Protocol):
    """What became of an inbound trigger that is durable now."""

    @property
    def queued(self) -> bool:
        """Whether a run will follow; False for a paused binding, and for a duplicate."""

    @property
    def duplicate(self) -> bool:
        """Whether it came before: nothing was changed."""

    @property
    def refresh_id(self) -> str:
        """Names the trigger that counts; "" where it is not known any more."""


class Refreshed(Protocol):
    """What became of a refresh that was asked for by hand."""

    @property
    def done(self) -> bool:
        """Whether it ended while it was waited for."""

    @property
    def queued(self) -> bool:
        """Whether it runs, will run or has run; False for a paused binding."""

    @property
    def changed(self) -> bool:
        """Whether the image is another one than before."""

    @property
    def refresh_id(self) -> str:
        """Names it."""

    @property
    def view(self) -> View:
        """The binding as it stands now."""


class Intake(Protocol):
    """Takes triggers, durably. An error with `retry_after` says that it is too busy just now."""

    async def receive(
        self,
        uid: str,
        /,
        *,
        trigger: Trigger,
        seen: tuple[str, ...] = (),
        push: Push | None = None,
    ) -> Receipt | None:
        """Make it durable and see to the run; None when there is no such binding.

        Raises:
            StoreUnavailable: nothing was written.
            DocumentRefused: the document would be too large; nothing was written.
        """

    async def refresh(self, uid: str, /, wait: float = 0.0) -> Refreshed | None:
        """Refresh by hand, and wait up to *wait* seconds for it; None without such a binding.

        Raises:
            StoreUnavailable: nothing was written.
        """


class Events(Protocol):
    """The history of events, oldest first; a bounded number of them is kept."""

    @property
    def latest(self) -> int:
        """Position of the latest event; 0 before the first."""

    async def read(self, after: int, /, limit: int = 100) -> Sequence[StoredEvent]:
        """Events behind the cursor *after*, oldest first.

        Raises:
            StoreUnavailable: they cannot be read just now.
        """

    async def wait(self, after: int, /) -> None:
        """Return when there is an event behind *after*."""

    async def position_of(self, event_id: str, /) -> int | None:
        """Where the event with that id stands; None when it is not kept (any more).

        Raises:
            StoreUnavailable: it cannot be read just now.
        """


class Deliveries(Protocol):
    """What was told to whom, and what is to be told again."""

    async def deliveries(
        self, *, sink: str | None = None, failed: bool = False, limit: int = 100
    ) -> Sequence[DeliveryRecord]:
        """The log, latest first; *failed* for attempts that did not succeed alone.

        Raises:
            StoreUnavailable: it cannot be read just now.
        """

    async def replay(self, name: str, /) -> int:
        """Deliver again what has this delivery or event id; how many deliveries that makes.

        Raises:
            StoreUnavailable: nothing was written.
        """

    async def resume(self, sink: str, /) -> bool:
        """Make a sink active again that was given up; False when there is none of that name.

        Raises:
            StoreUnavailable: nothing was written.
        """


class Explainer(Protocol):
    """Says why a binding is as it is."""

    async def explain(self, uid: str, /) -> Mapping[str, Any] | None:
        """The document of `core.explanation`; None without such a binding.

        Raises:
            StoreUnavailable: the log of runs cannot be read just now.
        """


class Reloaded(Protocol):
    """What came of a reload."""

    @property
    def applied(self) -> Mapping[str, Any] | None:
        """What changed, to be shown; None where nothing did."""

    @property
    def rejected(self) -> Mapping[str, Any] | None:
        """The problems and their `count`; None where there are none."""


class Reload(Protocol):
    """Reads the configuration again."""

    async def reload(self) -> Reloaded:
        """Apply it, all of it or nothing.

        Raises:
            RepaintdError: it could not be tried.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """The collaborators of the listener.

    Attributes:
        images: the stable files.
        defaults: images drawn from defaults, for `serve_default`, under the same file names.
        started_at: of the daemon, seconds since the epoch.
        public_url: where the world reaches the listener, without a slash at the end.
        placeholder: what goes with a 503 while there is no image: something to be seen, or one
            transparent pixel.
        first_image_timeout: seconds that a request waits for the first image.
        health_timeout: seconds that health may take to answer.
        page_lifetime: seconds for which `/status.json` and `/metrics` are not built anew.
        keys: without them nobody is let in where a key is needed.
        intake: without it triggers are answered 503; *events*, *deliveries*, *explainer*,
            *reload* and *declared* likewise.
        declared: the page of the active configuration behind a binding, as JSON; blocks.
        secret: resolves references, at use; raises SecretUnavailable.
        max_document_bytes: of a binding's document with all that was pushed into it.
    """

    bindings: Bindings
    images: Gallery
    defaults: Gallery
    clock: Clock
    metrics: Metrics
    health: Health
    first_image: FirstImage
    version: str
    started_at: float
    public_url: str
    placeholder: Literal["image", "pixel"] = "image"
    first_image_timeout: float = 5.0
    health_timeout: float = 5.0
    page_lifetime: float = 1.0
    keys: Keys | None = None
    intake: Intake | None = None
    events: Events | None = None
    deliveries: Deliveries | None = None
    explainer: Explainer | None = None
    reload: Reload | None = None
    declared: Callable[[str], bytes] | None = None
    secret: Callable[[str], Secret] | None = None
    max_document_bytes: int = 5 * 1024 * 1024


SURFACE: Final = web.AppKey("SURFACE", Surface)
