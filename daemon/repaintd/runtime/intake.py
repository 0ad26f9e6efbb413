"""Takes triggers in: durable first, then the wake-up; never the refresh itself."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from repaintd.core.intake import Intake
from repaintd.core.state import Trigger
from repaintd.errors import RepaintdError

if TYPE_CHECKING:
    from repaintd.core.intake import Accepted, Push
    from repaintd.core.ports import Clock, Inbox
    from repaintd.core.view import View
    from repaintd.metrics import Metrics
    from repaintd.runtime.catalogue import Catalogue, Entry

MOST_AT_ONCE: Final = 2_048
"""Triggers on their way to the disk, each with its data in memory."""
MOST_WAITING: Final = 1_024
"""Callers that wait for the end of a refresh."""


class Busy(RepaintdError):
    """More is asked for at once than there is room for; nothing was accepted.

    Attributes:
        retry_after: seconds after which to ask again.
    """

    retry_after: ClassVar[int] = 1


class Wake(Protocol):
    """`Scheduler.trigger`."""

    def __call__(
        self, uid: str, trigger: Trigger, *, debounce: float = 0.0, max_wait: float = 0.0
    ) -> bool:
        """True when this caused a run of its own, False when one was waiting already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a trigger.

    Attributes:
        received: how many triggers the binding has got so far; a run that has seen as many has
            seen this one.
        queued: whether a run follows because of it; not for a paused binding or a duplicate.
        duplicate: it was accepted before.
        refresh_id: names it; "" for a duplicate of which nothing more is known.
    """

    received: int
    queued: bool
    duplicate: bool
    refresh_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """What became of a refresh that was asked for.

    Attributes:
        refresh_id: names it.
        queued: whether it runs or has run; not for a paused binding.
        done: whether a run that saw its trigger is on record.
        changed: whether the image is another one than before.
        view: the binding now.
    """

    refresh_id: str
    queued: bool
    done: bool
    changed: bool
    view: View


class Intakes:
    """The way in for triggers, wherever they come from.

    Args:
        scheduler_trigger: `Scheduler.trigger`. Give `run_ended` to `Scheduler.on_run_end`.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        inbox: Inbox,
        scheduler_trigger: Wake,
        metrics: Metrics,
        clock: Clock,
        log: Any,
    ) -> None:
        self._catalogue = catalogue
        self._inbox = inbox
        self._wake = scheduler_trigger
        self._metrics = metrics
        self._clock = clock
        self._log = log
        self._accepting = 0
        self._waiting = 0
        self._run_ends: dict[str, set[asyncio.Future[None]]] = {}

    async def receive(
        self, uid: str, *, trigger: Trigger, seen: tuple[str, ...] = (), push: Push | None = None
    ) -> Receipt | None:
        """Accept one trigger that proved itself; durable on return.

        *seen* are the ids by which a repetition is told from a new trigger, *push* is the data that
        came with it.

        Returns:
            None when there is no such binding.

        Raises:
            Busy: too many at once; nothing was accepted.
            DocumentRefused: the data does not fit the document; nothing was accepted.
            StoreUnavailable: nothing was accepted.
        """
        if self._catalogue.entry(uid) is None:
            return None
        intake = Intake(
            uid=uid,
            refresh_id=f"ref_{secrets.token_hex(12)}",
            trigger=trigger,
            at=self._clock.now(),
            seen=seen,
            push=push,
        )
        accepted = await self._accept(intake)
        entry = self._catalogue.entry(uid)  # it may be another one by now
        return None if entry is None else self._taken(entry, intake, accepted)

    async def refresh(self, uid: str, wait: float = 0.0) -> Refreshed | None:
        """Trigger a refresh by hand, as durably as any other.

        *wait* is how many seconds to wait at most for the end of a run that saw the trigger.

        Returns:
            None when there is no such binding.

        Raises:
            Busy: too many at once; nothing was accepted.
            StoreUnavailable: nothing was accepted.
        """
        before = self._catalogue.get(uid)
        if wait > 0 and self._waiting >= MOST_WAITING:
            raise Busy(f"{MOST_WAITING:,} callers wait for a refresh already; ask without waiting")
        self._waiting += wait > 0
        try:
            receipt = await self.receive(uid, trigger=Trigger.MANUAL)
            if receipt is None or before is None:
                return None
            if wait > 0 and receipt.queued:
                await self._wait_for_run(uid, receipt.received, wait)
        finally:
            self._waiting -= wait > 0
        return self._refreshed(before, receipt)

    async def trigger(self, uid: str) -> bool:
        """Trigger a refresh by hand; False when there is no such binding, or it is paused.

        Raises:
            Busy: too many at once; nothing was accepted.
            StoreUnavailable: nothing was accepted.
        """
        receipt = await self.receive(uid, trigger=Trigger.MANUAL)
        return receipt is not None and receipt.queued

    def run_ended(self, uid: str) -> None:
        """A run of *uid* is over: let those who wait for it look."""
        for future in self._run_ends.pop(uid, ()):
            if not future.done():
                future.set_result(None)

    async def _accept(self, intake: Intake) -> Accepted:
        if self._accepting >= MOST_AT_ONCE:
            raise Busy(f"{MOST_AT_ONCE:,} triggers are being written down; send it again")
        self._accepting += 1
        try:
            return await self._inbox.accept(intake)
        finally:
            self._accepting -= 1

    def _taken(self, entry: Entry, intake: Intake, accepted: Accepted) -> Receipt:
        """Wake the scheduler for what is durable now.

        A repetition is no reason to run, but for one: whoever sent it first was cut off between the
        writing and the wake-up, so that nobody here knows of it yet.
        """
        unheard_of = accepted.received > entry.received
        entry.received = max(entry.received, accepted.received)
        queued = not entry.binding.paused and (unheard_of or not accepted.duplicate)
        own = queued and self._woken(entry, intake.trigger)
        self._count(intake.uid, duplicate=accepted.duplicate, queued=queued, own=own)
        self._log.debug(
            "trigger accepted",
            binding=intake.uid,
            refresh_id=intake.refresh_id,
            trigger=intake.trigger.value,
            queued=queued,
            duplicate=accepted.duplicate,
        )
        unknown = "" if accepted.duplicate else intake.refresh_id
        return Receipt(
            received=accepted.received,
            queued=queued,
            duplicate=accepted.duplicate,
            refresh_id=accepted.refresh_id or unknown,
        )

    def _count(self, uid: str, *, duplicate: bool, queued: bool, own: bool) -> None:
        tally = self._metrics.tally(uid)
        if duplicate:
            tally.triggers_duplicate += 1
        elif own:
            tally.triggers_queued += 1
        elif queued:
            tally.triggers_coalesced += 1
        else:
            tally.triggers_ignored += 1

    def _woken(self, entry: Entry, trigger: Trigger) -> bool:
        """Only webhooks come in bursts; who asks by hand gets a run as soon as can be."""
        hook = entry.binding.webhook
        if trigger is not Trigger.WEBHOOK or hook is None:
            return self._wake(entry.binding.uid, trigger)
        return self._wake(
            entry.binding.uid, trigger, debounce=hook.debounce, max_wait=hook.max_wait
        )

    async def _wait_for_run(self, uid: str, received: int, seconds: float) -> None:
        """Until a run that saw the trigger is on record, or the time is over."""
        try:
            async with asyncio.timeout(seconds):
                while self._is_owed(uid, received):
                    await self._run_end(uid)
        except TimeoutError:
            return

    def _is_owed(self, uid: str, received: int) -> bool:
        entry = self._catalogue.entry(uid)
        return entry is not None and entry.state.triggers_taken < received

    async def _run_end(self, uid: str) -> None:
        future = asyncio.get_running_loop().create_future()
        self._run_ends.setdefault(uid, set()).add(future)
        try:
            await future
        finally:
            others = self._run_ends.get(uid, set())
            others.discard(future)
            if not others:
                self._run_ends.pop(uid, None)

    def _refreshed(self, before: View, receipt: Receipt) -> Refreshed | None:
        uid = before.binding.uid
        view = self._catalogue.get(uid)
        if view is None:
            return None
        was, now = before.state.image, view.state.image
        return Refreshed(
            refresh_id=receipt.refresh_id,
            queued=receipt.queued,
            done=receipt.queued and not self._is_owed(uid, receipt.received),
            changed=(was and was.etag) != (now and now.etag),
            view=view,
        )
