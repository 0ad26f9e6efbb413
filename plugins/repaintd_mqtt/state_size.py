"""How large a state the broker takes."""

from __future__ import annotations

from typing import Any, Final

from repaintd_mqtt.documents import STATE_MOST

_TRIES: Final = 3
_HARMLESS: Final = 1024  # bytes that every broker takes


class StateSize:
    """Learns it the hard way: a broker that refuses a large message just hangs up, every time.

    Attributes:
        most: bytes; larger states go without their variables.
    """

    def __init__(self, log: Any) -> None:
        self._log = log
        self._session: object = None
        self._lost = 0  # connections in a row while states were on their way
        self._largest = 0
        self.most = STATE_MOST

    def failed(self, session: object, size: int) -> None:
        """A state of so many bytes was on its way when the connection of *session* was lost."""
        if session is not self._session:
            self._session = session
            self._lost += 1
            self._largest = 0
        self._largest = max(self._largest, size)
        if self._lost >= _TRIES and _HARMLESS < self._largest <= self.most:
            self.most = self._largest - 1
            self._lost = 0
            self._log.warning(
                "the MQTT broker hung up at each try to send this state: from this size on, states"
                " go without their variables now; perhaps it takes no messages of this size",
                bytes=self._largest,
            )

    def passed(self) -> None:
        """All states are told, and the connection holds."""
        self._lost = 0
