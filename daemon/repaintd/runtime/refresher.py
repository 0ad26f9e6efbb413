"""Runs one refresh from trigger to record: the only place that writes down what happened."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from repaintd.core import health, schedule
from repaintd.core.binding import OnError
from repaintd.core.fetch import NO_HINTS, NotModified
from repaintd.core.pipeline import Work, draw_default, refresh
from repaintd.core.status import image_url
from repaintd.errors import PublishFailed, RefreshFailed, RenderFailed, StoreUnavailable
from repaintd.runtime.reload_due import due_when_changed

if TYPE_CHECKING:
    from repaintd.core.event import Event
    from repaintd.core.image import PublishedImage
    from repaintd.core.pipeline import Outcome
    from repaintd.core.ports import Clock, Publisher, StateStore
    from repaintd.core.state import Trigger
    from repaintd.metrics import Metrics
    from repaintd.runtime.catalogue import Catalogue, Entry
    from repaintd.runtime.steps import MeasuredSteps


class Refresher:
    """Carries refreshes out. Whoever calls sees to it that one binding has one at a time.

    Args:
        public_url: where the world reaches the listener, without a slash at the end.
        defaults: where the images of `serve_default` lie, apart from the good ones.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        steps: MeasuredSteps,
        store: StateStore,
        defaults: Publisher,
        metrics: Metrics,
        clock: Clock,
        log: Any,
        public_url: str,
        render_timeout: float,
    ) -> None:
        self._catalogue = catalogue
        self._steps = steps
        self._store = store
        self._defaults = defaults
        self._metrics = metrics
        self._clock = clock
        self._log = log
        self._public_url = public_url
        self._render_timeout = render_timeout
        self._first_images: dict[str, asyncio.Event] = {}

    async def run(self, uid: str, trigger: Trigger, lag: float) -> float | None:
        """Refresh *uid* once and record what came of it; never fails.

        Returns:
            When the binding is due next; None when only a trigger makes it run.
        """
        entry = self._catalogue.entry(uid)
        if entry is None:
            return None
        before = entry.binding, entry.configured
        try:
            self._metrics.observe_refresh_lag(lag)
            await self._run(entry, trigger)
        except Exception as error:  # noqa: BLE001 — a bug in one refresh must not stop the others
            self._log.exception("refresh broke; please report this", binding=uid)
            self._put_off(entry, f"internal error: {type(error).__name__}", "internal")
        if not self._is_current(entry):
            return None
        if (entry.binding, entry.configured) != before:  # the run was one of an old definition
            entry.replan(due_when_changed(entry, before[0], self._clock.now()))
        return entry.state.next_due_at

    def _is_current(self, entry: Entry) -> bool:
        """Whether the binding is still configured: nothing is written of one that is gone."""
        return self._catalogue.entry(entry.binding.uid) is entry

    def forget(self, uid: str) -> None:
        """Let nobody wait any more for the first image of a binding that is gone."""
        waiting = self._first_images.pop(uid, None)
        if waiting is not None:
            waiting.set()

    async def _run(self, entry: Entry, trigger: Trigger) -> None:
        now = self._clock.now()
        work = self._work(entry, trigger, now)
        try:
            outcome = await refresh(work, self._steps)
        except RefreshFailed as failure:
            await self._failed(entry, work, failure)
        else:
            await self._succeeded(entry, work, outcome)

    async def wait_for_image(self, uid: str, timeout: float) -> bool:  # noqa: ASYNC109 — core.view's shape
        """Wait until *uid* has an image; False when it still has none after *timeout* seconds."""
        entry = self._catalogue.entry(uid)
        if entry is None or entry.state.image is not None:
            return entry is not None
        idle = entry.state.next_due_at is None and entry.state.last_attempt_at is not None
        if idle and not entry.pending:
            return False  # it waits for a trigger
        published = self._first_images.setdefault(uid, asyncio.Event())
        try:
            async with asyncio.timeout(timeout):
                await published.wait()
        except TimeoutError:
            return False
        return True

    def _work(self, entry: Entry, trigger: Trigger, now: float) -> Work:
        return Work(
            binding=entry.binding,
            template=entry.template,
            state=entry.state,
            trigger=trigger,
            now=now,
            mapping_fingerprint=entry.mapping_fingerprint,
            configured=entry.configured,
            drawn=entry.drawn,
            received=entry.received,
            render_timeout=self._render_timeout,
        )

    def _stamp(self, work: Work) -> health.Stamp:
        return health.Stamp(
            now=self._clock.now(),
            render_url=image_url(self._public_url, work.binding),
        )

    async def _succeeded(self, entry: Entry, work: Work, outcome: Outcome) -> None:
        quiet = outcome.mapped is None and not work.state.default_image
        if quiet and isinstance(outcome.result, NotModified):
            self._not_modified(entry, work, outcome.result)
            return
        stamp = self._stamp(work)
        due = _due(work, outcome, stamp.now)
        settled = health.after_success(work, outcome, due, stamp)
        self._count(work.binding.uid, outcome)
        if not await self._record(entry, settled):
            return
        if outcome.mapped is not None and work.configured == entry.configured:
            entry.drawn = True
        if work.state.error_count and not entry.state.error_count:
            self._recovered(work)
        if outcome.image is not None:
            await self._published(work, outcome.image)
        if work.state.default_image and not entry.state.default_image:
            await self._defaults.remove(work.binding.uid)

    def _not_modified(self, entry: Entry, work: Work, result: NotModified) -> None:
        """The short way for what happens most: the source says 304, and the image is current."""
        if not self._is_current(entry):
            return
        now = self._clock.now()
        due = schedule.after_success(work.binding, now, result.hints)
        entry.state = health.after_not_modified(work, result, due, now)
        self._store.note(entry.state)
        self._metrics.tally(work.binding.uid).skipped_fetch += 1
        if work.state.error_count:
            self._recovered(work)

    def _recovered(self, work: Work) -> None:
        self._log.info(
            "binding recovered", binding=work.binding.uid, failures=work.state.error_count
        )

    def _count(self, uid: str, outcome: Outcome) -> None:
        tally = self._metrics.tally(uid)
        if outcome.image is not None:
            tally.renders_ok += 1
            tally.publishes += outcome.image.changed
        if outcome.skipped == "fetch":
            tally.skipped_fetch += 1
        elif outcome.skipped == "render":
            tally.skipped_render += 1
        elif outcome.skipped == "publish":
            tally.skipped_publish += 1

    async def _published(self, work: Work, image: PublishedImage) -> None:
        uid = work.binding.uid
        say = self._log.info if image.changed else self._log.debug
        say(
            "image published" if image.changed else "image unchanged",
            binding=uid,
            file=work.binding.filename,
            bytes=image.size,
            trigger=work.trigger.value,
        )
        waiting = self._first_images.pop(uid, None)
        if waiting is not None:
            waiting.set()

    async def _failed(self, entry: Entry, work: Work, failure: RefreshFailed) -> None:
        stamp = self._stamp(work)
        due = schedule.after_failure(
            work.binding,
            stamp.now,
            work.state.error_count + 1,
            random.random(),  # noqa: S311 — jitter, no secret
            failure.retry_after,
        )
        settled = health.after_failure(work, failure, due, stamp)
        self._metrics.count_failure(work.binding.uid, failure.stage, failure.reason)
        if failure.stage == RenderFailed.stage:
            self._metrics.tally(work.binding.uid).renders_error += 1
        self._log_failure(work, failure, settled)
        await self._record(entry, settled)
        if self._is_current(entry) and work.binding.refresh.on_error is OnError.SERVE_DEFAULT:
            await self._draw_default(entry, work)

    def _log_failure(self, work: Work, failure: RefreshFailed, settled: health.Settled) -> None:
        """Say it aloud once, when a binding starts to fail; repetitions are details."""
        say = self._log.debug if work.state.error_count else self._log.warning
        say(
            "binding failed",
            binding=work.binding.uid,
            stage=failure.stage,
            reason=failure.reason,
            error=str(failure),
            failures=settled.state.error_count,
            exc_info=failure.__cause__ if failure.reason == "internal" else None,
        )

    async def _record(self, entry: Entry, settled: health.Settled) -> bool:
        """Write the new state, with its event in the same transaction.

        Without an event there is nothing that must not be lost: it is written with the next batch.
        Where the database refuses, the old state stands: the next run finds the same difference
        again, so no event is lost; only the due time moves, in memory.
        """
        if not self._is_current(entry):
            return False
        event = settled.event
        if event is None:
            entry.state = settled.state
            self._store.note(settled.state)
            return True
        try:
            await self._store.commit(settled.state, [event])
        except StoreUnavailable as error:
            self._put_off(entry, f"the state could not be recorded: {error}", "state")
            return False
        entry.state = settled.state
        self._metrics.count_event(event.name)
        first = event.data.get("retryCount", 1) == 1
        say = self._log.info if first else self._log.debug  # a failure is told once
        say(
            event.name,
            event_id=event.id,
            binding=event.uid,
            sequence=event.sequence,
            **_told(event),
        )
        return True

    def _put_off(self, entry: Entry, error: str, reason: str) -> None:
        """Try again later, in memory only: nothing of the run is on record."""
        if not self._is_current(entry):
            return
        before, now = entry.state, self._clock.now()
        failures = before.error_count + 1
        due = schedule.after_failure(entry.binding, now, failures, random.random())  # noqa: S311
        entry.state = replace(
            before,
            error_count=failures,
            last_error=error,
            last_error_stage=PublishFailed.stage,
            last_error_reason=reason,
            last_attempt_at=now,
            next_due_at=due.at,
            due_reason=due.reason,
        )
        self._metrics.count_failure(entry.binding.uid, PublishFailed.stage, reason)
        if not before.error_count:
            self._log.error("refresh not recorded", binding=entry.binding.uid, error=error)

    async def _draw_default(self, entry: Entry, work: Work) -> None:
        """Keep the image for `serve_default` ready; the good image stays as it is."""
        try:
            drawn = await draw_default(work, self._steps)
            if drawn is None:
                return
            fingerprint, image = drawn
            await self._defaults.publish(work.binding, image)
        except RefreshFailed as failure:
            say = self._log.debug if work.state.error_count else self._log.warning
            say("default image not drawn", binding=work.binding.uid, error=str(failure))
            return
        if self._is_current(entry):
            entry.state = replace(entry.state, default_image=fingerprint)
            self._store.note(entry.state)


def _due(work: Work, outcome: Outcome, now: float) -> schedule.Due:
    if outcome.result is None:
        return schedule.after_update(work.binding, now, work.state.last_fetch_at)
    return schedule.after_success(work.binding, now, getattr(outcome.result, "hints", NO_HINTS))


_TOLD = ("changed", "etag", "trigger", "stage", "reason", "error", "retryCount", "nextRetry")


def _told(event: Event) -> dict[str, Any]:
    """What the log says of an event: all but the variables, which may be long."""
    return {key: event.data[key] for key in _TOLD if key in event.data}
