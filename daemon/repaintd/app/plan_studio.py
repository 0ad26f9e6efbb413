"""Draws the images of a plan: as they were, as they would be, and what differs."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import prometheus_client

from repaintd.app.plan_published import ORIGIN, published
from repaintd.app.plan_recorded import (
    LAST_DATA,
    PUSHED_DATA,
    STATIC_DATA,
    UNPUSHED,
    NothingRecorded,
    Recorded,
    Recordings,
    remembered,
)
from repaintd.app.tools import open_tools
from repaintd.core.binding import ImageFormat
from repaintd.core.image import RenderJob
from repaintd.errors import RefreshFailed, RepaintdError
from repaintd.render.compare import as_png, compare_pictures
from repaintd.render.engine import open_engine

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator, Mapping
    from contextlib import AsyncExitStack

    from repaintd.app.configure import Loaded
    from repaintd.app.plan_baseline import Baseline
    from repaintd.app.plan_side import Side
    from repaintd.app.tools import Tools
    from repaintd.core.image import RenderedImage
    from repaintd.core.ports import TemplateEngine

_DAEMON_DATA: Final = frozenset({STATIC_DATA, PUSHED_DATA, UNPUSHED, LAST_DATA})
"""What a published image is drawn from, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One image, as a PNG that can be looked at.

    Attributes:
        file: its name in the folder of pictures.
        format: of the published image.
        size: bytes of the published image; None where it was not drawn.
        width: pixels; height likewise.
        origin: where its data comes from.
        missing: variables that found no value in it.
    """

    file: str
    format: str
    size: int | None
    width: int
    height: int
    origin: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """The images of one binding.

    Attributes:
        change: `added`, `changed` or `removed`.
        before: None where there was none, or it cannot be drawn.
        after: None where there will be none, or it cannot be drawn.
        difference: file name of what differs; "" where nothing does, or there is nothing to
            compare.
        share: of pixels that differ, 0 to 1; None where there is nothing to compare.
        notes: why something is not there, and what has to be known of what is.
    """

    uid: str
    change: str
    before: Picture | None = None
    after: Picture | None = None
    difference: str = ""
    share: float | None = None
    notes: tuple[str, ...] = ()


async def open_studio(
    stack: AsyncExitStack,
    baseline: Baseline,
    folder: Path,
    *,
    log: Any,
    environ: Mapping[str, str],
) -> Studio:
    """Open plugins and template engine on *stack*.

    Raises:
        RepaintdError: nothing can be drawn here.
    """
    after, before = baseline.after.loaded, baseline.before.loaded
    if after is None:
        raise RepaintdError("the new configuration has no files; nothing can be drawn of it")
    scratch = stack.enter_context(TemporaryDirectory(prefix="repaintd-"))
    tools = await open_tools(
        stack,
        after,
        prometheus_client.CollectorRegistry(),
        directory=Path(scratch),
        log=log,
        environ=environ,
    )
    await tools.renderer.probe()
    now = time.time()
    return Studio(
        old=baseline.before,
        after=after,
        before=before,
        tools=tools,
        engine=await stack.enter_async_context(open_engine(clock=lambda: now)),
        recordings=Recordings(after, before, await remembered(after), daemon_first=before is None),
        folder=folder,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """An image of one side as it is looked at, and what is known of the published one."""

    png: bytes = field(repr=False)
    width: int
    height: int
    format: ImageFormat
    size: int | None
    recorded: Recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """Draws the images of one binding after the other."""

    old: Side
    after: Loaded
    before: Loaded | None
    tools: Tools
    engine: TemplateEngine
    recordings: Recordings
    folder: Path

    async def draw(self, uid: str, change: str, *, own: bool) -> Views:
        """Draw and keep what there is of a binding; what cannot be drawn is a note.

        Raises:
            RepaintdError: it cannot be written.
        """
        notes: list[str] = []
        old = new = None
        if change != "added":
            old = await _tried(self._before(uid, own=own), "before", notes)
        if change != "removed":
            new = await _tried(self._drawn(self.after, uid, own=own), "after", notes)
        return await asyncio.to_thread(self._keep, uid, change, old, new, notes)

    async def _before(self, uid: str, *, own: bool) -> _Sheet:
        if self.before is None:
            return await self._published(uid)
        return await self._drawn(self.before, uid, own=own)

    async def _published(self, uid: str) -> _Sheet:
        """What the daemon serves: its templates are not at hand."""
        written = ImageFormat(self.old.binding(uid)["outputConfig"]["format"])
        if written is ImageFormat.PDF:
            raise NothingRecorded("the daemon publishes a PDF, which is not shown here")
        image = await asyncio.to_thread(published, self.after.configuration, uid, written)
        recorded = Recorded(variables={}, origin=ORIGIN)
        return await _sheet(image, written, len(image.body), recorded)

    async def _drawn(self, loaded: Loaded, uid: str, *, own: bool) -> _Sheet:
        binding = loaded.configuration.bindings[uid]
        recorded = await self.recordings.of(loaded, uid, own=own)
        template, output = loaded.templates[binding.template_id], binding.output
        markup = await self.engine.expand(template, recorded.variables)
        job = RenderJob(
            template=template,
            markup=markup,
            width=output.width or template.width,
            height=output.height or template.height,
            scale=template.scale,
            format=output.format,
            quality=output.quality,
            timeout=loaded.configuration.settings.render.timeout,
        )
        return await self._looked_at(job, recorded)

    async def _looked_at(self, job: RenderJob, recorded: Recorded) -> _Sheet:
        """Without the losses of its format, which would be differences; a PDF as on a screen.

        Only what is compared with a published image has the same losses as that.
        """
        render, size = self.tools.renderer.render, None
        if self.before is None and job.format is not ImageFormat.PDF:
            image = await render(job)
            return await _sheet(image, job.format, len(image.body), recorded)
        image = await render(replace(job, format=ImageFormat.PNG))
        if job.format is ImageFormat.PNG:
            size = len(image.body)
        elif job.format is not ImageFormat.PDF:
            size = len((await render(job)).body)
        return await _sheet(image, job.format, size, recorded)

    def _keep(
        self, uid: str, change: str, old: _Sheet | None, new: _Sheet | None, notes: list[str]
    ) -> Views:
        """Write what there is; blocks."""
        difference, share = "", None
        if old is not None and new is not None:
            notes += _doubts(old, new)
            found = compare_pictures(old.png, new.png)
            share = found.share
            if not found.identical:
                difference = self._write(f"{uid}.difference.png", found.picture)
        return Views(
            uid=uid,
            change=change,
            before=self._picture(uid, "before", old),
            after=self._picture(uid, "after", new),
            difference=difference,
            share=share,
            notes=tuple(notes),
        )

    def _picture(self, uid: str, which: str, sheet: _Sheet | None) -> Picture | None:
        if sheet is None:
            return None
        return Picture(
            file=self._write(f"{uid}.{which}.png", sheet.png),
            format=sheet.format.value,
            size=sheet.size,
            width=sheet.width,
            height=sheet.height,
            origin=sheet.recorded.origin,
            missing=sheet.recorded.missing,
        )

    def _write(self, name: str, body: bytes) -> str:
        try:
            (self.folder / name).write_bytes(body)
        except OSError as error:
            raise RepaintdError(f"{self.folder / name}: {error.strerror}") from error
        return name


async def _tried(drawing: Awaitable[_Sheet], which: str, notes: list[str]) -> _Sheet | None:
    """The image, or a note why there is none."""
    try:
        return await drawing
    except NothingRecorded as nothing:
        notes.append(f"{which}: {nothing}")
    except RefreshFailed as failed:
        notes.append(f"{which}: {failed.stage} failed: {failed}")
    return None


async def _sheet(
    image: RenderedImage, written: ImageFormat, size: int | None, recorded: Recorded
) -> _Sheet:
    return _Sheet(
        png=await asyncio.to_thread(as_png, image.body),
        width=image.width,
        height=image.height,
        format=written,
        size=size,
        recorded=recorded,
    )


def _doubts(old: _Sheet, new: _Sheet) -> Iterator[str]:
    """What has to be known of a difference."""
    of_daemon = old.recorded.origin == ORIGIN and new.recorded.origin in _DAEMON_DATA
    if old.recorded.origin != new.recorded.origin and not of_daemon:
        yield (
            f"before is drawn from {old.recorded.origin}, after from {new.recorded.origin}: "
            "some of the difference may come from that"
        )
    if ImageFormat.PDF in (old.format, new.format):
        yield "the PDF is shown as on a screen"
    if old.png == new.png and old.size != new.size:
        yield "only the quality of the file changes, which is not shown"
    if old.format is not new.format:
        yield f"the file becomes {new.format.value}, and has another name and URL"
