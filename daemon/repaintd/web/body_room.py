"""How much memory the bodies of strangers may take, all together."""

from __future__ import annotations

from typing import Final

from repaintd.web.problem import later

MOST: Final = 64 * 1024 * 1024
SMALL: Final = 16 * 1024
"""A body up to this size is not counted: who fills the room keeps no ordinary trigger out."""


class BodyRoom:
    """Bytes of large bodies that are on their way or being dealt with.

    Attributes:
        held: just now.
    """

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self.held = 0

    def share(self) -> BodyShare:
        """What one request takes of it, nothing yet."""
        return BodyShare(self)


class BodyShare:
    """What one request takes of the room, until it is answered."""

    __slots__ = ("_held", "_room")

    def __init__(self, room: BodyRoom) -> None:
        self._room = room
        self._held = 0

    def hold(self, size: int) -> None:
        """Hold *size* bytes in all.

        Raises:
            Problem: there is no room for them.
        """
        if size <= SMALL:
            return
        more = size - self._held
        if self._room.held + more > self._room.most:
            raise later("Too many large bodies are on their way.", close=True)
        self._room.held += more
        self._held = size

    def give_back(self) -> None:
        """Hold nothing any more."""
        self._room.held -= self._held
        self._held = 0
