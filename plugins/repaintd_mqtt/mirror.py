"""Keeps what the broker retains in step with the bindings."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from repaintd.plugin import DeliveryFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from repaintd.plugin import Host, View
    from repaintd_mqtt.link import Link
    from repaintd_mqtt.notices import Notices
    from repaintd_mqtt.session import Session

ROUND: Final = 1.0
"""Seconds between two looks at all bindings."""
FRESHNESS: Final = 60.0
"""Seconds between two states of a binding that differ in nothing but times."""
_FRESH_AT_ONCE: Final = 200  # of them in one round
_AT_ONCE: Final = 16  # bindings told at a time; brokers commonly take 20 messages in flight
QUIET: Final = 0.3  # seconds without a retained message that mean there are no more
_ANSWERED_WITHIN: Final = 5.0
_LEARNT_WITHIN: Final = 60.0  # seconds that the retained messages of one filter may take
_BREATH: Final = 5  # bindings of each lane after which others get their turn


@dataclass(slots=True)
class _Shown:
    """What was last told of one binding.

    Attributes:
        seen: the View that was looked at last.
        facts: of it, those that are told at once.
        at: when they were, on the monotonic clock.
        owed: times have changed since.
    """

    seen: View | None = None
    facts: Any = None
    at: float = -math.inf
    owed: bool = False


class Mirror:
    """Looks for bindings that have changed, and tells the broker."""

    def __init__(
        self,
        host: Host,
        link: Callable[[], Link],
        notices: Notices,
        log: Any,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host = host
        self._link = link
        self._notices = notices
        self._log = log
        self._now = now
        self._shown: dict[str, _Shown] = {}
        self._nudged: set[str] = set()
        self._woken = asyncio.Event()
        self._next_round = -math.inf

    def nudge(self, uid: str) -> None:
        """Look at this binding at once."""
        self._nudged.add(uid)
        self._woken.set()

    def announce_again(self, session: Session) -> None:
        """Home Assistant has come back: tell it of every device."""
        for uid, shown in self._shown.items():
            self._notices.unlearn_device(session, uid)
            shown.seen = shown.facts = None
        self._next_round = -math.inf
        self._woken.set()

    async def run(self) -> None:
        """Tell until cancelled."""
        while True:
            session = await self._link().session()
            try:
                await self._begin(session)
                while not session.over:
                    await self._turn(session)
            except DeliveryFailed as exc:
                self._log.debug("states are told again later", error=str(exc))
                await session.ended(within=ROUND)

    async def _begin(self, session: Session) -> None:
        await self._learn(session)
        # What an earlier run left looks like bindings that are gone since.
        self._shown = {uid: _Shown() for uid in session.uids()}
        self._next_round = -math.inf

    async def _learn(self, session: Session) -> None:
        """Ask what is retained already; what we do not learn is told again, or left behind.

        Nothing but silence marks the end: under tens of thousands of messages Mosquitto 2.0 drops
        some, and the acknowledgements that should follow them as well.

        Raises:
            DeliveryFailed: the connection was lost.
        """
        for topic in self._notices.filters:
            try:
                refused = await session.subscribe((topic,), qos=0, within=_ANSWERED_WITHIN)
            except DeliveryFailed:
                refused = []
            if refused:
                self._log.warning(
                    "the MQTT broker does not let us read a topic, so what an earlier run left"
                    " there is not removed: check its access rules",
                    topic=topic,
                )
            await session.quiet(QUIET, _LEARNT_WITHIN)
        if not session.echoed.is_set() and not session.over:
            self._log.warning(
                "the MQTT broker does not show us the status that we publish: its access rules may"
                " keep us from publishing, which MQTT 3.1.1 does not tell"
            )
        await session.unsubscribe(self._notices.filters)  # we would hear our own echo

    async def _turn(self, session: Session) -> None:
        """Wait for something to do, and do it."""
        wait = self._next_round - self._now()
        if wait > 0:
            try:
                async with asyncio.timeout(wait):
                    await self._woken.wait()
            except TimeoutError:
                pass
        self._woken.clear()
        if self._now() >= self._next_round:
            await self._round(session)
            self._next_round = self._now() + ROUND  # from its end: others get their turn
        nudged, self._nudged = self._nudged, set()
        views = [view for uid in nudged if (view := self._host.get(uid)) is not None]
        await self._tell(session, [view for view in views if self._is_due(view, fresh=False)])

    async def _round(self, session: Session) -> None:
        views = list(self._host.all())
        await self._tell(session, self._due(views))
        self._notices.size.passed()
        if len(self._shown) > len(views):
            present = {view.binding.uid for view in views}
            for uid in self._shown.keys() - present:
                await self._notices.clear(session, uid)
                del self._shown[uid]

    def _due(self, views: Iterable[View]) -> list[View]:
        """Those to tell of; for almost all of them this is one comparison of identities."""
        due, shown, now = [], self._shown, self._now()
        fresh = 0
        for view in views:
            last = shown.get(view.binding.uid)
            if last is not None and last.seen is view and not last.owed:
                continue
            ripe = last is not None and last.owed and now >= last.at + FRESHNESS
            if self._is_due(view, fresh=ripe and fresh < _FRESH_AT_ONCE):
                fresh += ripe
                due.append(view)
        return due

    def _is_due(self, view: View, *, fresh: bool) -> bool:
        last = self._shown.setdefault(view.binding.uid, _Shown())
        if last.seen is view:
            return fresh
        if last.facts != _facts(view):
            return True
        last.seen, last.owed = view, True
        return fresh

    async def _tell(self, session: Session, views: Sequence[View]) -> None:
        rest, failures = iter(views), list[DeliveryFailed]()
        if len(views) == 1:
            await self._lane(session, rest, failures)
        elif views:
            async with asyncio.TaskGroup() as group:
                for number in range(min(_AT_ONCE, len(views))):
                    lane = self._lane(session, rest, failures)
                    group.create_task(lane, name=f"mqtt state {number}")
        if failures:
            raise failures[0]

    async def _lane(
        self, session: Session, rest: Iterator[View], failures: list[DeliveryFailed]
    ) -> None:
        for told, view in enumerate(rest):
            if failures:
                return
            try:
                await self._notices.tell(session, view)
            except DeliveryFailed as exc:
                failures.append(exc)
                return
            self._shown[view.binding.uid] = _Shown(view, _facts(view), self._now())
            if told % _BREATH == 0:
                await asyncio.sleep(0)  # what the broker retains already takes no waiting


def _facts(view: View) -> tuple[Any, ...]:
    """All of a state document but its times."""
    binding, state = view.binding, view.state
    return (
        view.status,
        binding.name,
        binding.template_id,
        binding.output.format,
        state.image.etag if state.image else None,
        state.last_error if state.error_count else None,
        state.variables,
    )
