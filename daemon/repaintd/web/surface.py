"""What the listener needs from the rest of the daemon."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from repaintd.core.ports import Clock
    from repaintd.core.view import Bindings, Gallery
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


SURFACE: Final = web.AppKey("SURFACE", Surface)
