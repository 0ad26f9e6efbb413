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
from repaintd.core.run import Ending
from repaintd.core.status import image_url
from repaintd.errors import PublishFailed, RefreshFailed, RenderFailed, StoreUnavailable
from repaintd.runtime.freshness_teller import FreshnessTeller
from repaintd.runtime.reload_due import due_when_changed
from repaintd.runtime.run_log import RunLog
from repaintd.runtime.run_steps import RunSteps
from repaintd.runtime.run_words import RunWords

if TYPE_CHECKING:
    from repaintd.core.image import PublishedImage
    from repaintd.core.pipeline import Outcome
    from repaintd.core.ports import Clock, Publisher
    from repaintd.core.state import Trigger
    from repaintd.metrics import Metrics
    from repaintd.runtime.catalogue import Catalogue, Entry
    from repaintd.runtime.run_log import Store
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
        store: Store,
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
        self._words = RunWords(log)
        self._runs = RunLog(store)
        self._under_way: dict[str, RunSteps] = {}
        self._teller = FreshnessTeller(
            store=store, metrics=metrics, clock=clock, words=self._words, public_url=public_url
        )
        self._first_images: dict[str, asyncio.Event] = {}

    async def run(self, uid: str, trigger: Trigger, lag: float) -> float | None:
        """Refresh *uid* once and record what came of it; never fails.

        Returns:
            When the binding is due next; None when only a trigger makes it run.
        """
        if uid in self._teller.busy:
            await self._teller.over(uid)
        entry = self._catalogue.entry(uid)
        if entry is None:
            return None
        before = entry.binding, entry.configured
        steps = self._under_way[uid] = RunSteps(self._steps, self._clock, trigger, lag)
        try:
            self._metrics.observe_refresh_lag(lag)
            await self._run(entry, steps)
            if entry.state.stale_since is not None and self._is_current(entry):
                await self._teller.tell(entry)
        except Exception as error:  # noqa: BLE001 — a bug in one refresh must not stop the others
            self._log.exception("refresh broke; please report this", binding=uid)
            self._put_off(entry, f"internal error: {type(error).__name__}", "internal", steps)
        finally:
            del self._under_way[uid]
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

    def under_way(self, uid: str) -> RunSteps | None:
        """The run of *uid* that is under way, if there is one."""
        return self._under_way.get(uid)

    async def tell_freshness(self, uid: str) -> None:
        """Tell that the data of *uid* has become too old, or is not any more; not during a run."""
        entry = self._catalogue.entry(uid)
        if entry is not None and uid not in self._under_way:
            await self._teller.tell(entry)

    async def _run(self, entry: Entry, steps: RunSteps) -> None:
        work = self._work(entry, steps.trigger, steps.at)
        try:
            outcome = await refresh(work, steps)
        except RefreshFailed as failure:
            await self._failed(entry, work, failure, steps)
        else:
            await self._succeeded(entry, work, outcome, steps)

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

    async def _succeeded(self, entry: Entry, work: Work, outcome: Outcome, steps: RunSteps) -> None:
        quiet = outcome.mapped is None and not work.state.default_image
        if quiet and isinstance(outcome.result, NotModified):
            self._not_modified(entry, work, outcome.result, steps)
            return
        if not self._is_current(entry):
            return
        stamp = self._stamp(work)
        due = _due(work, outcome, stamp.now)
        settled = health.after_success(work, outcome, due, stamp)
        self._metrics.count_outcome(work.binding.uid, outcome)
        streak = self._runs.succeeded(work, outcome, settled.state, steps)
        if not await self._record(entry, settled.with_streak(streak), steps):
            return
        if outcome.mapped is not None and work.configured == entry.configured:
            entry.drawn = True
        if work.state.error_count and not entry.state.error_count:
            self._words.recovered(work)
        if outcome.image is not None:
            await self._published(work, outcome.image)
        if work.state.default_image and not entry.state.default_image:
            await self._defaults.remove(work.binding.uid)

    def _not_modified(self, entry: Entry, work: Work, result: NotModified, steps: RunSteps) -> None:
        """The short way for what happens most: the source says 304, and the image is current."""
        if not self._is_current(entry):
            return
        now = self._clock.now()
        due = schedule.after_success(work.binding, now, result.hints)
        streak = self._runs.quiet(work, Ending.NOT_MODIFIED, steps)
        entry.state = health.after_not_modified(work, result, due, now, streak)
        self._store.note(entry.state)
        self._metrics.tally(work.binding.uid).skipped_fetch += 1
        if work.state.error_count:
            self._words.recovered(work)

    async def _published(self, work: Work, image: PublishedImage) -> None:
        self._words.published(work, image)
        waiting = self._first_images.pop(work.binding.uid, None)
        if waiting is not None:
            waiting.set()

    async def _failed(
        self, entry: Entry, work: Work, failure: RefreshFailed, steps: RunSteps
    ) -> None:
        if not self._is_current(entry):
            return
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
        self._words.failed(work, failure, settled)
        streak = self._runs.failed(work.state, failure, settled.state, steps)
        await self._record(entry, settled.with_streak(streak), steps)
        if self._is_current(entry) and work.binding.refresh.on_error is OnError.SERVE_DEFAULT:
            await self._draw_default(entry, work, steps)

    async def _record(self, entry: Entry, settled: health.Settled, steps: RunSteps) -> bool:
        """Write the new state, with its event in the same transaction.

        Without an event there is nothing that must not be lost: it is written with the next batch.
        Where the database refuses, the old state stands: the next run finds the same difference
        again, so no event is lost, or draws over what was drawn; only the due time moves in memory.
        """
        event = settled.event
        if event is None:
            entry.state = settled.state
            self._store.note(settled.state)
            return True
        try:
            await self._store.commit(settled.state, [event])
        except StoreUnavailable as error:
            self._put_off(entry, f"the state could not be recorded: {error}", "state", steps)
            if settled.state.image is not entry.state.image:
                entry.forget_image()
            return False
        entry.state = settled.state
        self._runs.recorded(event.uid, steps)
        self._metrics.count_event(event.name)
        self._words.event(event)
        return True

    def _put_off(self, entry: Entry, error: str, reason: str, steps: RunSteps) -> None:
        """Try again later, in memory only: nothing of the run is on record."""
        if not self._is_current(entry):
            return
        before, now = entry.state, self._clock.now()
        failures = before.error_count + 1
        due = schedule.after_failure(entry.binding, now, failures, random.random())  # noqa: S311
        state = replace(
            before,
            error_count=failures,
            last_error=error,
            last_error_stage=PublishFailed.stage,
            last_error_reason=reason,
            last_attempt_at=now,
            next_due_at=due.at,
            due_reason=due.reason,
        )
        failure = PublishFailed(error, reason=reason)
        streak = self._runs.failed(before, failure, state, steps)
        entry.state = replace(state, streak=streak)
        self._metrics.count_failure(entry.binding.uid, PublishFailed.stage, reason)
        if not before.error_count:
            self._log.error("refresh not recorded", binding=entry.binding.uid, error=error)

    async def _draw_default(self, entry: Entry, work: Work, steps: RunSteps) -> None:
        """Keep the image for `serve_default` ready; the good image stays as it is."""
        try:
            drawn = await draw_default(work, steps)
            if drawn is None:
                return
            fingerprint, image = drawn
            await self._defaults.publish(work.binding, image)
        except RefreshFailed as failure:
            self._words.no_default(work, failure)
            return
        if self._is_current(entry):
            entry.state = replace(entry.state, default_image=fingerprint)
            self._store.note(entry.state)


def _due(work: Work, outcome: Outcome, now: float) -> schedule.Due:
    if outcome.result is None:
        return schedule.after_update(work.binding, now, work.state.last_fetch_at)
    return schedule.after_success(work.binding, now, getattr(outcome.result, "hints", NO_HINTS))
