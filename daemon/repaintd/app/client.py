"""Talks to the running daemon, for the commands that need one."""

from __future__ import annotations

import http.client
import re
from contextlib import contextmanager, suppress
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

ANSWER_SECONDS: Final = 30.0
"""More than the daemon takes itself until it says that it cannot do it now."""
STREAM_SECONDS: Final = 60.0
"""Without a word for so long, a stream is dead: the daemon sends a heartbeat every 15 s."""
MOST_BYTES: Final = 16 * 1024 * 1024
"""Of an answer, and of one line of a stream: what is longer was not said by our daemon."""

_HERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (compared, not bound)
_KEY: Final = re.compile(r"[!-~]{1,512}")  # as the daemon takes it
_PIECE: Final = 64 * 1024
_JSON: Final = "json"
_STREAM: Final = "text/event-stream"
_STRANGER: Final = "what answers on the address of server.listen is no repaintd"


class DaemonSilent(RepaintdError):
    """No daemon answers where the configuration says, or not to the end."""


class DaemonRefused(RepaintdError):
    """The daemon answered with an error.

    Attributes:
        status: of the response.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of `/events`.

    Attributes:
        id: where to go on behind it; "" where it names no place.
        name: of the event, or `reset`; "" where it only names the place.
        body: the document as it was sent.
    """

    id: str = ""
    name: str = ""
    body: str = ""


