"""Which path leads where."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from aiohttp import web

from repaintd.web.images import EXTENSIONS, IMAGES, Images
from repaintd.web.lane import ROUTE
from repaintd.web.middleware import problems
from repaintd.web.operations import Operations
from repaintd.web.surface import SURFACE

if TYPE_CHECKING:
    from repaintd.web.surface import Surface

MAX_BODY: Final = 1024 * 1024
_IMAGE_NAME: Final = rf"{{filename:[^{{}}/]+\.(?:{'|'.join(EXTENSIONS)})}}"


def create_app(surface: Surface) -> web.Application:
    """The application with all its paths; one thread of its own builds the great documents."""
    app = web.Application(middlewares=[problems], client_max_size=MAX_BODY)
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
    return app
