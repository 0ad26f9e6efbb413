"""All that is retained of one binding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repaintd.plugin import DeliveryFailed
from repaintd_mqtt.documents import discovery_document, state_document, versioned

if TYPE_CHECKING:
    from repaintd.plugin import Host, View
    from repaintd_mqtt.images import Images
    from repaintd_mqtt.session import Session
    from repaintd_mqtt.settings import HomeAssistantSettings
    from repaintd_mqtt.state_size import StateSize
    from repaintd_mqtt.topics import Topics


class Notices:
    """Tells the broker of a binding, or clears what it retains of one.

    Attributes:
        size: how large a state the broker takes.
    """

    def __init__(
        self,
        host: Host,
        topics: Topics,
        images: Images,
        home_assistant: HomeAssistantSettings | None,
        size: StateSize,
    ) -> None:
        self.size = size
        self._host = host
        self._topics = topics
        self._images = images
        self._home_assistant = home_assistant

    async def tell(self, session: Session, view: View) -> None:
        """See that the broker retains what is so now.

        The state comes last: whoever reads an etag there finds that image at the broker.

        Raises:
            DeliveryFailed: the broker did not acknowledge all of it.
        """
        uid, image = view.binding.uid, view.state.image
        url = self._host.image_url(view.binding) if image else None
        await session.retain(self._topics.discovery(uid), self._device(view))
        image_topic = await self._images.show(session, view)
        shown = versioned(url, image.etag).encode() if url and image and self._by_url else b""
        await session.retain(self._topics.image_url(uid), shown)
        state = state_document(view, image_url=url, image_topic=image_topic, most=self.size.most)
        try:
            await session.retain(self._topics.state(uid), state)
        except DeliveryFailed:
            self.size.failed(session, len(state))
            raise

    async def clear(self, session: Session, uid: str) -> None:
        """See that the broker retains nothing of it.

        Raises:
            DeliveryFailed: the broker did not acknowledge all of it.
        """
        topics = self._topics
        await session.retain(topics.discovery(uid), b"")
        await self._images.clear(session, uid)
        self._images.forget(uid)
        for topic in (topics.image_url(uid), topics.state(uid)):
            await session.retain(topic, b"")

    @property
    def filters(self) -> tuple[str, ...]:
        """Where something may be retained already."""
        return self._topics.retained

    def unlearn_device(self, session: Session, uid: str) -> None:
        """Have the device announced again the next time it is told of."""
        if self._home_assistant is not None:
            session.unlearn(self._topics.discovery(uid))

    @property
    def _by_url(self) -> bool:
        return self._home_assistant is not None and self._home_assistant.images == "url"

    def _device(self, view: View) -> bytes:
        if self._home_assistant is None:
            return b""
        kind = None if self._by_url else view.binding.output.format.media_type
        return discovery_document(view, self._topics, bytes_as=kind)
