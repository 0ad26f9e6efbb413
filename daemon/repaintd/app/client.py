"""Talks to the running daemon, for the commands that need one."""

from __future__ import annotations

import http.client
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

import orjson

from repaintd.app.keys import find_key
from repaintd.errors import RepaintdError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from repaintd.config import Configuration
    from repaintd.core.secret import Secret

ANSWER_SECONDS: Final = 10.0
STREAM_SECONDS: Final = 60.0
"""Without a word for so long, a stream is dead: the daemon sends a heartbeat every 15 s."""
_HERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (compared, not bound)


class DaemonSilent(RepaintdError):
    """No daemon answers where the configuration says."""


class DaemonRefused(RepaintdError):
    """The daemon answered with an error.

    Attributes:
        status: of the response.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamedEvent:
    """One message of `/events`; *body* is the event's document as it was sent."""

    id: str
    name: str
    body: str


class DaemonClient:
    """Asks the daemon of one configuration, with its key."""

    def __init__(self, configuration: Configuration, environ: Mapping[str, str]) -> None:
        self._configuration = configuration
        self._environ = environ
        server = configuration.settings.server
        self._host, self._port = _HERE.get(server.host, server.host), server.port

    def refresh(self, uid: str, wait: int) -> dict[str, Any]:
        """Trigger a refresh; with *wait* seconds, its outcome if it ends within them."""
        query = f"?wait={wait}" if wait else ""
        return self._call("POST", f"/bindings/{quote(uid)}/refresh{query}", wait + ANSWER_SECONDS)

    def deliveries(
        self, *, failed: bool, subscription: str | None, limit: int
    ) -> list[dict[str, Any]]:
        """The latest attempts to deliver, latest first."""
        query = {"limit": str(limit)}
        query |= {"failed": "true"} if failed else {}
        query |= {"subscription": subscription} if subscription else {}
        found: list[dict[str, Any]] = self._call("GET", f"/deliveries?{urlencode(query)}")[
            "deliveries"
        ]
        return found

    def replay(self, name: str) -> int:
        """Deliver again what has this delivery or event id; how many deliveries that makes."""
        queued: int = self._call("POST", f"/deliveries/{quote(name)}/replay")["queued"]
        return queued

    def resume(self, uid: str) -> None:
        """Make a subscription active again that was given up."""
        self._call("POST", f"/webhook-subscriptions/{quote(uid)}/resume")

    def trigger(self, uid: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        """Send a trigger, as anybody would: without the key."""
        path = f"/webhooks/{quote(uid)}"
        with self._answer("POST", path, headers, body, ANSWER_SECONDS) as response:
            return _document(response)

    def events(self, query: Sequence[tuple[str, str]]) -> Iterator[StreamedEvent]:
        """The stream of events, until the daemon ends it."""
        path = f"/events?{urlencode(query)}"
        with self._answer("GET", path, self._authorisation(), None, STREAM_SECONDS) as response:
            if response.status != HTTPStatus.OK:
                _document(response)
            yield from _messages(response)

    def _call(self, method: str, path: str, seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
        with self._answer(method, path, self._authorisation(), None, seconds) as response:
            return _document(response)

    def _authorisation(self) -> dict[str, str]:
        key: Secret | None = find_key(self._configuration, self._environ)
        return {} if key is None else {"Authorization": f"Bearer {key.reveal()}"}

    @contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
        seconds: float,
    ) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=seconds)
        try:
            connection.request(method, path, body=body, headers=dict(headers))
            yield connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise DaemonSilent(
                f"no daemon answers on {self._host}:{self._port} ({error or 'no answer'}); "
                "start it with `repaintd run`, or name its configuration with --config"
            ) from error
        finally:
            connection.close()


def _document(response: http.client.HTTPResponse) -> dict[str, Any]:
    """The answer as JSON.

    Raises:
        DaemonRefused: it is an error, or not from a repaintd.
    """
    try:
        document = orjson.loads(response.read())
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise DaemonRefused("what answers there is not repaintd", response.status)
    if response.status >= HTTPStatus.BAD_REQUEST:
        raise DaemonRefused(str(document.get("detail", response.reason)), response.status)
    return document


def _messages(lines: Iterator[bytes] | http.client.HTTPResponse) -> Iterator[StreamedEvent]:
    """Server-sent events, as far as our daemon uses the format (HTML standard, section 9.2)."""
    fields: dict[str, list[str]] = {}
    for line in lines:
        text = line.decode().rstrip("\r\n")
        if text:
            name, _, value = text.partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))
        elif "data" in fields:
            yield StreamedEvent(
                id="".join(fields.get("id", ())),
                name="".join(fields.get("event", ())),
                body="\n".join(fields["data"]),
            )
            fields = {}
        else:
            fields = {}
