"""Which path leads where."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from aiohttp import web

from repaintd.web.body import MOST, invite
from repaintd.web.declared import DeclaredPages
from repaintd.web.deliveries import DeliveryLog
from repaintd.web.events import EventStreams
from repaintd.web.explain import Explanations
from repaintd.web.images import EXTENSIONS, IMAGES, Images
from repaintd.web.lane import ROUTE, UID, WEBHOOK_ROUTE
from repaintd.web.middleware import problems
from repaintd.web.operations import Operations
from repaintd.web.refreshes import Refreshes
from repaintd.web.reload import ReloadOrders
from repaintd.web.surface import SURFACE
from repaintd.web.webhooks import WEBHOOKS, Webhooks

if TYPE_CHECKING:
    from repaintd.web.surface import Surface

VERSIONS: Final = ("", "/v1")
_UID: Final = f"{{uid:{UID}}}"
_ID: Final = "{id:[A-Za-z0-9_-]{1,128}}"
_IMAGE_NAME: Final = rf"{{filename:[^{{}}/]+\.(?:{'|'.join(EXTENSIONS)})}}"


def create_app(surface: Surface) -> web.Application:
    """The application with all its paths; one thread of its own builds the great documents."""
    app = web.Application(middlewares=[problems], client_max_size=MOST)
    app[SURFACE] = surface
    builders = ThreadPoolExecutor(max_workers=1, thread_name_prefix="repaintd-pages")

    async def dismiss(_app: web.Application) -> None:
        builders.shutdown(wait=False, cancel_futures=True)

    app.on_cleanup.append(dismiss)
    images, operations = Images(surface), Operations(surface, builders)
    app[IMAGES] = images
    app.router.add_get(ROUTE, images.serve)
    app.router.add_get(f"/bindings/{_IMAGE_NAME}", images.serve)
    app.router.add_get("/status.json", operations.status)
    app.router.add_get("/metrics", operations.metrics)
    app.router.add_get("/livez", operations.live)
    app.router.add_get("/readyz", operations.ready)
    app.router.add_get("/", operations.index)
    app.router.add_post("/-/reload", ReloadOrders(surface).serve)
    app.router.add_get("/-/config", DeclaredPages(surface, builders).show)
    _add_triggers(app, surface)
    _add_events(app, surface)
    return app


def _add_triggers(app: web.Application, surface: Surface) -> None:
    webhooks, refreshes = Webhooks(surface), Refreshes(surface)
    explanations = Explanations(surface)
    app[WEBHOOKS] = webhooks
    for version in VERSIONS:
        app.router.add_post(version + WEBHOOK_ROUTE, webhooks.serve, expect_handler=invite)
        app.router.add_post(f"{version}/bindings/{_UID}/refresh", refreshes.serve)
        app.router.add_get(f"{version}/bindings/{_UID}/explain", explanations.show)


def _add_events(app: web.Application, surface: Surface) -> None:
    streams, log = EventStreams(surface), DeliveryLog(surface)
    app.on_shutdown.append(streams.close)
    for version in VERSIONS:
        app.router.add_get(f"{version}/events", streams.serve, allow_head=False)
        app.router.add_get(f"{version}/deliveries", log.show)
        app.router.add_post(f"{version}/deliveries/{_ID}/replay", log.replay)
        app.router.add_post(f"{version}/webhook-subscriptions/{_UID}/resume", log.resume)
