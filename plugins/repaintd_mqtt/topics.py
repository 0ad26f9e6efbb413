"""The topics by name, and back."""

from __future__ import annotations

import hashlib
import re
from typing import Final

ONLINE: Final = b"online"
OFFLINE: Final = b"offline"

_UID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_DEFAULT_PREFIX: Final = "repaintd"
_DOT: Final = "Dot"
"""For the dots of uids, which Home Assistant takes in no topic; uids have no capital letters."""


class Topics:
    """Every topic of one daemon.

    Args:
        prefix: the first levels of our own topics.
        home_assistant: Home Assistant's discovery prefix.
    """

    def __init__(self, prefix: str, home_assistant: str) -> None:
        self._bindings = f"{prefix}/bindings/"
        self._devices = f"{home_assistant}/device/"
        self.status: Final = f"{prefix}/status"
        self.daemon_event: Final = f"{prefix}/event"
        self.commands: Final = f"{self._bindings}+/refresh"
        self.home_assistant: Final = f"{home_assistant}/status"
        self.retained: Final = (
            f"{self._bindings}+/state",
            f"{self._bindings}+/image-url",
            f"{self._devices}+/config",
        )
        """Where an earlier run may have left something; images are too large to look."""
        # Two daemons at one broker, each with its prefix, may have bindings of the same uid.
        mark = hashlib.blake2b(prefix.encode(), digest_size=4).hexdigest()
        self._node = "repaintd_" if prefix == _DEFAULT_PREFIX else f"repaintd-{mark}_"

    def event(self, uid: str) -> str:
        """Events of a binding; of the daemon itself for ""."""
        return f"{self._bindings}{uid}/event" if uid else self.daemon_event

    def state(self, uid: str) -> str:
        """What a binding is, as JSON; retained."""
        return f"{self._bindings}{uid}/state"

    def image(self, uid: str) -> str:
        """The image's bytes; retained."""
        return f"{self._bindings}{uid}/image"

    def image_url(self, uid: str) -> str:
        """The image's URL, another one for each image; retained."""
        return f"{self._bindings}{uid}/image-url"

    def refresh(self, uid: str) -> str:
        """Where a message is a trigger."""
        return f"{self._bindings}{uid}/refresh"

    def device(self, uid: str) -> str:
        """The binding's name among all devices of Home Assistant."""
        return self._node + uid.replace(".", _DOT)

    def discovery(self, uid: str) -> str:
        """Where Home Assistant finds the device; retained."""
        return f"{self._devices}{self.device(uid)}/config"

    def uid_of(self, topic: str, leaf: str) -> str | None:
        """The binding that *topic* belongs to, when it is a binding's and ends in *leaf*."""
        if topic.startswith(self._bindings) and topic.endswith(f"/{leaf}"):
            return _valid(topic[len(self._bindings) : -len(leaf) - 1])
        return None

    def uid_of_device(self, topic: str) -> str | None:
        """The binding that is announced there, when it is one of ours."""
        begin = self._devices + self._node
        if topic.startswith(begin) and topic.endswith("/config"):
            return _valid(topic[len(begin) : -len("/config")].replace(_DOT, "."))
        return None


def _valid(uid: str) -> str | None:
    return uid if _UID.fullmatch(uid) else None
