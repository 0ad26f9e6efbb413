"""The seams between the pure core and the world: what others implement for it.

Cancellation: every coroutine here may be cancelled at any await and then leaves nothing half-done.
Errors: only those named; anything else is a bug and is reported as one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from repaintd.core.binding import Binding
    from repaintd.core.event import Event
    from repaintd.core.fetch import FetchRequest, FetchResult
    from repaintd.core.image import PublishedImage, RenderedImage, RenderJob
    from repaintd.core.state import BindingState
    from repaintd.core.template import Template


class Clock(Protocol):
    """Time, so that tests can hold it."""

    def now(self) -> float:
        """Seconds since the epoch, UTC: for facts."""

    def monotonic(self) -> float:
        """Seconds that never jump: for intervals."""


class Source(Protocol):
    """Reads one kind of data source."""

    async def fetch(self, request: FetchRequest) -> FetchResult:
        """Ask once, within `request.timeout`.

        Raises:
            FetchFailed: the data could not be had; `retry_after` as the other side asked.
        """


class TemplateEngine(Protocol):
    """Puts variables into a template's markup."""

    async def expand(self, template: Template, variables: Mapping[str, Any]) -> str:
        """The finished markup, within the engine's own limits of time, memory and size.

        Raises:
            RenderFailed: with line and source excerpt.
        """


class Renderer(Protocol):
    """Draws finished markup."""

    async def render(self, job: RenderJob) -> RenderedImage:
        """Draw once.

        Raises:
            RenderFailed: the markup, the time limit or the renderer itself.
        """

    async def probe(self) -> None:
        """Draw something tiny, to prove that drawing works now.

        Raises:
            RenderFailed: it does not, and why.
        """


class Publisher(Protocol):
    """Puts images in place, whole or not at all (DESIGN 2.4)."""

    async def publish(self, binding: Binding, image: RenderedImage) -> PublishedImage:
        """Replace the stable file if its bytes differ.

        Raises:
            PublishFailed: the old file is still whole and in place.
        """

    async def remove(self, uid: str, keep: str | None = None) -> None:
        """Remove every file published for *uid*, but for the one named *keep*."""


class StateStore(Protocol):
    """Keeps states and events through crashes and power loss."""

    async def commit(self, state: BindingState, events: Sequence[Event] = ()) -> None:
        """Write both in one transaction; durable on return.

        Raises:
            StoreUnavailable: nothing of it was written.
        """

    def note(self, state: BindingState) -> None:
        """Write it with the next batch, for polls that changed nothing: never fails or waits."""

    async def forget(self, uid: str) -> None:
        """Drop the state of a binding that is gone; its events stay."""
