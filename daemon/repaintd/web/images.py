"""`/b/{uid}.{ext}`: the image of a binding (contract B.9)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import hdrs, web

from repaintd.core.binding import ImageFormat, OnError
from repaintd.core.state import Status
from repaintd.core.status import image_url
from repaintd.web import placeholder
from repaintd.web.conditional import Verdict, http_date, verdict
from repaintd.web.freshness import FreshnessHeaders, cache_control, retry_after, stale_headers
from repaintd.web.problem import Problem

if TYPE_CHECKING:
    from repaintd.core.image import ServedImage
    from repaintd.core.view import View
    from repaintd.web.surface import Surface

EXTENSIONS: Final = {**{each.value: each for each in ImageFormat}, "jpg": ImageFormat.JPEG}
_MEDIA_TYPES: Final = {each: each.media_type for each in ImageFormat}
_NOSNIFF: Final = "X-Content-Type-Options"
_SPARE: Final = 1.0  # seconds for the other side to come back with its answer
_DEFAULT: Final = {"X-Pictify-Default": "true"}

Shown = tuple["ServedImage", dict[str, str]]  # what to show, and headers that say why it is that


class Images:
    """Serves images from the galleries, as the health of their binding demands."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._freshness = FreshnessHeaders()

    async def serve(self, request: web.Request) -> web.Response:
        """Answer a routed request."""
        return await self.image(request, request.match_info["filename"])

    async def image(self, request: web.BaseRequest, filename: str) -> web.Response:
        """The image, a 304, a placeholder, or the reason why there is none.

        Raises:
            Problem: there is nothing to show, and a placeholder would be wrong.
        """
        view = self._view(filename)
        shown = await self._shown(view)
        if shown is None and view.status is Status.ACTIVE:
            view = await self._awaited(view)
            shown = await self._shown(view)
        now = self._surface.clock.now()
        if shown is None:
            return _nothing_yet(self._surface, view, now)
        image, reasons = shown
        if reasons is _DEFAULT:  # which shows no data, so that there is no age of it
            headers = {hdrs.CACHE_CONTROL: cache_control(view, now), **reasons}
        else:
            headers = {**reasons, **self._freshness.of(view, now)}
        return _respond(request, view, image, headers)

    def _view(self, filename: str) -> View:
        """The binding that the file name means.

        Raises:
            Problem: there is none, or its image has another format; then the right URL is named.
        """
        uid, _, extension = filename.rpartition(".")
        view = self._surface.bindings.get(uid)
        if view is None:
            raise Problem(404, "binding-not-found", "There is no binding with this uid.")
        if EXTENSIONS.get(extension) is not view.binding.output.format:
            url = image_url(self._surface.public_url, view.binding)
            raise Problem(404, "not-found", f"This image is served at {url}.")
        return view

    async def _shown(self, view: View) -> Shown | None:
        """What the binding shows now; None while there is nothing to show.

        Raises:
            Problem: its latest refresh failed and it wants that to be seen (`serve_error`).
        """
        filename = view.binding.filename
        if view.status is Status.ERROR:
            if view.binding.refresh.on_error is OnError.SERVE_ERROR:
                raise _failed(view)
            if view.binding.refresh.on_error is OnError.SERVE_DEFAULT:
                default = await self._surface.defaults.read(filename)
                if default is not None:
                    return default, _DEFAULT
        image = await self._surface.images.read(filename)
        if image is None:
            return None
        if view.state.error_count or view.stale:
            return image, stale_headers(view, image.modified_at, self._surface.clock.now())
        return image, {}

    async def _awaited(self, view: View) -> View:
        """Wait for the first image; the binding as it stands thereafter."""
        uid, seconds = view.binding.uid, self._surface.first_image_timeout
        try:
            async with asyncio.timeout(seconds + _SPARE):
                await self._surface.first_image.wait_for_image(uid, seconds)
        except TimeoutError:
            pass  # the placeholder answers for it
        return self._surface.bindings.get(uid) or view


IMAGES: Final = web.AppKey("IMAGES", Images)


def _respond(
    request: web.BaseRequest, view: View, image: ServedImage, headers: dict[str, str]
) -> web.Response:
    etag, modified = f'"{image.etag}"', int(image.modified_at)
    headers[hdrs.ETAG] = etag
    outcome = verdict(request.headers, etag, modified)
    if outcome is Verdict.NOT_MODIFIED:  # no more than this: RFC 9110 section 15.4.5
        return web.Response(status=304, headers=headers)
    if outcome is Verdict.FAILED:
        raise Problem(412, "precondition-failed", "The image is not the one that was asked for.")
    headers[hdrs.LAST_MODIFIED] = http_date(modified)
    headers[_NOSNIFF] = "nosniff"
    headers[hdrs.CONTENT_TYPE] = _MEDIA_TYPES[view.binding.output.format]
    return web.Response(body=image.body, headers=headers)


def _nothing_yet(surface: Surface, view: View, now: float) -> web.Response:
    return web.Response(
        status=503,
        body=placeholder.placeholder(surface.placeholder),
        headers={
            hdrs.CONTENT_TYPE: placeholder.MEDIA_TYPE,
            hdrs.CACHE_CONTROL: "no-store",
            hdrs.RETRY_AFTER: str(retry_after(view, now)),
            _NOSNIFF: "nosniff",
        },
    )


def _failed(view: View) -> Problem:
    """What strangers learn of a failure: the stage and the kind, not the words."""
    state = view.state
    slug = "url-fetch-failed" if state.last_error_stage == "fetch" else "render-failed"
    detail = f"The latest refresh failed at stage {state.last_error_stage}"
    return Problem(502, slug, f"{detail} ({state.last_error_reason}).")