class DaemonClient:
    """Asks the daemon of one configuration, with its key.

    Every method raises `DaemonSilent`, or `DaemonRefused` with what the daemon says.
    """

    def __init__(self, configuration: Configuration, environ: Mapping[str, str]) -> None:
        self._configuration = configuration
        self._environ = environ
        self._host, self._port = address(configuration)

    def refresh(self, uid: str, wait: int) -> dict[str, Any]:
        """Trigger a refresh; with *wait* seconds, its outcome if it ends within them."""
        query = f"?wait={wait}" if wait else ""
        path = f"/bindings/{_segment(uid)}/refresh{query}"
        return self._call("POST", path, wait + ANSWER_SECONDS)

    def explain(self, uid: str) -> dict[str, Any]:
        """Why a binding did or did not refresh."""
        return self._call("GET", f"/bindings/{_segment(uid)}/explain")

    def active_configuration(self, after: str) -> dict[str, Any]:
        """The page of the daemon's configuration behind binding *after* (`app.plan_active`)."""
        return self._call("GET", f"/-/config?{urlencode({'after': after})}")

    def deliveries(
        self, *, failed: bool, subscription: str | None, limit: int
    ) -> list[dict[str, Any]]:
        """The latest attempts to deliver, latest first."""
        query = {"limit": str(limit)}
        query |= {"failed": "true"} if failed else {}
        query |= {"subscription": subscription} if subscription is not None else {}
        answer = self._call("GET", f"/deliveries?{urlencode(query)}")
        found: list[dict[str, Any]] = answer["deliveries"]
        return found

    def replay(self, name: str) -> int:
        """Deliver again what has this delivery or event id; how many deliveries that makes."""
        queued: int = self._call("POST", f"/deliveries/{_segment(name)}/replay")["queued"]
        return queued

    def resume(self, uid: str) -> None:
        """Make a subscription active again that was given up."""
        self._call("POST", f"/webhook-subscriptions/{_segment(uid)}/resume")

    def trigger(self, uid: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        """Send a trigger, as anybody would: without the key."""
        path = f"/webhooks/{_segment(uid)}"
        with self._answer("POST", path, headers, body, ANSWER_SECONDS) as response:
            return _document(response)

    def events(self, query: Sequence[tuple[str, str]]) -> Iterator[Message]:
        """The stream of events, until the daemon ends it."""
        path, key = f"/events?{urlencode(query)}", self._authorisation()
        with self._answer("GET", path, key, None, STREAM_SECONDS) as response:
            if response.status != HTTPStatus.OK:
                self._with_key(response)
            if response.headers.get_content_type() != _STREAM:
                raise DaemonRefused(_STRANGER, response.status)
            yield from _messages(response)

    def _call(self, method: str, path: str, seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
        with self._answer(method, path, self._authorisation(), None, seconds) as response:
            return self._with_key(response)

    def _authorisation(self) -> dict[str, str]:
        key = find_key(self._configuration, self._environ)
        if key is None:
            return {}
        if not _KEY.fullmatch(key.reveal()):
            raise RepaintdError(
                "the API key that is configured here can be none: a key is visible ASCII, 512 "
                "characters at most; look at REPAINTD_API_KEY and server.apiKeys"
            )
        return {"Authorization": f"Bearer {key.reveal()}"}

    def _with_key(self, response: http.client.HTTPResponse) -> dict[str, Any]:
        """The answer to who has a key, or thinks so."""
        try:
            return _document(response)
        except DaemonRefused as refused:
            if refused.status != HTTPStatus.UNAUTHORIZED:
                raise
            raise DaemonRefused(
                f"the daemon on {self._host}:{self._port} does not take this command's API key; "
                "run this as the daemon's user, with the same configuration and state directory, "
                "or set REPAINTD_API_KEY to one of its keys",
                refused.status,
            ) from refused

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
            _send(connection, method, path, body, headers)
            yield connection.getresponse()
        except TimeoutError as error:
            raise DaemonSilent(
                f"what listens on {self._host}:{self._port} said nothing for {seconds:.0f} s; "
                "look into the daemon's log"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "strerror", None) or "the connection broke off"
            raise DaemonSilent(
                f"no daemon answers on {self._host}:{self._port} ({why}); "
                "start it with `repaintd run`, or name its configuration with --config"
            ) from error
        finally:
            connection.close()


def address(configuration: Configuration) -> tuple[str, int]:
    """Where the daemon of this configuration is reached from the machine that it runs on."""
    server = configuration.settings.server
    return _HERE.get(server.host, server.host), server.port


def _send(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None,
    headers: Mapping[str, str],
) -> None:
    encoded: dict[str, Any] = {name: value.encode() for name, value in headers.items()}
    try:
        # Who refuses a body does not read it to its end: the answer may be there all the same.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, path, body=body, headers=encoded)
    except ValueError:  # its message holds the value
        raise RepaintdError(
            "the secret holds a line break or such, which no header can carry; choose another"
        ) from None


def _segment(text: str) -> str:
    return quote(text, safe="")


def _document(response: http.client.HTTPResponse) -> dict[str, Any]:
    """The answer as JSON.

    Raises:
        DaemonRefused: it is an error, or not from a repaintd.
    """
    document: Any = None
    if response.headers.get_content_subtype().rpartition("+")[2] == _JSON:
        with suppress(orjson.JSONDecodeError):
            document = orjson.loads(response.read(MOST_BYTES))
    if not isinstance(document, dict):
        raise DaemonRefused(_STRANGER, response.status)
    if response.status >= HTTPStatus.BAD_REQUEST:
        raise DaemonRefused(str(document.get("detail", response.reason)), response.status)
    return document


def _messages(response: http.client.HTTPResponse) -> Iterator[Message]:
    """Server-sent events, as far as our daemon uses the format (HTML standard, section 9.2)."""
    fields: dict[str, str] = {}
    for line in _lines(response):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if line:
            fields[name] = f"{fields[name]}\n{value}" if name in fields else value
            continue
        if fields.keys() - {""}:
            yield Message(
                id=fields.get("id", ""), name=fields.get("event", ""), body=fields.get("data", "")
            )
        fields = {}


def _lines(response: http.client.HTTPResponse) -> Iterator[str]:
    """Its lines as they come; not by `readline`, which takes a broken connection for the end."""
    rest = b""
    while piece := response.read1(_PIECE):
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > MOST_BYTES:
            raise DaemonRefused(_STRANGER, response.status)
        yield from (line.decode("utf-8", "replace").removesuffix("\r") for line in lines)
