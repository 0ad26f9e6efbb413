"""Connects to a broker, and leaves nothing open behind, however that ends."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import aiomqtt

from repaintd.plugin import SecretUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from repaintd.plugin import Secret
    from repaintd_mqtt.settings import MqttSettings, TlsSettings

CONNECT_WITHIN: Final = 10.0
"""Seconds from the TCP connection to the broker's answer; the connection itself may take 5."""
_LEAVE_WITHIN: Final = 0.5
_STRAGGLE: Final = 6.0
_CREDENTIALS: Final = (4, 5, 134, 135)  # return codes of MQTT 3.1.1 and their MQTT 5 names


class Unreachable(Exception):
    """There is no connection. The message says why, and what to do where we know."""


@asynccontextmanager
async def connection(
    settings: MqttSettings,
    secret: Callable[[str], Secret],
    *,
    identifier: str,
    will: aiomqtt.Will | None = None,
    take: Callable[[aiomqtt.Message], None] | None = None,
) -> AsyncIterator[aiomqtt.Client]:
    """A client that the broker has accepted.

    Args:
        settings: of the plugin.
        secret: resolves references in user name and password.
        identifier: the client id; the broker drops whoever has it already.
        will: what the broker publishes when we are lost.
        take: is handed every message at once, and neither waits nor fails. So none is queued, and
            what the broker has retained for 10,000 bindings is read in a second or two.

    Raises:
        Unreachable: no connection within some 15 s.
    """
    client = aiomqtt.Client(
        settings.host,
        settings.tcp_port,
        username=_revealed(settings.username, secret),
        password=_revealed(settings.password, secret),
        identifier=identifier,
        clean_session=True,
        will=will,
        keepalive=settings.keep_alive,
        timeout=CONNECT_WITHIN,
        tls_context=await _trust(settings.tls),
        queue_type=_handed_to(take or _ignore),
        logger=_silent(),
    )
    await _enter(client, settings)
    try:
        yield client
    finally:
        await _leave(client)


def identifier_of(settings: MqttSettings) -> str:
    """The client id, the same after every restart."""
    if settings.client_id is not None:
        return settings.client_id
    return re.sub(r"[^A-Za-z0-9-]+", "-", f"{settings.prefix}-{socket.gethostname()}")[:128]


def _handed_to(take: Callable[[aiomqtt.Message], None]) -> type[asyncio.Queue[aiomqtt.Message]]:
    class Handed(asyncio.Queue[aiomqtt.Message]):
        def put_nowait(self, item: aiomqtt.Message) -> None:
            take(item)

    return Handed


def _ignore(message: aiomqtt.Message) -> None:
    """Nobody asked for any."""


def _silent() -> logging.Logger:
    """What paho and aiomqtt have to say is said by us, once."""
    logger = logging.getLogger("repaintd_mqtt.paho")
    logger.setLevel(logging.CRITICAL + 1)
    return logger


def _revealed(text: str | None, secret: Callable[[str], Secret]) -> str | None:
    if text is None:
        return None
    try:
        return secret(text).reveal()
    except SecretUnavailable as exc:
        raise Unreachable(str(exc)) from exc


async def _trust(tls: TlsSettings | None) -> ssl.SSLContext | None:
    """Read anew each time: certificates are renewed."""
    if tls is None:
        return None
    try:
        return await asyncio.to_thread(_context, tls)
    except OSError as exc:  # ssl.SSLError is one
        named = ", ".join(filter(None, (tls.ca, tls.cert, tls.key)))
        raise Unreachable(f"plugins.mqtt.tls: cannot use {named}: {exc}") from exc


class _Socket(ssl.SSLSocket):
    """paho leaves the socket of a failed handshake open."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def _context(tls: TlsSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca)
    context.sslsocket_class = _Socket
    if tls.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.cert is not None:
        context.load_cert_chain(tls.cert, tls.key)
    return context


async def _enter(client: aiomqtt.Client, settings: MqttSettings) -> None:
    entering = asyncio.create_task(client.__aenter__(), name="mqtt connect")
    try:
        await asyncio.shield(entering)
    except asyncio.CancelledError:
        # A thread connects and cannot be stopped; what it opens after us nobody would close.
        await asyncio.wait((entering,), timeout=_STRAGGLE)
        await _leave(client)  # first: aiomqtt closes nothing once it was cancelled
        entering.cancel()
        await asyncio.gather(entering, return_exceptions=True)
        raise
    except (aiomqtt.MqttError, OSError, ValueError) as exc:
        await _leave(client)
        raise Unreachable(_why(exc, settings)) from exc


async def _leave(client: aiomqtt.Client) -> None:
    """Also after a failed entry: aiomqtt keeps the socket of a broker that did not answer."""
    client.timeout = _LEAVE_WITHIN
    with suppress(aiomqtt.MqttError):
        await client.__aexit__(None, None, None)


def _why(error: Exception, settings: MqttSettings) -> str:
    code = getattr(error, "rc", None)
    if getattr(code, "value", code) in _CREDENTIALS:
        advice = "check plugins.mqtt.username and plugins.mqtt.password"
        return f"{settings.address} refuses user name or password ({error}); {advice}"
    if "SSL" in str(error) or "certificate" in str(error):
        return f"{settings.address}: no TLS connection: {error}; check plugins.mqtt.tls"
    return f"{settings.address}: {error or type(error).__name__}"
