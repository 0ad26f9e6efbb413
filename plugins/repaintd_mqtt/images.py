"""The images' bytes at the broker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from repaintd.plugin import DeliveryFailed
from repaintd_mqtt.session import ACKNOWLEDGED_WITHIN

if TYPE_CHECKING:
    from repaintd.plugin import Host, View
    from repaintd_mqtt.session import Session
    from repaintd_mqtt.topics import Topics

IMAGE_MOST: Final = 10 * 1024 * 1024
_SLOWEST: Final = 256 * 1024  # bytes per second that a broker has to take at least
_TRIES: Final = 3


class Images:
    """Sees that the broker retains each binding's present image, or none.

    Args:
        enabled: `images` of the settings; what an earlier run left is removed otherwise.
        most: bytes of the largest image that is sent.
    """

    def __init__(
        self, host: Host, topics: Topics, log: Any, *, enabled: bool, most: int = IMAGE_MOST
    ) -> None:
        self._host = host
        self._topics = topics
        self._log = log
        self._enabled = enabled
        self._most = most
        self._failed: dict[str, tuple[str, int]] = {}  # uid -> etag, times it could not be sent

    async def show(self, session: Session, view: View) -> str | None:
        """The topic that holds the present image now; None where there is none, or it is too large.

        Raises:
            DeliveryFailed: the broker did not acknowledge it.
        """
        uid = view.binding.uid
        etag = view.state.image.etag if self._enabled and view.state.image else None
        if etag is not None and session.images.get(uid) == etag:
            return self._topics.image(uid)
        body = None if etag is None else await self._read(uid, etag)
        if etag is None or body is None:
            await self.clear(session, uid)
            return None
        await self._send(session, uid, etag, body)
        return self._topics.image(uid)

    async def clear(self, session: Session, uid: str) -> None:
        """See that the broker retains none.

        Raises:
            DeliveryFailed: the broker did not acknowledge it.
        """
        if uid in session.images:
            await session.publish(self._topics.image(uid), b"", retain=True)
            del session.images[uid]

    def forget(self, uid: str) -> None:
        """The binding is gone."""
        self._failed.pop(uid, None)

    async def _read(self, uid: str, etag: str) -> bytes | None:
        failed, times = self._failed.get(uid, ("", 0))
        if failed == etag and times >= _TRIES:
            return None
        try:
            body = await self._host.image(uid)
        except OSError as exc:
            self._log.warning("image cannot be read for MQTT", binding=uid, error=str(exc))
            return None
        if body is not None and len(body) > self._most:
            self._failed[uid] = (etag, _TRIES)
            self._log.warning(
                "image is too large for MQTT and is left out",
                binding=uid,
                bytes=len(body),
                most=self._most,
            )
            return None
        return body

    async def _send(self, session: Session, uid: str, etag: str, body: bytes) -> None:
        try:
            await session.publish(
                self._topics.image(uid),
                body,
                retain=True,
                within=ACKNOWLEDGED_WITHIN + len(body) / _SLOWEST,
            )
        except DeliveryFailed:
            self._blame(uid, etag, len(body))
            raise
        session.images[uid] = etag
        self._failed.pop(uid, None)

    def _blame(self, uid: str, etag: str, size: int) -> None:
        """A broker that refuses large messages hangs up, and would do so for ever."""
        failed, times = self._failed.get(uid, ("", 0))
        times = times + 1 if failed == etag else 1
        self._failed[uid] = (etag, times)
        if times == _TRIES:
            self._log.warning(
                "the MQTT broker hung up at each try to send this image, which is left out now:"
                " perhaps it takes no messages of this size",
                binding=uid,
                bytes=size,
            )
