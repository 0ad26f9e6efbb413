"""Sorts what the broker sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repaintd_mqtt.topics import ONLINE

if TYPE_CHECKING:
    import aiomqtt

    from repaintd_mqtt.commands import Commands
    from repaintd_mqtt.mirror import Mirror
    from repaintd_mqtt.session import Session
    from repaintd_mqtt.topics import Topics


class Incoming:
    """Takes every message; nothing here waits or fails."""

    def __init__(self, topics: Topics, commands: Commands, mirror: Mirror) -> None:
        self._topics = topics
        self._commands = commands
        self._mirror = mirror

    def take(self, session: Session, message: aiomqtt.Message) -> None:
        """Sort one message. A retained command would come again at each connect: ignored."""
        topic = message.topic.value
        if topic.endswith("/refresh"):
            if not message.retain:
                self._commands.want(self._topics.uid_of(topic, "refresh"))
        elif topic == self._topics.home_assistant:
            if message.payload == ONLINE and not message.retain:
                self._mirror.announce_again(session)
        elif message.retain and self._is_ours(topic):
            session.learn(topic, message.payload)

    def _is_ours(self, topic: str) -> bool:
        return bool(
            self._topics.uid_of(topic, "state")
            or self._topics.uid_of(topic, "image-url")
            or self._topics.uid_of_device(topic)
        )
