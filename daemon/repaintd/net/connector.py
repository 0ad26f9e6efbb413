"""Connections with the bounds that aiohttp leaves open."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

from aiohttp import ClientPayloadError, TCPConnector
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ConnectionKey

MOST_INTERIM: Final = 16
MOST_IDLE_HOSTS: Final = 512

_FIRST_FINAL_STATUS: Final = 200
_BAD_GATEWAY: Final = 502


class BoundedHandler(ResponseHandler):
    """Refuses floods of interim responses and answers to no question; a broken body stays broken.

    Its methods are those that aiohttp calls; tests hold this class to what they do.
    """

    _interim = 0
    _asked = False

    def set_response_params(self, **params: Any) -> None:
        """Get ready for one answer."""
        self._asked = True
        super().set_response_params(**params)

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Take one parsed response head."""
        if not self._asked:
            # Kept, it would be taken for the answer to the next question on this connection.
            self._hang_up()
            return
        if data[0].code >= _FIRST_FINAL_STATUS:
            self._interim = 0
            self._asked = False
        else:
            # Read and thrown away by the waiting side, as fast as they come: so count them.
            self._interim += 1
            if self._interim > MOST_INTERIM:
                self._refuse()
                return
        super().feed_data(data, size)

    def _refuse(self) -> None:
        if self._exception is None:
            message = f"More than {MOST_INTERIM} interim responses"
            self.set_exception(HttpProcessingError(code=_BAD_GATEWAY, message=message))
        self._hang_up()

    def _hang_up(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """Fail the body too: after a bad chunk, aiohttp alone leaves its reader to wait."""
        self._break_body()
        super().set_exception(exc, *cause)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Fail a body that was reset: aiohttp alone takes one without a length for whole."""
        if exc is not None:
            self._break_body()
        super().connection_lost(exc)

    def _break_body(self) -> None:
        body = self._payload
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(ClientPayloadError("the connection broke"))


class BoundedConnector(TCPConnector):
    """Keeps idle connections to at most so many hosts, for file descriptors are finite.

    `_factory` and `_release` are aiohttp's own; tests hold this class to what they do.
    """

    def __init__(self, *, most_idle_hosts: int = MOST_IDLE_HOSTS, **options: Any) -> None:
        super().__init__(**options)
        self._most_idle_hosts = most_idle_hosts
        # a partial of a subclass is what the attribute's invariant type cannot say
        self._factory = functools.partial(BoundedHandler, loop=self._loop)  # type: ignore[assignment]

    def _release(
        self, key: ConnectionKey, protocol: ResponseHandler, *, should_close: bool = False
    ) -> None:
        crowded = len(self._conns) >= self._most_idle_hosts and key not in self._conns
        super()._release(key, protocol, should_close=should_close or crowded)
