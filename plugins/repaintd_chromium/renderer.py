"""Draws jobs in the browser; everything that can go wrong there ends here as RenderFailed.

Reasons: `too_large`, `overloaded`, `timeout`, `navigation` (the template left its page),
`out_of_memory`, `page_crashed`, `browser_crashed`, `browser_unavailable`, `capture_failed`,
`encode`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from repaintd.plugin import ImageFormat, RenderFailed, RenderJob, Template
from repaintd_chromium.faults import Lost
from repaintd_chromium.fuse import Fuse
from repaintd_chromium.limits import check_size

if TYPE_CHECKING:
    from repaintd.plugin import RenderedImage
    from repaintd_chromium.chores import Chores
    from repaintd_chromium.encode import Encoder
    from repaintd_chromium.generation import Generation
    from repaintd_chromium.supervisor import Supervisor
    from repaintd_chromium.turns import Turns

EXAMINE_SECONDS: Final = 10.0

PROBE: Final = RenderJob(
    template=Template(id="repaintd-probe", markup="", fingerprint="probe", width=10, height=10),
    markup="<!doctype html><body style='background:#0a0'>",
    width=10,
    height=10,
    format=ImageFormat.PNG,
    timeout=10.0,
)


class ChromiumRenderer:
    """The renderer `chromium` (port `Renderer`)."""

    def __init__(
        self,
        supervisor: Supervisor[Generation],
        *,
        turns: Turns,
        encoder: Encoder,
        chores: Chores,
    ) -> None:
        self._supervisor = supervisor
        self._turns = turns
        self._encoder = encoder
        self._chores = chores
        self._alone = asyncio.Lock()

    async def render(self, job: RenderJob) -> RenderedImage:
        """Draw once; the turn ends when the picture is taken, packing runs beside the next one.

        Raises:
            RenderFailed: with one of the reasons above.
        """
        check_size(job)
        async with self._turns.turn():
            start = asyncio.get_running_loop().time()
            body = await self._take_picture(job, start + job.timeout)
        return await self._finish(job, body, start)

    async def probe(self) -> None:
        """Draw 10 x 10 pixels, past all that wait: many waiting does not mean that it is broken.

        Raises:
            RenderFailed: that does not work now.
        """
        start = asyncio.get_running_loop().time()
        body = await self._take_picture(PROBE, start + PROBE.timeout)
        await self._finish(PROBE, body, start)

    async def _finish(self, job: RenderJob, body: bytes, start: float) -> RenderedImage:
        try:
            async with asyncio.timeout_at(start + job.timeout):
                image = await self._encoder.finish(job, body)
        except TimeoutError as error:
            raise _too_slow(job) from error
        return replace(image, seconds=asyncio.get_running_loop().time() - start)

    async def _take_picture(self, job: RenderJob, deadline: float) -> bytes:
        try:
            return await self._attempt(job, deadline)
        except Lost as lost:
            if not lost.again:
                raise RenderFailed(_say(job, lost), reason=lost.reason) from lost
        try:
            return await self._attempt_alone(job, deadline)
        except Lost as lost:
            raise RenderFailed(_say(job, lost), reason=lost.reason) from lost

    async def _attempt_alone(self, job: RenderJob, deadline: float) -> bytes:
        """Second tries run one by one: a template that kills browsers kills no neighbour twice."""
        try:
            async with asyncio.timeout_at(deadline):
                await self._alone.acquire()
        except TimeoutError as error:
            raise _too_slow(job) from error
        try:
            return await self._attempt(job, deadline)
        finally:
            self._alone.release()

    async def _attempt(self, job: RenderJob, deadline: float) -> bytes:
        generation = await self._lease(job, deadline)
        try:
            return await generation.draw(job, Fuse(deadline))
        except TimeoutError as error:
            self._chores.add(generation.examine, name="examine browser", seconds=EXAMINE_SECONDS)
            raise _too_slow(job) from error
        except Lost as lost:
            if lost.again and not generation.dead and not await generation.answers():
                generation.condemn("crashed")
            raise generation.blame(lost) from lost

    async def _lease(self, job: RenderJob, deadline: float) -> Generation:
        try:
            async with asyncio.timeout_at(deadline):
                return await self._supervisor.lease()
        except TimeoutError as error:
            trouble = self._supervisor.trouble or "it is being replaced"
            raise RenderFailed(
                f"no browser was there for {job.timeout:g} s: {trouble}; see `repaintd doctor`",
                reason="browser_unavailable",
            ) from error


def _say(job: RenderJob, lost: Lost) -> str:
    return f"template {job.template.id!r}: {lost}"


def _too_slow(job: RenderJob) -> RenderFailed:
    return RenderFailed(
        f"template {job.template.id!r} was not drawn within {job.timeout:g} s;"
        " make it simpler or raise render.timeout",
        reason="timeout",
    )
