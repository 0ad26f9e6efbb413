"""The pipeline's four steps as the daemon takes them: with limits, counted and timed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from repaintd.core.fetch import Fetched, FetchRequest, NotModified
from repaintd.errors import FetchFailed, PublishFailed, RefreshFailed, RenderFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from repaintd.core.binding import Binding
    from repaintd.core.fetch import FetchResult, Validators
    from repaintd.core.image import PublishedImage, RenderedImage, RenderJob
    from repaintd.core.ports import Clock, Publisher, Renderer, Source, TemplateEngine
    from repaintd.core.template import Template
    from repaintd.metrics import Metrics
    from repaintd.runtime.limits import FetchLimits
    from repaintd.runtime.run_steps import RunSteps

DRAWN_AHEAD: Final = 32
"""Refreshes that may be in template engine or renderer at once. The others wait here, in the order
in which they came, however many there are: after a start that is all of them, and none may fail
because of it. A probe of the renderer is then never far from its turn."""
GRACE: Final = 5.0
"""A source is given this much longer than its own deadline before it is cut off."""
SWEEP: Final = 2.0


class MeasuredSteps:
    """Takes the steps of every run, for its `RunSteps`.

    Whatever a source, an engine or a renderer raises that it should not is a failure of its stage
    with the reason `internal`.

    Args:
        timeout: seconds that one fetch may take.
        max_bytes: most bytes of a body.
    """

    def __init__(
        self,
        *,
        sources: Mapping[str, Source],
        engine: TemplateEngine,
        renderer: Renderer,
        renderer_name: str,
        images: Publisher,
        limits: FetchLimits,
        metrics: Metrics,
        clock: Clock,
        timeout: float,
        max_bytes: int,
    ) -> None:
        self._sources = sources
        self._engine = engine
        self._renderer = renderer
        self._renderer_name = renderer_name
        self._images = images
        self._limits = limits
        self._metrics = metrics
        self._clock = clock
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._drawing = asyncio.Semaphore(DRAWN_AHEAD)
        self._asking: dict[str, float] = {}
        self._cut: set[str] = set()

    async def fetch(
        self, binding: Binding, validators: Validators, run: RunSteps, *, failing: bool = False
    ) -> FetchResult:
        """Ask the source, when its turn has come."""
        source = self._sources.get(binding.source.type)
        if source is None:
            raise FetchFailed(
                f"no plugin serves sources of type {binding.source.type!r} just now; "
                "see `repaintd doctor`",
                reason="no_source",
            )
        request = FetchRequest(
            uid=binding.uid,
            spec=binding.source.spec,
            validators=validators,
            timeout=self._timeout,
            max_bytes=self._max_bytes,
        )
        host = binding.source.host
        await self._limits.take(host, failing=failing)
        try:
            return await self._asked(source, request, run)
        finally:
            self._limits.give(host, failing=failing)

    async def _asked(self, source: Source, request: FetchRequest, run: RunSteps) -> FetchResult:
        started = self._clock.monotonic()
        run.reached("fetch", started)
        tally = self._metrics.tally(request.uid)
        self._asking[request.uid] = started
        try:
            result = await source.fetch(request)
        except asyncio.CancelledError:
            if not self._is_cut(request.uid):
                raise
            tally.fetches_error += 1
            raise _failure(FetchFailed, TimeoutError()) from None
        except Exception as error:
            tally.fetches_error += 1
            raise _failure(FetchFailed, error) from error
        finally:
            del self._asking[request.uid]
            ended = self._clock.monotonic()
            run.reached("map", ended)
            self._metrics.observe_fetch(ended - started)
        if isinstance(result, NotModified):
            tally.fetches_not_modified += 1
        elif isinstance(result, Fetched):
            tally.fetches_modified += 1
        return result

    async def watch(self, interrupt: Callable[[str], None]) -> None:
        """Cut off sources that do not keep their deadline, for ever. Run it as a named task.

        One look at all of them now and then: a timer for each would be a tenth of a poll.

        Args:
            interrupt: cancels the refresh of a binding.
        """
        while True:
            await asyncio.sleep(SWEEP)
            latest = self._clock.monotonic() - self._timeout - GRACE
            for uid in [uid for uid, started in self._asking.items() if started < latest]:
                self._cut.add(uid)
                interrupt(uid)

    def _is_cut(self, uid: str) -> bool:
        """Whether the cancellation that just arrived came from `watch`; if so, it ends here."""
        task = asyncio.current_task()
        if uid not in self._cut or task is None:
            return False
        self._cut.discard(uid)
        return task.uncancel() == 0

    async def expand(self, template: Template, variables: Mapping[str, Any], run: RunSteps) -> str:
        """Put the variables into the markup."""
        run.reached("queue", self._clock.monotonic())
        try:
            async with self._drawing:
                run.reached("expand", self._clock.monotonic())
                return await self._engine.expand(template, variables)
        except Exception as error:
            raise _failure(RenderFailed, error) from error

    async def render(self, job: RenderJob, run: RunSteps) -> RenderedImage:
        """Draw the markup."""
        run.reached("queue", self._clock.monotonic())
        try:
            async with self._drawing:
                started = self._clock.monotonic()
                run.reached("render", started)
                image = await self._renderer.render(job)
        except Exception as error:
            raise _failure(RenderFailed, error) from error
        elapsed = image.seconds
        if elapsed is None:
            elapsed = self._clock.monotonic() - started
        self._metrics.observe_render(self._renderer_name, job.format.value, elapsed)
        return image

    async def publish(
        self, binding: Binding, image: RenderedImage, run: RunSteps
    ) -> PublishedImage:
        """Put the image in place."""
        run.reached("publish", self._clock.monotonic())
        try:
            return await self._images.publish(binding, image)
        except Exception as error:
            raise _failure(PublishFailed, error) from error


def _failure(stage: type[RefreshFailed], error: Exception) -> RefreshFailed:
    """The error itself where it is one of ours, else a failure of the stage that it happened in."""
    if isinstance(error, RefreshFailed):
        return error
    if isinstance(error, TimeoutError):
        return stage("no end within the deadline; it was cut off", reason="timeout")
    return stage(f"internal error: {type(error).__name__}", reason="internal")


class NoRenderer:
    """Stands where no renderer plugin could be opened, and says why."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def render(self, job: RenderJob) -> RenderedImage:
        """Fail, with the reason."""
        del job
        raise self._failure()

    async def probe(self) -> None:
        """Fail, with the reason."""
        raise self._failure()

    def _failure(self) -> RenderFailed:
        return RenderFailed(f"nothing here can draw: {self._reason}", reason="no_renderer")
