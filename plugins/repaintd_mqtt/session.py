"""One connection to the broker, from its beginning to its loss."""

from __future__ import annotations

import asyncio
import json
import math
from typing import TYPE_CHECKING, Any, Final, TypeVar

import aiomqtt

from repaintd.plugin import DeliveryFailed
from repaintd_mqtt.topics import ONLINE

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from repaintd_mqtt.topics import Topics

T = TypeVar("T")

ACKNOWLEDGED_WITHIN: Final = 15.0
"""Seconds that the broker may take for one message."""
_NOTHING: Final = hash(b"")
_REFUSED: Final = 128  # SUBACK return codes from here on (MQTT 3.1.1 section 3.9.3)


class Session:
    """What we say to the broker, and what it retains, as far as we know.

    Args:
        within: seconds that the broker may take to acknowledge one message.
    """

    def __init__(
        self, client: aiomqtt.Client, topics: Topics, within: float = ACKNOWLEDGED_WITHIN
    ) -> None:
        self._client = client
        self._topics = topics
        self._within = within
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._retained: dict[str, int] = {}  # topic -> hash of the payload, to save memory
        self._learnt_at = asyncio.get_running_loop().time()
        self.echoed = asyncio.Event()
        """Set once the broker has shown us that we are online: it takes what we publish."""
        self.contradicted = asyncio.Event()
        """Set when the broker says of us that we are offline."""
        self.images: dict[str, str] = {}
        """uid -> etag of the image whose bytes are retained."""

    def end(self) -> None:
        """Fail whatever waits for the broker, now and later."""
        if not self._lost.done():
            self._lost.set_result(None)

    @property
    def over(self) -> bool:
        """Whether the connection is lost, as far as anybody has noticed."""
        return self._lost.done()

    async def ended(self, within: float) -> None:
        """Wait for the end of the connection, but no longer than *within* seconds."""
        await asyncio.wait((self._lost,), timeout=within)

    async def announce(self) -> None:
        """Say that we are online.

        Raises:
            DeliveryFailed: as for `publish`.
        """
        await self.publish(self._topics.status, ONLINE, retain=True)

    async def quiet(self, seconds: float, within: float) -> None:
        """Wait until nothing retained has come for some seconds, but no longer than *within*."""
        loop = asyncio.get_running_loop()
        end = loop.time() + within
        while (rest := min(self._learnt_at + seconds, end) - loop.time()) > 0 and not self.over:
            await self.ended(rest)

    async def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, within: float | None = None
    ) -> None:
        """Send with QoS 1; returns when the broker has acknowledged it (PUBACK).

        aiomqtt 2 waits for the PUBACK, but knows nothing of a connection that is lost meanwhile.

        Raises:
            DeliveryFailed: it did not, or nobody knows.
        """
        sending = self._client.publish(topic, payload, qos=1, retain=retain, timeout=math.inf)
        await self._unless_lost(sending, self._within if within is None else within)

    async def retain(self, topic: str, payload: bytes) -> None:
        """See that the broker retains exactly this; nothing is sent when it does already.

        Raises:
            DeliveryFailed: as for `publish`.
        """
        if self._retained.get(topic, _NOTHING) != hash(payload):
            await self.publish(topic, payload, retain=True)
            self._retained[topic] = hash(payload)

    def unlearn(self, topic: str) -> None:
        """Forget what is retained there, so that the next `retain` says it again."""
        self._retained.pop(topic, None)

    def learn(self, topic: str, payload: bytes) -> None:
        """Take note of a message that was retained before we came."""
        self._learnt_at = asyncio.get_running_loop().time()
        self._retained[topic] = hash(payload)
        uid = self._topics.uid_of(topic, "state")
        if uid is not None and (etag := _etag_of_bytes(payload)):
            self.images[uid] = etag

    def uids(self) -> set[str]:
        """Bindings of which the broker retains anything."""
        found = set(self.images)
        for topic in self._retained:
            found.add(
                self._topics.uid_of(topic, "state")
                or self._topics.uid_of(topic, "image-url")
                or self._topics.uid_of_device(topic)
                or ""
            )
        return found - {""}

    async def subscribe(
        self, topics: Sequence[str], *, qos: int = 1, within: float | None = None
    ) -> list[str]:
        """Subscribe; returns the topics that the broker refuses.

        Raises:
            DeliveryFailed: it did not answer.
        """
        asking = self._client.subscribe([(topic, qos) for topic in topics], timeout=math.inf)
        granted = await self._unless_lost(asking, self._within if within is None else within)
        codes = [code if isinstance(code, int) else code.value for code in granted]
        return [topic for topic, code in zip(topics, codes, strict=False) if code >= _REFUSED]

    async def unsubscribe(self, topics: Sequence[str]) -> None:
        """Unsubscribe.

        Raises:
            DeliveryFailed: the broker did not answer.
        """
        asking = self._client.unsubscribe(list(topics), timeout=math.inf)
        await self._unless_lost(asking, self._within)

    async def _unless_lost(self, call: Coroutine[Any, Any, T], within: float) -> T:
        task = asyncio.create_task(call, name="mqtt call")
        try:
            await asyncio.wait(
                (task, self._lost), timeout=within, return_when=asyncio.FIRST_COMPLETED
            )
            if task.done():
                return task.result()
        except aiomqtt.MqttError as exc:
            raise DeliveryFailed(f"the MQTT broker did not take it: {exc}") from exc
        finally:
            task.cancel()
        if self._lost.done():
            raise DeliveryFailed("the MQTT broker was lost before it acknowledged")
        raise DeliveryFailed(f"the MQTT broker did not acknowledge within {within:g} s")


def _etag_of_bytes(state: bytes) -> str | None:
    """The etag in a state document, when it says that the bytes are retained, too."""
    try:
        document = json.loads(state)
    except ValueError:  # somebody else's, or an older one of ours
        return None
    if not isinstance(document, dict) or not document.get("imageTopic"):
        return None
    return str(document.get("etag") or "?")
