"""Tells the broker of events."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from repaintd.plugin import UNTIL_IT_WORKS, Delivered, DeliveryFailed, DeliveryPolicy

if TYPE_CHECKING:
    from repaintd.plugin import StoredEvent
    from repaintd_mqtt.commands import Commands
    from repaintd_mqtt.link import Link
    from repaintd_mqtt.mirror import Mirror
    from repaintd_mqtt.topics import Topics

TIMEOUT: Final = 600.0
"""Seconds for one attempt. Most of it is waiting for the broker to come back: who waits here goes
on at once when it does. It is longer than any pause that the daemon makes between attempts, which
counts from the beginning of the last one: so there is none in which nobody waits here."""
LANES: Final = 8
_TRIES: Final = 3


class MqttSink:
    """Implements `EventSink` and `Working`.

    Args:
        within: seconds that the broker may take to acknowledge one message.
    """

    held: Final = False

    def __init__(
        self,
        topics: Topics,
        link: Link,
        mirror: Mirror,
        commands: Commands,
        *,
        log: Any,
        fingerprint: str,
        within: float,
        timeout: float = TIMEOUT,
    ) -> None:
        self._topics = topics
        self._link = link
        self._mirror = mirror
        self._commands = commands
        self._log = log
        self._failed = ("", 0)  # the event that was not taken last, how often in a row
        self._patience = timeout - within
        self.fingerprint: Final = fingerprint
        self.policy: Final = DeliveryPolicy(
            retries=UNTIL_IT_WORKS, timeout=timeout, concurrency=LANES
        )

    def wants(self, event: StoredEvent) -> bool:  # noqa: ARG002 - all of them
        """Every event."""
        return True

    async def deliver(self, event: StoredEvent) -> Delivered:
        """Publish it, exactly as it was written; the broker has it when this returns.

        Raises:
            DeliveryFailed: there is no connection, or the broker did not acknowledge it.
        """
        try:
            async with asyncio.timeout(self._patience):
                session = await self._link.session()
        except TimeoutError as exc:
            raise DeliveryFailed(f"no MQTT broker: {self._link.trouble}") from exc
        try:
            await session.publish(self._topics.event(event.uid), event.body)
        except DeliveryFailed:
            self._blame(event)
            raise
        if event.uid:
            self._mirror.nudge(event.uid)
        return Delivered()

    def _blame(self, event: StoredEvent) -> None:
        """A broker that refuses large messages hangs up, and would do so for ever."""
        failed, times = self._failed
        times = times + 1 if failed == event.id else 1
        self._failed = (event.id, times)
        if times == _TRIES:
            self._log.warning(
                "the MQTT broker does not take this event, and all that follow wait for it: perhaps"
                " it takes no messages of this size; let it take larger ones",
                event_id=event.id,
                bytes=len(event.body),
            )

    async def work(self) -> None:
        """Keep the connection, the retained topics and the commands going."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._link.run(), name="mqtt connection")
            group.create_task(self._mirror.run(), name="mqtt states")
            group.create_task(self._commands.run(), name="mqtt commands")
